"""Maintenance is planned: from the agent over a person into the ERP, once, and stays unreleased."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_maintenance_order"
pytestmark = covers(TOOL, DEMO_PLANT)
NOTICE: Final = "MN00300103"
CALL: Final[dict[str, JsonValue]] = {
    "notification_id": NOTICE,
    "planned_start": "2026-03-30",
    "planned_finish": "2026-03-31",
    "permit_to_work": True,
    "reason": "It should be looked at before the next big lot.",
    "idempotency_key": "mn-300103:order",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.maintenance")
def test_an_order_is_planned_once_and_stays_unreleased(desk: WriteDesk) -> None:
    """The next read shows it open; production keeps its plan."""
    ((center, asset),) = desk.erp("SELECT wc_no, asset_no FROM mnt_notif WHERE mn_no = ?", NOTICE)
    steps = desk.erp("SELECT * FROM prod_op")

    done = desk.carry_through(TOOL, **CALL)

    assert done.receipt is not None
    number = done.receipt.written.document
    query = (
        "SELECT wc_no, asset_no, start_plan, finish_plan, stat, permit_flag, began_at FROM maint_order WHERE mnt_no = ?"
    )
    assert desk.erp(query, number) == [(center, asset, "2026-03-30", "2026-03-31", "CRTD", 1, None)]
    assert desk.erp("SELECT stat, mnt_no FROM mnt_notif WHERE mn_no = ?", NOTICE) == [("NOPR", number)]
    assert desk.erp("SELECT * FROM prod_op") == steps
    (row,) = [one for one in desk.rows("list_maintenance_orders", "orders", asset_id=asset)
              if one["maintenance_order_id"] == number]  # fmt: skip
    assert (row["order_state"], row["planned_start"], row["planned_finish"]) == ("open", "2026-03-30", "2026-03-31")
    again = {**CALL, "planned_start": "2026-03-27", "idempotency_key": "mn-300103:again"}
    assert desk.refusal(TOOL, **again).facts["rule"] == "R-NOTIFICATION"


@guarantees("P4.stale")
def test_a_notification_that_was_changed_meanwhile_gets_no_order(desk: WriteDesk) -> None:
    """Somebody wrote more into it."""
    change = f"UPDATE mnt_notif SET descr = 'oil too', changed_at = '2026-03-16T05:00:01Z' WHERE mn_no = '{NOTICE}'"

    desk.goes_stale(TOOL, change, **CALL)
