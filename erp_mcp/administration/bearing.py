"""From a document in a system of record to the people who said yes to it: by our reference, which it bears."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.approval import envelope
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Proposal, SignedDecision
from erp_mcp.domain.reference import is_reference
from erp_mcp.errors import InvalidArgumentError, ProposalNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One person's signed word about a change, in the words that they signed; `name` empty where these are damaged."""

    approver_id: str
    name: str
    decision: str
    decided_at: str
    meaning: str
    comment: str

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        return {
            "approver_id": self.approver_id,
            "name": self.name,
            "decision": self.decision,
            "decided_at": self.decided_at,
            "meaning": self.meaning,
            "comment": self.comment,
        }


def bearing(deployment: Deployment, reference: str) -> str:
    """Return the proposal whose reference this is; of a step of several changes, the step.

    Args:
        deployment: Where.
        reference: As somebody has read it in the document: small letters and blanks are forgiven.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, where it can't be one of ours: its last character is a check.
        ProposalNotFoundError: `proposal.not_found`. StateUnavailableError: `state.unavailable`.
    """
    wanted = "".join(reference.split()).upper()
    if not is_reference(wanted):
        raise InvalidArgumentError(
            argument="reference", rule="check_character", expected="R and eleven characters, as they stand there"
        )
    found = deployment.state.proposals.bearing(wanted)
    if not found:
        raise ProposalNotFoundError(reference=wanted)
    return found[0]


def words_about(deployment: Deployment, proposal: Proposal) -> tuple[Word, ...]:
    """Return what people signed about a change, in their order; about a step of several, what they signed of them all.

    That the signatures are theirs is what the worker looks at before it sends; `erp-mcp audit verify` holds the rows
    against the records.
    """
    content = proposal.content
    return tuple(map(_word, deployment.state.proposals.decisions(content.part_of or content.proposal_id)))


def _word(said: SignedDecision) -> Word:
    opened = envelope.opened(said.envelope)
    words = opened[0] if opened else None
    return Word(
        approver_id=said.approver_id,
        name=words.approver_name if words else "",
        decision=said.decision,
        decided_at=said.decided_at,
        meaning=words.meaning if words else "(these words are not in order)",
        comment=words.comment if words else "",
    )
