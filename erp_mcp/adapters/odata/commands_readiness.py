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
from erp_mcp.domain.write_plan import REFERENCE_CHARS, Children, Inner, Part, Place, Plan, Value


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
    if plan.contract.kind == "none":
        return search.NOBODY_KNOWS
    if plan.changes:
        return await _conditional(plan, looks)
    return _too_short(plan, schema) or await search.searched(plan, looks, facts)


async def _conditional(plan: Plan, looks: Looks) -> str:
    found = await looks.one_of(plan.write.place)
    if found is None:
        return f"not seen: {plan.write.place.entity_set} has no record yet, so its versions can't be looked at"
    if not found.get(ETAG):
        return f"not kept: records of {plan.write.place.entity_set} have no version (ETag)"
    return "verified: records have an ETag, and each change names the one that was read (If-Match)"


def _too_short(plan: Plan, schema: Schema) -> str:
    if plan.reference is None:
        return ""
    structure: Structure | None = schema.model.of_set(plan.write.place.entity_set)
    *links, name = plan.reference.path.split(".")
    for link in links:
        target = structure.navigations.get(link) if structure else None
        structure = schema.model.structures.get(target.target) if target else None
    longest = schema.facets.of(structure.name, name).longest if structure else None
    if longest is not None and longest < min(plan.reference.longest, REFERENCE_CHARS):
        return f"not kept: {name} holds {longest} characters, {REFERENCE_CHARS} are needed"
    return ""


def _missing(plan: Plan, schema: Schema) -> Iterator[str]:
    place = plan.write.place
    if place.entity_set:
        try:
            structure = schema.of_set(place.entity_set)
        except RefusedError:
            yield place.entity_set
            return
        if place.entity_set in schema.facets.closed:
            yield f"the right to write {place.entity_set}"
        yield from (name for name in place.key if name not in structure.properties)
        if not place.action:
            yield from _unknown(schema, structure, plan.write.body, changes=plan.changes)
    found = plan.find.place if plan.find is not None else place
    if found.service == place.service and found.entity_set and schema.model.of_set(found.entity_set) is None:
        yield found.entity_set


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
