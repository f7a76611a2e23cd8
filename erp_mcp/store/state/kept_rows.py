"""What the rows that a record vouches for really hold, so that verification can compare them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from erp_mcp.audit.record import text_digest
from erp_mcp.domain.audit import KeptRow
from erp_mcp.store.state.engine import Engine
from erp_mcp.store.state.tasks import TASK_COLUMNS, task_digest, task_of

_APPROVERS: Final = (
    "SELECT approver_id, enrolment, enrolment_signer, enrolment_signature,"
    " revocation, revocation_signer, revocation_signature FROM approver ORDER BY position"
)
_POLICIES: Final = (
    "SELECT version, audit_seq, applied_by, digest, approval_signer, approval, approval_signature, bundle, applied_at"
    " FROM policy_bundle ORDER BY version"
)
_DECISIONS: Final = (
    "SELECT proposal_id, approver_id, decision, envelope, signature, nonce FROM decision"
    " WHERE (proposal_id, approver_id) > (?, ?) ORDER BY proposal_id, approver_id LIMIT 500"
)
_RESOLUTIONS: Final = (
    "SELECT proposal_id, verdict, statement, signature, nonce, approver_id FROM resolution ORDER BY proposal_id"
)
_ORDERS: Final = (
    "SELECT proposal_id, fence, statement, signature, nonce, approver_id FROM take_back_order"
    " ORDER BY proposal_id, fence"
)
_GLASS: Final = "SELECT proposal_id, due_at FROM glass ORDER BY proposal_id"
_REVIEWS: Final = (
    "SELECT proposal_id, verdict, statement, signature, nonce, approver_id FROM glass_review ORDER BY proposal_id"
)
_DECLARATIONS: Final = (
    "SELECT system, account, name, target, declared_by, pathway, declared_at FROM declaration ORDER BY system"
)
_STOPS: Final = "SELECT scope, set_by FROM kill_switch ORDER BY scope"


def kept_rows(engine: Engine) -> Iterator[KeptRow]:
    """Yield enrolments, revocations, policies, stops, declarations, statements, tasks, decisions as they are stored.

    Raises:
        StateUnavailableError: `state.unavailable`.
    """
    with engine.reading() as session:
        approvers = session.execute(_APPROVERS).fetchall()
        policies = session.execute(_POLICIES).fetchall()
        stops = session.execute(_STOPS).fetchall()
        declarations = session.execute(_DECLARATIONS).fetchall()
        tasks = session.execute(f"SELECT {TASK_COLUMNS} FROM human_task ORDER BY task_id").fetchall()
    for approver_id, text, signer, signature, *revocation in approvers:
        yield KeptRow(kind="enrolment", name=approver_id, told=(_digest(text), signer, signature))
        if any(revocation):
            revoked, by, under = revocation
            yield KeptRow(kind="revocation", name=approver_id, told=(_digest(revoked), by, under))
    for version, seq, by, digest, signer, approval, signature, bundle, at in policies:
        whole = digest if _digest(bundle) == digest else ""
        told = (str(seq), by, whole, signer, _digest(approval) if approval else "", signature)
        yield KeptRow(kind="policy", name=str(version), told=told, at=at)
    for scope, by in stops:
        yield KeptRow(kind="stop", name=scope, told=(by,))
    for system, account, name, target, by, pathway, at in declarations:
        vouched = (account, name, target, text_digest(by, pathway))
        yield KeptRow(kind="declaration", name=system, told=vouched, at=at)
    yield from _statements(engine)
    for row in tasks:
        task = task_of(row)
        yield KeptRow(kind="task", name=task.task_id, told=(task_digest(task), task.state, task.closed_by))
    yield from _decisions(engine)


def _statements(engine: Engine) -> Iterator[KeptRow]:
    """Yield what people stated of outcomes, ordered of sagas, and found of what was approved in an emergency."""
    with engine.reading() as session:
        resolutions = session.execute(_RESOLUTIONS).fetchall()
        orders = session.execute(_ORDERS).fetchall()
        broken = session.execute(_GLASS).fetchall()
        reviews = session.execute(_REVIEWS).fetchall()
    for proposal_id, verdict, statement, *signed in resolutions:
        yield KeptRow(kind="resolution", name=proposal_id, told=(verdict, _digest(statement), *signed))
    for proposal_id, fence, statement, *signed in orders:
        said = ("take_back", _digest(statement), *signed)
        yield KeptRow(kind="order", name=f"{proposal_id} {fence}", told=said)
    for proposal_id, due_at in broken:
        yield KeptRow(kind="glass", name=proposal_id, told=(due_at,))
    for proposal_id, verdict, statement, *signed in reviews:
        yield KeptRow(kind="review", name=proposal_id, told=(verdict, _digest(statement), *signed))


def _decisions(engine: Engine) -> Iterator[KeptRow]:
    after = ("", "")
    while True:
        with engine.reading() as session:
            rows = session.execute(_DECISIONS, after).fetchall()
        if not rows:
            return
        for proposal_id, approver_id, decision, envelope, signature, nonce in rows:
            told = (decision, _digest(envelope), signature, nonce)
            yield KeptRow(kind="decision", name=f"{proposal_id} {approver_id}", told=told)
        after = rows[-1][:2]


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()
