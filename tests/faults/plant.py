"""A deployment of the demo plant with proposals that people have approved and no worker has seen, to be copied."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from erp_mcp import administration, settings
from erp_mcp.bootstrap import Deployment, SystemClock, TimeOrderedIds
from erp_mcp.cli.app import main
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.proposal import Content
from tests.path.buyer import DATE_TOOL, REQUISITION_TOOL, allow_requisitions

TOOLS: Final = (DATE_TOOL, REQUISITION_TOOL)
DECIDES: Final = "demo-approver"
PLANT_NOW: Final = "2026-03-16T05:00:00Z"
_CONFIG: Final = "erp-mcp.yaml"
# The ERP itself notes each effect, inside the transaction that makes it; nothing of the product looks at this table.
_NOTES: Final = """
    CREATE TABLE effect (doc_type TEXT NOT NULL, number TEXT NOT NULL, item TEXT NOT NULL);
    CREATE TRIGGER dated AFTER UPDATE OF promise ON po_item
        BEGIN INSERT INTO effect VALUES ('PO', new.po_no, new.item_no); END;
    CREATE TRIGGER requested AFTER INSERT ON pr_item
        BEGIN INSERT INTO effect VALUES ('PR', new.pr_no, new.item_no); END;
"""


class DrivenClock(SystemClock):
    """The time of day as the test drives it; plant time stands still, as in every demo."""

    def __init__(self, now: datetime | None = None) -> None:
        super().__init__(PLANT_NOW)
        self.now = now or super().wall()
        self.jumped_s = 0.0

    def wall(self) -> datetime:
        return self.now

    def steady(self) -> float:
        return self.now.timestamp() - self.jumped_s

    def jump(self, seconds: float) -> None:
        self.pass_by(seconds)
        self.jumped_s += seconds

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def opened(folder: Path, clock: SystemClock) -> Deployment:
    """Open a deployment with a clock of the test's."""
    return Deployment(settings=settings.load(folder / _CONFIG), clock=clock, ids=TimeOrderedIds())


def prepared(folder: Path) -> Path:
    """Make the demo plant as a newcomer does, with both writes on and room for many proposals."""
    result = CliRunner().invoke(main, ["demo", "--prepare", "--dir", str(folder)])
    assert result.exit_code == 0, result.output
    return furnished(folder)


def furnished(folder: Path) -> Path:
    """Turn both writes on in a prepared plant, with room for many proposals, and let the ERP note every effect."""
    base = folder / "policies" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    assert 'max: "20"' in text
    base.write_text(text.replace('max: "20"', 'max: "500"'), encoding="utf-8")
    allow_requisitions(folder)
    with closing(sqlite3.connect(folder / "erp.sqlite")) as erp, erp:
        erp.executescript(_NOTES)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A furnished plant with approved proposals; `contents` are those of each tool, in the order they were made."""

    folder: Path
    now: datetime
    contents: dict[str, tuple[Content, ...]]

    def copy(self, folder: Path) -> Path:
        """Copy everything that work changes; what is only read stays where it is."""
        folder.mkdir(parents=True)
        for name in ("erp.sqlite", "plant.json", "read_model.sqlite", _CONFIG):
            shutil.copy(self.folder / name, folder / name)
        for name in ("state", "keys", "policies"):
            shutil.copytree(self.folder / name, folder / name)
        return folder


def with_proposals(folder: Path, each: int) -> Template:
    """Let the buyer propose, and a person approve, so many changes with each tool in a furnished plant."""
    clock = DrivenClock()
    deployment = opened(folder, clock)
    try:
        makers = {DATE_TOOL: _dates(deployment), REQUISITION_TOOL: _requisitions()}
        contents = {tool: tuple(approved(deployment, tool, next(makers[tool])) for _ in range(each)) for tool in TOOLS}
    finally:
        deployment.close()
    return Template(folder=folder, now=clock.wall(), contents=contents)


def proposed(deployment: Deployment, tool: str, arguments: dict[str, JsonValue]) -> Content:
    """Propose as the buyer's agent does, through the gateway."""
    call = ToolCall(tool=tool, arguments=arguments, call_id=f"call-{arguments['idempotency_key']}")
    answer = asyncio.run(deployment.gateway.call(deployment.principal("buyer"), call))
    assert isinstance(answer, Answer), answer
    table = answer.tables["proposal"]
    handle = str(table.rows[0][table.columns.index("proposal_id")])
    return deployment.state.proposals.get(handle).content


def approved(deployment: Deployment, tool: str, arguments: dict[str, JsonValue]) -> Content:
    """Propose, and let a person sign."""
    content = proposed(deployment, tool, arguments)
    passphrase = (deployment.settings.file.parent / "keys" / f"{DECIDES}.passphrase").read_text(encoding="utf-8")
    signing = administration.Signing(approver_id=DECIDES, passphrase=passphrase.strip())
    administration.decide(deployment, deployment.state.proposals.get(content.proposal_id), signing, "approve")
    return content


def _dates(deployment: Deployment) -> Iterator[dict[str, JsonValue]]:
    query = (
        "SELECT po_no, item_no, promise FROM po_item WHERE stat = 'OPEN' AND promise > '2026-03-16'"
        " AND CAST(qty_open AS REAL) > 0 ORDER BY 1, 2"
    )
    with closing(sqlite3.connect(deployment.settings.file.parent / "erp.sqlite")) as erp:
        lines = erp.execute(query).fetchall()
    for number, item, promise in lines:
        yield {
            "purchase_order_id": number,
            "line": item,
            "new_date": (date.fromisoformat(promise) + timedelta(days=7)).isoformat(),
            "reason": "the supplier has called",
            "idempotency_key": f"faults:{number}:{item}",
        }


def _requisitions() -> Iterator[dict[str, JsonValue]]:
    for number in range(400):
        yield {
            "material_id": "RM-013",
            "site": "1000",
            "qty": str(60 + number),
            "uom": "EA",
            "delivery_date": "2026-06-15",
            "reason": "nothing open covers the summer",
            "idempotency_key": f"faults:requisition:{number}",
        }
