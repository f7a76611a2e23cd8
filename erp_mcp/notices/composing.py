"""Notices from events: pure. The words of agents are not in them, nor a value that is not in the headline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from erp_mcp.answers.visible import visible
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.lifecycle import ESCALATED, GLASS_BROKEN, REVIEW_OVERDUE, State
from erp_mcp.domain.notice import Notice, NoticeKind
from erp_mcp.domain.proposal import Event, Proposal

_NEEDED: Final[Mapping[State, str]] = {
    State.UNKNOWN: "Nobody knows yet whether it was written; it is being looked for and is never sent again blindly.",
    State.NEEDS_HUMAN: "It can't be said by machine whether it was written. A person has to look into the system.",
    State.PARTIALLY_COMMITTED: "A part of it was written and the rest was not.",
    State.COMPENSATION_STUCK: "A later step failed, and what was written before could not be taken back.",
}
_MAX_SUBJECT: Final = 120
_DECIDES_NOTHING: Final = "This message decides nothing, and no answer to it does."


def kind_of(event: Event) -> NoticeKind | None:
    """Return what people are told of an event, `None` where nobody needs to know."""
    if event.type in (GLASS_BROKEN, REVIEW_OVERDUE):
        return "glass_broken"
    state = _state_of(event)
    if state == State.AWAITING_APPROVAL:
        return "approval_waits"
    return "person_needed" if state in _NEEDED else None


def notice_of(event: Event, proposal: Proposal, *, page: str) -> Notice | None:
    """Return the notice of an event, `None` where there is none or the proposal stands elsewhere by now.

    Args:
        event: One of the outbox.
        proposal: The one it is about, as it stands now.
        page: Where the approver's page is, without a slash at the end; empty for no link.
    """
    kind = kind_of(event)
    if kind == "glass_broken":  # an alarm: wherever the proposal stands by now
        return _alarm(event, proposal, page=page)
    if kind is None or _state_of(event) != proposal.state:
        return None  # decided, resolved or expired meanwhile: nothing waits for anybody
    content, waits = proposal.content, kind == "approval_waits"
    escalated = event.type == ESCALATED
    headline = visible(content.preview.headline)
    still = "Still undecided, decide" if escalated else "Decide"
    what = f"{still} by {_minute(content.expires_at)}" if waits else "A person is needed"
    deciding = content.terms.escalates_to if escalated else content.terms.approvers
    lines = _waiting(proposal) if waits else (_NEEDED[proposal.state],)
    return Notice(
        id=event.event_id,
        kind=kind,
        proposal_id=content.proposal_id,
        approvers=tuple(deciding) if waits else (),
        subject=_short(f"{what}: {headline}"),
        lines=(
            headline,
            *lines,
            f"Deployment {content.deployment} ({content.environment}), tool {content.tool}, class {content.risk}.",
            f"To look at it: erp-mcp proposals show {content.proposal_id}",
            _DECIDES_NOTHING,
        ),
        link=link_to(page, content.proposal_id),
    )


def _alarm(event: Event, proposal: Proposal, *, page: str) -> Notice:
    """Return the notice that two people approved in an emergency, or that nobody has looked at that in time."""
    content, glass = proposal.content, proposal.content.terms.break_glass
    headline = visible(content.preview.headline)
    reviewers = glass.review_by if glass else ()
    late = event.type == REVIEW_OVERDUE
    due = parse_instant(event.time) + timedelta(seconds=glass.review_s if glass else 0)
    lines = (
        f"Two people approved this by break-glass: agent {visible(content.agent)} for {visible(content.owner)}.",
        f"One of {visible(', '.join(reviewers))} reviews it by {_minute(instant_text(due))}.",
        "Where that is late, no other glass can be broken until it is done.",
    )
    if late:
        lines = (
            "Two people approved this by break-glass, and nobody has reviewed it in time.",
            f"It waits for one of {visible(', '.join(reviewers))}.",
            "Until one of them has, no other glass can be broken.",
        )
    return Notice(
        id=event.event_id,
        kind="glass_broken",
        proposal_id=content.proposal_id,
        approvers=tuple(dict.fromkeys((*reviewers, *content.terms.approvers, content.owner))),
        everybody=not content.terms.approvers,  # anybody enrolled may decide it, so all of them are passed over
        subject=_short(f"{'Review overdue' if late else 'Glass broken'}: {headline}"),
        lines=(
            headline,
            *lines,
            f"Deployment {content.deployment} ({content.environment}), tool {content.tool}, class {content.risk}.",
            f"To look at it: erp-mcp approvals review {content.proposal_id}",
            _DECIDES_NOTHING,
        ),
        link=link_to(page, content.proposal_id),
    )


def link_to(page: str, proposal_id: str) -> str:
    """Return the address of a proposal on the page, empty where no page is known; it lets nobody in."""
    return f"{page}/proposals/{quote(proposal_id, safe='')}" if page else ""


def notice_of_damaged(event: Event, *, page: str) -> Notice:
    """Return the notice that a proposal is not what was written any more, from its event alone.

    Args:
        event: Of the move that handed it over to a person.
        page: As `notice_of`.
    """
    what = f"Proposal {visible(event.proposal_id)} is not what was written, and is not carried out"
    return Notice(
        id=event.event_id,
        kind="person_needed",
        proposal_id=event.proposal_id,
        approvers=(),
        subject=_short(f"A person is needed: {what}"),
        lines=(f"{what}.", "To look at it: erp-mcp audit verify", _DECIDES_NOTHING),
        link=page,
    )


def _state_of(event: Event) -> str:
    """Return the state in which a proposal has to stand for its event to be told."""
    if event.type == ESCALATED:
        return State.AWAITING_APPROVAL
    return event.type.removeprefix("proposal.").upper()


def _waiting(proposal: Proposal) -> tuple[str, ...]:
    content = proposal.content
    flags = sum(check.verdict in ("flag", "person") for check in content.preview.checks)
    people = "one person" if content.terms.needed == 1 else f"{content.terms.needed} people"
    flagged = f" {flags} of its checks need a look." if flags else ""
    asked = f"Proposed by agent {visible(content.agent)} for {visible(content.owner)}."
    return (f"{asked} It takes {people} to approve it.{flagged}",)


def _minute(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SUBJECT else f"{text[: _MAX_SUBJECT - 1]}…"
