"""The part of the tour where somebody changes the state database itself: on a copy, so that the plant stays whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from erp_mcp.approval import envelope
from erp_mcp.cli.tour.stage import Stage
from erp_mcp.domain.forms import from_json
from erp_mcp.domain.proposal import Content

COPY: Final = "tampered"  # beside the plant's files; made anew by each tour, and left there to be looked at
_STATE: Final = Path("state", "state.sqlite")
_MADE_UP: Final = "0" * 32
_ALTER: Final = "UPDATE proposal SET content = ?, digest = ? WHERE proposal_id = ?"
_UNGUARD: Final = "DROP TRIGGER proposal_content_is_final"
_APPROVE: Final = "UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?"
_FORGE: Final = """
    INSERT INTO decision
    SELECT proposal_id, ?, decision, replace(envelope, approver_id, ?), signature, ?, decided_at
    FROM decision WHERE proposal_id = ?
"""

Statement = tuple[str, tuple[str, ...]]


def tamper(stage: Stage, proposal_id: str, *, amount: str, forged: str) -> None:
    """Change a proposal that waits for its second yes, add that yes, and see what worker and verification say.

    Args:
        stage: Of the plant; nothing of it is changed.
        proposal_id: A proposal that one person has approved and a second one has not.
        amount: What it moves; the attacker makes it ten times as much.
        forged: Whose yes is made up.
    """
    stage.title(
        "Somebody writes into the database itself",
        "no agent can; SECURITY.md says what holds against whom who runs code on your machine",
    )
    copy = _copied(stage.directory)
    stage.say(f"on a copy of the plant, {copy}")
    file, larger = copy / _STATE, amount.replace(".", "0.")
    change = _change(file, proposal_id, amount, larger)
    stage.say(f"{amount} becomes {larger} in the stored proposal:")
    stage.quote(_execute(file, change))
    stage.say(f"so they drop that trigger, write the yes of {forged} beside it, and say that it is approved:")
    made_up = (_FORGE, (forged, forged, _MADE_UP, proposal_id))
    stage.quote(_execute(file, (_UNGUARD, ()), change, made_up, (_APPROVE, (proposal_id,))))
    before = _documents(stage, copy)
    stage.say(f"[bold]erp-mcp worker --once --demo-dir {copy}[/]")
    stage.command("worker", "--once", directory=copy)
    stage.say(f"in the ERP's own tables: {_documents(stage, copy) - before} documents written")
    stage.say(f"[bold]erp-mcp audit verify --demo-dir {copy}[/]")
    stage.command("audit", "verify", directory=copy)


def _documents(stage: Stage, copy: Path) -> int:
    return int(stage.erp("SELECT count(*) FROM bud_doc", directory=copy)[0][0])


def _copied(directory: Path) -> Path:
    """Copy a plant; its databases as they are at one moment, whoever works on them."""
    copy = directory / COPY
    shutil.rmtree(copy, ignore_errors=True)
    databases = [path for path in directory.rglob("*.sqlite") if path.name != "truth.sqlite"]
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns(COPY, "*.sqlite", "*.sqlite-*"))
    for path in databases:
        target = copy / path.relative_to(directory)
        with closing(sqlite3.connect(path)) as there, closing(sqlite3.connect(target)) as here:
            there.backup(here)
        shutil.copymode(path, target)
    return copy


def _change(file: Path, proposal_id: str, amount: str, larger: str) -> Statement:
    """Return what puts another amount into a stored proposal, wherever it stands, with the digest that goes with it."""
    with closing(sqlite3.connect(file)) as state:
        (text,) = state.execute("SELECT content FROM proposal WHERE proposal_id = ?", (proposal_id,)).fetchone()
    altered = text.replace(f'"{amount}"', f'"{larger}"')
    return _ALTER, (altered, envelope.digest(from_json(Content, json.loads(altered))), proposal_id)


def _execute(file: Path, *statements: Statement) -> str:
    """Run statements in one transaction, past the gateway; returns what the database said."""
    state = sqlite3.connect(file, isolation_level=None)
    try:
        state.execute("BEGIN")
        for statement, values in statements:
            state.execute(statement, values)
        state.execute("COMMIT")
    except sqlite3.DatabaseError as refused:
        return f"refused: {refused}"
    finally:
        state.close()
    return "done"
