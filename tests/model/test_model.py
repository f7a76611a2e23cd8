"""Whatever chance does with proposals, people, policies, workers and the ERP, the gateway is where its model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from erp_mcp.store.state import limits
from tests.guarantees import guarantees
from tests.model.machine import Everything
from tests.model.playing import play, played_on
from tests.model.terms import GLASS_OF, OWNER, REVIEW_S, REVIEWERS, Mishap
from tests.prepared import DemoPlant
from tests.systems.postgresql.server import running
from tests.torture.homes import FileHome, schema_home
from tests.torture.plant import Kit, prepared
from tests.writes.desk import APPROVERS

STORIES = 10


@pytest.fixture(scope="module")
def kit(demo_plant: DemoPlant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    """One plant, put back to its beginning for each story."""
    one = prepared(demo_plant(tmp_path_factory.mktemp("model") / "plant"))
    yield one
    one.close()


@pytest.fixture
def in_a_file(kit: Kit) -> Iterator[None]:
    """The state in a file."""
    with played_on(kit, FileHome(kit.settings.state_dir)):
        yield


@pytest.fixture
def on_postgresql(kit: Kit, tmp_path: Path) -> Iterator[None]:
    """The state in a schema."""
    with running(tmp_path) as rig, schema_home(rig, kit.settings.deployment) as home, played_on(kit, home):
        yield


@guarantees(
    *("P4.one_effect", "P4.unknown", "P4.stale", "P4.turned_away", "P4.limits", "P4.kill_switch", "P4.undo"),
    *("P3.people_commit", "P3.not_stricter", "P3.expires", "P5.moves_proved", "P10.survives", "P10.saga"),
)
@pytest.mark.usefixtures("in_a_file")
def test_whatever_chance_does_ends_as_the_model_says() -> None:
    """The same stories each time; `python -m tests.model` plays as many others as it is given time for."""
    seen = play(STORIES, shrinks=False)
    assert seen["steps"] > 100
    assert {"COMMITTED", "died"} <= {name for name, count in seen.items() if count}


@pytest.mark.live
@guarantees("P4.two_stores", "P4.one_effect", "P4.stale", "P4.limits", "P10.survives")
@pytest.mark.usefixtures("on_postgresql")
def test_whatever_chance_does_ends_so_on_the_other_store_too() -> None:
    """Other stories than on a file."""
    seen = play(STORIES // 3, begin=2, shrinks=False)
    assert seen["steps"] > 50
    assert seen["COMMITTED"] > 0


@guarantees("P10.saga", "P4.one_effect", "P10.survives")
@pytest.mark.usefixtures("in_a_file")
@pytest.mark.parametrize(
    ("mishap", "after", "die_at", "end"),
    [
        ("limited_after", 1, "after_begin", "COMMITTED"),
        ("refuse", 3, "after_compensate", "COMPENSATED"),
        ("cut_before", 2, "taken_reconciling", "COMPENSATED"),
        ("refuse_on", 2, "", "COMPENSATION_STUCK"),
    ],
)
def test_a_saga_ends_in_each_way_as_the_model_says(mishap: Mishap, after: int, die_at: str, end: str) -> None:
    """It goes through, is taken back or gets stuck, also where its worker dies; chance does not come to all of it."""
    story = Everything()
    story.begin(line=0, procures=True)
    for seconds in (1, 6):
        story.work_and_die(mishap=mishap, after=after, die_at=die_at, line=0)
        story.all_of_it_holds()
        story.wait(seconds)
    story.teardown()
    assert [one.state for one in story.model.all if one.tool == "saga"] == [end]


def turned_away_and_done(story: Everything) -> None:
    """The ERP turns a request away and carries it out all the same."""
    story._decide(0, APPROVERS[0], yes=True)
    story.work_on_a_bad_day(mishap="limited_after", after=0, line=0)
    story.wait(301)
    story.work()


def granted_no_more(story: Everything) -> None:
    story._decide(0, APPROVERS[0], yes=True)
    story.apply_a_policy("no_dates")
    story.work()


def taken_back_twice(story: Everything) -> None:
    story._decide(0, APPROVERS[0], yes=True)
    story.work()
    story.take_back(number=6)
    story.take_back(number=6)


def broken(story: Everything) -> None:
    """Two break the glass, and the worker dies of it once."""
    story.break_the_glass(number=1, people=list(GLASS_OF), says_why=True, not_now=False)
    story.work_and_die(mishap="", after=0, die_at="answered", line=0)
    story.wait(301)
    story.work()


def broken_and_withdrawn(story: Everything) -> None:
    """Before it is sent, an administrator applies a policy that has no glass."""
    story.break_the_glass(number=1, people=list(GLASS_OF), says_why=True, not_now=False)
    story.apply_a_policy("no_glass")
    story.work()


def broken_by_one(story: Everything) -> None:
    """By one of the two and, as much as they like, by the owner; then one alone who says no reason."""
    story.break_the_glass(number=1, people=[GLASS_OF[0], OWNER, GLASS_OF[0]], says_why=True, not_now=False)
    story.break_the_glass(number=1, people=[GLASS_OF[1]], says_why=False, not_now=False)
    story.work()


def overdue(story: Everything) -> None:
    """Nobody looks at the first in time: the second glass stays whole until somebody has."""
    story.break_the_glass(number=1, people=list(GLASS_OF), says_why=True, not_now=False)
    story.work()
    story.wait(REVIEW_S)
    story.ask_for_a_date(line=1, days=1, who="")
    story.break_the_glass(number=1, people=list(GLASS_OF), says_why=True, not_now=False)
    story.work()
    story.review(number=1, who=REVIEWERS[1])  # one of the two
    story.review(number=1, who=REVIEWERS[0])
    story.break_the_glass(number=1, people=list(GLASS_OF), says_why=True, not_now=False)
    story.work()


@guarantees("P3.break_glass", "P3.people_commit", "P3.not_stricter", "P4.turned_away", "P4.undo")
@pytest.mark.usefixtures("in_a_file")
@pytest.mark.parametrize(
    ("told", "ends"),
    [
        (turned_away_and_done, ["COMMITTED"]),
        (granted_no_more, ["DENIED"]),
        (taken_back_twice, ["COMMITTED", "EXPIRED"]),
        (broken, ["COMMITTED"]),
        (broken_and_withdrawn, ["DENIED"]),
        (broken_by_one, ["EXPIRED"]),
        (overdue, ["COMMITTED", "COMMITTED"]),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_chance_seldom_comes_to_ends_as_the_model_says(
    told: Callable[[Everything], None], ends: Sequence[str]
) -> None:
    """Gateway and model go side by side, and both end where a person would say."""
    story = Everything()
    story.begin(line=0, procures=False)
    try:
        told(story)
        story.all_of_it_holds()
    finally:
        story.teardown()
    assert [one.state for one in story.model.all] == ends


@guarantees("P4.limits")
@pytest.mark.usefixtures("in_a_file")
def test_the_model_sees_a_limit_that_is_not_counted_again_when_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that can't fail proves nothing."""
    monkeypatch.setattr(limits, "check_proposed", lambda *_: None)
    with pytest.raises(AssertionError):
        play(STORIES, shrinks=False)
