"""What all writers of the seed share: rows of the plant, SAP's unit codes, stamps, local times."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

Row = dict[str, str | int | bool | None]
Native = sqlite3.Row

ZONE: Final = ZoneInfo("Europe/Berlin")
UNITS: Final = {"EA": "ST", "KGM": "KG", "MTR": "M", "MTK": "M2", "GRM": "G", "LTR": "L"}


class Plant:
    """The tables of one plant's ERP."""

    def __init__(self, source: sqlite3.Connection) -> None:
        """Keep the open database."""
        self._source = source

    def rows(self, table: str, order: str = "1, 2") -> Iterator[Native]:
        """Yield the rows of a table, by its key."""
        yield from self._source.execute(f"SELECT * FROM {table} ORDER BY {order}")

    def select(self, statement: str) -> Iterator[Native]:
        """Yield the rows of a SELECT."""
        yield from self._source.execute(statement)


def unit(code: str) -> str:
    """Return SAP's own code of a unit of UN/ECE Recommendation 20."""
    return UNITS[code]


def stamp14(instant: str) -> str:
    """Return an instant as S/4HANA writes it into text of 14 digits: UTC."""
    return "".join(letter for letter in instant if letter.isdigit())[:14]


def local_date(instant: str | None) -> str | None:
    """Return the date of an instant in the plant."""
    return _local(instant).date().isoformat() if instant else None


def local_time(instant: str | None) -> str | None:
    """Return the time of day of an instant in the plant."""
    return _local(instant).time().isoformat() if instant else None


def _local(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(ZONE)
