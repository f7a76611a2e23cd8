"""Components without a need date, as sources without one give them: whoever asks, the order's start stands for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.domain.answer import Answer
from erp_mcp.domain.entities import ENTITIES, Record
from tests.guarantees import guarantees
from tests.unit.analyses.random_plant import NOW, RandomPlant
from tests.unit.projections.small_plant import shipped

_ONE: Final = 1_000_000


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[RandomPlant]:
    """A late sales order line whose order wants a part; another order, made for stock, wants the same part sooner."""
    made = RandomPlant(tmp_path / "plant.sqlite", 1, shipped())
    for material in ("FG", "OTHER", "RM"):
        _write(made, "material", material_id=material, base_uom="EA", status="active")
    _write(made, "sales_order_line", sales_order_id="SO1", line="10", site="1000", customer_id="C1", material_id="FG",
           qty_ordered=10 * _ONE, qty_open=10 * _ONE, qty_delivered=0, uom="EA", requested_date="2026-03-12",
           confirmed_date="2026-03-20", order_state="open")  # fmt: skip
    for order, material, start, line in (("P1", "FG", "2026-03-18", "10"), ("P9", "OTHER", "2026-03-17", None)):
        _write(made, "production_order", production_order_id=order, site="1000", material_id=material, uom="EA",
               qty_planned=10 * _ONE, planned_start=start, planned_finish="2026-03-20", request_state="Ready",
               sales_order_id="SO1" if line else None, sales_order_line=line)  # fmt: skip
        _write(made, "production_component", production_order_id=order, line="10", site="1000", material_id="RM",
               qty_required=10 * _ONE, qty_withdrawn=0, qty_open=10 * _ONE, uom="EA", need_date=None)  # fmt: skip
    _write(made, "stock", material_id="RM", site="1000", storage_location_id="A1", stock_type="unrestricted",
           qty=10 * _ONE, uom="EA")  # fmt: skip
    _write(made, "purchase_order_line", purchase_order_id="PO1", line="10", site="1000", supplier_id="S1",
           material_id="RM", qty_ordered=10 * _ONE, qty_received=0, qty_open=10 * _ONE, uom="EA",
           qty_open_base=10 * _ONE, base_uom="EA", original_promise_date="2026-03-16", promised_date="2026-04-02",
           requested_date="2026-03-16", order_state="open", confirmed=True)  # fmt: skip
    yield made
    made.close()


def _write(plant: RandomPlant, entity: str, **fields: Any) -> None:
    kind = ENTITIES[entity]
    key = "/".join(str(fields[name]) for name in kind.KEY if fields.get(name))
    record: Record = kind(system="erp", source_key=key, version_token="1", as_of=NOW, **fields)
    plant.apply(entity, records=(record,))


def _causes(answer: Answer) -> list[list[Any]]:
    return [list(row) for row in answer.tables["late_causes"].rows]


@guarantees("P7.worked_out_ahead")
def test_one_order_and_the_whole_plant_are_told_the_same_cause(plant: RandomPlant) -> None:
    """The part lies there, but an order that starts a day sooner takes it: who waits, waits for the late purchase."""
    found, whole, used = plant.both("explain_late_order", None, sales_order_id="SO1")
    assert found == whole
    assert not used
    (row,) = found.tables["summary"].rows
    summary = dict(zip(found.tables["summary"].columns, row, strict=True))
    assert summary["root_cause_code"] == "late_po"
    for _ in range(2):  # before and after it is worked out
        briefing, whole, _ = plant.both("get_plant_briefing", None)
        assert _causes(briefing) == _causes(whole) == [["late_po", 1]]
        plant.work_out()
