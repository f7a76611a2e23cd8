"""The demo ERP's application service: its own rules, versions and number range over the tables of `erp.sqlite`.

It plays what a real ERP has behind its interface, so it knows nothing of proposals or approvals. One command is one
SQLite transaction; what it does is in `demo.writing`. What the generated plant does not have, the references of other
systems, is in a table of its own that the first command makes, so a plant that was never written to is the plant that
was generated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Final, Literal

from erp_mcp.demo import cable, erp_rules
from erp_mcp.demo.writing.operation import ErpCall
from erp_mcp.demo.writing.registry import DOCUMENTS, OPERATIONS
from erp_mcp.demo.writing.work import Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.instants import instant_text
from erp_mcp.ports import Clock

__all__ = ["Document", "ErpCall", "ErpService", "Failpoint", "Rejected", "Reply", "Superseded"]

Failpoint = Literal["before_commit", "after_commit"]

_REFERENCES: Final = """
    CREATE TABLE IF NOT EXISTS ext_ref (
        reference TEXT PRIMARY KEY, doc_type TEXT NOT NULL, doc_no TEXT NOT NULL, item_no TEXT NOT NULL,
        written_by TEXT NOT NULL, written_at TEXT NOT NULL
    ) WITHOUT ROWID
"""


def _pass(_: Failpoint) -> None:
    """Do nothing where no test looks on."""


class ErpService:
    """Takes commands for one plant's ERP.

    Every method raises `sqlite3.Error` where the file can't be used; then nothing was written, unless it broke in the
    commit itself.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        zone: tzinfo,
        user: str = "demo",
        wait_s: float = 5.0,
        failpoint: Callable[[Failpoint], None] = _pass,
    ) -> None:
        """Name the file; nothing is opened yet.

        Args:
            path: The plant's `erp.sqlite`.
            clock: Its plant clock says what day it is.
            zone: The plant's time zone.
            user: Who is noted as the writer.
            wait_s: How long another writer is waited for.
            failpoint: Called just before and just after each commit, for tests that kill or break there.
        """
        self._path = path
        self._uri = path.resolve().as_uri()
        self._clock = clock
        self._zone = zone
        self._user = user
        self._wait_s = wait_s
        self._failpoint = failpoint

    def perform(self, call: ErpCall) -> Reply:
        """Carry out one command in one transaction.

        Returns:
            The document it made or changed, as it is now; `Superseded` where a record is not at the version named;
            `Rejected` with `bad_reference`, `reference_exists` or a code of the operation's `refusals`.

        Raises:
            KeyError: for an operation that this service does not have.
            AnswerLostError: the cable is pulled (`demo.cable`); it is written.
        """
        operation = OPERATIONS[call.operation]
        with self._command() as database:
            if (code := erp_rules.reference_refusal(database, call.reference)) is not None:
                return Rejected(code)
            plant = self._clock.plant()
            work = Work(
                database=database,
                now=instant_text(plant),
                today=plant.astimezone(self._zone).date(),
                user=self._user,
                reference=call.reference,
            )
            reply = operation.carry_out(work, call.arguments)
            return self._finish(database, call.reference, reply) if isinstance(reply, Document) else reply

    def find(self, reference: str) -> Document | None:
        """Return the document that was written under a reference, as it is now; `None` where none was."""
        with closing(self._connection()) as reading:
            if not _has_references(reading):
                return None
            row = reading.execute(
                "SELECT doc_type, doc_no, item_no, written_at FROM ext_ref WHERE reference = ?", (reference,)
            ).fetchone()
            if row is None:
                return None
            doc_type, number, item, written_at = row
            fields, version = DOCUMENTS[doc_type].read(reading, number, item)
            return Document(doc_type=doc_type, number=number, item=item, version=version or written_at, fields=fields)

    def about(self) -> dict[str, str]:
        """Return what the ERP says of itself: product, account, its time, and whether the file may be written.

        Nothing is written: the write lock is taken and given back.
        """
        with closing(self._connection()) as held:
            held.execute("BEGIN IMMEDIATE")
            for table in ("po_item", "po_conf", "pr_item", "mat_plant", "mat_unit", "vendor"):
                held.execute(f"SELECT 1 FROM {table} LIMIT 1")
            held.execute("ROLLBACK")
            kept = not _has_references(held) or "reference" in _key_of(held, "ext_ref")
        return {
            "product": "demo ERP",
            "account": self._user,
            "server_time": instant_text(self._clock.plant()),
            "unique_references": "yes" if kept else "no",
        }

    # --- One command --------------------------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        """Open the file for writing, never making one; what a killed writer left half done is then rolled back."""
        return sqlite3.connect(f"{self._uri}?mode=rw", uri=True, timeout=self._wait_s, isolation_level=None)

    @contextmanager
    def _command(self) -> Iterator[sqlite3.Connection]:
        """Open one transaction; whatever is not committed inside is rolled back."""
        with closing(self._connection()) as work:
            work.execute("BEGIN IMMEDIATE")  # from here on nobody else writes, so what is checked stays true
            try:
                work.execute(_REFERENCES)
                yield work
            finally:
                if work.in_transaction:
                    work.execute("ROLLBACK")

    def _finish(self, work: sqlite3.Connection, reference: str, done: Document) -> Document:
        """Note the reference and commit; nothing is read any more after that, so no error can come after the commit."""
        written = (reference, done.doc_type, done.number, done.item, self._user, done.version)
        work.execute("INSERT INTO ext_ref VALUES (?, ?, ?, ?, ?, ?)", written)
        self._failpoint("before_commit")
        work.execute("COMMIT")
        self._failpoint("after_commit")
        if cable.loses_answer(self._path):
            raise cable.AnswerLostError
        return done


def _has_references(held: sqlite3.Connection) -> bool:
    return bool(held.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ext_ref'").fetchone())


def _key_of(held: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in held.execute(f"PRAGMA table_info({table})") if row[5]}
