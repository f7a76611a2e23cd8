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
        self._born = {key for statement in EFFECTS for key, _, _ in self._rows(statement)}
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
        """Return what the ERP holds, by source key, wherever the file is just now.

        What is new is one effect for each document, however many lines it has.
        """
        found: dict[str, str] = defaultdict(str)
        for statement in EFFECTS:
            for key, document, row in self._rows(statement):
                found[key if key in self._born else document] += row
        return found

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

    def _rows(self, statement: str) -> list[tuple[str, ...]]:
        file = self.path if self.path.exists() else self._away
        with closing(sqlite3.connect(file)) as raw:
            return raw.execute(statement).fetchall()
