"""What would be sent, for a terminal: one command, or those of all steps of a saga, and where its parts stand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from erp_mcp.administration.looking import PartSight, Place
from erp_mcp.answers.visible import visible
from erp_mcp.domain.command import Command
from erp_mcp.domain.forms import FormError
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.saga import is_saga, plan_of


def commands(content: Content) -> Iterator[tuple[str, Command, str]]:
    """Yield what would be written: the name of the step (empty for one change alone), the command, and its way back."""
    if not is_saga(content):
        yield "", content.command, ""
        return
    try:
        plan = plan_of(content)
    except FormError:  # what is shown of it then is as it is stored
        yield "", content.command, ""
        return
    for step in plan:
        back = f"taken back by {step.undo_tool}" if step.undo_tool else "can't be taken back"
        yield step.name, step.command, f"{back}: {step.way_back}"


def parts(found: Sequence[Proposal]) -> Iterator[str]:
    """Yield a line about each part of a saga that was begun."""
    for one in found:
        content, receipt = one.content, one.receipt
        way = "way back" if content.undoes else "step"
        document = f", document {visible(receipt.written.document)}" if receipt else ""
        reason = f" ({visible(one.reason)})" if one.reason else ""
        yield f"{way} {visible(content.step)}: {one.state}{reason}{document}, {content.proposal_id}"


def place(one: Place) -> Iterator[str]:
    """Yield where to look for a step, and what is to be there."""
    document = f", document {visible(one.document)}" if one.document else ""
    yield f"  look into: {visible(one.system)} for step {visible(one.step)}, reference {one.reference}{document}"
    if one.back_references:
        yield f"             its way back has reference {', then '.join(one.back_references)}"
    yield f"             {one.told}"


def seen(parts: Sequence[PartSight]) -> Iterator[str]:
    """Yield what the system of each part shows of it."""
    for one in parts:
        way = "way back" if one.is_way_back else "step"
        asked = f", asked: {visible(one.asked)}" if one.asked else ""
        document = f", document {visible(one.found.document)}" if one.found is not None else ""
        yield f"{way} {visible(one.step)} in {visible(one.system)}: {visible(one.answer)}{document}{asked}"
    if not parts:
        yield "nothing of it was begun"


def fields(command: Command) -> Iterator[tuple[str, str]]:
    """Yield each field of a payload by its name, its value as JSON; neither is made visible yet."""
    for name, value in sorted(command.fields.items()):
        yield name, json.dumps(value, ensure_ascii=False)
