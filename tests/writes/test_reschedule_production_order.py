"""Another finish of a production order: head, operations and component needs move, and nothing else."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_reschedule_production_order"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER: Final = "000001000403"
MOVE: Final[dict[str, JsonValue]] = {
    "production_order_id": ORDER,
    "new_finish": "2026-04-09",
    "reason": "Its main assembly comes a week later than planned.",
    "idempotency_key": "plan-2026-12:000001000403",
}
HEAD: Final = (
    "SELECT start_basic, finish_basic, start_sched, finish_sched, stat, qty_plan FROM prod_head WHERE ord_no = ?"
)
STEPS: Final = "SELECT op_no, start_at, finish_at, stat FROM prod_op WHERE ord_no = ? ORDER BY op_no"
NEEDS: Final = "SELECT DISTINCT need_date FROM prod_comp WHERE ord_no = ?"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.production_dates")
def test_an_order_is_moved_once_with_its_steps_and_needs_and_stays_created(desk: WriteDesk) -> None:
    """From 30 March until 2 April to 6 until 9 April; the state is the ERP's business."""
    steps = desk.erp(STEPS, ORDER)
    assert [begin[:10] for _, begin, _, _ in steps] == ["2026-03-30", "2026-03-31", "2026-04-01"]
    others = desk.erp("SELECT * FROM prod_head WHERE ord_no <> ?", ORDER)

    done = desk.carry_through(TOOL, **MOVE)

    assert done.receipt is not None
    assert done.receipt.written.document == ORDER
    assert desk.erp(HEAD, ORDER) == [("2026-04-06", "2026-04-09", "2026-04-06", "2026-04-09", "CRTD", "39.000")]
    moved = desk.erp(STEPS, ORDER)
    assert [begin[:10] for _, begin, _, _ in moved] == ["2026-04-06", "2026-04-07", "2026-04-08"]
    assert [(begin[10:], end[10:], state) for _, begin, end, state in moved] == [
        (begin[10:], end[10:], state) for _, begin, end, state in steps
    ]
    assert desk.erp(NEEDS, ORDER) == [("2026-04-06",)]
    assert desk.erp("SELECT * FROM prod_head WHERE ord_no <> ?", ORDER) == others
    desk.sync()
    (row,) = desk.rows("get_production_order", "order", production_order_id=ORDER)
    assert (row["scheduled_start"], row["scheduled_finish"]) == ("2026-04-06", "2026-04-09")


@guarantees("P4.stale", "rules.production_dates")
def test_an_order_that_was_changed_in_between_is_not_moved(desk: WriteDesk) -> None:
    """Somebody at the ERP gave it another quantity."""
    changed = f"UPDATE prod_head SET qty_plan = '40.000', changed_at = '2026-03-16T05:00:01Z' WHERE ord_no = '{ORDER}'"
    desk.goes_stale(TOOL, changed, **MOVE)


@guarantees("rules.production_dates", "rules.impact")
def test_who_waits_for_it_is_told_before_anybody_approves(desk: WriteDesk) -> None:
    """It is made for a sales order line."""
    proposed = desk.propose(TOOL, **{**MOVE, "new_finish": "2026-05-29"})
    preview = proposed.content.preview
    checks = {one.rule: one.verdict for one in preview.checks}
    assert (checks["R-IMPACT"], checks["R-CAPACITY"]) == ("flag", "person")
    assert any(one.startswith("Sales order 0010000256/000010 needs 39 EA") for one in preview.effects), preview.effects
