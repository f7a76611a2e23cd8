"""What answers about proposals carry for clients that declare more than the plain handle: card, task, address.

None of it decides anything. The card is looked at, the task is another name of the proposal, and an address is only
pointed to: whatever a client answers to it is never read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.answers.proposals import is_over
from erp_mcp.answers.visible import visible
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.server import tasks
from erp_mcp.server.cards import META_CARD, facts_of
from erp_mcp.server.exchange import SendNotice, nobody
from erp_mcp.server.session import Outcome, Session

ELICIT: Final = "elicitation/create"
INPUT: Final = "page"  # what the one question of an interim result is called
MOST_REMEMBERED: Final = 1_000
_OF_PROPOSALS: Final = frozenset({tasks.SHOWS, tasks.TAKES_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the client says that it can do, as far as it changes an answer.

    `beside`: addresses are put before its person by a request beside the call (handshake). `instead`: by an interim
    result, after which the client calls again (stateless).
    """

    pages: bool = False
    tasks: bool = False
    beside: bool = False
    instead: bool = False
    send: SendNotice = nobody  # a request to the client, of which the answer is passed over


NOTHING: Final = Declared()


class Offers:
    """What one connection was offered: nobody is shown the same address twice."""

    def __init__(self) -> None:
        """Begin with nothing offered."""
        self._pointed: OrderedDict[str, None] = OrderedDict()

    def points_first(
        self, session: Session, declared: Declared, tool: str, arguments: Mapping[str, JsonValue], *, again: bool
    ) -> bool:
        """Whether a call that waits for people is answered with their address first, and waits when it comes again.

        The call that proposes is never held up so: by now its handle is out. `again`: it brings answers along.
        """
        if not declared.instead or again or tool != tasks.SHOWS or not arguments.get("wait_s"):
            return False
        proposal = tasks.own(session, arguments.get("proposal_id"))
        return proposal is not None and self._is_to_point(session, proposal)

    def instead(self, session: Session, outcome: Outcome) -> dict[str, JsonValue] | None:
        """Return the interim result that points to where people decide; `None` where nobody decides any more."""
        proposal = tasks.told_of(session, outcome)
        if proposal is None or not self._is_to_point(session, proposal):
            return None
        self._remember(proposal)
        asked: JsonValue = {"method": ELICIT, "params": _pointing(session, proposal)}
        return {"resultType": "input_required", "inputRequests": {INPUT: asked}}

    def added(
        self, session: Session, declared: Declared, tool: str, outcome: Outcome, result: dict[str, JsonValue]
    ) -> dict[str, JsonValue]:
        """Return the result of a call with what its client can show; the same result for any other client."""
        if not (declared.pages or declared.tasks or declared.beside):
            return result
        proposal = tasks.told_of(session, outcome)
        if proposal is None:
            return result
        proposes = tool not in _OF_PROPOSALS
        if declared.beside and proposes and self._is_to_point(session, proposal):
            self._remember(proposal)
            declared.send(ELICIT, {**_pointing(session, proposal), "elicitationId": proposal.content.proposal_id})
        if declared.tasks and proposes and session.task_key and not is_over(proposal):
            return tasks.handle(session, proposal)
        return carded(session, declared, proposal, result)

    def _is_to_point(self, session: Session, proposal: Proposal) -> bool:
        waits = proposal.state is State.AWAITING_APPROVAL
        new = proposal.content.proposal_id not in self._pointed
        return waits and new and bool(session.link(proposal.content.proposal_id))

    def _remember(self, proposal: Proposal) -> None:
        self._pointed[proposal.content.proposal_id] = None
        while len(self._pointed) > MOST_REMEMBERED:
            self._pointed.popitem(last=False)


def carded(
    session: Session, declared: Declared, proposal: Proposal, result: dict[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return a result with what the card shows beside it, where the client shows pages."""
    if not declared.pages:
        return result
    return {**result, "_meta": {META_CARD: facts_of(proposal, session.link(proposal.content.proposal_id))}}


def _pointing(session: Session, proposal: Proposal) -> dict[str, JsonValue]:
    """Return what is asked of a client by an address: it holds the proposal's id and nothing that lets anybody in."""
    content = proposal.content
    return {
        "mode": "url",
        "message": (
            f"{content.proposal_id} waits for people: {visible(content.preview.headline)}. Who may approve it signs "
            "in on this page and decides there; nothing answered here decides."
        ),
        "url": session.link(content.proposal_id),
    }
