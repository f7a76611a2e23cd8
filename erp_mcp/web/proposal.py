"""One proposal: everything that a decision is bound to, why this person is asked, and what became of it.

Nothing that decides is made of the agent's words; they stand apart, at the end, marked as checked by nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp import administration
from erp_mcp.administration import Narrowed, damaged_glass
from erp_mcp.answers.visible import visible
from erp_mcp.approval import envelope
from erp_mcp.approval.requesters import is_self_approval, needs_passphrase
from erp_mcp.domain import outliers
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.outliers import Arranged
from erp_mcp.domain.proposal import Change, Content, Proposal, SignedDecision
from erp_mcp.web import damaged, in_emergency, own_words, sagas
from erp_mcp.web.outcomes import Sight, outcome
from erp_mcp.web.proving import account_of
from erp_mcp.web.times import local, until
from erp_mcp.web.visit import Answer, Shown, Visit
from erp_mcp.web.way_back import way_back
from erp_mcp.web.words import RISKS, STATES, flags, to_look_at, why_not, why_not_you


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields of one line of a document, or of the document itself where `name` is empty.

    `theirs` are those that hold the agent's own words; `why` says why a line stands before others.
    """

    name: str
    changes: tuple[Change, ...]
    theirs: frozenset[str] = frozenset()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is enrolled, and whether they may decide about this."""

    id: str
    name: str
    may: bool
    told: str
    decided: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What is counted against a limit: in words, and as whole parts of a hundred of its maximum."""

    limit: str
    key: str
    before: str
    this: str
    maximum: str
    window: str
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A decision as it was signed."""

    who: str
    when: str
    choice: str
    meaning: str
    comment: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event of a proposal."""

    when: str
    what: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old the evidence from one system was, on the plant's clock."""

    system: str
    as_of: str
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A smaller proposal that is stored nowhere yet: whose place it would take, and the token of its form."""

    original: str
    headline: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether the person who looks may decide now, and what they must give."""

    may_approve: bool
    may_reject: bool
    why_not: str
    passphrase: bool
    always: bool
    self_approval: bool
    may_break_glass: bool
    no_glass_now: str  # why nobody may, where they might else
    approve: str
    break_glass: str
    reject: str
    narrow: str


_CHOICES: Final = {"approve": "approved", "break_glass": "approved by break-glass", "reject": "rejected"}


def show(visit: Visit) -> Answer:
    """Show the proposal of the address.

    Raises:
        ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
    """
    return page(visit)


def page(visit: Visit, problem: str = "", status: int = 200, sight: Sight | None = None) -> Shown:
    """Return the page of the proposal of the address, with what went wrong with a form of it."""
    deployment = visit.office.deployment
    store = deployment.state.proposals
    deployment.expire()
    lost = damaged_glass.emergency(deployment, visit.path["id"])
    if lost is not None:
        return damaged.page(visit, lost, problem, status)
    proposal = store.get(visit.path["id"])
    decisions, zone = store.decisions(visit.path["id"]), visit.office.zone
    facts: dict[str, object] = {
        **_facts(visit, proposal, decisions),
        "outcome": outcome(visit, proposal, sight),
        "way_back": way_back(visit, proposal),
        "emergency": in_emergency.emergency(visit, proposal),
        "said": [_said(one, visit) for one in decisions],
        "history": [
            Happened(
                when=local(one.time, zone),
                what=one.type.removeprefix("proposal.").replace("_", " "),
                reason=str(one.payload.get("reason") or ""),
                by=str(one.payload.get("actor", "")),
            )
            for one in store.history(proposal.content.proposal_id)
        ],
        "seeded": any(one.approver_id == visit.person.id for one in decisions)
        and administration.was_canary(deployment, proposal),
        "draft": None,
        "problem": problem,
        "typed": visit.form.get("reason", "")[: damaged.MOST_TYPED] if problem else "",
        "typed_at": visit.address.rpartition("/")[2],
    }
    return Shown(template="proposal.html", facts=facts, status=status)


def draft(visit: Visit, made: Narrowed, problem: str = "", status: int = 200) -> Shown:
    """Return the page of a smaller proposal that is stored nowhere yet, as one that waits."""
    original = made.original.content
    facts: dict[str, object] = {
        **_facts(visit, made.proposal, ()),
        "account": account_of(visit, original.proposal_id),
        "outcome": None,
        "way_back": None,
        "emergency": None,
        "said": [],
        "history": [],
        "seeded": False,
        "draft": Draft(
            original=original.proposal_id,
            headline=original.preview.headline,
            token=visit.form_token(f"/proposals/{original.proposal_id}/narrowed"),
        ),
        "problem": problem,
        "typed": "",
        "typed_at": "",
    }
    return Shown(template="proposal.html", facts=facts, status=status)


def _facts(visit: Visit, proposal: Proposal, decisions: Sequence[SignedDecision]) -> dict[str, object]:
    """Return what is shown of a proposal's content and of who decides about it."""
    deployment, content, zone = visit.office.deployment, proposal.content, visit.office.zone
    now, people = deployment.clock.wall(), administration.trusted(deployment)
    return {
        "proposal": proposal,
        "content": content,
        "standing": STATES[proposal.state],
        "waits": proposal.state is State.AWAITING_APPROVAL,
        "risk": RISKS.get(content.risk, content.risk),
        **_own_words(visit, content),
        "left": [one for one in content.preview.checks if one.verdict == "person"],
        "checks": sorted(
            (one for one in content.preview.checks if one.verdict != "person"), key=lambda one: one.verdict == "ok"
        ),
        "flags": flags(content),
        "to_look_at": to_look_at(content, "me"),
        "uses": list(_uses(visit, content)),
        "sent": [(name, _told(value)) for name, value in sagas.sent(content)],
        "steps": sagas.steps_of(content, deployment.state.proposals.parts(content.proposal_id)),
        "ages": [
            Age(system=system, as_of=local(_told(as_of), zone), age=until(_told(as_of), deployment.clock.plant()))
            for system, as_of in sorted(content.sources.items())
        ],
        "asked_ago": until(content.created_at, now),
        "asked_at": local(content.created_at, zone),
        "expires_in": until(content.expires_at, now),
        "expires_at": local(content.expires_at, zone),
        "people": [_person(visit, one, content, decisions) for _, one in sorted(people.items())],
        "given": sum(one.decision == "approve" for one in decisions),
        "in_emergency": sum(one.decision == "break_glass" for one in decisions),
        "conditions": list(administration.conditions(content.terms)),
        "under_way": _is_under_way(proposal.state),
        "turn": _turn(visit, proposal, decisions),
        "account": account_of(visit, content.proposal_id),
        "parts": administration.narrowable(content) if proposal.state is State.AWAITING_APPROVAL else (),
    }


def _own_words(visit: Visit, content: Content) -> dict[str, object]:
    """Return the changes, and what of a proposal is made of the agent's own words, which nobody checked."""
    tool, preview = own_words.tools(visit)(content.tool), content.preview
    theirs = administration.free_text_fields(tool, content)
    shown = outliers.arranged(content)
    return {
        "groups": list(grouped(shown, theirs)),
        "order_told": shown.told,
        "theirs": theirs,
        "headline_quotes": administration.quotes_free_text(tool, content, preview.headline),
        "effects_quote": [one for one in preview.effects if administration.quotes_free_text(tool, content, one)],
    }


def grouped(shown: Arranged, theirs: frozenset[str] = frozenset()) -> Iterator[Group]:
    """Yield changes by the line that they are about, as they are arranged; each field without the name of its line.

    `theirs` are the fields, by their whole names, that hold the agent's own words.
    """
    for part in shown.parts:
        fields = list(zip(part.changes, part.fields, strict=True))
        yield Group(
            name=part.place,
            changes=tuple(replace(one, field=short) for one, short in fields),
            theirs=frozenset(short for one, short in fields if one.field in theirs),
            why=part.why,
        )


def _turn(visit: Visit, proposal: Proposal, decisions: Sequence[SignedDecision]) -> Turn:
    content, who = proposal.content, visit.person
    decided = any(one.approver_id == who.id for one in decisions)
    objection = "decided" if decided else administration.why_not(visit.office.deployment, content, who.approver)
    waits = proposal.state is State.AWAITING_APPROVAL
    always = needs_passphrase(content, who.approver)
    here = f"/proposals/{content.proposal_id}"
    no_glass = "decided"
    if waits and not decided:
        no_glass = administration.why_not(visit.office.deployment, content, who.approver, "break_glass")
    return Turn(
        may_approve=waits and not objection,
        may_reject=waits and objection in {"", "requester", "asked_half"},
        why_not=why_not_you(objection) if waits else "",
        passphrase=always or not visit.office.sessions.holds_key(who),
        always=always,
        self_approval=is_self_approval(content, who.approver),
        may_break_glass=waits and not no_glass,
        no_glass_now=why_not_you(no_glass) if no_glass in {"review_overdue", "separated", "asked_half"} else "",
        approve=visit.form_token(f"{here}/approve"),
        break_glass=visit.form_token(f"{here}/break-glass"),
        reject=visit.form_token(f"{here}/reject"),
        narrow=visit.form_token(f"{here}/narrow"),
    )


def _person(visit: Visit, one: Enrolment, content: Content, decisions: Sequence[SignedDecision]) -> Person:
    objection = administration.why_not(visit.office.deployment, content, one)
    decided = next((said.decision for said in decisions if said.approver_id == one.approver_id), "")
    own = " as owner, by self approval" if not objection and is_self_approval(content, one) else ""
    return Person(
        id=one.approver_id, name=one.name, may=not objection, told=f"{why_not(objection)}{own}", decided=decided
    )


def _uses(visit: Visit, content: Content) -> Iterator[Use]:
    """Yield what this would take of each limit, beside what the others of its window have taken."""
    used = visit.office.deployment.state.proposals.used(content)
    for use, before in zip(content.limits, used, strict=True):
        hours = use.window_s / 3600
        yield Use(
            limit=use.limit,
            key=use.key,
            before=use.told(before),
            this=use.told(use.amount),
            maximum=use.told(use.maximum),
            window=f"{hours:g} h" if use.window_s >= 3600 else f"{use.window_s // 60} min",
            share=min(100, (before + use.amount) * 100 // use.maximum) if use.maximum else 100,
        )


def _said(decision: SignedDecision, visit: Visit) -> Said:
    opened = envelope.opened(decision.envelope)
    words = opened[0] if opened else None
    return Said(
        who=f"{visible(words.approver_name)} ({decision.approver_id})" if words else decision.approver_id,
        when=local(decision.decided_at, visit.office.zone),
        choice=_CHOICES.get(decision.decision, decision.decision),
        meaning=words.meaning if words else "These words are not in order.",
        comment=words.comment if words else "",
        method=words.method if words else "",
    )


def _is_under_way(state: State) -> bool:
    return STATES[state].tone == "wait" and state is not State.AWAITING_APPROVAL


def _told(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
