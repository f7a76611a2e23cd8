"""`get_plant_briefing`: what is out of order this morning, counted per class with the five oldest of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import Final, cast

from erp_mcp.analyses import rows
from erp_mcp.analyses.dependences import BRIEFING, LATE_ORDER, classes
from erp_mcp.analyses.exception_classes import CLASSES, Exceptional, late_lines
from erp_mcp.analyses.exceptions_ahead import EXCEPTIONS, SALES_LINE_EXCEPTION, ExceptionRow
from erp_mcp.analyses.late_order import READS as LATE_ORDER_READS
from erp_mcp.analyses.late_order import explain
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import plant_of, reads
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell

_TOP = 5


def plant_briefing(facts: Facts) -> Findings:
    """Answer `get_plant_briefing`: tables `classes`, `top`, `late_causes`.

    Args:
        facts: Rows of `READS`, over all sites in scope.

    Returns:
        Every class, also with count 0; the five with the highest age of each, then by id; and how many late sales order
        lines have which root cause. A class whose source is missing is left out and named in the gaps; where no row at
        all is in scope, nothing is counted.
    """
    if not any(facts.rows.values()):
        nothing: dict[str, list[tuple[RawCell, ...]]] = {"classes": [], "top": [], "late_causes": []}
        warning = "Nothing counted: no data of such a site at hand, or none in this role's scope."
        return Findings(tables=nothing, complete=not facts.gaps, warnings=(warning,))
    ledgers = Ledgers(plant_of(facts))
    found = {name: list(one.collect(facts)) for name, one in CLASSES.items() if one.known(facts)}
    return _findings(facts, found, Counter(explain(ledgers, line).code for line in late_lines(facts)))


def _of_exceptions(facts: Facts) -> Findings | None:
    """Answer from what was worked out; where nothing is out of order the whole question tells if there is any data."""
    found: dict[str, list[Exceptional | ExceptionRow]] = {name: [] for name in CLASSES}
    for one in EXCEPTIONS:
        for row in cast("Sequence[ExceptionRow]", facts.rows[one.name]):
            found[row.kind].append(row)
    causes = Counter(
        row.cause
        for row in cast("Sequence[ExceptionRow]", facts.rows[SALES_LINE_EXCEPTION.name])
        if row.cause is not None
    )
    if not any(found.values()):
        return None
    found["work_center_down"] = [*CLASSES["work_center_down"].collect(facts)]
    return _findings(facts, {name: items for name, items in found.items() if CLASSES[name].known(facts)}, causes)


def _findings(
    facts: Facts, found: Mapping[str, Sequence[Exceptional | ExceptionRow]], causes: Counter[str]
) -> Findings:
    worst = {name: _worst(items) for name, items in found.items()}
    classes: list[tuple[RawCell, ...]] = [
        (name, len(items), worst[name][0].age_days if items else None) for name, items in found.items()
    ]
    top: list[tuple[RawCell, ...]] = [
        (name, position, item.item_id, item.age_days, item.date, item.detail)
        for name, items in worst.items()
        for position, item in enumerate(items, start=1)
    ]
    return Findings(
        tables={
            "classes": classes,
            "top": top,
            "late_causes": [*sorted(causes.items(), key=lambda one: (-one[1], one[0]))],
        },
        complete=not facts.gaps,
        warnings=tuple(f"Not counted, no data: {name}." for name in CLASSES if name not in found),
    )


def _worst(items: Sequence[Exceptional | ExceptionRow]) -> list[Exceptional | ExceptionRow]:
    oldest = sorted((item.age_days for item in items), reverse=True)[:_TOP]
    of_these = [item for item in items if item.age_days >= oldest[-1]] if oldest else []
    return nsmallest(_TOP, of_these, key=lambda item: (-item.age_days, item.item_id, item.detail or ""))


ANALYSIS: Final = Analysis(
    name="plant_briefing",
    function=plant_briefing,
    reads={
        **reads(*LATE_ORDER_READS),
        "at_risk": rows.PurchaseLineRow,
        "unconfirmed": rows.PurchaseLineRow,
        "waiting": rows.RequisitionRow,
        "held_lots": rows.LotRow,
        "overdue_orders": rows.ProductionOrderRow,
        "unshipped": rows.DeliveryRow,
        "blocked_lines": rows.SalesLineRow,
        "all_stock": rows.StockRow,
        "all_mes_stock": rows.MesStockRow,
        "all_in_flight": rows.InFlightRow,
    },
    definition_id="plant_briefing.1",
    dependences=(*classes((name, one.fields) for name, one in CLASSES.items()), *BRIEFING, *LATE_ORDER),
    ahead=Ahead(derivations=EXCEPTIONS, function=_of_exceptions, reads=("downtimes",)),
)
