"""A small plant of random rows in a real read model, so crowded that everything touches everything."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from erp_mcp.analyses import ANALYSES, DERIVATIONS
from erp_mcp.catalog.arguments import check
from erp_mcp.catalog.registry import Catalog
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Mask, Obligations
from erp_mcp.domain.derivation import Cell, Derivation, Moment
from erp_mcp.domain.entities import ENTITIES, Kind, Record, field_specs
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Query
from erp_mcp.ports import ChangePage, Row, SqlValue
from erp_mcp.projections import freshness
from erp_mcp.reading import Keys, Question, Reading
from erp_mcp.store.read_model.reader import ReadModelReader
from erp_mcp.store.read_model.writer import ReadModelWriter

TODAY: Final = "2026-03-16"
NOW: Final = "2026-03-16T05:00:00Z"
READ: Final = sorted({entity for one in DERIVATIONS for entity in one.entities})
_SHOP_FLOOR: Final = frozenset({"job", "mes_stock", "in_flight_document", "downtime"})
_DAYS: Final = ("2026-03-12", "2026-03-16", "2026-03-18", "2026-03-24", "2026-04-30")
_INSTANTS: Final = ("2026-03-12T06:00:00Z", NOW, "2026-03-16T12:00:00Z", "2026-03-20T09:00:00Z")
# What a field can be; others get something from their kind.
_VALUES: Final[Mapping[str, Sequence[str | int | None]]] = {
    "site": ("1000", "2000"),
    "line": ("10", "20"),
    "sales_order_line": ("10", "20"),
    "demand_line": ("10", "20", None),
    "demand_type": ("production_order", "sales_order"),
    "demand_id": ("P1", "P2", "SO1", "SO2"),
    "uom": ("EA", "EA", "BOX"),
    "base_uom": ("EA",),
    "storage_location_id": ("A1",),
    "stock_type": ("unrestricted", "unrestricted", "blocked", "quality"),
    "lot_disposition": ("Unrestricted", "Restricted", None),
    "request_state": ("Ready", "Running", "Completed", None),
    "response_state": ("Ready", "Running", "Completed"),
    "order_state": ("open", "open", "open", "completed"),
    "procurement": ("make", "buy", None),
    "status": ("active", "active", "blocked"),
    "credit_status": (None, None, "blocked"),
    "delivery_block": (None, None, "01"),
    "pick_status": ("picked", "open", None),
    "release_state": ("waiting", "released"),
    "order_type": ("corrective", "preventive"),
    "priority": ("A", "B", None),
    "currency": ("EUR", "USD"),
    "sequence": (1, 2),
    "operation_id": ("0010", "0020"),
    "invoice_id": ("I1", "I2"),
    "purchase_order_line": ("10", "20", None),
    "invoice_state": ("parked", "parked", "posted", "cancelled"),
    "block_code": (None, None, "qty"),
    "usage_decision": ("accepted", "rejected", None),
}
_IDS: Final[Mapping[str, tuple[str, ...]]] = {
    "material": ("M1", "M2", "M3"),
    "sales_order": ("SO1", "SO2"),
    "production_order": ("P1", "P2", "P3", "P4"),
    "purchase_order_line": ("PO1", "PO2"),
    "lot": ("L1", "L2"),
    "work_center": ("W1", "W2"),
    "supplier": ("S1", "S2"),
    "customer": ("C1", "C2"),
}


class OldWay:
    """The same read model without what was worked out: whole questions are asked."""

    def __init__(self, reader: ReadModelReader) -> None:
        """Ask through a reader."""
        self._reader = reader

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        """Run one compiled SELECT."""
        return await self._reader.rows(query, parameters, deadline_s=deadline_s)

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        """Return where each entity stands."""
        return await self._reader.states()


class AheadOnly(OldWay):
    """Answers from what was worked out, and notes whether it could."""

    used = False

    async def worked_out(
        self, derivations: Sequence[Derivation], moment: Moment, *, sites: tuple[str, ...] | None, deadline_s: float
    ) -> Mapping[str, list[tuple[Cell, ...]]] | None:
        """Return the rows of derivations."""
        found = await self._reader.worked_out(derivations, moment, sites=sites, deadline_s=deadline_s)
        self.used = found is not None
        return found


Questions = tuple[tuple[str, dict[str, JsonValue]], ...]
SCOPES: Final[tuple[tuple[str, ...] | None, ...]] = (None, ("1000",), ("1000", "2000"), ("9999",))
"""All sites, one, several, and one that has nothing."""


class RandomPlant:
    """Rows that come, change and go by chance, and the two ways to answer from them."""

    def __init__(self, path: Path, seed: int, catalog: Catalog) -> None:
        """Start an empty read model in which everything was read."""
        self.path = path
        self.chance = random.Random(seed)
        self.writer = ReadModelWriter(path, DERIVATIONS)
        self.reader = ReadModelReader(path)
        self.catalog = catalog
        self.present: dict[str, dict[str, Record]] = {}
        self.today, self.now = TODAY, NOW
        for entity in READ:
            self.state(entity)
        self.work_out()

    def close(self) -> None:
        """Let go of the file."""
        self.reader.close()
        self.writer.close()

    @property
    def moment(self) -> Moment:
        """The plant clock."""
        return Moment(today=self.today, now=self.now)

    def state(self, entity: str, as_of: str = NOW) -> None:
        """Say that an entity was read, or never (with an empty `as_of`)."""
        system = _system(entity)
        self.writer.finish(EntityState(system=system, entity=entity, as_of=as_of, rows=0, complete=bool(as_of)))

    def change(self, count: int, entities: Sequence[str] = tuple(READ)) -> None:
        """Write, change or take out so many rows, each in a page of its own."""
        for _ in range(count):
            entity = self.chance.choice(entities)
            there = self.present.setdefault(entity, {})
            if there and self.chance.random() < 0.2:
                gone = self.chance.choice(sorted(there))
                del there[gone]
                self.apply(entity, deleted=(gone,))
                continue
            record = self._record(entity)
            there[record.source_key] = record
            self.apply(entity, records=(record,))

    def apply(self, entity: str, *, records: tuple[Record, ...] = (), deleted: tuple[str, ...] = ()) -> None:
        """Apply one page as a pass of synchronisation does."""
        page = ChangePage(records=records, deleted=deleted, watermark="w", last=True)
        self.writer.apply(_system(entity), entity, page, as_of=NOW, pass_id="pass")

    def work_out(self, *, limit: int = 100, batches: int = 10_000) -> None:
        """Work out what is dirty, at most so many batches."""
        while batches and self.writer.work_out(self.moment, limit=limit):
            batches -= 1

    def alike(self, questions: Questions) -> int:
        """Compare both ways for every question and scope; return how often the first one was used."""
        used = 0
        for sites in SCOPES:
            for tool, arguments in questions:
                ahead, whole, was_ahead = self.both(tool, sites, (), **arguments)
                assert ahead == whole, (tool, arguments, sites)
                used += was_ahead
        return used

    def both(
        self, tool: str, sites: tuple[str, ...] | None, masks: tuple[Mask, ...] = (), **arguments: JsonValue
    ) -> tuple[Answer, Answer, bool]:
        """Return the answer ahead of time, the whole answer, and whether the first one was that."""
        ahead = AheadOnly(self.reader)
        answers = [self._ask(model, tool, sites, masks, arguments) for model in (ahead, OldWay(self.reader))]
        return answers[0], answers[1], ahead.used

    def _ask(
        self,
        model: OldWay,
        name: str,
        sites: tuple[str, ...] | None,
        masks: tuple[Mask, ...],
        arguments: Mapping[str, JsonValue],
    ) -> Answer:
        tool = self.catalog.get(name)
        assert tool is not None
        terms = Obligations(sites=sites, masks=masks, max_age_factor=10**6)
        reading = Reading(
            read_model=model,
            analyses=ANALYSES,
            keys=Keys(masks=b"m" * 32, cursors=b"c" * 32),
            today=self.today,
            now=self.now,
            deadline_s=60,
            zone=UTC,
        )
        question = Question(
            principal=Principal(agent="a", owner="o", role="r"),
            tool=tool,
            checked=check(tool, {**arguments, **({"limit": 200} if tool.paged else {})}),
            obligations=terms,
            call_id="c",
        )

        async def answer() -> Answer:
            required, optional = freshness.needed(tool)
            states = await model.states()
            now = datetime.fromisoformat(self.now)
            fresh = freshness.assess(required, optional, states, {}, terms, now=now)
            return await reading.answer(question, fresh)

        return asyncio.run(answer())

    def _record(self, entity: str) -> Record:
        kind = ENTITIES[entity]
        given = {spec.name: self._value(entity, spec.name, spec.kind, spec.meaning.entity, spec.optional)
                 for spec in field_specs(kind)}  # fmt: skip
        given |= {"system": _system(entity), "version_token": "1", "as_of": NOW}
        # Few keys, so that a row is often changed; now and then two rows share a business key.
        given["source_key"] = f"{entity}-{self.chance.randrange(7)}"
        names = {one.name for one in dataclasses.fields(kind)}
        return kind(**{name: value for name, value in given.items() if name in names})  # type: ignore[arg-type]

    def _value(self, entity: str, name: str, kind: Kind, target: str, optional: bool) -> str | int | None:
        chance = self.chance
        if name in _VALUES:
            value = chance.choice(_VALUES[name])
            return value if value is not None or optional else chance.choice([one for one in _VALUES[name] if one])
        if optional and chance.random() < 0.3:
            return None
        if kind is Kind.REF or (kind is Kind.ID and (target or entity) in _IDS):
            ids = _IDS.get(target or entity, ("X1", "X2"))
            return chance.choice(ids)
        if kind in {Kind.QUANTITY, Kind.MONEY, Kind.INTEGER}:
            return chance.randrange(6) * (1_000_000 if kind is Kind.QUANTITY else 1)
        if kind is Kind.FLAG:
            return chance.randrange(2)
        if kind is Kind.DATE:
            return chance.choice(_DAYS)
        return chance.choice(_INSTANTS) if kind is Kind.INSTANT else f"{entity}-{chance.randrange(3)}"


def _system(entity: str) -> str:
    return "mes" if entity in _SHOP_FLOOR else "erp"


def dirty(path: Path) -> int:
    """Return how many keys are dirty."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM derived_key WHERE dirty = 1").fetchone()[0])
    finally:
        connection.close()
