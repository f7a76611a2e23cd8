"""A proposal as its agent sees it: rows of the fixed tables, who it waits for, and what to do now.

Nothing of an approver stands here (neither name nor comment), and no text of a system beyond ids and codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from erp_mcp.answers.shape import RawCell
from erp_mcp.domain import outliers
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.proposal import Check, Proposal

APPROVAL: Final = "approval"
WORKER: Final = "worker"
SYSTEM: Final = "system"
RECONCILIATION: Final = "reconciliation"
PERSON: Final = "person"
NOTHING: Final = "nothing"

_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,79}").fullmatch
WAITS: Final[Mapping[State, str]] = {
    State.PROPOSED: APPROVAL,
    State.AWAITING_APPROVAL: APPROVAL,
    State.APPROVED: WORKER,
    State.CLAIMED: WORKER,
    State.SENDING: SYSTEM,
    State.AWAITING_ACK: SYSTEM,
    State.UNKNOWN: RECONCILIATION,
    State.RECONCILING: RECONCILIATION,
    State.COMPENSATING: WORKER,
    State.NEEDS_HUMAN: PERSON,
    State.PARTIALLY_COMMITTED: PERSON,
    State.COMPENSATION_STUCK: PERSON,
}
_WRITING: Final = "It is being written now. Poll get_proposal."
_NOT_KNOWN: Final = (
    "It is not known yet whether it was written; the worker reads it back. Don't propose it again. Poll get_proposal."
)
_PERSON: Final = "A person must look at it now. Don't propose it again."
NEXT_STEPS: Final[Mapping[State, str]] = {
    State.PROPOSED: "It is being put before people. Poll get_proposal.",
    State.DENIED: "It is not allowed any more, so nothing was written. Propose it again only once something changed.",
    State.AWAITING_APPROVAL: "Nothing is written until a person approves it. Poll get_proposal with wait_s.",
    State.REJECTED: "A person said no, so nothing was written. Don't propose the same again unless you are asked to.",
    State.EXPIRED: "Its time is over and nothing was written. If it is still wanted, propose it with a new key.",
    State.CANCELLED: "It was cancelled and nothing was written. If it is wanted after all, propose it with a new key.",
    State.APPROVED: "Approved, waiting for the worker. Poll get_proposal.",
    State.CLAIMED: _WRITING,
    State.SENDING: _WRITING,
    State.COMMITTED: "It is written, see the receipt. There is nothing left to do.",
    State.REFUSED_BY_SYSTEM: "The system's rules refused it, so nothing was written. Propose something else, or ask.",
    State.AWAITING_ACK: "It was sent and waits for the system's word. Don't propose it again. Poll get_proposal.",
    State.UNKNOWN: _NOT_KNOWN,
    State.RECONCILING: _NOT_KNOWN,
    State.NOT_APPLIED: "Reading back shows that it was not written. If it is still wanted, propose it with a new key.",
    State.NEEDS_HUMAN: _PERSON,
    State.PARTIALLY_COMMITTED: _PERSON,
    State.STALE: "The record changed meanwhile, so nothing was written. Read it again, then propose with a new key.",
    State.COMPENSATING: "What was written of it is being taken back. Don't propose it again. Poll get_proposal.",
    State.COMPENSATED: "What was written of it was taken back. If it is still wanted, propose it with a new key.",
    State.COMPENSATION_STUCK: _PERSON,
}
_POSTPONED: Final = (
    "Approved; the system could not take it yet, and the worker tries again by itself. Poll get_proposal."
)
_NARROWED: Final = (
    "A person said yes to less of it. The smaller proposal is the newest of list_my_proposals; poll that one instead."
)


def is_over(proposal: Proposal) -> bool:
    """Whether nothing more can become of it by itself."""
    return proposal.state in ENDS


def waiting_for(proposal: Proposal) -> str:
    """Return who or what must act next: approval, worker, system, reconciliation, person or nothing."""
    if proposal.state is State.APPROVED and proposal.reason:
        return SYSTEM  # it came back from the worker
    return WAITS.get(proposal.state, NOTHING)


def next_step(proposal: Proposal) -> str:
    """Return what the agent does now, in a sentence or two."""
    if waiting_for(proposal) == SYSTEM and proposal.state is State.APPROVED:
        return _POSTPONED
    if proposal.state is State.REJECTED and proposal.reason == "narrowed":
        return _NARROWED
    return NEXT_STEPS[proposal.state]


def row_of(proposal: Proposal) -> tuple[RawCell, ...]:
    """Return a proposal's row, in the order of the table `proposal`."""
    content, receipt = proposal.content, proposal.receipt
    document = content.preview.document or (receipt.written.document if receipt else "")  # one number all the way
    return (
        content.proposal_id,
        content.tool,
        str(proposal.state),
        waiting_for(proposal),
        proposal.reason if _CODE(proposal.reason) else None,
        content.command.system,
        document or None,
        content.preview.headline,
        content.expires_at,
        next_step(proposal),
    )


def _stands(part: Proposal) -> str:
    """Return where a step of a saga stands, in a sentence."""
    content, receipt = part.content, part.receipt
    document = f", document {receipt.written.document}" if receipt and receipt.written.document else ""
    way = "is taken back" if content.undoes else "stands"
    return f"Now: {content.step} {way} at {part.state}{document} ({content.proposal_id})."


def _person_first(checks: Sequence[Check]) -> list[Check]:
    """Return what nothing here knows before all that was looked at."""
    return sorted(checks, key=lambda one: one.verdict != "person")


def tables_of(proposal: Proposal, parts: Sequence[Proposal] = ()) -> dict[str, list[tuple[RawCell, ...]]]:
    """Return the rows of all tables that show one proposal; of a saga, where each part of it stands as well."""
    preview, receipt = proposal.content.preview, proposal.receipt
    changes = outliers.arranged(proposal.content).changes  # should a long one be cut, what stands out is kept
    receipts: list[tuple[RawCell, ...]] = []
    if receipt is not None:
        at = instant_text(parse_instant(receipt.committed_at))
        receipts.append((receipt.written.document, receipt.written.version_token or None, at, receipt.found))
    return {
        "proposal": [row_of(proposal)],
        "changes": [(one.field, one.before or None, one.after or None, one.unit or None) for one in changes],
        "checks": [(check.rule, str(check.verdict), check.message) for check in _person_first(preview.checks)],
        "effects": [*((effect,) for effect in preview.effects), *((_stands(part),) for part in parts)],
        "receipt": receipts,
    }
