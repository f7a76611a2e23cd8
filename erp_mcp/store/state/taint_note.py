"""Keeps that an agent read text which outsiders wrote, in the very transaction that records its call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from erp_mcp.store.state.engine import Session

_NOTE: Final = (
    "INSERT INTO taint (agent, read_at, fields) VALUES (?, ?, ?) ON CONFLICT (agent) DO UPDATE"
    " SET read_at = excluded.read_at, fields = excluded.fields WHERE excluded.read_at >= taint.read_at"
)


def note(session: Session, agent: str, at: str, fields: Sequence[str]) -> None:
    """Keep that an agent read such text, in the transaction that records the call."""
    session.execute(_NOTE, (agent, at, json.dumps(list(fields))))
