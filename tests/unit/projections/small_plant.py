"""A read model in memory with the canonical tables and whatever rows a test puts in: a fake at the `ReadModel` port."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from erp_mcp.analyses import ANALYSES
from erp_mcp.bootstrap import compile_catalog
from erp_mcp.catalog.load import inspect_file
from erp_mcp.catalog.registry import Catalog
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.tool import Query, Tool
from erp_mcp.ports import Row, SqlValue

ROOT = Path(__file__).resolve().parents[3]
TODAY = "2026-03-16"
NOW = "2026-03-16T05:00:00Z"
_KINDS = {"quantity": "INTEGER", "money": "INTEGER", "integer": "INTEGER", "flag": "INTEGER"}


class SmallPlant:
    """Canonical tables in memory. It obeys the port: named parameters, at most `max_rows + 1` rows."""

    def __init__(self) -> None:
        """Make the empty tables."""
        self.database = sqlite3.connect(":memory:")
        self._number = 0
        for name, entity in ENTITIES.items():
            columns = ", ".join(f"{spec.name} {_KINDS.get(spec.kind.value, 'TEXT')}" for spec in field_specs(entity))
            self.database.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY (system, source_key))")

    def add(self, entity: str, **fields: SqlValue) -> None:
        """Put one row in; common fields that are not given are filled in."""
        self._number += 1
        row = {"system": "erp", "source_key": f"k{self._number}", "version_token": "1", "as_of": NOW, **fields}
        names = ", ".join(row)
        self.database.execute(f"INSERT INTO {entity} ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])

    def change(self, statement: str, *values: SqlValue) -> None:
        """Change rows as another process would."""
        self.database.execute(statement, values)

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        """Run one compiled SELECT."""
        assert set(parameters) == set(query.parameters)
        assert deadline_s > 0
        return self.database.execute(query.sql["sqlite"], parameters).fetchmany(query.max_rows + 1)

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        """Say that everything is fresh."""
        return {
            entity: (EntityState(system="erp", entity=entity, as_of=NOW, rows=0, complete=True),) for entity in ENTITIES
        }


def shipped() -> Catalog:
    """Return the catalogue of the shipped tool files."""
    return compile_catalog([ROOT / "tools"])


def compiled(folder: Path, text: str) -> Tool:
    """Return the tool of a file's text; the file is named after the tool in it."""
    name = next(line.split()[1] for line in text.splitlines() if line.startswith("name:"))
    path = folder / "sample" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    tool, findings = inspect_file(path, ANALYSES, OPERATIONS)
    assert tool is not None, findings
    assert not findings
    return tool


def values_of(tool: Tool, **given: JsonValue) -> dict[str, ArgumentValue]:
    """Return checked arguments with defaults."""
    from erp_mcp.catalog.arguments import check

    return check(tool, given).arguments
