"""The copy that agents read from stands still while people work in the ERP: proposals stand on the ERP, never on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE
from tests.writes.desk import WriteDesk
from tests.writes.test_prices import BOUGHT, BUY
from tests.writes.test_sales_delivery_date import CALL as SALES_CALL
from tests.writes.test_sales_delivery_date import LINE as SALES_LINE
from tests.writes.test_sales_delivery_date import ORDER as SALES_ORDER
from tests.writes.test_sales_delivery_date import TOOL as SALES_TOOL


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A tool, what somebody changes at the ERP meanwhile, and how the row tells whether it was written."""

    tool: str
    arguments: Mapping[str, JsonValue]
    table: str
    where: str
    column: str
    theirs: str
    shown: str
    ours: str


CASES: Final = (
    Case(
        tool=DATE_TOOL,
        arguments=NEW_DATE,
        table="po_item",
        where="po_no = '4500000640' AND item_no = '00010'",
        column="promise",
        theirs="2026-03-24",
        shown="2026-03-24",
        ours="2026-04-02",
    ),
    Case(
        tool=SALES_TOOL,
        arguments=SALES_CALL,
        table="so_item",
        where=f"so_no = '{SALES_ORDER}' AND item_no = '{SALES_LINE}'",
        column="conf_date",
        theirs="2026-04-24",
        shown="2026-04-24",
        ours="2026-05-04",
    ),
    Case(
        tool=BUY,
        arguments=BOUGHT,
        table="source_list",
        where="mat_no = 'RM-002' AND vendor_no = 'S0014'",
        column="price",
        theirs="14.3000",
        shown="14.30",
        ours="14.6000",
    ),
)


@guarantees("P3.live_preview", "P4.stale", "P4.one_effect")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.tool)
def test_a_change_is_worked_out_on_the_erp_while_its_copy_stands_still(desk: WriteDesk, case: Case) -> None:
    """Nothing is synchronised: people see what the ERP holds, its version is the one that is written on, once.

    Then somebody changes it between the yes and the send, and the copy still says the old: nothing is written.
    """
    select = f"SELECT {case.column}, changed_at FROM {case.table} WHERE {case.where}"
    change = f"UPDATE {case.table} SET {case.column} = ?, changed_at = ? WHERE {case.where}"
    ((copied, copied_version),) = desk.erp(select)
    desk.in_erp(change, case.theirs, "2026-03-16T05:00:01Z")

    first = desk.propose(case.tool, **case.arguments)
    (told,) = [one for one in first.content.preview.changes if one.before == case.shown]
    assert told.before != copied
    assert first.content.command.version_token not in ("", copied_version)
    desk.in_erp(change, case.theirs, "2026-03-16T05:00:02Z")
    desk.approve(first)
    (stale,) = desk.work()
    assert (stale.state, desk.erp(select)) == (State.STALE, [(case.theirs, "2026-03-16T05:00:02Z")])

    again = {**case.arguments, "idempotency_key": "after-they-changed-it"}
    desk.approve(desk.propose(case.tool, **again))
    assert desk.written().written.version_token == desk.erp(select)[0][1]
    assert desk.erp(select)[0][0] == case.ours
