"""Which planned order may be made firm or become an order, and what it asks of the plant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows_planning
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import UNIT, Case
from tests.unit.commands.planning import CONFIRM, MATERIAL, PLANNED

BUY = CONFIRM.living(planned=(replace(PLANNED, procurement="buy", planned_start="2026-03-20"),))
WORK = rows_planning.CenterWorkRow("CNC-01", "2026-04-13T06:00:00Z", 2, 2, 1000)


def _living(**changed: object) -> Case:
    return CONFIRM.living(planned=(replace(PLANNED, **changed),))  # type: ignore[arg-type]


def _unknown(case: Case) -> str:
    with pytest.raises(RuleNotEvaluableError) as caught:
        case.draft()
    return str(caught.value.facts["rule"])


@guarantees("rules.planned_order")
def test_a_made_one_becomes_an_order_that_is_created() -> None:
    """Forty pieces take a hundred kilogrammes: just what is free."""
    case = CONFIRM.having(work=())
    draft = case.draft()
    assert {one.verdict for one in draft.checks} == {"ok", "flag"}
    assert {one.rule for one in draft.checks if one.verdict == "flag"} == {"R-VALUE"}
    assert (draft.key, draft.version_token, draft.document) == ("PL1", "v5", "PL1")
    assert draft.fields == {"planned_order_id": "PL1", "action": "convert"}
    assert Change(field="request_state", before="", after="Waiting") in draft.changes
    assert Change(field="qty", before="", after="40", unit="EA") in draft.changes
    assert draft.amounts == {"material_id": "FG-1", "site": "1000"}
    assert (
        "The production order stays created: nothing is released to the floor, reserved or issued by it."
        in draft.effects
    )


@guarantees("rules.planned_order")
def test_a_bought_one_becomes_a_requisition_with_its_value_from_the_best_source() -> None:
    """Forty at 1.2345 each; neither bill nor routing is looked at."""
    draft = BUY.having(bill=(), routing=()).draft()
    assert {one.rule for one in draft.checks} == {"R-CONVERTIBLE", "R-MATERIAL-STATUS", "R-DATE", "R-SOURCE"}
    assert draft.amounts == {"material_id": "FG-1", "site": "1000", "value": "49.38", "currency": "EUR"}
    assert Change(field="release_state", before="", after="waiting") in draft.changes
    assert BUY.having(sources=()).verdict("R-SOURCE") == BUY.having(sources=()).verdict("R-VALUE") == "flag"


@guarantees("rules.planned_order")
def test_what_is_firm_is_not_made_firm_and_what_may_not_become_an_order_is_not_converted() -> None:
    """Both as its system says at this moment."""
    assert _living(convertible=False).verdict("R-CONVERTIBLE") == "refuse"
    assert _living(firm=True).given(action="firm").verdict("R-FIRM") == "refuse"
    firm = _living(convertible=False).having(work=()).given(action="firm")
    assert firm.draft().changes == (Change(field="firm", before="false", after="true"),)
    assert firm.verdict("R-FIRM") == "ok"
    with pytest.raises(RuleRefusedError) as refused:
        CONFIRM.given(planned_order_id="PL2").draft()
    assert refused.value.facts["rule"] == "R-PLANNED-ORDER"


@guarantees("rules.planned_order")
@pytest.mark.parametrize(("work_min", "verdict"), [(1009, "ok"), (1010, "refuse")])
def test_no_work_centre_is_loaded_above_a_hundred_and_ten_percent(work_min: int, verdict: str) -> None:
    """Forty at 91 seconds and half an hour to set up are 91 minutes; two days hold a thousand."""
    check = CONFIRM.having(work=(WORK._replace(work_min=work_min),)).check("R-CAPACITY")
    assert check.verdict == verdict
    assert check.facts["work_min"] == work_min + 91


@guarantees("rules.planned_order")
def test_only_work_of_these_days_counts_and_what_is_overdue_counts_today() -> None:
    """The day before the start is another matter."""
    before = WORK._replace(planned_start="2026-04-12T06:00:00Z", work_min=5000)
    assert CONFIRM.having(work=(before,)).check("R-CAPACITY").facts["load_pct"] == 10
    today = _living(planned_start="2026-03-16", planned_finish="2026-03-16").having(
        capacity=(rows_planning.CenterDayRow("CNC-01", "2026-03-16", 1000),),
        work=(WORK._replace(planned_start="2026-03-01T06:00:00Z", work_min=2000),),
    )
    assert today.verdict("R-CAPACITY") == "refuse"


@guarantees("rules.planned_order")
def test_bill_and_routing_must_be_there_on_the_day_of_the_start() -> None:
    """The 13th of April."""
    (line,) = CONFIRM.rows["bill"]
    for changed, verdict in (
        ({"valid_to": "2026-04-13"}, "ok"),
        ({"valid_to": "2026-04-12"}, "refuse"),
        ({"valid_from": "2026-04-13"}, "ok"),
        ({"valid_from": "2026-04-14"}, "refuse"),
    ):
        assert CONFIRM.having(bill=(line._replace(**changed),)).verdict("R-BOM") == verdict
    assert CONFIRM.having(routing=()).verdict("R-ROUTING") == "refuse"


@guarantees("rules.planned_order")
def test_components_that_are_not_there_are_told_and_refuse_nothing() -> None:
    """A hundred are needed; of a hundred and twenty twenty-one are held by others."""
    case = CONFIRM.having(component_held=(rows_planning.AmountRow("RM-1", 21 * UNIT),), work=())
    assert case.check("R-COMPONENTS").facts == {"short": 1}
    assert "Component 0010, RM-1: 100 KGM are needed and 99 free today." in case.draft().effects
    assert CONFIRM.verdict("R-COMPONENTS") == "ok"


@guarantees("rules.planned_order")
def test_dates_that_have_passed_and_materials_that_are_not_active_are_refused() -> None:
    """What is bought may be late to order; a person is told."""
    assert _living(planned_start="2026-03-15").verdict("R-DATE") == "refuse"
    late = BUY.living(planned=(replace(PLANNED, procurement="buy", planned_start="2026-03-15"),))
    assert late.verdict("R-DATE") == "flag"
    for status in ("blocked", "discontinued"):
        changed = CONFIRM.living(materials=(replace(MATERIAL, source_key="FG-1", material_id="FG-1", status=status),))
        assert changed.verdict("R-MATERIAL-STATUS") == "refuse"


@guarantees("rules.not_evaluable")
def test_what_can_not_be_looked_at_is_not_taken_for_fine() -> None:
    """Gaps, and values that a system does not keep."""
    for gap, rule in (
        ("bill", "R-BOM"),
        ("routing", "R-ROUTING"),
        ("work", "R-CAPACITY"),
        ("capacity", "R-CAPACITY"),
        ("component_stock", "R-COMPONENTS"),
        ("component_held", "R-COMPONENTS"),
    ):
        assert _unknown(replace(CONFIRM, gaps=(gap,))) == rule
    assert _unknown(replace(BUY, gaps=("sources",))) == "R-SOURCE"
    assert _unknown(CONFIRM.having(capacity=())) == "R-CAPACITY"
    assert _unknown(CONFIRM.having(work=(WORK._replace(measured=1),))) == "R-CAPACITY"
    assert _unknown(CONFIRM.having(routing=(rows_planning.RoutingRow("0010", "CNC-01", 30, None),))) == "R-CAPACITY"
    assert _unknown(_living(convertible=None)) == "R-CONVERTIBLE"
    assert _unknown(_living(firm=None).given(action="firm")) == "R-FIRM"
    assert _unknown(_living(procurement=None)) == "R-PLANNED-ORDER"
    assert _unknown(_living(planned_start=None)) == "R-DATE"
    assert _unknown(CONFIRM.having(materials=())) == "R-MATERIAL-STATUS"
