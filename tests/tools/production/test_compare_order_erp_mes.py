"""Orders of the ERP beside jobs of the shop floor, against both native databases."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_JOBS = """
    SELECT j.job_no, CAST(j.order_no AS INTEGER), j.op_no, j.state, e.erp_wc, j.good_qty, j.scrap_qty
    FROM job AS j JOIN equipment AS e ON e.eq_id = j.eq_id
"""
_STEPS = "SELECT CAST(ord_no AS INTEGER), op_no, wc_no FROM prod_op"
_CONFIRMED = "SELECT CAST(ord_no AS INTEGER), op_no, qty_yield, qty_scrap FROM op_conf"


def _right(plant: Plant) -> Counter[tuple[str, str, str, str]]:
    """Return (job, field, ERP, MES) for work centres and quantities, worked out from the native tables."""
    planned = {(order, step): center for order, step, center in plant.look_up("erp", _STEPS)}
    confirmed: dict[tuple[int, str], list[Decimal]] = {}
    for order, step, good, scrap in plant.look_up("erp", _CONFIRMED):
        sums = confirmed.setdefault((order, step), [Decimal(0), Decimal(0)])
        sums[0] += Decimal(good)
        sums[1] += Decimal(scrap)
    found: Counter[tuple[str, str, str, str]] = Counter()
    for job, order, step, _, center, good, scrap in plant.look_up("mes", _JOBS):
        if planned[order, step] != center:
            found[job, "work_center", planned[order, step], center] += 1
        told = confirmed.get((order, step), [Decimal(0), Decimal(0)])
        for field, erp, mes in zip(("qty_good", "qty_scrap"), told, (good, scrap), strict=True):
            if erp != Decimal(mes):
                found[job, field, _plain(erp), _plain(Decimal(mes))] += 1
    return found


def _plain(value: Decimal) -> str:
    return str(int(value))


def _shown(rows: list[dict[str, Any]]) -> Counter[tuple[str, str, str, str]]:
    return Counter((row["job_id"], row["field"], row["erp_value"], row["mes_value"]) for row in rows)


@guarantees("P7.golden_reads", "P7.stable_paging")
def test_every_difference_of_both_databases_is_found_and_no_other(plant: Plant) -> None:
    """Pages of ten."""
    found = plant.every("compare_order_erp_mes", "differences", limit=10)
    assert _shown(found) == _right(plant)


@guarantees("P7.golden_reads")
def test_what_is_in_progress_or_moved_is_explained_and_the_planted_miscounts_are_not(plant: Plant) -> None:
    """Only the three orders that the generator counted differently are left to look into."""
    right = {
        row[0] for row in plant.look_up("truth", "SELECT id FROM truth_exception WHERE class_ = 'order_count_differs'")
    }
    found = plant.every("compare_order_erp_mes", "differences")
    assert {row["production_order_id"] for row in found if not row["explained"]} == right
    assert {row["likely_cause"] for row in found if not row["explained"]} == {"counted_differently"}
    assert {row["likely_cause"] for row in found if row["explained"]} == {"in_progress", "moved_to_alternative"}
    only = plant.every("compare_order_erp_mes", "differences", unexplained_only=True)
    assert only == [row for row in found if not row["explained"]]


@guarantees("P7.provenance")
def test_each_side_says_as_of_when_it_speaks(plant: Plant) -> None:
    """The floor's feed is forty seconds old, the ERP's answer is fresh."""
    answer = plant.answer("compare_order_erp_mes")
    (row, *_) = rows_of(answer, "differences")
    assert row["mes_as_of"] < row["erp_as_of"]
    assert {source.system for source in answer.sources} == {"erp", "mes"}


@guarantees("P7.golden_reads")
def test_how_much_was_compared_is_said(plant: Plant) -> None:
    """No difference of nothing is no good news."""
    (jobs,) = plant.look_up("mes", "SELECT count(*) FROM job")[0]
    (row,) = rows_of(plant.answer("compare_order_erp_mes"), "compared")
    assert row["jobs"] == jobs
    assert row["differences"] == sum(_right(plant).values())


@guarantees("P7.golden_reads")
def test_one_order_and_a_window_of_its_finish_can_be_asked_for(plant: Plant) -> None:
    """The finish is that of the plan."""
    (order, finish) = plant.look_up(
        "erp", "SELECT p.ord_no, p.finish_basic FROM prod_head p WHERE p.stat = 'PCNF' AND p.plant = '1000' ORDER BY 1"
    )[0]
    (one,) = rows_of(plant.answer("compare_order_erp_mes", production_order_id=order), "compared")
    assert (one["orders"], one["jobs"]) == (1, 1)
    (inside,) = rows_of(
        plant.answer("compare_order_erp_mes", production_order_id=order, finish_from=finish), "compared"
    )
    assert inside["jobs"] == 1
    later = plant.answer("compare_order_erp_mes", production_order_id=order, finish_from="2026-12-31")
    assert not rows_of(later, "differences")


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_order_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Nothing to compare, as far as this role can know."""
    (elsewhere,) = plant.look_up("erp", "SELECT min(ord_no) FROM prod_head WHERE plant = '2000' AND stat = 'PCNF'")[0]
    answers = [
        plant.answer("compare_order_erp_mes", role="local", production_order_id=one) for one in (elsewhere, "00000099")
    ]
    assert (answers[0].tables, answers[0].warnings) == (answers[1].tables, answers[1].warnings)
    assert answers[0].warnings
    assert rows_of(plant.answer("compare_order_erp_mes", production_order_id=elsewhere), "compared")


@guarantees("P7.provenance")
def test_without_confirmations_no_quantity_is_called_different(plant: Plant) -> None:
    """What nobody confirmed to us is not zero."""
    with plant.without("production_confirmation"):
        answer = plant.answer("compare_order_erp_mes")
    assert [gap.entity for gap in answer.gaps] == ["production_confirmation"]
    assert not answer.complete
    assert {row["field"] for row in rows_of(answer, "differences")} == {"work_center"}


@guarantees("P7.no_false_empty")
@pytest.mark.parametrize("entity", ["job", "production_order"])
def test_with_one_side_gone_there_is_a_refusal_and_no_good_news(plant: Plant, entity: str) -> None:
    """No difference to nothing would read as all is well."""
    with plant.without(entity):
        refused = plant.refusal("compare_order_erp_mes")
    assert refused.code == "read_model.not_ready"


@guarantees("input.clear_errors")
def test_a_window_upside_down_is_refused(plant: Plant) -> None:
    """The end is named."""
    refused = plant.refusal("compare_order_erp_mes", finish_from="2026-03-20", finish_to="2026-03-01")
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "finish_to")
