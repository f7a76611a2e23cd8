"""Notices from events: pure. The words of agents are not in them, nor a value that is not in the headline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from erp_mcp.answers.visible import visible
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.notice import Notice, NoticeKind
from erp_mcp.domain.proposal import Event, Proposal

_NEEDED: Final[Mapping[State, str]] = {
    State.UNKNOWN: "Nobody knows yet whether it was written; it is being looked for and is never sent again blindly.",
    State.NEEDS_HUMAN: "It can't be said by machine whether it was written. A person has to look into the system.",
    State.PARTIALLY_COMMITTED: "A part of it was written and the rest was not.",
    State.COMPENSATION_STUCK: "A later step failed, and what was written before could not be taken back.",
}
_MAX_SUBJECT: Final = 120


def kind_of(event: Event) -> NoticeKind | None:
    """Return what people are told of an event, `None` where nobody needs to know."""
    state = event.type.removeprefix("proposal.").upper()
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
    if kind is None or event.type != f"proposal.{proposal.state.lower()}":
        return None  # decided, resolved or expired meanwhile: nothing waits for anybody
    content, waits = proposal.content, kind == "approval_waits"
    headline = visible(content.preview.headline)
    what = f"Decide by {_minute(content.expires_at)}" if waits else "A person is needed"
    lines = _waiting(proposal) if waits else (_NEEDED[proposal.state],)
    return Notice(
        id=event.event_id,
        kind=kind,
        proposal_id=content.proposal_id,
        approvers=tuple(content.terms.approvers) if waits else (),
        subject=_short(f"{what}: {headline}"),
        lines=(
            headline,
            *lines,
            f"Deployment {content.deployment} ({content.environment}), tool {content.tool}, class {content.risk}.",
            f"To look at it: erp-mcp proposals show {content.proposal_id}",
            "This message decides nothing, and no answer to it does.",
        ),
        link=f"{page}/proposals/{quote(content.proposal_id, safe='')}" if page else "",
    )


def _waiting(proposal: Proposal) -> tuple[str, ...]:
    content = proposal.content
    flags = sum(check.verdict == "flag" for check in content.preview.checks)
    people = "one person" if content.terms.needed == 1 else f"{content.terms.needed} people"
    flagged = f" {flags} of its checks need a look." if flags else ""
    asked = f"Proposed by agent {visible(content.agent)} for {visible(content.owner)}."
    return (f"{asked} It takes {people} to approve it.{flagged}",)


def _minute(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SUBJECT else f"{text[: _MAX_SUBJECT - 1]}…"
