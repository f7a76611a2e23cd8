"""Which fields of its entities a database really gives; found with statements that give no row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.adapters.sql import statements
from erp_mcp.adapters.sql.source import DOES_NOT_FIT, Source
from erp_mcp.adapters.sql.statements import EntityStatements, Statement
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.introspection import EntityBinding
from erp_mcp.domain.select_text import select_columns, single_columns
from erp_mcp.errors import BadAnswerError, SystemRefusedError, UnboundFieldError

_GIVEN: Final = frozenset({"system", "as_of"})  # by the adapter, never by a column
_PASS: Final = ("source_key", "version_token", "changed_at")  # what a pass needs beside the fields


async def binding_of(entity: str, form: EntityStatements, source: Source) -> EntityBinding:
    """Return which fields of an entity are there.

    Raises:
        SystemRefusedError: `adapter.refused`, where the account may read none of them; otherwise as `Source.find`.
    """
    specs = [spec for spec in field_specs(ENTITIES[entity]) if spec.name not in _GIVEN]
    names = _named(form.rows)
    needed = {spec.name for spec in specs if not spec.optional} | set(_PASS)
    fitting = await _fits(form.rows, source, refused_too=bool(names))
    if fitting and not names:  # its rows are checked as they come
        return EntityBinding(entity=entity)
    there = names if fitting or not names else await _fitting(form.rows, source)
    return EntityBinding(
        entity=entity,
        bound=tuple(spec.name for spec in specs if spec.name in there),
        missing=tuple(spec.name for spec in specs if spec.name not in there and spec.name not in needed),
        mandatory=tuple(sorted(needed - there)),
    )


async def check_bound(forms: Mapping[str, EntityStatements], source: Source, system: str) -> None:
    """Refuse a system that lacks fields its entities must have; where all is well, one statement for all of them.

    Raises:
        UnboundFieldError: `adapter.unbound_field`. SystemRefusedError: `adapter.refused`; otherwise as `Source.find`.
    """
    if all(_complete(entity, form) for entity, form in forms.items()):
        whole = statements.fits(*(form.rows for form in forms.values()))
        if await _works(whole, source, refused_too=True):
            return
    for entity, form in forms.items():
        found = await binding_of(entity, form, source)
        # A statement that names what is not there gives nothing at all, so an optional field counts here as well.
        lacking = set(found.mandatory) | (_named(form.rows) & set(found.missing))
        if lacking:
            raise UnboundFieldError(system=system, entity=entity, fields=tuple(sorted(lacking)))


def _complete(entity: str, form: EntityStatements) -> bool:
    names = _named(form.rows)
    return not names or {spec.name for spec in field_specs(ENTITIES[entity]) if not spec.optional} <= names | _GIVEN


def _named(statement: str) -> set[str]:
    """Return the columns that a statement names; none for a profile made in code that says `SELECT *`."""
    try:
        return set(select_columns(statement))
    except ValueError:
        return set()


async def _fitting(statement: str, source: Source) -> set[str]:
    """Return the columns that work on their own."""
    there: set[str] = set()
    refused: SystemRefusedError | None = None
    for name, single in single_columns(statement).items():
        try:
            if await _fits(single, source):
                there.add(name)
        except SystemRefusedError as failure:
            refused = failure
    if refused is not None and not there:
        raise refused
    return there


async def _fits(statement: str, source: Source, *, refused_too: bool = False) -> bool:
    """Return whether a statement works; one that is refused does not, where its columns are looked at afterwards."""
    return await _works(statements.fits(statement), source, refused_too=refused_too)


async def _works(statement: Statement, source: Source, *, refused_too: bool) -> bool:
    try:
        await source.find(statement, limit=1)
    except BadAnswerError as failure:
        if failure.facts.get("reason") == DOES_NOT_FIT:
            return False
        raise
    except SystemRefusedError:
        if refused_too:
            return False
        raise
    return True
