"""What a plan wants of the record that a change is about, before it and after it."""

from __future__ import annotations

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Refused
from erp_mcp.domain.entities import Kind, Record, field_specs
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.domain.write_plan import Plan


def held_back(plan: Plan, command: Command, record: Record) -> Refused | None:
    """Return why nothing is sent about a record that is still at the version that the change was worked out on."""
    if any(canonical(record, name) != command.fields.get(name) for name in plan.same):
        return Refused(code="key_mismatch")  # two records are named: whichever is written, one was not approved
    for one in plan.single:
        if command.fields.get(one.field) != [canonical(record, one.named)]:
            return Refused(code=one.code)
    for need in plan.needs:
        if str(canonical(record, need.field) or "") not in need.among:
            return Refused(code=need.code)
    for name, code in plan.unchanged.items():
        if command.fields.get(name) != canonical(record, plan.shown.get(name, name)):
            return Refused(code=code)
    return None


def has_become(plan: Plan, record: Record) -> bool:
    """Say whether a record is what the change makes of it, beside the values that were asked for."""
    return all(_word(canonical(record, name)) == value for name, value in plan.becomes.items())


def _word(value: JsonValue) -> str:
    """Return a value as profiles write it: `true` and `false` in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def canonical(record: Record, name: str) -> JsonValue:
    """Return a field as commands have it: quantities and money as decimal strings."""
    value = getattr(record, name, None)
    kind = _kinds(type(record)).get(name)
    if value is not None and kind is Kind.QUANTITY:
        return quantity_text(value)
    return money_text(value) if value is not None and kind is Kind.MONEY else value


def _kinds(entity: type[Record]) -> dict[str, Kind]:
    return {spec.name: spec.kind for spec in field_specs(entity)}
