"""Which purchase order line may get another date, and what it says of those who wait for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import COMPONENT, LINE, MOVE, OPEN_LINE, UNIT


def _refused(case_rule: str, **live: object) -> bool:
    record: PurchaseOrderLine = replace(LINE, **live)  # type: ignore[arg-type]
    return MOVE.living(line=(record,)).verdict(case_rule) == "refuse"


@guarantees("rules.delivery_date")
def test_a_sound_move_becomes_a_draft_on_the_version_that_the_system_has_now() -> None:
    """The worker compares it again before it sends."""
    draft = MOVE.given(new_date="2026-03-25").draft()
    assert {one.verdict for one in draft.checks if one.rule != "R-PENALTY"} == {"ok"}
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "45/10", "v7", "45/10")
    assert draft.fields == {"purchase_order_id": "45", "line": "10", "new_date": "2026-03-25"}
    assert draft.changes == (Change(field="promised_date", before="2026-03-24", after="2026-03-25"),)
    assert draft.amounts == {"material_id": "RM-1", "site": "1000"}  # limits count per each of them
    assert "Undo: propose 2026-03-24 again." in draft.effects
    assert "Neither customer nor supplier is told by this change." in draft.effects


@guarantees("rules.delivery_date")
def test_a_line_that_is_not_there_is_refused_and_one_of_two_systems_not_judged() -> None:
    """Both before anything else is looked at."""
    with pytest.raises(RuleRefusedError) as refused:
        MOVE.having(line=()).draft()
    assert refused.value.facts["rule"] == "R-LINE"
    with pytest.raises(RuleRefusedError):
        MOVE.given(line="20").draft()  # whatever the read of a tool file found
    with pytest.raises(RuleNotEvaluableError) as unclear:
        MOVE.having(line=(*MOVE.rows["line"], *MOVE.rows["line"])).draft()
    assert unclear.value.facts["rule"] == "R-LINE"


@guarantees("rules.delivery_date")
def test_a_line_that_the_system_has_no_more_is_refused() -> None:
    """It was deleted since it was copied."""
    with pytest.raises(RuleRefusedError) as caught:
        MOVE.living(line=()).draft()
    assert caught.value.facts["rule"] == "R-GONE"


@guarantees("rules.delivery_date")
def test_what_is_done_or_not_begun_keeps_its_date() -> None:
    """All of it as the system has it now, not as it was copied."""
    assert _refused("R-OPEN", order_state="closed")
    assert _refused("R-OPEN", order_state="cancelled")
    assert _refused("R-RECEIVED", qty_open=0, qty_received=100 * UNIT)
    assert _refused("R-RELEASED", release_state="waiting")
    assert MOVE.verdict("R-OPEN") == MOVE.verdict("R-RELEASED") == "ok"


@guarantees("rules.not_evaluable")
def test_a_line_whose_release_is_not_known_can_not_be_judged() -> None:
    """A system that says nothing has not said yes."""
    with pytest.raises(RuleNotEvaluableError) as caught:
        MOVE.living(line=(replace(LINE, release_state=None),)).draft()
    assert caught.value.facts["rule"] == "R-RELEASED"


@guarantees("rules.delivery_date")
@pytest.mark.parametrize(
    ("new_date", "rule", "verdict"),
    [
        ("2026-03-24", "R-SAME-DATE", "refuse"),
        ("2026-03-15", "R-DATE", "refuse"),
        ("2026-03-16", "R-DATE", "ok"),
        ("2027-03-17", "R-DATE", "ok"),
        ("2027-03-18", "R-DATE", "refuse"),
    ],
)
def test_a_new_date_is_another_one_not_past_and_within_a_year(new_date: str, rule: str, verdict: str) -> None:
    """Today is the 16th of March."""
    assert MOVE.given(new_date=new_date).verdict(rule) == verdict


@guarantees("rules.delivery_date")
@pytest.mark.parametrize(
    ("new_date", "lead_time_days", "verdict"),
    [("2026-03-18", 20, "flag"), ("2026-03-21", 20, "ok"), ("2026-03-17", None, "flag"), ("2026-04-10", 90, "ok")],
)
def test_an_earlier_date_is_held_against_the_lead_time_since_the_order(
    new_date: str, lead_time_days: int | None, verdict: str
) -> None:
    """Ordered on the 1st; what comes later than promised needs no lead time."""
    case = MOVE.having(sources=(MOVE.rows["sources"][0]._replace(lead_time_days=lead_time_days),))
    assert case.given(new_date=new_date).verdict("R-LEAD-TIME") == verdict


@guarantees("rules.delivery_date")
def test_penalties_are_never_invented() -> None:
    """A later date may cost something; nobody here knows what."""
    assert MOVE.verdict("R-PENALTY") == "person"
    assert not [one for one in MOVE.given(new_date="2026-03-20").draft().checks if one.rule == "R-PENALTY"]


@guarantees("rules.impact")
def test_who_becomes_late_is_named_with_need_and_arrival() -> None:
    """Fifty are needed on the 25th and would come on the 10th of April."""
    draft = MOVE.draft()
    assert MOVE.verdict("R-IMPACT") == "flag"
    assert "Late or later: 1 open demand." in draft.effects
    assert (
        "Production order P1/0010 needs 50 EA by 2026-03-25: 50 EA late instead of 0; all of it by 2026-04-10."
    ) in draft.effects


@guarantees("rules.impact")
def test_stock_or_another_line_that_covers_the_need_leaves_nobody_late() -> None:
    """Expired and restricted lots are no cover."""
    covered = MOVE.having(stock=(rows.StockRow("L1", 50 * UNIT),))
    assert covered.verdict("R-IMPACT") == "ok"
    other = OPEN_LINE._replace(purchase_order_id="46", promised_date="2026-03-25")
    assert MOVE.having(purchase_lines=(OPEN_LINE, other)).verdict("R-IMPACT") == "ok"
    for bad in (rows.LotRow("L1", "Restricted", None), rows.LotRow("L1", "UnRestricted", "2026-03-15")):
        assert covered.having(lots=(bad,)).verdict("R-IMPACT") == "flag"
    held = rows.ReservationRow("R1", "L1", "production_order", "P9", "0010", 50 * UNIT, "2026-03-20")
    assert covered.having(reservations=(held,)).verdict("R-IMPACT") == "flag"


@guarantees("rules.impact")
def test_an_earlier_date_says_whom_it_rescues() -> None:
    """Needed on the 20th, promised for the 24th."""
    case = MOVE.having(demand=(COMPONENT._replace(need_date="2026-03-20"),)).given(new_date="2026-03-19")
    assert case.check("R-IMPACT").facts == {"worse": 0, "better": 1}
    assert "Helped: 1 open demand." in case.draft().effects
    assert "Production order P1/0010 needs 50 EA by 2026-03-20: in time instead of 50 EA late." in case.draft().effects


@guarantees("rules.impact")
def test_the_first_five_by_need_date_are_named_and_all_are_counted() -> None:
    """A screen of ids helps nobody who has to decide."""
    demand = tuple(
        COMPONENT._replace(production_order_id=f"P{number}", qty_open=UNIT, need_date=f"2026-03-{31 - number}")
        for number in range(7)
    )
    effects = MOVE.having(demand=demand).draft().effects
    named = [one.split()[2] for one in effects if one.startswith("Production order")]
    assert named == ["P6/0010", "P5/0010", "P4/0010", "P3/0010", "P2/0010"]
    assert effects[0] == "Late or later: 7 open demands; the first 5 by need date follow."


@guarantees("rules.impact")
def test_a_sales_order_behind_a_production_order_is_named() -> None:
    """That is who waits."""
    order = rows.ProductionOrderRow("P1", "1000", "FG-1", UNIT, 0, None, None, None, None, "10", "000010", None)
    assert "P1/0010 (for sales order 10/000010) needs" in MOVE.having(orders=(order,)).draft().effects[1]


@guarantees("rules.impact")
def test_a_sales_order_line_waits_for_what_is_not_picked_yet() -> None:
    """What is picked needs no supply any more."""
    sale = rows.SalesLineRow("10", "000010", 60 * UNIT, "EA", "2026-03-26")
    case = MOVE.having(demand=(), sales_demand=(sale,))
    assert "Sales order 10/000010 needs 60 EA by 2026-03-26" in case.draft().effects[1]
    picked = case.having(deliveries=(rows.DeliveryRow("10", "000010", 60 * UNIT),))
    assert picked.verdict("R-IMPACT") == "ok"


@guarantees("rules.impact")
def test_what_the_system_says_is_still_to_come_counts_not_the_copied_row() -> None:
    """Thirty of the sixty arrived since; in boxes of the order the base quantity follows."""
    partly = MOVE.living(line=(replace(LINE, qty_open=30 * UNIT),))
    assert "30 EA late instead of 20" not in " ".join(partly.draft().effects)
    assert "50 EA late instead of 20" in " ".join(partly.draft().effects)
    boxes = OPEN_LINE._replace(qty_open=24 * UNIT, uom="BX", qty_open_base=60 * UNIT)
    case = MOVE.having(purchase_lines=(boxes,)).living(line=(replace(LINE, uom="BX", qty_open=12 * UNIT),))
    assert "50 EA late instead of 20" in " ".join(case.draft().effects)


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize(
    "gap", ["purchase_lines", "demand", "sales_demand", "deliveries", "supply_orders", "orders", "stock", "lots"]
)
def test_an_impact_that_can_not_be_worked_out_refuses(gap: str) -> None:
    """Nobody is hurt, as far as anybody looked, is no answer."""
    sale = rows.SalesLineRow("10", "000010", 60 * UNIT, "EA", "2026-03-26")
    case = MOVE.having(sales_demand=(sale,), stock=(rows.StockRow("L1", 50 * UNIT),))
    with pytest.raises(RuleNotEvaluableError) as caught:
        replace(case, gaps=(gap,)).draft()
    assert caught.value.facts == {"rule": "R-IMPACT", "missing": gap}


@guarantees("rules.impact")
@pytest.mark.parametrize("gap", ["deliveries", "orders", "lots"])
def test_what_says_more_of_rows_is_not_missed_where_there_are_none(gap: str) -> None:
    """A system that keeps no lots and no deliveries still says what a date does where nothing is in a lot or sold."""
    case = MOVE.having(sales_demand=(), demand=(), stock=(rows.StockRow(None, 5 * UNIT),))
    assert replace(case, gaps=(gap,)).verdict("R-IMPACT") == case.verdict("R-IMPACT")


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize("found", [(), (OPEN_LINE._replace(uom="BX", qty_open_base=None, base_uom="KGM"),)])
def test_a_line_that_is_not_among_the_copied_ones_or_not_in_base_units_refuses(
    found: tuple[rows.PurchaseLineRow, ...],
) -> None:
    """Its share of the supply would be a guess."""
    with pytest.raises(RuleNotEvaluableError) as caught:
        MOVE.having(purchase_lines=found).draft()
    assert caught.value.facts["rule"] == "R-IMPACT"


@guarantees("rules.impact")
def test_without_reservations_the_impact_is_told_as_such() -> None:
    """By need dates alone it may be another order that waits."""
    case = replace(MOVE.having(demand=()), gaps=("reservations",))
    assert case.verdict("R-IMPACT") == "flag"


@guarantees("rules.impact")
def test_what_can_not_be_moved_is_not_worked_out() -> None:
    """A refusal comes without a list of orders."""
    assert MOVE.given(new_date="2026-03-24").draft().effects == ()
