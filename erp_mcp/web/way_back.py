"""The way back of a change: whether there is one, in whose words, and what is on it already."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.web.visit import Visit
from erp_mcp.web.words import STATES

_NONE = "No operation of the gateway takes it back: a person does it in the system, if it can be done."


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """How something that was written is taken back.

    `told` are the operation's own words. `tool` is what an agent would propose by, empty where nothing does. `by` is
    the proposal that takes it back, with where that stands; `undoes` is what this one takes back.
    """

    told: str
    tool: str
    by: str
    stands: str
    undoes: str


def way_back(visit: Visit, proposal: Proposal) -> WayBack | None:
    """Return the way back of what was written, or of what a proposal takes back; `None` where neither is the case."""
    content, store = proposal.content, visit.office.deployment.state.proposals
    written = proposal.state in {State.COMMITTED, State.PARTIALLY_COMMITTED}
    if not written and not content.undoes:
        return None
    operation = OPERATIONS.get(content.command.operation)
    undo = operation.undo if operation is not None else None
    by = store.taken_back_by(content.agent, content.proposal_id) if written else ""
    return WayBack(
        told=(undo.words if undo else (operation.irreversible if operation else "") or _NONE) if written else "",
        tool=undo.tool if undo and written else "",
        by=by,
        stands=STATES[store.get(by).state].title if by else "",
        undoes=content.undoes,
    )
