"""What may be released of a reservation, what people are told of it, and how it takes a reservation back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import OPERATIONS, rows, rows_planning
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.entities import Record
from erp_mcp.domain.operation import Undoing
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import UNIT, Case
from tests.unit.commands.planning import RELEASE, RESERVE, held

SOLD = replace(held("R2", "L2", 10, "80"), demand_type="sales_order")


def _refused(case: Case) -> dict[str, object]:
    with pytest.raises(RuleRefusedError) as refused:
        case.draft()
    return dict(refused.value.facts)


@guarantees("rules.reservation_release", "P7.exact_numbers")
def test_without_a_quantity_all_of_it_is_released() -> None:
    """The record, its version, and what it holds before and after; limits count material and site."""
    draft = RELEASE.draft()
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "R2", "v-R2", "R2")
    assert draft.fields == {"reservation_id": "R2", "qty": "10", "uom": "EA", "qty_left": "0"}
    assert draft.changes == (Change(field="qty", before="10", after="0", unit="EA"),)
    assert draft.headline == "Release 10 EA of RM-1 at site 1000 that are held for production order P8/0010"
    assert draft.amounts == {"material_id": "RM-1", "site": "1000"}
    assert draft.effects[0] == "10 EA of lot L2 are free for others afterwards."


@guarantees("rules.reservation_release")
@pytest.mark.parametrize(
    ("qty", "rule", "would_pass"),
    [
        (10 * UNIT + 1_000, "R-HELD", "10"),
        (11 * UNIT, "R-HELD", "10"),
        (0, "R-QTY", "10"),
        (-UNIT, "R-QTY", "10"),
        (1_001, "R-QTY", "10"),
    ],
)
def test_no_more_is_released_than_it_holds_in_whole_thousandths(qty: int, rule: str, would_pass: str) -> None:
    """What would pass does pass."""
    found = RELEASE.given(qty=qty).check(rule)
    assert (found.verdict, found.facts["would_pass"]) == ("refuse", would_pass)
    assert RELEASE.given(qty=10 * UNIT).verdict("R-HELD") == "ok"


@guarantees("rules.reservation_release")
def test_a_part_leaves_the_rest() -> None:
    """To the thousandth."""
    draft = RELEASE.given(qty=2_500_000).draft()
    assert (draft.fields["qty"], draft.fields["qty_left"]) == ("2.5", "7.5")
    assert RELEASE.given(qty=1_000).draft().fields["qty_left"] == "9.999"


@guarantees("rules.reservation_release")
def test_what_is_used_up_already_is_not_released() -> None:
    """As the system has it now, whatever the copy says; nothing would pass then."""
    empty = RELEASE.living(reservation=(held("R2", "L2", 0, "P8"),)).check("R-HELD")
    assert (empty.verdict, "would_pass" in empty.facts) == ("refuse", False)
    fewer = RELEASE.given(qty=4 * UNIT).living(reservation=(held("R2", "L2", 3, "P8"),)).check("R-HELD")
    assert (fewer.verdict, fewer.facts["would_pass"]) == ("refuse", "3")


@guarantees("rules.reservation_release")
def test_what_is_not_there_or_in_two_systems_is_not_judged() -> None:
    """Only the one that was named, whatever a read finds beside it."""
    assert _refused(RELEASE.having(reservation=()))["rule"] == "R-RESERVATION"
    other = rows_planning.ReservationRefRow("erp", "R3", "R3", "1000", "RM-1", "P9")
    assert _refused(RELEASE.having(reservation=(other,)))["rule"] == "R-RESERVATION"
    assert RELEASE.having(reservation=(other, *RELEASE.rows["reservation"])).draft().key == "R2"
    assert _refused(RELEASE.living(reservation=()))["rule"] == "R-GONE"
    twice = RELEASE.rows["reservation"][0]._replace(system="mes")
    with pytest.raises(RuleNotEvaluableError):
        RELEASE.having(reservation=(*RELEASE.rows["reservation"], twice)).draft()


@guarantees("rules.reservation_release")
def test_people_are_told_of_a_running_order_and_of_what_is_picked() -> None:
    """It is flagged, since nobody knows whether it is this stock."""
    assert RELEASE.verdict("R-PICKED") == "ok"
    running = RELEASE.having(made_for=(rows_planning.DonorOrderRow("P8", "Running"),))
    assert running.verdict("R-PICKED") == "flag"
    assert RELEASE.having(made_for=(rows_planning.DonorOrderRow("P9", "Running"),)).verdict("R-PICKED") == "ok"
    with pytest.raises(RuleNotEvaluableError):
        replace(RELEASE, gaps=("made_for",)).draft()
    sold = RELEASE.living(reservation=(SOLD,)).having(
        sales_demand=(rows.SalesLineRow("80", "0010", 20 * UNIT, "EA", "2026-04-01"),)
    )
    assert sold.verdict("R-PICKED") == "ok"
    assert sold.having(deliveries=(rows.DeliveryRow("80", "0020", UNIT),)).verdict("R-PICKED") == "ok"
    assert sold.having(deliveries=(rows.DeliveryRow("80", "0010", UNIT),)).verdict("R-PICKED") == "flag"
    whole = sold.living(reservation=(replace(SOLD, demand_line=None),))
    assert whole.having(deliveries=(rows.DeliveryRow("80", "0020", UNIT),)).verdict("R-PICKED") == "flag"


@guarantees("rules.reservation_release", "rules.impact")
def test_who_loses_cover_is_shown_by_what_is_held_now() -> None:
    """P8 needs thirty and has twenty-five held; without ten of them it has less than somebody before it."""
    short = RELEASE.having(stock=(rows.StockRow("L1", 15 * UNIT), rows.StockRow("L2", 30 * UNIT)))
    assert short.verdict("R-IMPACT") == "flag"
    assert any("P8/0010" in one for one in short.draft().effects)
    assert short.given(qty=4 * UNIT).verdict("R-IMPACT") == "flag"
    plenty = RELEASE.having(stock=(rows.StockRow("L1", 500 * UNIT), rows.StockRow("L2", 500 * UNIT)))
    assert plenty.verdict("R-IMPACT") == "ok"
    missing = tuple(one for one in RELEASE.rows["reservations"] if one != RELEASE.rows["reservations"][1])
    with pytest.raises(RuleNotEvaluableError):
        RELEASE.having(reservations=missing).draft()
    for name in ("reservations", "stock", "demand", "purchase_lines"):
        with pytest.raises(RuleNotEvaluableError):
            replace(RELEASE, gaps=(name,)).draft()


# --- The way back -----------------------------------------------------------------------------------------------------

HELD = replace(held("R7", "L2", 20, "P1"), need_date="2026-03-25")


def _taken_back(live: Record) -> tuple[str, dict[str, object]]:
    draft, undo = RESERVE.draft(), OPERATIONS["reservation.create"].undo
    assert undo is not None
    command = Command(
        operation="reservation.create", system="erp", entity="reservation", key="", version_token="", reference="R1",
        fields=draft.fields,
    )  # fmt: skip
    written = Written(document="R7", key="R7", version_token="v1")
    undoing = Undoing(command=command, changes=draft.changes, written=written, live=live, today="2026-03-16")
    return undo.tool, dict(undo.function(undoing))


@guarantees("P4.undo")
def test_a_reservation_is_taken_back_by_releasing_all_that_was_reserved() -> None:
    """Also where a person has set another need date."""
    expected = ("propose_release_reservation", {"reservation_id": "R7", "qty": "20"})
    assert _taken_back(HELD) == expected
    assert _taken_back(replace(HELD, need_date="2026-04-25")) == expected


@guarantees("P4.undo")
@pytest.mark.parametrize(
    ("changed", "would_pass"),
    [
        ({"qty": 12 * UNIT}, "12"),
        ({"qty": 21 * UNIT}, "21"),
        ({"qty": 0}, "0"),
        ({"demand_id": "P2"}, None),
        ({"demand_line": "0020"}, None),
        ({"demand_type": "sales_order"}, None),
        ({"lot_id": "L1"}, None),
        ({"material_id": "RM-2"}, None),
        ({"site": "2000"}, None),
        ({"uom": "KGM"}, None),
    ],
)
def test_what_is_held_otherwise_by_now_is_left_to_people(changed: dict[str, object], would_pass: str | None) -> None:
    """Part of it was issued or given away, or it is held for somebody else."""
    with pytest.raises(RuleRefusedError) as caught:
        _taken_back(replace(HELD, **changed))  # type: ignore[arg-type]
    assert caught.value.facts["rule"] == "R-UNDO-CHANGED"
    assert caught.value.facts.get("would_pass") == would_pass
