"""The demo ERP notes the day that an order is committed to by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.order_commitment import CONFIRM_DATES
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

ORDER: Final = "000001000403"


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, finish: str = "2026-04-07") -> dict[str, JsonValue]:
    (version,) = desk.one("SELECT changed_at FROM prod_head WHERE ord_no = ?", ORDER)
    return {"ord_no": ORDER, "finish": finish, "version": version}


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("finish", "code"),
    [
        ("2026-03-15", "date_in_past"),
        ("soon", "bad_date"),
        ("2026-04-01", "before_scheduled_finish"),
        ("2026-04-02", "nothing_changes"),
    ],
)
def test_a_day_that_can_not_be_kept_is_not_noted(desk: OrderDesk, finish: str, code: str) -> None:
    """The schedule finishes on the 2nd of April."""
    assert desk.code(CONFIRM_DATES, _call(desk, finish)) == code
    desk.done(CONFIRM_DATES, _call(desk, "2026-04-03"))


@guarantees("P7.demo_plant", "P4.stale")
def test_what_has_begun_changed_or_gone_is_not_committed_to(desk: OrderDesk) -> None:
    """As it is in the transaction that writes."""
    call = _call(desk)
    assert desk.code(CONFIRM_DATES, {**call, "version": "x"}) == "superseded"
    assert desk.code(CONFIRM_DATES, {**call, "ord_no": "000009999999"}) == "unknown_document"
    desk.change("UPDATE prod_op SET stat = 'PCNF' WHERE ord_no = ? AND op_no = '0010'", ORDER)
    assert desk.code(CONFIRM_DATES, call) == "order_has_begun"
    desk.change("UPDATE prod_head SET stat = 'PCNF' WHERE ord_no = ?", ORDER)
    assert desk.code(CONFIRM_DATES, call) == "order_not_movable"
