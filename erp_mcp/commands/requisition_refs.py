"""Requisition lines that a purchase order is made for: open, released, and covered by what is ordered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands.buying_lines import BuyingLine
from erp_mcp.commands.rows_buying import RequisitionKeyRow
from erp_mcp.commands.units import passing
from erp_mcp.commands.verdicts import known, live_record, ok, refuse, refused, rows_of
from erp_mcp.domain.call import Rows
from erp_mcp.domain.entities.procurement import PurchaseRequisition
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.proposal import Check
from erp_mcp.errors import RuleNotEvaluableError

RULE: Final = "R-REQUISITION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A requisition line as its system has it now."""

    requisition_id: str
    line: str
    version: str
    live: PurchaseRequisition


def references(facts: CommandFacts, system: str) -> tuple[Reference, ...]:
    """Return the requisition lines that are named, each once.

    Raises:
        RuleRefusedError: `rule.refused`, where one is named twice or is not there.
    """
    asked = facts.arguments.get("requisition_refs")
    named = (
        [(str(one["requisition_id"]), str(one["line"])) for one in asked.records()] if isinstance(asked, Rows) else []
    )
    rows = {
        (one.requisition_id, one.line): one
        for one in rows_of(facts, "references", RequisitionKeyRow)
        if one.system == system
    }
    found = []
    for requisition_id, line in named:
        row = rows.pop((requisition_id, line), None)
        if row is None:
            message = (
                f"There is no requisition line {requisition_id}/{line}, or it is named twice; name open ones once."
            )
            raise refused(RULE, message, requisition_id=requisition_id, line=line)
        live = live_record(facts, "references", row.system, row.source_key, PurchaseRequisition)
        found.append(Reference(requisition_id=requisition_id, line=line, version=live.version_token, live=live))
    return tuple(found)


def reference_checks(named: Sequence[Reference], lines: Sequence[BuyingLine], site: str) -> Iterator[Check]:
    """Say whether the order may take the place of the requisitions that are named."""
    found = [one for reference in named if (one := _state(reference, lines, site)) is not None]
    found = found or list(_coverage(named, lines))
    if named:
        yield from found or [ok(RULE, "The requisitions are open, released and covered by what is ordered.")]


def _state(one: Reference, lines: Sequence[BuyingLine], site: str) -> Check | None:
    live, name = one.live, f"Requisition {one.requisition_id}/{one.line}"
    if live.order_state != "open":
        message = f"{name} is not open any more; leave it out."
        return refuse(RULE, message, order_state=known(live.order_state, "converted", "closed"))
    if not live.release_state:
        raise RuleNotEvaluableError(rule=RULE, missing="release state of the requisition")
    if live.release_state != "released":
        message = f"{name} still waits for its release; it would pass once it is released."
        return refuse(RULE, message, release_state=known(live.release_state, "waiting"))
    if live.site != site or live.material_id not in {line.material_id for line in lines}:
        message = f"{name} is for another site or material than the order; leave it out."
        return refuse(RULE, message, requisition_id=one.requisition_id, line=one.line)
    return None


def _coverage(named: Sequence[Reference], lines: Sequence[BuyingLine]) -> Iterator[Check]:
    """A requisition is closed as a whole, so what it asks for must be ordered as a whole."""
    wanted: dict[str, list[PurchaseRequisition]] = defaultdict(list)
    for one in named:
        wanted[one.live.material_id].append(one.live)
    for material_id, asked in wanted.items():
        ordered = [line for line in lines if line.material_id == material_id]
        units, uom = ordered[0].units, ordered[0].uom
        need = [(units.ratio(one.uom, uom), one.qty) for one in asked]
        have = [(units.ratio(line.uom, uom), line.qty) for line in ordered]
        least = sum((Fraction(qty) * ratio for ratio, qty in need if ratio is not None), Fraction(0))
        if any(ratio is None for ratio, _ in (*need, *have)):
            raise RuleNotEvaluableError(rule=RULE, missing="conversion between the units of requisition and order")
        if sum((Fraction(qty) * ratio for ratio, qty in have if ratio is not None), Fraction(0)) < least:
            would = passing(least)
            message = f"The requisitions for {material_id} ask for {would} {uom}; ordering that much would pass."
            yield refuse(RULE, message, material_id=material_id, would_pass=would, uom=uom)
