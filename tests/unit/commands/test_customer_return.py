"""What a customer may send back: what was delivered lately, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands.rows_selling import ReturnedRow
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import UNIT
from tests.unit.commands.selling import SEND_BACK, SENT, SOLD_LINE

BACK = ReturnedRow("60", 3 * UNIT, "EA", "pending", "closed")


@guarantees("rules.customer_return", "P7.exact_numbers")
def test_a_sound_return_says_what_it_was_sold_for() -> None:
    """Five of sixty that were sold for 100.00: 8.3333, rounded once."""
    draft = SEND_BACK.draft()
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "", "", "")
    assert draft.fields == {
        "sales_order_id": "10", "sales_order_line": "000010", "qty": "5", "uom": "EA", "reason_code": "DAMAGED",
        "lot_id": "L1", "versions": [{"line": "000010", "version": "v3"}],
    }  # fmt: skip
    assert Change(field="qty", before="", after="5", unit="EA") in draft.changes
    assert draft.amounts == {"material_id": "RM-1", "site": "1000", "value": "8.3333", "currency": "EUR"}
    assert [one.rule for one in draft.checks if one.verdict != "ok"] == ["R-WARRANTY"]
    assert "Nothing is credited or paid by it, no stock is posted, and no customer is told." in draft.effects
    unknown = SEND_BACK.living(sold=(replace(SOLD_LINE, net_value=None),)).draft()
    assert unknown.amounts == {"material_id": "RM-1", "site": "1000"}


@guarantees("rules.customer_return")
def test_a_line_that_is_not_there_is_refused() -> None:
    """And one of two systems is not judged."""
    for case, rule in ((SEND_BACK.having(sold=()), "R-LINE"), (SEND_BACK.given(line="000020"), "R-LINE"),
                       (SEND_BACK.living(sold=()), "R-GONE")):  # fmt: skip
        with pytest.raises(RuleRefusedError) as refused:
            case.draft()
        assert refused.value.facts["rule"] == rule
    with pytest.raises(RuleNotEvaluableError):
        SEND_BACK.having(sold=SEND_BACK.rows["sold"] * 2).draft()


@guarantees("rules.customer_return")
def test_no_more_comes_back_than_went_out_and_has_not_come_back() -> None:
    """Sixty went out; those of a closed return came back too."""
    some = SEND_BACK.given(lot_id=None).having(sent=(SENT._replace(qty=60 * UNIT),), returned=(BACK,))
    assert some.given(qty=57 * UNIT).verdict("R-DELIVERED") == "ok"
    over = some.given(qty=58 * UNIT).check("R-DELIVERED")
    assert (over.verdict, over.facts["would_pass"]) == ("refuse", "57")
    for qty in (0, 1):
        assert SEND_BACK.given(qty=qty).verdict("R-QTY") == "refuse"


@guarantees("rules.customer_return")
def test_only_what_was_delivered_within_thirty_days_comes_back() -> None:
    """Today is the 16th of March: the 14th of February is the first day."""
    assert SEND_BACK.given(qty=20 * UNIT).verdict("R-WINDOW") == "ok"
    assert SEND_BACK.given(qty=21 * UNIT, lot_id=None).check("R-WINDOW").facts["would_pass"] == "20"
    for day, verdict in (("2026-02-14", "ok"), ("2026-02-13", "refuse")):
        assert SEND_BACK.having(sent=(SENT._replace(delivered_on=day),)).verdict("R-WINDOW") == verdict
    unproved = SENT._replace(delivered_on=None)
    assert SEND_BACK.having(sent=(unproved,)).verdict("R-WINDOW") == "ok"
    waiting = SENT._replace(actual_goods_issue=None)
    assert SEND_BACK.having(sent=(waiting,)).verdict("R-LOT") == "refuse"


@guarantees("rules.customer_return")
def test_a_lot_is_one_that_went_out_or_the_approver_is_told() -> None:
    """Another lot would be traced to the wrong supplier."""
    assert SEND_BACK.given(lot_id="L9").check("R-LOT").facts["delivered"] == "L1, L2"
    assert SEND_BACK.given(lot_id=None).verdict("R-LOT") == "flag"
    assert SEND_BACK.given(lot_id="L2").verdict("R-WINDOW") == "refuse"
    assert SEND_BACK.given(reason_code="ODD").verdict("R-REASON-CODE") == "flag"


@guarantees("rules.duplicate")
@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (BACK, "ok"),
        (BACK._replace(order_state="received"), "flag"),
        (BACK._replace(order_state="open"), "flag"),
        (BACK._replace(order_state="open", qty=5 * UNIT), "refuse"),
    ],
)
def test_an_announced_return_of_the_same_quantity_is_a_duplicate(other: ReturnedRow, verdict: str) -> None:
    """Any other open one is told."""
    assert SEND_BACK.having(returned=(other,)).verdict("R-DUPLICATE") == verdict


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize("gap", ["sent", "returned"])
def test_what_nobody_looked_at_refuses(gap: str) -> None:
    """Nothing came back, as far as anybody looked, is no answer."""
    with pytest.raises(RuleNotEvaluableError):
        replace(SEND_BACK, gaps=(gap,)).draft()
    with pytest.raises(RuleNotEvaluableError):
        SEND_BACK.having(sent=(SENT._replace(uom="BX"),)).draft()
    with pytest.raises(RuleNotEvaluableError):
        SEND_BACK.having(returned=(BACK._replace(uom="BX"),)).draft()
