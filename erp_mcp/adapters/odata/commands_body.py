"""The body and the address of a write, typed after the metadata; what is not of the type refuses the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

from erp_mcp.adapters._documents.command_values import (
    Facts,
    Native,
    RefusedError,
    applies,
    children_of,
    day_of,
    decimal_of,
    flag_of,
    label,
    plain,
    text_of,
    whole_of,
)
from erp_mcp.adapters.odata.commands_facets import Facet, Facets
from erp_mcp.adapters.odata.grammar import Version
from erp_mcp.adapters.odata.literals import LiteralError, encoded, literal, segment
from erp_mcp.adapters.odata.model import Model, Structure
from erp_mcp.domain.write_plan import Children, Inner, Part, Place, Value

_WHOLE: Final = frozenset({"Edm.Byte", "Edm.SByte", "Edm.Int16", "Edm.Int32"})
_LONG: Final = "Edm.Int64"
_NUMBERS: Final = frozenset({"Edm.Decimal", "Edm.Double", "Edm.Single"})
_MOMENTS: Final = frozenset({"Edm.DateTime", "Edm.DateTimeOffset"})
_MOST_PLACES: Final = 6
_SURE_DIGITS: Final = 15  # that a reader which makes floats of numbers still keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One service as it describes itself."""

    version: Version
    model: Model
    facets: Facets

    def of_set(self, name: str) -> Structure:
        """Return the type of an entity set.

        Raises:
            RefusedError: when there is no such set; nothing can be written then.
        """
        found = self.model.of_set(name)
        if found is None:
            raise RefusedError("unknown_set")
        return found


def body_of(schema: Schema, structure: Structure, parts: Mapping[str, Part], facts: Facts) -> dict[str, Native]:
    """Return the body that the parts of a plan make for a type.

    Raises:
        RefusedError: a value is missing, not of its type, too long or too fine, or the type has no such property.
    """
    body: dict[str, Native] = {}
    for name, part in parts.items():
        match part:
            case Value() if not applies(part, facts):
                continue
            case Value():
                if (value := _typed(schema, structure, name, part, facts)) is not None or part.source == "const":
                    body[name] = value
            case Inner(body=inner):
                body[name] = body_of(schema, _target(schema, structure, name), inner, facts)
            case Children():
                target = _target(schema, structure, name)
                made: list[Native] = [body_of(schema, target, one, known) for one, known in children_of(part, facts)]
                body[name] = {"results": made} if schema.version == 2 else made
    return body


def arguments_of(schema: Schema, action: str, parts: Mapping[str, Part], facts: Facts) -> dict[str, Native]:
    """Return the body by which an action of V4 is called.

    Raises:
        RefusedError: the service has no such action, or the action no such parameter; otherwise as `body_of`.
    """
    types = called(schema, action)
    body: dict[str, Native] = {}
    for name, part in parts.items():
        if name not in types or not isinstance(part, Value):
            raise RefusedError("unknown_parameter")
        if not applies(part, facts):
            continue
        if (value := _native(types[name], Facet(), part, facts, schema.version)) is not None or part.source == "const":
            body[name] = value
    return body


def called(schema: Schema, action: str) -> Mapping[str, str]:
    """Return the parameters of an action or function import with their types.

    Raises:
        RefusedError: when the service has no such one.
    """
    types = schema.facets.calls.get(action)
    if types is None:
        raise RefusedError("unknown_action")
    return types


def address_of(schema: Schema, base: str, place: Place, facts: Facts, *, parameters: Mapping[str, Part]) -> str:
    """Return the address that a request goes to; the parameters of a V2 function import stand in it.

    Raises:
        RefusedError: a part of the key is missing or not of its type.
    """
    if place.action and schema.version == 2:
        return f"{base}{place.action}{_query(called(schema, place.action), {**place.key, **parameters}, facts)}"
    if not place.entity_set:
        return f"{base}{place.action}"
    structure = schema.of_set(place.entity_set)
    parts = {name: literal_of(schema, structure, name, value, facts) for name, value in place.key.items()}
    if parts and set(parts) != set(structure.keys):
        raise RefusedError("bad_key")
    one = "".join(parts.values()) if len(parts) == 1 else ",".join(f"{name}={text}" for name, text in parts.items())
    address = f"{base}{place.entity_set}{f'({segment(one)})' if parts else ''}"
    return f"{address}/{place.action}" if place.action else address


def literal_of(schema: Schema, structure: Structure, name: str, value: Value, facts: Facts) -> str:
    """Return a value as it stands in an address, not yet percent-encoded.

    Raises:
        RefusedError: when it is missing or not of the property's type.
    """
    found = text_of(value, facts)
    known = structure.properties.get(name)
    if known is None:
        raise RefusedError("unknown_property")
    try:
        return literal(found, known.type, schema.version)
    except LiteralError:
        raise RefusedError(f"bad_{label(value)}") from None


def _query(types: Mapping[str, str], parts: Mapping[str, Part], facts: Facts) -> str:
    """Return the parameters of a function import; one that is left out by its plan is not named."""
    found = []
    for name, part in parts.items():
        if name not in types or not isinstance(part, Value):
            raise RefusedError("unknown_parameter")
        if not applies(part, facts):
            continue
        value = text_of(part, facts)
        if value is None and part.source != "const":
            continue
        try:
            found.append(f"{name}={encoded(literal(value, types[name], 2))}")
        except LiteralError:
            raise RefusedError(f"bad_{label(part)}") from None
    return f"?{'&'.join(found)}" if found else ""


def _target(schema: Schema, structure: Structure, name: str) -> Structure:
    link = structure.navigations.get(name)
    known = structure.properties.get(name)
    found = schema.model.structures.get(link.target if link else known.type if known else "")
    if found is None:
        raise RefusedError("unknown_property")
    return found


def _typed(schema: Schema, structure: Structure, name: str, value: Value, facts: Facts) -> Native:
    known = structure.properties.get(name)
    if known is None:
        raise RefusedError("unknown_property")
    return _native(known.type, schema.facets.of(structure.name, name), value, facts, schema.version)


def _native(kind: str, facet: Facet, value: Value, facts: Facts, version: Version) -> Native:
    """Return a value as its type has it in a body."""
    found = text_of(value, facts)
    if found is None or isinstance(found, bool):
        return found
    text = str(found)
    if kind in _NUMBERS or kind in _WHOLE or kind == _LONG:
        return _number(kind, value, text, facet, version)
    if kind == "Edm.Boolean":
        return flag_of(value, text)
    if kind in _MOMENTS:
        return _moment(kind, value, text, version)
    if kind == "Edm.Date":
        return day_of(value, text).isoformat()
    if facet.longest is not None and len(text) > facet.longest:
        raise RefusedError(f"{label(value)}_too_long")
    return text


def _number(kind: str, value: Value, text: str, facet: Facet, version: Version) -> Native:
    """Return a number: V2 wants decimals and long ones as text; V4 numbers with no more digits than any reader keeps.

    V4 has text for them too, but not every server takes it.
    """
    if kind in _WHOLE:
        return whole_of(value, text)
    exact = decimal_of(value, text)
    places = 0 if kind == _LONG else facet.digits if facet.digits is not None else _MOST_PLACES
    if exact != round(exact, places) or (version == 4 and len(exact.normalize().as_tuple().digits) > _SURE_DIGITS):
        raise RefusedError(f"{label(value)}_too_fine")
    exact = min(exact, round(exact, places), key=lambda one: len(plain(one)))  # no zeros that don't fit
    return plain(exact) if version == 2 and kind != "Edm.Double" else exact


def _moment(kind: str, value: Value, text: str, version: Version) -> str:
    """Return the beginning of a day: V2 counts milliseconds, in UTC and without a zone."""
    start = datetime.combine(day_of(value, text), time(), tzinfo=UTC)
    if version == 2:
        ticks = int(start.timestamp()) * 1000
        return f"/Date({ticks})/" if kind == "Edm.DateTime" else f"/Date({ticks}+0000)/"
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")
