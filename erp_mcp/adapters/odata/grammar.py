"""The part of a system profile that this kind reads: its services, and per entity a set, a key and a typed filter.

`fields` is the grammar of documents; what is checked here is what only OData has. Nothing of it comes from an agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError

Version = Literal[2, 4]
Operator = Literal["eq", "ne", "ge", "gt", "le", "lt"]
Paging = Literal["keys", "links"]
FilterValue = str | int | bool | None

MAX_PATH_NAMES: Final = 5
_OPERATORS: Final = frozenset({"eq", "ne", "ge", "gt", "le", "lt"})
_KEYS: Final = frozenset(
    {"set", "key", "version", "changed", "deletions", "filter", "fields", "each", "paging", "beside"}
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ALIAS: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_.~;=()'-]+(?:/[A-Za-z0-9_.~;=()'-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands under `odata:`. `services` maps an alias to a path under the system's address.

    `versions` are those of the services that speak another version than the rest.
    """

    version: Version
    services: Mapping[str, str]
    versions: Mapping[str, Version] = field(default_factory=dict)

    def version_of(self, alias: str) -> Version:
        """Return the version that a service speaks."""
        return self.versions.get(alias, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a fixed filter: the property at `path` compared with each of `values`, one of which must hold.

    Of `ne` all must hold.
    """

    path: str
    operator: Operator
    values: tuple[FilterValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A set of the same service whose records belong to those of an entity without a navigation that says so.

    `on` are their properties with ours that they equal, `ask` those of them that they are asked for by.
    """

    name: str
    set: str
    on: Mapping[str, str]
    ask: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one canonical entity is read from; how its documents become records is `_documents.fields`' part."""

    entity: str
    service: str
    set: str
    conditions: tuple[Condition, ...]
    paging: Paging
    besides: tuple[Beside, ...] = ()


def read_head(profile: Profile) -> Head:
    """Return what a profile says under `odata:`.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    known = {"version", "services"}
    for name in profile.head:
        if name not in known:
            raise _wrong(profile, f"odata.{name}", "this key is not known here")
    version = _version(profile, "odata.version", profile.head.get("version"))
    found = profile.head.get("services")
    if not isinstance(found, Mapping) or not found:
        raise _wrong(profile, "odata.services", "a mapping of alias to path is needed here")
    services = {alias: _service(profile, alias, body, version) for alias, body in found.items()}
    return Head(
        version=version,
        services={alias: path for alias, (path, _) in services.items()},
        versions={alias: own for alias, (_, own) in services.items() if own != version},
    )


def _service(profile: Profile, alias: str, body: JsonValue, version: Version) -> tuple[str, Version]:
    """Return path and version of a service: a path, or `{path, version}` where it speaks another version."""
    key = f"odata.services.{alias}"
    if not _ALIAS.fullmatch(alias):
        raise _wrong(profile, key, "an alias is a lower-case word")
    if isinstance(body, Mapping):
        if set(body) != {"path", "version"}:
            raise _wrong(profile, key, "path and version are needed here")
        version, body = _version(profile, f"{key}.version", body["version"]), body["path"]
    if not isinstance(body, str) or not _is_service_path(body):
        raise _wrong(profile, key, "a path without leading slash, dots or query is needed")
    return body, version


def _version(profile: Profile, key: str, found: JsonValue) -> Version:
    if isinstance(found, bool) or found not in (2, 4):
        raise _wrong(profile, key, "2 or 4 is needed here")
    return 2 if found == 2 else 4


def read_sources(profile: Profile, head: Head) -> dict[str, Source]:
    """Return the sources of a profile, by entity.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key that is unknown, missing or of the wrong type.
    """
    return {entity: _Reader(profile, head, entity).source() for entity in profile.entities}


class _Reader:
    """Reads the mapping of one entity; each complaint names its key."""

    def __init__(self, profile: Profile, head: Head, entity: str) -> None:
        self._profile = profile
        self._head = head
        self._entity = entity
        self._body = profile.entities[entity]

    def source(self) -> Source:
        """Return the source."""
        for name in self._body:
            if name not in _KEYS:
                raise self._bad(name, "this key is not known here")
        if "key" not in self._body:
            raise self._bad("key", "a list of property names is needed here")
        service, entity_set = self._set()
        return Source(
            entity=self._entity,
            service=service,
            set=entity_set,
            conditions=self._conditions(),
            paging=self._paging(),
            besides=self._besides(),
        )

    def _set(self) -> tuple[str, str]:
        alias, slash, entity_set = self._text("set").partition("/")
        if not slash or not _NAME.fullmatch(entity_set):
            raise self._bad("set", "alias/EntitySet is needed here")
        if alias not in self._head.services:
            raise self._bad("set", f"there is no service {alias!r} under odata.services")
        return alias, entity_set

    def _besides(self) -> tuple[Beside, ...]:
        found = self._body.get("beside", {})
        if not isinstance(found, Mapping):
            raise self._bad("beside", "a mapping of name to set is needed here")
        return tuple(self._beside(name, body) for name, body in found.items())

    def _beside(self, name: str, body: JsonValue) -> Beside:
        key = f"beside.{name}"
        if not isinstance(body, Mapping) or not {"set", "on"} <= set(body) <= {"set", "on", "ask"}:
            raise self._bad(key, "set and on, and ask where less than all of on is asked for, are needed here")
        on, theirs = body["on"], body["set"]
        if not _NAME.fullmatch(name) or not isinstance(theirs, str) or not _NAME.fullmatch(theirs):
            raise self._bad(key, "a name, and the name of a set of the same service, are needed here")
        if not isinstance(on, Mapping) or not on:
            raise self._bad(f"{key}.on", "a mapping of their properties to ours is needed here")
        pairs = {one: str(ours) for one, ours in on.items()}
        if not all(_NAME.fullmatch(word) for pair in pairs.items() for word in pair):
            raise self._bad(f"{key}.on", "names of properties are needed here")
        ask = body.get("ask", list(pairs))
        if not isinstance(ask, list | tuple) or not ask or not all(one in pairs for one in ask):
            raise self._bad(f"{key}.ask", "some of their properties in `on` are needed here")
        return Beside(name=name, set=theirs, on=pairs, ask=tuple(str(one) for one in ask))

    def _conditions(self) -> tuple[Condition, ...]:
        found = self._body.get("filter", {})
        if not isinstance(found, Mapping):
            raise self._bad("filter", "a mapping of property to values is needed here")
        return tuple(one for path, body in found.items() for one in self._condition(path, body))

    def _condition(self, path: str, body: JsonValue) -> list[Condition]:
        key = f"filter.{path}"
        self._path(key, path)
        if isinstance(body, list | tuple):
            return [Condition(path=path, operator="eq", values=self._values(key, body))]
        if not isinstance(body, Mapping) or not body:
            raise self._bad(key, "a list of values, or {eq|ne|ge|gt|le|lt: value}, is needed here")
        conditions: list[Condition] = []
        for operator, value in body.items():
            if operator not in _OPERATORS:
                raise self._bad(f"{key}.{operator}", "eq, ne, ge, gt, le or lt is needed here")
            values: list[JsonValue] = list(value) if isinstance(value, list | tuple) else [value]
            conditions.append(
                Condition(path=path, operator=cast("Operator", operator), values=self._values(key, values))
            )
        return conditions

    def _values(self, key: str, found: Sequence[JsonValue]) -> tuple[FilterValue, ...]:
        if not found or not all(one is None or isinstance(one, str | int | bool) for one in found):
            raise self._bad(key, "text, whole numbers, true, false or null are needed here")
        return tuple(cast("FilterValue", one) for one in found)

    def _paging(self) -> Paging:
        found = self._text("paging", "keys")
        if found not in {"keys", "links"}:
            raise self._bad("paging", "keys or links is needed here")
        return cast("Paging", found)

    def _path(self, key: str, path: str) -> str:
        names = path.split(".") if path else []
        if len(names) > MAX_PATH_NAMES or not all(_NAME.fullmatch(name) for name in names):
            raise self._bad(key, "names joined by dots are needed here")
        return path

    def _text(self, key: str, default: str | None = None) -> str:
        found = self._body.get(key, default)
        if not isinstance(found, str):
            raise self._bad(key, "text is needed here")
        return found

    def _bad(self, key: str, reason: str) -> ProfileFileError:
        return _wrong(self._profile, f"entities.{self._entity}.{key}", reason)


def _is_service_path(path: str) -> bool:
    return bool(_SERVICE.fullmatch(path)) and not any(set(part) <= {"."} for part in path.split("/"))


def _wrong(profile: Profile, key: str, reason: str) -> ProfileFileError:
    return ProfileFileError(profile=profile.name, key=key, reason=reason)
