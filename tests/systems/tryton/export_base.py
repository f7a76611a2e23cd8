"""What the parts of the export share: the session, the plant, and the record ids of what is there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tests.systems.tryton.export_plant import Plant
from tests.systems.tryton.rpc import Rpc, Value

BATCH: Final = 250
"""Records a call: far below the minute that Tryton works on one request, also where a machine is busy."""

_SMALL: Final = 40
_RUN: Final = 100
_UNIQUE: Final = frozenset({"product.template", "party.party", "stock.order_point", "production.lead_time"})
"""Models with codes that may be there once: one statement checks all of a call, and SQLite reads no deeper than 100."""


@dataclass(slots=True, kw_only=True)
class Export:
    """One export on its way: ids by code, units by material and code, records by model, seconds by part."""

    rpc: Rpc
    plant: Plant
    company: int = 0
    currencies: dict[str, int] = field(default_factory=dict)
    warehouses: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, str], int] = field(default_factory=dict)  # (site, code) → location
    parties: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    products: dict[str, int] = field(default_factory=dict)
    units: dict[tuple[str, str], int] = field(default_factory=dict)  # (material, unit code) → unit
    factors: dict[int, Fraction] = field(default_factory=dict)  # unit → how many of the material's own it is
    templates: dict[str, int] = field(default_factory=dict)
    lots: dict[str, tuple[int, int]] = field(default_factory=dict)  # number → lot and where it lies
    picked: dict[int, str] = field(default_factory=dict)  # shipment → lot that is picked and still here
    made_at: set[int] = field(default_factory=set)  # where productions are made
    sales: dict[str, int] = field(default_factory=dict)
    sale_lines: dict[tuple[str, str], int] = field(default_factory=dict)
    productions: dict[str, int] = field(default_factory=dict)
    purchase_lines: dict[tuple[str, str], int] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    journals: dict[str, int] = field(default_factory=dict)
    base_units: dict[str, str] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def many(self, model: str, rows: Sequence[dict[str, Value]]) -> list[int]:
        """Create records, some hundred a call; ids in the order of `rows`."""
        found: list[int] = []
        size = _SMALL if model in _UNIQUE else BATCH
        for start in range(0, len(rows), size):
            found += self.rpc(f"{model}.create", list(rows[start : start + size]))
        self.made[model] += len(found)
        return found

    def set(self, model: str, ids: Sequence[int], **values: Value) -> None:
        """Write the same values into records, some hundred a call."""
        for start in range(0, len(ids), BATCH):
            self.rpc(f"{model}.write", list(ids[start : start + BATCH]), values)

    def set_dates(self, model: str, name: str, dates: Iterable[tuple[int, date | None]]) -> None:
        """Write a date into each record; all that have the same one at once, many dates a call."""
        by_day: dict[date | None, list[int]] = {}
        for one, when in dates:
            by_day.setdefault(when, []).append(one)
        pairs: list[Value] = [part for when, ids in by_day.items() for part in (ids, {name: when})]
        for start in range(0, len(pairs), 2 * _SMALL):
            self.rpc(f"{model}.write", *pairs[start : start + 2 * _SMALL])

    def press(self, model: str, button: str, ids: Sequence[int], *, size: int = 100) -> None:
        """Press a button of records, as people do."""
        for start in range(0, len(ids), size):
            self.rpc(f"{model}.{button}", list(ids[start : start + size]))

    def numbered(
        self, name: str, model: str, button: str, numbers: Mapping[str, int], *,
        kind: str = "ir.sequence", days: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Press the button that numbers records so that each gets its own number: run by run from the sequence.

        Args:
            name: Of the sequence.
            model: Of the records.
            button: That numbers them.
            numbers: Wanted number → record.
            kind: Model of the sequence.
            days: Wanted number → day, where Tryton numbers by day what is numbered at once.
        """
        for run in _runs(sorted(numbers), days or {}):
            self.number_next(name, run[0], kind=kind)
            self.rpc(f"{model}.{button}", [numbers[number] for number in run])

    def number_next(self, name: str, number: str, *, kind: str = "ir.sequence") -> None:
        """Let a sequence give a number next."""
        sequence = self.rpc.find(kind, [["name", "=", name]], [])[-1]["id"]
        prefix = number.rstrip("0123456789")
        digits = number[len(prefix) :]
        values = {"prefix": prefix, "padding": len(digits), "number_next": int(digits)}
        self.rpc(f"{kind}.write", [sequence], values)

    def base_unit(self, material: str) -> int:
        """Return the unit that a material is kept in."""
        return self.units[material, self.base_units[material]]

    def in_base(self, quantity: Decimal, unit: int) -> Decimal:
        """Return a quantity in the material's own unit, rounded as Tryton keeps it."""
        exact = Fraction(quantity) * self.factors.get(unit, Fraction(1))
        return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("0.001"))

    def place(self, site: str, code: str) -> int:
        """Return a location of a site by its code."""
        return self.places[site, code]


def _runs(ordered: Sequence[str], days: Mapping[str, str]) -> list[list[str]]:
    """Split numbers into runs without a gap, in which no day is before the one before it."""
    prefix = ordered[0].rstrip("0123456789") if ordered else ""
    runs: list[list[str]] = []
    for number in ordered:
        last = runs[-1][-1] if runs and len(runs[-1]) < _RUN else ""
        follows = last and int(number[len(prefix) :]) == int(last[len(prefix) :]) + 1
        if follows and days.get(last, "") <= days.get(number, ""):
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def day(text: str) -> date | None:
    """Return a date, none for an empty text; of an instant its day in UTC."""
    return date.fromisoformat(text[:10]) if text else None


def price_of(amount: str, quantity: str) -> Decimal:
    """Return what one is worth when a quantity is worth an amount."""
    return (Decimal(amount) / Decimal(quantity)).quantize(Decimal("0.0001"))
