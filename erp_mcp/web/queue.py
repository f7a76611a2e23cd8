"""The queue: what waits for the person who looks, then what waits for others, and all the rest by filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp import administration
from erp_mcp.domain.lifecycle import ENDS, RESOLVABLE, State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.domain.tool import Tool
from erp_mcp.web import own_words
from erp_mcp.web.times import until
from erp_mcp.web.visit import Answer, Shown, Visit
from erp_mcp.web.words import STATES, flags, left, why_not_you

_MOST: Final = 200  # proposals in one list
_UNDER_WAY: Final = tuple(one for one in State if one not in ENDS and one is not State.AWAITING_APPROVAL)
_VIEWS: Final[Mapping[str, tuple[State, ...]]] = {
    "waiting": (State.AWAITING_APPROVAL,),
    "under-way": tuple(one for one in _UNDER_WAY if one not in RESOLVABLE),
    "look": RESOLVABLE,
    "ended": tuple(sorted(ENDS - set(RESOLVABLE))),
}
_TITLES: Final = {
    "waiting": "Waiting for a decision",
    "under-way": "Approved and under way",
    "look": "Somebody has to look",
    "ended": "Ended",
}
_RISKS: Final = ("W3", "W4", "W2", "W1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One proposal in a list. `yours` says whether it waits for the person who looks; `why_not` is why it does not.

    `quotes` says that the headline has words of the agent's own in it; `left` of the `flags` are what people have to
    find out themselves.
    """

    id: str
    headline: str
    quotes: bool
    risk: str
    flags: int
    left: int
    state: str
    agent: str
    owner: str
    system: str
    waits: str
    expires: str
    expires_at: str
    given: int
    needed: int
    yours: bool
    why_not: str


def show(visit: Visit) -> Answer:
    """Show the list that the query asks for: `view`, `risk`, `system`, `agent`."""
    store = visit.office.deployment.state.proposals
    visit.office.deployment.expire()
    view = visit.query.get("view", "waiting")
    view = view if view in _VIEWS else "waiting"
    ended = view == "ended"
    found = store.in_states(_VIEWS[view], limit=_MOST + 1, newest=ended)
    shown = found[-_MOST:] if ended else found[:_MOST]
    tool = own_words.tools(visit)
    rows = [row_of(visit, one, tool) for one in shown if _wanted(visit.query, one)]
    rows.sort(key=lambda row: (_RISKS.index(row.risk) if row.risk in _RISKS else 0, -row.flags, row.id))
    if ended:
        rows.sort(key=lambda row: row.id, reverse=True)
    facts: dict[str, object] = {
        "view": view,
        "title": _TITLES[view],
        "views": _TITLES,
        "yours": [row for row in rows if row.yours],
        "others": [row for row in rows if not row.yours],
        "more": len(found) > _MOST,
        "most": _MOST,
        "risks": _RISKS,
        "systems": _names(one.content.command.system for one in found),
        "agents": _names(one.content.agent for one in found),
        "chosen": {name: visit.query.get(name, "") for name in ("risk", "system", "agent")},
    }
    return Shown(template="queue.html", facts=facts)


def row_of(visit: Visit, proposal: Proposal, tool: Callable[[str], Tool | None]) -> Row:
    """Return a proposal as a list shows it to the person who looks; `tool` gives tools by name."""
    deployment, content = visit.office.deployment, proposal.content
    now = deployment.clock.wall()
    decisions = deployment.state.proposals.decisions(content.proposal_id)
    waits = proposal.state is State.AWAITING_APPROVAL
    why_not = ""
    if waits and any(one.approver_id == visit.person.id for one in decisions):
        why_not = "decided"
    elif waits:
        why_not = administration.why_not(deployment, content, visit.person.approver)
    return Row(
        id=content.proposal_id,
        headline=content.preview.headline,
        quotes=administration.quotes_free_text(tool(content.tool), content, content.preview.headline),
        risk=content.risk,
        flags=flags(content),
        left=left(content),
        state=STATES[proposal.state].title,
        agent=content.agent,
        owner=content.owner,
        system=content.preview.system,
        waits=until(content.created_at, now),
        expires=until(content.expires_at, now) if waits else "",
        expires_at=content.expires_at,
        given=sum(one.decision == "approve" for one in decisions),
        needed=content.terms.needed,
        yours=waits and not why_not,
        why_not=why_not_you(why_not),
    )


def _wanted(query: Mapping[str, str], proposal: Proposal) -> bool:
    content = proposal.content
    told = {"risk": content.risk, "system": content.command.system, "agent": content.agent}
    return all(query.get(name, "") in {"", value} for name, value in told.items())


def _names(names: Iterable[str]) -> list[str]:
    return sorted(set(names))
