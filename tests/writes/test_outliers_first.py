"""Long changes as people see them: what stands out comes first on page, terminal and in the agent's answer.

Made by the real operations, so a sentence of theirs that names its line otherwise is found here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from click.testing import CliRunner

from erp_mcp.cli.app import main
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.outliers import arranged
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.unit.web.browsing import Browser
from tests.writes.desk import APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_cancel_purchase_order import CANCEL
from tests.writes.test_cancel_purchase_order import TOOL as CANCEL_TOOL
from tests.writes.test_create_purchase_order import ORDER, TOOL

_LINES: Final = (("2026-06-18", "30"), ("2026-07-18", "40"), ("2026-07-28", "500"), ("2026-03-17", "30"))
_FIRST: Final = ["Line 4", "Line 3", "Line 1", "Line 2"]


@pytest.fixture
def asked(desk: WriteDesk) -> Proposal:
    """An order of four lines: the last one comes sooner than the lead time lets it, the third is much the largest."""
    lines: list[JsonValue] = [
        {"material_id": "RM-002", "qty": qty, "uom": "MTR", "delivery_date": day} for day, qty in _LINES
    ]
    return desk.propose(TOOL, **{**ORDER, "lines": lines})


@pytest_asyncio.fixture
async def browser(desk: WriteDesk) -> AsyncIterator[Browser]:
    made = Browser.at(desk.deployment)
    yield made
    await made.leave()


@guarantees("P3.outliers_first", "P3.page_told")
async def test_the_page_reads_what_stands_out_first_and_says_why(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """In the order of the document itself, as a screen reader goes through it; what would be sent keeps its own."""
    await browser.sign_in(APPROVERS[0], passphrase_of(desk.directory, APPROVERS[0]))

    text = (await browser.get(f"/proposals/{asked.content.proposal_id}")).text

    table = text.partition('<table class="changes">')[2].partition("</table>")[0]
    assert re.findall(r'scope="rowgroup" colspan="4">(Line \d)', table) == _FIRST
    assert len(re.findall(r"<tr><th scope=\"row\">", table)) == len(asked.content.preview.changes)
    heads = re.findall(r'<tr class="line">(.*?)</tr>', table)
    assert "first, since: flagged by" in heads[0]
    assert "R-LEAD-TIME" in heads[0]
    assert "first, since: largest change in value: 7035 EUR" in heads[1]
    assert not any("first" in one for one in heads[2:])
    assert "4 lines. 2 are out of the ordinary and shown first" in browser.seen.text
    said = text.index("4 lines. 2 are out")
    assert said < text.index('<table class="changes">')


@guarantees("P3.outliers_first", "P3.binding")
def test_terminal_and_agent_have_the_same_order_and_the_seal_its_own(desk: WriteDesk, asked: Proposal) -> None:
    """Each field of each line once."""
    shown = (
        CliRunner()
        .invoke(main, ["approvals", "show", asked.content.proposal_id, "--demo-dir", str(desk.directory)])
        .stdout
    )
    rows = desk.rows("get_proposal", "changes", proposal_id=asked.content.proposal_id)

    sealed = [one.field for one in asked.content.preview.changes]
    assert [one for one in sealed if one.endswith(".qty")] == [f"lines[{place}].qty" for place in range(4)]
    assert re.findall(r"lines\[(\d)\]\.qty", shown.partition("# Rules looked at")[0]) == ["3", "2", "0", "1"]
    assert re.search(r"Line 4: flagged by .*R-LEAD-TIME", shown) is not None
    assert "Line 3: largest change in value: 7035 EUR" in shown
    assert shown.index("shown first, each with why") < shown.index("lines[3].qty")
    assert [str(one["field"]) for one in rows if str(one["field"]).endswith(".qty")] == [
        f"lines[{place}].qty" for place in (3, 2, 0, 1)
    ]
    assert sorted(str(one["field"]) for one in rows) == sorted(sealed)
    lines = asked.content.command.fields["lines"]
    assert isinstance(lines, list)
    assert [one["qty"] for one in lines if isinstance(one, dict)] == [qty for _, qty in _LINES]


@guarantees("P3.outliers_first", "rules.purchase_order_cancel")
def test_a_line_whose_end_makes_orders_late_stands_before_those_nobody_waits_for(desk: WriteDesk) -> None:
    """As the cancellation of a whole order says it of its lines."""
    found: list[Proposal] = []
    for (order,) in desk.erp(
        "SELECT po_no FROM po_item p GROUP BY po_no HAVING count(*) > 2 AND sum(stat <> 'OPEN') = 0"
        " AND sum(CAST(qty_recv AS REAL)) = 0 AND NOT EXISTS (SELECT 1 FROM vend_inv v WHERE v.po_no = p.po_no)"
    ):
        whole = {name: value for name, value in CANCEL.items() if name != "line"}
        asked = desk.propose(CANCEL_TOOL, **{**whole, "purchase_order_id": order, "idempotency_key": f"all:{order}"})
        named = [one for one in asked.content.preview.effects if one.startswith("Without line ")]
        parts = arranged(asked.content).parts
        waited = [one.place for one in parts if "an order behind it is named under what follows" in one.why]
        if 0 < len(named) < len(parts):
            assert sorted(waited) == sorted(one.partition("/")[2].partition(",")[0] for one in named)
            found.append(asked)
        else:
            assert waited == []
    assert found, "no order of the demo plant has lines with and without orders behind them"
