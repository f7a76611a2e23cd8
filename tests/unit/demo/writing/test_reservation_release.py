"""The demo ERP lets a reservation go by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.reservation_release import OPERATION, RELEASE_RESERVATION
from erp_mcp.demo.writing.work import Rejected
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.systems import SHIPPED, load_profile
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

_ROW = "SELECT qty, changed_at FROM resv WHERE resv_no = 'RS00000006'"


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, **changed: JsonValue) -> dict[str, JsonValue]:
    return {
        "resv_no": "RS00000006", "qty": "20.5", "qty_left": "27.5", "uom": "EA", "version": desk.one(_ROW)[1],
        **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_a_part_leaves_the_rest_and_all_of_it_leaves_nothing(desk: OrderDesk) -> None:
    """The row stays, so that what became of it can be read; stock is where it was."""
    stock = desk.rows("SELECT * FROM stock_qty")
    first = desk.done(RELEASE_RESERVATION, _call(desk))
    assert (first.number, first.fields["qty"]) == ("RS00000006", "27.500")
    assert desk.one(_ROW) == ("27.500", first.version)
    second = desk.done(RELEASE_RESERVATION, _call(desk, qty="27.5", qty_left="0"))
    assert desk.one(_ROW) == ("0.000", second.version)
    assert second.version > first.version
    assert desk.rows("SELECT * FROM stock_qty") == stock


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"qty": "48.001", "qty_left": "0"}, "not_enough_held"),
        ({"qty": "0"}, "bad_quantity"),
        ({"qty": "-1"}, "bad_quantity"),
        ({"qty": "0.0001"}, "bad_quantity"),
        ({"qty": "all"}, "bad_quantity"),
        ({"qty_left": "0"}, "bad_quantity"),
        ({"qty_left": None}, "bad_quantity"),
        ({"uom": "KGM"}, "unknown_unit"),
        ({"resv_no": "RS99999999"}, "unknown_document"),
        ({"version": "2020-01-01T00:00:00Z"}, "superseded"),
        ({"version": None}, "superseded"),
    ],
)
def test_what_can_not_be_released_is_refused_and_nothing_written(
    desk: OrderDesk, changed: dict[str, JsonValue], code: str
) -> None:
    """Its rules stand whatever was looked at before."""
    before = desk.one(_ROW)
    assert desk.code(RELEASE_RESERVATION, _call(desk, **changed)) == code
    assert desk.one(_ROW) == before


@guarantees("P7.demo_plant")
def test_one_that_a_person_has_deleted_says_so(desk: OrderDesk) -> None:
    """It was there."""
    call = _call(desk)
    desk.change("DELETE FROM resv WHERE resv_no = 'RS00000006'")
    desk.change("INSERT INTO deletion_log VALUES ('resv', 'RS00000006', '2026-03-16T05:00:00Z')")
    assert desk.code(RELEASE_RESERVATION, call) == "document_deleted"


@guarantees("P7.demo_plant")
def test_another_reservation_than_the_one_that_was_approved_is_never_released() -> None:
    """The key that versions are compared by and the number that people saw are one."""
    command = Command(
        operation=RELEASE_RESERVATION, system="erp", entity="reservation", key="RS00000006", version_token="v",
        reference="R1", fields={"reservation_id": "RS00000005", "qty": "1", "uom": "EA", "qty_left": "0"},
    )  # fmt: skip
    assert OPERATION.native(command, load_profile("demo-erp", [SHIPPED])) == Rejected("key_mismatch")
