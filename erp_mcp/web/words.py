"""What states, refusals and circumstances are called on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a state means to a person; `tone` is `wait`, `good`, `bad` or `over`."""

    title: str
    told: str
    tone: str


_NOTHING: Final = "Nothing was written, and nothing more happens."
STATES: Final[Mapping[State, Standing]] = {
    State.PROPOSED: Standing(title="Proposed", told="It is being stored.", tone="wait"),
    State.AWAITING_APPROVAL: Standing(title="Waits for a decision", told="Nothing has been written.", tone="wait"),
    State.APPROVED: Standing(title="Approved", told="It waits for the worker.", tone="wait"),
    State.CLAIMED: Standing(title="Approved", told="A worker looks at it once more before it sends.", tone="wait"),
    State.SENDING: Standing(title="Being sent", told="It is being written.", tone="wait"),
    State.AWAITING_ACK: Standing(title="Sent", told="The system has taken it in and has not said yet.", tone="wait"),
    State.COMMITTED: Standing(title="Written", told="It stands in the system of record.", tone="good"),
    State.PARTIALLY_COMMITTED: Standing(
        title="Written in part", told="Some lines were written and others not: see the receipt.", tone="bad"
    ),
    State.REJECTED: Standing(title="Rejected", told=_NOTHING, tone="over"),
    State.EXPIRED: Standing(title="Expired", told=f"Its time was over. {_NOTHING}", tone="over"),
    State.CANCELLED: Standing(title="Cancelled", told=f"Its agent took it back. {_NOTHING}", tone="over"),
    State.DENIED: Standing(title="Denied", told=f"Policy or a rule no longer allows it. {_NOTHING}", tone="over"),
    State.STALE: Standing(title="Out of date", told=f"The record has changed since. {_NOTHING}", tone="over"),
    State.REFUSED_BY_SYSTEM: Standing(title="Refused by the system", told=_NOTHING, tone="over"),
    State.NOT_APPLIED: Standing(title="Not written", told="It was looked for and is not there.", tone="over"),
    State.UNKNOWN: Standing(
        title="Outcome unknown",
        told="It may have been written. It is never sent again; the worker reads it back.",
        tone="bad",
    ),
    State.RECONCILING: Standing(title="Being read back", told="The worker looks whether it was written.", tone="wait"),
    State.NEEDS_HUMAN: Standing(
        title="Needs a person",
        told="Somebody has to look into the system of record. Nothing goes on by itself.",
        tone="bad",
    ),
    State.COMPENSATING: Standing(title="Being taken back", told="Earlier steps are taken back.", tone="wait"),
    State.COMPENSATED: Standing(title="Taken back", told="Earlier steps were taken back.", tone="over"),
    State.COMPENSATION_STUCK: Standing(
        title="Taking back is stuck", told="Somebody has to look. Nothing goes on by itself.", tone="bad"
    ),
}
RISKS: Final[Mapping[str, str]] = {
    "W1": "W1, a request that can be taken back",
    "W2": "W2, plans and dates",
    "W4": "W4, a task for somebody on the floor",
    "W3": "W3, a legal, financial or stock commitment",
}
WHY_NOT: Final[Mapping[str, str]] = {
    "": "may decide",
    "decided": "has decided",
    "quota": "may not now: has approved as much in this hour as policy lets one person",
    "separated": "may not approve: approved what policy keeps apart from this",
    "asked_half": "may not approve: owns the agent that asked for what policy keeps apart from this",
    "requester": "may not approve: is one of those who asked (agent, owner, or changed the policy within a day)",
    "not_named": "may not: the policy names others for this",
}

_ROW: Final = re.compile(
    r"(?:(?P<step>[a-z_]{1,60})\.)?(?P<rows>[a-z_]{1,60})\[(?P<at>[0-9]{1,4})\](?:\.(?P<field>[a-z_.]{1,60}))?"
)
_LONGEST_LABEL: Final = 32
NOT_LOOKED: Final = "Look at %s first, and tick the box that says so."

YOURS: Final[Mapping[str, str]] = {
    "decided": "You have decided.",
    "requester": "You are one of those who asked (agent, owner, or changed the policy today): you may only reject.",
    "not_named": "The policy names others for this.",
    "separated": "You approved what policy keeps apart from this.",
    "asked_half": "Your agent asked for what policy keeps apart from this: you may only reject.",
    "review_overdue": "An earlier break-glass was not reviewed in time: until it is, there is no other.",
}


def why_not_you(objection: str) -> str:
    """Return to the person who looks why they may not decide; empty where they may."""
    return YOURS.get(objection, f"You may not decide about this ({objection}).") if objection else ""


def why_not(objection: str) -> str:
    """Return in words why somebody may not decide, or that they may."""
    return WHY_NOT.get(objection, f"may not ({objection})")


def flags(content: Content) -> int:
    """Return how many rules call for a closer look."""
    return sum(one.verdict != "ok" for one in content.preview.checks)


def left(content: Content) -> int:
    """Return how many rules nothing here can look at, so that whoever decides has to."""
    return sum(one.verdict == "person" for one in content.preview.checks)


def called(path: str) -> str:
    """Return what a row or a field of one is called, counted as people count: `lines[0].qty` is `Line 1: qty`."""
    found = _ROW.fullmatch(path)
    if found is None:
        return path
    row = f"{found['rows'].removesuffix('s')} {int(found['at']) + 1}"
    row = f"{found['step']}, {row}" if found["step"] else f"{row[0].upper()}{row[1:]}"
    return f"{row}: {found['field']}" if found["field"] else row


def shortened(name: str) -> str:
    """Return a name that fits above a bar of a picture; beside it, it stands in full."""
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def to_look_at(content: Content, whom: str) -> str:
    """Return in words what somebody has to look at before they say yes, empty where that is nothing.

    Args:
        content: What they are asked about.
        whom: `you`, or `me` where they are who says it.
    """
    verdicts = [one.verdict for one in content.preview.checks]
    left, flagged = verdicts.count("person"), len(verdicts) - verdicts.count("person") - verdicts.count("ok")
    words = [f"what is left for {whom} to check"] if left else []
    if flagged:
        words.append("the flagged rule" if flagged == 1 else f"the {flagged} flagged rules")
    return " and ".join(words)
