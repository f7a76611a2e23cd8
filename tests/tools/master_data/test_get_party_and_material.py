"""Master data by number or whole name; what fits several is asked back."""

from __future__ import annotations

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

FINDS = [
    ("get_supplier", "supplier_id", "suppliers", "vendor", "vendor_no", "name1"),
    ("get_customer", "customer_id", "customers", "customer", "cust_no", "name1"),
    ("get_material", "material_id", "materials", "mat_gen", "mat_no", "descr"),
]
FIND = pytest.mark.parametrize(("tool", "argument", "table", "native", "key", "name"), FINDS)


@guarantees("P7.golden_reads")
@FIND
def test_a_name_that_several_bear_gives_all_of_them(
    plant: Plant, tool: str, argument: str, table: str, native: str, key: str, name: str
) -> None:
    """The caller asks which one is meant; upper and lower case are one."""
    sql = f"SELECT {name}, count(*) FROM {native} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    shared, count = plant.look_up("erp", sql)[0]
    wanted = [
        row[0] for row in plant.look_up("erp", f"SELECT {key} FROM {native} WHERE {name} = ? ORDER BY 1", (shared,))
    ]
    found = [row[argument] for row in rows_of(plant.answer(tool, **{argument: str(shared).upper()}), table)]
    assert count > 1
    assert found == wanted[:10]


@guarantees("P7.golden_reads")
@FIND
def test_a_number_gives_one_and_an_unknown_one_none(
    plant: Plant, tool: str, argument: str, table: str, native: str, key: str, name: str
) -> None:
    """Whatever the case and leading zeros of the number."""
    number, called = plant.look_up("erp", f"SELECT {key}, {name} FROM {native} ORDER BY 1 LIMIT 1 OFFSET 3")[0]
    for asked in (number, str(number).lower(), f"00{number}"):
        (row,) = rows_of(plant.answer(tool, **{argument: asked}), table)
        assert row[argument] == number
        assert called in row.values()
    assert not any(one.rows for one in plant.answer(tool, **{argument: "nobody"}).tables.values())


@guarantees("P7.golden_reads")
@FIND
def test_nothing_and_what_is_too_long_are_refused(
    plant: Plant, tool: str, argument: str, table: str, native: str, key: str, name: str
) -> None:
    """No list of everybody comes back."""
    del table, native, key, name
    assert plant.refusal(tool).code == "call.invalid_argument"
    assert plant.refusal(tool, **{argument: "x" * 41}).code == "call.invalid_argument"


@guarantees("P7.golden_reads")
def test_a_supplier_comes_with_its_block_and_what_it_is_approved_for(plant: Plant) -> None:
    """The blocked one is shown as blocked."""
    blocked = plant.look_up("truth", "SELECT id FROM truth_role WHERE role = 'blocked_source#1'")[0][0]
    answer = plant.answer("get_supplier", supplier_id=blocked)
    (row,) = rows_of(answer, "suppliers")
    assert row["blocked"] is True
    native = plant.look_up(
        "erp", "SELECT mat_no, plant, prio, blocked FROM source_list WHERE vendor_no = ? ORDER BY 1, 2", (blocked,)
    )
    told = [(one["material_id"], one["site"], one["rank"], int(one["blocked"])) for one in rows_of(answer, "sources")]
    assert told == native


@guarantees("P7.golden_reads")
def test_a_customer_comes_with_what_is_open_and_late(plant: Plant) -> None:
    """Counted from the ERP's own lines; late as the list of late lines has it."""
    sql = (
        "SELECT cust_no, count(*), sum(conf_date > req_date OR req_date < '2026-03-16'), min(req_date) FROM so_item "
        "WHERE stat = 'OPEN' AND qty_open <> '0.000' GROUP BY 1 HAVING sum(conf_date > req_date) > 0 ORDER BY 1"
    )
    for customer, lines, late, first in plant.look_up("erp", sql)[:5]:
        answer = plant.answer("get_customer", customer_id=customer)
        (row,) = rows_of(answer, "open_orders")
        assert (row["open_lines"], row["late_lines"], row["next_requested_date"]) == (lines, late, first)
        listed = plant.every("list_sales_orders", customer_id=customer, late_only=True)
        assert late == len(listed)


@guarantees("P7.golden_reads", "P1.scope")
def test_a_material_comes_with_its_sites_and_units(plant: Plant) -> None:
    """Where it is planned, and how its units convert; of the sites only those of the role."""
    sql = "SELECT mat_no FROM mat_plant GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    both = plant.look_up("erp", sql)[0][0]
    sites = [row["site"] for row in rows_of(plant.answer("get_material", material_id=both), "sites")]
    mine = [row["site"] for row in rows_of(plant.answer("get_material", role="local", material_id=both), "sites")]
    assert (sites, mine) == (["1000", "2000"], ["1000"])
    (unit,) = rows_of(plant.answer("get_material", material_id="RM-014"), "units")
    native = plant.look_up("erp", "SELECT alt_uom, base_uom, num, den FROM mat_unit WHERE mat_no = 'RM-014'")
    assert (unit["uom"], unit["base_uom"], unit["numerator"], unit["denominator"]) == native[0]


@guarantees("P8.masks")
def test_who_sees_no_money_sees_a_material_without_its_price(plant: Plant) -> None:
    """Lead times stay."""
    (row,) = rows_of(plant.answer("get_material", role="moneyless", material_id="RM-014", site="1000"), "sites")
    assert row["standard_price"] is None
    assert row["lead_time_days"]


@guarantees("P7.provenance")
@pytest.mark.parametrize(
    ("tool", "argument", "wanted", "entity"),
    [
        ("get_supplier", "supplier_id", "S0001", "supply_source"),
        ("get_customer", "customer_id", "C00001", "sales_order_line"),
        ("get_material", "material_id", "RM-014", "unit_conversion"),
        ("get_material", "material_id", "RM-014", "material_site"),
    ],
)
def test_what_a_source_does_not_give_is_named(plant: Plant, tool: str, argument: str, wanted: str, entity: str) -> None:
    """The rest is answered."""
    with plant.without(entity):
        answer = plant.answer(tool, **{argument: wanted})
    assert entity in [gap.entity for gap in answer.gaps]
    assert not answer.complete
    assert next(iter(answer.tables.values())).rows
