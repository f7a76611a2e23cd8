"""Budget moves: from the agent over two people into the ERP, once, to the cent."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_allocate_budget"
pytestmark = covers(TOOL, DEMO_PLANT)
CALL: Final[dict[str, JsonValue]] = {
    "from_cost_center_id": "4100-1000",
    "to_cost_center_id": "4200-1000",
    "period": "2026",
    "amount": "25000.00",
    "purpose_code": "reallocation",
    "reason": "Maintenance needs it for the burner of the paint line.",
    "idempotency_key": "bud-2026-03:4100-4200",
}
_PLANNED: Final = "SELECT cost_ctr, planned FROM budget WHERE cost_ctr IN ('4100-1000', '4200-1000') ORDER BY 1"


@guarantees("P3.people_commit", "P3.enough_people", "P4.one_effect", "P4.idempotent", "rules.budget")
def test_budget_moves_once_and_both_sides_agree(desk: WriteDesk) -> None:
    """Two people say yes; the next read shows both budgets."""
    assert desk.erp(_PLANNED) == [("4100-1000", "722000.00"), ("4200-1000", "867000.00")]

    done = desk.carry_through(TOOL, **CALL)

    assert done.content.terms.needed == 2
    assert done.receipt is not None
    assert desk.erp(_PLANNED) == [("4100-1000", "697000.00"), ("4200-1000", "892000.00")]
    query = "SELECT from_ctr, to_ctr, period, amount, curr, purpose FROM bud_doc WHERE doc_no = ?"
    assert desk.erp(query, done.receipt.written.document) == [
        ("4100-1000", "4200-1000", "2026", "25000.00", "EUR", "RALL")
    ]  # fmt: skip
    desk.sync()
    budgets = {one["cost_center_id"]: one["budget"] for one in desk.rows("get_budget_status", "budgets")}
    assert (budgets["4100-1000"], budgets["4200-1000"]) == ("697000.00", "892000.00")


@guarantees("P4.stale")
def test_a_budget_that_was_changed_meanwhile_moves_nothing(desk: WriteDesk) -> None:
    """The one that takes counts as much as the one that gives."""
    change = "UPDATE budget SET changed_at = '2026-03-16T05:00:01Z' WHERE cost_ctr = '4200-1000'"

    desk.goes_stale(TOOL, change, **CALL)


@guarantees("rules.budget")
def test_no_more_moves_than_is_left(desk: WriteDesk) -> None:
    """What it says would pass does pass."""
    refused = desk.refusal(TOOL, **{**CALL, "amount": "722000.00"})

    assert (refused.facts["rule"], refused.facts["would_pass"]) == ("R-AVAILABLE", "361000.00")
    passed = desk.propose(TOOL, **{**CALL, "amount": "361000.00", "idempotency_key": "bud-2026-03:all"})
    assert passed.state == "AWAITING_APPROVAL"
