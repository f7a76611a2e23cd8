"""A malfunction is reported: from the agent over a person into the ERP, once, with nothing planned."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_maintenance_notification"
pytestmark = covers(TOOL, DEMO_PLANT)
CALL: Final[dict[str, JsonValue]] = {
    "work_center_id": "CNC-21",
    "description": "Spindle vibrates above 8000 rpm and leaves marks.",
    "reason": "The operator of the early shift reported it.",
    "idempotency_key": "shift-2026-03-16:CNC-21",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.maintenance")
def test_a_malfunction_is_reported_once_and_no_order_is_made(desk: WriteDesk) -> None:
    """Its site and asset follow from the work centre."""
    orders = desk.erp("SELECT * FROM maint_order")

    done = desk.carry_through(TOOL, **CALL)

    assert done.receipt is not None
    query = "SELECT plant, wc_no, asset_no, brk_flag, prio, stat, mnt_no, descr, witness FROM mnt_notif WHERE mn_no = ?"
    assert desk.erp(query, done.receipt.written.document) == [
        ("2000", "CNC-21", "AST-CNC-21", 0, "2", "OSNO", None, CALL["description"], None)
    ]
    assert desk.erp("SELECT * FROM maint_order") == orders


@guarantees("rules.duplicate")
def test_the_same_malfunction_again_is_refused_with_the_number_of_the_first(desk: WriteDesk) -> None:
    """The read model has the first as soon as the worker has written it."""
    receipt = desk.commit(TOOL, **CALL)

    again = {**CALL, "description": "The spindle is loud and shakes.", "idempotency_key": "shift-2026-03-16:again"}
    refused = desk.refusal(TOOL, **again)

    assert refused.facts["rule"] == "R-DUPLICATE"
    assert refused.facts["notification_id"] == receipt.written.document


@guarantees("rules.maintenance")
def test_a_breakdown_without_a_witness_is_refused_and_with_one_written(desk: WriteDesk) -> None:
    """The person on site is in the ERP's own record, and in no answer."""
    broken = {**CALL, "breakdown": True, "priority": "high"}
    assert desk.refusal(TOOL, **broken).facts["rule"] == "R-WITNESS"

    receipt = desk.commit(TOOL, **broken, witnessed_by="early shift lead")

    query = "SELECT brk_flag, prio, witness FROM mnt_notif WHERE mn_no = ?"
    assert desk.erp(query, receipt.written.document) == [(1, "1", "early shift lead")]
