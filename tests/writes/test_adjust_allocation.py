"""Stock that is held changes hands: donors hold less, the receiver more, and in all nothing is gained or lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_adjust_allocation"
pytestmark = covers(TOOL, DEMO_PLANT)
TAKER: Final = "000001000603"
MOVES: Final[dict[str, JsonValue]] = {
    "material_id": "SF-001",
    "site": "1000",
    "moves": [
        {"from_demand": "000001000480", "to_demand": TAKER, "qty": "12"},
        {"from_demand": "000001000619", "to_demand": TAKER, "qty": "30.5"},
    ],
    "reason": "The second order leaves first and its customer waits already.",
    "idempotency_key": "plan-2026-12:SF-001:1",
}
HELD: Final = "SELECT resv_no, dem_no, dem_item, lot_no, qty FROM resv WHERE mat_no = 'SF-001' AND plant = '1000'"


def _total(desk: WriteDesk) -> Decimal:
    return sum((Decimal(row[4]) for row in desk.erp(HELD)), Decimal(0))


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.allocation")
def test_two_orders_give_and_one_takes_in_one_step(desk: WriteDesk) -> None:
    """Lots stay what they are; only for whom they are held is another matter."""
    before, total = {row[0]: row for row in desk.erp(HELD)}, _total(desk)

    done = desk.carry_through(TOOL, **MOVES)

    after = {row[0]: row for row in desk.erp(HELD)}
    assert (before["RS00000005"][4], after["RS00000005"][4]) == ("12.000", "0.000")
    assert (before["RS00000006"][4], after["RS00000006"][4]) == ("48.000", "17.500")
    new = [row for number, row in sorted(after.items()) if number not in before]
    assert new == [
        ("RS00001700", TAKER, "0010", before["RS00000005"][3], "12.000"),
        ("RS00001701", TAKER, "0010", before["RS00000006"][3], "30.500"),
    ]
    assert _total(desk) == total
    assert done.receipt is not None
    assert done.receipt.written.document == "RS00000005"
    desk.sync()
    rows = desk.rows("list_reservations", "reservations", order_id=TAKER, material_id="SF-001")
    assert [(row["reservation_id"], row["qty"]) for row in rows] == [("RS00001700", "12"), ("RS00001701", "30.5")]
    assert desk.rows("list_reservations", "reservations", order_id="000001000480", material_id="SF-001") == []


@guarantees("P4.stale", "rules.allocation")
def test_a_donor_that_changed_in_between_stops_the_whole_of_it_also_where_it_is_not_the_first(desk: WriteDesk) -> None:
    """The versions of all that give are part of what was approved."""
    changed = (
        "UPDATE resv SET need_date = '2026-04-20', changed_at = '2026-03-16T05:00:01Z' WHERE resv_no = 'RS00000006'"
    )
    desk.goes_stale(TOOL, changed, **MOVES)


@guarantees("rules.allocation", "rules.impact")
def test_people_see_who_loses_and_what_nobody_knows(desk: WriteDesk) -> None:
    """Contracts are not known, and the sales owner of the donor is to be asked."""
    preview = desk.propose(TOOL, **MOVES).content.preview
    checks = {one.rule: one.verdict for one in preview.checks}
    assert checks["R-SUM"] == checks["R-PICKED"] == checks["R-LOT"] == checks["R-PRIORITY"] == "ok"
    assert checks["R-CONTRACT"] == "person"
    fields = [(one.field, one.before, one.after, one.unit) for one in preview.changes]
    assert ("000001000619/RS00000006/qty", "48", "17.5", "EA") in fields
    assert (f"{TAKER}/0010/reserved", "0", "42.5", "EA") in fields
    assert any(one.startswith("The sales owner") for one in preview.effects)


@guarantees("rules.allocation")
def test_a_more_important_customer_gives_nothing_to_a_less_important_one(desk: WriteDesk) -> None:
    """Class A to class B."""
    move: JsonValue = {"from_demand": "000001000541", "to_demand": TAKER, "qty": "1"}
    refused = desk.refusal(TOOL, **{**MOVES, "moves": [move]})
    assert refused.facts["rule"] == "R-PRIORITY"
