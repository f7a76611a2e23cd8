"""The whole gateway over a small demo plant: built once for the run, copied for each test that changes it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.call import JsonValue, ToolCall
from tests.prepared import DemoPlant
from tests.verified_logs import logs_hold as logs_hold  # noqa: PLC0414 - what a test leaves behind is verified
from tests.verified_logs import logs_of_file_hold as logs_of_file_hold  # noqa: PLC0414

DECEMBER = datetime.fromisoformat("2026-12-01T00:00:00Z")


@dataclass
class StandingClock:
    """Both clocks as the test sets them."""

    plant_time: datetime
    wall_time: datetime = DECEMBER

    def wall(self) -> datetime:
        """Return the set time of day."""
        return self.wall_time

    def plant(self) -> datetime:
        """Return the set plant time."""
        return self.plant_time

    def steady(self) -> float:
        """Return seconds that go along with the set time of day."""
        return self.wall_time.timestamp()

    def pass_by(self, seconds: int) -> None:
        """Let plant time go on."""
        self.plant_time += timedelta(seconds=seconds)


@dataclass
class Desk:
    """One deployment of the demo plant, called in process; what an agent would get, and what was recorded."""

    directory: Path
    deployment: Deployment
    clock: StandingClock
    calls: int = field(default=0)

    def ask(self, agent: str, tool: str, /, **arguments: JsonValue) -> Answer | Refusal:
        """Call a tool as an agent."""
        self.calls += 1
        call = ToolCall(tool=tool, arguments=arguments, call_id=f"call-{self.calls}")
        return asyncio.run(self.deployment.gateway.call(self.deployment.principal(agent), call))

    def answer(self, agent: str, tool: str, /, **arguments: JsonValue) -> Answer:
        """Call a tool that must answer."""
        outcome = self.ask(agent, tool, **arguments)
        assert isinstance(outcome, Answer), outcome
        return outcome

    def refusal(self, agent: str, tool: str, /, **arguments: JsonValue) -> Refusal:
        """Call a tool that must refuse."""
        outcome = self.ask(agent, tool, **arguments)
        assert isinstance(outcome, Refusal), outcome
        return outcome

    def rows(self, agent: str, tool: str, table: str, /, **arguments: JsonValue) -> list[dict[str, Any]]:
        """Return the rows of one table of an answer, by column name."""
        return records(self.answer(agent, tool, **arguments), table)

    def recorded(self) -> list[AuditRecord]:
        """Return the records of calls, oldest first."""
        kept = self.deployment.state.audit.read(limit=10_000)
        return [record for record in kept if json.loads(record.leaf)["kind"].startswith("call.")]

    def edit_policy(self, before: str, after: str) -> None:
        """Change the saved policy, as an administrator does in an editor; it must contain `before`."""
        file = self.directory / "policies" / "base.yaml"
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after, 1), encoding="utf-8")

    def run(self, *arguments: str) -> str:
        """Run a command of the command line on this deployment and return its output; it must succeed."""
        result = CliRunner().invoke(main, [*arguments, "--demo-dir", str(self.directory)])
        assert result.exit_code == 0, result.output
        return result.output


def records(answer: Answer, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table by column name."""
    found = answer.tables[table]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """The demo plant of seed 1, prepared as a newcomer does it."""
    directory = demo_plant(tmp_path_factory.mktemp("plant") / "demo")
    with (directory / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a machine that is busy with other things refuses nothing for that
    return directory


@pytest.fixture
def plant(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the plant to change at will."""
    return Path(shutil.copytree(prepared, tmp_path / "demo"))


def open_desk(directory: Path) -> Desk:
    """Open a deployment in process, with clocks that stand."""
    deployment = open_deployment(directory / "erp-mcp.yaml")
    clock = StandingClock(deployment.clock.plant())
    deployment.gateway.clock = clock
    return Desk(directory=directory, deployment=deployment, clock=clock)


@pytest.fixture
def desk(plant: Path) -> Iterator[Desk]:
    """A deployment of its own."""
    opened = open_desk(plant)
    yield opened
    opened.deployment.close()
