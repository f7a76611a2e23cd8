"""What is the same for every tool that proposes or asks about proposals: arguments and result tables.

They are not written in tool files, so that an agent that knows one such tool knows them all. What they hold comes from
the gateway itself, never from a system of record as it stands, so no column names a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.domain.lifecycle import MOVES, State
from erp_mcp.domain.tool import Argument, Column, Table

MAX_WAIT_S: Final = 25
MIN_REASON: Final = 10
MAX_REASON: Final = 500


def _columns(**kinds: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind=kind) for name, kind in kinds.items())


_PROPOSAL: Final = _columns(
    proposal_id="id",
    tool="code",
    state="code",
    waiting_for="code",  # approval, worker, system, reconciliation, person, nothing
    reason="code",
    system="code",
    document="id",
    headline="sentence",
    expires_at="instant",
    next_step="sentence",
)

TABLES: Final = (
    Table(name="proposal", columns=_PROPOSAL, max_rows=1),
    Table(name="changes", columns=_columns(field="code", before="code", after="code", unit="code")),
    Table(name="checks", columns=_columns(rule="code", verdict="code", message="sentence")),
    Table(name="effects", columns=_columns(effect="sentence")),
    Table(
        name="receipt",
        columns=_columns(document="id", version="code", committed_at="instant", found="code"),
        max_rows=1,
    ),
)
LIST_TABLES: Final = (Table(name="proposals", columns=_PROPOSAL, paged=True, order_by=("-proposal_id",)),)

# What an agent can meet: a proposal is shown once it has been put before people.
_STATES: Final = tuple(state.value for state in State if any(state == move.target for move in MOVES))
_PROPOSAL_ID: Final = Argument(name="proposal_id", type="id", description="", required=True)

PROPOSE_ARGUMENTS: Final = (
    Argument(
        name="reason",
        type="text",
        description="Why, for the approver: 10-500 characters.",
        required=True,
        minimum=MIN_REASON,
        maximum=MAX_REASON,
    ),
    Argument(
        name="idempotency_key",
        type="key",
        description="Your own, 8-64 characters; repeat it unchanged.",
        required=True,
    ),
    Argument(name="acknowledge_duplicate_of", type="id", description="Proposal that this one stands beside."),
)
STATUS_ARGUMENTS: Final[Mapping[str, tuple[Argument, ...]]] = MappingProxyType(
    {
        "get": (
            _PROPOSAL_ID,
            Argument(
                name="wait_s",
                type="integer",
                description="Wait for a change.",
                default=0,
                minimum=0,
                maximum=MAX_WAIT_S,
            ),
        ),
        "list": (Argument(name="state", type="code", description="Such as AWAITING_APPROVAL.", values=_STATES),),
        "cancel": (_PROPOSAL_ID,),
        "undo": (_PROPOSAL_ID, *PROPOSE_ARGUMENTS),
    }
)


def status_tables(status: str) -> tuple[Table, ...]:
    """Return the result tables of a tool that asks about proposals (`get`, `list`), cancels one or takes one back."""
    return LIST_TABLES if status == "list" else TABLES
