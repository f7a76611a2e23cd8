"""Which sales order line may be promised for another date, and for which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import OPEN_LINE, UNIT, Case
from tests.unit.commands.selling import PROMISE, SALES_DEMAND, SALES_LINE


def _living(**changed: object) -> Case:
    record: SalesOrderLine = replace(SALES_LINE, **changed)  # type: ignore[arg-type]
    return PROMISE.living(line=(record,))


@guarantees("rules.sales_delivery_date")
def test_a_sound_date_becomes_a_draft_on_the_version_that_the_system_has_now() -> None:
    """Forty are open, the purchase order brings sixty on the 24th, a component takes ten of them on the 25th."""
    draft = PROMISE.draft()
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "10/000010", "v3", "10/000010")
    assert draft.fields == {"sales_order_id": "10", "line": "000010", "new_date": "2026-03-30"}
    assert draft.changes == (Change(field="confirmed_date", before="2026-03-27", after="2026-03-30"),)
    assert draft.amounts == {"material_id": "RM-1", "site": "1000"}
    assert {one.rule: one.verdict for one in draft.checks} == {
        "R-OPEN": "ok", "R-DATE": "ok", "R-ATP": "ok", "R-REQUESTED": "flag", "R-PENALTY": "person",
    }  # fmt: skip
    assert "The promise moves 3 days later." in draft.effects
    assert "No customer is told by this change: a person sends that message." in draft.effects
    assert "Undo: propose 2026-03-27 again; what a customer heard stays said." in draft.effects


@guarantees("rules.sales_delivery_date")
def test_a_line_that_is_not_there_is_refused_and_one_of_two_systems_not_judged() -> None:
    """Both before anything else is looked at; one that was deleted since it was copied likewise."""
    for case, rule in ((PROMISE.having(line=()), "R-LINE"), (PROMISE.given(line="000020"), "R-LINE"),
                       (PROMISE.living(line=()), "R-GONE")):  # fmt: skip
        with pytest.raises(RuleRefusedError) as refused:
            case.draft()
        assert refused.value.facts["rule"] == rule
    with pytest.raises(RuleNotEvaluableError):
        PROMISE.having(line=PROMISE.rows["line"] * 2).draft()


@guarantees("rules.sales_delivery_date")
def test_what_is_closed_or_gone_out_keeps_its_date() -> None:
    """As the system has it now, and without a word on stock."""
    assert _living(order_state="cancelled").verdict("R-OPEN") == "refuse"
    assert _living(order_state="closed").verdict("R-OPEN") == "refuse"
    assert _living(qty_open=0).verdict("R-DELIVERED") == "refuse"
    assert not [one for one in _living(qty_open=0).draft().checks if one.rule == "R-ATP"]


@guarantees("rules.sales_delivery_date")
@pytest.mark.parametrize(
    ("new_date", "rule", "verdict"),
    [
        ("2026-03-27", "R-SAME-DATE", "refuse"),
        ("2026-03-15", "R-DATE", "refuse"),
        ("2026-03-16", "R-DATE", "ok"),
        ("2027-03-17", "R-DATE", "ok"),
        ("2027-03-18", "R-DATE", "refuse"),
        ("2026-03-23", "R-ATP", "refuse"),
        ("2026-03-24", "R-ATP", "ok"),
    ],
)
def test_a_date_is_not_past_within_a_year_and_not_before_its_cover(new_date: str, rule: str, verdict: str) -> None:
    """Today is the 16th; the purchase order is promised for the 24th."""
    assert PROMISE.given(new_date=new_date).verdict(rule) == verdict


@guarantees("rules.sales_delivery_date")
def test_stock_and_what_is_picked_can_be_promised_at_once() -> None:
    """A lot that may not be used is no cover."""
    today = PROMISE.given(new_date="2026-03-16")
    stocked = today.having(stock=(rows.StockRow("L1", 40 * UNIT),))
    assert stocked.verdict("R-ATP") == "ok"
    assert stocked.having(lots=(rows.LotRow("L1", "Restricted", None),)).verdict("R-ATP") == "refuse"
    assert today.having(deliveries=(rows.DeliveryRow("10", "000010", 40 * UNIT),)).verdict("R-ATP") == "ok"


@guarantees("rules.sales_delivery_date")
def test_what_nothing_covers_may_only_move_out_and_is_flagged() -> None:
    """An earlier promise would be a lie; a later one is no worse than what stands."""
    bare = PROMISE.having(purchase_lines=())
    assert bare.verdict("R-ATP") == "flag"
    assert bare.check("R-ATP").facts == {"qty_uncovered": "40", "uom": "EA"}
    assert bare.given(new_date="2026-03-26").verdict("R-ATP") == "refuse"


@guarantees("rules.sales_delivery_date")
def test_what_the_system_says_is_still_to_go_counts_not_the_copy() -> None:
    """Seventy are open now: the sixty of the order do not cover them."""
    assert _living(qty_open=70 * UNIT).verdict("R-ATP") == "flag"
    with pytest.raises(RuleNotEvaluableError):
        PROMISE.having(sales_demand=()).draft()
    with pytest.raises(RuleNotEvaluableError):
        PROMISE.having(sales_demand=(SALES_DEMAND._replace(uom="BX"),)).draft()


@guarantees("rules.sales_delivery_date")
def test_blocks_and_days_after_the_wish_are_flagged() -> None:
    """The approver has to know, and may still say yes."""
    assert _living(delivery_block="01").verdict("R-BLOCK") == "flag"
    assert _living(credit_status="blocked").verdict("R-BLOCK") == "flag"
    assert _living(credit_status=None).verdict("R-BLOCK") == "flag"
    assert PROMISE.check("R-REQUESTED").facts == {"requested_date": "2026-03-20", "days": 10}
    wished = _living(requested_date="2026-03-30")
    assert wished.verdict("R-REQUESTED") == "ok"
    earlier = wished.given(new_date="2026-03-26").draft()
    assert not [one for one in earlier.checks if one.verdict == "flag"]


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize("gap", ["purchase_lines", "demand", "sales_demand", "deliveries", "supply_orders", "stock"])
def test_a_date_whose_cover_can_not_be_worked_out_is_refused(gap: str) -> None:
    """Nothing found where nobody looked is no cover and no lack of it."""
    with pytest.raises(RuleNotEvaluableError) as caught:
        replace(PROMISE, gaps=(gap,)).draft()
    assert caught.value.facts == {"rule": "R-ATP", "missing": gap}


@guarantees("rules.sales_delivery_date")
def test_without_reservations_the_cover_is_told_as_such() -> None:
    """Another order may hold the stock."""
    assert replace(PROMISE, gaps=("reservations",)).verdict("R-ATP") == "flag"
    stocked = PROMISE.having(stock=(rows.StockRow("L1", 40 * UNIT),), purchase_lines=(OPEN_LINE,))
    assert replace(stocked, gaps=("reservations",)).verdict("R-ATP") == "flag"
