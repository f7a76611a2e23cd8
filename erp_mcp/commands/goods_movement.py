"""`goods_movement.post`: what a person on site has seen received, issued, moved or scrapped, posted in the ERP."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from erp_mcp.commands import movement_lines, movement_rules, rows, rows_planning, told
from erp_mcp.commands.movement_lines import ISSUE, RECEIPT, SCRAP, TRANSFER, lines_of
from erp_mcp.commands.movement_rules import REFERENCE_TYPES, Case
from erp_mcp.commands.verdicts import flag, refused, rows_of, stale_checks, text_argument
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.entities.production import ProductionComponent
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change
from erp_mcp.domain.value import QUANTITY_DIGITS, money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError


def post(facts: CommandFacts) -> Draft:
    """Work out one goods movement.

    Raises:
        RuleRefusedError: `rule.refused`, where a line can't be worked out, or the movement may not be posted at all.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    movement = text_argument(facts, "movement")
    if movement not in REFERENCE_TYPES:
        message = (
            f"This movement may not be proposed: people post it in the ERP; {', '.join(REFERENCE_TYPES)} would pass."
        )
        raise refused("R-CODE", message)
    case = Case(
        facts=facts,
        movement=movement,
        site=text_argument(facts, "site"),
        reference_id=text_argument(facts, "reference_id"),
        witness=text_argument(facts, "confirmed_by").strip(),
        lines=lines_of(facts),
    )
    value, currency = _value(case)
    checks = [*movement_rules.checks(case)]
    if value is None:
        checks.append(flag("R-VALUE", "What it is worth is not known: prices are missing or of several currencies."))
    return Draft(
        system=_system(case),
        key="",
        version_token="",
        fields=_fields(case),
        document="",
        headline=(
            f"Post {_words(movement)} for {case.reference_id} at site {case.site}:"
            f" {told.counted(len(case.lines), 'line')}, seen by a person on site"
        ),
        changes=tuple(_changes(case)),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(case, value, currency)),
        amounts={} if value is None else {"value": money_text(value), "currency": currency},
    )


def _system(case: Case) -> str:
    systems = {one.system for one in case.lines}
    if len(systems) != 1:
        raise RuleNotEvaluableError(rule="R-LINES", missing="one system that has all materials")
    return systems.pop()


def _words(movement: str) -> str:
    return {RECEIPT: "a receipt", ISSUE: "an issue", TRANSFER: "a transfer", SCRAP: "scrap"}[movement]


# --- What follows -----------------------------------------------------------------------------------------------------


def _value(case: Case) -> tuple[int | None, str]:
    """Return what is moved at the standard prices of the site in 10⁻⁴ of one currency, a half up."""
    prices = {
        (one.system, one.material_id): one
        for one in rows_of(case.facts, "planning", rows_planning.MovedMaterialRow)
        if one.site == case.site
    }
    total, currencies = Fraction(0), set()
    for line in case.lines:
        price = prices[line.system, line.material_id]
        if price.standard_price is None or not price.currency:
            return None, ""
        total += Fraction(line.base_qty * price.standard_price, 10**QUANTITY_DIGITS * (price.price_unit or 1))
        currencies.add(price.currency)
    if len(currencies) != 1:
        return None, ""
    return int(total + Fraction(1, 2)), currencies.pop()


def _fields(case: Case) -> dict[str, JsonValue]:
    lines: list[JsonValue] = [
        {
            "reference_line": one.reference_line or None,
            "material_id": one.material_id,
            "lot_id": one.lot_id or None,
            "storage_location_id": one.location,
            "to_location": one.to_location or None,
            "qty": quantity_text(one.qty),
            "uom": one.uom,
        }
        for one in case.lines
    ]
    versions: dict[str, JsonValue] = {
        one.reference.source_key: one.reference.version_token for one in case.lines if one.reference is not None
    }
    return {
        "movement": case.movement,
        "site": case.site,
        "reference_type": REFERENCE_TYPES[case.movement],
        "reference_id": case.reference_id,
        "confirmed_by": case.witness,
        "lines": lines,
        "versions": versions,
    }


def _changes(case: Case) -> Iterator[Change]:
    yield Change(field="confirmed_by", before="", after=case.witness)
    for one in case.lines:
        name = f"{one.where} {one.material_id}"
        if one.lot_id:
            yield Change(field=f"{one.where} lot_id", before="", after=one.lot_id)
        if isinstance(one.reference, (PurchaseOrderLine, ProductionComponent)):
            earlier = movement_lines.before_for(case.lines, one)
            open_before = max(0, one.reference.qty_open - earlier)
            yield Change(
                field=f"{name} open of {case.reference_id}/{one.reference_line}",
                before=quantity_text(open_before),
                after=quantity_text(max(0, open_before - one.qty)),
                unit=one.uom,
            )
        if case.movement == RECEIPT:
            yield Change(
                field=f"{name} received at {one.location}", before="", after=quantity_text(one.qty), unit=one.uom
            )
            continue
        stock = movement_lines.there(case.facts, one) - movement_lines.before(case.lines, one)
        yield Change(
            field=f"{name} stock at {one.location}",
            before=quantity_text(stock),
            after=quantity_text(stock - one.base_qty),
            unit=one.base_uom,
        )
        if one.to_location:
            moved = quantity_text(one.base_qty)
            yield Change(field=f"{name} moved", before="", after=moved, unit=one.base_uom)
            yield Change(field=f"{one.where} to_location", before="", after=one.to_location)


def _effects(case: Case, value: int | None, currency: str) -> Iterator[str]:
    if value is not None:
        yield f"Worth {money_text(value)} {currency} at standard prices."
    if case.movement == SCRAP:
        yield "It is taken from blocked stock; what quality has not blocked is not scrapped."
    if case.movement == ISSUE:
        yield "What is reserved of these lots for this order is used up by it first."
    yield "Nothing is carried anywhere by it: it records what a person on site says has happened."
    yield "Undo: a person posts the reversal in the ERP, as long as the period is open."


OPERATION: Final = Operation(
    name="goods_movement.post",
    entity="goods_movement",
    function=post,
    reads={
        "materials": rows.MaterialRow,
        "planning": rows_planning.MovedMaterialRow,
        "units": rows_planning.MaterialUnitRow,
        "managed": rows_planning.LotCountRow,
        "on_hand": rows_planning.RecordRow,
        "lots": rows_planning.RecordRow,
        "holds": rows_planning.HoldRow,
        "held": rows_planning.RecordRow,
        "order_lines": rows_planning.RecordRow,
        "order": rows_planning.OrderRefRow,
        "components": rows_planning.RecordRow,
        "notices": rows_planning.NoticeRow,
    },
    live=("materials", "on_hand", "lots", "held", "order_lines", "order", "components"),
    irreversible="A person reverses the document in the system, as long as its period is open.",
    doubted={"R-REFERENCE": frozenset({"reference_id", "to_location"})},  # of a transfer, which no system tells of
)
