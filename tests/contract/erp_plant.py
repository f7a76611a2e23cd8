"""The demo ERP's file as tests of what writes to it need it: good and bad commands, and what stands in it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import erp_mcp
from erp_mcp.demo.erp_calls import UPDATE_DATE
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile
from erp_mcp.systems import load_profile

SECRETS: Final = ("po_item", "pr_item", "database", "sqlite", "upstream", "10.1.2.3")
_EFFECTS: Final = (
    "SELECT po_no || '/' || item_no, promise || changed_at || coalesce(promise_set_at, '') ||"
    " (SELECT count(*) FROM po_conf c WHERE c.po_no = p.po_no AND c.item_no = p.item_no) FROM po_item p"
    " UNION ALL SELECT pr_no || '/' || item_no, mat_no || qty || uom || dlv_date || release_ind || stat || changed_at"
    " FROM pr_item"
)


def demo_profile() -> Profile:
    return load_profile("demo-erp", [Path(erp_mcp.__file__).parent / "systems"])


class ErpPlant:
    """A copy of a plant's ERP."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.path = folder / "erp.sqlite"
        self._away = folder / "away.sqlite"
        shutil.copy(original, self.path)
        self.path.chmod(0o600)
        self._number = 0
        self._lines = self._open_lines()

    def good(self, operation: str) -> Command:
        """Return a command that the ERP takes, about another record each time."""
        if operation == UPDATE_DATE:
            number, item, version = next(self._lines)
            fields: Mapping[str, JsonValue] = {"purchase_order_id": number, "line": item, "new_date": "2027-02-01"}
            return self._command(operation, fields, key=f"{number}/{item}", version=version)
        material, plant, unit = self._rows(
            "SELECT p.mat_no, p.plant, g.base_uom FROM mat_plant p JOIN mat_gen g USING (mat_no)"
            " WHERE proc_type = 'F' AND mat_stat = '01' ORDER BY 1, 2"
        )[0]
        fields = {"material_id": material, "site": plant, "qty": f"{self._number + 1}.5", "uom": unit,
                  "delivery_date": "2027-02-01", "supplier_id": None, "cost_object": None}  # fmt: skip
        return self._command(operation, fields)

    def refused(self, operation: str) -> Command:
        """Return a command for a day that is past."""
        good = self.good(operation)
        day = "new_date" if operation == UPDATE_DATE else "delivery_date"
        return self._command(operation, {**good.fields, day: "2026-03-01"}, key=good.key, version=good.version_token)

    def touch(self, command: Command) -> None:
        """Change a line's memo, as a person at the ERP would."""
        number, _, item = command.key.partition("/")
        with closing(sqlite3.connect(self.path)) as raw, raw:
            raw.execute(
                "UPDATE po_item SET memo = 'called', changed_at = '2026-03-16T05:00:00Z'"
                " WHERE po_no = ? AND item_no = ?", (number, item)
            )  # fmt: skip

    def effects(self) -> Mapping[str, str]:
        """Return what the ERP holds, by source key, wherever the file is just now."""
        return {key: row for key, row in self._rows(_EFFECTS)}  # noqa: C416  rows are tuples of any length

    def move_away(self) -> None:
        """Take the file away, as when the ERP is down."""
        if self.path.exists():
            self.path.rename(self._away)

    def bring_back(self) -> None:
        """Put it back."""
        if self._away.exists():
            self._away.rename(self.path)

    def _command(self, operation: str, fields: Mapping[str, JsonValue], key: str = "", version: str = "") -> Command:
        self._number += 1
        return Command(
            operation=operation, system="erp", entity=operation.partition(".")[0], key=key, version_token=version,
            reference=f"R{self._number:011d}", fields=fields,
        )  # fmt: skip

    def _open_lines(self) -> Iterator[tuple[str, ...]]:
        yield from self._rows("SELECT po_no, item_no, changed_at FROM po_item WHERE stat = 'OPEN' ORDER BY 1, 2")

    def _rows(self, statement: str) -> list[tuple[str, ...]]:
        file = self.path if self.path.exists() else self._away
        with closing(sqlite3.connect(file)) as raw:
            return raw.execute(statement).fetchall()
