"""How old is what an answer would rest on, and may it still be used: a pure judgement over the read model's states.

Age is measured on the plant clock from the oldest reading used. Above its budget data is flagged; above the role's
factor times the budget it is refused where the tool needs it, and left out as a gap where the tool can do without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from erp_mcp.domain.answer import Gap, Source
from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.freshness import EntityState, FreshnessBudget
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import ReadModelNotReadyError, StaleDataError

RULE: Final = "F-STALE"
UNKNOWN_BUDGET_S: Final = 300  # an entity without a budget gets a strict one rather than none


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What an answer may say of its sources.

    One source per system, with the oldest reading used. `gaps` name entities that could not be used; `warnings` say the
    same in words, with suspect clocks. `complete` is false as soon as there is a gap.
    """

    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...]
    warnings: tuple[str, ...]
    stale: bool

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for could be used."""
        return not self.gaps


def needed(tool: Tool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the entities that a tool can't do without, and those that only its optional reads look at."""
    required = {entity for query in tool.reads if not query.optional for entity in query.entities}
    return tuple(sorted(required)), tuple(sorted(set(tool.entities) - required))


def skipped_reads(tool: Tool, freshness: Freshness) -> tuple[str, ...]:
    """Return the optional reads that look at an entity with a gap; they are left out as a whole."""
    missing = {gap.entity for gap in freshness.gaps}
    return tuple(query.name for query in tool.reads if query.optional and missing & set(query.entities))


def assess(
    entities: Iterable[str],
    optional_entities: Iterable[str],
    states: Mapping[str, tuple[EntityState, ...]],
    budgets: Mapping[str, FreshnessBudget],
    obligations: Obligations,
    *,
    now: datetime,
) -> Freshness:
    """Judge the age of everything a tool reads.

    Args:
        entities: Entities the tool needs.
        optional_entities: Entities it can do without.
        states: Per entity, one state for each system that offers it.
        budgets: Freshness budgets of the deployment.
        obligations: Overriding budgets and the factor at which reads are refused.
        now: The plant clock, aware.

    Returns:
        Sources, gaps and warnings for the answer.

    Raises:
        StaleDataError: `freshness.stale`, with rule, entity, system, age and budget in seconds.
        ReadModelNotReadyError: `read_model.not_ready`, when a needed entity is offered but was never synchronised.
    """
    judge = _Judge(states, budgets, obligations, now)
    for entity in sorted(set(entities)):
        judge.look(entity, required=True)
    for entity in sorted(set(optional_entities)):
        judge.look(entity, required=False)
    return judge.verdict()


class _Judge:
    def __init__(
        self,
        states: Mapping[str, tuple[EntityState, ...]],
        budgets: Mapping[str, FreshnessBudget],
        obligations: Obligations,
        now: datetime,
    ) -> None:
        self._states = states
        self._budgets = budgets
        self._overriding = dict(obligations.budgets_s)
        self._factor = obligations.max_age_factor
        self._now = now
        self._oldest: dict[str, tuple[int, str]] = {}  # system -> age, as of
        self._stale: set[str] = set()
        self._gaps: list[Gap] = []
        self._warnings: list[str] = []

    def look(self, entity: str, *, required: bool) -> None:
        offered = self._states.get(entity, ())
        if not offered:
            self._gap(Gap(entity=entity, reason="no_source"), f"No connected system offers {entity}.")
            return
        usable = [state for state in offered if self._usable(state, required)]
        for state in usable:
            self._use(state)

    def verdict(self) -> Freshness:
        sources = tuple(
            Source(system=system, via="read_model", as_of=as_of, age_s=age, stale=system in self._stale)
            for system, (age, as_of) in sorted(self._oldest.items())
        )
        return Freshness(
            sources=sources,
            gaps=tuple(self._gaps),
            warnings=tuple(dict.fromkeys(self._warnings)),
            stale=bool(self._stale),
        )

    def _usable(self, state: EntityState, required: bool) -> bool:
        if not state.as_of:
            if required:
                raise ReadModelNotReadyError(entity=state.entity, system=state.system)
            gap = Gap(entity=state.entity, reason="never_synchronised", system=state.system)
            self._gap(gap, f"{state.entity} of {state.system} was never completely synchronised.")
            return False
        age, budget = self._age(state.as_of), self._budget(state.entity)
        if age <= self._factor * budget:
            return True
        if required:
            raise StaleDataError(rule=RULE, entity=state.entity, system=state.system, age_s=age, budget_s=budget)
        gap = Gap(entity=state.entity, reason="too_old", system=state.system, as_of=state.as_of)
        self._gap(gap, f"{state.entity} of {state.system} is {age} s old (budget {budget} s) and was left out.")
        return False

    def _use(self, state: EntityState) -> None:
        age = self._age(state.as_of)
        if state.system not in self._oldest or age > self._oldest[state.system][0]:
            self._oldest[state.system] = (age, state.as_of)
        if age > self._budget(state.entity):
            self._stale.add(state.system)
        if state.clock_suspect:
            self._warnings.append(f"The clock of {state.system} is off; ages of its data are uncertain.")

    def _gap(self, gap: Gap, warning: str) -> None:
        self._gaps.append(gap)
        self._warnings.append(warning)

    def _age(self, as_of: str) -> int:
        return max(0, int((self._now - datetime.fromisoformat(as_of)).total_seconds()))

    def _budget(self, entity: str) -> int:
        if entity in self._overriding:
            return self._overriding[entity]
        budget = self._budgets.get(entity)
        return UNKNOWN_BUDGET_S if budget is None else budget.budget_s
