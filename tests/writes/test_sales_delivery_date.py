"""Another date for a customer: from the agent over a person into the sales order line, once."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_update_sales_delivery_date"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER, LINE = "0010000250", "000010"
CALL: Final[dict[str, JsonValue]] = {
    "sales_order_id": ORDER,
    "line": LINE,
    "new_date": "2026-05-04",
    "reason": "The customer agreed to May on the phone.",
    "idempotency_key": "call-2026-03-16:250",
}
_ROW: Final = "SELECT * FROM so_item WHERE so_no = ? AND item_no = ?"
_NAMES: Final = "SELECT name FROM pragma_table_info('so_item')"


def _item(desk: WriteDesk) -> dict[str, object]:
    names = [name for (name,) in desk.erp(_NAMES)]
    return dict(zip(names, desk.erp(_ROW, ORDER, LINE)[0], strict=True))


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.sales_delivery_date")
def test_a_promised_date_changes_once_and_nothing_else_of_the_line(desk: WriteDesk) -> None:
    """What the customer asked for, the quantities and the state stay what they were; the next read shows the date."""
    before = _item(desk)

    done = desk.carry_through(TOOL, **CALL)

    assert done.receipt is not None
    assert done.receipt.written.document == ORDER
    after = _item(desk)
    assert {name for name in before if before[name] != after[name]} == {"conf_date", "changed_at"}
    assert (before["conf_date"], after["conf_date"]) == ("2026-04-21", "2026-05-04")
    assert after["changed_at"] == done.receipt.written.version_token
    (line,) = [one for one in desk.rows("get_sales_order", "lines", sales_order_id=ORDER) if one["line"] == LINE]
    assert line["confirmed_date"] == "2026-05-04"


@guarantees("P4.stale")
def test_a_line_that_sales_changed_meanwhile_is_not_written(desk: WriteDesk) -> None:
    """What was approved was approved for the line as it was."""
    change = f"UPDATE so_item SET qty_ord = '15.000', changed_at = '2026-03-16T05:00:01Z' WHERE so_no = '{ORDER}'"

    desk.goes_stale(TOOL, change, **CALL)


@guarantees("rules.sales_delivery_date")
def test_a_date_before_the_cover_is_there_is_refused_with_the_first_that_passes(desk: WriteDesk) -> None:
    """What it says would pass does pass."""
    refused = desk.refusal(TOOL, **{**CALL, "new_date": "2026-03-17"})

    assert refused.facts["rule"] == "R-ATP"
    earliest = str(refused.facts["earliest"])
    proposed = desk.propose(TOOL, **{**CALL, "new_date": earliest, "idempotency_key": "call-2026-03-16:251"})
    assert proposed.content.command.fields["new_date"] == earliest
