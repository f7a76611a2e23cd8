"""The finish that planning commits to is noted once, and the schedule stays."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_confirm_production_order_dates"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER: Final = "000001000403"
COMMIT: Final[dict[str, JsonValue]] = {
    "production_order_id": ORDER,
    "commit_date": "2026-04-07",
    "reason": "Sales asked for a day that production stands by.",
    "idempotency_key": "sales-2026-12:000001000403",
}
HEAD: Final = "SELECT start_basic, finish_basic, start_sched, finish_sched, stat FROM prod_head WHERE ord_no = ?"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.production_commitment")
def test_the_committed_day_is_noted_and_nothing_moves(desk: WriteDesk) -> None:
    """Operations and needs of components stay where they were."""
    steps = desk.erp("SELECT * FROM prod_op WHERE ord_no = ?", ORDER)
    needs = desk.erp("SELECT * FROM prod_comp WHERE ord_no = ?", ORDER)

    done = desk.carry_through(TOOL, **COMMIT)

    assert done.receipt is not None
    assert done.receipt.written.document == ORDER
    assert desk.erp(HEAD, ORDER) == [("2026-03-30", "2026-04-07", "2026-03-30", "2026-04-02", "CRTD")]
    assert desk.erp("SELECT * FROM prod_op WHERE ord_no = ?", ORDER) == steps
    assert desk.erp("SELECT * FROM prod_comp WHERE ord_no = ?", ORDER) == needs
    desk.sync()
    (row,) = desk.rows("get_production_order", "order", production_order_id=ORDER)
    assert (row["planned_finish"], row["scheduled_finish"]) == ("2026-04-07", "2026-04-02")


@guarantees("P4.stale", "rules.production_commitment")
def test_an_order_that_was_changed_in_between_is_not_committed_to(desk: WriteDesk) -> None:
    """Somebody at the ERP gave it another quantity."""
    changed = f"UPDATE prod_head SET qty_plan = '40.000', changed_at = '2026-03-16T05:00:01Z' WHERE ord_no = '{ORDER}'"
    desk.goes_stale(TOOL, changed, **COMMIT)
