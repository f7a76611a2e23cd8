"""`MemoryAdapter`: the executable meaning of `ports.Adapter`.

Each edit gets the next number of one sequence; the watermark is that number. A deletion leaves a tombstone with its own
number, so a pass that resumes anywhere sees each change once more, in order.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from erp_mcp.adapters._connection import Connection
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, EntityNotOfferedError, GatewayError, InvalidArgumentError
from erp_mcp.ports import MAX_KEYS, ChangePage, Clock


@dataclass(frozen=True, slots=True)
class _Change:
    """The newest state of one key: a record, or a tombstone."""

    number: int
    key: str
    record: Record | None


class MemoryAdapter:
    """A system of record held in memory."""

    def __init__(self, system: str, entities: Iterable[str], clock: Clock, *, page_rows: int = 2000) -> None:
        """Start empty, offering `entities`, with pages of at most `page_rows` changes."""
        self._system = system
        self._changes: dict[str, dict[str, _Change]] = {entity: {} for entity in entities}
        self._clock = clock
        self._page_rows = page_rows
        self._number = 0
        self._high_water: dict[str, str] = {}
        self._fault: GatewayError | None = None

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return an empty adapter that offers what the profile names."""
        return cls(connection.system, profile.entities, clock, page_rows=connection.page_rows)

    # --- The system behind the adapter: what a test or an example does to it ------------------------------------------

    def put(self, record: Record) -> None:
        """Insert or change one record."""
        self._number += 1
        self._of(record.ENTITY)[record.source_key] = _Change(self._number, record.source_key, record)

    def remove(self, entity: str, key: str) -> None:
        """Delete one record, leaving a tombstone."""
        self._number += 1
        self._of(entity)[key] = _Change(self._number, key, None)

    def records(self, entity: str) -> dict[str, Record]:
        """Return what the system holds now, by source key."""
        return {key: change.record for key, change in self._of(entity).items() if change.record is not None}

    def set_high_water(self, entity: str, instant: str) -> None:
        """Let the source say how far it is up to date (UTC instant)."""
        self._high_water[entity] = instant

    def break_with(self, fault: GatewayError | None) -> None:
        """Answer everything with this error until called again with `None`."""
        self._fault = fault

    # --- The port -----------------------------------------------------------------------------------------------------

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities it was opened with."""
        return frozenset(self._changes)

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed after the sequence number `watermark`; see `ports.Adapter.changes`."""
        changes = self._of(entity)
        after = self._after(entity, watermark)
        while True:
            self._answer()
            found = (change for change in changes.values() if change.number > after)
            page = heapq.nsmallest(self._page_rows, found, key=lambda change: change.number)
            after = page[-1].number if page else after
            last = not any(change.number > after for change in changes.values())
            yield self._page(entity, page, watermark=str(after), last=last, snapshot=not watermark)
            if last:
                return

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys, at most 200."""
        held = self.records(entity)
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        self._answer()
        return tuple(held[key] for key in dict.fromkeys(keys) if key in held)

    async def probe(self) -> Mapping[str, str]:
        """Return that this is memory, and its time."""
        self._answer()
        return {"product": "memory", "server_time": instant_text(self._clock.wall())}

    async def close(self) -> None:
        """Nothing is held."""

    def _of(self, entity: str) -> dict[str, _Change]:
        if entity not in self._changes:
            raise EntityNotOfferedError(system=self._system, entity=entity)
        return self._changes[entity]

    def _answer(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _after(self, entity: str, watermark: str) -> int:
        if watermark and not watermark.isdecimal():
            raise BadAnswerError(system=self._system, entity=entity, field="watermark", reason="not of this adapter")
        return int(watermark or 0)

    def _page(self, entity: str, page: list[_Change], *, watermark: str, last: bool, snapshot: bool) -> ChangePage:
        return ChangePage(
            records=tuple(change.record for change in page if change.record is not None),
            deleted=tuple(change.key for change in page if change.record is None),
            watermark=watermark,
            high_water=self._high_water.get(entity, ""),
            last=last,
            snapshot=snapshot,
        )
