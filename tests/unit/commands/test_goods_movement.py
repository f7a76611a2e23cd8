"""Which goods movement may be posted, with whose word, and how much of what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows_planning
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import Case
from tests.unit.commands.planning import BOUGHT, ISSUE, MATERIAL, NEEDED, RECEIPT, SCRAP, TRANSFER, lot, movement


def _refused(case: Case) -> dict[str, object]:
    with pytest.raises(RuleRefusedError) as caught:
        case.draft()
    return dict(caught.value.facts)


def _unknown(case: Case) -> str:
    with pytest.raises(RuleNotEvaluableError) as caught:
        case.draft()
    return str(caught.value.facts["rule"])


def _limit(case: Case, rule: str) -> str | int:
    check = case.check(rule)
    assert check.verdict == "refuse"
    return check.facts["would_pass"]


@guarantees("rules.goods_movement")
def test_an_issue_is_a_new_document_on_the_versions_of_what_it_refers_to() -> None:
    """Five pieces at 12.345 for ten are 6.17 and a quarter cent."""
    draft = ISSUE.draft()
    assert {one.rule for one in draft.checks if one.verdict == "person"} == {"R-PERIOD", "R-SERIAL", "R-BACKFLUSH"}
    assert not [one for one in draft.checks if one.verdict == "flag"]
    assert not [one for one in draft.checks if one.verdict == "refuse"]
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "", "", "")
    assert draft.fields == {
        "movement": "issue_to_order",
        "site": "1000",
        "reference_type": "production_order",
        "reference_id": "P1",
        "confirmed_by": "A. Weber, store, 05:40",
        "lines": [
            {
                "reference_line": "0010", "material_id": "RM-1", "lot_id": "L1", "storage_location_id": "0001",
                "to_location": None, "qty": "5", "uom": "EA",
            }
        ],
        "versions": {"P1/0010": "v1"},
    }  # fmt: skip
    assert draft.amounts == {"value": "6.1725", "currency": "EUR"}
    assert Change(field="lines[0] RM-1 stock at 0001", before="100", after="95", unit="EA") in draft.changes
    assert Change(field="lines[0] RM-1 open of P1/0010", before="50", after="45", unit="EA") in draft.changes


@guarantees("rules.goods_movement")
@pytest.mark.parametrize(
    ("movement_asked", "witness", "rule"),
    [("adjust", "A. Weber", "R-CODE"), ("initial", "A. Weber", "R-CODE")],
)
def test_what_changes_stock_without_a_document_is_not_proposed(movement_asked: str, witness: str, rule: str) -> None:
    """Neither differences nor initial stock."""
    assert _refused(ISSUE.given(movement=movement_asked, confirmed_by=witness))["rule"] == rule


@guarantees("rules.goods_movement")
@pytest.mark.parametrize(
    ("witness", "verdict"), [("Weber", "ok"), ("Webe", "refuse"), ("12345", "refuse"), ("     ", "refuse")]
)
def test_somebody_on_site_has_seen_it(witness: str, verdict: str) -> None:
    """A name has letters."""
    assert ISSUE.given(confirmed_by=witness).verdict("R-WITNESS") == verdict


@guarantees("rules.goods_movement")
def test_an_issue_is_for_no_more_than_the_component_still_needs_over_all_its_lines() -> None:
    """Fifty are open; one lot gives ten, another the rest. Nobody holds anything here."""
    free = ISSUE.living(held=())
    assert free.given(lines=movement({"qty": 50})).verdict("R-REFERENCE") == "ok"
    assert _limit(free.given(lines=movement({"qty": 51})), "R-OPEN-QTY") == "50"
    both = free.given(lines=movement({"qty": 10}, {"qty": 41, "lot_id": "L2"}))
    assert _limit(both, "R-OPEN-QTY") == "40"
    for state in ("Waiting", "Held", "Completed"):
        order = replace(ISSUE.live["order"][0], request_state=state)  # type: ignore[call-arg]
        assert ISSUE.living(order=(order,)).verdict("R-REFERENCE") == "refuse"


@guarantees("rules.goods_movement")
def test_stock_is_not_taken_below_zero_nor_from_others() -> None:
    """Of a hundred sixty are held for another order; what is held for this one is its own."""
    assert ISSUE.given(lines=movement({"qty": 40})).verdict("R-STOCK") == "ok"
    assert _limit(ISSUE.given(lines=movement({"qty": 41})), "R-STOCK") == "40"
    split = ISSUE.given(lines=movement({"qty": 30}, {"qty": 11, "reference_line": "0020"})).living(
        components=(NEEDED, replace(NEEDED, source_key="P1/0020", line="0020"))
    )
    assert _refused(split)["rule"] == "R-REFERENCE"  # the first line has to say which of both it means
    named = split.given(lines=movement({"qty": 30, "reference_line": "0010"}, {"qty": 11, "reference_line": "0020"}))
    assert _limit(named, "R-STOCK") == "10"
    assert TRANSFER.given(lines=movement({"to_location": "0002", "qty": 100})).verdict("R-STOCK") == "ok"
    assert _limit(TRANSFER.given(lines=movement({"to_location": "0002", "qty": 101})), "R-STOCK") == "100"
    assert _limit(SCRAP.given(lines=movement({"qty": 31})), "R-STOCK") == "30"


@guarantees("rules.goods_movement")
def test_a_receipt_is_for_no_more_than_is_open_in_the_unit_of_the_order() -> None:
    """Sixty boxes are open, that is a hundred and fifty pieces; five pieces are two boxes."""
    draft = RECEIPT.draft()
    assert draft.fields["lines"] == [
        {
            "reference_line": "10", "material_id": "RM-1", "lot_id": "L7", "storage_location_id": "0001",
            "to_location": None, "qty": "2", "uom": "BX",
        }
    ]  # fmt: skip
    assert draft.fields["versions"] == {"45/10": "v7"}
    whole = RECEIPT.given(lines=movement({"lot_id": "L7", "qty": 150}))
    assert whole.verdict("R-REFERENCE") == "ok"
    assert _limit(RECEIPT.given(lines=movement({"lot_id": "L7", "qty": 155})), "R-OPEN-QTY") == "60"
    assert RECEIPT.verdict("R-INSPECTION") == "flag"
    for changed in ({"order_state": "closed"}, {"release_state": "waiting"}):
        line = replace(BOUGHT, **changed)  # type: ignore[arg-type]
        assert RECEIPT.living(order_lines=(line,)).verdict("R-REFERENCE") == "refuse"


@guarantees("rules.goods_movement")
def test_lots_are_named_and_may_be_used_where_they_are_used() -> None:
    """What expires today may be used today; scrap may be of any lot, and a receipt may bring a new one."""
    assert ISSUE.verdict("R-LOT") == "ok"
    assert ISSUE.living(lots=(lot("L1", "2026-03-15"),)).verdict("R-LOT") == "refuse"
    assert ISSUE.living(lots=(lot("L1", disposition="Restricted"),)).verdict("R-LOT") == "refuse"
    assert ISSUE.living(lots=()).verdict("R-LOT") == "refuse"
    on_hold = (rows_planning.HoldRow("QN1", "L1"),)
    assert ISSUE.having(holds=on_hold).verdict("R-LOT") == "refuse"
    assert SCRAP.having(holds=on_hold).living(lots=(lot("L1", disposition="Restricted"),)).verdict("R-LOT") == "ok"
    assert ISSUE.given(lines=movement({"lot_id": None})).verdict("R-LOT") == "refuse"
    assert RECEIPT.verdict("R-LOT") == "ok"
    other = replace(lot("L7"), material_id="RM-9")
    assert RECEIPT.living(lots=(other,)).verdict("R-LOT") == "refuse"


@guarantees("rules.goods_movement")
def test_scrap_needs_an_open_notification_about_it() -> None:
    """About the material, and about the lot where it names one."""
    (notice,) = SCRAP.rows["notices"]
    assert SCRAP.verdict("R-REFERENCE") == "ok"
    for changed, verdict in (
        ({"lot_id": None}, "ok"),
        ({"lot_id": "L2"}, "refuse"),
        ({"material_id": "RM-2"}, "refuse"),
        ({"order_state": "closed"}, "refuse"),
        ({"notification_id": "QN2"}, "refuse"),
    ):
        assert SCRAP.having(notices=(notice._replace(**changed),)).verdict("R-REFERENCE") == verdict


@guarantees("rules.goods_movement")
def test_lines_that_repeat_or_lead_nowhere_are_refused() -> None:
    """One line with the sum says the same."""
    assert ISSUE.given(lines=movement({}, {})).verdict("R-LINES") == "refuse"
    assert ISSUE.given(lines=movement({"to_location": "0002"})).verdict("R-LINES") == "refuse"
    for to in (None, "0001"):
        assert TRANSFER.given(lines=movement({"to_location": to})).verdict("R-LINES") == "refuse"
    assert TRANSFER.verdict("R-LINES") == "ok"
    assert TRANSFER.verdict("R-REFERENCE") == "person"


@guarantees("rules.goods_movement")
def test_materials_units_and_references_that_are_none_are_named_with_their_line() -> None:
    """The second line is the wrong one."""
    for wrong, rule in (
        ({"material_id": "RM-9"}, "R-MATERIAL"),
        ({"uom": "KGM"}, "R-UOM"),
        ({"qty": 0}, "R-QTY"),
        ({"reference_line": "0099"}, "R-REFERENCE"),
    ):
        facts = _refused(ISSUE.given(lines=movement({}, {"lot_id": "L2", **wrong})))
        assert (facts["rule"], facts["line"]) == (rule, 1)
    blocked = replace(MATERIAL, status="blocked")
    assert ISSUE.living(materials=(blocked,)).verdict("R-MATERIAL-STATUS") == "refuse"
    assert SCRAP.living(materials=(blocked,)).verdict("R-MATERIAL-STATUS") == "ok"


@guarantees("rules.goods_movement")
def test_a_value_is_said_only_where_it_is_known_in_one_currency() -> None:
    """Otherwise a person is told that it is not."""
    (price,) = ISSUE.rows["planning"]
    assert ISSUE.draft().amounts["value"] == "6.1725"
    unknown = ISSUE.having(planning=(price._replace(standard_price=None),))
    assert unknown.draft().amounts == {}
    assert unknown.verdict("R-VALUE") == "flag"


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize(
    ("case", "gap", "rule"),
    [
        (ISSUE, "components", "R-REFERENCE"),
        (ISSUE, "order", "R-REFERENCE"),
        (RECEIPT, "order_lines", "R-REFERENCE"),
        (RECEIPT, "units", "R-UOM"),
        (SCRAP, "notices", "R-REFERENCE"),
        (ISSUE, "managed", "R-LOT"),
        (ISSUE, "lots", "R-LOT"),
        (ISSUE, "holds", "R-LOT"),
    ],
)
def test_what_can_not_be_looked_at_is_not_taken_for_fine(case: Case, gap: str, rule: str) -> None:
    """A rule without its facts says nothing."""
    assert _unknown(replace(case, gaps=(gap,))) == rule


@guarantees("rules.not_evaluable")
def test_what_does_not_fit_together_is_not_judged() -> None:
    """Stock in another unit, two systems, a material without a state."""
    boxes = replace(ISSUE.live["on_hand"][0], uom="BX")  # type: ignore[call-arg]
    assert _unknown(ISSUE.living(on_hand=(boxes,))) == "R-STOCK"
    assert _unknown(ISSUE.having(order=ISSUE.rows["order"] * 2)) == "R-REFERENCE"
    assert _unknown(ISSUE.living(materials=(replace(MATERIAL, status=None),))) == "R-MATERIAL-STATUS"
