"""Where the log left a proposal whose row is not what was written: what its records say, whatever the row does."""

from __future__ import annotations

import json
from typing import Any, Final

from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import ProposalDamagedError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COLUMNS, Stored, stored

_LEAVES: Final = (
    "SELECT record.leaf FROM outbox JOIN audit_record AS record ON record.seq = outbox.audit_seq"
    " WHERE outbox.aggregate_id = ? ORDER BY outbox.audit_seq"
)
_ROW: Final = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = ?"


def holds(session: Session, proposal_id: str, digest: str) -> bool:
    """Whether the row of a proposal, the caller's until its transaction ends, holds the content of this digest."""
    row = session.execute(_ROW + session.holding, (proposal_id,)).fetchone()
    try:
        found = stored(row) if row is not None else None
    except ProposalDamagedError:
        return False
    return found is not None and found.content is not None and found.digest == digest


def left_at(session: Session, proposal_id: str) -> Stored:
    """Return a proposal as its records tell it: which one it is by the first of them, where it stands by the last.

    Raises:
        ProposalDamagedError: `proposal.damaged`, where they tell of none.
    """
    leaves = [_leaf(row[0]) for row in session.execute(_LEAVES, (proposal_id,)).fetchall()]
    try:
        first, last = leaves[0], leaves[-1]
        began, stands = first["facts"], last["facts"]
        if {began["proposal_id"], stands["proposal_id"]} != {proposal_id}:
            raise ProposalDamagedError(proposal_id=proposal_id)
        return Stored(
            proposal_id=proposal_id,
            content=None,
            digest=str(began["digest"]),
            agent=str(first["actor"]),
            tool=str(began["tool"]),
            system=str(began["system"]),
            state=State(stands["to"]),
            since=str(last["time"]),
            fence=int(stands["fence"]),
        )
    except (IndexError, KeyError, TypeError, ValueError):
        raise ProposalDamagedError(proposal_id=proposal_id) from None


def _leaf(text: bytes) -> Any:  # noqa: ANN401 - whatever is there
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
