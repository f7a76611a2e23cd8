"""Whatever chance does with proposals, people, policies, workers and the ERP, the gateway is where its model is."""

from __future__ import annotations

import pytest

from erp_mcp.store.state import limits
from tests.guarantees import guarantees
from tests.model.__main__ import furnished, play
from tests.model.machine import Everything
from tests.prepared import DemoPlant

STORIES = 10


@pytest.fixture(scope="module", autouse=True)
def stock(demo_plant: DemoPlant, tmp_path_factory: pytest.TempPathFactory) -> object:
    """One plant, put back to its beginning for each story."""
    with furnished(demo_plant(tmp_path_factory.mktemp("model") / "plant")):
        yield Everything.stock


@guarantees(
    *("P4.one_effect", "P4.unknown", "P4.stale", "P4.turned_away", "P4.limits", "P4.kill_switch", "P4.undo"),
    *("P3.people_commit", "P3.not_stricter", "P3.expires", "P5.moves_proved", "P10.survives"),
)
def test_whatever_chance_does_ends_as_the_model_says() -> None:
    """The same stories each time; `python -m tests.model` plays as many others as it is given time for."""
    seen = play(STORIES, shrinks=False)
    assert seen["steps"] > 100
    assert {"COMMITTED", "died"} <= {name for name, count in seen.items() if count}


@guarantees("P4.limits")
def test_the_model_sees_a_limit_that_is_not_counted_again_when_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that can't fail proves nothing."""
    monkeypatch.setattr(limits, "check_proposed", lambda *_: None)
    with pytest.raises(AssertionError):
        play(STORIES, shrinks=False)
