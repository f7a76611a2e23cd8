"""A small demo ERP for the committer: its own service on four tables, and the faults of the way to it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.demo.erp_rows import ERP_TABLES
from erp_mcp.demo.tables import create_statement
from erp_mcp.domain.command import (
    Accepted,
    Command,
    Committed,
    Conflict,
    NotSent,
    Outcome,
    Refused,
    RetryContract,
    RetryKind,
    RowResult,
    Unknown,
    Written,
)
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import SystemUnreachableError
from erp_mcp.ports import Clock
from erp_mcp.systems import load_profile

PROFILES = Path(__file__).parents[3] / "erp_mcp" / "systems"
LINE = ("4500000123", "00010")
MATERIAL, SITE, SUPPLIER = "M-100", "P100", "V-7"
OLD_DATE, NEW_DATE = "2026-03-27", "2026-04-01"
_STAMP = "2026-03-01T00:00:00Z"

LINES = (
    RowResult(line="00010", written=True, document="10"),
    RowResult(line="00020", written=False, code="line_closed", native_code="06/020"),
)
LIMITED = NotSent(reason="rate_limited", retry_after_s=30)

Fault = Literal[
    "cut_before",  # the connection breaks before the ERP commits; nobody knows
    "cut_after",  # … after it has committed
    "hang",  # no answer at all, and it was written
    "raise",  # the port breaks its contract
    "down",  # connection refused
    "refuse",  # the ERP's own rule says no
    "superseded",  # the record has another version
    "superseded_after",  # … since somebody on the way sent it twice, and it was done at the first time
    "limited",  # turned away by an answer, for a while, and not done
    "limited_after",  # … and done all the same
    "limited_at_once_after",  # … and done all the same, with no time named
    "limited_late",  # … and done when `arrive` says so
    "accept",  # taken in, and done when `arrive` says so
    "partly",  # done, and one of two lines was not written
]


def build(path: Path) -> None:
    """Make an ERP with one open purchase order line and one material that is bought."""
    with closing(sqlite3.connect(path)) as erp:
        for table in ("po_item", "po_conf", "pr_item", "mat_gen", "mat_plant", "mat_unit", "vendor", "deletion_log"):
            erp.execute(create_statement(table, *ERP_TABLES[table]))
        _add(
            erp, "po_item", po_no=LINE[0], item_no=LINE[1], plant=SITE, vendor_no=SUPPLIER, mat_no=MATERIAL,
            qty_ord="10", qty_recv="0", qty_open="10", uom="EA", promise=OLD_DATE, first_promise=OLD_DATE,
            conf_flag=1, stat="OPEN", changed_at=_STAMP,
        )  # fmt: skip
        _add(erp, "mat_gen", mat_no=MATERIAL, base_uom="EA", mat_stat="01", changed_at=_STAMP)
        _add(erp, "mat_plant", mat_no=MATERIAL, plant=SITE, proc_type="F", changed_at=_STAMP)
        _add(erp, "vendor", vendor_no=SUPPLIER, purch_block=0, changed_at=_STAMP)
        erp.commit()


def _add(erp: sqlite3.Connection, table: str, **values: str | int) -> None:
    names = ERP_TABLES[table][0]._fields
    erp.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(names))})", [values.get(name, "") for name in names])


def version_of_line(path: Path) -> str:
    """Return the version that the purchase order line has now."""
    with closing(sqlite3.connect(path)) as erp:
        row = erp.execute("SELECT changed_at FROM po_item WHERE po_no = ? AND item_no = ?", LINE).fetchone()
    return str(row[0])


def change_line(path: Path) -> None:
    """Change the line as somebody in the ERP would."""
    with closing(sqlite3.connect(path)) as erp:
        erp.execute("UPDATE po_item SET memo = 'moved', changed_at = '2026-03-16T06:30:00Z' WHERE po_no = ?", LINE[:1])
        erp.commit()


def effects(path: Path, reference: str = "") -> int:
    """Return how often a command took effect, or any did; every document made and promise moved has its reference."""
    with closing(sqlite3.connect(path)) as erp:
        known = erp.execute("SELECT 1 FROM sqlite_master WHERE name = 'ext_ref'").fetchone()
        noted = [row[0] for row in erp.execute("SELECT reference FROM ext_ref")] if known else []
        made = erp.execute("SELECT count(*) FROM pr_item").fetchone()
        moved = erp.execute("SELECT count(*) FROM po_conf").fetchone()
    assert made[0] + moved[0] == len(noted), "an effect without its reference"
    return noted.count(reference) if reference else len(noted)


@dataclass(slots=True, kw_only=True)
class Erp:
    """`ports.Commands` over the demo ERP's service, with faults taken one by one; `at` is told its failpoints."""

    path: Path
    clock: Clock
    faults: list[Fault] = field(default_factory=list)
    finds_down: set[int] = field(default_factory=set)  # which read-backs can't reach it, counted from 0
    kind: RetryKind | None = None  # another retry contract than the profile's
    at: Callable[[str], None] = lambda _: None
    down_until: str = ""
    sent: list[Command] = field(default_factory=list)
    found: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    late: Command | None = None  # turned away, and under way nevertheless

    @property
    def system(self) -> str:
        return "erp"

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        kept = self._inner().operations
        return {name: replace(one, kind=self.kind or one.kind) for name, one in kept.items()}

    async def send(self, command: Command) -> Outcome:
        self.sent.append(command)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "down" or self.clock.wall().isoformat() < self.down_until:
            return NotSent(reason="system_unreachable", retry_after_s=30)
        if fault == "cut_before":
            return Unknown(reason="connection_lost")
        if fault == "refuse":
            return Refused(code="document_closed", native_code="06/115")
        if fault == "superseded":
            return Conflict()
        if fault in {"limited", "limited_late", "accept"}:
            self.late = None if fault == "limited" else command
            return Accepted(ticket="Q-17", ask_after_s=10) if fault == "accept" else LIMITED
        outcome = await self._inner().send(command)
        if fault == "raise":
            raise RuntimeError("not in the contract")
        if fault == "hang":
            self.hanging.set()
            await asyncio.Event().wait()
        return _told(fault, outcome)

    def arrive(self) -> None:
        """Let what is under way take effect now; the demo ERP's service never waits for anything."""
        if self.late is not None:
            late, self.late = self.late, None
            with suppress(StopIteration):
                self._inner().send(late).send(None)

    async def find(self, command: Command) -> Written | None:
        self.found += 1
        if self.found - 1 in self.finds_down:
            raise SystemUnreachableError(system="erp")
        return await self._inner().find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self._inner().probe()

    async def close(self) -> None:
        """Nothing is held open."""

    def _inner(self) -> DemoErpCommands:
        return DemoErpCommands.open(
            system="erp",
            url=self.path.name,
            root=self.path.parent,
            profile=shipped_profile(),
            clock=self.clock,
            failpoint=self.at,
        )


def _told(fault: Fault | None, outcome: Outcome) -> Outcome:
    """Return what is answered, whatever was done."""
    if fault in {"limited_after", "limited_at_once_after"}:
        return LIMITED if fault == "limited_after" else replace(LIMITED, retry_after_s=0)
    if fault == "superseded_after":
        return Conflict()
    if fault == "partly":
        assert isinstance(outcome, Committed)
        return replace(outcome, written=replace(outcome.written, rows=LINES))
    return Unknown(reason="connection_lost") if fault == "cut_after" else outcome


@cache
def shipped_profile() -> Profile:
    """Return the demo ERP's profile."""
    return load_profile("demo-erp", [PROFILES])


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection for what a test does behind everybody's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection
