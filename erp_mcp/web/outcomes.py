"""Outcomes that nobody knows: what is known of each, what its system shows now, and a person's signed word for it.

The page has no way into any system. Looking is done by a process of its own, as whoever runs `erp-mcp proposals show`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.administration import looking, resolving
from erp_mcp.administration.looking import Place
from erp_mcp.administration.resolving import Known
from erp_mcp.answers.visible import visible
from erp_mcp.approval import resolution
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import RESOLVABLE, State
from erp_mcp.domain.proposal import Proposal, SignedResolution
from erp_mcp.web.times import local
from erp_mcp.web.visit import Visit

_NOT_SEEN: Final = "it could not be asked"
_ANSWERS: Final[Mapping[str, str]] = {
    "found": "It shows exactly this change.",
    "missing": "It shows nothing of this change.",
    "cannot_be_read_back": "It offers no way to look for this change: look there yourself.",
    "taken_in": "It has taken this change in and has not done it yet.",
    "nothing_yet": "It has taken this change in and says nothing of it yet.",
    "refused": "It says that it refused this change.",
}
_ASKED: Final[Mapping[str, str]] = {
    "written": "It says that it wrote this.",
    "refused": "It says that it refused this.",
    "taken_in": "It says that it has not done this yet.",
    "nothing_yet": "It says nothing of this yet.",
    "missing": "It says that it knows nothing of this.",
}
_PARTS: Final = "parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartShown:
    """What the system of one part of a saga showed."""

    name: str
    system: str
    told: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the system showed when somebody looked; `asked` is what it said of what it took in, `parts` of a saga."""

    told: str
    document: str
    record: tuple[tuple[str, str], ...]
    record_told: str
    asked: str = ""
    parts: tuple[PartShown, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of a change whose outcome is not, or was not until a person said it."""

    sent: str
    lost: str
    why: str
    native_code: str
    halted_at: str
    halted_by: str
    taken_in: str
    ticket: str
    again: str
    looks: tuple[tuple[str, str], ...]
    where: str  # the systems that are meant, in words
    several: bool  # whether they are more than one
    places: tuple[Place, ...]  # of a saga, one for each step that was begun
    resolvable: bool
    is_stuck: bool
    statement: tuple[tuple[str, str], ...]
    flaw: str
    look: str
    resolve: str
    sight: Sight | None = None


def outcome(visit: Visit, proposal: Proposal, sight: Sight | None = None) -> Outcome | None:
    """Return what is known of a proposal that is or was in doubt; `None` for one that never was."""
    zone = visit.office.zone
    deployment, proposal_id = visit.office.deployment, proposal.content.proposal_id
    known = resolving.known(deployment, proposal_id)
    if proposal.state not in resolving.UNSETTLED and known.resolution is None:
        return None
    here = f"/proposals/{proposal_id}"
    systems = looking.systems_of(proposal.content)
    return Outcome(
        sent=local(known.sent, zone),
        lost=local(known.lost or (proposal.since if proposal.state in RESOLVABLE else ""), zone),
        why=known.why,
        native_code=known.native_code,
        halted_at=known.halted_at,
        halted_by=known.halted_by,
        taken_in=local(known.taken_in, zone) if known.taken_in else "",
        ticket=visible(known.ticket),
        again=local(proposal.not_before, zone) if proposal.state is State.AWAITING_ACK else "",
        looks=tuple((local(at, zone), gave) for at, gave in known.looks),
        where=" and ".join(systems) or "the systems of its steps",
        several=len(systems) != 1,
        places=tuple(looking.places(proposal, known.parts)),
        resolvable=proposal.state in RESOLVABLE,
        is_stuck=proposal.state is State.COMPENSATION_STUCK,
        statement=_statement(known, visit),
        flaw=resolving.statement_flaw(deployment, proposal),
        look=visit.form_token(f"{here}/look"),
        resolve=visit.form_token(f"{here}/resolve"),
        sight=sight,
    )


def seen(text: str) -> Sight:
    """Return what a look gave, as `erp-mcp proposals show --json` tells it; other words say nothing."""
    try:
        now = json.loads(text)["now"]
        answer, record = str(now["answer"]), _fields(now.get("record"))
        record_told, asked = str(now.get("record_answer", "")), str(now.get("asked", ""))
        parts = tuple(_part(one) for one in now.get("parts", ()))
        document = _document(now)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Sight(told=_NOT_SEEN, document="", record=(), record_told="")
    return Sight(
        told="" if answer == _PARTS else _ANSWERS.get(answer, answer),
        document=document,
        record=record,
        record_told=record_told,
        asked=_ASKED.get(asked, asked),
        parts=parts,
    )


def _part(one: Mapping[str, JsonValue]) -> PartShown:
    answer = str(one["answer"])
    return PartShown(
        name=f"{'Way back of' if one['is_way_back'] else 'Step'} {one['step']}",
        system=str(one["system"]),
        told=_ANSWERS.get(answer, answer),
        document=_document(one),
    )


def _document(of: Mapping[str, JsonValue]) -> str:
    found = of.get("found")
    return str(found.get("document", "")) if isinstance(found, dict) else ""


def _fields(record: JsonValue) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in sorted(record.items())) if isinstance(record, dict) else ()


def _statement(known: Known, visit: Visit) -> tuple[tuple[str, str], ...]:
    """Return what people signed of it: that it be taken back further, oldest first, and what became of it."""
    said = [*(one.said for one in known.orders), *((known.resolution,) if known.resolution else ())]
    return tuple(told for one in said for told in _words(one, visit))


def _words(stored: SignedResolution, visit: Visit) -> Iterator[tuple[str, str]]:
    opened = resolution.opened(stored.statement)
    if opened is None:
        yield "Statement", "These words are not in order."
        return
    said = opened[0]
    told = [
        ("Said by", f"{said.approver_name} ({said.approver_id}), {local(said.resolved_at, visit.office.zone)}"),
        ("Signed words", said.meaning),
        ("Document", said.document),
        ("Where they looked", said.reason),
    ]
    yield from ((name, value) for name, value in told if value)
