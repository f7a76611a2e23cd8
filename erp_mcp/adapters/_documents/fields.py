"""One entity of a profile that reads documents: its fields, key, version, changes and deletions, compiled."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from erp_mcp.adapters._documents.conditions import Condition, MappingError, condition_of, path_of
from erp_mcp.adapters._documents.form_parts import Form
from erp_mcp.adapters._documents.forms import Forms
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters._documents.paths import Path, Scope, ShapeError, code_of, objects_at, value_at
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, Kind, field_specs
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, ProfileFileError

Row = dict[str, object]
Segments = tuple[str, ...]

DOCUMENT_KEYS: Final = frozenset({"fields", "key", "version", "changed", "deletions", "each"})
"""Keys of an entity that are read here; all others belong to the kind."""

DEFAULT_SWEEP_S: Final = 3600
MAX_SWEEP_S: Final = 31 * 86_400

_DIGEST_BYTES: Final = 12
_ETAGS: Final = (Path(("@odata.etag",)), Path(("__metadata", "etag")))
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """How documents of one entity become rows for `RecordMapper`.

    `paths` are the properties that must be in a document, from its root; `paths_of_keys` are what its keys alone need,
    `field_paths` those of each canonical field (none for one that is always given). `mandatory` are the fields that
    every record has. `key_paths` are the parts of a source key in their order, from the root, and `in_document` says
    which of them stand in the document itself, not in one of its items: enough to find the document again.
    `changed_path` is what a filter for changes looks at, `None` where each pass reads all. `sweep_s` is after how many
    seconds keys alone are read to find deletions; `None`: never.
    """

    entity: str
    system: str
    paths: frozenset[Segments]
    paths_of_keys: frozenset[Segments]
    field_paths: Mapping[str, tuple[Segments, ...]]
    mandatory: frozenset[str]
    key_paths: tuple[Segments, ...]
    in_document: tuple[bool, ...]
    changed_path: Segments | None
    sweep_s: int | None
    each: Segments = ()
    _made: Mapping[str, Form]
    _key: tuple[Path, ...]
    _optional: tuple[bool, ...]
    _where: Condition | None = None
    _changed: Form | None = None
    _version: Callable[[Scope, Row], str]

    def rows(self, document: Document) -> list[Row]:
        """Return the rows of one document: one, or one for each item of `each`.

        Raises:
            BadAnswerError: `adapter.bad_answer`, naming the field, never a value.
        """
        try:
            return [self._row(scope) for scope in self._scopes(document)]
        except ShapeError as failure:
            raise self.bad(failure.path, failure.reason) from None

    def row(self, document: Document) -> Row:
        """Return the row of a document that has exactly one.

        Raises:
            BadAnswerError: as `rows`, and when there is another number of them.
        """
        rows = self.rows(document)
        if len(rows) != 1:
            raise self.bad(".".join(self.each), "not exactly one record")
        return rows[0]

    def keys(self, document: Document) -> list[str]:
        """Return the source keys of one document; only the paths of the key have to be there.

        Raises:
            BadAnswerError: as `rows`.
        """
        try:
            return [self._source_key(scope) for scope in self._scopes(document)]
        except ShapeError as failure:
            raise self.bad(failure.path, failure.reason) from None

    def changed(self, document: Document) -> str:
        """Return when a document was changed, as an instant, empty where nothing says so.

        Raises:
            BadAnswerError: as `rows`.
        """
        if self._changed is None:
            return ""
        try:
            return str(self._changed.make((document,)) or "")
        except ShapeError as failure:
            raise self.bad(failure.path, failure.reason) from None

    def identity(self, document: Document) -> str:
        """Return what tells a document from others of its kind.

        Raises:
            BadAnswerError: as `rows`.
        """
        if not any(self.in_document):
            return "\n".join(self.keys(document))
        return "\n".join(self.document_key(document))

    def document_key(self, document: Document) -> tuple[str, ...]:
        """Return the parts of its keys that stand in the document itself; its items need not be there.

        Raises:
            BadAnswerError: as `rows`.
        """
        parts = []
        for path, absent, inside in zip(self._key, self._optional, self.in_document, strict=True):
            if not inside:
                continue
            try:
                parts.append(code_of(value_at((document,), Path(path.segments))))
            except ShapeError as failure:
                raise self.bad(failure.path, failure.reason) from None
            if not parts[-1] and not absent:
                raise self.bad(str(path), "missing")
        return tuple(parts)

    def key_parts(self, source_key: str) -> tuple[str, ...] | None:
        """Return the parts of a source key in the order of `key_paths`, `None` for a key that can't be one of ours."""
        parts = split_key(source_key, len(self._key))
        if parts is None or not all(part or absent for part, absent in zip(parts, self._optional, strict=True)):
            return None
        return parts

    def bad(self, field: str, reason: str) -> BadAnswerError:
        """Return the error for a document that does not look as the profile says."""
        return BadAnswerError(system=self.system, entity=self.entity, field=field, reason=reason)

    def _row(self, scope: Scope) -> Row:
        row: Row = {}
        for name, form in self._made.items():
            made = form.make(scope)
            if made is not None:
                row[name] = made
        row["source_key"] = self._source_key(scope)
        row["version_token"] = self._version(scope, row)
        return row

    def _source_key(self, scope: Scope) -> str:
        parts = [code_of(value_at(scope, path)) for path in self._key]
        for part, absent, path in zip(parts, self._optional, self._key, strict=True):
            if not part and not absent:
                raise ShapeError(str(path), "missing")
        return joined_key(parts)

    def _scopes(self, document: Document) -> Iterator[Scope]:
        for scope in _inner((document,), self.each):
            if self._where is None or self._where.holds(scope):
                yield scope


def compile_fields(entity: str, mapping: Mapping[str, JsonValue], *, profile: Profile, system: str) -> Fields:
    """Return how an entity's documents become rows.

    Args:
        entity: Canonical entity.
        mapping: Its part of the profile; keys other than `DOCUMENT_KEYS` are not looked at.
        profile: For its name, zone and unit codes.
        system: For errors about documents.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    try:
        return _compiled(entity, mapping, profile, system)
    except MappingError as failure:
        key = f"entities.{entity}.{failure.place}"
        raise ProfileFileError(profile=profile.name, key=key, reason=failure.reason) from None


def joined_key(parts: Sequence[str]) -> str:
    """Return a source key of its parts; with several, `/` and `%` in them are written as `%2F` and `%25`."""
    if any(_UNSAFE.search(part) for part in parts):
        raise ShapeError("key", "a control character in a key")
    if len(parts) == 1:
        return parts[0]
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def split_key(source_key: str, parts: int) -> tuple[str, ...] | None:
    """Return the parts of a source key, `None` when there are not that many."""
    if parts == 1:
        return (source_key,)
    found = source_key.split("/")
    return tuple(one.replace("%2F", "/").replace("%25", "%") for one in found) if len(found) == parts else None


def _compiled(entity: str, mapping: Mapping[str, JsonValue], profile: Profile, system: str) -> Fields:
    forms = Forms(zone=ZoneInfo(profile.zone), units=profile.units)
    made = _fields(entity, mapping.get("fields"), forms)
    each, where = _each(mapping.get("each"))
    key, optional = _key_parts(mapping.get("key"))
    changed = forms.form(mapping["changed"], Kind.INSTANT, "changed") if "changed" in mapping else None
    version, version_paths = _version(mapping.get("version"))
    chosen_by = where.paths if where else ()
    inner = [*(path for form in made.values() for path in form.paths), *chosen_by, *key, *version_paths]
    _check_depth(inner, each, changed)
    own = tuple(path.ups == len(each) for path in key)
    if each and not any(own) and changed:
        raise MappingError("key", "one part has to be of the document itself (^), so that it can be found again")
    return Fields(
        entity=entity,
        system=system,
        paths=frozenset(_absolute(path, each) for path in inner)
        | {path.segments for path in (changed.paths if changed else ())},
        paths_of_keys=frozenset(_absolute(path, each) for path in (*key, *chosen_by)),
        field_paths={
            name: () if form.always else tuple(_absolute(path, each) for path in form.paths)
            for name, form in made.items()
        },
        mandatory=frozenset(spec.name for spec in field_specs(ENTITIES[entity]) if not spec.optional) & set(made),
        key_paths=tuple(_absolute(path, each) for path in key),
        in_document=own,
        changed_path=changed.paths[0].segments if changed else None,
        sweep_s=_sweep(mapping.get("deletions")),
        each=each,
        _made=made,
        _key=key,
        _optional=optional,
        _where=where,
        _changed=changed,
        _version=version,
    )


def _check_depth(inner: Sequence[Path], each: Segments, changed: Form | None) -> None:
    """Refuse paths that lead out of the document."""
    deepest = max((path.ups for path in inner), default=0)
    if deepest > len(each) or (changed and any(path.ups for path in changed.paths)):
        raise MappingError("each", "a path leads further out (^) than there are documents around it")


def _fields(entity: str, body: JsonValue, forms: Forms) -> dict[str, Form]:
    if not isinstance(body, Mapping):
        raise MappingError("fields", "a mapping of canonical fields to forms is needed here")
    specs = {spec.name: spec for spec in field_specs(ENTITIES[entity]) if spec.name not in COMMON_FIELDS}
    unknown = sorted(set(body) - set(specs))
    if unknown:
        raise MappingError(f"fields.{unknown[0]}", "there is no such field")
    missing = [name for name, spec in specs.items() if not spec.optional and name not in body]
    if missing:
        raise MappingError("fields", f"missing mandatory: {', '.join(missing)}")
    return {name: forms.form(one, specs[name].kind, f"fields.{name}") for name, one in body.items()}


def _each(body: JsonValue) -> tuple[Segments, Condition | None]:
    if body is None:
        return (), None
    if isinstance(body, Mapping):
        if not {"path"} <= set(body) <= {"path", "where"}:
            raise MappingError("each", "path, and where if needed, are taken here")
        where = condition_of(body["where"], "each.where") if "where" in body else None
        return _plain_path(body["path"], "each.path"), where
    return _plain_path(body, "each"), None


def _plain_path(body: JsonValue, place: str) -> Segments:
    path = path_of(body, place)
    if path.ups:
        raise MappingError(place, "the path starts at the document")
    return path.segments


def _paths(body: JsonValue, place: str) -> tuple[Path, ...]:
    listed = body if isinstance(body, list) else [body]
    if not listed:
        raise MappingError(place, "at least one path is needed here")
    return tuple(path_of(one, place) for one in listed)


def _key_parts(body: JsonValue) -> tuple[tuple[Path, ...], tuple[bool, ...]]:
    """Return the parts of a key and which of them may be absent: those whose path ends with a question mark."""
    listed = [str(one) for one in (body if isinstance(body, list) else [body])]
    optional = tuple(len(listed) > 1 and one.endswith("?") for one in listed)
    bare: list[JsonValue] = [
        one.removesuffix("?") if absent else one for one, absent in zip(listed, optional, strict=True)
    ]
    if all(optional):
        raise MappingError("key", "one part at least has to be there always")
    return _paths(bare, "key"), optional


def _sweep(body: JsonValue) -> int | None:
    if body is None:
        return DEFAULT_SWEEP_S
    if body == "never":
        return None
    every = body.get("every_s") if isinstance(body, Mapping) and set(body) == {"every_s"} else None
    if not isinstance(every, int) or isinstance(every, bool) or not 0 <= every <= MAX_SWEEP_S:
        raise MappingError("deletions", f"{{every_s: N}} with at most {MAX_SWEEP_S}, or never, is needed here")
    return every


def _version(body: JsonValue) -> tuple[Callable[[Scope, Row], str], tuple[Path, ...]]:
    if body == "etag":
        return _etag, ()
    if body == "hash":
        return _digest, ()
    paths = _paths(body, "version")

    def joined(scope: Scope, _: Row) -> str:
        parts = [code_of(value_at(scope, path)) for path in paths]
        if not any(parts):
            raise ShapeError(str(paths[0]), "missing")
        return "~".join(parts)

    return joined, paths


def _etag(scope: Scope, _: Row) -> str:
    for document in scope:  # an item without one has its document's
        for path in _ETAGS:
            found = value_at((document,), path)
            if isinstance(found, str) and found:
                return found
    raise ShapeError("etag", "missing")


def _digest(_: Scope, row: Row) -> str:
    text = json.dumps(row, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _inner(scope: Scope, segments: Segments) -> Iterator[Scope]:
    if not segments:
        yield scope
        return
    if segments[0] not in scope[0]:  # a list that is empty is there; without it, all records would count as gone
        raise ShapeError(segments[0], "not in the document")
    for item in objects_at(scope[0], segments[:1], Path(segments[:1])):
        yield from _inner((item, *scope), segments[1:])


def _absolute(path: Path, each: Segments) -> Segments:
    return (*each[: len(each) - path.ups], *path.segments)
