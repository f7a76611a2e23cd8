"""The demo ERP's application service: its own rules, versions and number range over the tables of `erp.sqlite`.

It plays what a real ERP has behind its interface, so it knows nothing of proposals or approvals. One command is one
SQLite transaction. What the generated plant does not have, the references of other systems, is in a table of its own
that the first command makes, so a plant that was never written to is the plant that was generated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import ConfirmationRow, RequisitionRow
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.ports import Clock

Failpoint = Literal["before_commit", "after_commit"]

_REFERENCES: Final = """
    CREATE TABLE IF NOT EXISTS ext_ref (
        reference TEXT PRIMARY KEY, doc_type TEXT NOT NULL, doc_no TEXT NOT NULL, item_no TEXT NOT NULL,
        written_by TEXT NOT NULL, written_at TEXT NOT NULL
    ) WITHOUT ROWID
"""
_FIRST_ITEM: Final = "00010"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One line of a document as the ERP has it now; `fields` are native columns."""

    doc_type: Literal["PO", "PR"]
    number: str
    item: str
    version: str
    fields: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rule of the ERP says no; nothing was written."""

    code: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """The line is not at the version named any more; nothing was written."""


Reply = Document | Rejected | Superseded


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
        self._uri = path.resolve().as_uri()
        self._clock = clock
        self._zone = zone
        self._user = user
        self._wait_s = wait_s
        self._failpoint = failpoint

    def update_delivery_date(self, po_no: str, item_no: str, new_date: str, *, version: str, reference: str) -> Reply:
        """Take a supplier's new promise for an open purchase order line; the first promise stays what it was.

        Returns:
            The line as it is now; `Superseded` when it is not at `version`; `Rejected` with `bad_reference`,
            `reference_exists`, `unknown_document`, `document_deleted`, `document_closed`, `document_cancelled`,
            `fully_received`, `bad_date`, `date_in_past` or `nothing_changes`.
        """
        with self._command() as work:
            row = work.execute(
                "SELECT changed_at, stat, qty_open, promise FROM po_item WHERE po_no = ? AND item_no = ?",
                (po_no, item_no),
            ).fetchone()
            if (code := erp_rules.reference_refusal(work, reference)) is not None:
                return Rejected(code)
            if row is None:
                return Rejected(erp_rules.absence(work, "po_item", f"{po_no}/{item_no}"))
            if row[0] != version:
                return Superseded()
            code = erp_rules.line_refusal(row[1], row[2]) or self._date_refusal(new_date)
            if code or new_date == row[3]:
                return Rejected(code or "nothing_changes")
            stamp = self._stamp(work)
            _move_promise(work, (po_no, item_no), new_date, stamp)
            return self._finish(work, reference, _purchase_line(work, po_no, item_no, stamp))

    def create_requisition(
        self, *, reference: str, mat_no: str, plant: str, qty: str, uom: str, dlv_date: str, vendor_no: str | None
    ) -> Reply:
        """Make a purchase requisition that waits for release; this service never releases one.

        Returns:
            The new line; or `Rejected` with `bad_reference`, `reference_exists`, `unknown_material`,
            `material_blocked`, `material_discontinued`, `not_purchased`, `unknown_unit`, `bad_quantity`, `bad_date`,
            `date_in_past`, `unknown_supplier` or `supplier_blocked`.
        """
        with self._command() as work:
            code = (
                erp_rules.reference_refusal(work, reference)
                or erp_rules.material_refusal(work, mat_no, plant, uom)
                or erp_rules.quantity_refusal(qty)
                or self._date_refusal(dlv_date)
                or erp_rules.supplier_refusal(work, vendor_no)
            )
            if code:
                return Rejected(code)
            stamp, number = self._stamp(work), _next_number(work)
            exact = str(Decimal(qty).quantize(erp_rules.THOUSANDTH))
            row = RequisitionRow(
                number, _FIRST_ITEM, plant, mat_no, exact, uom, dlv_date, stamp, "W", vendor_no, "OPEN", "GATE", stamp
            )
            work.execute(f"INSERT INTO pr_item VALUES ({','.join('?' * len(row))})", row)
            return self._finish(work, reference, _requisition(work, number, _FIRST_ITEM, stamp))

    def find(self, reference: str) -> Document | None:
        """Return the line that was written under a reference, as it is now; `None` where none was."""
        with closing(self._connection()) as reading:
            if not _has_references(reading):
                return None
            row = reading.execute(
                "SELECT doc_type, doc_no, item_no, written_at FROM ext_ref WHERE reference = ?", (reference,)
            ).fetchone()
            if row is None:
                return None
            doc_type, number, item, written_at = row
            read = _purchase_line if doc_type == "PO" else _requisition
            return read(reading, number, item, written_at)

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
        return done

    def _stamp(self, work: sqlite3.Connection) -> str:
        """Return the instant of this change: now, and always later than every change before it.

        The plant clock of a demo stands still, and a version that is used twice would hide a change.
        """
        places = (
            ("po_item", "changed_at"),
            ("po_conf", "changed_at"),
            ("pr_item", "changed_at"),
            ("ext_ref", "written_at"),
        )
        union = " UNION ALL ".join(f"SELECT max({column}) AS at FROM {table}" for table, column in places)
        (newest,) = work.execute(f"SELECT max(at) FROM ({union})").fetchone()
        now = instant_text(self._clock.plant())
        return max(now, instant_text(parse_instant(newest) + timedelta(seconds=1))) if newest else now

    def _date_refusal(self, text: str) -> str | None:
        return erp_rules.date_refusal(text, self._clock.plant().astimezone(self._zone).date())


# --- Rows -------------------------------------------------------------------------------------------------------------


def _move_promise(work: sqlite3.Connection, line: tuple[str, str], new_date: str, stamp: str) -> None:
    """Move the promise of a line; where the supplier confirms its promises, this is one more of them."""
    work.execute(
        "UPDATE po_item SET promise = ?, promise_set_at = ?, changed_at = ? WHERE po_no = ? AND item_no = ?",
        (new_date, stamp, stamp, *line),
    )
    plant, qty, uom, confirmed = work.execute(
        "SELECT plant, qty_ord, uom, conf_flag FROM po_item WHERE po_no = ? AND item_no = ?", line
    ).fetchone()
    if confirmed:
        (last,) = work.execute("SELECT max(seq) FROM po_conf WHERE po_no = ? AND item_no = ?", line).fetchone()
        row = ConfirmationRow(*line, (last or 0) + 1, plant, stamp, new_date, qty, uom, None, stamp)
        work.execute(f"INSERT INTO po_conf VALUES ({','.join('?' * len(row))})", row)


def _next_number(work: sqlite3.Connection) -> str:
    """Return the next number of the range; one that was ever given is never given again."""
    (last,) = work.execute(
        "SELECT max(no) FROM (SELECT max(pr_no) AS no FROM pr_item UNION ALL"
        " SELECT max(doc_no) FROM ext_ref WHERE doc_type = 'PR')"
    ).fetchone()
    return f"{int(last or 30_000_100) + 1:010d}"


def _purchase_line(held: sqlite3.Connection, number: str, item: str, written_at: str) -> Document:
    fields, version = _read(held, "po_item", ("po_no", "item_no", "promise", "promise_set_at", "stat"), (number, item))
    return Document(doc_type="PO", number=number, item=item, version=version or written_at, fields=fields)


def _requisition(held: sqlite3.Connection, number: str, item: str, written_at: str) -> Document:
    names = ("pr_no", "mat_no", "plant", "qty", "uom", "dlv_date", "vendor_no", "release_ind", "stat")
    fields, version = _read(held, "pr_item", names, (number, item))
    return Document(doc_type="PR", number=number, item=item, version=version or written_at, fields=fields)


def _read(
    held: sqlite3.Connection, table: str, names: tuple[str, ...], line: tuple[str, str]
) -> tuple[dict[str, str | None], str]:
    """Return some columns of a line and its version; both empty where a person has deleted it since."""
    row = held.execute(
        f"SELECT {', '.join(names)}, changed_at FROM {table} WHERE {names[0]} = ? AND item_no = ?", line
    ).fetchone()
    return (dict(zip(names, row[:-1], strict=True)), row[-1]) if row else ({}, "")


def _has_references(held: sqlite3.Connection) -> bool:
    return bool(held.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ext_ref'").fetchone())


def _key_of(held: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in held.execute(f"PRAGMA table_info({table})") if row[5]}
