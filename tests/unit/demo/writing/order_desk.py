"""A copy of the plant's ERP for tests of its commands in its own terms."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from erp_mcp.demo.erp_service import Document, ErpCall, ErpService, Rejected, Reply, Superseded
from erp_mcp.domain.call import JsonValue
from erp_mcp.testing import FixedClock
from tests.dumps import dump_hash


class OrderDesk:
    """Sends commands in the ERP's own terms, each under another reference, and asks its tables in SQL."""

    def __init__(self, path: Path, raw: sqlite3.Connection) -> None:
        self.path = path
        self._raw = raw
        self._service = ErpService(path, clock=FixedClock(), zone=ZoneInfo("Europe/Berlin"), user="writer")
        self._count = 0

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        return self._raw.execute(statement, values).fetchall()

    def one(self, statement: str, *values: str) -> tuple[Any, ...]:
        """Return the first row of a SELECT; there must be one."""
        return self.rows(statement, *values)[0]

    def change(self, statement: str, *values: str) -> None:
        """Change something, as somebody at the ERP does; at least one row must change."""
        assert self._raw.execute(statement, values).rowcount > 0

    def send(self, operation: str, arguments: dict[str, JsonValue]) -> Reply:
        """Send a command."""
        self._count += 1
        return self._service.perform(ErpCall(operation=operation, reference=f"T{self._count:09d}", arguments=arguments))

    def done(self, operation: str, arguments: dict[str, JsonValue]) -> Document:
        """Send a command that the ERP takes."""
        reply = self.send(operation, arguments)
        assert isinstance(reply, Document), reply
        return reply

    def code(self, operation: str, arguments: dict[str, JsonValue]) -> str:
        """Send a command that the ERP refuses, writing nothing; return why."""
        before = self.dump()
        reply = self.send(operation, arguments)
        assert not isinstance(reply, Document), reply
        assert self.dump() == before, "refused, and written all the same"
        return reply.code if isinstance(reply, Rejected) else "superseded"

    def dump(self) -> str:
        """Return a hash of everything that the ERP holds."""
        return dump_hash(self.path)


@contextmanager
def open_desk(original: Path, folder: Path) -> Iterator[OrderDesk]:
    """Open a desk over a copy of an ERP's file."""
    path = folder / "erp.sqlite"
    shutil.copy(original, path)
    path.chmod(0o600)
    raw = sqlite3.connect(path, isolation_level=None)
    try:
        yield OrderDesk(path, raw)
    finally:
        raw.close()


__all__ = ["OrderDesk", "Superseded", "open_desk"]
