"""What is worked out ahead of time, over random plants: always what the whole question would find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.catalog.registry import Catalog
from erp_mcp.domain.decision import Mask
from tests.guarantees import guarantees
from tests.unit.analyses.random_plant import READ, SCOPES, Questions, RandomPlant
from tests.unit.projections.small_plant import shipped

_PEGGED: Final = [one for one in READ if one not in {"goods_receipt", "supplier_invoice", "inspection_lot"}]
_QUESTIONS: Final[Questions] = (
    ("list_shortages", {"horizon_days": 30}),
    ("list_shortages", {"horizon_days": 2, "procurement": "buy"}),
    ("rank_expedite_candidates", {"impact": "any"}),
    ("rank_expedite_candidates", {"horizon_days": 5}),
    ("get_plant_briefing", {}),
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return shipped()


@pytest.fixture
def make(tmp_path: Path, catalog: Catalog) -> Iterator[Callable[[int], RandomPlant]]:
    made: list[RandomPlant] = []

    def one(seed: int) -> RandomPlant:
        made.append(RandomPlant(tmp_path / f"{len(made)}.sqlite", seed, catalog))
        return made[-1]

    yield one
    for plant in made:
        plant.close()


@guarantees("P7.worked_out_ahead")
@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_the_answer_is_that_of_the_whole_question(
    make: Callable[[int], RandomPlant], seed: int
) -> None:
    """Before anything is worked out, half way through (as after a crash), and with everything clean."""
    plant = make(seed)
    plant.change(150)
    for _ in range(3):
        assert plant.alike(_QUESTIONS) > 0
        plant.work_out(limit=3, batches=2)
        plant.alike(_QUESTIONS)
        plant.work_out()
        assert plant.alike(_QUESTIONS) > 0
        plant.change(plant.chance.choice([1, 1, 8]))


_OPEN_VALUE: Final = Mask(field="sales_order_line.open_value", way="drop", rule="m")
_BLOCKED: Final = Mask(field="supply_source.blocked", way="drop", rule="m")
_HASHED_VALUE: Final = Mask(field="sales_order_line.currency", way="hash", rule="m")


@guarantees("P7.worked_out_ahead", "P8.masks")
def test_a_mask_on_money_empties_what_shows_it_and_any_other_mask_asks_the_whole_question(
    make: Callable[[int], RandomPlant],
) -> None:
    """What rests on a masked field must not come from rows that were worked out with it."""
    plant = make(51)
    plant.change(400, _PEGGED)
    plant.work_out()
    for mask, is_used in ((_OPEN_VALUE, True), (_BLOCKED, False), (_HASHED_VALUE, False)):
        ahead, whole, used = plant.both("rank_expedite_candidates", None, (mask,), impact="any")
        assert (ahead, used) == (whole, is_used), mask
        assert ahead.tables["lines"].rows
    ahead, _, _ = plant.both("rank_expedite_candidates", None, (_OPEN_VALUE,), impact="any")
    assert not any(row[-2] for row in ahead.tables["lines"].rows)
    open_to_all, _, _ = plant.both("rank_expedite_candidates", None, (), impact="any")
    assert any(row[-2] for row in open_to_all.tables["lines"].rows)


@guarantees("P7.worked_out_ahead", "P7.missing_is_named")
@pytest.mark.parametrize("entity", ["job", "mes_stock", "in_flight_document", "lot", "downtime"])
def test_what_was_worked_out_with_a_source_is_not_used_without_it(
    make: Callable[[int], RandomPlant], entity: str
) -> None:
    """Neither before everything is worked out anew without the source, nor once it is back."""
    plant = make(11)
    plant.change(200)
    plant.work_out()
    for as_of in ("", "2026-03-16T05:00:00Z"):
        plant.state(entity, as_of)
        assert plant.alike(_QUESTIONS) < len(SCOPES) * len(_QUESTIONS)  # what rests on the entity is asked whole
        plant.work_out()
        assert plant.alike(_QUESTIONS) == len(SCOPES) * len(_QUESTIONS)


@guarantees("P7.worked_out_ahead")
def test_rows_of_yesterday_are_not_told_today_and_a_downtime_ends_within_the_day(
    make: Callable[[int], RandomPlant],
) -> None:
    """Both clocks move on while nothing is worked out anew."""
    plant = make(13)
    plant.change(200)
    plant.work_out()
    for moment in (("2026-03-16", "2026-03-16T13:00:00Z"), ("2026-03-17", "2026-03-17T05:00:00Z")):
        plant.today, plant.now = moment
        assert plant.alike(_QUESTIONS) > 0  # few keys: a reader works them out itself
        plant.work_out()
        assert plant.alike(_QUESTIONS) > 0
