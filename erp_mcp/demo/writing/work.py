"""What a command of the demo ERP works with: one transaction, and what may come out of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import instant_text, parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document, or line of one, as the ERP has it now; `fields` are native columns.

    `doc_type` is a key of `registry.DOCUMENTS`. `item` is empty where a document has no lines of its own.
    """

    doc_type: str
    number: str
    item: str
    version: str
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rule of the ERP says no; nothing was written."""

    code: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """The record is not at the version named any more; nothing was written."""


Reply = Document | Rejected | Superseded


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One open transaction: nobody else writes until it ends, so what is checked stays true.

    `now` is the plant clock's instant, `today` the plant's business date, `user` who is noted as the writer.
    """

    database: sqlite3.Connection
    now: str
    today: date
    user: str
    reference: str

    def stamp(self, *tables: str) -> str:
        """Return the instant of this change: now, and later than every change of these tables and every command.

        The plant clock of a demo stands still, and a version that is used twice would hide a change.
        """
        places = [(table, "changed_at") for table in tables] + [("ext_ref", "written_at")]
        union = " UNION ALL ".join(f"SELECT max({column}) AS at FROM {table}" for table, column in places)
        (newest,) = self.database.execute(f"SELECT max(at) FROM ({union})").fetchone()
        return max(self.now, instant_text(parse_instant(newest) + timedelta(seconds=1))) if newest else self.now

    def next_number(
        self, table: str, column: str, doc_type: str, *, first: int, prefix: str = "", digits: int = 10
    ) -> str:
        """Return the next number of a range; one that was ever given is never given again.

        Args:
            table: Where documents of this range stand.
            column: With their numbers.
            doc_type: Under which they are noted in `ext_ref`, where those that were deleted are still named.
            first: The number of the first one where there is none.
            prefix: Letters before each number of the range.
            digits: How many of them follow.
        """
        (last,) = self.database.execute(
            f"SELECT max(no) FROM (SELECT max({column}) AS no FROM {table} UNION ALL"
            " SELECT max(doc_no) FROM ext_ref WHERE doc_type = ?)",
            (doc_type,),
        ).fetchone()
        number = int(last.removeprefix(prefix)) if last else first - 1
        return f"{prefix}{number + 1:0{digits}d}"

    def insert(self, table: str, row: tuple[object, ...]) -> None:
        """Insert one row, all columns in the table's order."""
        self.database.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)


Change = Callable[[Work], Reply]
Arguments = Mapping[str, JsonValue]
