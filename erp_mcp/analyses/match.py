"""`list_match_exceptions`: invoices that do not fit what was ordered and received (three-way match)."""

from __future__ import annotations

import json
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.buying import BilledRow, BoughtLineRow, ReceiptRow, per_currency, whole
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.three_way_match import Finding, Matched, Ordered, Terms, bare, judged, matched, ordered_of
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell, RawRow, RowsOnDemand
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Only, Sight, Source, Together, reach_of

_MATCHED: Final = (
    "supplier_invoice.qty",
    "supplier_invoice.uom",
    "supplier_invoice.price",
    "supplier_invoice.posted_on",
    "supplier_invoice.supplier_reference",
    "supplier_invoice.purchase_order_id",
    "supplier_invoice.purchase_order_line",
    "purchase_order_line.price",
    "purchase_order_line.currency",
)


def match_exceptions(facts: Facts) -> Findings:
    """Answer `list_match_exceptions`: tables `exceptions` and `totals`.

    Args:
        facts: Rows of `READS`; arguments `kind` (which to show), `min_amount` (money: smaller variances are left out),
            `price_tolerance_pct`, `qty_tolerance_pct`.

    Returns:
        Per invoice line and kind what was billed, ordered and received, and how much money is in question; with the
        system's own block. Totals per kind and currency are over all exceptions, not over a page.
    """
    asked = {bare(one) for one in rows_of(facts, "invoices", BilledRow)}
    ordered = ordered_of(
        rows_of(facts, "lines", BoughtLineRow),
        rows_of(facts, "receipts", ReceiptRow),
        counted="goods_receipt" not in facts.missing,
    )
    billed = (*rows_of(facts, "invoices", BilledRow), *rows_of(facts, "billed", BilledRow))
    return _findings(facts, [one for one in matched(billed, ordered) if one.bill in asked])


def _findings(facts: Facts, asked: Sequence[Matched]) -> Findings:
    """Judge what was asked for by the tolerances of the call."""
    terms = Terms(price=_percent(facts, "price_tolerance_pct"), qty=_percent(facts, "qty_tolerance_pct"))
    found = [finding for one in sorted(asked, key=_place) for finding in judged(one, terms) if _wanted(finding, facts)]
    shown = RowsOnDemand(order=[_order(one) for one in found], make=lambda place: _row(found[place]))
    tables: dict[str, Sequence[RawRow]] = {"exceptions": shown, "totals": _totals(found)}
    unpriced = sum(one.bill.price is None for one in asked)
    warnings = (f"{unpriced} invoice lines have no price to be compared here.",) if unpriced else ()
    return Findings(tables=tables, complete=whole(facts, _MATCHED) and not unpriced, warnings=warnings)


def _place(one: Matched) -> tuple[str, ...]:
    """Where an invoice line stands; lines of one order that share a number stay as they were matched."""
    bill = one.bill
    return (bill.posted_on or "", bill.invoice_id, bill.line, bill.purchase_order_id or "")


def _percent(facts: Facts, name: str) -> int:
    value = facts.arguments.get(name)
    return value if isinstance(value, int) else 0


def _wanted(one: Finding, facts: Facts) -> bool:
    kinds, least = facts.arguments.get("kind"), facts.arguments.get("min_amount")
    if isinstance(kinds, tuple) and kinds and one.kind not in kinds:
        return False
    return not isinstance(least, int) or one.variance is None or abs(one.variance) >= least


def _row(one: Finding) -> tuple[RawCell, ...]:
    bill, order = one.matched.bill, one.matched.order
    return (
        bill.invoice_id,
        bill.line,
        one.kind,
        bill.purchase_order_id,
        bill.purchase_order_line,
        bill.site,
        bill.supplier_id,
        bill.posted_on,
        bill.qty,
        one.matched.before,
        order.received if order else None,
        bill.uom,
        bill.price,
        bill.price_unit,
        order.price if order else None,
        order.price_unit if order else None,
        bill.amount,
        one.variance,
        bill.currency,
        one.tolerance,
        bill.invoice_state,
        bill.block_code,
    )


def _order(one: Finding) -> RawRow:
    """Day, invoice, line and kind."""
    bill = one.matched.bill
    return (bill.posted_on, bill.invoice_id, bill.line, one.kind)


def _totals(found: Iterable[Finding]) -> list[tuple[RawCell, ...]]:
    groups: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in found:
        groups[one.kind, one.matched.bill.currency or ""].append(one)
    return [
        (
            kind,
            len({(one.matched.bill.system, one.matched.bill.invoice_id) for one in group}),
            len(group),
            per_currency((currency, one.variance) for one in group if one.variance is not None).get(currency),
            currency or None,
        )
        for (kind, currency), group in sorted(groups.items())
    ]


# --- Worked out ahead of time -----------------------------------------------------------------------------------------


class MatchedLine(NamedTuple):
    """An invoice line that some question may show: a `Matched` in one row."""

    kind: str
    before: int | None
    ordered: int  # whether there is an order line
    line_uom: str | None
    line_price: int | None
    line_price_unit: int | None
    line_currency: str | None
    received: int | None
    system: str
    invoice_id: str
    line: str
    site: str
    supplier_id: str | None
    purchase_order_id: str | None
    purchase_order_line: str | None
    posted_on: str | None
    qty: int | None
    uom: str | None
    price: int | None
    price_unit: int | None
    amount: int | None
    currency: str | None
    invoice_state: str
    block_code: str | None


_STRICTEST: Final = Terms(price=0, qty=0)


def _kept(found: Iterable[Matched]) -> Iterator[MatchedLine]:
    """Yield what is an exception at no tolerance: with one there are only fewer; and what has no price."""
    for one in found:
        if one.bill.price is None or next(judged(one, _STRICTEST), None) is not None:
            bill, order = one.bill, one.order or Ordered("", None, None, None, 0)
            of_bill = (getattr(bill, name) for name in MatchedLine._fields[-16:])
            yield MatchedLine._make((one.kind, one.before, int(one.order is not None), *order, *of_bill))


def _matched(row: MatchedLine) -> Matched:
    order = (
        Ordered(row.line_uom or "", row.line_price, row.line_price_unit, row.line_currency, row.received or 0)
        if row.ordered
        else None
    )
    bill = BilledRow(
        row.system, "", row.invoice_id, row.line, row.site, row.supplier_id, row.purchase_order_id,
        row.purchase_order_line, row.posted_on, row.qty, row.uom, row.price, row.price_unit, row.amount, row.currency,
        None, row.invoice_state, row.block_code,
    )  # fmt: skip
    return Matched(row.kind, bill, order, row.before)


def _of_order(sight: Sight, key: Key) -> Iterator[MatchedLine]:
    ordered = ordered_of(
        cast("Sequence[BoughtLineRow]", sight.find("lines", *key)),
        cast("Sequence[ReceiptRow]", sight.find("receipts", *key)),
        counted="goods_receipt" not in sight.missing,
    )
    return _kept(matched(cast("Sequence[BilledRow]", sight.find("bills", *key)), ordered))


def _without_order(sight: Sight, key: Key) -> Iterator[MatchedLine]:
    return _kept(matched(cast("Sequence[BilledRow]", sight.find("bills", *key)), {}))


_ORDER: Final = ("purchase_order_id",)
_NUMBER: Final = ("invoice_id", "line")
_COUNTS: Final = "row.invoice_state <> 'cancelled'"
_LOOSE: Final = f"{_COUNTS} AND row.purchase_order_id IS NULL"
# By purchase order: its invoices, matched.
MATCHED_ORDER: Final = Derivation(
    name="matched_order",
    version=1,
    sources=(Source(entity="supplier_invoice", key=_ORDER, where=_COUNTS),),
    lookups={
        "bills": Lookup(
            entity="supplier_invoice", by=_ORDER, row=BilledRow, reach=reach_of(*_ORDER), where=_COUNTS
        ),
        "lines": Lookup(
            entity="purchase_order_line",
            by=_ORDER,
            row=BoughtLineRow,
            reach=reach_of(*_ORDER),
            blank=frozenset({
                "supplier_id", "material_id", "order_date", "requested_date", "original_promise_date", "promised_date",
            }),
        ),
        "receipts": Lookup(
            entity="goods_receipt", by=_ORDER, row=ReceiptRow, reach=reach_of(*_ORDER), blank=frozenset({"lot_id"})
        ),
    },
    row=MatchedLine,
    function=_of_order,
    together=(Together(lookup="bills"), Together(lookup="lines"), Together(lookup="receipts")),
    dated=False,
)  # fmt: skip
# By invoice line: one that names no order.
LOOSE_INVOICE: Final = Derivation(
    name="loose_invoice",
    version=1,
    sources=(Source(entity="supplier_invoice", key=_NUMBER, where=_LOOSE),),
    lookups={
        "bills": Lookup(entity="supplier_invoice", by=_NUMBER, row=BilledRow, reach=reach_of(*_NUMBER), where=_LOOSE)
    },
    row=MatchedLine,
    function=_without_order,
    together=(Together(lookup="bills"),),
    dated=False,
)


_FILTERS: Final[tuple[tuple[str, str, Callable[[str, str], bool]], ...]] = (
    ("supplier_id", "d.supplier_id =", operator.eq),
    ("purchase_order_id", "d.purchase_order_id =", operator.eq),
    ("posted_from", "d.posted_on >=", operator.ge),
    ("posted_to", "d.posted_on <=", operator.le),
)


def _from_matched(facts: Facts) -> Findings:
    found = [row for one in (MATCHED_ORDER, LOOSE_INVOICE) for row in rows_of(facts, one.name, MatchedLine)]
    return _findings(facts, [_matched(row) for row in _asked(found, facts.arguments)])


def _asked(rows: list[MatchedLine], arguments: Mapping[str, ArgumentValue]) -> list[MatchedLine]:
    """Return those that the read of invoices would find: among the rows may be others."""
    status = arguments.get("status")
    if not isinstance(status, tuple):
        return []
    rows = [row for row in rows if row.invoice_state in status]
    for name, where, holds in _FILTERS:
        given, cell = arguments.get(name), operator.attrgetter(where[2:].split()[0])
        if isinstance(given, str):
            rows = [row for row in rows if cell(row) is not None and holds(cell(row), given)]
    return rows


def _only(arguments: Mapping[str, ArgumentValue], _today: str) -> Mapping[str, Only]:
    values: dict[str, str | int | None] = {"only_status": json.dumps(arguments.get("status"))}
    wheres = ["d.invoice_state IN (SELECT value FROM json_each(:only_status))"]
    for name, where, _ in _FILTERS:
        given = arguments.get(name)
        if isinstance(given, str):
            values[f"only_{name}"] = given
            wheres.append(f"{where} :only_{name}")
    only = Only(where=" AND ".join(wheres), values=values)
    return {MATCHED_ORDER.name: only, LOOSE_INVOICE.name: only}


ANALYSIS: Final = Analysis(
    name="match_exceptions",
    function=match_exceptions,
    reads={"invoices": BilledRow, "billed": BilledRow, "lines": BoughtLineRow, "receipts": ReceiptRow},
    definition_id="three_way_match.1",
    dependences=classes(
        (
            ("kind", tuple((field,) for field in _MATCHED)),
            ("variance_amount", (("purchase_order_line.price",), ("purchase_order_line.price_unit",))),
            ("price_invoiced", (("supplier_invoice.price",), ("supplier_invoice.price_unit",))),
            ("none_found", (("supplier_invoice.block_code",),)),
        )
    ),
    ahead=Ahead(derivations=(MATCHED_ORDER, LOOSE_INVOICE), function=_from_matched, only=_only),
)
