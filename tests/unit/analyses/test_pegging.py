"""Who gets what: the rule that every analysis stands on."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.days import NEVER
from erp_mcp.domain.pegging import Demand, Hold, Ledger, Supply, allocate, free_stock
from tests.guarantees import guarantees


def _demand(owner: str, qty: int, need: str = "2026-03-20") -> Demand:
    return Demand(owner_type="production_order", owner_id=owner, line="10", qty=qty, need_date=need)


def _purchase(supply: str, qty: int, day: str) -> Supply:
    return Supply(kind="purchase_order_line", supply_id=supply, line="10", qty=qty, date=day)


def _ledger(
    demands: list[Demand],
    supplies: list[Supply] | None = None,
    lots: dict[str, int] | None = None,
    holds: list[Hold] | None = None,
) -> Ledger:
    return Ledger(
        material_id="RM",
        site="1000",
        demands=tuple(demands),
        supplies=tuple(supplies or ()),
        lots=lots or {},
        holds=tuple(holds or ()),
    )


@guarantees("P7.right_cause")
def test_the_earliest_need_gets_stock_before_the_later_one() -> None:
    """Otherwise the wrong order would be called short."""
    early, late = _demand("P-2", 5, "2026-03-18"), _demand("P-1", 5, "2026-03-19")
    found = allocate(_ledger([late, early], lots={"L": 5}))
    assert (found[early.key].qty_short, found[late.key].qty_short) == (0, 5)


@guarantees("P7.right_cause")
def test_a_reservation_beats_an_earlier_need() -> None:
    """What is held for an order is not given to another."""
    early, late = _demand("P-2", 5, "2026-03-18"), _demand("P-1", 5, "2026-03-19")
    hold = Hold(reservation_id="R", demand=late.key, lot="L", qty=5)
    found = allocate(_ledger([late, early], lots={"L": 5}, holds=[hold]))
    assert (found[early.key].qty_short, found[late.key].qty_short) == (5, 0)


@guarantees("P7.right_cause")
def test_a_reservation_covers_no_more_than_its_lot_has() -> None:
    """A lot of three can't be held for five."""
    demand = _demand("P-1", 5)
    hold = Hold(reservation_id="R", demand=demand.key, lot="L", qty=5)
    found = allocate(_ledger([demand], lots={"L": 3}, holds=[hold]))
    assert found[demand.key].qty_short == 2


@guarantees("P7.right_cause")
def test_a_reservation_without_a_lot_takes_from_what_no_lot_reservation_holds() -> None:
    """Both kinds of reservation draw on the same shelf."""
    first, second = _demand("P-1", 4), _demand("P-2", 4)
    holds = [
        Hold(reservation_id="R1", demand=first.key, lot="", qty=4),
        Hold(reservation_id="R2", demand=second.key, lot="L", qty=4),
    ]
    ledger = _ledger([first, second], lots={"L": 6}, holds=holds)
    found = allocate(ledger)
    assert (found[first.key].qty_short, found[second.key].qty_short) == (2, 0)
    assert free_stock(ledger) == 0


@guarantees("P7.right_cause")
def test_supply_made_for_one_demand_goes_to_no_other() -> None:
    """A child order belongs to its parent, even when another order needs the part sooner."""
    own, other = _demand("P-1", 5, "2026-03-19"), _demand("P-2", 5, "2026-03-18")
    child = Supply(kind="production_order", supply_id="P-9", line="", qty=9, date="2026-03-17", demand=own.key)
    found = allocate(_ledger([own, other], [child]))
    assert (found[own.key].qty_short, found[other.key].qty_short) == (0, 5)


@guarantees("P7.right_cause")
def test_incoming_supply_covers_in_order_of_arrival_and_a_late_one_leaves_its_demand_short() -> None:
    """The arrival is known, and so is the part that comes too late."""
    demand = _demand("P-1", 10, "2026-03-20")
    found = allocate(_ledger([demand], [_purchase("B", 6, "2026-03-25"), _purchase("A", 6, "2026-03-19")]))[demand.key]
    assert [(cover.supply_id, cover.qty) for cover in found.covers] == [("A", 6), ("B", 4)]
    assert (found.qty_short, found.arrival) == (4, "2026-03-25")


@guarantees("P7.right_cause")
def test_what_nothing_covers_never_arrives() -> None:
    """A date would be an invention."""
    demand = _demand("P-1", 10)
    found = allocate(_ledger([demand], lots={"": 4}))[demand.key]
    assert (found.qty_uncovered, found.arrival) == (6, NEVER)


_days = st.dates().map(lambda day: day.isoformat())
_quantities = st.integers(min_value=1, max_value=50)


@st.composite
def _ledgers(draw: st.DrawFn) -> Ledger:
    demands = [_demand(f"P-{n}", draw(_quantities), draw(_days)) for n in range(draw(st.integers(0, 6)))]
    keys = [demand.key for demand in demands]
    supplies = [_purchase(f"B-{n}", draw(_quantities), draw(_days)) for n in range(draw(st.integers(0, 5)))]
    lots = {f"L-{n}": draw(st.integers(0, 60)) for n in range(draw(st.integers(0, 4)))}
    holds = [
        Hold(
            reservation_id=f"R-{n}",
            demand=draw(st.sampled_from([*keys, ""])),
            lot=draw(st.sampled_from([*lots, ""])),
            qty=draw(_quantities),
        )
        for n in range(draw(st.integers(0, 5)))
    ]
    return _ledger(demands, supplies, lots, holds)


@guarantees("P7.right_cause")
@given(_ledgers())
@settings(max_examples=200, deadline=None)
def test_nothing_is_given_twice_and_nobody_gets_more_than_needed(ledger: Ledger) -> None:
    """Whatever the plant looks like, pegging gives away what there is, at most once."""
    found = allocate(ledger)
    given_away: dict[str, int] = {}
    for allocation in found.values():
        assert 0 <= allocation.qty_uncovered <= allocation.demand.qty
        for cover in allocation.covers:
            assert cover.qty > 0
            source = "stock" if cover.kind in {"reservation", "stock"} else cover.supply_id
            given_away[source] = given_away.get(source, 0) + cover.qty
    assert given_away.get("stock", 0) <= sum(ledger.lots.values())
    for supply in ledger.supplies:
        assert given_away.get(supply.supply_id, 0) <= supply.qty


@guarantees("P7.right_cause")
@given(_ledgers())
@settings(max_examples=100, deadline=None)
def test_the_order_of_rows_does_not_matter(ledger: Ledger) -> None:
    """Two reads of the same plant give the same explanation."""
    shuffled = _ledger(
        list(reversed(ledger.demands)),
        list(reversed(ledger.supplies)),
        dict(reversed(list(ledger.lots.items()))),
        list(reversed(ledger.holds)),
    )
    first, second = allocate(ledger), allocate(shuffled)
    assert {key: one.covers for key, one in first.items()} == {key: one.covers for key, one in second.items()}
