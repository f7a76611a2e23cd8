"""The age and value of work in process, against the native jobs, orders and standard prices."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_NOW = datetime.fromisoformat("2026-03-16T05:00:00Z")
_JOBS = "SELECT job_no, order_no, began_at FROM job WHERE state IN ('RUN', 'HOLD', 'PAUSE') AND began_at IS NOT NULL"
_ORDERS = """
    SELECT CAST(p.ord_no AS INTEGER), p.qty_plan, p.qty_yield, p.qty_scrap, p.uom, m.std_price, m.price_per, m.curr
    FROM prod_head AS p JOIN mat_plant AS m ON m.mat_no = p.mat_no AND m.plant = p.plant
"""


def _started(plant: Plant) -> list[tuple[int, str, int]]:
    """Return age in whole hours, job and order of every started job, oldest first."""
    found = []
    for job, order, began in plant.look_up("mes", _JOBS):
        age = int((_NOW - datetime.fromisoformat(began)).total_seconds()) // 3600
        found.append((age, job, int(order)))
    return sorted(found, key=lambda one: (-one[0], one[1]))


def _bucket(bounds: list[int], age: int) -> int:
    return max(bound for bound in [0, *bounds] if bound <= age)


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("bounds", [[8, 24, 48, 168], [24, 72], [1]])
def test_jobs_fall_into_buckets_by_their_age_each_with_its_oldest(plant: Plant, bounds: list[int]) -> None:
    """An empty bucket is shown too."""
    given: dict[str, Any] = {} if bounds == [8, 24, 48, 168] else {"buckets_h": [str(bound) for bound in bounds]}
    found = rows_of(plant.answer("get_wip_ageing", **given), "buckets")
    started = _started(plant)
    right = []
    for start in [0, *bounds]:
        mine = [one for one in started if _bucket(bounds, one[0]) == start]
        right.append((start, len(mine), mine[0][1] if mine else None, mine[0][0] if mine else None))
    assert [(row["from_h"], row["jobs"], row["oldest_job_id"], row["oldest_age_h"]) for row in found] == right
    assert [row["to_h"] for row in found] == [*bounds, None]
    assert sum(row["jobs"] for row in found) == len(started)


@guarantees("P7.golden_reads", "P7.exact_numbers")
def test_orders_are_valued_at_the_standard_price_of_what_is_still_in_work(plant: Plant) -> None:
    """An order counts once, with the job that began first, and cents are made once at the end."""
    orders = {row[0]: row[1:] for row in plant.look_up("erp", _ORDERS)}
    right: dict[tuple[int, str, str], list[Decimal]] = {}
    seen = set()
    for age, _, order in _started(plant):
        if order in seen:
            continue
        seen.add(order)
        planned, done, scrap, uom, price, per, currency = orders[order]
        qty = Decimal(planned) - Decimal(done) - Decimal(scrap)
        entry = right.setdefault((_bucket([8, 24, 48, 168], age), uom, currency), [Decimal(0)] * 3)
        for place, more in enumerate((Decimal(1), qty, qty * Decimal(price) / per)):
            entry[place] += more
    found = rows_of(plant.answer("get_wip_ageing"), "amounts")
    cents = Decimal("0.01")
    assert {
        (row["from_h"], row["uom"], row["currency"]): (row["orders"], Decimal(row["qty"]), Decimal(row["value"]))
        for row in found
    } == {key: (one[0], one[1], one[2].quantize(cents, ROUND_HALF_UP)) for key, one in right.items()}


@guarantees("P8.masks")
def test_a_role_without_prices_gets_ages_and_quantities_and_no_value(plant: Plant) -> None:
    """The value would give the price away."""
    open_, masked = (rows_of(plant.answer("get_wip_ageing", role=role), "amounts") for role in ("planner", "moneyless"))
    assert {row["value"] for row in masked} == {None}
    assert [row["qty"] for row in masked] == [row["qty"] for row in open_]


@guarantees("P7.golden_reads")
def test_one_work_centre_alone_has_its_own_jobs(plant: Plant) -> None:
    """A filter."""
    (right,) = plant.look_up("mes", "SELECT count(*) FROM job WHERE eq_id = 'L1.ASM01' AND state = 'RUN'")[0]
    found = rows_of(plant.answer("get_wip_ageing", work_center_id="ASM-01"), "buckets")
    assert sum(row["jobs"] for row in found) == right > 0


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_work_centre_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Nothing has started there, as far as this role can know."""
    answers = [plant.answer("get_wip_ageing", role="local", work_center_id=one) for one in ("PCK-21", "NONE-9")]
    assert (answers[0].tables, answers[0].warnings) == (answers[1].tables, answers[1].warnings)
    assert sum(row["jobs"] for row in rows_of(answers[0], "buckets")) == 0
    assert answers[0].warnings


@guarantees("P7.provenance")
def test_without_prices_the_ages_stand_and_the_gap_is_named(plant: Plant) -> None:
    """A value of nothing is empty, not zero."""
    with plant.without("material_site"):
        answer = plant.answer("get_wip_ageing")
    assert [gap.entity for gap in answer.gaps] == ["material_site"]
    assert {(row["value"], row["currency"]) for row in rows_of(answer, "amounts")} == {(None, None)}
    assert sum(row["jobs"] for row in rows_of(answer, "buckets")) == len(_started(plant))


@guarantees("input.clear_errors")
@pytest.mark.parametrize("bounds", [["0"], ["24", "x"], ["9999"], ["-1"]])
def test_bounds_that_are_no_hours_are_refused(plant: Plant, bounds: list[JsonValue]) -> None:
    """Texts that are not whole hours name the argument."""
    refused = plant.refusal("get_wip_ageing", buckets_h=bounds)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "buckets_h")
