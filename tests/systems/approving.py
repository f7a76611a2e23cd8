"""The whole path of a write as people go it: proposed over MCP, approved on the command line, written, read back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

import anyio
from mcp import Client
from ruamel.yaml import YAML

from erp_mcp.bootstrap import open_deployment
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.instants import parse_instant
from erp_mcp.testing import CommandFault
from tests import left_to_people
from tests.path.test_end_to_end import records
from tests.systems.tryton.test_gateway import ask, planner, run

_SHIPPED: Final = Path(__file__).resolve().parents[2] / "erp_mcp" / "systems"
_TRIES = 8
HISTORY: Final = (
    "customer_invoice", "delivery", "goods_movement", "inspection_lot", "production_confirmation",
    "production_operation", "supplier_invoice",
)  # fmt: skip
"""What neither a date nor a requisition looks at, and most of what a system holds: each write is followed by a pass."""
MADE_AND_MOVED: Final = ("goods_movement", "inspection_lot", "production_confirmation", "production_operation")
"""Of these, what no change of an order that is bought or sold looks at."""
INVOICED_AND_MOVED: Final = (
    "customer_invoice", "goods_movement", "inspection_lot", "production_confirmation", "supplier_invoice",
)  # fmt: skip
"""Of these, what no change of a plan, of stock or of quality looks at."""
RULES: Final = """
  - id: planner-delivery-dates
    effect: permit
    roles: [planner]
    tools: [propose_update_delivery_date]
    evidence: {accepted_by: anna, reason: a test system}
    left_to_people: [R-PENALTY]

  - id: planner-requisitions
    effect: permit
    roles: [planner]
    tools: [propose_create_purchase_requisition]
    evidence: {accepted_by: anna, reason: a test system}
    left_to_people: [R-BUDGET, R-MIN-QTY]
"""
CASES: Final = """
  - name: a planner proposes a date
    role: planner
    tool: propose_update_delivery_date
    expect: allowed
    by: [planner-delivery-dates]
    not_by: [planner-requisitions]

  - name: a planner proposes a requisition
    role: planner
    tool: propose_create_purchase_requisition
    expect: allowed
    by: [planner-requisitions]
    not_by: [planner-delivery-dates]
"""


SELDOM: Final = "version: 1\nentities:\n" + "".join(
    f"  {entity}: {{budget_s: 86400, cadence_s: 14400}}\n" for entity in sorted(ENTITIES)
)
"""How often a server reads by itself: not while a module of tests runs, however slow, beside what they look at."""


class RelayedSystem(Protocol):
    """What passes requests on to a system and loses some."""

    written: list[str]

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def fault(self, how: CommandFault) -> None:
        """Break it for every later request, or mend it."""


_Relay = TypeVar("_Relay", bound=RelayedSystem)
Asking = Callable[..., Awaitable[dict[str, Any]]]
"""Calls a tool, by its name and arguments, that must answer."""


class Losing(Generic[_Relay]):
    """A relay before a system for a whole module, in a loop of its own, since commands are run in this one."""

    def __init__(self, relay: _Relay) -> None:
        self.loop = asyncio.new_event_loop()
        self.relay = relay
        self._thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self.relay.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self.relay.__aexit__())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    @contextlib.contextmanager
    def writes(self, how: CommandFault) -> Iterator[list[str]]:
        """Lose each write, or each answer to one; yield those that reached the system."""
        self.relay.written.clear()
        self._do(self.relay.fault(how))
        yield self.relay.written
        self._do(self.relay.fault("none"))

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


class Served:
    """A server that stays, as a client keeps one: for a whole module, in a loop of its own, asked from any other."""

    _at: ClassVar[dict[Path, Served]] = {}

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._over = asyncio.Event()
        self._client: Future[Client] = Future()

    def __enter__(self) -> Self:
        self._thread.start()
        self._stays = asyncio.run_coroutine_threadsafe(self._stay(), self._loop)
        self._at[self._folder] = self
        return self

    def __exit__(self, *_: object) -> None:
        del self._at[self._folder]
        self._loop.call_soon_threadsafe(self._over.set)
        try:
            self._stays.result(60)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @classmethod
    @contextlib.asynccontextmanager
    async def asking(cls, folder: Path) -> AsyncIterator[Asking]:
        """Yield how to ask the server that stays at a deployment, or where none does, one for this time."""
        if (served := cls._at.get(folder)) is not None:
            yield served._ask
            return
        async with Client(planner(folder)) as client:
            yield partial(ask, client)

    async def _ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        client = await asyncio.wrap_future(self._client)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(client, tool, **arguments), self._loop))

    async def _stay(self) -> None:
        try:
            async with Client(planner(self._folder)) as client:
                self._client.set_result(client)
                await self._over.wait()
        except BaseException as failure:
            if not self._client.done():
                self._client.set_exception(failure)
            raise


def permitting(*tools: str) -> tuple[str, str]:
    """Return rules by which a planner may propose by each of some tools, two at least, and a case for each of them."""
    rules = [
        f"  - id: planner-{tool}\n    effect: permit\n    roles: [planner]\n    tools: [{tool}]\n"
        f"    evidence: {{accepted_by: anna, reason: a test system}}\n{left_to_people.line(tool)}"
        for tool in tools
    ]
    cases = [
        f"  - name: a planner may {tool}\n    role: planner\n    tool: {tool}\n    expect: allowed\n"
        f"    by: [planner-{tool}]\n    not_by: [planner-{other}]\n"
        for tool, other in zip(tools, (*tools[1:], tools[0]), strict=True)
    ]
    return "\n" + "\n".join(rules), "\n" + "\n".join(cases)


def deploy(
    folder: Path,
    profile: str,
    system: str,
    *,
    declared: tuple[str, ...] = (),
    policy: tuple[str, str] = (RULES, CASES),
    without: tuple[str, ...] = (),
) -> None:
    """Make a deployment with two approvers and writes on: `anna` signs the policy, `bert` decides.

    Args:
        folder: Where; the secrets of both lie beside it.
        profile: The shipped profile; a copy of it, named `{profile}-quick`, waits for nothing before it believes that a
            change was not made.
        system: The configuration's `systems:`, which names that copy.
        declared: System, and pathway, of a declaration that it needs.
        policy: What is added to the starter's rules, and to the cases that they are tested by.
        without: Entities that the copy neither reads nor writes.
    """
    base, config = folder.parent, folder / "erp-mcp.yaml"
    for name in ("anna", "bert"):
        secret_file(base / name)
    run("init", str(folder), "--owner", "olga", "--approver", "anna", "--passphrase-file", str(base / "anna"))
    _quick_profile(folder / "profiles", profile, without)
    (folder / "freshness.yaml").write_text(SELDOM, encoding="utf-8")
    text = config.read_text(encoding="utf-8")
    config.write_text(
        f"profiles: [profiles]\nfreshness: freshness.yaml\n{text[: text.index('systems:')]}{system}", encoding="utf-8"
    )
    by_anna = ("--as", "anna", "--passphrase-file", str(base / "anna"), "--config", str(config))
    run("approvals", "enrol", "bert", "--new-passphrase-file", str(base / "bert"), *by_anna)
    if declared:
        named, pathway = declared
        run("systems", "declare", named, "--by", "anna", "--pathway", pathway, "--config", str(config))
    for name, added in zip(("base.yaml", "tests/base.yaml"), policy, strict=True):
        file = folder / "policies" / name
        file.write_text(file.read_text(encoding="utf-8") + added, encoding="utf-8")
    run("policy", "apply", "--yes", *by_anna)
    run("sync", "--config", str(config))


def _quick_profile(folder: Path, profile: str, without: tuple[str, ...]) -> None:
    kept = YAML(typ="safe").load(_SHIPPED / f"{profile}.yaml")
    operations = kept.get("commands", {}).get("operations", {})
    for held in (kept["entities"], operations):
        for name in [name for name in held if name.partition(".")[0] in without]:
            del held[name]
    for one in operations.values():
        one["settle_s"] = 0
    folder.mkdir()
    YAML().dump(kept | {"profile": f"{profile}-quick"}, folder / f"{profile}-quick.yaml")


def secret_file(path: Path) -> None:
    """Write a passphrase that only the owner may read."""
    path.touch(mode=0o600)
    path.write_text(f"{path.name} keeps four words here", encoding="utf-8")


def approve(folder: Path, proposal_id: str) -> dict[str, Any]:
    """Approve as `bert`; the worker that this starts writes."""
    told = run(
        "approvals", "approve", proposal_id, "--as", "bert", "--passphrase-file", str(folder.parent / "bert"),
        "--yes", "--json", "--config", str(folder / "erp-mcp.yaml"),
    )  # fmt: skip
    found = json.loads(told)
    assert isinstance(found, dict)
    return found


async def ended(folder: Path, tool: str, **arguments: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Propose, let a person approve, and return the proposal and its receipts as the agent reads them."""
    return await _ended(folder, tool, arguments, workers=0)


async def ended_at_last(folder: Path, tool: str, **arguments: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Do the same; what is postponed is tried again by one worker after the other, as a service would."""
    return await _ended(folder, tool, arguments, workers=_TRIES)


async def _ended(
    folder: Path, tool: str, arguments: dict[str, Any], *, workers: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    async with Served.asking(folder) as asking:
        proposed = await asking(tool, reason="The supplier told us so this morning.", **arguments)
        (waiting,) = records(proposed, "proposal")
        assert (waiting["state"], waiting["waiting_for"]) == ("AWAITING_APPROVAL", "approval")
        await anyio.to_thread.run_sync(approve, folder, waiting["proposal_id"])
        wait_s = 0 if workers else 25
        answer = await asking("get_proposal", proposal_id=waiting["proposal_id"], wait_s=wait_s)
        for _ in range(workers):
            if records(answer, "proposal")[0]["state"] != "APPROVED":
                break
            await anyio.sleep(_due_in_s(folder, waiting["proposal_id"]))
            await anyio.to_thread.run_sync(run, "worker", "--once", "--config", str(folder / "erp-mcp.yaml"))
            answer = await asking("get_proposal", proposal_id=waiting["proposal_id"])
    (found,) = records(answer, "proposal")
    return found, records(answer, "receipt")


def _due_in_s(folder: Path, proposal_id: str) -> float:
    """Return for how many seconds a worker will find nothing to do about a proposal."""
    deployment = open_deployment(folder / "erp-mcp.yaml")
    try:
        due = deployment.state.proposals.get(proposal_id).not_before
        return max(0.0, (parse_instant(due) - deployment.clock.wall()).total_seconds()) if due else 0.0
    finally:
        deployment.close()
