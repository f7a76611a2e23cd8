"""Faults, deaths, stops, clock jumps and people at the ERP, in any order: the invariants hold in every story."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.faults import chance
from tests.faults.driving import PLANTED, Planted, Tally
from tests.faults.plant import Template
from tests.guarantees import guarantees

Place = Callable[[], Path]
SEEDS: Final = range(6)
ENOUGH: Final = 30  # stories in which a wrong worker must have been found


@guarantees("P4.one_effect", "P4.unknown", "P4.stale", "P4.table", "P10.survives")
async def test_in_every_story_each_proposal_has_one_effect_at_most_and_a_state_that_is_true(
    template: Template, place: Place
) -> None:
    """Seeded, so a story that goes wrong can be told again; the runner tells hundreds."""
    total = Tally()
    for seed in SEEDS:
        total.add(await chance.told(template, place(), seed))
    assert total.wrongs == []
    assert (total.duplicates, total.lost, total.lies) == (0, 0, 0)
    assert total.schedules == 3 * len(SEEDS)
    assert {"COMMITTED", "NOT_APPLIED"} <= set(total.states)


@guarantees("P4.one_effect", "P4.unknown")
@pytest.mark.parametrize("planted", PLANTED)
async def test_a_worker_that_is_wrong_is_found(template: Template, place: Place, planted: Planted) -> None:
    """Stories that find nothing in a worker which resends or gives up would prove nothing of ours."""
    for seed in range(ENOUGH):
        if (await chance.told(template, place(), seed, planted=planted)).wrongs:
            return
    raise AssertionError(f"{planted} was not found in {ENOUGH} stories")
