"""Who asked for a change, by every name there is: none of them may say yes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

from erp_mcp.approval import bundles
from erp_mcp.approval.envelope import Choice
from erp_mcp.domain.approver import Applied, Enrolment
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.names import key_of as key_of  # noqa: PLC0414 - told by this name to all who ask who asked
from erp_mcp.domain.proposal import Content
from erp_mcp.domain.tool import Risk

APPLIED_WITHIN: Final = timedelta(hours=24)  # who changed the policy this recently asks as well
_SELF_APPROVABLE: Final = ("W1", "W2")


class Asking(Protocol):
    """What of a proposal says who asks: `Content`, or what an agent could propose."""

    @property
    def agent(self) -> str:
        """The agent that proposes."""
        ...

    @property
    def owner(self) -> str:
        """The person it acts for."""
        ...

    @property
    def risk(self) -> Risk:
        """The tool's class of risk."""
        ...

    @property
    def terms(self) -> Terms:
        """Who must say yes."""
        ...


def same_person(one: str, other: str) -> bool:
    """Whether two names stand for one person, however they are written."""
    return bool(key_of(one)) and key_of(one) == key_of(other)


def names_of(approver: Enrolment) -> frozenset[str]:
    """Return the normalised names of an approver: id and name."""
    return frozenset(filter(None, (key_of(approver.approver_id), key_of(approver.name))))


def requesters(content: Asking, applied: Iterable[Applied], now: datetime) -> frozenset[str]:
    """Return who may not decide, normalised: the agent, its owner, and whoever changed the policy a short while ago.

    Where the terms let the owner decide (`self_approval`, never for W3), the owner is left out; one who is there as
    agent, or since they applied the policy, stays in.

    Args:
        content: What was proposed.
        applied: Bundles as the store has them; account and signer of each count.
        now: The wall clock.
    """
    names = {content.agent}
    if not lets_owner_decide(content):
        names.add(content.owner)
    for one in applied:
        if _recent(one.applied_at, now):
            names.update(_appliers(one))
    return frozenset(filter(None, map(key_of, names)))


def lets_owner_decide(content: Asking) -> bool:
    """Whether the owner may be an approver of this: policy says so, and it is a small change."""
    return content.terms.self_approval and content.risk in _SELF_APPROVABLE


def is_self_approval(content: Content, approver: Enrolment) -> bool:
    """Whether this approver would decide as the owner of the agent that asks."""
    return lets_owner_decide(content) and key_of(content.owner) in names_of(approver)


def needs_passphrase(content: Content, approver: Enrolment) -> bool:
    """Whether this approver gives their passphrase for this very decision: the largest changes, and their own."""
    return content.risk in ("W3", "W4") or is_self_approval(content, approver)


def proves_anew(choice: Choice, content: Content, approver: Enrolment) -> bool:
    """Whether whoever decides this proves who they are for this very decision: in an emergency always."""
    return choice == "break_glass" or (choice == "approve" and needs_passphrase(content, approver))


def asked_in_emergency(content: Content, asked: frozenset[str]) -> frozenset[str]:
    """Return who may not say yes in an emergency, normalised: nobody's own, even where the owner might decide."""
    return asked | frozenset(filter(None, (key_of(content.owner),)))


def _recent(applied_at: str, now: datetime) -> bool:
    try:
        return parse_instant(applied_at) >= now - APPLIED_WITHIN
    except ValueError:
        return True  # a time that can't be read excuses nobody


def _appliers(applied: Applied) -> Iterator[str]:
    """Yield every name that a bundle's row and its signed words give; a row changed later hides nobody."""
    yield applied.applied_by
    if applied.approval is None:
        return
    yield applied.approval.signer
    grant = bundles.opened(applied.approval.text)
    if grant is not None:
        yield from (grant[0].applied_by, grant[0].approver_id, grant[0].approver_name)
