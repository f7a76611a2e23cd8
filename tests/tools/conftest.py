"""One demo plant for all tests of tools, asked through the real gateway, and what its native databases hold.

Two roles are added to the policy that the plant comes with: `local` reads everything of site 1000 and of no other,
`moneyless` reads everything but money. The native databases and the truth are for expected values only: no server
opens the truth, and what a tool answers is never what it is compared with.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.entities import ENTITIES, Kind, field_specs
from tests.prepared import DemoPlant

_TOOLS: Final = Path(__file__).parents[2] / "tools"
_MANY_PAGES: Final = 2000


def rows_of(answer: Answer | Refusal, table: str = "") -> list[dict[str, Any]]:
    """Return the rows of a table of an answer by column name; without a name, of its only table."""
    assert isinstance(answer, Answer), answer
    if not table:
        (table,) = answer.tables
    found = answer.tables[table]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


@dataclass(slots=True, kw_only=True)
class Plant:
    """The demo plant of seed 1: a deployment to ask, and the databases behind it to look things up in."""

    folder: Path
    deployment: Deployment
    _calls: Iterator[int] = field(default_factory=itertools.count)

    def ask(self, tool: str, /, *, role: str = "planner", **arguments: JsonValue) -> Answer | Refusal:
        """Call a tool as the agent of a role does."""
        call = ToolCall(tool=tool, arguments=arguments, call_id=f"call-{next(self._calls)}")
        return asyncio.run(self.deployment.gateway.call(self.deployment.principal(role), call))

    def answer(self, tool: str, /, *, role: str = "planner", **arguments: JsonValue) -> Answer:
        """Call a tool that must answer."""
        outcome = self.ask(tool, role=role, **arguments)
        assert isinstance(outcome, Answer), outcome
        return outcome

    def refusal(self, tool: str, /, *, role: str = "planner", **arguments: JsonValue) -> Refusal:
        """Call a tool that must refuse."""
        outcome = self.ask(tool, role=role, **arguments)
        assert isinstance(outcome, Refusal), outcome
        return outcome

    def every(self, tool: str, table: str = "", /, *, role: str = "planner", **arguments: Any) -> list[dict[str, Any]]:
        """Return the rows of all pages of a table; no row may come twice."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, JsonValue] = {}
        for _ in range(_MANY_PAGES):
            answer = self.answer(tool, role=role, **arguments, **cursor)
            found += rows_of(answer, table)
            if not answer.next_cursor:
                break
            cursor = {"cursor": answer.next_cursor}
        once = {tuple(map(str, row.values())) for row in found}
        assert len(once) == len(found), "a row came twice"
        return found

    def look_up(self, database: str, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return rows of `erp`, `mes`, `truth` or `read_model`, as the native database holds them."""
        with closing(sqlite3.connect(f"file:{self.folder / database}.sqlite?mode=ro", uri=True)) as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def without(self, *entities: str) -> Iterator[None]:
        """Let entities be never synchronised for a while: what may be left out becomes a gap."""
        marks = ", ".join("?" for _ in entities)
        with closing(sqlite3.connect(self.folder / "read_model.sqlite")) as model:
            kept = model.execute(
                f"SELECT as_of, complete, entity, system FROM sync_state WHERE entity IN ({marks})", entities
            ).fetchall()
            model.execute(f"UPDATE sync_state SET as_of = '', complete = 0 WHERE entity IN ({marks})", entities)
            model.commit()
            try:
                yield
            finally:
                model.executemany("UPDATE sync_state SET as_of = ?, complete = ? WHERE entity = ? AND system = ?", kept)
                model.commit()

    @contextmanager
    def lacking(self, **fields: str) -> Iterator[None]:
        """Let the ERP keep some fields (`entity="field,field"`) no more for a while."""
        with closing(sqlite3.connect(self.folder / "read_model.sqlite")) as model:
            of_erp = "WHERE entity = ? AND system = 'erp'"
            kept = [
                (model.execute(f"SELECT lacks FROM sync_state {of_erp}", (entity,)).fetchone()[0], entity)
                for entity in fields
            ]
            model.executemany(
                f"UPDATE sync_state SET lacks = ? {of_erp}", [(names, entity) for entity, names in fields.items()]
            )
            model.commit()
            try:
                yield
            finally:
                model.executemany(f"UPDATE sync_state SET lacks = ? {of_erp}", kept)
                model.commit()


def _add_roles(folder: Path) -> None:
    """Add the agents `local` and `moneyless` with roles of their names, and apply the policy as its admin does."""
    toolsets = sorted(
        one.name for one in _TOOLS.iterdir() if one.is_dir() and one.name not in {"proposals", "discovery", "work"}
    )
    granted = ", ".join(f"{name}/*" for name in toolsets)
    money = [
        f"{name}.{spec.name}"
        for name, entity in sorted(ENTITIES.items())
        for spec in field_specs(entity)
        if spec.kind is Kind.MONEY
    ]
    masks = "".join(f"\n      - {{id: {_mask_id(one)}, field: {one}, way: drop}}" for one in money)
    base, cases = folder / "policies" / "base.yaml", folder / "policies" / "tests" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    text = text.replace(
        "\nagents:\n",
        "\nagents:\n  local: {role: local, owner: demo-owner}\n  moneyless: {role: moneyless, owner: demo-owner}\n",
        1,
    )
    text = text.replace(
        "\nroles:\n",
        '\nroles:\n  local:\n    description: Reads site 1000.\n    sites: ["1000"]\n\n'
        f"  moneyless:\n    description: Reads all but money.\n    sites: all\n    masks:{masks}\n\n",
        1,
    )
    text = text.replace(
        "\nrules:\n",
        f"\nrules:\n  - id: tests-read\n    effect: permit\n    roles: [local, moneyless]\n    tools: [{granted}]\n\n",
        1,
    )
    base.write_text(text, encoding="utf-8")
    ids = ", ".join(_mask_id(one) for one in money)
    with cases.open("a", encoding="utf-8") as file:
        file.write(
            "\n  - name: a reader of one site\n    role: local\n    tool: list_sales_orders\n    expect: allowed\n"
            f'    sites: ["1000"]\n    by: [tests-read]\n    not_by: [{ids}]\n'
            "\n  - name: a reader without money\n    role: moneyless\n    tool: list_sales_orders\n"
            f"    expect: allowed\n    by: [tests-read, {ids}]\n"
            "\n  - name: a planner is neither\n    role: planner\n    tool: list_sales_orders\n"
            "    expect: allowed\n    not_by: [tests-read]\n"
        )
    _run(folder, "policy", "apply", "--yes", "--as", "demo-admin")


def _mask_id(name: str) -> str:
    return "no-" + name.replace("_", "-").replace(".", "-")


def _run(folder: Path, *arguments: str) -> None:
    result = CliRunner().invoke(main, [*arguments, "--demo-dir", str(folder)])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Plant]:
    """The demo plant of seed 1, prepared as a newcomer does it; shared by all tests, none may leave it changed."""
    folder = demo_plant(tmp_path_factory.mktemp("tools") / "demo")
    with (folder / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a machine that is busy with other things refuses nothing for that
    _add_roles(folder)
    opened = Plant(folder=folder, deployment=open_deployment(folder / "erp-mcp.yaml"))
    yield opened
    opened.deployment.close()


Ask = Callable[..., Answer | Refusal]
"""`ask(tool, role="planner", **arguments)`."""
Rows = Callable[..., list[dict[str, Any]]]
"""`rows(answer, table)`: dicts by column name; a refusal fails the test."""
Native = Callable[..., list[tuple[Any, ...]]]
"""`erp(sql, *parameters)`, `mes(…)`, `truth(…)`: rows of a native database."""


@pytest.fixture(scope="session")
def ask(plant: Plant) -> Ask:
    """Ask the plant."""
    return plant.ask


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Read tables of answers."""
    return rows_of


@pytest.fixture(scope="session")
def erp(plant: Plant) -> Native:
    """The native ERP database."""
    return lambda sql, *parameters: plant.look_up("erp", sql, parameters)


@pytest.fixture(scope="session")
def mes(plant: Plant) -> Native:
    """The native MES database."""
    return lambda sql, *parameters: plant.look_up("mes", sql, parameters)


@pytest.fixture(scope="session")
def truth(plant: Plant) -> Native:
    """What the generator knows and no server sees."""
    return lambda sql, *parameters: plant.look_up("truth", sql, parameters)
