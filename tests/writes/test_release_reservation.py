"""Stock that is held is held no more: from the agent over a person into the ERP, once, for all to see."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_release_reservation"
pytestmark = covers(TOOL, DEMO_PLANT)
RELEASE: Final[dict[str, JsonValue]] = {
    "reservation_id": "RS00000006",
    "qty": "20",
    "reason": "The order was cut by its customer and needs less.",
    "idempotency_key": "plan-2026-12:RS00000006",
}
HELD: Final = "SELECT resv_no, dem_no, lot_no, qty, uom FROM resv WHERE resv_no IN ('RS00000005', 'RS00000006')"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.reservation_release")
def test_a_part_is_released_once_and_the_rest_stays_held(desk: WriteDesk) -> None:
    """Others are as they were, stock is where it was, and the next read shows what is left."""
    (_, order, lot, _, _), other = sorted(desk.erp(HELD), reverse=True)
    stock = desk.erp("SELECT * FROM stock_qty ORDER BY 1, 2, 3, 4, 5")

    done = desk.carry_through(TOOL, **RELEASE)

    assert done.receipt is not None
    assert (done.receipt.written.document, done.receipt.written.fields["qty_left"]) == ("RS00000006", "28")
    assert sorted(desk.erp(HELD), reverse=True) == [("RS00000006", order, lot, "28.000", "EA"), other]
    assert desk.erp("SELECT * FROM stock_qty ORDER BY 1, 2, 3, 4, 5") == stock
    rows = desk.rows("list_reservations", "reservations", order_id=order, material_id="SF-001")
    assert [(row["reservation_id"], row["qty"]) for row in rows] == [("RS00000006", "28")]


@guarantees("P4.one_effect", "rules.reservation_release")
def test_without_a_quantity_all_of_it_is_released_and_free_for_others(desk: WriteDesk) -> None:
    """What was held for one order can be held for another then; a second release finds nothing."""
    (order,) = desk.erp("SELECT dem_no FROM resv WHERE resv_no = 'RS00000006'")[0]
    whole = {name: value for name, value in RELEASE.items() if name != "qty"}
    preview = desk.propose(TOOL, **whole).content.preview
    assert preview.headline == f"Release 48 EA of SF-001 at site 1000 that are held for production order {order}/0010"
    assert [(one.field, one.before, one.after, one.unit) for one in preview.changes] == [("qty", "48", "0", "EA")]

    desk.carry_through(TOOL, **{**whole, "idempotency_key": "all-of-it", "acknowledge_duplicate_of": _one(desk)})

    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00000006'") == [("0.000",)]
    assert desk.rows("list_reservations", "reservations", order_id=order, material_id="SF-001") == []
    refused = desk.refusal(TOOL, **{**RELEASE, "idempotency_key": "once-more"})
    assert refused.facts["rule"] == "R-HELD"
    assert "would_pass" not in refused.facts


def _one(desk: WriteDesk) -> str:
    """Return the id of the only proposal so far."""
    return str(desk.rows("list_my_proposals", "proposals")[0]["proposal_id"])


@guarantees("P4.stale", "rules.reservation_release")
def test_a_reservation_that_changed_in_between_is_not_released(desk: WriteDesk) -> None:
    """A part of it may have been issued by then."""
    changed = "UPDATE resv SET qty = '47.000', changed_at = '2026-03-16T05:00:01Z' WHERE resv_no = 'RS00000006'"
    desk.goes_stale(TOOL, changed, **RELEASE)


@guarantees("rules.reservation_release")
def test_no_more_is_released_than_the_system_says_is_held_at_this_moment(desk: WriteDesk) -> None:
    """Read again from the ERP, whatever the copy says; what it says would pass does pass."""
    desk.in_erp("UPDATE resv SET qty = '12.500', changed_at = '2026-03-16T05:00:01Z' WHERE resv_no = 'RS00000006'")

    refused = desk.refusal(TOOL, **RELEASE)

    assert (refused.code, refused.facts["rule"]) == ("rule.refused", "R-HELD")
    assert refused.facts["would_pass"] == "12.5"
    assert desk.propose(TOOL, **{**RELEASE, "qty": "12.5"}).content.command.fields["qty_left"] == "0"


@guarantees("rules.reservation_release", "rules.impact")
def test_people_see_who_loses_by_it(desk: WriteDesk) -> None:
    """The order that it was held for has less then."""
    preview = desk.propose(TOOL, **RELEASE).content.preview
    checks = {one.rule: one for one in preview.checks}
    assert set(checks) == {"R-HELD", "R-PICKED", "R-IMPACT"}
    assert any(one.startswith("20 EA of lot") for one in preview.effects)


@guarantees("rules.reservation_release")
def test_what_is_not_there_is_refused(desk: WriteDesk) -> None:
    """With where to find ids that are."""
    refused = desk.refusal(TOOL, **{**RELEASE, "reservation_id": "RS99999999"})
    assert (refused.code, refused.facts["rule"]) == ("rule.refused", "R-RESERVATION")
