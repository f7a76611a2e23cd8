"""The verifier's own reasoning: which physical or commercial facts keep an open sales order line from being on time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from erp_mcp.demo.verify_view import Component, Key, Order, Purchase, View

_NEVER = "9999-12-31"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sufficient cause of one line, with the record that proves it."""

    code: str
    order: str
    evidence: str


def find_causes(view: View) -> dict[Key, tuple[Finding, ...]]:
    """Return all sufficient causes of every open sales order line, whatever its dates say."""
    made_for: dict[Key, list[Order]] = defaultdict(list)
    for order in view.production.orders.values():
        if order.sales is not None:
            made_for[order.sales].append(order)
    arrivals = _peg(view)
    found: dict[Key, tuple[Finding, ...]] = {}
    for key, line in view.sales.lines.items():
        findings = list(_commercial(view, key))
        for order in made_for[key]:
            findings += _of_order(view, order, arrivals)
        supplied = sum(order.qty for order in made_for[key]) + sum(qty for _, qty in view.stock.held.get(key, ()))
        if supplied < line.open_qty:
            findings.append(Finding("unsupplied", "", "/".join(key)))
        found[key] = tuple(findings)
    return found


def _commercial(view: View, key: Key) -> list[Finding]:
    findings = []
    if key[0] in view.sales.blocked_orders:
        findings.append(Finding("credit_block", "", key[0]))
    if view.sales.stuck_deliveries.get(key, _NEVER) < view.today:
        findings.append(Finding("picked_not_shipped", "", "/".join(key)))
    return findings


def _of_order(view: View, order: Order, arrivals: dict[Key, tuple[str, Purchase | None, int]]) -> list[Finding]:
    findings = []
    for component in view.production.components.get(order.number, ()):
        findings += _of_component(view, component, arrivals.get((order.number, component.item)))
        if component.child in view.production.orders:
            findings += _of_order(view, view.production.orders[str(component.child)], arrivals)
    for step in view.production.steps.get(order.number, ()):
        if step.center not in view.floor.down:
            continue
        other = view.floor.alternatives.get(step.center)
        if other is not None and other not in view.floor.down:
            continue
        end, number = view.floor.repair_end.get(step.center, (_NEVER, ""))
        if step.start[:10] < end:
            findings.append(Finding("machine_down", order.number, f"{step.center}/{number}"))
    return findings


def _of_component(view: View, component: Component, arrival: tuple[str, Purchase | None, int] | None) -> list[Finding]:
    child = view.production.orders.get(component.child or "")
    if child is not None:
        finish = view.floor.job_end.get(child.number, child.finish)[:10]
        return [Finding("upstream_order_late", component.order, child.number)] if finish > component.need else []
    findings = [
        Finding("stock_discrepancy", component.order, lot)
        for lot, _ in view.stock.held.get((component.order, component.item), ())
        if _missing(view, lot) and view.stock.held_on_lot[lot] > view.stock.counted.get(lot, 0)
    ]
    if arrival is None or arrival[0] <= component.need:
        return findings
    _, purchase, short = arrival
    blocked = [(lot, qty) for lot, (material, plant, qty) in view.stock.blocked.items()
               if (material, plant) == (component.material, component.plant) and lot in view.stock.holds]  # fmt: skip
    if blocked and sum(qty for _, qty in blocked) >= short:
        findings.append(Finding("quality_hold", component.order, blocked[0][0]))
    if purchase is None and not blocked:
        findings.append(Finding("po_not_placed", component.order, component.material))
    if purchase is not None:
        code = "late_po" if purchase.first <= component.need < purchase.promise else "late_order"
        findings.append(Finding(code, component.order, "/".join(purchase.key)))
    return findings


def _missing(view: View, lot: str) -> bool:
    """Tell whether the shop floor counts less of a lot than is booked, beyond what is on its way."""
    *_, booked = view.stock.free.get(lot, ("", "", 0))
    booked += view.stock.in_flight.get(lot, 0)
    return view.stock.counted.get(lot, 0) < booked


def _peg(view: View) -> dict[Key, tuple[str, Purchase | None, int]]:
    """Return when each unheld demand is covered, by what, and how much of it was not on stock.

    Demands take the free stock first and then what arrives, the earliest need first.
    """
    demands: dict[Key, list[tuple[Component, int]]] = defaultdict(list)
    for components in view.production.components.values():
        for component in components:
            held = sum(qty for _, qty in view.stock.held.get((component.order, component.item), ()))
            if component.child is None and component.open_qty > held:
                demands[component.material, component.plant].append((component, component.open_qty - held))
    free: dict[Key, int] = defaultdict(int)
    for lot, (material, plant, qty) in view.stock.free.items():
        free[material, plant] += qty - view.stock.held_on_lot.get(lot, 0)
    arriving = _arriving(view)
    covered: dict[Key, tuple[str, Purchase | None, int]] = {}
    for place, wanted in demands.items():
        supplies = [("", None, free[place]), *arriving.get(place, [])]
        for component, qty in sorted(wanted, key=lambda entry: (entry[0].need, entry[0].order, entry[0].item)):
            covered[component.order, component.item] = _take(supplies, qty)
    return covered


def _arriving(view: View) -> dict[Key, list[tuple[str, Purchase | None, int]]]:
    supplies: dict[Key, list[tuple[str, Purchase | None, int]]] = defaultdict(list)
    for purchase in view.purchases.values():
        supplies[purchase.material, purchase.plant].append((purchase.promise, purchase, purchase.open_base))
    for order in view.production.orders.values():
        if order.sales is None and order.parent is None:
            supplies[order.material, order.plant].append((order.finish, None, order.qty))
    for entries in supplies.values():
        entries.sort(key=lambda entry: (entry[0], entry[1].key if entry[1] is not None else ("", "")))
    return supplies


def _take(supplies: list[tuple[str, Purchase | None, int]], qty: int) -> tuple[str, Purchase | None, int]:
    """Take `qty` from the front of the supplies; return when and by what the last piece comes."""
    missing, short = qty, 0
    last: tuple[str, Purchase | None] = ("", None)
    while missing and supplies:
        when, purchase, there = supplies[0]
        taken = min(there, missing)
        missing -= taken
        if taken:
            last = (when, purchase)
            short += taken if when else 0
        if there > taken:
            supplies[0] = (when, purchase, there - taken)
        else:
            supplies.pop(0)
    if missing:
        return _NEVER, None, missing + short
    return last[0], last[1], short


def repaired(view: View, key: Key, finding: Finding) -> View:
    """Return a copy of the view in which one cause is mended and nothing else is touched."""
    sales, stock, floor = view.sales, view.stock, view.floor
    lot = finding.evidence
    match finding.code:
        case "credit_block":
            return replace(view, sales=replace(sales, blocked_orders=sales.blocked_orders - {key[0]}))
        case "picked_not_shipped":
            stuck = {line: planned for line, planned in sales.stuck_deliveries.items() if line != key}
            return replace(view, sales=replace(sales, stuck_deliveries=stuck))
        case "late_po":
            po, item = finding.evidence.split("/")
            purchase = view.purchases[po, item]
            return replace(view, purchases=view.purchases | {(po, item): replace(purchase, promise=purchase.first)})
        case "quality_hold":
            blocked = {number: entry for number, entry in stock.blocked.items() if number != lot}
            return replace(view, stock=replace(stock, free=stock.free | {lot: stock.blocked[lot]}, blocked=blocked))
        case "stock_discrepancy":
            return replace(view, stock=replace(stock, counted=stock.counted | {lot: stock.free[lot][2]}))
        case "upstream_order_late":
            return replace(view, floor=replace(floor, job_end=floor.job_end | {finding.evidence: view.today}))
        case "machine_down":
            center = finding.evidence.split("/")[0]
            steps = view.production.steps
            kept = tuple(step for step in steps[finding.order] if step.center != center)
            return replace(view, production=replace(view.production, steps=steps | {finding.order: kept}))
        case _:
            return view
