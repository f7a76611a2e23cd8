"""How an operation says what a rule found, and how it gets its rows and records."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar, cast

from erp_mcp.domain.entities import Record
from erp_mcp.domain.left_to_people import Unseen
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.proposal import Check
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError

MAX_AHEAD_DAYS: Final = 366  # no change is proposed for a later day than this

Row = TypeVar("Row", bound=NamedTuple)
Entity = TypeVar("Entity", bound=Record)


def ok(rule: str, message: str, **facts: str | int) -> Check:
    """Return that a rule is kept."""
    return Check(rule=rule, verdict="ok", message=message, facts=facts)


def flag(rule: str, message: str, **facts: str | int) -> Check:
    """Return what an approver has to know of a rule."""
    return Check(rule=rule, verdict="flag", message=message, facts=facts)


def person(unseen: Unseen, message: str = "", **facts: str | int) -> Check:
    """Return that nothing here has the facts of a rule, so that a person has to look; `message` where more is known."""
    told = message or f"Not looked at here: {unseen.words}."
    return Check(rule=unseen.rule, verdict="person", message=told, facts=facts)


def refuse(rule: str, message: str, **facts: str | int) -> Check:
    """Return that a rule is broken; the message says what would pass."""
    return Check(rule=rule, verdict="refuse", message=message, facts=facts)


def refused(rule: str, message: str, **facts: str | int) -> RuleRefusedError:
    """Return the refusal for what leaves no draft at all, since the record to write is not there."""
    return RuleRefusedError(**{**facts, "rule": rule, "message": message})


def rows_of(facts: CommandFacts, name: str, row: type[Row]) -> tuple[Row, ...]:
    """Return the rows of one read; they were built from `row`, which is registered for it."""
    del row
    return cast("tuple[Row, ...]", facts.rows.get(name, ()))


def need(facts: CommandFacts, rule: str, *reads: str) -> None:
    """Make sure that a rule sees everything it has to look at.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, when one of the reads was left out.
    """
    missing = [name for name in reads if name in facts.gaps]
    if missing:
        raise RuleNotEvaluableError(rule=rule, missing=", ".join(missing))


def live_record(facts: CommandFacts, read: str, system: str, source_key: str, entity: type[Entity]) -> Entity:
    """Return the record behind a row as its system has it now.

    Raises:
        RuleRefusedError: `rule.refused`, rule R-GONE, when the system has it no more.
    """
    for record in facts.live.get(read, ()):
        if isinstance(record, entity) and (record.system, record.source_key) == (system, source_key):
            return record
    message = "The system has this record no more; read again and propose for what is there."
    raise refused("R-GONE", message, system=system, entity=entity.ENTITY)


def stale_checks(facts: CommandFacts) -> list[Check]:
    """Return a flag where what was looked at is older than it should be."""
    if not facts.stale:
        return []
    message = "Copied data behind these checks is older than its freshness budget."
    return [flag("R-FRESH", message, systems=", ".join(facts.stale))]


def known(code: str | None, *expected: str) -> str:
    """Return a code of a system where it is one of those expected, else `other`: what is unknown is not passed on."""
    return code if code in expected else "other"


def text_argument(facts: CommandFacts, name: str) -> str:
    """Return a text argument, empty where it is absent."""
    value = facts.arguments.get(name)
    return value if isinstance(value, str) else ""
