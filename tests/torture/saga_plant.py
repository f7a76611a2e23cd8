"""Sagas that are approved and seen by no worker, what each of their steps leaves in its system, and a second saga."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest import mock

from erp_mcp import administration
from erp_mcp.approval import keys
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.saga import PlannedStep, plan_of
from erp_mcp.store.state.file import FILE_NAME
from tests.torture.plant import ERP, Kit, Template
from tests.writes.test_procure_steps import STANDING
from tests.writes.test_procurement import ASKED

READ_MODEL: Final = "read_model.sqlite"
_SEEN: Final = ("reservation", "purchase_order_line", "purchase_schedule_line")  # what ways back look for
_TWO_STEPS: Final = ("material_id", "site", "uom", "demand_id", "need_date", "supplier_id", "lines")
SAGAS: Final[Mapping[str, Mapping[str, JsonValue]]] = {
    "propose_procurement": ASKED,
    "propose_reserve_and_order": {
        **{name: ASKED[name] for name in _TWO_STEPS},
        "qty": "20.5",
        "reason": "The order of Friday lacks what nobody has on stock.",
        "idempotency_key": "both-rm007-539",
    },
}
Standing = list[list[tuple[Any, ...]]]
"""What counts of the plant, row by row; the last list is how many tasks there are."""


@dataclass(slots=True)
class Sight:
    """What the read model has of what a saga writes: nothing at first, and its rows once it was read.

    Reading everything in takes seconds, so it was done once, and what came of it is put in and taken out.
    """

    path: Path
    rows: Mapping[str, Sequence[tuple[Any, ...]]]
    is_read: bool = False

    def put(self, *, is_read: bool) -> None:
        """Make it hold the rows or not."""
        if self.is_read == is_read:
            return
        with closing(sqlite3.connect(self.path, timeout=30)) as model, model:
            for table, row in ((table, row) for table, rows in self.rows.items() for row in rows):
                model.execute(f"DELETE FROM {table} WHERE system = ? AND source_key = ?", row[:2])
                if is_read:
                    model.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        self.is_read = is_read

    async def refresh(self, system: str, _entities: Sequence[str] = ()) -> None:
        """Stand for a synchronisation."""
        del system
        self.put(is_read=True)


@dataclass(frozen=True, kw_only=True)
class SagaTemplate:
    """A saga that is approved, and what of the plant each of its steps changes."""

    template: Template
    before: Standing
    after: Standing
    touches: Mapping[str, frozenset[int]]  # by step: the lists of `Standing` that it changes, and no other step
    sight: Sight

    @cached_property
    def plan(self) -> tuple[PlannedStep, ...]:
        """Its steps."""
        return plan_of(self.template.content)


def standing(erp: Path, tasks: int) -> Standing:
    """Return what counts of a plant."""
    with closing(sqlite3.connect(f"file:{erp}?mode=ro", uri=True)) as database:
        return [*(database.execute(one).fetchall() for one in STANDING), [(tasks,)]]


@lru_cache(maxsize=4)
def saga_templates(kit: Kit, names: tuple[str, ...] = tuple(SAGAS)) -> Sequence[SagaTemplate]:
    """Make the template of each saga once, and let a worker carry it out to see what it does.

    A world that was opened over the kit before is of no use after this: its ERP was written behind its back.
    """
    with mock.patch.object(keys, "_stretched", lru_cache(keys._stretched)):
        made = [kit._made(tool, SAGAS[tool], kit.base) for tool in names]
    return [_learned(kit, one) for one in made]


def _learned(kit: Kit, template: Template) -> SagaTemplate:
    kit._put(template.state, template.erp)
    erp, state, model = kit.folder / ERP, kit.settings.state_dir / FILE_NAME, kit.folder / READ_MODEL
    deployment = kit.opened()
    proposals, saga_id = deployment.state.proposals, template.content.proposal_id
    seen = [standing(erp, 0)]

    def at(point: str) -> None:
        if point == "after_commit" and len(proposals.parts(saga_id)) == len(seen):
            with closing(sqlite3.connect(state)) as database:
                tasks = int(database.execute("SELECT count(*) FROM human_task").fetchone()[0])
            seen.append(standing(erp, tasks))

    async def work() -> None:
        committer = deployment.committer(at=at)
        while await committer.work("worker:first") is not None:
            pass

    unread = _backed_up(model)
    try:
        kit.runner.run(work())
        assert proposals.get(saga_id).state is State.COMMITTED, proposals.get(saga_id)
        assert all(one.ok for one in administration.synchronise(deployment, names=["erp"]))
        rows = {table: _new(unread, model, table) for table in _SEEN}
    finally:
        kit.released(deployment)
        with closing(sqlite3.connect(model, timeout=30)) as database:
            unread.backup(database)
        unread.close()
        kit._put(*kit.base)
    steps = [one.name for one in plan_of(template.content)]
    assert len(seen) == len(steps) + 1, seen
    touched = [frozenset(at for at, one in enumerate(a) if one != b[at]) for a, b in pairwise(seen)]
    assert all(touched), touched
    assert sum(map(len, touched)) == len(frozenset[int]().union(*touched)), "two steps touch the same"
    touches = dict(zip(steps, touched, strict=True))
    return SagaTemplate(
        template=template, before=seen[0], after=seen[-1], touches=touches, sight=Sight(path=model, rows=rows)
    )


def _backed_up(path: Path) -> sqlite3.Connection:
    kept = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(path)) as database:
        database.backup(kept)
    return kept


def _new(before: sqlite3.Connection, after: Path, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table that were not there before."""
    known = {row[:2] for row in before.execute(f"SELECT system, source_key FROM {table}")}
    with closing(sqlite3.connect(after)) as database:
        return [row for row in database.execute(f"SELECT * FROM {table}") if row[:2] not in known]
