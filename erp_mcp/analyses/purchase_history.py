"""`get_purchase_history`: the past purchases of a material that tell most about the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from erp_mcp.analyses.buying import BoughtLineRow, ReceiptRow, Record, VendorRow, records, whole
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import days_between

_DEFAULT_TOP: Final = 5
_POINTS: Final = {"supplier": 30, "qty": 30, "recency": 40}
_OLD_DAYS: Final = 730  # from here on a purchase gets nothing for being recent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purchase:
    """A past purchase with what it is worth knowing for: points by what they were given for."""

    record: Record
    points: dict[str, int]

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """Most points first, then the newest, then by number."""
        line = self.record.line
        newest = int((line.order_date or "0000-00-00").replace("-", ""))
        return (-sum(self.points.values()), -newest, line.purchase_order_id, line.line)


def purchase_history(facts: Facts) -> Findings:
    """Answer `get_purchase_history`: table `purchases`.

    Args:
        facts: Rows of `READS`; arguments `supplier_id` and `qty` with `uom` (what the next purchase would be: they rank
            and leave nothing out), `top_n`.

    Returns:
        Past purchases, most relevant first, with the points of each. Only lines of which something was received.
    """
    vendors = {one.supplier_id: one for one in rows_of(facts, "suppliers", VendorRow)}
    found = [
        _Purchase(record=one, points=_points(one.line, facts))
        for one in records(rows_of(facts, "lines", BoughtLineRow), rows_of(facts, "receipts", ReceiptRow))
    ]
    found.sort(key=lambda one: one.rank)
    top = facts.arguments.get("top_n")
    shown = found[: top if isinstance(top, int) else _DEFAULT_TOP]
    told = "goods_receipt" not in facts.missing
    table = [_row(place, one, vendors, facts.today, told=told) for place, one in enumerate(shown, start=1)]
    counts: list[tuple[RawCell, ...]] = [(len(found), len({one.record.line.supplier_id for one in found}))]
    return Findings(
        tables={"purchases": table, "all": counts}, complete=whole(facts, ("purchase_order_line.order_date",))
    )


def _points(line: BoughtLineRow, facts: Facts) -> dict[str, int]:
    """Return points for what was asked about; being recent always counts."""
    supplier, qty, uom = (facts.arguments.get(name) for name in ("supplier_id", "qty", "uom"))
    points: dict[str, int] = {}
    if supplier:
        points["supplier"] = _POINTS["supplier"] if line.supplier_id == supplier else 0
    if isinstance(qty, int) and qty > 0:
        alike = min(qty, line.qty_ordered) * _POINTS["qty"] // max(qty, line.qty_ordered)
        points["qty"] = alike if uom in (None, line.uom) else 0
    age = days_between(facts.today, line.order_date)
    young = max(0, _OLD_DAYS - max(0, age)) if line.order_date else 0
    points["recency"] = young * _POINTS["recency"] // _OLD_DAYS
    return points


def _row(place: int, one: _Purchase, vendors: dict[str, VendorRow], today: str, *, told: bool) -> tuple[RawCell, ...]:
    line, record = one.record.line, one.record
    vendor = vendors.get(line.supplier_id or "")
    last = max((came.posted_on for came in record.receipts if came.qty > 0), default=None)
    days = days_between(last, line.due) if last and line.due else None
    return (
        place,
        line.purchase_order_id,
        line.line,
        line.site,
        line.supplier_id,
        vendor.name if vendor else None,
        None if vendor is None or vendor.blocked is None else bool(vendor.blocked),
        line.qty_ordered,
        line.qty_received,
        line.uom,
        line.price,
        line.price_unit,
        line.currency,
        line.order_date,
        days_between(today, line.order_date) if line.order_date else None,
        line.due or None,
        last,
        None if days is None or not told else days <= 0,
        None if days is None or not told else max(0, days),
        sum(one.points.values()),
        tuple(f"{name} {points}" for name, points in one.points.items()),
    )


ANALYSIS: Final = Analysis(
    name="purchase_history",
    function=purchase_history,
    reads={"lines": BoughtLineRow, "receipts": ReceiptRow, "suppliers": VendorRow},
    definition_id="purchase_relevance.1",
    dependences=classes(
        (
            ("relevance", (("purchase_order_line.order_date",),)),
            ("age_days", (("purchase_order_line.order_date",),)),
            ("on_time", (("purchase_order_line.original_promise_date", "purchase_order_line.requested_date"),)),
            ("days_late", (("purchase_order_line.original_promise_date", "purchase_order_line.requested_date"),)),
            ("price", tuple((f"purchase_order_line.{name}",) for name in ("price", "price_unit", "currency"))),
            ("supplier_name", (("supplier.name",),)),
            ("supplier_blocked", (("supplier.blocked",),)),
        )
    ),
)
