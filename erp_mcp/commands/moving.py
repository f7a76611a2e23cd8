"""Which reservations give and which order lines take, when stock that is held changes hands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from erp_mcp.commands.holding import Need, held_for
from erp_mcp.commands.units import Units
from erp_mcp.commands.verdicts import refused
from erp_mcp.domain.entities.inventory import Reservation
from erp_mcp.domain.value import quantity_text


class Wanted(Protocol):
    """A move between two orders, in the base unit; `to_line` is empty where one line alone can be meant."""

    @property
    def from_demand(self) -> str:
        """Order whose stock is taken."""
        ...

    @property
    def to_demand(self) -> str:
        """Order that gets it."""
        ...

    @property
    def to_line(self) -> str:
        """Line of that order."""
        ...

    @property
    def qty(self) -> int:
        """How much."""
        ...


class Part(NamedTuple):
    """What one reservation gives to one order line."""

    held: Reservation
    to: Need
    qty: int


def parts(
    wishes: Sequence[Wanted], needs: Iterable[Need], held: tuple[Reservation, ...], units: Units
) -> tuple[Part, ...]:
    """Return what each reservation gives; those of a donor give in the order of their numbers.

    Raises:
        RuleRefusedError: `rule.refused`, rule R-DONOR where a donor holds less, R-RECEIVER where an order needs less
            or it is not clear which line of it is meant.
    """
    left = {one.reservation_id: one.qty for one in held}
    got: defaultdict[Need, int] = defaultdict(int)
    found: list[Part] = []
    lines = list(needs)
    for wish in wishes:
        to = _receiver(wish, lines)
        room = max(0, to.qty - held_for(held, units, to) - got[to])
        if wish.qty > room:
            message = (
                f"Order {to.demand_id}/{to.line} still needs {quantity_text(room)} {units.base} that nothing holds;"
                " up to that would pass."
            )
            raise refused("R-RECEIVER", message, demand_id=to.demand_id, would_pass=quantity_text(room))
        got[to] += wish.qty
        found += _given(wish, to, held, left, units)
    return tuple(found)


def _receiver(wish: Wanted, lines: Sequence[Need]) -> Need:
    """Return the one line of the order that gets it."""
    meant = [one for one in lines if one.demand_id == wish.to_demand and wish.to_line in ("", one.line)]
    if not meant:
        message = f"No open line of order {wish.to_demand} needs the material at this site; see get_supply_demand."
        raise refused("R-RECEIVER", message, demand_id=wish.to_demand)
    if len(meant) > 1:
        names = ", ".join(sorted(one.line for one in meant))
        message = f"Several lines of order {wish.to_demand} need the material; name one as to_line: {names}."
        raise refused("R-RECEIVER", message, demand_id=wish.to_demand)
    return meant[0]


def _given(wish: Wanted, to: Need, held: Iterable[Reservation], left: dict[str, int], units: Units) -> list[Part]:
    mine = [one for one in held if one.demand_id == wish.from_demand]
    there = sum(left[one.reservation_id] for one in mine)
    if wish.qty > there:
        message = (
            f"Reservations of order {wish.from_demand} hold {quantity_text(there)} {units.base} of it; up to that would"
            " pass, see list_reservations."
        )
        raise refused("R-DONOR", message, demand_id=wish.from_demand, would_pass=quantity_text(there))
    found, missing = [], wish.qty
    for one in mine:
        qty = min(missing, left[one.reservation_id])
        if qty:
            left[one.reservation_id] -= qty
            missing -= qty
            found.append(Part(one, to, qty))
    return found
