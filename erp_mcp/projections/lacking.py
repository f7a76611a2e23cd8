"""What an answer is without because a system does not keep a field: a pure judgement over needs and states.

Three things can rest on a field: which rows are chosen (by an argument or by the tool itself), what a column shows, and
what an analysis can find. Where the rows that a tool is about can't be chosen at all, the call is refused; all else is
named and the rest stands. An empty column is named and leaves the answer whole; a choice or a figure made without a
field does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.domain.analysis import Dependence
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.tool import Column, Needs, Query, Tool
from erp_mcp.errors import FieldNotKeptError

REASON: Final = "no_field"
Arguments = Mapping[str, ArgumentValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What an answer is without. `fields` no system of it keeps; `gaps` name each field that matters, by system.

    `unchosen` names reads with the systems whose rows nothing chooses: of these, none is read.
    """

    gaps: tuple[Gap, ...] = ()
    fields: frozenset[str] = frozenset()
    unchosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    complete: bool = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """The gaps in words: one sentence per system."""
        by_system: defaultdict[str, list[Gap]] = defaultdict(list)
        for gap in self.gaps:
            by_system[gap.system].append(gap)
        return tuple(_sentence(system, gaps) for system, gaps in sorted(by_system.items()))


NOTHING_LACKS: Final = Lacking()


def assess(
    tool: Tool,
    arguments: Arguments,
    states: Mapping[str, tuple[EntityState, ...]],
    dependences: Iterable[Dependence] = (),
) -> Lacking:
    """Judge what the answer to a call is without.

    Args:
        tool: The tool.
        arguments: Checked arguments, with their defaults.
        states: Per entity, one state for each system that offers it.
        dependences: What the tool's analysis rests on, if it has one.

    Returns:
        Gaps, and the reads of whose rows some can't be taken.

    Raises:
        FieldNotKeptError: `answer.field_not_kept`, when no system keeps what the tool's first rows are chosen by; with
            the systems, the fields, and the argument that asks for them, if one does.
    """
    lacks = _lacks(tool, states)
    if not lacks:
        return NOTHING_LACKS
    judge = _Judge(tool, arguments, lacks, states)
    judge.refuse_empty()
    unchosen = {query.name: found for query in tool.reads if (found := judge.unchosen(query))}
    affected = judge.of_analysis(dependences) if tool.analysis else judge.of_tables()
    gaps = tuple(
        Gap(entity=name.partition(".")[0], field=name.partition(".")[2], reason=REASON, system=system, affects=labels)
        for system in sorted(lacks)
        for name, labels in sorted(affected.items())
        if name in lacks[system]
    )
    return Lacking(gaps=gaps, fields=judge.nowhere, unchosen=unchosen, complete=judge.complete)


class _Judge:
    def __init__(
        self,
        tool: Tool,
        arguments: Arguments,
        lacks: Mapping[str, frozenset[str]],
        states: Mapping[str, tuple[EntityState, ...]],
    ) -> None:
        self._tool = tool
        self._arguments = arguments
        self._lacks = lacks
        self._offered = {
            entity: frozenset(state.system for state in states.get(entity, ()) if state.as_of)
            for entity in tool.entities
        }
        self._asked = [one for one in tool.arguments if _asks(arguments.get(one.name))]
        asked = {one.name for one in self._asked}
        self._hidden = frozenset(name for one in tool.arguments if one.name not in asked for name in one.shapes)
        self._anywhere: frozenset[str] = frozenset().union(*lacks.values())
        self.nowhere = frozenset(
            name
            for name in self._anywhere
            if all(name in lacks.get(system, ()) for system in self._offered[_entity(name)])
        )
        self.complete = True

    def refuse_empty(self) -> None:
        """Refuse a call whose first rows nothing could choose: whatever came would be wrong."""
        first = self._tool.reads[0]
        if _stands(first.needs, self._arguments, self.nowhere):
            return
        fields = sorted(self.nowhere & set(_looked_at(first.needs, self._arguments)))
        asked = [name for field in fields for name in self._asked_by(field)]
        systems = sorted(system for system, lacking in self._lacks.items() if lacking & set(fields))
        facts = {"argument": asked[0]} if asked else {}
        raise FieldNotKeptError(systems=tuple(systems), fields=tuple(fields), **facts)

    def unchosen(self, query: Query) -> frozenset[str]:
        """Return the systems whose rows a read can't choose."""
        return frozenset(
            system
            for system, lacking in self._lacks.items()
            if lacking and not _stands(query.needs, self._arguments, lacking)
        )

    def of_tables(self) -> dict[str, tuple[str, ...]]:
        """Return the fields that matter to a list or a document, each with what is without it."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for query in self._tool.reads:
            for name in self._anywhere.intersection(_looked_at(query.needs, self._arguments)):
                found[name] += self._asked_by(name) or [query.name]
                self.complete = False
        for argument in self._asked:
            for name in self._anywhere.intersection(argument.shapes):
                found[name].append(argument.name)
                self.complete = False
        for label, column in self._columns():
            without = self._anywhere.intersection(column.fields) - self._hidden
            for name in without:
                found[name].append(label)
            self.complete &= not without or self._empty(column)
        return {name: tuple(dict.fromkeys(labels)) for name, labels in found.items()}

    def of_analysis(self, dependences: Iterable[Dependence]) -> dict[str, tuple[str, ...]]:
        """Return the fields that matter to an analysis, each with what it can't tell without."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for one in dependences:
            fields = [name for name in one.fields if _entity(name) in self._offered]
            for name in self._anywhere.intersection(fields):
                if any(self._without_all(system, fields) for system in self._lacks if name in self._lacks[system]):
                    found[name] += one.tells
        return {name: tuple(dict.fromkeys(labels)) for name, labels in found.items()}

    def _without_all(self, system: str, fields: Iterable[str]) -> bool:
        """Return whether nobody keeps any of the fields for the records of a system."""
        return not any(self._kept_for(system, name) for name in fields)

    def _kept_for(self, system: str, name: str) -> bool:
        if system in self._offered[_entity(name)]:
            return name not in self._lacks.get(system, ())
        return name not in self.nowhere

    def _empty(self, column: Column) -> bool:
        """Return whether a column has no value where its field is not kept, and so shows nothing that is wrong."""
        return all(
            not _stands(column.needs, self._arguments, lacking)
            for lacking in self._lacks.values()
            if lacking.intersection(column.fields)
        )

    def _columns(self) -> Iterator[tuple[str, Column]]:
        several = len(self._tool.tables) > 1
        for table in self._tool.tables:
            for column in table.columns:
                yield f"{table.name}.{column.name}" if several else column.name, column

    def _asked_by(self, name: str) -> list[str]:
        return [one.name for one in self._asked if name in one.fields]


def _lacks(tool: Tool, states: Mapping[str, tuple[EntityState, ...]]) -> dict[str, frozenset[str]]:
    """Return the `entity.field` names that each system does not keep, of what the tool reads and it has given."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for entity in tool.entities:
        for state in states.get(entity, ()):
            if state.as_of and state.lacks:
                found[state.system].update(f"{entity}.{name}" for name in state.lacks)
    return {system: frozenset(names) for system, names in found.items()}


def _stands(needs: Needs, arguments: Arguments, lacking: Collection[str]) -> bool:
    """Return whether rows are chosen as a statement says without these fields."""
    if needs.kind == "field":
        return needs.name not in lacking
    if needs.kind == "given":
        return _holds(needs, arguments)
    if needs.kind == "any":
        return any(_stands(one, arguments, lacking) for one in needs.parts)
    return needs.kind == "noted" or all(_stands(one, arguments, lacking) for one in needs.parts)


def _looked_at(needs: Needs, arguments: Arguments) -> Iterator[str]:
    """Yield the fields by which rows are chosen, but for those behind an argument that asks for nothing."""
    if needs.kind == "field":
        yield needs.name
    if needs.kind == "any" and any(one.kind == "given" and _holds(one, arguments) for one in needs.parts):
        return
    for one in needs.parts:
        yield from _looked_at(one, arguments)


def _holds(needs: Needs, arguments: Arguments) -> bool:
    value = arguments.get(needs.name)
    return (None if value is False else value) == (None if needs.value is False else needs.value)


def _asks(value: ArgumentValue) -> bool:
    return value is not None and value is not False and value != ()


def _entity(name: str) -> str:
    return name.partition(".")[0]


def _sentence(system: str, gaps: Iterable[Gap]) -> str:
    names = ", ".join(gap.name for gap in gaps)
    without = ", ".join(dict.fromkeys(label for gap in gaps for label in gap.affects))
    return f"{system} does not keep {names}; empty, or told without it: {without}."
