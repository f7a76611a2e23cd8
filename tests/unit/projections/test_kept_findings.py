"""What was found once is found again for the next page, and never after a change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from erp_mcp import reading
from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog.arguments import check
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawRow, RowsOnDemand
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Mask, Obligations
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import DeadlineError
from erp_mcp.projections import freshness
from erp_mcp.projections.kept_findings import MOST_QUESTIONS, MOST_ROWS, KeptFindings
from erp_mcp.reading import Keys, Question, Reading
from tests.guarantees import guarantees
from tests.unit.analyses.random_plant import RandomPlant
from tests.unit.projections.small_plant import shipped

_TOOL: Final = "compare_order_erp_mes"
_ANALYSIS: Final = "order_differences"
_ENTITIES: Final = ("job", "production_order", "production_operation", "production_confirmation", "work_center")


@dataclass(kw_only=True)
class _Asking:
    """Asks one tool of a plant, keeps what was found, and counts how often the analysis was run."""

    plant: RandomPlant
    kept: KeptFindings = field(default_factory=KeptFindings)
    runs: int = 0
    deadline_s: float = 60
    held: bool = False  # the analysis goes on only when nobody waits for it any more
    done: threading.Event = field(default_factory=threading.Event)

    def _counted(self, facts: Facts) -> Findings:
        self.runs += 1
        if self.held:
            self.done.wait(60)
        return ANALYSES[_ANALYSIS].function(facts)

    def page(self, cursor: str) -> Answer:
        """Return a page of two rows, the first one or the one behind a cursor."""
        return self.ask(limit=2, cursor=cursor) if cursor else self.ask(limit=2)

    def ask(
        self, *, sites: tuple[str, ...] | None = None, masks: tuple[Mask, ...] = (), now: str = "", **raw: JsonValue
    ) -> Answer:
        """Return the answer to one call of a role of these sites and masks."""

        async def answer() -> Answer:
            try:
                return await self._answer(Obligations(sites=sites, masks=masks, max_age_factor=10**6), now, raw)
            finally:
                self.done.set()

        return asyncio.run(answer())

    async def _answer(self, terms: Obligations, now: str, raw: dict[str, JsonValue]) -> Answer:
        plant, tool = self.plant, self.plant.catalog.get(_TOOL)
        assert tool is not None
        analysis: Analysis = replace(ANALYSES[_ANALYSIS], function=self._counted)
        moment = now or plant.now
        states = await plant.reader.states()
        required, optional = freshness.needed(tool)
        fresh = freshness.assess(required, optional, states, {}, terms, now=datetime.fromisoformat(moment))
        asked = Reading(
            read_model=plant.reader, analyses={analysis.name: analysis}, today=plant.today, now=moment, zone=UTC,
            keys=Keys(masks=b"m" * 32, cursors=b"c" * 32), deadline_s=self.deadline_s, states=states, kept=self.kept,
        )  # fmt: skip
        principal = Principal(agent="a", owner="o", role="r")
        question = Question(principal=principal, tool=tool, checked=check(tool, raw), obligations=terms, call_id="c")
        return await asked.answer(question, fresh)


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[_Asking]:
    plant = RandomPlant(tmp_path / "plant.sqlite", 3, shipped())
    for entity in _ENTITIES:
        plant.state(entity)
    plant.change(150, _ENTITIES)
    yield _Asking(plant=plant)
    plant.close()


@guarantees("P7.stable_paging", "P7.kept_findings")
def test_the_pages_of_an_answer_are_found_once_and_are_those_of_answers_found_anew(asking: _Asking) -> None:
    """An agent that turns pages, and an export, ask one question many times."""
    cursor, shown = "", 0
    for _ in range(4):
        page = asking.page(cursor)
        assert page == _Asking(plant=asking.plant).page(cursor)
        cursor = page.next_cursor
        shown += len(page.tables["differences"].rows)
    assert (asking.runs, shown) == (1, 8)


@guarantees("P7.kept_findings")
def test_whatever_is_written_is_looked_at(asking: _Asking) -> None:
    """A pass that changes nothing but when a source was read counts as well: the answer tells it."""
    first = asking.ask(limit=200)
    asking.plant.change(12, _ENTITIES)
    second = asking.ask(limit=200)
    assert asking.runs == 2
    assert second == _Asking(plant=asking.plant).ask(limit=200)
    assert second.tables != first.tables
    asking.plant.state("job")
    asking.ask(limit=200)
    assert asking.runs == 3


@guarantees("P7.kept_findings", "P1.scope", "P8.masks")
def test_nobody_is_given_what_was_found_for_another_scope_mask_day_or_argument(asking: _Asking) -> None:
    """Each of them is another question; only who asks the same, at whatever time of the day, is given the same."""
    asking.ask()
    mask = Mask(field="job.qty_good", way="drop", rule="m")
    others: tuple[tuple[tuple[str, ...] | None, tuple[Mask, ...]], ...] = (
        (("1000",), ()),
        (("2000",), ()),
        (None, (mask,)),
    )
    for sites, masks in others:
        runs = asking.runs
        given = asking.ask(sites=sites, masks=masks)
        assert asking.runs == runs + 1
        assert given == _Asking(plant=asking.plant).ask(sites=sites, masks=masks)
    asking.ask(unexplained_only=True)
    asking.plant.today = "2026-03-17"
    asking.ask()
    assert asking.runs == 6
    asking.ask(now="2026-03-16T09:30:00Z")
    assert asking.runs == 6


@guarantees("P8.masks")
def test_an_analysis_gets_no_token_in_place_of_a_number_and_finds_what_it_finds_without(asking: _Asking) -> None:
    """A token is neither a figure nor above or below one: reckoned with, it would be a wrong finding or a failure."""
    hashed = asking.ask(masks=(Mask(field="job.qty_good", way="hash", rule="no-counts"),))
    assert hashed == asking.ask(masks=(Mask(field="job.qty_good", way="drop", rule="no-counts"),))
    assert hashed != asking.ask()


def _findings(rows: int) -> Findings:
    def make(place: int) -> RawRow:
        return (place,)

    return Findings(tables={"t": RowsOnDemand(order=[(one,) for one in range(rows)], make=make)})


@guarantees("P7.kept_findings")
def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first() -> None:
    """By rows and by questions; findings too many for it alone are not kept."""
    kept, basis = KeptFindings(), object()
    assert kept.find(basis, "first") is None
    kept.keep(basis, "too much", _findings(MOST_ROWS + 1))
    assert kept.find(basis, "too much") is None
    for name in ("first", "second"):
        kept.keep(basis, name, _findings(MOST_ROWS // 2))
    assert kept.find(basis, "first") is not None
    kept.keep(basis, "third", _findings(1))
    assert kept.find(basis, "second") is None
    assert kept.find(basis, "first") is not None
    for number in range(MOST_QUESTIONS):
        kept.keep(basis, number, _findings(0))
    assert kept.find(basis, "first") is None
    kept.keep(object(), "late", _findings(1))
    assert kept.find(basis, "late") is None


@guarantees("P9.bounded")
def test_an_analysis_beside_the_event_loop_ends_with_the_deadline_of_its_call(
    asking: _Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asked is told in time, and what such an analysis finds later is not kept."""
    monkeypatch.setattr(reading, "LONG_ROWS", 0)
    asking.held, asking.deadline_s = True, 1
    with pytest.raises(DeadlineError):
        asking.ask()
    asking.held = False
    asking.deadline_s = 60
    assert asking.ask() == _Asking(plant=asking.plant).ask()


@guarantees("P7.stable_paging")
def test_rows_on_demand_are_a_sequence_of_rows() -> None:
    """A slice makes its rows, a negative place counts from the end, and a place behind the last is none."""
    rows = _findings(4).tables["t"]
    assert (len(rows), rows[-1], rows[1:3], list(rows)) == (4, (3,), [(1,), (2,)], [(0,), (1,), (2,), (3,)])
    with pytest.raises(IndexError):
        rows[4]
