"""How far a line has come, from documents that the demo plant does not have."""

from __future__ import annotations

from datetime import timedelta, timezone

from erp_mcp.analyses import timeline
from erp_mcp.analyses.timeline import BilledRow, DoneRow, MadeRow, OrderLineRow, ShippedRow
from erp_mcp.domain.analysis import RawCell
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


def _plant(**given: object) -> SmallPlant:
    plant = SmallPlant()
    line = {"sales_order_id": "SO-1", "line": "10", "material_id": "FG", "qty_ordered": 10 * ONE,
            "requested_date": "2026-03-20", "confirmed_date": "2026-03-27", "order_state": "open"}  # fmt: skip
    plant.add("lines", OrderLineRow, **line | given)
    return plant


def _sends(plant: SmallPlant, qty: int, **given: object) -> None:
    row = {"delivery_id": "D-1", "sales_order_line": "10", "qty": qty * ONE, "planned_goods_issue": "2026-03-25"}
    plant.add("shipped", ShippedRow, **row | given)


def _states(plant: SmallPlant) -> dict[RawCell, RawCell]:
    return {row[1]: row[2] for row in plant.ask(timeline.ANALYSIS).tables["milestones"]}


@guarantees("P7.exact_numbers")
def test_a_closed_line_that_was_sent_short_has_come_all_the_way() -> None:
    """Eight of ten, and the rest will not follow: nothing is open."""
    plant = _plant(order_state="closed")
    _sends(plant, 8, actual_goods_issue="2026-03-12", pick_status="picked", delivered=1)
    plant.add("billed", BilledRow, invoice_id="I-1", sales_order_line="10")
    assert {_states(plant)[name] for name in ("picked", "shipped", "delivered", "invoiced")} == {"done"}


@guarantees("P7.exact_numbers")
def test_an_open_line_that_was_sent_in_part_is_partly_there() -> None:
    """With its invoice, which is for a part as well."""
    plant = _plant()
    _sends(plant, 8, actual_goods_issue="2026-03-12", pick_status="picked", delivered=1)
    plant.add("billed", BilledRow, invoice_id="I-1", sales_order_line="10")
    told = _states(plant)
    assert [told[name] for name in ("picked", "shipped", "delivered", "invoiced")] == ["partly"] * 4


@guarantees("P7.exact_numbers")
def test_production_that_runs_has_started_and_that_is_overdue_is_late() -> None:
    """Whatever its yield."""
    for finish, state in (("2026-03-19", "started"), ("2026-03-13", "late")):
        plant = _plant()
        plant.add(
            "made", MadeRow, production_order_id="P-1", material_id="FG", planned_finish=finish, request_state="Running"
        )
        assert _states(plant)["produced"] == state


@guarantees("P7.exact_numbers")
def test_a_confirmation_counts_by_the_day_on_the_clock_of_the_plant() -> None:
    """Eleven at night in UTC is the next day where the plant is."""
    plant = _plant()
    plant.zone = timezone(timedelta(hours=2))
    plant.add(
        "made",
        MadeRow,
        production_order_id="P-1",
        material_id="FG",
        planned_finish="2026-03-10",
        request_state="Closed",
    )
    plant.add("done", DoneRow, production_order_id="P-1", confirmed_at="2026-03-10T23:00:00Z")
    (row,) = [one for one in plant.ask(timeline.ANALYSIS).tables["milestones"] if one[1] == "produced"]
    assert row[2:9] == ("done", 0, "C62", "2026-03-10", None, "2026-03-11", 1)


@guarantees("P7.exact_numbers")
def test_an_order_for_another_line_or_for_a_part_is_not_the_lines_own() -> None:
    """The line's own is the one that makes its material."""
    plant = _plant()
    plant.add(
        "made", MadeRow, production_order_id="P-1", material_id="FG", sales_order_line="20", request_state="Ready"
    )
    plant.add(
        "made", MadeRow, production_order_id="P-2", material_id="SF", sales_order_line="10", request_state="Ready"
    )
    assert _states(plant)["produced"] == "no_document"


@guarantees("P7.no_false_empty")
def test_a_cancelled_line_keeps_what_had_happened() -> None:
    """It was confirmed; nothing more is to come."""
    told = _states(_plant(order_state="cancelled"))
    assert (told["ordered"], told["confirmed"], told["produced"]) == ("done", "done", "cancelled")
