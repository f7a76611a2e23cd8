"""What differs between two deployments: tables of answers cell by cell, and canonical records field by field."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, field_specs
from tests.systems.same_answers.asking import Call

_MES: Final = frozenset({"job", "downtime", "mes_stock", "in_flight_document"})
# The system's own words are not compared: what they say in ours is.
_OWN_WORDS: Final = frozenset({"native_state"})
_ASIDE: Final = frozenset({"as_of", "age_s", "system", "version_token", "source_key"})

Row = tuple[Any, ...]


@dataclass(slots=True, kw_only=True)
class Records:
    """How the records of one entity compare: rows of the reference, equal ones, and what differs in the others.

    `fields` counts differing values by field; `missing` and `more` are rows that only one side has. `examples` shows a
    few.
    """

    entity: str
    rows: int = 0
    equal: int = 0
    missing: int = 0
    more: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.equal == self.rows and not self.more


def differences(wanted: list[Call], found: list[Call]) -> list[str]:
    """Return what differs between the calls of two deployments for one question, in words; none means equal."""
    if len(wanted) != len(found):
        return [f"{len(found)} calls instead of {len(wanted)}"]
    return [text for one, other in zip(wanted, found, strict=True) for text in _of_call(one, other)]


def _of_call(wanted: Call, found: Call) -> Iterator[str]:
    if (wanted.tool, wanted.arguments) != (found.tool, found.arguments):
        yield f"{found.tool} {found.arguments} instead of {wanted.tool} {wanted.arguments}"
        return
    for name in sorted(wanted.answer.keys() | found.answer.keys()):
        one, other = wanted.answer.get(name), found.answer.get(name)
        if name == "tables" and isinstance(one, dict) and isinstance(other, dict):
            yield from _of_tables(wanted.tool, one, other)
        elif one != other:
            yield f"{wanted.tool}: {name}: {_short(other)} instead of {_short(one)}"


def _of_tables(tool: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(name), found.get(name)
        if not one or not other or one["columns"] != other["columns"]:
            if one != other:
                yield f"{tool}.{name}: {_short(other)} instead of {_short(one)}"
            continue
        if len(one["rows"]) != len(other["rows"]):
            yield f"{tool}.{name}: {len(other['rows'])} rows instead of {len(one['rows'])}"
        for place, rows in enumerate(zip(one["rows"], other["rows"], strict=False)):
            yield from _of_rows(f"{tool}.{name}[{place}]", one["columns"], *rows)


def _of_rows(place: str, columns: list[str], wanted: list[Any], found: list[Any]) -> Iterator[str]:
    for column, left, right in zip(columns, wanted, found, strict=True):
        if left != right and column not in _ASIDE:
            yield f"{place}.{column}: {_short(right)} instead of {_short(left)}"


def records(wanted: Path, found: Path) -> list[Records]:
    """Compare all canonical records of the ERP in two read models, entity by entity."""
    with closing(_opened(wanted)) as one, closing(_opened(found)) as other:
        return [_of_entity(entity, one, other) for entity in ENTITIES if entity not in _MES]


def _of_entity(entity: str, one: sqlite3.Connection, other: sqlite3.Connection) -> Records:
    kind = ENTITIES[entity]
    names = [spec.name for spec in field_specs(kind) if spec.name not in {*COMMON_FIELDS, *_OWN_WORDS}]
    left, right = (_rows(held, entity, kind.KEY, names) for held in (one, other))
    compared = Records(entity=entity, rows=len(left), missing=len(left.keys() - right.keys()))
    compared.more = len(right.keys() - left.keys())
    for key in left.keys() & right.keys():
        unlike = [name for name, a, b in zip(names, left[key], right[key], strict=True) if a != b]
        compared.equal += not unlike
        for name in unlike:
            compared.fields[name] = compared.fields.get(name, 0) + 1
            place = names.index(name)
            shown = f"{'/'.join(map(str, key))}: {right[key][place]!r} instead of {left[key][place]!r}"
            compared.examples.setdefault(name, shown)
    return compared


def _rows(held: sqlite3.Connection, entity: str, key: tuple[str, ...], names: list[str]) -> dict[Row, Row]:
    listed, wanted = ", ".join(names), ", ".join(key)
    found = held.execute(f"SELECT {wanted}, {listed} FROM {entity} WHERE system = 'erp'").fetchall()
    rows = {row[: len(key)]: row[len(key) :] for row in found}
    assert len(rows) == len(found), f"{entity}: two rows of one key"
    return rows


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 120 else f"{text[:117]}…"
