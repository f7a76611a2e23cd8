"""Works out one change from facts: rows of the read model, the live records re-read now, and the operation's rules.

It knows nothing of agents beyond their obligations and keeps no state, so the worker does exactly the same again just
before a change is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple

from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.domain.answer import Source
from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.entities import Record
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.left_to_people import unseen
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.parameters import declared
from erp_mcp.domain.tool import Query, Tool
from erp_mcp.errors import (
    InternalError,
    NotAllowedError,
    RuleNotEvaluableError,
    RuleRefusedError,
    SystemReadOnlyError,
    SystemTimeoutError,
)
from erp_mcp.ports import MAX_KEYS, Clock, LiveReads, ReadModel
from erp_mcp.projections import freshness, reads

GONE: Final = "R-GONE"
CUT: Final = "R-FACTS"
LONG_ROWS: Final = 5_000  # an operation over more runs beside the event loop: other calls, pings and cancels go on

_Rows = Mapping[str, tuple[NamedTuple, ...]]
_Live = Mapping[str, tuple[Record, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A change worked out, what it rests on, and which systems' copied data was above its freshness budget.

    `parameters` are what its business rules went by, whether policy says them or not.
    """

    draft: Draft
    sources: tuple[Source, ...]
    stale: tuple[str, ...]
    parameters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What preparing needs; `writable` says per system which operations it takes in this deployment."""

    read_model: ReadModel
    live: LiveReads
    operations: Mapping[str, Operation]
    writable: Mapping[str, frozenset[str]]
    budgets: Mapping[str, FreshnessBudget]
    clock: Clock
    zone: tzinfo
    deadline_s: float = 10.0

    async def prepare(self, tool: Tool, checked: CheckedArguments, obligations: Obligations) -> Prepared:
        """Work out the change that a call of a proposing tool asks for; nothing is written anywhere.

        Args:
            tool: A tool with a command.
            checked: Its checked arguments.
            obligations: Of the decision that allowed it; its sites scope the rows.

        Returns:
            The draft, without any refusal among its checks, and its sources: those of the read model, then live ones.

        Raises:
            StaleDataError, ReadModelNotReadyError, DeadlineError: as for reads.
            RuleRefusedError: `rule.refused`, the first rule that refuses; R-GONE for a record that its system has not.
            RuleNotEvaluableError: `rule.not_evaluable`, when facts are missing or were cut, and for a rule whose facts
                nothing here has and that policy leaves to no person.
            SystemReadOnlyError: `adapter.read_only`, when the record's system takes no such change here.
            NotAllowedError: `policy.not_allowed`, when a field that the role may not read would be looked at, or policy
                says a parameter that the operation has not.
            SystemUnreachableError, SystemTimeoutError, BadAnswerError, SystemRefusedError: the live read failed.
        """
        _check_masks(tool, obligations)
        operation = self.operations[tool.command]
        parameters = _parameters(operation, obligations)
        now = self.clock.plant()
        required, optional = freshness.needed(tool)
        fresh = freshness.assess(required, optional, await self.read_model.states(), self.budgets, obligations, now=now)
        stale = tuple(source.system for source in fresh.sources if source.stale)
        gaps = freshness.skipped_reads(tool, fresh)
        moment = reads.Moment(today=now.astimezone(self.zone).date().isoformat(), now=instant_text(now))
        rows = await self._rows(tool, checked, obligations, moment, gaps)
        live, live_sources = await self._read_live(tool, operation, rows)
        facts = CommandFacts(
            rows=rows,
            live=live,
            arguments=checked.arguments,
            today=moment.today,
            now=moment.now,
            zone=self.zone,
            stale=stale,
            gaps=gaps,
            parameters=parameters,
        )
        draft = self._accepted(operation, await _worked_out(operation, facts))
        _check_left_to_people(tool, draft, obligations)
        return Prepared(draft=draft, sources=(*fresh.sources, *live_sources), stale=stale, parameters=parameters)

    @property
    def today(self) -> str:
        """The plant's business date."""
        return self.clock.plant().astimezone(self.zone).date().isoformat()

    async def record(self, system: str, entity: str, key: str) -> Record:
        """Return one record as its system has it now.

        Raises:
            RuleRefusedError: `rule.refused`, rule R-GONE. Otherwise as `prepare` where the live read fails.
        """
        (found,) = [one for one in await self._records(system, entity, [key]) if one.source_key == key][:1]
        return found

    def _accepted(self, operation: Operation, draft: Draft) -> Draft:
        """Return a draft that its system takes and no rule refuses."""
        if operation.name not in self.writable.get(draft.system, frozenset()):
            raise SystemReadOnlyError(system=draft.system, operation=operation.name)
        refusals = [check for check in draft.checks if check.verdict == "refuse"]
        if refusals:
            first, *others = refusals
            also = {"also": tuple(check.rule for check in others)} if others else {}
            raise RuleRefusedError(**{**first.facts, **also, "rule": first.rule, "message": first.message})
        return draft

    async def _rows(
        self,
        tool: Tool,
        checked: CheckedArguments,
        obligations: Obligations,
        moment: reads.Moment,
        gaps: tuple[str, ...],
    ) -> _Rows:
        got = await reads.run(
            self.read_model,
            tool,
            checked.arguments,
            sites=obligations.sites,
            today=moment.today,
            now=moment.now,
            deadline_s=self.deadline_s,
            skip=gaps,
        )
        if got.truncated:  # a rule that has not seen all it asks for can't say yes
            raise RuleNotEvaluableError(rule=CUT, missing=", ".join(got.truncated), reason="too_many_rows")
        types = self.operations[tool.command].reads
        return {query.name: tuple(map(types[query.name]._make, got.rows[query.name])) for query in tool.reads}

    async def _read_live(self, tool: Tool, operation: Operation, rows: _Rows) -> tuple[_Live, list[Source]]:
        """Read the records behind the rows again from their systems, with their oldest as-of per system."""
        live: dict[str, tuple[Record, ...]] = {}
        as_of: dict[str, str] = {}
        for query in tool.reads:
            if query.name not in operation.live:
                continue
            records: list[Record] = []
            for system, keys in _keys(query, rows[query.name]).items():
                records += await self._records(system, _entity(query), keys)
            for record in records:
                as_of[record.system] = min(as_of.get(record.system, record.as_of), record.as_of)
            live[query.name] = tuple(records)
        sources = [
            Source(system=system, via="live", as_of=at, age_s=0, stale=False) for system, at in sorted(as_of.items())
        ]
        return live, sources

    async def _records(self, system: str, entity: str, keys: Sequence[str]) -> list[Record]:
        found: list[Record] = []
        try:
            async with asyncio.timeout(self.deadline_s):
                for start in range(0, len(keys), MAX_KEYS):
                    found += await self.live.read(system, entity, keys[start : start + MAX_KEYS])
        except TimeoutError:
            raise SystemTimeoutError(system=system) from None
        if not set(keys) <= {record.source_key for record in found}:
            message = f"{system} has this {entity.replace('_', ' ')} no more; read again and propose for what is there."
            raise RuleRefusedError(rule=GONE, message=message, system=system, entity=entity)
        return found


async def _worked_out(operation: Operation, facts: CommandFacts) -> Draft:
    if sum(map(len, facts.rows.values())) > LONG_ROWS:
        return await asyncio.to_thread(operation.function, facts)
    return operation.function(facts)


def _check_masks(tool: Tool, obligations: Obligations) -> None:
    """Refuse to work on what the role may not read: a rule's message or a preview would tell of it."""
    hidden = {mask.field: mask.rule for mask in obligations.masks}
    seen = (one for query in tool.reads for column in query.columns for one in column.fields)
    for one in seen:
        if one in hidden:
            raise NotAllowedError(reason="mask", rule=hidden[one])


def check_way_back(tool: Tool, obligations: Obligations) -> None:
    """Refuse a step of a saga that could never be taken back by itself, since its way back would refuse each time.

    Args:
        tool: By which the step would be taken back.
        obligations: Of the decision about it.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`.
    """
    always = {rule: one.words for rule, one in unseen(tool.command).items() if not one.when}
    _refuse_left_to_nobody(tool, always, obligations)


def _check_left_to_people(tool: Tool, draft: Draft, obligations: Obligations) -> None:
    """Refuse what only a person can look at and policy leaves to none."""
    known = unseen(tool.command)
    found = [one for one in draft.checks if one.verdict == "person"]
    asked = {one.rule: known[one.rule].words if one.rule in known else one.message for one in found}
    _refuse_left_to_nobody(tool, asked, obligations)


def _refuse_left_to_nobody(tool: Tool, asked: Mapping[str, str], obligations: Obligations) -> None:
    """Refuse where policy leaves a rule to nobody; each of them is named, and what would pass."""
    nobody = sorted({*asked} - {*obligations.left_to_people})
    if nobody:
        rules = ", ".join(nobody)
        raise RuleNotEvaluableError(
            rule=rules,
            missing="; ".join(asked[rule] for rule in nobody),
            reason="left_to_nobody",
            message=(
                f"Nothing here knows what {rules} ask{'s' if len(nobody) == 1 else ''} for. An administrator may leave"
                f" that to people: `left_to_people: [{rules}]` in the rule of the policy that grants {tool.name}."
            ),
        )


def _parameters(operation: Operation, obligations: Obligations) -> dict[str, int]:
    """Return what the rules of an operation go by; what can't be fulfilled is a denial."""
    known = declared(operation.name)
    for one in obligations.settings:
        parameter = known.get(one.name)
        if parameter is None or not parameter.least <= one.value <= parameter.most:
            raise NotAllowedError(reason="obligation", rule=one.rule)
    said = {one.name: one.value for one in obligations.settings}
    return {name: said.get(name, one.default) for name, one in known.items()}


def _keys(query: Query, rows: Sequence[NamedTuple]) -> dict[str, list[str]]:
    """Return the source keys behind the rows per system, each once."""
    names = [column.name for column in query.columns]
    system_at, key_at = names.index("system"), names.index("source_key")
    keys: dict[str, list[str]] = {}
    for system, key in dict.fromkeys((row[system_at], row[key_at]) for row in rows):
        if key is not None:  # of an outer join that found nothing
            keys.setdefault(str(system), []).append(str(key))
    return keys


def _entity(query: Query) -> str:
    """Return the entity whose records a read names by `source_key`."""
    (column,) = (one for one in query.columns if one.name == "source_key")
    entities = {field.partition(".")[0] for field in column.fields}
    if len(entities) != 1:
        raise InternalError
    return entities.pop()
