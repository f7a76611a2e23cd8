"""What can be said before anything is written: is everything there that a plan needs, and is its contract kept?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from erp_mcp.adapters._documents import command_readiness as search
from erp_mcp.adapters._documents.command_values import Facts, RefusedError
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters.odata.commands_body import Schema
from erp_mcp.adapters.odata.model import Structure
from erp_mcp.adapters.odata.shape import ETAG
from erp_mcp.domain.write_plan import REFERENCE_CHARS, Children, Inner, Part, Place, Plan, Value, Write


class Looks(search.Looks, Protocol):
    """Reads by which a contract is tried."""

    async def one_of(self, place: Place) -> Document | None:
        """Return some record of a set with its version."""
        ...


class Describes(Protocol):
    """Schemas of services."""

    async def schema(self, alias: str) -> Schema:
        """Return how a service describes itself."""
        ...


async def of(plan: Plan, session: Describes, looks: Looks, facts: Facts) -> str:
    """Return `verified: …` with how the contract of a plan is kept, or what is missing.

    Raises:
        SystemUnreachableError, SystemTimeoutError, BadAnswerError, SystemRefusedError: it can't be said now.
    """
    schema = await session.schema(plan.write.place.service)
    missing = list(_missing(plan, schema))
    if missing:
        return f"not ready: the service lacks {', '.join(missing)}"
    return await _kept(plan, schema, looks, facts) + search.told_later(plan)


async def _kept(plan: Plan, schema: Schema, looks: Looks, facts: Facts) -> str:
    if plan.contract.kind == "none":
        return search.NOBODY_KNOWS
    if plan.changes:
        return await _conditional(plan, looks)
    return _too_short(plan, schema) or await search.searched(plan, looks, facts)


async def _conditional(plan: Plan, looks: Looks) -> str:
    for name, place in _versioned(plan).items():
        found = await looks.one_of(place)
        if found is None:
            return f"not seen: {name} has no record yet, so its versions can't be looked at"
        if not found.get(ETAG):
            return f"not kept: records of {name} have no version (ETag)"
    together = f"; {len(plan.write.whole)} records are changed together or not at all" if plan.write.together else ""
    return f"verified: records have an ETag, and each change names the one that was read (If-Match){together}"


def _versioned(plan: Plan) -> dict[str, Place]:
    """Return the sets whose versions a plan relies on; of what has no set, that of the look-up which gives it."""
    looks = {one.name: one.place for one in plan.lookups}
    places = [
        one.place if one.place.entity_set else looks.get(one.if_match)
        for one in plan.write.whole
        if one.if_match or one is plan.write
    ]
    return {place.entity_set: place for place in places if place is not None}


def _too_short(plan: Plan, schema: Schema) -> str:
    if plan.reference is None:
        return ""
    *links, name = plan.reference.path.split(".")
    holder = next((one for one in plan.write.whole if (links[0] if links else name) in one.body), plan.write)
    structure: Structure | None = schema.model.of_set(holder.place.entity_set)
    for link in links:
        target = structure.navigations.get(link) if structure else None
        structure = schema.model.structures.get(target.target) if target else None
    longest = schema.facets.of(structure.name, name).longest if structure else None
    if longest is not None and longest < min(plan.reference.longest, REFERENCE_CHARS):
        return f"not kept: {name} holds {longest} characters, {REFERENCE_CHARS} are needed"
    return ""


def _missing(plan: Plan, schema: Schema) -> Iterator[str]:
    for one in plan.write.whole:
        changes = plan.changes if one is plan.write else one.method != "POST"
        yield from _missing_for(one, schema, changes=changes)
    place = plan.write.place
    found = plan.find.place if plan.find is not None else place
    if found.service == place.service and found.entity_set and schema.model.of_set(found.entity_set) is None:
        yield found.entity_set
    yield from _missing_to_ask(plan, schema)


def _missing_to_ask(plan: Plan, schema: Schema) -> Iterator[str]:
    """Yield what is asked about a ticket and is not there, as far as it is of the service that is written to."""
    ask = plan.accepted.ask if plan.accepted is not None else None
    if ask is None or ask.place is None or ask.place.service != plan.write.place.service:
        return
    structure = schema.model.of_set(ask.place.entity_set)
    if structure is None:
        yield ask.place.entity_set
        return
    asked = [*ask.place.key, *(one.removesuffix("?") for one in (ask.state, ask.error, *ask.made) if one)]
    yield from (one for one in asked if not one.startswith("=") and one not in structure.properties)


def _missing_for(write: Write, schema: Schema, *, changes: bool) -> Iterator[str]:
    """Yield what one request needs and the service does not have."""
    place = write.place
    parameters = schema.facets.calls.get(place.action)
    if place.action and parameters is None:
        yield place.action
    yield from (name for name in write.body if parameters is not None and name not in parameters)
    if not place.entity_set:
        return
    try:
        structure = schema.of_set(place.entity_set)
    except RefusedError:
        yield place.entity_set
        return
    if place.entity_set in schema.facets.closed and not place.action:
        yield f"the right to write {place.entity_set}"
    yield from (name for name in place.key if name not in structure.properties)
    if not place.action:
        yield from _unknown(schema, structure, write.body, changes=changes)


def _unknown(schema: Schema, structure: Structure, body: Mapping[str, Part], *, changes: bool) -> Iterator[str]:
    """Yield the properties of a body that the type does not have, or that can't be set."""
    for name, part in body.items():
        match part:
            case Value():
                facet = schema.facets.of(structure.name, name)
                if name not in structure.properties or not (facet.updatable if changes else facet.creatable):
                    yield name
            case Inner(body=inner):
                yield from _below(schema, structure, name, [inner], changes=changes)
            case Children(bodies=bodies):
                yield from _below(schema, structure, name, bodies, changes=changes)


def _below(
    schema: Schema, structure: Structure, name: str, bodies: Sequence[Mapping[str, Part]], *, changes: bool
) -> Iterator[str]:
    link, known = structure.navigations.get(name), structure.properties.get(name)
    found = schema.model.structures.get(link.target if link else known.type if known else "")
    if found is None:
        yield name
        return
    for one in bodies:
        yield from _unknown(schema, found, one, changes=changes)
