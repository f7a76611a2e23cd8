"""The demo ERP confirms planned orders by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.planned import CONFIRM_PLANNED
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        opened.change("UPDATE pln_ord SET conv = 1 WHERE pln_no = 'PL00000011'")
        yield opened


def _call(desk: OrderDesk, number: str, action: str = "convert") -> dict[str, JsonValue]:
    (version,) = desk.one("SELECT changed_at FROM pln_ord WHERE pln_no = ?", number)
    return {"pln_no": number, "action": action, "version": version}


@guarantees("P7.demo_plant")
def test_a_made_one_gets_the_next_order_number_and_leaves_a_tombstone(desk: OrderDesk) -> None:
    """Twelve digits, after the last order of the plant."""
    done = desk.done(CONFIRM_PLANNED, _call(desk, "PL00000011"))
    assert (done.doc_type, done.number) == ("MO", "000001001168")
    assert desk.one("SELECT deleted_at FROM deletion_log WHERE table_name = 'pln_ord' AND key = 'PL00000011'") == (
        done.version,
    )
    assert desk.one("SELECT count(*) FROM prod_comp WHERE ord_no = '000001001168'") == (10,)


@guarantees("P7.demo_plant")
def test_components_are_those_that_are_valid_on_the_day_of_the_start(desk: OrderDesk) -> None:
    """The last valid day counts, the day before the first does not."""
    desk.change("UPDATE bom_item SET valid_to = '2026-04-16' WHERE mat_no = 'FG-007' AND item_no = '0010'")
    desk.change("UPDATE bom_item SET valid_to = '2026-04-15' WHERE mat_no = 'FG-007' AND item_no = '0020'")
    desk.change("UPDATE bom_item SET valid_from = '2026-04-17' WHERE mat_no = 'FG-007' AND item_no = '0030'")
    desk.done(CONFIRM_PLANNED, _call(desk, "PL00000011"))
    items = desk.rows("SELECT item_no FROM prod_comp WHERE ord_no = '000001001168' ORDER BY 1")
    assert [item for (item,) in items][:2] == ["0010", "0040"]


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("number", "action", "statement", "code"),
    [
        ("PL00000003", "convert", "", "not_convertible"),
        ("PL00000011", "firm", "", "nothing_changes"),
        ("PL00000011", "release", "", "unknown_action"),
        ("PL00000011", "convert", "UPDATE mat_gen SET mat_stat = '02' WHERE mat_no = 'FG-007'", "material_blocked"),
        (
            "PL00000011",
            "convert",
            "UPDATE mat_gen SET mat_stat = '03' WHERE mat_no = 'FG-007'",
            "material_discontinued",
        ),
        ("PL00000011", "convert", "DELETE FROM bom_item WHERE mat_no = 'FG-007'", "no_bill_of_material"),
        ("PL00000011", "convert", "DELETE FROM routing_op WHERE mat_no = 'FG-007'", "no_routing"),
        ("PL00000011", "convert", "UPDATE pln_ord SET start_on = '2026-03-15' WHERE firm = 1", "date_in_past"),
        ("PL00000001", "convert", "UPDATE mat_gen SET mat_stat = '02' WHERE mat_no = 'RM-001'", "material_blocked"),
        ("PL00000001", "convert", "UPDATE pln_ord SET finish_on = '2026-03-15' WHERE firm = 0", "date_in_past"),
    ],
)
def test_what_can_not_become_an_order_stays_planned(
    desk: OrderDesk, number: str, action: str, statement: str, code: str
) -> None:
    """Neither half an order nor a planned order lost."""
    if statement:
        desk.change(statement)
    assert desk.code(CONFIRM_PLANNED, _call(desk, number, action)) == code


@guarantees("P4.stale")
def test_one_at_another_version_or_gone_is_not_touched(desk: OrderDesk) -> None:
    """A second conversion finds it deleted."""
    call = _call(desk, "PL00000001")
    assert desk.code(CONFIRM_PLANNED, {**call, "version": "x"}) == "superseded"
    desk.done(CONFIRM_PLANNED, call)
    assert desk.code(CONFIRM_PLANNED, call) == "document_deleted"
    assert desk.code(CONFIRM_PLANNED, {**call, "pln_no": "PL99999999"}) == "unknown_document"
