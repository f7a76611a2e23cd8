"""The steps of a saga on its page: what each writes, how it is taken back, and where its parts stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import FormError
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.saga import is_saga, plan_of, ways_back_of
from erp_mcp.web.words import STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A step or its way back as it stands: the proposal that it is, its state in words, and its document."""

    proposal_id: str
    stands: str
    tone: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """One step in the order in which it is carried out; `forward` is absent until it is begun.

    `backs` are its ways back, oldest first: one, or more where those before it came to nothing.
    """

    name: str
    system: str
    headline: str
    undo_tool: str
    way_back: str
    forward: Part | None
    backs: tuple[Part, ...]


def steps_of(content: Content, parts: Sequence[Proposal]) -> list[StepShown]:
    """Return the steps of a saga, none of any other proposal or of one whose plan can't be read."""
    if not is_saga(content):
        return []
    try:
        plan = plan_of(content)
    except FormError:
        return []
    begun = {one.content.step: _part(one) for one in parts if not one.content.undoes}
    return [
        StepShown(
            name=step.name,
            system=step.command.system,
            headline=step.preview.headline,
            undo_tool=step.undo_tool,
            way_back=step.way_back,
            forward=begun.get(step.name),
            backs=tuple(_part(one) for one in ways_back_of(step.name, parts)),
        )
        for step in plan
    ]


def sent(content: Content) -> Iterator[tuple[str, JsonValue]]:
    """Yield what exactly would be sent, field by field; of a saga, each under the name of its step."""
    commands = [("", content.command)]
    if is_saga(content):
        try:
            commands = [(f"{step.name}.", step.command) for step in plan_of(content)]
        except FormError:
            commands = [("", content.command)]
    for step, command in commands:
        yield from ((f"{step}{name}", value) for name, value in sorted(command.fields.items()))


def _part(one: Proposal) -> Part:
    standing = STATES[one.state]
    document = one.receipt.written.document if one.receipt else ""
    return Part(proposal_id=one.content.proposal_id, stands=standing.title, tone=standing.tone, document=document)
