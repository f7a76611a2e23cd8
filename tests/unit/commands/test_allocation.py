"""Who may give stock that is held, who may take it, and who is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows, rows_planning
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import UNIT, Case
from tests.unit.commands.planning import ALLOCATE, NEEDED, held, lot, moves


def _refused(case: Case) -> dict[str, object]:
    with pytest.raises(RuleRefusedError) as caught:
        case.draft()
    return dict(caught.value.facts)


def _unknown(case: Case) -> str:
    with pytest.raises(RuleNotEvaluableError) as caught:
        case.draft()
    return str(caught.value.facts["rule"])


def _moves(*given: tuple[str, str, str | None, int]) -> Case:
    return ALLOCATE.given(moves=moves(*given))


def _ranked(**ranks: str | None) -> Case:
    found = tuple(rows_planning.PriorityRow(order, None, rank) for order, rank in ranks.items())
    return ALLOCATE.having(made_priorities=found)


@guarantees("rules.allocation")
def test_a_donor_gives_in_the_order_of_its_reservations_and_each_version_is_kept() -> None:
    """Twenty of twenty-five: all of R1, five of R2."""
    draft = ALLOCATE.draft()
    assert {one.rule for one in draft.checks if one.verdict != "ok"} == {"R-CONTRACT", "R-IMPACT"}
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "R1", "v-R1", "R1")
    to = {
        "demand_type": "production_order", "demand_id": "P1", "demand_line": "0010", "need_date": "2026-03-25",
    }  # fmt: skip
    assert draft.fields == {
        "material_id": "RM-1",
        "site": "1000",
        "uom": "EA",
        "lines": [{"reservation_id": "R1", **to, "qty": "15"}, {"reservation_id": "R2", **to, "qty": "5"}],
        "versions": {"R2": "v-R2"},
    }
    assert draft.changes == (
        Change(field="P8/R1/qty", before="15", after="0", unit="EA"),
        Change(field="P8/R2/qty", before="10", after="5", unit="EA"),
        Change(field="P1/0010/reserved", before="0", after="20", unit="EA"),
    )


@guarantees("rules.allocation")
def test_a_donor_gives_no_more_than_is_held_for_it_also_over_several_moves() -> None:
    """Twenty-five in all: five and twenty pass, five and twenty-one do not."""
    assert _refused(_moves(("P8", "P1", None, 26)))["would_pass"] == "25"
    assert _moves(("P8", "P1", None, 5), ("P8", "P1", None, 20)).verdict("R-SUM") == "ok"
    second = _refused(_moves(("P8", "P1", None, 5), ("P8", "P1", None, 21)))
    assert (second["rule"], second["would_pass"]) == ("R-DONOR", "20")
    assert _refused(_moves(("P7", "P1", None, 1)))["rule"] == "R-DONOR"


@guarantees("rules.allocation")
def test_a_receiver_takes_no_more_than_it_needs_beyond_what_it_has() -> None:
    """Fifty are open and eight held: twenty-five and seventeen pass together, one more does not."""
    has = ALLOCATE.living(held=(*ALLOCATE.live["held"], held("R4", "L2", 8, "P1")))
    enough = has.living(held=(*has.live["held"], held("R5", "L1", 18, "P9"))).having(
        reservations=(
            *ALLOCATE.rows["reservations"],
            rows.ReservationRow("R5", "L1", "production_order", "P9", "0010", 18 * UNIT, "2026-04-02"),
        )
    )
    whole = enough.given(moves=moves(("P8", "P1", None, 25), ("P9", "P1", None, 17)))
    assert whole.verdict("R-SUM") == "ok"
    more = _refused(enough.given(moves=moves(("P8", "P1", None, 25), ("P9", "P1", None, 18))))
    assert (more["rule"], more["would_pass"]) == ("R-RECEIVER", "17")


@guarantees("rules.allocation")
def test_the_line_that_takes_is_one_and_open() -> None:
    """Of several lines one is named."""
    assert _refused(ALLOCATE.living(components=()))["rule"] == "R-RECEIVER"
    two = ALLOCATE.living(components=(NEEDED, replace(NEEDED, source_key="P1/0020", line="0020")))
    assert "0010, 0020" in str(_refused(two)["message"])
    named = two.given(moves=moves(("P8", "P1", "0020", 20))).draft()
    assert named.changes[-1].field == "P1/0020/reserved"


@guarantees("rules.allocation")
def test_moves_that_lead_nowhere_are_refused() -> None:
    """To itself, of nothing, of parts of thousandths, and through an order."""
    assert _refused(_moves(("P8", "P8", None, 1)))["rule"] == "R-MOVES"
    assert _refused(_moves(("P8", "P1", None, 0)))["rule"] == "R-QTY"
    fine = moves(("P8", "P1", None, 1))
    for qty, passes in ((1_000, True), (1_001, False)):
        case = ALLOCATE.given(moves=replace(fine, rows=(("P8", "P1", None, qty),)))
        if passes:
            assert case.verdict("R-SUM") == "ok"
        else:
            assert _refused(case)["rule"] == "R-QTY"
    assert _refused(_moves(("P8", "P1", None, 1), ("P9", "P8", None, 1)))["demand_id"] == "P8"


@guarantees("rules.allocation")
def test_what_is_picked_or_running_is_left_alone() -> None:
    """The stock of a running order may be at the machine already."""
    running = ALLOCATE.having(made_for=(rows_planning.DonorOrderRow("P8", "Running"),))
    assert running.verdict("R-PICKED") == "refuse"
    other = ALLOCATE.having(made_for=(rows_planning.DonorOrderRow("P9", "Running"),))
    assert other.verdict("R-PICKED") == "ok"
    assert ALLOCATE.having(deliveries=(rows.DeliveryRow("P8", "10", UNIT),)).verdict("R-PICKED") == "refuse"
    assert ALLOCATE.having(deliveries=(rows.DeliveryRow("P9", "10", UNIT),)).verdict("R-PICKED") == "ok"


@guarantees("rules.allocation")
@pytest.mark.parametrize(
    ("giver", "taker", "verdict"),
    [
        ("A", "B", "refuse"),
        ("B", "B", "ok"),
        ("C", "B", "ok"),
        ("B", "A", "ok"),
        (None, "B", "person"),
        ("B", "?", "person"),
    ],
)
def test_no_customer_gives_to_a_less_important_one(giver: str | None, taker: str, verdict: str) -> None:
    """Where the class is not known, a person has to know it."""
    assert _ranked(P8=giver, P1=taker).verdict("R-PRIORITY") == verdict


@guarantees("rules.allocation")
def test_lots_that_may_not_be_used_when_they_are_needed_do_not_change_hands() -> None:
    """Needed on the 25th: a lot that expires that day is no help."""
    for bad in (lot("L1", "2026-03-25"), lot("L1", disposition="Restricted")):
        assert ALLOCATE.living(held_lots=(bad, lot("L2"))).verdict("R-LOT") == "refuse"
    assert ALLOCATE.living(held_lots=(lot("L1", "2026-03-26"), lot("L2"))).verdict("R-LOT") == "ok"
    assert ALLOCATE.having(holds=(rows_planning.HoldRow("QN1", "L2"),)).verdict("R-LOT") == "refuse"
    small = _moves(("P8", "P1", None, 15))
    assert small.having(holds=(rows_planning.HoldRow("QN1", "L2"),)).verdict("R-LOT") == "ok"


@guarantees("rules.impact", "rules.allocation")
def test_who_loses_and_who_gains_is_named() -> None:
    """P8 had twenty-five of thirty, and now five: nothing else comes."""
    draft = ALLOCATE.draft()
    assert ALLOCATE.check("R-IMPACT").facts == {"worse": 1, "better": 1}
    assert any(
        one.startswith("Production order P8/0010 needs 30 EA by 2026-04-01: 25 EA late") for one in draft.effects
    )
    assert "Undo: propose the same moves the other way round, as long as nothing was issued." in draft.effects


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize(
    ("gap", "rule"),
    [
        ("components", "R-DEMAND"),
        ("deliveries", "R-PICKED"),
        ("made_for", "R-PICKED"),
        ("held_lots", "R-LOT"),
        ("holds", "R-LOT"),
        ("reservations", "R-IMPACT"),
    ],
)
def test_what_can_not_be_looked_at_is_not_taken_for_fine(gap: str, rule: str) -> None:
    """A rule without its facts says nothing."""
    assert _unknown(replace(ALLOCATE, gaps=(gap,))) == rule


@guarantees("rules.not_evaluable")
def test_what_does_not_fit_together_is_not_judged() -> None:
    """Reservations in another unit, newer than the copy, or of a lot that nobody knows."""
    assert _unknown(ALLOCATE.living(held=(replace(held("R1", "L1", 30, "P8"), uom="BX"),))) == "R-DONOR"
    assert _unknown(ALLOCATE.having(reservations=())) == "R-IMPACT"
    assert _unknown(ALLOCATE.living(held_lots=(lot("L2"),))) == "R-LOT"
