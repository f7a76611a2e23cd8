"""Changes of a what-if: what their short texts say, and ledgers as they would be after them.

One argument per kind of change, each a list of texts of parts joined by `/`. An order is named by its id, with its line
where it wants or brings the material more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.pegging import Demand, Hold, Ledger, Supply, allocate
from erp_mcp.domain.value import QUANTITY_DIGITS, to_scaled
from erp_mcp.errors import InexactNumberError, InvalidArgumentError

MOST_CHANGES: Final = 20
NEW: Final = "new"  # owner type and id of what only the what-if has
FORMS: Final[Mapping[str, str]] = {
    "reassign": "FROM/TO/QTY",
    "add_demand": "QTY/DATE",
    "move_demand": "ORDER/DATE",
    "remove_demand": "ORDER",
    "add_supply": "QTY/DATE",
    "move_supply": "ORDER/DATE",
    "remove_supply": "ORDER",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change as it was asked for; `orders` is what is left of the text when quantity and date are taken off."""

    kind: str
    text: str
    orders: str = ""
    qty: int = 0
    day: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a change: `applied`, `not_found`, `ambiguous` (with candidates) or `too_much` (with `most`)."""

    change: Change
    outcome: str
    most: int | None = None
    candidates: tuple[str, ...] = ()


def changes_of(arguments: Mapping[str, ArgumentValue]) -> list[Change]:
    """Return the changes asked for.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for none or too many, or a text of another form, which is named.
    """
    found = [_change(kind, text) for kind in FORMS for text in _texts(arguments.get(kind))]
    if not 1 <= len(found) <= MOST_CHANGES:
        raise InvalidArgumentError(
            argument="reassign",
            rule="items",
            expected=f"1 to {MOST_CHANGES} changes in all of: {', '.join(FORMS)}",
            got=str(len(found)),
        )
    return found


def _texts(value: ArgumentValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _change(kind: str, text: str) -> Change:
    orders, qty, day = text, 0, ""
    form = FORMS[kind].split("/")
    if form[-1] == "DATE":
        orders, _, day = orders.rpartition("/")
        _check(kind, _is_date(day))
    if "QTY" in form:
        orders, _, number = orders.rpartition("/")
        qty = _quantity(number)
        _check(kind, qty > 0)
    _check(kind, bool(orders) == (form[0] != "QTY") and orders.count("/") >= form.count("TO"))
    return Change(kind=kind, text=text, orders=orders, qty=qty, day=day)


def _check(kind: str, right: bool) -> None:
    if not right:
        expected = f"texts of the form {FORMS[kind]}: ids as in an earlier answer, quantities above 0, dates YYYY-MM-DD"
        raise InvalidArgumentError(argument=kind, rule="pattern", expected=expected, got="string")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _quantity(text: str) -> int:
    if not text.replace(".", "", 1).isdecimal() or len(text) > 20:
        return 0
    try:
        return to_scaled(text, QUANTITY_DIGITS)
    except InexactNumberError:
        return 0


@dataclass(slots=True, kw_only=True)
class WhatIf:
    """Ledgers of one material by site, as they are changed one change after the other."""

    ledgers: dict[str, Ledger]
    today: str

    def apply(self, change: Change) -> Outcome:
        """Apply one change to the ledger of the site it concerns, and say what became of it."""
        return _APPLY[change.kind](self, change)

    def demands(self, text: str) -> list[tuple[str, Demand]]:
        """Return (site, demand) of each demand that a text names."""
        return [
            (site, one)
            for site, ledger in self.ledgers.items()
            for one in ledger.demands
            if text in (one.owner_id, f"{one.owner_id}/{one.line}")
        ]

    def supplies(self, text: str) -> list[tuple[str, Supply]]:
        """Return (site, supply) of each supply that a text names."""
        return [
            (site, one)
            for site, ledger in self.ledgers.items()
            for one in ledger.supplies
            if text in (one.supply_id, f"{one.supply_id}/{one.line}")
        ]

    def change_ledger(self, site: str, demands: Iterable[Demand] | None = None, **parts: Iterable[object]) -> None:
        """Put another ledger in the place of a site's."""
        kept = {name: tuple(part) for name, part in parts.items()}
        if demands is not None:
            kept["demands"] = tuple(demands)
        self.ledgers[site] = replace(self.ledgers[site], **kept)  # type: ignore[arg-type]  # fields of the ledger, by name


def _reassign(what_if: WhatIf, change: Change) -> Outcome:
    """Give what is held for one demand to another of the same site: reservations first, then stock pegged to it."""
    pairs = [
        (one, other)
        for left, right in _splits(change.orders)
        for one in what_if.demands(left)
        for other in what_if.demands(right)
        if one[0] == other[0] and one[1].key != other[1].key
    ]
    if len(pairs) != 1:
        return _not_one(change, (f"{_name(one)}/{_name(other)}" for (_, one), (_, other) in pairs))
    ((site, giver), (_, taker)) = pairs[0]
    ledger = what_if.ledgers[site]
    held = sorted((one for one in ledger.holds if one.demand == giver.key), key=lambda one: one.reservation_id)
    pegged = sum(cover.qty for cover in allocate(ledger)[giver.key].covers if cover.kind == "stock")
    most = sum(one.qty for one in held) + pegged
    if change.qty > most:
        return Outcome(change=change, outcome="too_much", most=most)
    others = [one for one in ledger.holds if one.demand != giver.key]
    what_if.change_ledger(site, holds=[*others, *_moved(held, taker, change.qty)])
    return Outcome(change=change, outcome="applied")


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Return the ways to read a text as two ids; ids may have a slash themselves."""
    parts = text.split("/")
    for place in range(1, len(parts)):
        yield "/".join(parts[:place]), "/".join(parts[place:])


def _moved(held: Sequence[Hold], taker: Demand, qty: int) -> Iterator[Hold]:
    left = qty
    for one in held:
        moved = min(left, one.qty)
        left -= moved
        if one.qty > moved:
            yield replace_hold(one, qty=one.qty - moved)
        if moved:
            yield replace_hold(one, qty=moved, demand=taker.key, need_date=taker.need_date)
    if left:  # what pegging had given it: free stock, now held
        yield Hold(reservation_id=f"{NEW}-{taker.key}", demand=taker.key, lot="", qty=left, need_date=taker.need_date)


def replace_hold(hold: Hold, *, qty: int, demand: str = "", need_date: str = "") -> Hold:
    """Return a hold of another quantity, and of another demand where one is given."""
    return hold._replace(qty=qty, demand=demand or hold.demand, need_date=need_date or hold.need_date)


def _add_demand(what_if: WhatIf, change: Change) -> Outcome:
    site = _only_site(what_if)
    ledger = what_if.ledgers[site]
    name = _new_name(change, (one.owner_id for one in ledger.demands))
    added = Demand(owner_type=NEW, owner_id=name, line="", qty=change.qty, need_date=change.day)
    what_if.change_ledger(site, [*ledger.demands, added])
    return Outcome(change=change, outcome="applied")


def _move_demand(what_if: WhatIf, change: Change) -> Outcome:
    found = what_if.demands(change.orders)
    if len(found) != 1:
        return _not_one(change, (_name(one) for _, one in found))
    site, moved = found[0]
    demands = what_if.ledgers[site].demands
    what_if.change_ledger(site, [one._replace(need_date=change.day) if one is moved else one for one in demands])
    return Outcome(change=change, outcome="applied")


def _remove_demand(what_if: WhatIf, change: Change) -> Outcome:
    """Take a demand away: what it held is free, and what was made for it is for anyone."""
    found = what_if.demands(change.orders)
    if len(found) != 1:
        return _not_one(change, (_name(one) for _, one in found))
    site, gone = found[0]
    ledger = what_if.ledgers[site]
    what_if.change_ledger(
        site,
        [one for one in ledger.demands if one is not gone],
        holds=[one for one in ledger.holds if one.demand != gone.key],
        supplies=[one._replace(demand="") if one.demand == gone.key else one for one in ledger.supplies],
    )
    return Outcome(change=change, outcome="applied")


def _add_supply(what_if: WhatIf, change: Change) -> Outcome:
    site = _only_site(what_if)
    ledger = what_if.ledgers[site]
    name = _new_name(change, (one.supply_id for one in ledger.supplies))
    day = max(change.day, what_if.today)
    added = Supply(kind="purchase_order_line", supply_id=name, line="", qty=change.qty, date=day)
    what_if.change_ledger(site, supplies=[*ledger.supplies, added])
    return Outcome(change=change, outcome="applied")


def _move_supply(what_if: WhatIf, change: Change) -> Outcome:
    day = max(change.day, what_if.today)
    return _with_supply(what_if, change, lambda one: [one._replace(date=day)])


def _remove_supply(what_if: WhatIf, change: Change) -> Outcome:
    return _with_supply(what_if, change, lambda _: [])


def _with_supply(what_if: WhatIf, change: Change, becomes: Callable[[Supply], list[Supply]]) -> Outcome:
    found = what_if.supplies(change.orders)
    if len(found) != 1:
        return _not_one(change, (f"{one.supply_id}/{one.line}" if one.line else one.supply_id for _, one in found))
    site, changed = found[0]
    supplies = what_if.ledgers[site].supplies
    what_if.change_ledger(
        site, supplies=[new for one in supplies for new in (becomes(one) if one is changed else [one])]
    )
    return Outcome(change=change, outcome="applied")


def _only_site(what_if: WhatIf) -> str:
    if len(what_if.ledgers) != 1:
        sites = ", ".join(what_if.ledgers)
        raise InvalidArgumentError(argument="site", rule="required", expected=f"one of {sites}", got="nothing")
    return next(iter(what_if.ledgers))


def _new_name(change: Change, taken: Iterable[str]) -> str:
    return f"{NEW}-{1 + sum(name.startswith(NEW) for name in taken)}-{change.day}"


def _name(demand: Demand) -> str:
    return f"{demand.owner_id}/{demand.line}"


def _not_one(change: Change, candidates: Iterable[str]) -> Outcome:
    found = tuple(sorted(candidates))
    return Outcome(change=change, outcome="ambiguous" if found else "not_found", candidates=found)


_APPLY: Final[Mapping[str, Callable[[WhatIf, Change], Outcome]]] = {
    "reassign": _reassign,
    "add_demand": _add_demand,
    "move_demand": _move_demand,
    "remove_demand": _remove_demand,
    "add_supply": _add_supply,
    "move_supply": _move_supply,
    "remove_supply": _remove_supply,
}
