"""Every way to fail at every place, for as long as one request, two or many; and what each must come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, Literal, get_args

from erp_mcp.domain.lifecycle import State
from erp_mcp.testing.fake_erp import ErpFault, FaultKind
from tests.faults.driving import Tally, playing
from tests.faults.erp import Faults, Plan
from tests.faults.plant import TOOLS, Template

# Those that leave nobody knowing, or turn away; what is an answer all the same is for `tests.torture`.
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)[:9]
Spot = Literal["send", "find", "both", "read_back", "unknown"]
SPOTS: Final[tuple[Spot, ...]] = get_args(Spot)
LENGTHS: Final = (1, 2, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault at one place: `send` and `find` before it, `both`, reading back a commit, or what is unknown."""

    spot: Spot
    fault: ErpFault
    length: int

    @property
    def plan(self) -> Plan:
        """The faults by number of request."""
        match self.spot:
            case "send":
                return Plan(sends=self._from(1))
            case "find":
                return Plan(finds=self._from(1))
            case "both":
                return Plan(sends=self._from(1), finds=self._from(1))
            case "read_back":
                return Plan(finds=self._from(2))
            case "unknown":
                return Plan(sends={1: self.fault}, finds=self._from(2))

    @property
    def end(self) -> State:
        """What it must come to."""
        if self.spot in {"find", "read_back"}:
            return State.COMMITTED
        if self.fault.kind == "throttled":  # what a system turned away and did all the same is found and not sent again
            return State.COMMITTED
        return State.COMMITTED if self.fault.commits else State.NOT_APPLIED

    def _from(self, first: int) -> Faults:
        return dict.fromkeys(range(first, first + self.length), self.fault)

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.fault.kind}{'+effect' if self.fault.commits else ''} at {self.spot} x{self.length}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A case and the tool whose proposal meets it."""

    tool: str
    case: Case


def cases(spot: Spot, lengths: tuple[int, ...]) -> Iterator[Case]:
    """Return every fault at one place, the lengths in turn."""
    effects = (False,) if spot in {"find", "read_back"} else (False, True)
    for number, (kind, commits) in enumerate(product(KINDS, effects)):
        yield Case(spot=spot, fault=ErpFault(kind, commits=commits), length=lengths[number % len(lengths)])


def every(spot: Spot, length: int) -> list[Met]:
    """Return every fault at one place for each tool."""
    return [Met(tool=tool, case=case) for tool in TOOLS for case in cases(spot, (length,))]


def some(spot: Spot) -> list[Met]:
    """Return every fault at one place, with each tool or with one of them, for one request, two or three."""
    chosen = list(cases(spot, (1, 2, 3)))
    if len(chosen) == len(KINDS):
        return [Met(tool=tool, case=case) for tool in TOOLS for case in chosen]
    turn = int(spot == "unknown")  # what one tool meets at one place, the other meets at another
    return [Met(tool=TOOLS[(number // 2 + number + turn) % 2], case=case) for number, case in enumerate(chosen)]


async def play(template: Template, folder: Path, chosen: list[Met]) -> Tally:
    """Let every case happen to a proposal of its own, all in one deployment; nothing is due at the end."""
    waiting = {tool: iter(contents) for tool, contents in template.contents.items()}
    meets = [(next(waiting[met.tool]), met.case) for met in chosen]
    async with playing(template, folder, [content for content, _ in meets]) as there:
        for content, case in meets:
            there.line.plan(content, case.plan)
        await there.until_end()
        tally = there.tally()
        for content, case in meets:
            state, reason = there.stand(content)
            if state != case.end:
                path = ">".join(there.path_of(content)[3:])
                tally.wrongs.append(f"{content.tool}: {case} came to {state} [{reason}], not {case.end}: {path}")
    return tally
