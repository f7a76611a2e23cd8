"""Whatever goes wrong between worker and ERP, before the effect or after it: one effect at most, and a true state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from erp_mcp.testing.fake_erp import ErpFault
from tests.faults import matrix
from tests.faults.driving import playing
from tests.faults.erp import Plan
from tests.faults.matrix import Spot
from tests.faults.plant import TOOLS, Template
from tests.guarantees import guarantees

Place = Callable[[], Path]


@guarantees("P4.one_effect", "P4.unknown", "P4.table", "P10.outage")
@pytest.mark.parametrize("spot", matrix.SPOTS)
async def test_a_fault_of_any_kind_at_any_place_ends_in_a_state_that_is_true(
    template: Template, place: Place, spot: Spot
) -> None:
    """Each kind, with the effect and without, for one request, two or three; the runner plays all of them."""
    chosen = matrix.some(spot)
    tally = await matrix.play(template, place(), chosen)
    assert tally.wrongs == []
    assert (tally.duplicates, tally.lost, tally.lies) == (0, 0, 0)
    assert tally.schedules == len(chosen) == 18


@guarantees("P4.unknown", "P4.one_effect")
async def test_what_nobody_can_find_out_for_a_day_is_handed_to_a_person(template: Template, place: Place) -> None:
    """The answer is lost and the ERP never tells again: it stays unknown, and is neither given up nor sent again."""
    chosen = [template.contents[tool][number] for tool in TOOLS for number in range(2)]
    async with playing(template, place(), chosen) as play:
        for number, content in enumerate(chosen):
            finds = dict.fromkeys(range(2, 1000), ErpFault("html"))
            play.line.plan(content, Plan(sends={1: ErpFault("cut", commits=bool(number % 2))}, finds=finds))
        for _ in range(6):
            await play.work_off()
            play.clock.pass_by(310)
        assert {play.stand(content)[0] for content in chosen} == {"UNKNOWN"}
        play.clock.pass_by(86_400)
        await play.until_end()
        assert {play.stand(content) for content in chosen} == {("NEEDS_HUMAN", "unknown_for_too_long")}
        assert [len(play.line.effects(content)) for content in chosen] == [0, 1, 0, 1]
        assert [play.line.sends_of(content) for content in chosen] == [1, 1, 1, 1]
        assert play.wrongs() == []
