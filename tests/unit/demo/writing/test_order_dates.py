"""The demo ERP moves production orders by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.order_dates import RESCHEDULE
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

ORDER: Final = "000001000403"


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, **changed: JsonValue) -> dict[str, JsonValue]:
    (version,) = desk.one("SELECT changed_at FROM prod_head WHERE ord_no = ?", ORDER)
    return {"ord_no": ORDER, "start": "2026-04-06", "finish": "2026-04-10", "version": version, **changed}


@guarantees("P7.demo_plant")
def test_what_is_below_an_order_moves_with_it(desk: OrderDesk) -> None:
    """Operations keep their hours and their distance, components are needed when it starts."""
    hours = desk.rows("SELECT op_no, substr(start_at, 11), substr(finish_at, 11) FROM prod_op WHERE ord_no = ?", ORDER)
    done = desk.done(RESCHEDULE, _call(desk))
    assert done.fields["finish_sched"] == "2026-04-10"
    assert desk.rows("SELECT substr(start_at, 1, 10) FROM prod_op WHERE ord_no = ? ORDER BY op_no", ORDER) == [
        ("2026-04-06",), ("2026-04-07",), ("2026-04-08",),
    ]  # fmt: skip
    assert hours == desk.rows(
        "SELECT op_no, substr(start_at, 11), substr(finish_at, 11) FROM prod_op WHERE ord_no = ?", ORDER
    )
    assert desk.rows("SELECT DISTINCT need_date, changed_at FROM prod_comp WHERE ord_no = ?", ORDER) == [
        ("2026-04-06", done.version)
    ]
    assert desk.one("SELECT stat FROM prod_head WHERE ord_no = ?", ORDER) == ("CRTD",)


@guarantees("P4.stale")
def test_an_order_at_another_version_is_a_conflict_and_one_that_is_gone_is_said_to_be(desk: OrderDesk) -> None:
    """The version is used up by the first change."""
    call = _call(desk)
    desk.done(RESCHEDULE, call)
    assert desk.code(RESCHEDULE, {**call, "finish": "2026-04-11"}) == "superseded"
    assert desk.code(RESCHEDULE, {**call, "ord_no": "000009999999"}) == "unknown_document"
    desk.change("INSERT INTO deletion_log VALUES ('prod_head', '000009999999', '2026-03-16T05:00:00Z')")
    assert desk.code(RESCHEDULE, {**call, "ord_no": "000009999999"}) == "document_deleted"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"start": "2026-03-15"}, "date_in_past"),
        ({"finish": "soon"}, "bad_date"),
        ({"finish": "2026-04-05"}, "finish_before_start"),
        ({"start": "2026-03-30", "finish": "2026-04-02"}, "nothing_changes"),
    ],
)
def test_dates_that_are_none_are_refused(desk: OrderDesk, changed: dict[str, JsonValue], code: str) -> None:
    """Its rules stand whatever was looked at before."""
    assert desk.code(RESCHEDULE, _call(desk, **changed)) == code


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE prod_head SET stat = 'PCNF' WHERE ord_no = ?", "order_not_movable"),
        ("UPDATE prod_head SET stat = 'LKD' WHERE ord_no = ?", "order_not_movable"),
        ("UPDATE prod_head SET qty_yield = '1.000' WHERE ord_no = ?", "order_has_begun"),
        ("UPDATE prod_head SET qty_scrap = '1.000' WHERE ord_no = ?", "order_has_begun"),
        ("UPDATE prod_op SET stat = 'PCNF' WHERE ord_no = ? AND op_no = '0010'", "order_has_begun"),
        ("UPDATE prod_comp SET qty_wd = '1.000' WHERE ord_no = ? AND item_no = '0010'", "order_has_begun"),
    ],
)
def test_what_has_begun_stays_where_it_is(desk: OrderDesk, statement: str, code: str) -> None:
    """By its state, by what was reported, and by what was issued."""
    desk.change(statement, ORDER)
    assert desk.code(RESCHEDULE, _call(desk)) == code
