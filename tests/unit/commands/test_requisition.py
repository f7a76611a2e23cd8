"""What may be requested to be bought: each rule from both sides, and what the draft says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import MATERIAL, REQUEST, REQUISITION, SOURCE, UNIT, wanted_from


@guarantees("rules.requisition")
def test_a_sound_request_becomes_a_draft_without_flags() -> None:
    """Payload, preview and value come of the arguments and the best source alone."""
    draft = REQUEST.draft()
    assert {one.rule: one.verdict for one in draft.checks if one.verdict != "ok"} == {"R-BUDGET": "person"}
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "", "", "")
    assert draft.fields == {
        "material_id": "RM-1",
        "site": "1000",
        "qty": "40",
        "uom": "EA",
        "delivery_date": "2026-05-18",
        "supplier_id": None,
        "cost_object": None,
    }
    assert draft.headline == "Request 40 EA of RM-1 for site 1000 by 2026-05-18"
    assert Change(field="qty", before="", after="40", unit="EA") in draft.changes
    assert all(one.before == "" for one in draft.changes)
    assert draft.amounts == {"value": "49.38", "currency": "EUR"}
    assert any(effect.startswith("Undo: ") for effect in draft.effects)


@guarantees("rules.requisition")
@pytest.mark.parametrize("given", [{"material_id": "RM-9"}, {"site": "2000"}])
def test_a_material_that_is_not_planned_at_the_site_is_refused_whichever_of_the_two_is_unknown(
    given: dict[str, str],
) -> None:
    """The words do not tell whether it exists elsewhere."""
    case = (
        REQUEST.given(**given).having(planning=()) if "site" in given else REQUEST.given(**given).having(materials=())
    )
    with pytest.raises(RuleRefusedError) as caught:
        case.draft()
    assert caught.value.facts["rule"] == "R-MATERIAL"


@guarantees("rules.not_evaluable")
def test_a_material_of_two_systems_can_not_be_judged() -> None:
    """Nobody said where the requisition belongs."""
    other = rows.MaterialRow(system="erp2", source_key="RM-1", material_id="RM-1", base_uom="EA", status="active")
    planning = rows.PlanningRow(system="erp2", site="1000", procurement="buy", lead_time_days=1)
    case = REQUEST.having(materials=(*REQUEST.rows["materials"], other), planning=(*REQUEST.rows["planning"], planning))
    with pytest.raises(RuleNotEvaluableError):
        case.draft()


@guarantees("rules.requisition")
@pytest.mark.parametrize("status", ["blocked", "discontinued"])
def test_what_counts_is_the_status_that_the_system_has_now(status: str) -> None:
    """The copied row still says active."""
    case = REQUEST.living(materials=(replace(MATERIAL, status=status),))
    assert case.verdict("R-MATERIAL-STATUS") == "refuse"
    assert case.check("R-MATERIAL-STATUS").facts == {"status": status}


@guarantees("rules.requisition")
def test_a_record_that_the_system_has_no_more_is_refused() -> None:
    """It was copied, but can't be read again."""
    with pytest.raises(RuleRefusedError) as caught:
        REQUEST.living(materials=()).draft()
    assert caught.value.facts["rule"] == "R-GONE"


@guarantees("rules.requisition")
def test_what_is_made_may_be_bought_only_where_a_source_of_supply_is_known() -> None:
    """A flag with a source, a refusal without."""
    made = REQUEST.having(planning=(rows.PlanningRow("erp", "1000", "make", 3),))
    assert made.verdict("R-PURCHASABLE") == "flag"
    assert made.having(sources=()).verdict("R-PURCHASABLE") == "refuse"


@guarantees("rules.requisition")
@pytest.mark.parametrize(("qty", "passes"), [(0, "0.001"), (-5 * UNIT, "0.001"), (40_000_100, "40.001")])
def test_a_quantity_of_nothing_or_with_too_many_places_is_refused_with_one_that_passes(qty: int, passes: str) -> None:
    """No agent has to guess."""
    check = REQUEST.given(qty=qty).check("R-QTY")
    assert (check.verdict, check.facts["would_pass"]) == ("refuse", passes)
    assert passes in check.message


@guarantees("rules.requisition")
def test_a_unit_without_a_conversion_is_refused_with_those_that_have_one() -> None:
    """A box is five halves of a piece; a pallet is nothing known."""
    assert REQUEST.given(uom="BX").verdict("R-UOM") == "ok"
    check = REQUEST.given(uom="PF").check("R-UOM")
    assert (check.verdict, check.facts["known"]) == ("refuse", "BX, EA")


@guarantees("rules.requisition")
def test_less_than_the_minimum_is_refused_with_the_quantity_that_passes_in_the_unit_asked_for() -> None:
    """Ten pieces are four boxes."""
    assert REQUEST.given(qty=10 * UNIT).verdict("R-MIN-QTY") == "ok"
    check = REQUEST.given(qty=3 * UNIT, uom="BX").check("R-MIN-QTY")
    assert (check.verdict, check.facts["would_pass"]) == ("refuse", "4")
    assert REQUEST.given(qty=4 * UNIT, uom="BX").verdict("R-MIN-QTY") == "ok"


@guarantees("rules.requisition")
def test_a_minimum_in_an_unknown_unit_is_told_and_not_guessed() -> None:
    """It neither passes nor refuses by chance."""
    case = REQUEST.having(sources=(SOURCE._replace(uom="PF"),))
    assert case.verdict("R-MIN-QTY") == "person"
    assert (case.verdict("R-VALUE"), case.draft().amounts) == ("flag", {})


@guarantees("rules.requisition")
@pytest.mark.parametrize(
    ("date", "rule", "verdict"),
    [
        ("2026-03-15", "R-DATE", "refuse"),
        ("2026-03-16", "R-LEAD-TIME", "flag"),
        ("2026-03-29", "R-LEAD-TIME", "flag"),
        ("2026-03-30", "R-LEAD-TIME", "ok"),
        ("2027-03-17", "R-LEAD-TIME", "ok"),
        ("2027-03-18", "R-DATE", "refuse"),
    ],
)
def test_a_date_is_past_too_soon_right_or_too_far(date: str, rule: str, verdict: str) -> None:
    """Fourteen days of lead time from Monday the 16th."""
    check = REQUEST.given(delivery_date=date).check(rule)
    assert check.verdict == verdict
    assert date == "2027-03-18" or check.facts["earliest"] == "2026-03-30"


@guarantees("rules.requisition")
def test_without_any_lead_time_the_date_is_flagged() -> None:
    """Unknown is not zero."""
    case = REQUEST.having(sources=(), planning=(rows.PlanningRow("erp", "1000", "buy", None),))
    assert case.verdict("R-LEAD-TIME") == "flag"
    assert case.verdict("R-SOURCE") == "flag"


@guarantees("rules.requisition")
def test_the_preferred_supplier_is_an_approved_source() -> None:
    """Its price and lead time count, not those of the best one."""
    case = wanted_from("S-2")
    assert case.verdict("R-SOURCE") == "ok"
    assert case.draft().amounts["value"] == "40.00"
    assert case.check("R-LEAD-TIME").facts["lead_time_days"] == 30
    assert case.draft().fields["supplier_id"] == "S-2"


@guarantees("rules.requisition")
def test_a_blocked_supplier_is_refused_and_another_one_named() -> None:
    """The block is read from the system, whatever the copied row says."""
    case = wanted_from("S-2", blocked=True).having(supplier=wanted_from("S-2").rows["supplier"])
    check = case.check("R-SUPPLIER-BLOCKED")
    assert (check.verdict, check.facts["instead"]) == ("refuse", "S-1")
    assert "S-1" in check.message


@guarantees("rules.requisition")
def test_a_supplier_is_known_and_has_a_source_that_is_valid() -> None:
    """Unknown and expired are refused, one without a source is for the approver to judge."""
    assert REQUEST.given(supplier_id="S-9").verdict("R-SUPPLIER") == "refuse"
    assert wanted_from("S-3").verdict("R-SOURCE") == "flag"
    assert wanted_from("S-1").having(sources=(SOURCE._replace(valid_to="2026-03-15"),)).verdict("R-SOURCE") == "refuse"
    assert wanted_from("S-1").having(sources=(SOURCE._replace(blocked=1),)).verdict("R-SOURCE") == "refuse"


@guarantees("rules.requisition")
def test_a_blocked_or_expired_source_is_never_the_best_one() -> None:
    """Neither is one whose supplier is blocked or not known."""
    assert "S-1" in REQUEST.draft().effects[0]
    for bad in ({"blocked": 1}, {"valid_to": "2026-03-15"}, {"supplier_id": "S-9"}):
        worse = REQUEST.having(sources=(SOURCE._replace(**bad), REQUEST.rows["sources"][0]))
        assert "S-2" in worse.draft().effects[0]
    suppliers = REQUEST.rows["suppliers"]
    blocked = rows.SupplierRow("erp", "S-1", "S-1", 1)
    assert "S-2" in REQUEST.having(suppliers=(blocked, suppliers[1])).draft().effects[0]


@guarantees("rules.not_evaluable")
def test_a_cost_object_without_budgets_can_not_be_judged() -> None:
    """No system gives budgets, so nobody can say that there is money."""
    with pytest.raises(RuleNotEvaluableError) as caught:
        REQUEST.given(cost_object="4711").draft()
    assert (caught.value.facts["rule"], caught.value.facts["missing"]) == ("R-BUDGET", "budget")
    assert "without cost_object it would pass" in str(caught.value.facts["message"])


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize(
    ("gap", "rule"),
    [
        ("sources", "R-SOURCE"),
        ("suppliers", "R-SOURCE"),
        ("requisitions", "R-DUPLICATE"),
        ("purchase_lines", "R-DUPLICATE"),
    ],
)
def test_a_rule_whose_rows_are_missing_refuses(gap: str, rule: str) -> None:
    """No rows because nothing is open, and no rows because nobody could look, are not the same."""
    with pytest.raises(RuleNotEvaluableError) as caught:
        replace(REQUEST, gaps=(gap,)).draft()
    assert caught.value.facts == {"rule": rule, "missing": gap}


@guarantees("rules.not_evaluable")
def test_missing_conversions_matter_only_where_one_is_needed() -> None:
    """In the base unit there is nothing to convert."""
    without = replace(REQUEST.having(units=()), gaps=("units",))
    assert without.verdict("R-UOM") == "ok"
    with pytest.raises(RuleNotEvaluableError):
        without.given(uom="BX").draft()


@guarantees("rules.requisition")
def test_old_copies_are_flagged() -> None:
    """The approver sees what the checks rest on."""
    assert replace(REQUEST, stale=("erp",)).verdict("R-FRESH") == "flag"


@guarantees("rules.duplicate")
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "refuse"),
        ({"qty": UNIT}, "refuse"),  # near: whatever its size
        ({"delivery_date": "2026-06-01"}, "refuse"),
        ({"delivery_date": "2026-06-02"}, "ok"),  # fifteen days later
        ({"delivery_date": "2026-05-03"}, "refuse"),  # earlier, but it covers the quantity
        ({"delivery_date": "2026-05-03", "qty": 39 * UNIT}, "ok"),
        ({"delivery_date": None}, "refuse"),
    ],
)
def test_an_open_requisition_that_is_near_or_covers_it_is_a_duplicate(
    change: dict[str, int | str | None], verdict: str
) -> None:
    """It is refused with the requisition's id and quantity."""
    case = REQUEST.having(requisitions=(rows.RequisitionRow(**{**REQUISITION._asdict(), **change}),))
    check = case.check("R-DUPLICATE")
    assert check.verdict == verdict
    if verdict == "refuse":
        assert check.facts["document"] == "30"
        assert "30/10" in check.message


@guarantees("rules.duplicate")
@pytest.mark.parametrize(
    ("qty", "uom", "promised", "verdict"),
    [
        (40, "EA", "2026-05-10", "refuse"),
        (39, "EA", "2026-05-10", "flag"),
        (16, "BX", "2026-05-10", "refuse"),  # forty pieces
        (15, "BX", "2026-05-10", "flag"),
        (1, "PF", "2026-05-10", "refuse"),  # what can't be compared is taken to cover it
        (40, "EA", "2026-04-01", "ok"),
        (40, "EA", None, "refuse"),
    ],
)
def test_an_open_order_line_near_it_is_a_duplicate_where_it_is_large_enough(
    qty: int, uom: str, promised: str | None, verdict: str
) -> None:
    """A smaller one is told, since it may be for somebody else."""
    line = rows.PurchaseLineRow("45", "10", qty * UNIT, uom, None, None, None, None, promised)
    check = REQUEST.having(purchase_lines=(line,)).check("R-DUPLICATE")
    assert check.verdict == verdict
    if verdict != "ok":
        assert (check.facts["document"], check.facts["line"]) == ("45", "10")


@guarantees("rules.duplicate")
def test_the_nearest_duplicate_is_named_and_the_others_are_counted() -> None:
    """Which one is named does not depend on the order of the rows."""
    far = REQUISITION._replace(requisition_id="31", delivery_date="2026-05-25")
    for found in ((far, REQUISITION), (REQUISITION, far)):
        assert REQUEST.having(requisitions=found).check("R-DUPLICATE").facts == {
            "document": "30", "line": "10", "qty": "40", "uom": "EA", "delivery_date": "2026-05-18", "others": 1
        }  # fmt: skip
