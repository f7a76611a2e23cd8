"""One move of a proposal inside a transaction of the caller: the row, its audit record and its event, or nothing."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from hashlib import sha256
from typing import Final

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.ids import event_id_of
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.lifecycle import OUTAGES, Move, State, moves
from erp_mcp.domain.proposal import Content, SignedDecision, SignedResolution, SignedReview, Step
from erp_mcp.errors import ProposalMovedError
from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state import limits, parts, switches
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import Stored

_MOVE: Final = (
    "UPDATE proposal SET state = ?, since = ?, reason = ?, fence = ?, holder = ?, lease_expires_at = ?, not_before = ?,"
    " misses = ?, paused_until = ?, receipt = COALESCE(?, receipt) WHERE proposal_id = ? AND state = ? AND fence = ?"
)
_ADD_EVENT: Final = (
    "INSERT INTO outbox (event_id, aggregate_id, type, time, payload, audit_seq) VALUES (?, ?, ?, ?, ?, ?)"
)
_EVENT_THERE: Final = "SELECT 1 FROM outbox WHERE event_id = ?"
_UNDER_LEASE: Final = frozenset({State.CLAIMED, State.SENDING, State.RECONCILING, State.COMPENSATING})


class Mover:
    """Makes moves and writes what is told of them."""

    def __init__(self, audit: StoredAudit, clock: Clock, ids: Ids) -> None:
        """Record through `audit`; times are of `clock.wall`."""
        self._audit = audit
        self._clock = clock
        self._ids = ids

    def make(self, session: Session, before: Stored, step: Step, **fields: JsonValue) -> Stored:
        """Make one move and return where the proposal stands then; `fields` go into its record, erasable.

        Raises:
            ProposalMovedError: `proposal.moved`, when there is no such move, another worker holds the lease, or the
                fence is not the present one.
            WritesStoppedError, LimitExceededError: for the move `send` alone.
        """
        move = self._checked(before, step)
        parts.freeze(session, before.content, move.target)
        if step.name == "send":
            self.may_send(session, before)
        after = self._after(before, move, step)
        receipt = canonical(to_json(step.receipt)).decode("utf-8") if step.receipt else None
        values = (after.state, after.since, after.reason, after.fence, after.holder, after.lease_expires_at)
        key = (before.proposal_id, before.state, before.fence)
        row = (*values, after.not_before, after.misses, after.paused_until, receipt, *key)
        if session.execute(_MOVE, row).rowcount != 1:
            raise ProposalMovedError(state=before.state, move=step.name)
        parts.wake(session, after)  # before the first record: behind those nothing waits for a row
        if step.receipt is not None:
            fields["receipt"] = to_json(step.receipt)
        self.tell(session, after, step, f"proposal.{after.state.lower()}", source=before.state, **fields)
        return after

    def tell(
        self,
        session: Session,
        after: Stored,
        step: Step,
        kind: str,
        *,
        source: str,
        **fields: JsonValue,
    ) -> None:
        """Write the audit record and the event of what was just done."""
        facts: dict[str, JsonValue] = {
            **step.facts,
            "proposal_id": after.proposal_id,
            "digest": after.digest,
            "tool": after.tool,
            "move": step.name,
            "from": str(source),
            "to": str(after.state),
            "reason": step.reason,
            "fence": after.fence,
        }
        document = after.receipt.written.document if after.receipt else ""
        if step.receipt is not None:
            facts["document"] = document
        record = self._audit.add(session, _entry(after.content, kind, step.actor, facts, fields))
        payload: dict[str, JsonValue] = {
            "proposal_id": after.proposal_id,
            "state": str(after.state),
            "from": str(source),
            "move": step.name,
            "reason": step.reason,
            "actor": step.actor,
            "agent": after.agent,
            "tool": after.tool,
            "system": after.system,
            "document": document,
        }
        text = canonical(payload).decode("utf-8")
        session.execute(
            _ADD_EVENT,
            (self._event_id(session), after.proposal_id, kind, exact_instant(self._clock.wall()), text, record.seq),
        )

    def _checked(self, before: Stored, step: Step) -> Move:
        move = moves(step.name, before.state)
        if move is None or (move.leased and step.fence != before.fence):
            raise ProposalMovedError(state=before.state, move=step.name)
        # By the lease one has, nobody does what a clock may do at any time, nor takes anew what has gone on meanwhile.
        if step.fence and (move.mover != "worker" or move.takes_lease):
            raise ProposalMovedError(state=before.state, move=step.name)
        held = before.lease_expires_at.rstrip("Z") > exact_instant(self._clock.wall())
        if move.takes_lease and before.state in _UNDER_LEASE and held:
            raise ProposalMovedError(state=before.state, move=step.name, reason="under_lease")
        return move

    def may_send(self, session: Session, before: Stored) -> None:
        """Look once more, where nobody can come between: is it stopped, is there room within its limits?"""
        switches.check_not_stopped(session, before.proposal.content)
        parts.check_saga_not_stopped(session, before.proposal.content)
        parts.check_not_frozen(session, before.proposal.content)
        now = self._clock.wall()
        limits.check_sent(session, before.proposal.content, now)
        limits.count_sent(session, before.proposal_id, now)

    def _after(self, before: Stored, move: Move, step: Step) -> Stored:
        under_lease = move.target in _UNDER_LEASE
        holder = step.actor if move.takes_lease else before.holder
        return dataclasses.replace(
            before,
            state=move.target,
            since=exact_instant(self._clock.wall()),
            reason=step.reason,
            fence=before.fence + 1 if move.takes_lease else before.fence,
            holder=holder if under_lease else "",
            lease_expires_at=(step.lease_expires_at or before.lease_expires_at) if under_lease else "",
            not_before=step.not_before,
            misses=before.misses if step.misses is None else step.misses,
            receipt=step.receipt or before.receipt,
            paused_until=_paused(before, step) if move.name == "postpone" else before.paused_until,
        )

    def _event_id(self, session: Session) -> str:
        """Return an id that is not there yet: within a millisecond only some bits tell two of them apart."""
        made = event_id_of(self._ids.new())
        while session.execute(_EVENT_THERE, (made,)).fetchone() is not None:
            made = event_id_of(self._ids.new())
        return made


def _paused(before: Stored, step: Step) -> str:
    """Return until when what waits for its system does not expire, empty where it waits for something else.

    Counted from the end of its time, so that no second outage makes it longer.
    """
    outage_s = before.content.terms.outage_s if before.content else 0
    if step.reason not in OUTAGES or not outage_s or before.content is None:
        return ""
    return exact_instant(parse_instant(before.content.expires_at) + timedelta(seconds=outage_s))


def proposal_facts(content: Content) -> dict[str, JsonValue]:
    """Return what the first record of a proposal says in the clear, beside what every record of it says."""
    return {
        "tool_hash": content.tool_hash,
        "risk": content.risk,
        "operation": content.command.operation,
        "system": content.command.system,
        "owner": content.owner,
        "role": content.role,
        "bundle": content.bundle,
        "rules": list(content.rules),
        **_part_facts(content),
        "needed": content.terms.needed,
        "self_approval": content.terms.self_approval,
        **({"break_glass": True} if content.terms.break_glass else {}),
        "expires_at": content.expires_at,
    }


def _part_facts(content: Content) -> dict[str, JsonValue]:
    """Return what the first record of a part of a saga says besides, nothing for any other proposal."""
    if not content.part_of:
        return {}
    return {"part_of": content.part_of, "step": content.step, "undoes": content.undoes}


def decision_facts(decision: SignedDecision) -> dict[str, JsonValue]:
    """Return what the record of a decision says in the clear: enough to check the signature later."""
    facts: dict[str, JsonValue] = {
        "approver": decision.approver_id,
        "envelope_digest": sha256(decision.envelope.encode("utf-8")).hexdigest(),
        "signature": decision.signature,
        "nonce": decision.nonce,
    }
    try:
        told = json.loads(decision.envelope)
    except ValueError:
        return facts
    if isinstance(told, dict) and isinstance(told.get("public_key"), str):
        facts["public_key"] = told["public_key"]
    return facts


def resolution_facts(resolution: SignedResolution) -> dict[str, JsonValue]:
    """Return what the record of an operator's statement says in the clear, as `decision_facts`."""
    return {
        "approver": resolution.approver_id,
        "verdict": resolution.verdict,
        "statement_digest": sha256(resolution.statement.encode("utf-8")).hexdigest(),
        "signature": resolution.signature,
        "nonce": resolution.nonce,
    }


def review_facts(said: SignedReview) -> dict[str, JsonValue]:
    """Return what the record of a review says in the clear, as `decision_facts`."""
    return {
        "approver": said.approver_id,
        "verdict": said.verdict,
        "statement_digest": sha256(said.statement.encode("utf-8")).hexdigest(),
        "signature": said.signature,
        "nonce": said.nonce,
    }


def _entry(
    content: Content | None, kind: str, actor: str, facts: dict[str, JsonValue], fields: dict[str, JsonValue]
) -> AuditEntry:
    return AuditEntry(
        kind=kind,
        correlation_id=content.correlation_id if content else "",
        causation_id=content.causation_id if content else "",
        trace=content.trace if content else "",
        actor=actor,
        facts=facts,
        fields=fields,
    )
