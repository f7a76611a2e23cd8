"""Step (5) of a read in detail: rows from the read model, through an analysis where the tool has one, to an answer.

Order matters: masks are applied to what an analysis sees and again to what comes out, paging and the size limit work on
the rows as shown, and the cursor is sealed to the question it continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import partial
from typing import Final, NamedTuple

from erp_mcp import answers
from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell, never_empty
from erp_mcp.domain.answer import Answer, ResultTable
from erp_mcp.domain.decision import Mask, Obligations
from erp_mcp.domain.derivation import Derivation, Moment
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Query, Table, Tool
from erp_mcp.errors import DeadlineError, FaultError, MaskedFieldError, NotAllowedError
from erp_mcp.policy import obligations as duties
from erp_mcp.ports import ReadModel, Row, SqlValue, WorksOut
from erp_mcp.projections import paging, reads
from erp_mcp.projections.freshness import Freshness, skipped_reads
from erp_mcp.projections.kept_findings import KeptFindings
from erp_mcp.projections.lacking import NOTHING_LACKS, Lacking

LONG_ROWS: Final = 5_000  # an analysis of more runs beside the event loop: other calls, pings and cancels go on

RawRows = Sequence[tuple[RawCell, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Secrets of the deployment: one for mask tokens, one for cursors."""

    masks: bytes
    cursors: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A validated, allowed question and what must be done for the permission to count."""

    principal: Principal
    tool: Tool
    checked: CheckedArguments
    obligations: Obligations
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Rows per result table, masked; `after` continues the paged table, `None` when there is no more."""

    tables: Mapping[str, RawRows]
    after: tuple[SqlValue, ...] | None
    complete: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Basis:
    """What an answer stands on, and without."""

    fresh: Freshness
    without: Lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading needs, for one moment of the plant clock (`today` business date, `now` UTC instant).

    `states` is what the read model gave as its states for this answer; `kept` what was found on them before.
    """

    read_model: ReadModel
    analyses: Mapping[str, Analysis]
    keys: Keys
    today: str
    now: str
    deadline_s: float
    zone: tzinfo
    states: object = None
    kept: KeptFindings = field(default_factory=KeptFindings)

    async def answer(self, question: Question, fresh: Freshness, without: Lacking = NOTHING_LACKS) -> Answer:
        """Return the answer to a question from sources whose age, and what they do not keep, has been judged."""
        page = self._page(question)
        found = await self._find(question, _Basis(fresh=fresh, without=without), page)
        shaped, removed = _shape(question, found.tables)
        warnings = [*fresh.warnings, *without.warnings, *found.warnings]
        if removed:
            warnings.append(f"{removed} hidden or control characters were removed from text.")
        answer = Answer(
            tables=shaped,
            complete=fresh.complete and without.complete and found.complete,
            sources=list(fresh.sources),
            warnings=warnings,
            call_id=question.call_id,
            next_cursor=self._cursor(question, found.after) if found.after is not None else "",
            definition_id=question.tool.definition_id,
            gaps=[*fresh.gaps, *without.gaps],
        )
        return self._fitted(question, found, answer)

    async def _find(self, question: Question, basis: _Basis, page: paging.Page) -> _Found:
        tool = question.tool
        if tool.analysis:
            with _fulfilled(question):
                findings = await self._findings(question, basis)
                tables, after = self._paged(question, findings, page)
            return _Found(tables=tables, after=after, complete=findings.complete, warnings=findings.warnings)
        got = await self._rows(question, basis, page)
        cut = _cut(got)
        shown = {table.name: self._masked(question, table, got.rows[table.name]) for table in tool.tables}
        return _Found(tables=shown, after=got.next_after, complete=not cut, warnings=cut)

    async def _findings(self, question: Question, basis: _Basis) -> Findings:
        """Return what the analysis finds over all its rows, whichever page is asked for."""
        asked = self._asked(question, basis)
        known = self.kept.find(self.states, asked)
        if known is not None:
            return known
        found = await self._ahead(question, basis) or await self._whole(question, basis)
        if self.states is await self.read_model.states():  # nothing was written while it was looked up
            self.kept.keep(self.states, asked, found)
        return found

    def _asked(self, question: Question, basis: _Basis) -> Hashable:
        """Return all that findings depend on beside the rows in the read model."""
        tool, without = question.tool, basis.without
        analysis = self.analyses[tool.analysis]
        timed = analysis.timed or any("now" in query.parameters for query in tool.reads)
        return (
            tool.hash,
            tuple(sorted(question.checked.arguments.items())),
            question.obligations.sites,
            question.obligations.masks,
            self.today,
            self.now if timed else "",
            skipped_reads(tool, basis.fresh),
            (basis.fresh.gaps, without.gaps, without.fields),
            tuple(sorted((read, tuple(sorted(systems))) for read, systems in without.unchosen.items())),
        )

    async def _whole(self, question: Question, basis: _Basis) -> Findings:
        """Answer from all the rows that the analysis reads."""
        clock = asyncio.get_running_loop().time
        end = clock() + self.deadline_s
        got = await self._rows(question, basis, None)
        if sum(map(len, got.rows.values())) > LONG_ROWS:
            findings = await _in_time(partial(self._analyse, question, got, basis), max(end - clock(), 0.0), question)
        else:
            findings = self._analyse(question, got, basis)
        cut = _cut(got)
        return replace(findings, complete=findings.complete and not cut, warnings=cut + findings.warnings)

    async def _rows(self, question: Question, basis: _Basis, page: paging.Page | None) -> reads.ReadRows:
        return await reads.run(
            self.read_model,
            question.tool,
            question.checked.arguments,
            sites=question.obligations.sites,
            today=self.today,
            now=self.now,
            deadline_s=self.deadline_s,
            page=page,
            skip=skipped_reads(question.tool, basis.fresh),
            left_out=basis.without.unchosen,
        )

    async def _ahead(self, question: Question, basis: _Basis) -> Findings | None:
        """Answer from rows worked out ahead of time, where they hold for this role and these sources as they are."""
        analysis = self.analyses.get(question.tool.analysis)
        way = analysis.ahead if analysis else None
        if analysis is None or way is None or not isinstance(self.read_model, WorksOut):
            return None
        if not _may_use(way, question, basis) or _lacks_input(analysis, question):
            return None
        moment = Moment(today=self.today, now=self.now, zone=self.zone)
        sites = question.obligations.sites
        wanted = way.only(question.checked.arguments, self.today) if way.only else {}
        derivations = [replace(one, only=wanted.get(one.name)) for one in way.derivations]
        rows = await self.read_model.worked_out(derivations, moment, sites=sites, deadline_s=self.deadline_s)
        if rows is None:
            return None
        beside = await self._beside(question, basis, way, rows) if way.reads else {}
        if beside is None:
            return None
        masks = question.obligations.masks
        worked_out = {one.name: _shown(one, rows[one.name], masks) for one in way.derivations}
        return way.function(self._facts(question, basis, {**worked_out, **beside}))

    async def _beside(
        self, question: Question, basis: _Basis, way: Ahead, worked_out: Mapping[str, list[Row]]
    ) -> Mapping[str, tuple[NamedTuple, ...]] | None:
        """Return the small reads that go with what was worked out, `None` where one is not small.

        A derivation that is called as one of them gives its rows, so that later ones can look up by what it found.
        """
        small = replace(question.tool, reads=tuple(one for one in question.tool.reads if one.name in way.reads))
        got = await reads.run(
            self.read_model,
            small,
            question.checked.arguments,
            sites=question.obligations.sites,
            today=self.today,
            now=self.now,
            deadline_s=self.deadline_s,
            skip=skipped_reads(small, basis.fresh),
            known={name: found for name, found in worked_out.items() if name in way.reads},
        )
        return None if got.truncated else self._typed(question, small.reads, got)

    def _analyse(self, question: Question, got: reads.ReadRows, basis: _Basis) -> Findings:
        """Run the analysis over typed rows from which masked fields are gone already."""
        facts = self._facts(question, basis, self._typed(question, question.tool.reads, got))
        return self.analyses[question.tool.analysis].function(facts)

    def _typed(
        self, question: Question, taken: Iterable[Query], got: reads.ReadRows
    ) -> Mapping[str, tuple[NamedTuple, ...]]:
        """Return the rows of some of a tool's reads as their types, masked as all of its reads call for."""
        masks = _masks(question)
        analysis = self.analyses[question.tool.analysis]
        typed: dict[str, tuple[NamedTuple, ...]] = {}
        for query in taken:
            rows = duties.mask_inputs(query.columns, got.rows[query.name], masks, self.keys.masks)
            row_type = analysis.reads[query.name]
            typed[query.name] = tuple(map(row_type._make, rows))
        return typed

    def _facts(self, question: Question, basis: _Basis, rows: Mapping[str, tuple[NamedTuple, ...]]) -> Facts:
        return Facts(
            rows=rows,
            arguments=question.checked.arguments,
            today=self.today,
            now=self.now,
            gaps=(*basis.fresh.gaps, *basis.without.gaps),
            zone=self.zone,
            lacking=basis.without.fields,
        )

    def _paged(
        self, question: Question, findings: Findings, page: paging.Page
    ) -> tuple[dict[str, RawRows], tuple[SqlValue, ...] | None]:
        tables: dict[str, RawRows] = {}
        after: tuple[SqlValue, ...] | None = None
        for table in question.tool.tables:
            rows: RawRows = findings.tables.get(table.name, [])
            if table.paged:
                rows, after = paging.page_rows(table, rows, page)
            tables[table.name] = self._masked(question, table, rows, inputs_masked=True)
        return tables, after

    def _masked(self, question: Question, table: Table, rows: RawRows, *, inputs_masked: bool = False) -> RawRows:
        masks = _masks(question)
        if table.paged and duties.sort_is_masked(table, masks):
            raise MaskedFieldError(argument="order", rule="sort")
        return duties.mask_rows(table.columns, rows, masks, self.keys.masks, inputs_masked=inputs_masked)

    def _page(self, question: Question) -> paging.Page:
        after = paging.unseal(self.keys.cursors, self._about(question), question.checked.cursor)
        return paging.Page(limit=min(question.checked.limit, question.obligations.max_rows), after=after)

    def _cursor(self, question: Question, after: Sequence[SqlValue]) -> str:
        return paging.seal(self.keys.cursors, self._about(question), after)

    def _about(self, question: Question) -> paging.Question:
        return paging.Question(tool=question.tool, principal=question.principal, arguments=question.checked.arguments)

    def _fitted(self, question: Question, found: _Found, answer: Answer) -> Answer:
        """Cut the answer to its token limit; what is cut of a paged table is reached by the cursor."""
        table = question.tool.paged
        if table is None:
            return answers.fit(answer)

        def cursor_after(kept: int) -> str:
            row = found.tables[table.name][kept - 1]
            after = [row[position] for position in paging.sort_positions(table)]
            return self._cursor(question, [_sql(value) for value in after])

        return answers.fit(answer, paged=table.name, cursor_after=cursor_after)


@contextmanager
def _fulfilled(question: Question) -> Iterator[None]:
    """Refuse what a mask makes impossible: an analysis, or a row of its page, reckons with a token or with nothing."""
    try:
        yield
    except (TypeError, ValueError):
        read = {field for query in question.tool.reads for column in query.columns for field in column.fields}
        rule = next((mask.rule for mask in question.obligations.masks if mask.field in read), None)
        if rule is None:
            raise
        raise NotAllowedError(reason="obligation", rule=rule) from None


async def _in_time(work: Callable[[], Findings], left_s: float, question: Question) -> Findings:
    """Work beside the event loop, for as long as the call has left; nobody waits for what is found later."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(work), left_s)
    except TimeoutError:
        raise DeadlineError(tool=question.tool.name) from None


def _cut(got: reads.ReadRows) -> tuple[str, ...]:
    return tuple(f"{name} was cut at its row limit; narrow the question." for name in got.truncated)


def _shown(derivation: Derivation, rows: RawRows, masks: Sequence[Mask]) -> tuple[NamedTuple, ...]:
    """Return rows as their type, without what shows a masked field."""
    masked = {mask.field for mask in masks}
    hidden = {name: None for name, fields in derivation.shows.items() if not masked.isdisjoint(fields)}
    found = map(derivation.row._make, rows)
    return tuple(one._replace(**hidden) for one in found) if hidden else tuple(found)


def _may_use(way: Ahead, question: Question, basis: _Basis) -> bool:
    """Return whether what was worked out is what this role would find: no mask on it, all its sources in use.

    A source that was never read is as absent here as it was there; one that has become too old is not.
    """
    fields = frozenset[str]().union(*(one.fields for one in way.derivations))
    entities = frozenset[str]().union(*(one.entities for one in way.derivations))
    too_old = any(gap.reason == "too_old" and gap.entity in entities for gap in basis.fresh.gaps)
    shown = {field for one in way.derivations for fields in one.shows.values() for field in fields}
    # A token in place of a value is no empty cell: what shows it is told the long way.
    masked = any(
        mask.field in fields or (mask.field in shown and mask.way == "hash") for mask in question.obligations.masks
    )
    return not (too_old or masked or basis.without.unchosen)


def _lacks_input(analysis: Analysis, question: Question) -> bool:
    """Whether a mask takes away what the analysis can't do without: it is refused then, worked out ahead or not."""
    masked = {mask.field for mask in question.obligations.masks}
    return bool(masked) and any(
        not masked.isdisjoint(query.columns[place].fields)
        for query in question.tool.reads
        for place, _ in never_empty(analysis.reads[query.name])
    )


def _shape(question: Question, tables: Mapping[str, RawRows]) -> tuple[dict[str, ResultTable], int]:
    shaped: dict[str, ResultTable] = {}
    removed = 0
    for table in question.tool.tables:
        shown = replace(table, columns=duties.mask_columns(table.columns, _masks(question)))
        shaped[table.name], taken_out = answers.shape(shown, tables[table.name])
        removed += taken_out
    return shaped, removed


def _masks(question: Question) -> Sequence[Mask]:
    """Return the masks of the answer: what an analysis did not get it does not show either, wherever it found it."""
    masks, tool = question.obligations.masks, question.tool
    return duties.input_masks(tool.reads, masks) if tool.analysis and masks else masks


def _sql(value: RawCell) -> SqlValue:
    if isinstance(value, tuple):
        raise FaultError
    return int(value) if isinstance(value, bool) else value
