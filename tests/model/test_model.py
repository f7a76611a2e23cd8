"""Whatever chance does with proposals, people, policies, workers and the ERP, the gateway is where its model is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.store.state import limits
from tests.guarantees import guarantees
from tests.model.machine import Everything
from tests.model.playing import play, played_on
from tests.model.terms import Mishap
from tests.prepared import DemoPlant
from tests.systems.postgresql.server import running
from tests.torture.homes import FileHome, schema_home
from tests.torture.plant import Kit, prepared

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


@guarantees("P4.limits")
@pytest.mark.usefixtures("in_a_file")
def test_the_model_sees_a_limit_that_is_not_counted_again_when_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that can't fail proves nothing."""
    monkeypatch.setattr(limits, "check_proposed", lambda *_: None)
    with pytest.raises(AssertionError):
        play(STORIES, shrinks=False)
