"""What may go to a customer: open, not blocked, in stock for it, and no more than is open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands.rows import DeliveryRow
from erp_mcp.commands.rows_planning import HoldRow
from erp_mcp.commands.rows_selling import SalesLineRefRow
from erp_mcp.domain.entities.inventory import Reservation
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import NOW, UNIT, Case
from tests.unit.commands.selling import SALES_LINE, SALES_ORDER, SHIP, STOCK, USABLE_LOT, wanted

SECOND = replace(SALES_LINE, source_key="10/000020", line="000020", version_token="v4", qty_open=20 * UNIT)
SECOND_ROW = SalesLineRefRow("erp", "10/000020", "10", "000020", "1000", "RM-1")
HELD = Reservation(
    system="erp", source_key="R1", version_token="v1", as_of=NOW, reservation_id="R1", material_id="RM-1", site="1000",
    lot_id="L1", demand_type="sales_order", demand_id="99", demand_line="000010", qty=10 * UNIT, uom="EA",
)  # fmt: skip


def _two(**quantities: int) -> Case:
    return (
        SHIP.given(lines=wanted(**quantities))
        .having(order_lines=(*SHIP.rows["order_lines"], SECOND_ROW))
        .living(order_lines=(SALES_LINE, SECOND))
    )


@guarantees("rules.delivery")
def test_a_sound_delivery_carries_the_versions_of_all_it_stands_on() -> None:
    """The system compares them before it writes."""
    draft = SHIP.draft()
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "", "", "")
    assert draft.fields == {
        "sales_order_id": "10",
        "planned_goods_issue": "2026-03-20",
        "lines": [{"line": "000010", "qty": "40", "uom": "EA"}],
        "versions": [{"line": "", "version": "v9"}, {"line": "000010", "version": "v3"}],
    }
    assert Change(field="000010/qty", before="", after="40", unit="EA") in draft.changes
    assert [one.rule for one in draft.checks if one.verdict != "ok"] == ["R-EXPORT"]
    assert "Goods issue is not posted and nothing is picked by it: the warehouse does both." in draft.effects
    assert draft.amounts == {"material_id": "RM-1", "site": "1000"}


@guarantees("rules.delivery")
def test_what_is_not_there_or_named_twice_is_refused() -> None:
    """Before any rule is looked at."""
    twice = SHIP.given(lines=replace(wanted(_000010=5), rows=(("000010", UNIT),) * 2))
    for case, rule in (
        (SHIP.having(order=()), "R-ORDER"),
        (SHIP.given(lines=wanted(_000030=5)), "R-LINE"),
        (twice, "R-LINE"),
        (SHIP.living(order=()), "R-GONE"),
        (SHIP.living(order_lines=()), "R-GONE"),
    ):
        with pytest.raises(RuleRefusedError) as refused:
            case.draft()
        assert refused.value.facts["rule"] == rule
    with pytest.raises(RuleNotEvaluableError):
        SHIP.having(order=SHIP.rows["order"] * 2).draft()


@guarantees("rules.delivery")
@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"order_state": "closed"}, "R-OPEN"),
        ({"credit_status": "blocked"}, "R-CREDIT"),
        ({"delivery_block": "01"}, "R-DELIVERY-BLOCK"),
    ],
)
def test_a_block_on_the_order_or_on_a_line_stops_it(changed: dict[str, str], rule: str) -> None:
    """As the system has it now, wherever it is set."""
    assert SHIP.living(order=(replace(SALES_ORDER, **changed),)).verdict(rule) == "refuse"  # type: ignore[arg-type]
    if rule != "R-OPEN":
        line = replace(SALES_LINE, **changed)  # type: ignore[arg-type]
        assert SHIP.living(order_lines=(line,)).verdict(rule) == "refuse"
        assert SHIP.verdict(rule) == "ok"


@guarantees("rules.not_evaluable")
def test_a_credit_that_nobody_knows_and_deliveries_that_nobody_sees_refuse() -> None:
    """A system that says nothing has not said yes."""
    for case in (SHIP.living(order=(replace(SALES_ORDER, credit_status=None),)), replace(SHIP, gaps=("shipping",)),
                 replace(SHIP, gaps=("held_lots",)), replace(SHIP, gaps=("holds",))):  # fmt: skip
        with pytest.raises(RuleNotEvaluableError):
            case.draft()


@guarantees("rules.delivery")
@pytest.mark.parametrize(
    ("date", "verdict"),
    [("2026-03-15", "refuse"), ("2026-03-16", "ok"), ("2026-03-27", "ok"), ("2026-03-28", "flag"),
     ("2027-03-18", "refuse")],
)  # fmt: skip
def test_a_day_is_not_past_and_one_after_the_promise_is_told(date: str, verdict: str) -> None:
    """Promised for the 27th."""
    assert SHIP.given(planned_goods_issue=date).verdict("R-DATE") == verdict


@guarantees("rules.delivery")
def test_no_more_goes_than_is_open_and_in_no_delivery_yet() -> None:
    """Forty are open; fifteen of them are in a delivery that has not left."""
    assert SHIP.check("R-OPEN-QTY").verdict == "ok"
    assert SHIP.given(lines=wanted(_000010=39)).check("R-OPEN-QTY").facts == {"line": "000010", "left": "1"}
    over = SHIP.given(lines=wanted(_000010=41)).check("R-OPEN-QTY")
    assert (over.verdict, over.facts["would_pass"]) == ("refuse", "40")
    going = SHIP.having(shipping=(DeliveryRow("10", "000010", 15 * UNIT),))
    assert going.check("R-OPEN-QTY").facts["would_pass"] == "25"
    assert going.having(shipping=(DeliveryRow("10", "000010", 40 * UNIT),)).verdict("R-OPEN-QTY") == "refuse"
    for qty in (0, 1):
        fine = SHIP.given(lines=replace(wanted(_000010=1), rows=(("000010", qty),)))
        assert fine.verdict("R-QTY") == "refuse"


@guarantees("rules.delivery")
def test_only_usable_stock_that_nobody_else_has_can_be_picked() -> None:
    """Fifty are there; ten of them are held for another order, or in its delivery, or both."""
    assert SHIP.verdict("R-STOCK") == "ok"
    held = SHIP.living(held=(HELD,))
    assert held.verdict("R-STOCK") == "ok"
    more = held.living(held=(replace(HELD, qty=11 * UNIT),)).check("R-STOCK")
    assert (more.verdict, more.facts["would_pass"]) == ("refuse", "39")
    other = SalesLineRefRow("erp", "99/000010", "99", "000010", "1000", "RM-1")
    both = held.having(shipping=(DeliveryRow("99", "000010", 10 * UNIT),), others=(other,))
    assert both.verdict("R-STOCK") == "ok"
    assert SHIP.having(shipping=(DeliveryRow("99", "000010", 11 * UNIT),), others=(other,)).verdict("R-STOCK") == (
        "refuse"
    )
    own = replace(HELD, demand_id="10", qty=40 * UNIT)
    assert SHIP.living(held=(own,)).verdict("R-STOCK") == "ok"
    for bad in (replace(USABLE_LOT, lot_disposition="Restricted"), replace(USABLE_LOT, expiry_date="2026-03-20")):
        assert SHIP.living(held_lots=(bad,)).verdict("R-STOCK") == "refuse"
    assert SHIP.having(holds=(HoldRow("QN1", "L1"),)).verdict("R-STOCK") == "refuse"
    assert SHIP.living(on_hand=(replace(STOCK, qty=39 * UNIT),)).verdict("R-STOCK") == "refuse"


@guarantees("rules.delivery")
def test_what_the_line_has_in_deliveries_is_not_picked_again() -> None:
    """Fifteen of its forty are in one that has not left: of forty in stock, twenty-five are there for the rest."""
    going = SHIP.having(shipping=(DeliveryRow("10", "000010", 15 * UNIT),)).given(lines=wanted(_000010=25))
    assert going.living(on_hand=(replace(STOCK, qty=40 * UNIT),)).verdict("R-STOCK") == "ok"
    short = going.living(on_hand=(replace(STOCK, qty=39 * UNIT),)).check("R-STOCK")
    assert (short.verdict, short.facts["would_pass"]) == ("refuse", "24")


@guarantees("rules.delivery")
def test_lines_of_one_material_share_its_stock_once() -> None:
    """Fifty are there; what a line holds for itself is not taken from it twice."""
    assert [one.verdict for one in _two(_000010=40, _000020=10).draft().checks if one.rule == "R-STOCK"] == ["ok"] * 2
    short = [one for one in _two(_000010=40, _000020=11).draft().checks if one.rule == "R-STOCK"]
    assert [one.verdict for one in short] == ["ok", "refuse"]
    assert short[1].facts["would_pass"] == "10"
    own = tuple(
        replace(HELD, source_key=line, reservation_id=line, demand_id="10", demand_line=line, qty=qty * UNIT)
        for line, qty in (("000010", 40), ("000020", 10))
    )
    both = _two(_000010=40, _000020=10).living(held=own)
    assert [one.verdict for one in both.draft().checks if one.rule == "R-STOCK"] == ["ok"] * 2


@guarantees("rules.delivery")
def test_lines_of_two_sites_are_two_deliveries() -> None:
    """Nobody picks in two places at once."""
    far = _two(_000010=5, _000020=5).living(order_lines=(SALES_LINE, replace(SECOND, site="2000")))
    assert far.verdict("R-SITE") == "refuse"
