"""The demo ERP moves budget by rules of its own, to the cent and all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.budget_transfer import DOCUMENT, TRANSFER_BUDGET
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


_ROW = "SELECT planned, committed, actual, changed_at FROM budget WHERE cost_ctr = ? AND period = '2026'"


def _call(
    desk: OrderDesk, giver: str = "4100-1000", taker: str = "4200-1000", **changed: JsonValue
) -> dict[str, JsonValue]:
    return {
        "from_ctr": giver, "to_ctr": taker, "period": "2026", "amount": "1234.56", "curr": "EUR", "purpose": "RALL",
        "from_version": desk.one(_ROW, giver)[3], "to_version": desk.one(_ROW, taker)[3], **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant", "P7.exact_numbers")
def test_what_one_gives_the_other_gets_and_a_document_says_so(desk: OrderDesk) -> None:
    """Nothing is made and nothing lost on the way."""
    before = [Decimal(desk.one(_ROW, one)[0]) for one in ("4100-1000", "4200-1000")]
    call = _call(desk)

    done = desk.done(TRANSFER_BUDGET, call)

    assert DOCUMENT.key(done.number, done.item) == "4200-1000/2026"  # the record that is synchronised, not the document

    after = [Decimal(desk.one(_ROW, one)[0]) for one in ("4100-1000", "4200-1000")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [Decimal("-1234.56"), Decimal("1234.56")]
    query = "SELECT company, from_ctr, to_ctr, amount, curr, purpose, posted_on FROM bud_doc WHERE doc_no = ?"
    assert desk.one(query, done.number) == (
        "1000", "4100-1000", "4200-1000", "1234.56", "EUR", "RALL", "2026-03-16",
    )  # fmt: skip
    assert desk.code(TRANSFER_BUDGET, call) == "superseded"


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    planned, committed, actual, _ = desk.one(_ROW, "4100-1000")
    over = Decimal(planned) - Decimal(committed) - Decimal(actual) + Decimal("0.01")
    for call, code in (
        (_call(desk, taker="4100-1000"), "same_cost_center"),
        (_call(desk, period="2031"), "unknown_budget"),
        (_call(desk, to_version="2020-01-01T00:00:00Z"), "superseded"),
        (_call(desk, taker="4100-2000"), "other_company"),
        (_call(desk, curr="USD"), "other_currency"),
        (_call(desk, amount="0"), "bad_amount"),
        (_call(desk, amount="0.001"), "bad_amount"),
        (_call(desk, amount="much"), "bad_amount"),
        (_call(desk, purpose="FREE"), "bad_purpose"),
        (_call(desk, amount=str(over)), "budget_exceeded"),
    ):
        assert desk.code(TRANSFER_BUDGET, call) == code
    assert desk.done(TRANSFER_BUDGET, _call(desk, amount=str(over - Decimal("0.01")))).number


@guarantees("P7.demo_plant")
def test_a_period_that_is_over_is_closed(desk: OrderDesk) -> None:
    """It is March 2026."""
    call = _call(desk)
    desk.change("UPDATE budget SET period = '2025'")
    assert desk.code(TRANSFER_BUDGET, {**call, "period": "2025"}) == "period_closed"
