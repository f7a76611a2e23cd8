"""`explain_late_order`: why the lines of one sales order are late, with the chain of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.analyses.alternatives import alternatives
from erp_mcp.analyses.causes import MAX_DEPTH, Search
from erp_mcp.analyses.cover import harmless_purchases
from erp_mcp.analyses.dependences import LATE_ORDER
from erp_mcp.analyses.findings import ROOT_CAUSES, Cause, Step, step
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import Plant, plant_of, reads, rows_of
from erp_mcp.analyses.rows import SalesLineRow
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.days import days_between

# What is figured or chosen wrongly, and not merely left empty, for want of a field: such an answer is not whole.
_FIGURED: Final = frozenset({"days_late", "alternatives"})
# What a missing entity keeps from being found; entities that only decorate an answer are not named.
BLIND_TO: Final = {
    "delivery": ("picked_not_shipped", "carrier_delay"),
    "downtime": ("machine_down",),
    "in_flight_document": ("stock_discrepancy",),
    "job": ("machine_down", "upstream_order_late"),
    "lot": ("quality_hold",),
    "maintenance_order": ("machine_down",),
    "material": ("bom_or_master_data",),
    "material_site": ("po_not_placed",),
    "mes_stock": ("stock_discrepancy",),
    "production_operation": ("machine_down",),
    "purchase_requisition": ("po_not_placed",),
    "quality_notification": ("quality_hold",),
    "reservation": ("late_po", "stock_discrepancy"),
    "sales_order": ("credit_block", "delivery_block"),
    "work_center": ("machine_down",),
}
_MOST_OTHERS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one line. `causes` has the root cause first; empty with `unknown`, `on_time`, `not_open`."""

    line: SalesLineRow
    code: str
    confidence: str  # high, medium, low
    causes: tuple[Cause, ...]
    ruled_out: tuple[Step, ...] = ()

    @property
    def root(self) -> Cause | None:
        """The root cause."""
        return self.causes[0] if self.causes else None


def days_late(line: SalesLineRow, today: str) -> int:
    """Return by how many days a line will miss its requested date; 0 when it will not, or is not open.

    What is still to be delivered does not come before `today`, whatever was confirmed.
    """
    if line.order_state != "open":
        return 0
    expected = line.confirmed_date or line.requested_date
    return max(0, days_between(max(expected, today) if line.qty_open > 0 else expected, line.requested_date))


def explain(ledgers: Ledgers, line: SalesLineRow, *, max_depth: int = MAX_DEPTH) -> Explanation:
    """Explain one sales order line.

    Returns:
        `on_time` for a line that is not late, `not_open` for one that is closed or cancelled; else the causes found,
        nearest to the line first.
        Confidence is `high` for exactly one sufficient cause and nothing missing, `medium` when several suffice, one
        rests on less than certain facts, or a source is missing that could show another; `low` for `unknown`.
    """
    if not days_late(line, ledgers.plant.today):
        code = "on_time" if line.order_state == "open" else "not_open"
        sure = code == "not_open" or "days_late" not in ledgers.plant.untold
        return Explanation(line=line, code=code, confidence="high" if sure else "medium", causes=())
    search = Search(ledgers, max_depth=max_depth)
    causes = tuple(search.line_causes(line))
    blamed = {one.evidence: one for cause in causes for one in cause.steps}
    others = harmless_purchases(ledgers.plant, search.places, blamed)
    known = bool(causes) and causes[0].code != "unknown"
    return Explanation(
        line=line,
        code=causes[0].code if causes else "unknown",
        confidence=_confidence(ledgers.plant, causes, search) if known else "low",
        causes=causes,
        ruled_out=tuple(others[:_MOST_OTHERS]),
    )


def _confidence(plant: Plant, causes: tuple[Cause, ...], search: Search) -> str:
    sole = sum(cause.sufficient for cause in causes) == 1 and causes[0].sufficient
    seen_all = (
        not search.cut and not plant.missing & BLIND_TO.keys() and plant.untold.isdisjoint({*ROOT_CAUSES, *_FIGURED})
    )
    return "high" if sole and seen_all and causes[0].certain else "medium"


def explain_late_order(facts: Facts) -> Findings:
    """Answer `explain_late_order`: tables `summary`, `chain`, `alternatives`, `contributing`, `gaps`.

    Args:
        facts: Rows of `READS`; arguments `sales_order_id`, `line` and `max_depth` (1..6).

    Returns:
        One summary row per line asked for; the chain of each late one from the line to the root cause. Not complete
        where a source is missing that could show a cause.
    """
    plant = plant_of(facts)
    ledgers = Ledgers(plant)
    depth = facts.arguments.get("max_depth")
    wanted = sorted(rows_of(facts, "lines", SalesLineRow), key=lambda one: one.line)
    found = [explain(ledgers, line, max_depth=depth if isinstance(depth, int) else MAX_DEPTH) for line in wanted]
    gaps = _gaps(facts)
    return Findings(
        tables={
            "summary": [_summary(one, plant.today) for one in found],
            "chain": [row for one in found for row in _chain(one)],
            "alternatives": [row for one in found for row in alternatives(ledgers, one.line.line, one.causes)],
            "contributing": [row for one in found for row in _contributing(one)],
            "gaps": gaps,
        },
        complete=not any(gap[4] for gap in gaps) and plant.untold.isdisjoint(_FIGURED),
        warnings=_warnings(found, has_gaps=bool(gaps)),
    )


def _warnings(found: Sequence[Explanation], *, has_gaps: bool) -> tuple[str, ...]:
    on_time, not_open, unknown = (
        ", ".join(one.line.line for one in found if one.code == code) for code in ("on_time", "not_open", "unknown")
    )
    warnings = []
    if not found:
        warnings.append("No such sales order line in the data at hand, or none in this role's scope.")
    if on_time:
        warnings.append(f"Not late: nothing is expected after the requested date (line {on_time}).")
    if not_open:
        warnings.append(f"Closed or cancelled: nothing is open that could be late (line {not_open}).")
    if unknown:
        where = "; the table gaps says what could not be checked" if has_gaps else ""
        warnings.append(f"No cause found in the data at hand (line {unknown}){where}.")
    return tuple(warnings)


def _summary(one: Explanation, today: str) -> tuple[RawCell, ...]:
    line, root = one.line, one.root
    return (
        line.sales_order_id,
        line.line,
        line.material_id,
        line.qty_open,
        line.uom,
        line.requested_date,
        line.confirmed_date,
        days_late(line, today),
        one.code,
        one.confidence,
        root.root.node_type if root else None,
        root.root.node_id if root else None,
        root.since or None if root else None,
    )


def _chain(one: Explanation) -> list[tuple[RawCell, ...]]:
    if one.root is None:
        return []
    line = one.line
    first = step(
        line,
        "sales_order_line",
        f"{line.sales_order_id}/{line.line}",
        "late",
        qty=line.qty_open,
        uom=line.uom,
        planned=line.requested_date,
        expected=line.confirmed_date,
    )
    return [
        (
            line.line,
            number,
            link.node_type,
            link.node_id,
            link.fact,
            link.qty,
            link.qty_other,
            link.uom,
            link.planned_date,
            link.expected_date,
            link.since,
            link.evidence,
            link.system,
            link.as_of,
        )
        for number, link in enumerate((first, *one.root.steps), start=1)
    ]


def _contributing(one: Explanation) -> list[tuple[RawCell, ...]]:
    rows: list[tuple[RawCell, ...]] = []
    for cause in one.causes[1 : _MOST_OTHERS + 1]:
        role = "also_sufficient" if cause.sufficient else "part_of_it"
        rows.append((one.line.line, role, cause.code, *_other(cause.root)))
    rows.extend((one.line.line, "ruled_out", "late_po", *_other(link)) for link in one.ruled_out)
    return rows


def _other(link: Step) -> tuple[RawCell, ...]:
    return (
        link.node_type,
        link.node_id,
        link.fact,
        link.planned_date,
        link.expected_date,
        link.evidence,
    )


def _gaps(facts: Facts) -> list[tuple[RawCell, ...]]:
    return [
        (gap.entity, gap.reason, gap.system or None, gap.as_of or None, _can_hide(gap), gap.field or None)
        for gap in sorted(facts.gaps, key=lambda one: (one.entity, one.field, one.system))
    ]


def _can_hide(gap: Gap) -> tuple[str, ...]:
    if gap.field:
        return tuple(told for told in gap.affects if told in ROOT_CAUSES)
    return tuple(BLIND_TO.get(gap.entity, ()))


READS: Final = (
    "lines",
    "headers",
    "deliveries",
    "orders",
    "components",
    "demand",
    "sales_demand",
    "supply_orders",
    "operations",
    "jobs",
    "work_centers",
    "downtimes",
    "maintenance",
    "stock",
    "lots",
    "mes_stock",
    "in_flight",
    "reservations",
    "purchase_lines",
    "confirmations",
    "requisitions",
    "notifications",
    "sources",
    "suppliers",
    "materials",
    "planning",
)
ANALYSIS: Final = Analysis(
    name="late_order",
    function=explain_late_order,
    reads=reads(*READS),
    definition_id="late_order.1",
    dependences=LATE_ORDER,
)
