"""The processes under fire: agents with a server each, workers, approvers; and the one who kills.

Servers and workers are the commands of the package, started anew whenever they were killed. The agents are real MCP
clients of this process: one whose server is gone starts it again and repeats the call that had no answer, under the
same key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, Literal, Protocol

from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from erp_mcp.bootstrap import SystemClock
from tests.crash.asked import Asked
from tests.crash.recovering import Stop
from tests.path.wire_client import ROOT, environment

Victim = Literal["worker", "server"]
Sign = Literal["worker", "server", "sending"]  # what is waited for: a move of a worker, a proposal, a change being sent
WORKERS: Final = 3
_CLOCK: Final = SystemClock()
AHEAD: Final = 20  # changes that are asked for before the first kill
EACH: Final = 2  # and after each
_PAUSE_S: Final = (0.0, 0.5)  # after what is waited for before each kill
_BUSY: Final = 0.8  # of the kills are of a process that is up and at work, the others of any
_ALL: Final = 0.15  # of the kills of workers are of all at once
_LOOKS, _MOMENT_S = 1200, 0.05
_PATIENCE_S: Final = 180
_TRIES: Final = 200
_AGAIN_S: Final = 0.5
_VICTIMS: Final[tuple[Victim, ...]] = ("worker", "worker", "server")
_FINAL: Final = ("rule.", "call.", "proposal.key_reused", "proposal.possible_duplicate")
# The shell says its own id and becomes the server, so that the server can be killed behind its client's back.
_SAYING_WHO: Final = 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@" 2>> "$0.log"'


@dataclass(slots=True, kw_only=True)
class Fired:
    """What became of the processes and the calls."""

    kills: dict[Victim, int] = field(default_factory=lambda: {"worker": 0, "server": 0})
    cut: int = 0  # calls and connections that ended without an answer
    refused: dict[str, str] = field(default_factory=dict)  # by key: why the gateway made no proposal
    given: dict[str, str] = field(default_factory=dict)  # by key: the proposal that the agent was told of
    twice: list[str] = field(default_factory=list)  # keys for which an agent was told of two proposals
    killed_at: list[datetime] = field(default_factory=list)  # of workers
    answered_after: list[float] = field(default_factory=list)  # seconds from the kill of a server to the next's answer
    stops: list[Stop] = field(default_factory=list)  # of the server of the state itself

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return sum(self.kills.values())


class Look(Protocol):
    """What the one who kills sees of the journal."""

    def last_of(self, sign: Sign) -> int:
        """Return the number of the newest event that is such a sign."""
        ...


class Crew:
    """Everything that runs on one plant."""

    def __init__(self, plant: Path, look: Look, *, hurried: str | None) -> None:
        """Run on a furnished plant.

        Args:
            plant: Its folder.
            look: At its journal.
            hurried: The fault of workers whose lease is of seconds; `None` for workers as shipped.
        """
        self.fired = Fired()
        self.over = asyncio.Event()
        self._plant = plant
        self._hurried = hurried
        self._faulty = hurried not in {None, "none"}
        self._look = look
        self._last: dict[Sign, int] = {"worker": 0, "server": 0, "sending": 0}
        self._workers: dict[str, asyncio.subprocess.Process] = {}
        self._killed: set[int] = set()
        self._answered: set[int] = set()
        self._asking: set[str] = set()  # agents that wait for an answer
        self._cut_at: dict[str, float] = {}  # by agent: when the server was killed that it waited for
        self._begun: dict[int, tuple[Path, int]] = {}  # by process: its log, and how long that was before
        self._logs = plant / "logs"
        self._logs.mkdir(exist_ok=True)
        self._released: asyncio.Queue[Asked | None] = asyncio.Queue()

    # --- Agents and their servers -------------------------------------------------------------------------------------

    async def ask_for_all(self, agent: str) -> None:
        """Propose what is released until there is no more of it, however often the server is killed meanwhile."""
        left = [await self._released.get()]
        while left != [None]:
            try:
                async with Client(self._server(agent), read_timeout_seconds=_PATIENCE_S) as client:
                    await self._ask_on(agent, client, left)
            except Exception:  # noqa: BLE001 - whatever a client says of a server that was killed, it asks again
                self.fired.cut += 1

    async def _ask_on(self, agent: str, client: Client, left: list[Asked | None]) -> None:
        """Propose one change after the other; `left` holds the one that has no answer yet."""
        while (one := left[0]) is not None:
            self._asking.add(agent)
            await self._ask_for(client, one)
            self._asking.discard(agent)
            if agent in self._cut_at:
                self.fired.answered_after.append(time.monotonic() - self._cut_at.pop(agent))
            self._answered.add(int((self._logs / agent).read_text(encoding="ascii")))
            left[0] = await self._released.get()

    async def _ask_for(self, client: Client, one: Asked) -> None:
        """Propose one change, again and again where there is no room for it yet."""
        for _ in range(_TRIES):
            if self._noted(one, await client.call_tool(one.tool, dict(one.arguments))):
                return
            await asyncio.sleep(_AGAIN_S)

    def release(self, changes: Iterable[Asked | None]) -> None:
        """Let the agents ask for changes; `None` ends one of them."""
        for one in changes:
            self._released.put_nowait(one)

    @property
    def asked_all(self) -> bool:
        """Whether no agent has anything left to ask for."""
        return self._released.empty() and not self._asking

    def _noted(self, one: Asked, answer: CallToolResult) -> bool:
        """Note what an agent was told; returns whether that is the end of it."""
        if not answer.is_error and answer.structured_content is not None:
            table = answer.structured_content["tables"]["proposal"]
            told = str(dict(zip(table["columns"], table["rows"][0], strict=True))["proposal_id"])
            if self.fired.given.setdefault(one.key, told) != told:
                self.fired.twice.append(one.key)
            return True
        text = "".join(block.text for block in answer.content if isinstance(block, TextContent))
        self.fired.refused[one.key] = text.partition("\n")[0]
        code = text.removeprefix("refused ").partition(":")[0]
        return code.startswith(_FINAL)

    def _server(self, agent: str) -> StdioServerParameters:
        command = [sys.executable, "-m", "erp_mcp", "serve", "--demo-dir", str(self._plant), "--as", agent]
        said = str(self._logs / agent)
        return StdioServerParameters(command="sh", args=["-c", _SAYING_WHO, said, *command], env=environment())

    # --- Workers and approvers ----------------------------------------------------------------------------------------

    async def keep_working(self, name: str) -> None:
        """Keep one worker alive until all is over, then let it end as it does by a signal."""
        how = ["erp_mcp"] if self._hurried is None else ["tests.crash.hurried", self._hurried]
        while not self.over.is_set():
            # It ends with its input, so that none outlives us, whatever ends us.
            worker = await self._started(name, *how, "worker", "--until-input-ends", "--demo-dir", str(self._plant))
            self._workers[name] = worker
            await self._until_over(worker)
            if worker.returncode is None:
                worker.terminate()
            await worker.wait()

    async def keep_deciding(self) -> None:
        """Keep the approvers at it until all is over."""
        people = await self._started("approvers", "tests.crash.signing", str(self._plant))
        await self._until_over(people)
        assert people.returncode is None, (self._logs / "approvers.log").read_text(encoding="utf-8")
        people.terminate()
        await people.wait()

    async def _until_over(self, process: asyncio.subprocess.Process) -> None:
        """Wait until all is over or a process has ended."""
        waiting = [asyncio.create_task(process.wait()), asyncio.create_task(self.over.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    async def _started(self, name: str, *arguments: str) -> asyncio.subprocess.Process:
        """Start a module of Python; what it says goes to a log."""
        path = self._logs / f"{name}.log"
        with path.open("ab") as log:
            length = log.tell()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *arguments,
                cwd=ROOT, env=environment(), stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
        self._begun[process.pid] = (path, length)
        return process

    # --- The one who kills --------------------------------------------------------------------------------------------

    async def kill(self, kills: int, chance: random.Random, changes: Iterator[Asked], within_s: float) -> None:
        """Kill workers and servers at moments that chance chooses, whatever they are doing then.

        Workers with a fault are all killed whenever one of them has just sent something: what they do with that, and
        nothing else, is wrong.

        Args:
            kills: How many.
            chance: When, and which.
            changes: What the agents ask for: some before the first kill, some after each, no more after the last.
            within_s: After so many seconds it is enough, however many were killed.
        """
        self.release(islice(changes, AHEAD))
        ends_at = time.monotonic() + within_s
        kind: Victim
        while self.fired.killed < kills and time.monotonic() < ends_at:
            kind, busy = ("worker", True) if self._faulty else (chance.choice(_VICTIMS), chance.random() < _BUSY)
            if busy:
                await self._moved("sending" if self._faulty else kind)
            await asyncio.sleep(chance.uniform(*_PAUSE_S))
            living = self._living(kind, busy=busy)
            at_once = kind == "worker" and (self._faulty or chance.random() < _ALL)
            chosen = living if at_once else [chance.choice(living)] if living else []
            for pid in chosen:
                self._kill(kind, pid)
                self.release(islice(changes, EACH))

    async def until_at_work(self) -> None:
        """Wait until a worker has made a move."""
        await self._moved("worker")

    def _kill(self, kind: Victim, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self._killed.add(pid)
            if kind == "worker":
                self.fired.killed_at.append(_CLOCK.wall())
            for agent in self._asking:
                if (self._logs / agent).read_text(encoding="ascii").strip() == str(pid):
                    self._cut_at.setdefault(agent, time.monotonic())
            self.fired.kills[kind] += 1

    async def _moved(self, sign: Sign) -> None:
        """Wait until there was such a sign since the last time; not for ever."""
        for _ in range(_LOOKS):
            if self._look.last_of(sign) != self._last[sign]:
                break
            await asyncio.sleep(_MOMENT_S)
        self._last[sign] = self._look.last_of(sign)

    def _living(self, kind: Victim, *, busy: bool) -> list[int]:
        """Return the processes of a kind that live; `busy` leaves those out that have not done anything yet."""
        if kind == "worker":
            living = [one.pid for _, one in sorted(self._workers.items()) if one.returncode is None]
        else:
            said = sorted(one for one in self._logs.iterdir() if not one.suffix)
            living = [int(one.read_text(encoding="ascii")) for one in said]
        return [pid for pid in living if pid not in self._killed and (not busy or self._is_up(pid))]

    def _is_up(self, pid: int) -> bool:
        """Return whether a worker has said that it runs, or a server has answered a call."""
        log, length = self._begun.get(pid, (None, 0))
        return pid in self._answered or (log is not None and log.stat().st_size > length)
