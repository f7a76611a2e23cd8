"""What the worker did, in words for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal

_SAID: Final[Mapping[State, str]] = {
    State.COMMITTED: "committed",
    State.APPROVED: "waits, nothing was written",
    State.DENIED: "denied, nothing was written",
    State.EXPIRED: "expired, nothing was written",
    State.STALE: "the record has changed since, nothing was written",
    State.REFUSED_BY_SYSTEM: "refused by the system, nothing was written",
    State.NOT_APPLIED: "looked for twice and not there: it was not applied",
    State.UNKNOWN: "nobody can say yet whether it was written; it is never sent again, but read back",
    State.CLAIMED: "goes on as soon as what it waits for is done",
    State.COMPENSATING: "a step failed, and those before it are being taken back",
    State.COMPENSATED: "a step failed, and those before it were taken back",
    State.COMPENSATION_STUCK: "a step failed, and not all before it could be taken back: a person has to look at it",
    State.NEEDS_HUMAN: "a person has to look at it",
}


def in_words(proposal: Proposal, lost: bool = False) -> str:
    """Return one line about a piece of work."""
    name = f"{proposal.content.proposal_id} ({proposal.content.tool})"
    if lost:
        return f"{name}: another worker has taken it over"
    said = _SAID.get(proposal.state, proposal.state.lower())
    return f"{name}: {said}{_detail(proposal)}"


def as_json(proposal: Proposal, lost: bool = False) -> dict[str, JsonValue]:
    """Return a piece of work for programs; what there is none of is empty."""
    receipt = proposal.receipt
    return {
        "proposal_id": proposal.content.proposal_id,
        "tool": proposal.content.tool,
        "system": proposal.content.command.system,
        "state": proposal.state.value,
        "reason": proposal.reason,
        "not_before": proposal.not_before,
        "document": receipt.written.document if receipt else "",
        "version": receipt.written.version_token if receipt else "",
        "committed_at": receipt.committed_at if receipt else "",
        "found": receipt.found if receipt else "",
        "taken_over": lost,
    }


def _detail(proposal: Proposal) -> str:
    receipt = proposal.receipt
    if proposal.state is State.COMMITTED and receipt is not None:
        how = "read back" if receipt.found == "read_back" else "as the system answered"
        return f" to {proposal.content.command.system}: document {receipt.written.document}, {how}"
    again = f", again after {proposal.not_before}" if proposal.not_before else ""
    return f" [{proposal.reason}]{again}" if proposal.reason else again
