"""One pass over one entity of one system."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import Final

from erp_mcp.domain.entities import Record
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.instants import instant_text, seconds_between
from erp_mcp.domain.kept_fields import left_out
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError
from erp_mcp.ports import Adapter, ChangePage, Clock, Ids, KnowsLacking, ReadModelWriter
from erp_mcp.sync.cursor import Cursor, identity_digest, mapping_digest, parse_cursor
from erp_mcp.sync.identity import CrossReferences, Identities
from erp_mcp.sync.report import OnProgress, Progress

MAX_SKEW_S: Final = 30.0
MANY_ROWS: Final = 100  # that are never all gone from one pass to the next, however a system answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all passes of one run over one system share."""

    adapter: Adapter
    profile: Profile
    writer: ReadModelWriter
    clock: Clock
    ids: Ids
    identities: Identities
    full: bool
    skewed: bool
    progress: OnProgress | None


@dataclass(slots=True, kw_only=True)
class PassCount:
    """What a pass has done so far; it tells also when the pass fails."""

    changed: int = 0
    removed: int = 0
    resumed: bool = False


class EntityPass:
    """Takes one entity from where it stands to what the system holds now."""

    def __init__(self, run: Run, entity: str) -> None:
        """Prepare a pass; nothing is read yet."""
        self._run = run
        self._entity = entity
        self._system = run.adapter.system
        self._began = instant_text(run.clock.plant())
        self._as_of = self._began
        self._suspect = run.skewed
        self._named = 0
        self.count = PassCount()

    async def execute(self) -> EntityState:
        """Read and apply all pages, and record the end.

        Returns:
            Where the entity stands now.

        Raises:
            GatewayError: what the adapter raises; `sync.identity_conflict`; `adapter.bad_answer` for a pass without an
            end, and for one that names nothing where there was much.
        """
        cursor = self._start()
        try:
            await self._pages(cursor)
        except BadAnswerError as failure:
            if failure.facts.get("field") != "watermark" or not cursor.watermark:
                raise
            await self._pages(self._fresh())  # the watermark is of an older adapter: read everything again
        return self._end()

    def _start(self) -> Cursor:
        state = self._run.writer.state(self._system, self._entity)
        stored = parse_cursor(state.watermark) if state else None
        fresh = self._fresh()
        if stored is None or self._run.full or (stored.mapping, stored.identity) != (fresh.mapping, fresh.identity):
            return fresh
        self.count.resumed = not stored.done
        if stored.done:
            return dataclasses.replace(fresh, watermark=stored.watermark)
        return stored

    def _fresh(self) -> Cursor:
        profile = self._run.profile
        return Cursor(
            mapping=mapping_digest(profile, self._entity),
            identity=identity_digest(profile),
            pass_id=self._run.ids.new(),
            snapshot=False,
            done=False,
            watermark="",
        )

    async def _pages(self, cursor: Cursor) -> None:
        first = True
        async for page in self._run.adapter.changes(self._entity, cursor.watermark):
            if first and page.snapshot:
                # Also where a killed pass was to be resumed: the adapter started over, so the names count from here.
                cursor = dataclasses.replace(cursor, snapshot=True, pass_id=self._run.ids.new())
            first = False
            cursor = dataclasses.replace(cursor, watermark=page.watermark, done=page.last)
            await self._apply(page, cursor)
            if page.last:
                return
        raise BadAnswerError(system=self._system, entity=self._entity, field="last", reason="the pass has no end")

    async def _apply(self, page: ChangePage, cursor: Cursor) -> None:
        run = self._run
        self._named += len(page.records) + len(page.present)
        if page.last and cursor.snapshot:
            self._check_emptied()
        as_of = self._judge_age(page.high_water)
        records = tuple(run.identities.resolve(record) for record in await self._with_references(page))
        new = run.identities.take_new()
        if new:
            run.writer.add_identities(self._system, new)
        mine = dataclasses.replace(page, records=records, watermark=cursor.text, snapshot=cursor.snapshot)
        run.writer.apply(self._system, self._entity, mine, as_of=as_of, pass_id=cursor.pass_id)
        self.count.changed += len(records)
        self.count.removed += len(page.deleted)
        if run.progress is not None:
            applied = self.count.changed + self.count.removed
            run.progress(Progress(system=self._system, entity=self._entity, applied=applied, done=page.last))
        await asyncio.sleep(0)  # calls are answered between two pages

    def _check_emptied(self) -> None:
        """Refuse a pass after which nothing would be left of much: an account that lost its rights is shown no rows.

        Raises:
            BadAnswerError: `adapter.bad_answer`; what is there stays, with its age. `sync --full` takes it as it is.
        """
        rows = 0 if self._run.full or self._named or self.count.resumed else self._state().rows
        if rows >= MANY_ROWS:
            reason = f"nothing is left of {rows} rows; `erp-mcp sync --full` if that is right"
            raise BadAnswerError(system=self._system, entity=self._entity, field="records", reason=reason)

    async def _with_references(self, page: ChangePage) -> tuple[Record, ...]:
        """Return the page's records, once the cross-references that they need are as new as they are."""
        identities, adapter = self._run.identities, self._run.adapter
        for target in sorted(identities.misses(page.records)):
            if isinstance(adapter, CrossReferences):
                identities.use_table(target, await adapter.cross_references(target))
        return page.records

    def _judge_age(self, high_water: str) -> str:
        """Return as of when a page is: the older of the time of reading and what the source says of itself."""
        if not high_water:
            return self._began
        if seconds_between(self._began, high_water) > MAX_SKEW_S:
            self._suspect = True  # it claims to know the future
        as_of = min(self._began, high_water)
        self._as_of = min(self._as_of, as_of)
        return as_of

    def _end(self) -> EntityState:
        self._run.writer.finish(
            dataclasses.replace(
                self._state(),
                as_of=self._as_of,
                complete=True,
                clock_suspect=self._suspect,
                last_error="",
                attempted_at=instant_text(self._run.clock.wall()),
                lacks=self._lacks(),
            )
        )
        return self._state()

    def _lacks(self) -> tuple[str, ...]:
        """Return what the rows of this pass can't have: nobody mapped it, or the system does not have it."""
        adapter = self._run.adapter
        found = adapter.lacking(self._entity) if isinstance(adapter, KnowsLacking) else ()
        return tuple(dict.fromkeys((*left_out(self._run.profile, self._entity), *found)))

    def _state(self) -> EntityState:
        state = self._run.writer.state(self._system, self._entity)
        return state or never_read(self._system, self._entity)


def never_read(system: str, entity: str) -> EntityState:
    """Return the state of an entity that is offered and not there yet."""
    return EntityState(system=system, entity=entity, as_of="", rows=0, complete=False)
