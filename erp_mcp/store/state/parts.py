"""Parts of sagas in the store: which there are, waking what waits for one, and what one left half done freezes."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.proposal import Content, Proposal, SignedResolution, TakeBackOrder
from erp_mcp.domain.saga import MAX_ORDERS, is_saga, plan_of
from erp_mcp.errors import ObjectFrozenError, ProposalDamagedError, ProposalMovedError, WritesStoppedError
from erp_mcp.store.state import switches
from erp_mcp.store.state.engine import FROZEN, Session
from erp_mcp.store.state.rows import COLUMNS, ORDER_COLUMNS, Stored, in_table, order, stored
from erp_mcp.store.state.words import check_not_revoked

_FREEZES: Final = frozenset({State.NEEDS_HUMAN, State.COMPENSATION_STUCK})
_OF_SAGA: Final = f"SELECT {COLUMNS} FROM proposal WHERE part_of = ? AND part_of <> '' ORDER BY made_at, proposal_id"
_ORDERS: Final = f"SELECT {ORDER_COLUMNS} FROM take_back_order WHERE proposal_id = ? ORDER BY fence"
_ADD_ORDER: Final = f"INSERT INTO take_back_order ({ORDER_COLUMNS}, fence) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_WAITS: Final = (
    "SELECT saga.proposal_id FROM proposal AS saga JOIN proposal AS part ON part.part_of = saga.proposal_id"
    " WHERE part.proposal_id = ? AND saga.state IN ('CLAIMED', 'COMPENSATING')"
)
_FREE: Final = "SELECT proposal_id FROM proposal WHERE proposal_id = ?"
_WAKE: Final = "UPDATE proposal SET not_before = '' WHERE proposal_id = ?"
_TOOL: Final = "SELECT tool FROM proposal WHERE proposal_id = ?"
# What stands half done until a person has said how, and what they resolve: the saga, or the part that it waits for. One
# that a worker still goes on with freezes nothing: what nobody knows yet is read back, and then it goes on.
_HALF_DONE: Final = (
    f"SELECT CASE WHEN saga.state IN ('CLAIMED', 'COMPENSATING') THEN held.proposal_id ELSE saga.proposal_id END,"
    f" {in_table('part', COLUMNS)} FROM proposal AS saga"
    " JOIN proposal AS part ON part.part_of = saga.proposal_id AND part.part_of <> ''"
    " LEFT JOIN proposal AS held ON held.part_of = saga.proposal_id AND held.part_of <> ''"
    " AND held.state = 'NEEDS_HUMAN'"
    " WHERE saga.state IN ('COMPENSATION_STUCK', 'NEEDS_HUMAN')"
    " OR (saga.state IN ('CLAIMED', 'COMPENSATING') AND held.proposal_id IS NOT NULL)"
)


def parts_of(session: Session, saga_id: str) -> list[Proposal]:
    """Return the parts of a saga that were begun, oldest first.

    Raises:
        ProposalDamagedError: `proposal.damaged`, when one of them is not what was written.
    """
    return [stored(row).proposal for row in session.execute(_OF_SAGA, (saga_id,)).fetchall()]


def orders_of(session: Session, saga_id: str) -> list[TakeBackOrder]:
    """Return what people ordered of a saga that was stuck, oldest first; nothing of it is verified here."""
    return [order(row) for row in session.execute(_ORDERS, (saga_id,)).fetchall()]


def add_order(session: Session, said: SignedResolution, *, fence: int, made_at: str) -> None:
    """Store that a saga which got stuck under this fence is to be taken back further.

    Raises:
        ProposalMovedError: `proposal.moved`, where as many were given as may be.
        ApproverNotFoundError: `approval.not_found`, for somebody revoked meanwhile.
    """
    check_not_revoked(session, said.approver_id, said.statement)
    if len(orders_of(session, said.proposal_id)) >= MAX_ORDERS:
        raise ProposalMovedError(state=State.COMPENSATION_STUCK, reason="ordered_too_often")
    row = (said.proposal_id, said.approver_id, said.statement, said.signature, said.nonce, said.resolved_at, made_at)
    session.execute(_ADD_ORDER, (*row, fence))


def wake(session: Session, after: Stored) -> None:
    """Let the saga of a part that has ended go on at once; one that somebody moves this moment looks by itself soon."""
    if after.state not in ENDS or (after.content is not None and not after.content.part_of):
        return
    for (saga_id,) in session.execute(_WAITS, (after.proposal_id,)).fetchall():
        if session.execute(_FREE + session.skipping, (saga_id,)).fetchone() is not None:
            session.execute(_WAKE, (saga_id,))


def hold_frozen(session: Session) -> None:
    """Let nothing be frozen until this transaction ends, whoever else looks."""
    session.lock(FROZEN, shared=True)


def freeze(session: Session, content: Content | None, target: State) -> None:
    """Wait for those who have looked at what is frozen, where this move freezes something, and keep others waiting."""
    if target in _FREEZES and (content is None or content.part_of or is_saga(content)):
        session.lock(FROZEN)


def check_not_frozen(session: Session, content: Content) -> None:
    """Refuse to change what a saga has left half done or half taken back, until a person has said how it stands.

    Raises:
        ObjectFrozenError: `proposal.object_frozen`, naming what they have to resolve.
    """
    hold_frozen(session)
    rows = session.execute(_HALF_DONE).fetchall()
    wanted = _touched(content) if rows else frozenset()
    for resolves, *row in rows:
        with suppress(ProposalDamagedError):
            part = stored(row).proposal
            if part.content.part_of != content.part_of and wanted & _left_by(part):
                raise ObjectFrozenError(proposal_id=resolves)


def check_part_not_stopped(session: Session, content: Content) -> None:
    """Refuse to go on with a part where it or its saga is stopped.

    Raises:
        WritesStoppedError: `writes.stopped`, naming the scope.
    """
    switches.check_not_stopped(session, content)
    check_saga_not_stopped(session, content)


def check_saga_not_stopped(session: Session, content: Content) -> None:
    """Refuse to send a part while the tool of its saga is stopped; what stops the part itself is looked at elsewhere.

    Raises:
        WritesStoppedError: `writes.stopped`, naming the scope.
    """
    if not content.part_of:
        return
    stopped = switches.stops(session)
    for (tool,) in session.execute(_TOOL, (content.part_of,)).fetchall():
        if (scope := f"tool:{tool}") in stopped:
            raise WritesStoppedError(scope=scope)


def _touched(content: Content) -> frozenset[tuple[str, str]]:
    """Return the records that a proposal is about, each by its system and its key or the number that people know."""
    steps = plan_of(content) if is_saga(content) else (content,)
    return frozenset(
        (one.command.system, name) for one in steps for name in (one.command.key, one.preview.document) if name
    )


def _left_by(part: Proposal) -> frozenset[tuple[str, str]]:
    written = part.receipt.written if part.receipt else None
    names = (written.key, written.document) if written else ()
    return _touched(part.content) | {(part.content.command.system, one) for one in names if one}
