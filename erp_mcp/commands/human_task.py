"""`human_task.create`: ask a person to do something; nothing is written to any system of record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from erp_mcp.commands.safe_work import goes_around
from erp_mcp.commands.verdicts import MAX_AHEAD_DAYS, ok, person, refuse, text_argument
from erp_mcp.domain import human_task
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.days import shift
from erp_mcp.domain.left_to_people import ROSTER
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check

_CALL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")


def create(facts: CommandFacts) -> Draft:
    """Work out one task for a person."""
    role, site, title = (text_argument(facts, name) for name in ("role", "site", "title"))
    fields: dict[str, JsonValue] = {
        "site": site,
        "role": role,
        "title": title,
        "instructions": text_argument(facts, "instructions"),
        "evidence": [*_evidence(facts)],
        "subject": text_argument(facts, "subject_id"),
        "due": text_argument(facts, "due"),
    }
    return Draft(
        system=human_task.SYSTEM,
        key="",
        version_token="",
        fields=fields,
        document="",
        headline=f"Ask {role} at site {site}: {title}",
        changes=tuple(_changes(fields)),
        checks=tuple(_checks(facts)),
        effects=(
            "A person finds the task in `erp-mcp tasks list`; no agent is told what they do.",
            "Undo: the task can be cancelled as long as it is open.",
        ),
    )


def text_checks(title: str, instructions: str) -> Iterator[Check]:
    """Yield whether the words of a task may be put before somebody at a machine."""
    if goes_around(title) or goes_around(instructions):
        message = "A task never speaks of going without a protection, a check or an approval: say what to look at."
        yield refuse("R-TASK-SAFE", message)
    else:
        yield ok("R-TASK-SAFE", "No sentence speaks of going without a protection, a check or an approval.")


def due_checks(facts: CommandFacts) -> Iterator[Check]:
    """Yield whether the day by which it is wanted can be met at all."""
    due = text_argument(facts, "due")
    if not due:
        return
    latest = shift(facts.today, MAX_AHEAD_DAYS)
    if not facts.today <= due <= latest:
        yield refuse("R-TASK-DUE", f"A day from {facts.today} to {latest} would pass.", due=due)
    else:
        yield ok("R-TASK-DUE", "The day is within a year.")


def _checks(facts: CommandFacts) -> Iterator[Check]:
    yield from text_checks(text_argument(facts, "title"), text_argument(facts, "instructions"))
    yield from due_checks(facts)
    strange = [one for one in _evidence(facts) if _CALL_ID.fullmatch(one) is None]
    if strange:
        yield refuse("R-TASK-EVIDENCE", "Evidence is the `call_id` of answers that you got; leave out anything else.")
    yield person(ROSTER)


def _changes(fields: dict[str, JsonValue]) -> Iterator[Change]:
    for name, value in fields.items():
        told = ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
        if told:
            yield Change(field=name, before="", after=told)


def _evidence(facts: CommandFacts) -> tuple[str, ...]:
    value = facts.arguments.get("evidence")
    return tuple(str(one) for one in value) if isinstance(value, tuple) else ()


OPERATION: Final = Operation(
    name=human_task.CREATE,
    entity=human_task.ENTITY,
    function=create,
    reads={},
    irreversible="A task is cancelled by a person: erp-mcp tasks cancel.",
    unverified=frozenset({"subject", "evidence"}),
)
