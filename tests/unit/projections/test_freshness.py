"""How old may it be: flagged above the budget, refused above the factor, left out where the tool can do without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.freshness import EntityState, FreshnessBudget
from erp_mcp.errors import ReadModelNotReadyError, StaleDataError
from erp_mcp.projections.freshness import Freshness, assess, needed, skipped_reads
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import shipped

NOW = datetime(2026, 3, 16, 5, 0, tzinfo=UTC)
BUDGETS = {name: FreshnessBudget(entity=name, budget_s=300, cadence_s=60) for name in ("job", "sales_order", "lot")}
ANY = Obligations(sites=None)


def _state(entity: str, age_s: int | None, system: str = "erp", *, suspect: bool = False) -> EntityState:
    as_of = "" if age_s is None else (NOW - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return EntityState(
        system=system, entity=entity, as_of=as_of, rows=1, complete=age_s is not None, clock_suspect=suspect
    )


def _assess(*states: EntityState, optional: tuple[str, ...] = (), terms: Obligations = ANY) -> Freshness:
    offered: dict[str, tuple[EntityState, ...]] = {}
    for state in states:
        offered[state.entity] = (*offered.get(state.entity, ()), state)
    required = [entity for entity in offered if entity not in optional]
    return assess(required, optional, offered, BUDGETS, terms, now=NOW)


@guarantees("P7.freshness")
@given(age=st.integers(0, 3000))
def test_age_is_flagged_above_the_budget_and_refused_above_four_times(age: int) -> None:
    """Exactly at the budget is within it, exactly at four times is still answered."""
    if age > 1200:
        with pytest.raises(StaleDataError) as caught:
            _assess(_state("job", age, "mes"))
        assert caught.value.facts == {
            "rule": "F-STALE", "entity": "job", "system": "mes", "age_s": age, "budget_s": 300
        }  # fmt: skip
        return
    fresh = _assess(_state("job", age, "mes"))
    assert fresh.stale is (age > 300)
    assert fresh.sources[0].age_s == age
    assert fresh.complete


@guarantees("P7.freshness")
def test_a_role_may_have_tighter_budgets_and_a_smaller_factor() -> None:
    """Policy decides for whom which age is too old."""
    strict = Obligations(sites=None, max_age_factor=1, budgets_s=(("job", 60),))
    with pytest.raises(StaleDataError):
        _assess(_state("job", 61), terms=strict)
    assert not _assess(_state("job", 60), terms=strict).stale


@guarantees("P7.provenance")
def test_a_system_is_named_once_with_its_oldest_reading() -> None:
    """An answer is as old as the oldest thing it rests on."""
    fresh = _assess(_state("job", 10), _state("sales_order", 200), _state("lot", 400, "mes"))
    assert [(one.system, one.age_s, one.stale) for one in fresh.sources] == [("erp", 200, False), ("mes", 400, True)]
    assert fresh.sources[0].as_of == "2026-03-16T04:56:40Z"


@guarantees("P7.no_false_empty")
def test_an_entity_that_nobody_offers_is_a_gap_and_the_answer_incomplete() -> None:
    """No MES connected is not the same as no jobs."""
    fresh = assess(["job"], [], {}, BUDGETS, ANY, now=NOW)
    assert [(gap.entity, gap.reason) for gap in fresh.gaps] == [("job", "no_source")]
    assert not fresh.complete
    assert fresh.warnings


@guarantees("P7.no_false_empty")
def test_offered_but_never_read_is_refused_where_needed_and_a_gap_where_not() -> None:
    """A half built read model must not answer "no rows"."""
    with pytest.raises(ReadModelNotReadyError):
        _assess(_state("job", None))
    fresh = _assess(_state("job", None), optional=("job",))
    assert fresh.gaps[0].reason == "never_synchronised"


@guarantees("P7.freshness")
def test_what_is_too_old_and_optional_is_left_out_with_its_read() -> None:
    """The order is explained without the shop floor, and the answer says so."""
    tool = shipped().tools["explain_late_order"]
    required, optional = needed(tool)
    assert "job" in optional
    assert "sales_order_line" in required
    states = {entity: (_state(entity, 9000 if entity == "job" else 10),) for entity in (*required, *optional)}
    budgets = {entity: FreshnessBudget(entity=entity, budget_s=300, cadence_s=60) for entity in states}
    fresh = assess(required, optional, states, budgets, ANY, now=NOW)
    assert [(gap.entity, gap.reason) for gap in fresh.gaps] == [("job", "too_old")]
    assert skipped_reads(tool, fresh) == tuple(query.name for query in tool.reads if "job" in query.entities)


@guarantees("P7.freshness")
def test_a_reading_from_the_future_counts_as_new_and_a_suspect_clock_is_said() -> None:
    """A clock that is off makes ages uncertain; that is for the reader to know."""
    fresh = _assess(_state("job", -50, "mes", suspect=True))
    assert fresh.sources[0].age_s == 0
    assert len(fresh.warnings) == 1


@guarantees("P7.freshness")
def test_an_entity_without_a_budget_gets_a_strict_one() -> None:
    """A forgotten budget must not mean that any age will do."""
    with pytest.raises(StaleDataError):
        assess(["stock"], [], {"stock": (_state("stock", 3601),)}, {}, ANY, now=NOW)
