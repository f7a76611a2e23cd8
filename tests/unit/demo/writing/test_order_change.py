"""The demo ERP changes and cancels purchase order lines by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.erp_calls import call_of
from erp_mcp.demo.writing.order_cancel import CANCEL_LINES
from erp_mcp.demo.writing.order_change import CHANGE_LINE
from erp_mcp.demo.writing.work import Rejected
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from tests.contract.erp_plant import demo_profile
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

PARTLY = ("4500000647", "00010")  # 268 of 356 KGM have come, at 25.62
UNTOUCHED = ("4500000552", "00020")
BILLED = ("4500000564", "00030")  # 60 of 60, and nothing has come


@pytest.fixture
def erp(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    """A copy of the plant's ERP."""
    with open_desk(plant.erp, tmp_path) as desk:
        yield desk


def changed(erp: OrderDesk, line: tuple[str, str], **wanted: JsonValue) -> dict[str, JsonValue]:
    """Return a change of a line that changes nothing but what is named."""
    version, qty, price, day = erp.one(
        "SELECT changed_at, qty_ord, price, req_date FROM po_item WHERE po_no = ? AND item_no = ?", *line
    )
    fields = {"po_no": line[0], "item_no": line[1], "version": version, "qty": qty, "price": price, "req_date": day}
    return {**fields, **wanted}


def cancelled(erp: OrderDesk, *lines: tuple[str, str], **wanted: JsonValue) -> dict[str, JsonValue]:
    """Return the cancellation of some lines of one order."""
    items: list[JsonValue] = [
        {
            "item_no": item,
            "version": erp.one("SELECT changed_at FROM po_item WHERE po_no = ? AND item_no = ?", number, item)[0],
        }
        for number, item in lines
    ]
    return {"po_no": lines[0][0], "reason": "01", "items": items, **wanted}


def state(erp: OrderDesk, line: tuple[str, str]) -> tuple[Any, ...]:
    """Return what a line is."""
    columns = "qty_ord, qty_open, price, open_value, req_date, promise, release_ind, stat"
    return erp.one(f"SELECT {columns} FROM po_item WHERE po_no = ? AND item_no = ?", *line)


@guarantees("P7.demo_plant")
def test_what_is_open_and_worth_follows_the_new_quantity(erp: OrderDesk) -> None:
    """300 less 268 that have come are 32, at 25.62."""
    before = state(erp, PARTLY)
    erp.done(CHANGE_LINE, changed(erp, PARTLY, qty="300"))
    assert state(erp, PARTLY) == ("300.000", "32.000", "25.6200", "819.84", *before[4:6], "W", "OPEN")


@guarantees("P7.demo_plant")
def test_a_line_that_is_cut_to_what_has_come_is_closed(erp: OrderDesk) -> None:
    """Nothing is open of it any more."""
    erp.done(CHANGE_LINE, changed(erp, PARTLY, qty="268"))
    assert state(erp, PARTLY)[1:4] == ("0.000", "25.6200", "0.00")
    assert state(erp, PARTLY)[-1] == "CLSD"


@guarantees("P7.demo_plant")
def test_another_day_alone_needs_no_new_release(erp: OrderDesk) -> None:
    """It costs the same."""
    erp.done(CHANGE_LINE, changed(erp, PARTLY, req_date="2026-05-04"))
    assert state(erp, PARTLY)[4:] == ("2026-05-04", state(erp, PARTLY)[5], "R", "OPEN")


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("line", "wanted", "code"),
    [
        (PARTLY, {}, "nothing_changes"),
        (PARTLY, {"qty": "267.999"}, "below_received"),
        (BILLED, {"qty": "59.999"}, "below_received"),
        (PARTLY, {"qty": "0"}, "bad_quantity"),
        (PARTLY, {"price": "28.1821"}, "price_too_high"),
        (PARTLY, {"price": "0"}, "bad_price"),
        (PARTLY, {"req_date": "2026-03-15"}, "date_in_past"),
        (PARTLY, {"version": "2026-03-16T06:00:00Z"}, "superseded"),
        (PARTLY, {"item_no": "00099"}, "unknown_document"),
    ],
)
def test_it_refuses_a_change_that_is_wrong(
    erp: OrderDesk, line: tuple[str, str], wanted: dict[str, JsonValue], code: str
) -> None:
    """Ten per cent above 25.62 are 28.182."""
    assert erp.code(CHANGE_LINE, changed(erp, line, **wanted)) == code


@guarantees("P7.demo_plant")
def test_neither_is_done_to_a_line_that_is_not_open(erp: OrderDesk) -> None:
    """Closed, cancelled, or deleted."""
    closed = erp.one("SELECT po_no, item_no FROM po_item WHERE stat = 'CLSD' ORDER BY 1, 2")
    gone = erp.one("SELECT po_no, item_no FROM po_item WHERE stat = 'CANC' ORDER BY 1, 2")
    assert erp.code(CHANGE_LINE, changed(erp, closed, qty="9000")) == "document_closed"
    assert erp.code(CANCEL_LINES, cancelled(erp, closed)) == "document_closed"
    assert erp.code(CANCEL_LINES, cancelled(erp, gone)) == "document_cancelled"


@guarantees("P7.demo_plant", "P4.stale")
def test_all_lines_are_cancelled_or_none(erp: OrderDesk) -> None:
    """The second has changed; then both are cancelled, and can't be once more."""
    number = erp.one(
        "SELECT po_no FROM po_item p GROUP BY po_no HAVING count(*) > 1 AND sum(stat <> 'OPEN') = 0"
        " AND sum(CAST(qty_recv AS REAL)) = 0 AND NOT EXISTS (SELECT 1 FROM vend_inv v WHERE v.po_no = p.po_no)"
    )[0]
    lines = [(number, item) for (item,) in erp.rows("SELECT item_no FROM po_item WHERE po_no = ?", number)]
    late = cancelled(erp, *lines)
    erp.change("UPDATE po_item SET changed_at = '2026-03-16T05:00:01Z' WHERE po_no = ? AND item_no = ?", *lines[-1])
    assert erp.code(CANCEL_LINES, late) == "superseded"

    done = erp.done(CANCEL_LINES, cancelled(erp, *lines))

    assert erp.rows("SELECT DISTINCT stat, qty_open, open_value, changed_at FROM po_item WHERE po_no = ?", number) == [
        ("CANC", "0.000", "0.00", done.version)
    ]
    assert erp.code(CANCEL_LINES, cancelled(erp, *lines)) == "document_cancelled"


@guarantees("P7.demo_plant")
def test_what_has_come_or_is_billed_is_not_cancelled(erp: OrderDesk) -> None:
    """Nor for no reason of its list."""
    assert erp.code(CANCEL_LINES, cancelled(erp, PARTLY)) == "received"
    assert erp.code(CANCEL_LINES, cancelled(erp, BILLED)) == "billed"
    assert erp.code(CANCEL_LINES, cancelled(erp, UNTOUCHED, reason="99")) == "bad_reason"


@guarantees("commands.contract")
@pytest.mark.parametrize(
    "fields",
    [
        {"purchase_order_id": "46", "lines": ["10"], "versions": []},
        {"purchase_order_id": "45", "lines": ["10", "20"], "versions": []},
        {"purchase_order_id": "45", "lines": ["10"], "versions": [{"line": "20", "version": "v"}]},
        {"purchase_order_id": "45", "lines": ["20"], "versions": []},
    ],
)
def test_a_cancellation_that_names_other_lines_than_it_holds_is_not_understood(fields: dict[str, JsonValue]) -> None:
    """Whichever were cancelled, one was not approved."""
    command = Command(
        operation=CANCEL_LINES, system="erp", entity="purchase_order_line", key="45/10", version_token="v",
        reference="R1", fields={**fields, "cancel_reason": "no_demand"},
    )  # fmt: skip
    assert call_of(command, demo_profile()) == Rejected("key_mismatch")
