"""Stock and capacity from what is worked out ahead of time: always what the whole question would find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.analyses.stocked_lots import STOCKED_LOT
from erp_mcp.domain.decision import Mask
from erp_mcp.domain.derivation import Only
from erp_mcp.errors import NotAllowedError
from tests.guarantees import guarantees
from tests.unit.analyses.random_plant import SCOPES, Questions, RandomPlant
from tests.unit.projections.small_plant import shipped

_QUESTIONS: Final[Questions] = (
    ("compare_stock_erp_mes", {}),
    ("compare_stock_erp_mes", {"material_id": "M1", "unexplained_only": True}),
    ("compare_stock_erp_mes", {"lot_id": "L1"}),
    ("find_slow_stock", {}),
    ("find_slow_stock", {"min_age_days": 1, "expiring_days": 2}),
    ("find_slow_stock", {"min_age_days": 4, "reason": ["slow"]}),
    ("find_slow_stock", {"reason": ["expired", "expiring"], "material_id": "M2"}),
    ("find_slow_stock", {"reason": ["excess"], "min_value": "1"}),
    ("get_capacity_load", {}),
    ("get_capacity_load", {"weeks": 1, "work_center_id": ["W1"]}),
)
_ENTITIES: Final = (
    "stock",
    "mes_stock",
    "lot",
    "in_flight_document",
    "goods_movement",
    "production_component",
    "sales_order_line",
    "material_site",
    "production_operation",
    "production_order",
)


@pytest.fixture
def plant(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RandomPlant]:
    made = RandomPlant(tmp_path / "plant.sqlite", getattr(request, "param", 5), shipped())
    made.state("work_center_capacity")
    yield made
    made.close()


@guarantees("P7.worked_out_ahead")
@pytest.mark.parametrize("plant", range(3), indirect=True)
def test_stock_and_load_are_those_of_the_whole_question_whatever_changes(plant: RandomPlant) -> None:
    """Before anything is worked out, half way through, and with everything clean."""
    plant.change(250, _ENTITIES)
    for _ in range(3):
        plant.alike(_QUESTIONS)
        plant.work_out(limit=3, batches=2)
        plant.alike(_QUESTIONS)
        plant.work_out()
        assert plant.alike(_QUESTIONS) == len(SCOPES) * len(_QUESTIONS)
        plant.change(plant.chance.choice([1, 1, 8]), _ENTITIES)


@guarantees("P7.worked_out_ahead")
def test_what_is_kept_of_lots_holds_on_other_days(plant: RandomPlant) -> None:
    """A lot becomes old and expires without a change: nothing is worked out anew for that."""
    plant.change(250, _ENTITIES)
    plant.work_out()
    plant.today, plant.now = "2026-05-04", "2026-05-04T05:00:00Z"
    assert plant.alike(_QUESTIONS) == len(SCOPES) * len(_QUESTIONS)
    found, _, _ = plant.both("find_slow_stock", None, (), min_age_days=30)
    assert found.tables["lots"].rows


@guarantees("P7.worked_out_ahead", "P8.masks")
@pytest.mark.parametrize("field", ["material_site.standard_price", "stock.qty", "goods_movement.posted_at"])
def test_a_masked_field_is_not_told_by_what_was_worked_out_with_it(plant: RandomPlant, field: str) -> None:
    """Lots that expire come without their value, and none comes by an age that may not be known."""
    plant.change(250, _ENTITIES)
    plant.work_out()
    mask = Mask(field=field, way="drop", rule="m")
    for reason in ("expired", "slow", "excess"):
        try:
            ahead, whole, used = plant.both("find_slow_stock", None, (mask,), reason=[reason], min_age_days=1)
        except NotAllowedError:  # what can't be found without the field is refused, both ways alike
            continue
        assert (ahead, used) == (whole, False)


@guarantees("P7.worked_out_ahead")
def test_a_question_for_few_rows_is_given_them_among_the_kept_ones() -> None:
    """What is wanted of the rows is no part of what is kept, so that it makes nothing be worked out anew."""
    narrowed = replace(STOCKED_LOT, only=Only(where="d.qty_excess > 0", values={}))
    assert narrowed.digest == STOCKED_LOT.digest
