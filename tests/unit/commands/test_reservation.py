"""What stock may be held, for whom, and how much of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows, rows_planning
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import NOW, UNIT, Case
from tests.unit.commands.planning import MATERIAL, NEEDED, RESERVE, held, lot, stock

SOLD = SalesOrderLine(
    system="erp", source_key="10/000010", version_token="v1", as_of=NOW, sales_order_id="10", line="000010",
    site="1000", customer_id="C1", material_id="RM-1", qty_ordered=30 * UNIT, qty_delivered=0, qty_open=30 * UNIT,
    uom="EA", requested_date="2026-03-26", order_state="open",
)  # fmt: skip


def _fact(case: Case, rule: str, name: str = "would_pass") -> str | int:
    check = case.check(rule)
    assert check.verdict == "refuse"
    return check.facts[name]


def _unknown(case: Case) -> str:
    with pytest.raises(RuleNotEvaluableError) as caught:
        case.draft()
    return str(caught.value.facts["rule"])


@guarantees("rules.reservation")
def test_a_sound_wish_becomes_a_draft_for_the_lot_that_expires_first() -> None:
    """L2 expires in June, L1 in December; both have enough."""
    draft = RESERVE.draft()
    assert {one.verdict for one in draft.checks} == {"ok"}
    assert (draft.system, draft.key, draft.version_token) == ("erp", "", "")
    assert draft.fields == {
        "material_id": "RM-1", "site": "1000", "lot_id": "L2", "demand_type": "production_order", "demand_id": "P1",
        "demand_line": "0010", "qty": "20", "uom": "EA", "need_date": "2026-03-25",
    }  # fmt: skip
    assert "Free at the site for that day: 110 EA instead of 130." in draft.effects
    assert "Nothing is moved, picked or issued by it." in draft.effects


@guarantees("rules.reservation")
def test_a_quantity_in_another_unit_is_held_in_the_base_unit_exactly() -> None:
    """Two boxes are five pieces; a thousandth of a box is two and a half thousandths of a piece."""
    assert RESERVE.given(qty=2 * UNIT, uom="BX").draft().fields["qty"] == "5"
    assert RESERVE.given(qty=UNIT // 1000, uom="BX").verdict("R-QTY") == "refuse"
    assert RESERVE.given(qty=2 * UNIT // 1000, uom="BX").verdict("R-QTY") == "ok"
    assert _fact(RESERVE.given(uom="KGM"), "R-UOM", "base_uom") == "EA"
    assert RESERVE.given(qty=0).verdict("R-QTY") == "refuse"
    assert _unknown(replace(RESERVE.given(uom="BX"), gaps=("units",))) == "R-UOM"


@guarantees("rules.reservation")
def test_safety_stock_is_left_alone() -> None:
    """Of 130 free pieces 40 are safety stock, and 80 held by others leave ten."""
    others = RESERVE.living(held=(held("R1", "L1", 80),))
    assert others.given(qty=10 * UNIT).verdict("R-STOCK") == "ok"
    assert _fact(others.given(qty=10 * UNIT + 1000), "R-SAFETY") == "10"
    unknown = RESERVE.having(planning=(rows_planning.SafetyRow("erp", "1000", None),))
    assert unknown.verdict("R-SAFETY") == "person"


@guarantees("rules.reservation")
def test_what_others_hold_is_not_free_and_one_lot_must_be_enough() -> None:
    """Stock held without a lot counts against the whole."""
    tight = RESERVE.living(held=(held("R1", "L1", 85), held("R2", "L2", 15)))
    assert _fact(tight, "R-LOT") == "15"
    assert _fact(tight.given(lot_id="L2"), "R-STOCK") == "15"
    loose = RESERVE.living(held=(held("R1", None, 121),)).having(planning=(rows_planning.SafetyRow("erp", "1000", 0),))
    assert loose.given(qty=9 * UNIT).verdict("R-STOCK") == "ok"
    assert _fact(loose.given(qty=9 * UNIT + 1000), "R-STOCK") == "9"
    assert RESERVE.living(on_hand=()).verdict("R-LOT") == "refuse"
    quality = RESERVE.living(on_hand=(stock("L1", 100, stock_type="quality"),))
    assert quality.verdict("R-LOT") == "refuse"


@guarantees("rules.reservation")
def test_a_lot_on_hold_restricted_or_expired_by_then_is_refused_and_never_chosen() -> None:
    """It must last beyond the need date."""
    asked = RESERVE.having(holds=(rows_planning.HoldRow("QN1", "L2"),))
    assert asked.draft().fields["lot_id"] == "L1"
    assert _fact(asked.given(lot_id="L2"), "R-LOT-HOLD", "notification_id") == "QN1"
    restricted = RESERVE.living(held_lots=(lot("L1"), lot("L2", disposition="Restricted")))
    assert restricted.draft().fields["lot_id"] == "L1"
    assert restricted.given(lot_id="L2").verdict("R-LOT") == "refuse"
    expired = RESERVE.living(held_lots=(lot("L1"), lot("L2", "2026-03-25")))
    assert expired.draft().fields["lot_id"] == "L1"
    assert expired.given(lot_id="L2").verdict("R-EXPIRY") == "refuse"
    lasting = RESERVE.living(held_lots=(lot("L1"), lot("L2", "2026-03-26")))
    assert lasting.given(lot_id="L2").verdict("R-LOT") == "ok"
    assert RESERVE.given(lot_id="L9").verdict("R-LOT") == "refuse"


@guarantees("rules.reservation")
def test_a_lot_out_of_turn_is_flagged_with_the_one_that_expires_first() -> None:
    """Who named it may have a reason; a person sees it."""
    assert RESERVE.given(lot_id="L1").check("R-FEFO").facts["lot_id"] == "L2"
    assert RESERVE.given(lot_id="L2").verdict("R-FEFO") == "ok"


@guarantees("rules.reservation")
def test_no_more_is_held_than_the_line_still_needs() -> None:
    """Fifty are open and twenty-nine held: twenty-one are left."""
    some = RESERVE.living(held=(held("R1", "L1", 29, "P1"),))
    assert some.given(qty=21 * UNIT).verdict("R-NEED") == "ok"
    assert _fact(some.given(qty=21 * UNIT + 1000), "R-NEED") == "21"


@guarantees("rules.reservation")
def test_only_an_open_line_that_needs_it_is_held_for_and_one_of_several_must_be_named() -> None:
    """What is picked for a customer needs no more stock."""
    for gone in (RESERVE.living(components=()), RESERVE.given(demand_line="0020"), RESERVE.given(demand_id="P2")):
        with pytest.raises(RuleRefusedError) as refused:
            gone.draft()
        assert refused.value.facts["rule"] == "R-DEMAND"
    two = RESERVE.living(components=(NEEDED, replace(NEEDED, source_key="P1/0020", line="0020")))
    with pytest.raises(RuleRefusedError) as several:
        two.draft()
    assert "0010, 0020" in str(several.value.facts["message"])
    assert two.given(demand_line="0020").draft().fields["demand_line"] == "0020"
    sales = RESERVE.living(components=(), sales_lines=(SOLD,)).given(demand_id="10")
    assert sales.draft().fields["demand_type"] == "sales_order"
    picked = sales.having(deliveries=(rows.DeliveryRow("10", "000010", 25 * UNIT),))
    assert _fact(picked, "R-NEED") == "5"
    closed = sales.living(sales_lines=(replace(SOLD, order_state="closed"),))
    with pytest.raises(RuleRefusedError):
        closed.draft()


@guarantees("rules.reservation")
@pytest.mark.parametrize(
    ("need_date", "rule", "verdict"),
    [
        ("2026-03-15", "R-DATE", "refuse"),
        ("2026-03-16", "R-DATE", "ok"),
        ("2027-03-18", "R-DATE", "refuse"),
        ("2026-03-30", "R-END", "ok"),
        ("2026-03-31", "R-END", "flag"),
    ],
)
def test_the_need_date_is_not_past_and_bounds_how_long_stock_is_held(need_date: str, rule: str, verdict: str) -> None:
    """Systems keep no end of a reservation, so longer than a fortnight is told."""
    assert RESERVE.given(need_date=need_date).verdict(rule) == verdict


@guarantees("rules.reservation")
def test_a_blocked_material_or_one_that_is_not_planned_there_is_not_held() -> None:
    """A discontinued one may be used up."""
    assert RESERVE.living(materials=(replace(MATERIAL, status="blocked"),)).verdict("R-MATERIAL-STATUS") == "refuse"
    assert RESERVE.living(materials=(replace(MATERIAL, status="discontinued"),)).verdict("R-MATERIAL-STATUS") == "ok"
    with pytest.raises(RuleRefusedError) as refused:
        RESERVE.having(planning=()).draft()
    assert refused.value.facts["rule"] == "R-MATERIAL"
    twice = RESERVE.having(
        materials=(*RESERVE.rows["materials"], rows.MaterialRow("other", "RM-1", "RM-1", "EA", "active")),
        planning=(*RESERVE.rows["planning"], rows_planning.SafetyRow("other", "1000", 0)),
    )
    assert _unknown(twice) == "R-MATERIAL"


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize(
    ("gap", "rule"),
    [
        ("held_lots", "R-LOT"),
        ("holds", "R-LOT"),
        ("components", "R-DEMAND"),
        ("sales_lines", "R-DEMAND"),
        ("stock", "R-IMPACT"),
        ("demand", "R-IMPACT"),
    ],
)
def test_what_can_not_be_looked_at_is_not_taken_for_fine(gap: str, rule: str) -> None:
    """Neither lots nor orders nor who loses by it."""
    assert _unknown(replace(RESERVE, gaps=(gap,))) == rule


@guarantees("rules.not_evaluable")
def test_a_lot_or_a_material_without_a_state_can_not_be_judged() -> None:
    """A system that says nothing has not said yes."""
    assert _unknown(RESERVE.living(materials=(replace(MATERIAL, status=None),))) == "R-MATERIAL-STATUS"
    silent = RESERVE.living(held_lots=(lot("L1", disposition=None), lot("L2", disposition=None)))
    assert _unknown(silent.given(lot_id="L2")) == "R-LOT"


@guarantees("rules.impact")
def test_who_loses_what_is_free_today_is_named() -> None:
    """Another order needs fifty earlier, and 130 pieces cover both; with sixty only one."""
    earlier = rows.ComponentRow("P2", "0010", 50 * UNIT, "EA", "2026-03-20", None)
    both = RESERVE.having(demand=(*RESERVE.rows["demand"], earlier))
    assert both.verdict("R-IMPACT") == "ok"
    scarce = both.having(stock=(rows.StockRow("L1", 60 * UNIT),)).given(lot_id="L1")
    assert scarce.check("R-IMPACT").facts == {"worse": 1, "better": 1}
    assert any(one.startswith("Production order P2/0010 needs 50 EA by 2026-03-20") for one in scarce.draft().effects)
