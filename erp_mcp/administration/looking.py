"""What systems show this moment of a change whose outcome nobody knows, and where a person looks for a saga's steps.

Nothing is sent, and nothing is moved by it. It opens the way that writes, as a worker does: only that knows our
reference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from erp_mcp.bootstrap import Deployment
from erp_mcp.domain import human_task
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Accepted, Command, Committed, Refused, Unknown, Written
from erp_mcp.domain.forms import FormError
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.saga import NOTHING_WRITTEN, is_saga, plan_of, ways_back_of
from erp_mcp.errors import GatewayError
from erp_mcp.ports import Acknowledges

LOOK_S: Final = 30  # how long a system may take to show what it has
ASK_S: Final = 15  # and to say what became of what it took in
ALL_S: Final = 60  # and those of all parts of a saga together
NOT_DONE_YET: Final = frozenset({"taken_in", "nothing_yet"})
_ELSEWHERE: Final = ", but the system is configured as another one than it was then"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSight:
    """What the system of one part of a saga shows of it; `answer` and `asked` as in `Sight`."""

    step: str
    is_way_back: bool
    proposal_id: str
    system: str
    reference: str
    found: Written | None
    answer: str
    asked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the system shows this moment.

    `found` is what it has of this very change; `answer` says how that came: `found`, `missing`, `taken_in` or
    `nothing_yet` where it has taken it in and not done it, `refused` where it says so by now, or the code of why it
    can't be said. `contract` is how the operation's outcome can be found out. `asked` is what it said of what it took
    in, asked with `ticket` (empty: by our reference), or the code of why that says nothing; empty where there was
    nothing to ask. `native_code` is its own word then. `record` holds the fields of the record that would change as
    they are now, empty for a new one; `record_answer` likewise says how that came. A saga has `parts` instead, those
    that were begun, and `answer` is `parts`.
    """

    contract: str = ""
    settle_s: int = 0
    found: Written | None = None
    answer: str = ""
    asked: str = ""
    ticket: str = ""
    native_code: str = ""
    record: Mapping[str, JsonValue] = field(default_factory=dict)
    record_answer: str = ""
    parts: tuple[PartSight, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a person looks for a step of a saga: its system, what it bears, and what is to be there."""

    step: str
    system: str
    reference: str
    document: str
    back_references: tuple[str, ...]  # of its ways back, oldest first
    told: str


async def look(deployment: Deployment, proposal: Proposal) -> Sight:
    """Ask the system of a proposal what it has of it; of a saga, the system of each part that was begun.

    Whatever hinders looking is said, and raises nothing.
    """
    try:
        if is_saga(proposal.content):
            parts = deployment.state.proposals.parts(proposal.content.proposal_id)
            return Sight(answer="parts", record_answer="new", parts=await _parts(deployment, parts))
        sight = await _seen(deployment, proposal)
        record, record_answer = await _record(deployment, proposal.content)
        return replace(sight, record=record, record_answer=record_answer)
    finally:
        await deployment.disconnect()


def places(proposal: Proposal, parts: Sequence[Proposal]) -> list[Place]:
    """Return where to look for each step of a saga that was begun, in their order; nothing for another change."""
    if not is_saga(proposal.content):
        return []
    try:
        plan = plan_of(proposal.content)
    except FormError:
        return []
    begun = {one.content.step: one for one in parts if not one.content.undoes}
    return [_place(begun[step.name], ways_back_of(step.name, parts)) for step in plan if step.name in begun]


def systems_of(content: Content) -> tuple[str, ...]:
    """Return the systems that a change writes to; of a saga those of its steps, each once, without our own tasks."""
    steps: Sequence[Command] = (content.command,)
    if is_saga(content):
        try:
            steps = [step.command for step in plan_of(content)]
        except FormError:
            return ()
        steps = [one for one in steps if one.system != human_task.SYSTEM]
    return tuple(dict.fromkeys(one.system for one in steps))


def stands(sight: Sight) -> frozenset[str]:
    """Return the steps of a saga of which a system shows that they were written, and not that they were taken back."""
    backs = {one.step for one in sight.parts if one.is_way_back and one.found is not None}
    return frozenset(one.step for one in sight.parts if not one.is_way_back and one.found is not None) - backs


def _place(forward: Proposal, backs: Sequence[Proposal]) -> Place:
    command, receipt = forward.content.command, forward.receipt
    return Place(
        step=forward.content.step,
        system=command.system,
        reference=command.reference,
        document=receipt.written.document if receipt else forward.content.preview.document,
        back_references=tuple(one.content.command.reference for one in backs),
        told=_to_be_there(forward, backs),
    )


def _to_be_there(forward: Proposal, backs: Sequence[Proposal]) -> str:
    """Return in words what is to be in the system of a step, going by what is known of it."""
    if forward.state in NOTHING_WRITTEN:
        return "called not written: see that it is not there"
    if forward.state is State.PARTIALLY_COMMITTED:
        return "written in part: see which of its lines are there"
    if forward.state is not State.COMMITTED:
        return "nobody knows whether it was written: look for it"
    if any(one.state is State.COMMITTED for one in backs):
        return "written and taken back: see that nothing of it is left"
    if any(one.state not in NOTHING_WRITTEN for one in backs):
        return "written, and nobody knows whether it was taken back: look for both"
    return "written and not taken back: see whether it still stands as it was written"


async def _parts(deployment: Deployment, parts: Sequence[Proposal]) -> tuple[PartSight, ...]:
    """Look for one part after the other; once their time is over the rest is said to have had none."""
    seen: dict[str, Sight] = {}
    try:
        async with asyncio.timeout(ALL_S):
            for one in parts:
                seen[one.content.proposal_id] = await _seen(deployment, one)
    except TimeoutError:
        pass
    return tuple(_part(one, seen.get(one.content.proposal_id, Sight(answer="TimeoutError"))) for one in parts)


def _part(part: Proposal, sight: Sight) -> PartSight:
    content = part.content
    return PartSight(
        step=content.step,
        is_way_back=bool(content.undoes),
        proposal_id=content.proposal_id,
        system=content.command.system,
        reference=content.command.reference,
        found=sight.found,
        answer=sight.answer,
        asked=sight.asked,
    )


async def _seen(deployment: Deployment, proposal: Proposal) -> Sight:
    """Return what the system of one change shows of it, without the record that it is about."""
    command, sight = proposal.content.command, Sight()
    asks: object = None
    shows_taken_in = elsewhere = False
    try:
        async with asyncio.timeout(LOOK_S):
            commands = asks = await deployment.commands(command.system)
            elsewhere = deployment.target_named(command.system) != proposal.content.target
            kept = commands.operations.get(command.operation)
            if kept is not None:
                sight = replace(sight, contract=kept.kind, settle_s=kept.settle_s)
                shows_taken_in = kept.shows_taken_in
            looks = kept is not None and kept.kind != "none"
            found = await commands.find(command) if looks else None
        answer = "found" if found else "missing" if looks else "cannot_be_read_back"
        sight = replace(sight, found=found, answer=f"{answer}{_ELSEWHERE}" if elsewhere else answer)
    except Exception as error:  # noqa: BLE001 - a way that is shut is what an operator has to know, not an end
        sight = replace(sight, answer=_told(error))
    if elsewhere:  # what another system says of a ticket says nothing
        return sight
    ticket = _ticket(deployment, proposal)
    if isinstance(asks, Acknowledges) and (ticket is not None or (shows_taken_in and sight.found is None)):
        return await _asked(asks, command, sight, ticket)
    return sight


def _ticket(deployment: Deployment, proposal: Proposal) -> str | None:
    """Return with what is asked for a change that its system has taken in; `None` for any other."""
    taken = False
    for event in deployment.state.proposals.history(proposal.content.proposal_id):
        taken = event.type == "proposal.awaiting_ack" or (taken and event.type != "proposal.sending")
    return deployment.state.proposals.ticket(proposal.content.proposal_id) if taken else None


async def _asked(commands: Acknowledges, command: Command, sight: Sight, ticket: str | None) -> Sight:
    """Add what the system says of what it took in; that it has it outweighs that nothing is there yet.

    `ticket` is `None` where nobody knows whether it took it in at all.
    """
    sight = replace(sight, ticket=ticket or "")
    try:
        async with asyncio.timeout(ASK_S):
            said = await commands.acknowledged(command, sight.ticket)
    except Exception as error:  # noqa: BLE001 - as above
        return replace(sight, asked=_told(error))
    match said:
        case Committed(written=written):
            return replace(sight, asked="written", found=sight.found or written, answer="found")
        case Refused(native_code=native):
            heard = replace(sight, asked="refused", native_code=native)
        case Unknown(reason=reason, native_code=native):
            return replace(sight, asked=reason, native_code=native)
        case Accepted():
            heard = replace(sight, asked="taken_in")
        case _:
            heard = replace(sight, asked="missing" if ticket is None else "nothing_yet")
    says_nothing = heard.answer in {"missing", "cannot_be_read_back"}
    return replace(heard, answer=heard.asked) if says_nothing else heard


async def _record(deployment: Deployment, content: Content) -> tuple[Mapping[str, JsonValue], str]:
    """Return the fields that a change is about as the record has them now, read with read credentials."""
    command = content.command
    if not command.key or command.system == human_task.SYSTEM:
        return {}, "new"
    try:
        async with asyncio.timeout(LOOK_S):
            records = await deployment.live.read(command.system, command.entity, [command.key])
    except Exception as error:  # noqa: BLE001 - as above
        return {}, _told(error)
    if not records:
        return {}, "gone"
    now = {name: getattr(records[0], name, None) for name in {one.field for one in content.preview.changes}}
    shown = {name: str(value) for name, value in sorted(now.items()) if value is not None}
    return {**shown, "version_token": records[0].version_token}, "read"


def _told(error: Exception) -> str:
    return error.code if isinstance(error, GatewayError) else type(error).__name__
