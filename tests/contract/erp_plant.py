"""The demo ERP's file as tests of what writes to it need it: good and bad commands, and what stands in it."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import erp_mcp
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile
from erp_mcp.systems import load_profile
from tests.contract.erp_goods import EFFECTS, GOODS, Goods

SECRETS: Final = ("po_item", "pr_item", "database", "sqlite", "upstream", "10.1.2.3")


def demo_profile() -> Profile:
    return load_profile("demo-erp", [Path(erp_mcp.__file__).parent / "systems"])


class ErpPlant:
    """A copy of a plant's ERP; what commands it takes is in `erp_goods`."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.path = folder / "erp.sqlite"
        self._away = folder / "away.sqlite"
        shutil.copy(original, self.path)
        self.path.chmod(0o600)
        self._number = 0
        with closing(sqlite3.connect(self.path)) as raw, raw:
            for goods in GOODS.values():
                raw.execute(goods.before or "SELECT 1")
        self._born = {key for key, _, _ in self._rows(*EFFECTS)}
        self._looked_at: tuple[bytes, Mapping[str, str]] = (b"", {})
        self._records: dict[str, Iterator[tuple[str, ...]]] = {}

    def good(self, operation: str) -> Command:
        """Return a command that the ERP takes, about another record each time."""
        goods = GOODS[operation]
        self._number += 1
        made = goods.good(self._record(operation, goods), self._number)
        return Command(
            operation=operation, system="erp", entity=operation.partition(".")[0], key=made.key,
            version_token=made.version, reference=f"R{self._number:011d}", fields=made.fields,
        )  # fmt: skip

    def refused(self, operation: str) -> Command:
        """Return a command that a rule of the ERP is against."""
        good = self.good(operation)
        return replace(good, fields={**good.fields, **GOODS[operation].wrong})

    def touch(self, command: Command) -> None:
        """Change a record, as a person at the ERP would."""
        with closing(sqlite3.connect(self.path)) as raw, raw:
            assert raw.execute(GOODS[command.operation].touch, (command.key,)).rowcount > 0, command

    def effects(self) -> Mapping[str, str]:
        """Return what the ERP holds, by source key, wherever the file is just now; not read again until it was written.

        What is new is one effect for each document, however many lines it has.
        """
        version = self._version()
        if version != self._looked_at[0]:
            found: dict[str, str] = defaultdict(str)
            for key, document, row in self._rows(*EFFECTS):
                found[key if key in self._born else document] += row
            self._looked_at = version, MappingProxyType(found)
        return self._looked_at[1]

    def _version(self) -> bytes:
        """Return SQLite's count of the transactions that have changed the file."""
        with self._file().open("rb") as file:
            head = file.read(28)
        assert head[18:20] == b"\1\1", "with a log beside it, the file's own count stands still"
        return head[24:]

    def move_away(self) -> None:
        """Take the file away, as when the ERP is down."""
        if self.path.exists():
            self.path.rename(self._away)

    def bring_back(self) -> None:
        """Put it back."""
        if self._away.exists():
            self._away.rename(self.path)

    def _record(self, operation: str, goods: Goods) -> tuple[str, ...]:
        """Return the next record to change; what makes one is made of the first each time."""
        if operation not in self._records:
            rows = self._rows(goods.records)
            self._records[operation] = iter(rows) if goods.touch or goods.each else itertools.repeat(rows[0])
        return next(self._records[operation])

    def _rows(self, *statements: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self._file())) as raw:
            return [row for one in statements for row in raw.execute(one)]

    def _file(self) -> Path:
        return self.path if self.path.exists() else self._away
