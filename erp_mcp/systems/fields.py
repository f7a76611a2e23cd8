"""Does a mapping produce the fields its entity must have, and none it does not know?

A `sql` mapping names its fields as output columns of its SELECT; other kinds name them as keys of `fields`, which kinds
that read documents fill with forms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from pydantic import JsonValue, ValidationError

from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.select_text import select_columns
from erp_mcp.strict_yaml import Document
from erp_mcp.systems.document_forms import DOCUMENT_KINDS, check_document_mapping
from erp_mcp.systems.grammar import SqlEntityForm

_GIVEN: Final = frozenset({"system", "as_of"})  # by the adapter, never by a mapping
_PASS: Final = frozenset({"source_key", "version_token", "changed_at"})  # what each SELECT also gives


def check_fields(kind: str, entity: str, mapping: Mapping[str, JsonValue], document: Document) -> None:
    """Refuse a mapping of one entity with an unknown or a missing field.

    Raises:
        ProfileFileError: `systems.bad_profile`, at the entity's line.
    """
    place = ("entities", entity)
    if kind == "sql":
        _check_sql(entity, mapping, document)
        return
    if kind in DOCUMENT_KINDS:
        check_document_mapping(mapping, document, place)
    if isinstance(fields := mapping.get("fields"), dict):
        _check(entity, set(fields) | _PASS, document, (*place, "fields"))


def _check_sql(entity: str, mapping: Mapping[str, JsonValue], document: Document) -> None:
    place = ("entities", entity)
    try:
        form = SqlEntityForm.model_validate(dict(mapping))
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        raise document.error((*place, *first["loc"]), str(first["msg"])) from failure
    columns = _columns(form.statement, document, (*place, "statement"))
    missing = sorted(_PASS - set(columns))
    if missing:
        raise document.error((*place, "statement"), f"missing {_listed('column', missing)}")
    _check(entity, columns, document, (*place, "statement"))
    if form.tombstones:
        gone = _columns(form.tombstones, document, (*place, "tombstones"))
        if not {"source_key", "changed_at"} <= set(gone):
            raise document.error((*place, "tombstones"), "must give source_key and changed_at")


def _check(entity: str, given: Collection[str], document: Document, place: tuple[str, ...]) -> None:
    specs = {spec.name: spec for spec in field_specs(ENTITIES[entity])}
    for name in sorted(given):
        if name in _GIVEN or (name not in specs and name not in _PASS):
            raise document.error(place, f"no such field: {entity}.{name}")
    missing = [name for name, spec in specs.items() if not spec.optional and name not in {*given, *_GIVEN}]
    if missing:
        raise document.error(place, f"missing mandatory {_listed('field', [f'{entity}.{name}' for name in missing])}")


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''}: {', '.join(names)}"


def _columns(statement: str, document: Document, place: tuple[str, ...]) -> list[str]:
    try:
        return select_columns(statement)
    except ValueError as failure:
        raise document.error(place, str(failure)) from failure
