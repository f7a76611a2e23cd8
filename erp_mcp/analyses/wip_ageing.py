"""`get_wip_ageing`: how long started work has been on the floor, in buckets of hours, and what it is worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Final, NamedTuple

from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Analysis, Dependence, Facts, Findings, RawCell
from erp_mcp.domain.value import QUANTITY_DIGITS
from erp_mcp.errors import InvalidArgumentError

_BOUNDS: Final = ("8", "24", "48", "168")
_MAX_HOURS: Final = 8784
_CENT: Final = 100  # money is kept in 10⁻⁴, shown in 10⁻²


class StartedJobRow(NamedTuple):
    """A job that has started and is not completed."""

    system: str
    as_of: str
    job_id: str
    production_order_id: str
    site: str
    started_at: str | None


class OrderQuantityRow(NamedTuple):
    """What a production order makes, and how much of that it has delivered."""

    system: str
    as_of: str
    production_order_id: str
    site: str
    material_id: str
    qty_planned: int
    qty_yield: int | None
    qty_scrap: int | None
    uom: str


class StandardPriceRow(NamedTuple):
    """What stock of a material is valued at: `standard_price` (10⁻⁴) per `price_unit` of its base unit."""

    system: str
    as_of: str
    material_id: str
    site: str
    standard_price: int | None
    price_unit: int | None
    currency: str | None


@dataclass(slots=True, kw_only=True)
class Amount:
    """Orders of one bucket in one unit and currency; `value` in 10⁻⁴, `None` where no price is known."""

    orders: int = 0
    qty: int = 0
    value: Fraction | None = None


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Jobs between two ages in hours, oldest first once sorted, and the orders they belong to."""

    from_h: int
    to_h: int | None
    jobs: list[tuple[int, str]] = field(default_factory=list)  # hours, negative so that the oldest comes first; job
    amounts: dict[tuple[str, str], Amount] = field(default_factory=lambda: defaultdict(Amount))


def wip_ageing(facts: Facts) -> Findings:
    """Answer `get_wip_ageing`: tables `buckets` and `amounts`.

    Args:
        facts: Rows of reads `jobs`, `orders` and `prices`; argument `buckets_h`: where one bucket ends and the next
            begins, whole hours as texts.

    Returns:
        Every bucket with its jobs and the oldest of them; and per bucket, unit and currency the orders, the quantity
        still in work (planned less yield and scrap) and its value at standard price, as if it were finished. An order
        counts once, with the job that began first. Where no price is known, currency and value are empty.

    Raises:
        InvalidArgumentError: `call.invalid_argument` for bounds that are no whole hours from 1 to 8784.
    """
    buckets = _buckets(_bounds(facts))
    oldest: dict[str, tuple[int, str]] = {}  # by production order
    for job in rows_of(facts, "jobs", StartedJobRow):
        if job.started_at:
            entry = (-_hours(facts.now, job.started_at), job.job_id)
            _bucket_of(buckets, -entry[0]).jobs.append(entry)
            oldest[job.production_order_id] = min(entry, oldest.get(job.production_order_id, entry))
    _add_amounts(facts, buckets, oldest)
    tables: dict[str, list[tuple[RawCell, ...]]] = {
        "buckets": [_bucket_row(bucket) for bucket in buckets],
        "amounts": [row for bucket in buckets for row in _amount_rows(bucket)],
    }
    warnings = () if oldest else ("No started job in the data at hand, or none in this role's scope.",)
    return Findings(tables=tables, complete=not facts.gaps, warnings=warnings)


def _bounds(facts: Facts) -> list[int]:
    asked = facts.arguments.get("buckets_h")
    texts = asked if isinstance(asked, tuple) else _BOUNDS
    if not all(text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_HOURS for text in texts):
        expected = f"whole hours from 1 to {_MAX_HOURS}, as texts"
        raise InvalidArgumentError(argument="buckets_h", rule="range", expected=expected)
    return sorted({int(text) for text in texts})


def _buckets(bounds: Sequence[int]) -> list[Bucket]:
    starts = [0, *bounds]
    return [Bucket(from_h=start, to_h=end) for start, end in zip(starts, [*bounds, None], strict=True)]


def _bucket_of(buckets: Sequence[Bucket], hours: int) -> Bucket:
    return next(one for one in reversed(buckets) if one.from_h <= max(0, hours))


def _hours(later: str, earlier: str) -> int:
    """Return whole hours between two instants; 0 for one that lies ahead, since clocks differ."""
    seconds = (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    return max(0, int(seconds) // 3600)


def _add_amounts(facts: Facts, buckets: Sequence[Bucket], oldest: dict[str, tuple[int, str]]) -> None:
    prices = {(one.material_id, one.site): one for one in rows_of(facts, "prices", StandardPriceRow)}
    for order in rows_of(facts, "orders", OrderQuantityRow):
        if order.production_order_id not in oldest:
            continue
        price = prices.get((order.material_id, order.site))
        qty = max(0, order.qty_planned - (order.qty_yield or 0) - (order.qty_scrap or 0))
        bucket = _bucket_of(buckets, -oldest[order.production_order_id][0])
        amount = bucket.amounts[order.uom, (price.currency if price else None) or ""]
        amount.orders += 1
        amount.qty += qty
        if price is not None and price.standard_price is not None:
            worth = Fraction(qty * price.standard_price, 10**QUANTITY_DIGITS * (price.price_unit or 1))
            amount.value = (amount.value or Fraction()) + worth


def _bucket_row(bucket: Bucket) -> tuple[RawCell, ...]:
    hours, job = min(bucket.jobs, default=(0, ""))
    return (bucket.from_h, bucket.to_h, len(bucket.jobs), job or None, -hours if job else None)


def _amount_rows(bucket: Bucket) -> Iterable[tuple[RawCell, ...]]:
    for (uom, currency), one in sorted(bucket.amounts.items()):
        yield (bucket.from_h, bucket.to_h, one.orders, one.qty, uom, _cents(one.value), currency or None)


def _cents(value: Fraction | None) -> int | None:
    """Round to 10⁻² once, a half up; kept in 10⁻⁴."""
    if value is None:
        return None
    return (2 * value.numerator + _CENT * value.denominator) // (2 * _CENT * value.denominator) * _CENT


ANALYSIS: Final = Analysis(
    name="wip_ageing",
    function=wip_ageing,
    reads={"jobs": StartedJobRow, "orders": OrderQuantityRow, "prices": StandardPriceRow},
    definition_id="wip_ageing.1",
    dependences=(
        Dependence(fields=("production_order.qty_yield",), tells=("qty", "value")),
        Dependence(fields=("production_order.qty_scrap",), tells=("qty", "value")),
        Dependence(fields=("material_site.standard_price",), tells=("value",)),
        Dependence(fields=("material_site.price_unit",), tells=("value",)),
        Dependence(fields=("material_site.currency",), tells=("value", "currency")),
        Dependence(fields=("job.started_at",), tells=("buckets", "amounts")),
    ),
)
