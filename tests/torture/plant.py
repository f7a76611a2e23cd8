"""One proposal of every write tool, approved by people and seen by no worker: made once, put for every schedule.

Each is made in a demo plant in which all write tools are granted (`tests.writes.desk`), of the tool's own example, and
is the only one of its state. The ERP notes every row that is changed, by triggers of its own that no code of the
product knows, so an effect is seen whoever made it and whatever it was made under.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final
from unittest import mock

from erp_mcp import administration, settings
from erp_mcp.administration import Signing
from erp_mcp.approval import keys
from erp_mcp.bootstrap import Deployment, TimeOrderedIds, own_records
from erp_mcp.catalog.registry import Catalog
from erp_mcp.commands import OPERATIONS
from erp_mcp.committing import today
from erp_mcp.demo.erp_calls import operations_of
from erp_mcp.domain import human_task
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.command import RetryContract
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import bundle
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import FILE_NAME
from tests.faults.plant import DrivenClock
from tests.writes.desk import AGENT, APPROVERS, furnish, passphrase_of

UNDO: Final = "propose_undo"
ERP: Final = "erp.sqlite"
REFERENCES: Final = "ext_ref"  # of the ERP: what our references are kept in, which says nothing of what was done
_CONFIG: Final = "erp-mcp.yaml"
_UNDONE: Final = "propose_update_sales_delivery_date"  # written and taken back, for the tool that takes back
_KEY: Final = "torture-key-0001"
_SAGAS: Final = Path(__file__).parents[2] / "docs" / "sagas.md"  # its first example is a saga of two steps
# Where the example of a tool is not what the demo plant would take.
_INSTEAD: Final[Mapping[str, Mapping[str, JsonValue]]] = {
    "propose_reserve_inventory": {
        "material_id": "RM-007",
        "site": "1000",
        "qty": "20.5",
        "uom": "KGM",
        "demand_id": "000001000539",
        "need_date": "2026-03-19",
        "reason": "The order starts this week.",
        "idempotency_key": _KEY,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One proposal that is approved: the bytes of the state that it is alone in, and of its ERP."""

    tool: str
    content: Content
    state: bytes
    erp: bytes
    now: datetime

    @property
    def is_own(self) -> bool:
        """Whether it is written to the gateway's own records."""
        return self.content.command.system == "gateway"

    @property
    def changes(self) -> bool:
        """Whether it changes a record that is there, and has a version."""
        return bool(self.content.command.version_token)


class Kit:
    """A furnished plant, and what all workers of all schedules share because nothing in it changes."""

    def __init__(self, folder: Path) -> None:
        """Take a folder that `prepared` has made."""
        self.folder = folder
        self.settings = settings.load(folder / _CONFIG)
        self.clock = DrivenClock()
        self.runner = asyncio.Runner()  # one loop for all lives: what is read from systems is opened once for each
        self._targets: dict[str, str] = {}
        self._one = Deployment(settings=self.settings, clock=self.clock, ids=TimeOrderedIds())

    @cached_property
    def base(self) -> tuple[bytes, bytes]:
        """State and ERP before anything was proposed."""
        return self._bytes()

    @cached_property
    def catalog(self) -> Catalog:
        return self._one.catalog

    @cached_property
    def _shared(self) -> dict[str, object]:
        """Files of the package and of the plant that are only read; making them anew would take longest of all."""
        one = self._one
        names = ("catalog", "budgets", "live", "reader", "writable", "profile_folders", "_profiles", "_canaries")
        return {name: getattr(one, name) for name in names}

    def opened(self, state: DeploymentState | None = None, clock: DrivenClock | None = None) -> Deployment:
        """Open the deployment as a new process does, with the state that it is given or the file in its folder."""
        found = Deployment(settings=self.settings, clock=clock or self.clock, ids=TimeOrderedIds())
        found.__dict__.update(self._shared)
        if state is not None:
            found.__dict__["state"] = state
        return found

    def released(self, deployment: Deployment) -> None:
        """Give back what one process opened, and keep what all share."""
        deployment.__dict__.pop("reader")
        deployment.close()

    def target(self, name: str) -> str:
        """Return what a system's name stands for, worked out once: nobody changes the configuration here."""
        if name not in self._targets:
            self._targets[name] = self._one.target_named(name)
        return self._targets[name]

    def contract(self, system: str, operation: str) -> RetryContract:
        """Return how the outcome of an operation can be found out, as its system declares it."""
        if system == human_task.SYSTEM:
            return own_records.OPERATIONS[operation]
        return operations_of(self._one.profile(self._one.system(system)))[operation]

    def close(self) -> None:
        """Give everything back."""
        self.runner.run(self._one.disconnect())
        self.runner.close()
        self._one.close()

    # --- Templates ----------------------------------------------------------------------------------------------------

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools that write one change of one record, by name; what is of several steps is a stage of its own."""
        found = [one for one in self.catalog if one.effect == "write" and one.command in OPERATIONS and one.examples]
        return sorted(found, key=lambda one: one.name)

    def names(self, chosen: Sequence[str] = ()) -> Sequence[str]:
        """Return the names of what there are templates of, those that are chosen where any are."""
        return [one for one in (*(tool.name for tool in self.tools), UNDO) if not chosen or one in chosen]

    def templates(self, names: Sequence[str] = ()) -> Iterator[Template]:
        """Make the template of each tool, those of `names` where any are named."""
        base = self.base
        with mock.patch.object(keys, "_stretched", lru_cache(keys._stretched)):  # each takes a quarter of a second
            for tool in self.tools:
                if not names or tool.name in names:
                    arguments = _INSTEAD.get(tool.name) or json.loads(tool.examples[0])
                    yield self._made(tool.name, arguments, base)
            if not names or UNDO in names:
                yield self._undoing(base)

    def _made(self, tool: str, arguments: Mapping[str, JsonValue], base: tuple[bytes, bytes]) -> Template:
        self._put(*base)
        deployment = self.opened()
        try:
            content = _approved(self.runner, deployment, tool, arguments)
        finally:
            self.released(deployment)
        state, erp = self._bytes()
        assert erp == base[1], f"{tool} wrote before anybody said so"
        return Template(tool=tool, content=content, state=state, erp=base[1], now=self.clock.now)

    def _undoing(self, base: tuple[bytes, bytes]) -> Template:
        """Write a change, let people approve that it is taken back, and stop there."""
        self._put(*base)
        deployment = self.opened()
        try:
            (tool,) = (one for one in self.tools if one.name == _UNDONE)
            first = _approved(self.runner, deployment, _UNDONE, json.loads(tool.examples[0]))
            self.runner.run(_written(deployment))
            assert deployment.state.proposals.get(first.proposal_id).state is State.COMMITTED
            asked: dict[str, JsonValue] = {
                "proposal_id": first.proposal_id, "reason": "It was the wrong order.", "idempotency_key": _KEY,
            }  # fmt: skip
            content = _approved(self.runner, deployment, UNDO, asked)
        finally:
            self.released(deployment)
        with closing(sqlite3.connect(self.folder / ERP)) as erp, erp:
            erp.execute("DELETE FROM effect")
        state, after = self._bytes()
        return Template(tool=UNDO, content=content, state=state, erp=after, now=self.clock.now)

    def _put(self, state: bytes, erp: bytes) -> None:
        for ending in ("-wal", "-shm"):
            (self.settings.state_dir / f"{FILE_NAME}{ending}").unlink(missing_ok=True)
        (self.settings.state_dir / FILE_NAME).write_bytes(state)
        (self.folder / ERP).write_bytes(erp)

    def _bytes(self) -> tuple[bytes, bytes]:
        return (self.settings.state_dir / FILE_NAME).read_bytes(), (self.folder / ERP).read_bytes()


@contextmanager
def remembering() -> Iterator[None]:
    """Work out once what follows from its arguments alone: whether a signature is right, and what a policy's text says.

    Workers of schedules ask the same of it again and again, and each is a new process only in what it has open.
    """
    with (
        mock.patch.object(keys, "verifies", lru_cache(maxsize=4096)(keys.verifies)),
        mock.patch.object(today, "from_json", lru_cache(maxsize=8)(bundle.from_json)),
    ):
        yield


def prepared(plant: Path) -> Kit:
    """Make a prepared demo plant one that can be tortured: all writes granted, every change of its ERP noted."""
    with (plant / _CONFIG).open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a machine that is busy with other things refuses nothing for that
        file.write("tools: [own-tools]\n")
    (plant / "own-tools" / "procurement").mkdir(parents=True)
    told = _SAGAS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (plant / "own-tools" / "procurement" / "propose_reserve_and_order.yaml").write_text(told, encoding="utf-8")
    furnish(plant)
    with closing(sqlite3.connect(plant / ERP)) as erp, erp:
        erp.execute("CREATE TABLE effect (what TEXT NOT NULL)")
        tables = [row[0] for row in erp.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(set(tables) - {"effect", REFERENCES}):
            for verb in ("INSERT", "UPDATE", "DELETE"):
                note = f"INSERT INTO effect VALUES ('{verb} {table}')"
                erp.execute(f"CREATE TRIGGER noted_{table}_{verb} AFTER {verb} ON {table} BEGIN {note}; END")
    kit = Kit(plant)
    assert all(kit.base)  # read before anything is made
    return kit


def asked_for(
    runner: asyncio.Runner, deployment: Deployment, tool: str, arguments: Mapping[str, JsonValue]
) -> Proposal:
    """Let the agent propose, and return what waits for people then."""
    call = ToolCall(tool=tool, arguments={**arguments}, call_id="call-torture")
    answer = runner.run(deployment.gateway.call(deployment.principal(AGENT), call))
    assert isinstance(answer, Answer), (tool, answer)
    table = answer.tables["proposal"]
    return deployment.state.proposals.get(str(table.rows[0][table.columns.index("proposal_id")]))


def _approved(runner: asyncio.Runner, deployment: Deployment, tool: str, arguments: Mapping[str, JsonValue]) -> Content:
    proposal = asked_for(runner, deployment, tool, arguments)
    for who in APPROVERS[: proposal.content.terms.needed]:
        folder = deployment.settings.file.parent
        signing = Signing(approver_id=who, passphrase=passphrase_of(folder, who))
        proposal = administration.decide(deployment, proposal, signing, "approve")
    assert proposal.state is State.APPROVED, (tool, proposal)
    return proposal.content


async def _written(deployment: Deployment) -> None:
    while await deployment.committer().work("worker:first") is not None:
        pass
