"""A planned order becomes firm, a requisition, or a production order that nobody has released."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_confirm_planned_order"
pytestmark = covers(TOOL, DEMO_PLANT)
BUY: Final[dict[str, JsonValue]] = {
    "planned_order_id": "PL00000001",
    "action": "convert",
    "reason": "Stock runs out in April and nothing is ordered.",
    "idempotency_key": "plan-2026-12:PL00000001",
}
MAKE: Final = {**BUY, "planned_order_id": "PL00000011", "idempotency_key": "plan-2026-12:PL00000011"}
CONVERTIBLE: Final = "UPDATE pln_ord SET conv = 1, changed_at = '2026-03-16T04:59:00Z' WHERE pln_no = 'PL00000011'"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.planned_order")
def test_what_is_bought_becomes_one_requisition_that_waits_for_release(desk: WriteDesk) -> None:
    """The planned order is gone, so planning does not buy it twice."""
    done = desk.carry_through(TOOL, **BUY)

    assert done.receipt is not None
    number = done.receipt.written.document
    assert desk.erp(
        "SELECT mat_no, plant, qty, uom, dlv_date, release_ind, stat FROM pr_item WHERE pr_no = ?", number
    ) == [("RM-001", "1000", "37.000", "EA", "2026-04-13", "W", "OPEN")]
    assert desk.erp("SELECT 1 FROM pln_ord WHERE pln_no = 'PL00000001'") == []
    assert done.content.command.fields == {"planned_order_id": "PL00000001", "action": "convert"}
    desk.sync()
    assert [
        row["requisition_id"] for row in desk.rows("list_purchase_requisitions", "requisitions", material_id="RM-001")
    ] == [number]
    assert desk.rows("list_planned_orders", "orders", material_id="RM-001") == []


@guarantees("P4.one_effect", "rules.planned_order")
def test_what_is_made_becomes_an_order_that_is_created_and_not_released(desk: WriteDesk) -> None:
    """With components and operations as master data has them; forty-eight pieces of FG-007."""
    desk.in_erp(CONVERTIBLE)
    desk.sync()

    done = desk.carry_through(TOOL, **MAKE)

    assert done.receipt is not None
    order = done.receipt.written.document
    assert desk.erp(
        "SELECT mat_no, qty_plan, start_sched, finish_sched, stat FROM prod_head WHERE ord_no = ?", order
    ) == [("FG-007", "48.000", "2026-04-16", "2026-04-20", "CRTD")]
    components = desk.erp("SELECT item_no, mat_no, qty_req, qty_open FROM prod_comp WHERE ord_no = ? ORDER BY 1", order)
    assert len(components) == 10
    assert ("0050", "RM-110", "72.000", "72.000") in components
    assert desk.erp("SELECT op_no, wc_no, stat, work_min FROM prod_op WHERE ord_no = ? ORDER BY 1", order) == [
        ("0010", "CNC-02", "CRTD", 262),
        ("0020", "ASM-02", "CRTD", 150),
        ("0030", "PCK-01", "CRTD", 95),
    ]
    assert desk.erp("SELECT 1 FROM pln_ord WHERE pln_no = 'PL00000011'") == []
    desk.sync()
    (row,) = desk.rows("get_production_order", "order", production_order_id=order)
    assert (row["request_state"], row["qty_planned"]) == ("Waiting", "48")


@guarantees("P4.one_effect", "rules.planned_order")
def test_one_that_is_made_firm_stays_a_planned_order(desk: WriteDesk) -> None:
    """Nothing else of it changes."""
    before = desk.erp("SELECT qty, start_on, finish_on, conv FROM pln_ord WHERE pln_no = 'PL00000004'")
    desk.commit(TOOL, **{**BUY, "planned_order_id": "PL00000004", "action": "firm"})
    assert desk.erp("SELECT firm FROM pln_ord WHERE pln_no = 'PL00000004'") == [(1,)]
    assert desk.erp("SELECT qty, start_on, finish_on, conv FROM pln_ord WHERE pln_no = 'PL00000004'") == before
    desk.sync()
    (row,) = desk.rows("list_planned_orders", "orders", material_id="RM-066")
    assert row["firm"]


@guarantees("P4.stale", "rules.planned_order")
def test_one_that_planning_changed_in_between_is_not_converted(desk: WriteDesk) -> None:
    """The next run asked for more."""
    changed = "UPDATE pln_ord SET qty = '50.000', changed_at = '2026-03-16T05:00:01Z' WHERE pln_no = 'PL00000001'"
    desk.goes_stale(TOOL, changed, **BUY)
