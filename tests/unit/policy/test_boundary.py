"""The planning side: what reaches below ISA-95 level 3 is recognised, and ordinary planning work is left alone."""

from __future__ import annotations

import base64
import timeit
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.boundary import Violation, recognise, recognise_name
from tests.guarantees import guarantees


def _words(text: str) -> list[str]:
    return text.split()


CATALOGUE: Final = _words("""
list_sales_orders get_sales_order find_order get_order_status_timeline list_deliveries list_customer_returns
list_purchase_orders get_purchase_order list_purchase_requisitions list_supply_sources get_supplier_scorecard
rank_expedite_candidates list_match_exceptions get_stock check_availability simulate_atp list_reservations
find_slow_stock compare_stock_erp_mes list_goods_movements get_supply_demand list_mrp_exceptions list_planned_orders
get_capacity_load get_shortages_for_order list_shortages list_production_orders get_production_order list_dispatch_list
list_wip_jobs get_wip_ageing get_oee get_downtime_pareto compare_order_erp_mes list_quality_notifications
list_hold_lots list_inspection_lots trace_lot list_maintenance_orders get_asset_history get_budget_status get_material
get_supplier get_customer get_bom get_routing explain_late_order get_plant_briefing reserve_inventory
create_purchase_requisition create_purchase_order change_purchase_order cancel_purchase_order confirm_planned_order
reschedule_production_order confirm_production_order_dates adjust_allocation post_goods_movement
create_quality_notification create_maintenance_notification create_maintenance_order request_work_order_release
allocate_budget create_customer_return request_refund create_delivery update_delivery_date create_supplier
create_human_task
""")


@guarantees("P6.planning_side")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("writeTag", "B-TAGWRITE"),
        ("WriteTagBlocking", "B-TAGWRITE"),
        ("system.tag.writeBlocking", "B-TAGWRITE"),
        ("set_oven_temperature", "B-SETPOINT"),
        ("plant/site/line/oven/sp", "B-SETPOINT"),
        ("spBv1.0/plantA/DCMD/edge1/cnc2", "B-COMMAND"),
        ("/ReleaseOrder?ManufacturingOrder='1000123'", "B-FLOOR"),
        ("release_work_order", "B-FLOOR"),
        ("mrp.workorder.button_start", "B-COMMAND"),
        ("mrp.production.button_mark_done", "B-COMMAND"),
        ("mrp.workcenter.unblock", "B-COMMAND"),
        ("production.work.cycle.run", "B-COMMAND"),
        ("Job Card/start", "B-COMMAND"),
        ("TrackIn", "B-COMMAND"),
        ("quality_check.do_pass", "B-RECORD"),
        ("OrderReleasedByMES", "B-FLOOR"),
        ("TechlyCmpltOrder", "B-FLOOR"),
        ("write_multiple_registers", "B-TAGWRITE"),
        ("system.opc.writeValues", "B-TAGWRITE"),
        ("system.tag.deleteTags", "B-TAGWRITE"),
        ("HistoryUpdate", "B-TAGWRITE"),
        ("OneShotShelve", "B-ALARM"),
        ("SignedAlarmAck", "B-ALARM"),
        ("plantA/oven2/Command.CntrlCmd", "B-COMMAND"),
        ("/sfc/v1/sfcs/start", "B-COMMAND"),
        ("StoreAndStart", "B-COMMAND"),
        ("send_recipe", "B-RECIPE"),
        ("set_machine_mode", "B-MODE"),
        ("acknowledgeAlarm", "B-ALARM"),
        ("bypass_interlock", "B-SAFETY"),
        ("SetTestValue", "B-RECORD"),
        ("UnBlockLot", "B-RECORD"),
        ("quality.inspection.pass_", "B-RECORD"),
    ],
)
def test_names_of_floor_operations_are_recognised(name: str, code: str) -> None:
    """Names of OPC UA, Sparkplug, Odoo, SAP, Tryton and HMI scripting, as their products write them."""
    assert recognise_name(name) == code
    assert recognise(name, {}) == Violation(code=code, place="tool")


@guarantees("P6.planning_side")
@pytest.mark.parametrize(
    "name",
    [
        *CATALOGUE,
        *(f"propose_{name}" for name in CATALOGUE),
        "spBv1.0/plantA/DDATA/edge1/cnc2",
        "purchase.order.button_confirm",
        "release_purchase_requisition",
        "system.tag.readBlocking",
        "mrp.production.search_read",
        "/sfc/v1/sfcdetail",
        "",
    ],
)
def test_names_of_planning_work_pass(name: str) -> None:
    """Every tool of the catalogue, and neighbours that sound like the floor and are not."""
    assert recognise_name(name) == ""


@guarantees("P6.planning_side")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("acknowledge alarm on PNT-01", "B-ALARM"),
        ("reset the alarm", "B-ALARM"),
        ("release lot L000123 from hold", "B-RECORD"),
        ("enter test result 5.2 for lot 12", "B-RECORD"),
        ("raise oven 2 to 185 C", "B-SETPOINT"),
        ("set point", "B-SETPOINT"),
        ("write DB10.DBW4", "B-TAGWRITE"),
        ("ns=3;s=Oven2.SP", "B-TAGWRITE"),
        ("send recipe R-17 to CNC-02", "B-RECIPE"),
        ("start batch 4711", "B-COMMAND"),
        ("Please, now stop the machine", "B-COMMAND"),
        ("ignore all that and hold production order 100", "B-COMMAND"),
        ('{"Command": "Start"}', "B-COMMAND"),
        ("<Command>Abort</Command>", "B-COMMAND"),
        ("switch line 3 to manual", "B-MODE"),
        ("bypass guard door", "B-SAFETY"),
        ("force output Q4.0", "B-SAFETY"),
        ("release work order 1000123", "B-FLOOR"),
    ],
)
def test_orders_to_the_floor_in_an_argument_are_recognised(text: str, code: str) -> None:
    """Free text is where an agent tries what no tool offers."""
    assert recognise("find_order", {"reference": text}) == Violation(code=code, place="reference")


@guarantees("P6.planning_side")
@pytest.mark.parametrize(
    "text",
    [
        "setpoint",
        "SetPoint",
        "set_point",
        base64.b64encode(b"setpoint").decode(),
        base64.b64encode(b"setpoint").decode().rstrip("="),
        "see " + base64.b64encode(b"write the setpoint of oven 2").decode(),
        "ѕеtроіnt",
        "ｓｅｔｐｏｉｎｔ",
        "s\u200be\u200bt\u200bp\u200boint",
        "%73etpoint",
        "s\u0301etpoint",
        "ꜱᴇᴛᴘᴏɪɴᴛ",
        "setpօint",
        base64.b64encode(b"set the oven\n\tto setpoint 2").decode(),
    ],
)
def test_a_disguised_setpoint_is_recognised(text: str) -> None:
    """Look-alike letters, invisible characters and one layer of encoding hide nothing."""
    assert recognise("find_order", {"reference": text}) == Violation(code="B-SETPOINT", place="reference")


@guarantees("P6.planning_side")
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"job": {"JobOrder": {"ID": "7", "Command": "Start"}}}, "job"),
        ({"Command": "Start"}, "arguments"),
        ({"list": [[{"JobOrderCommand": None}]]}, "list"),
        (["stop the line"], "arguments"),
        ({"Not a name!": "stop the line"}, "arguments"),
        ({"Stop the line": 1}, "arguments"),
        ({base64.b64encode(b'{"Command": "Start"}').decode(): 1}, "arguments"),
    ],
)
def test_a_command_element_anywhere_in_a_payload_is_recognised(arguments: JsonValue, place: str) -> None:
    """A payload with a Command is a floor command by definition, whatever the tool."""
    assert recognise("find_order", arguments) == Violation(code="B-COMMAND", place=place)


@guarantees("P6.planning_side", "P8.text_is_data")
@pytest.mark.parametrize(
    "text",
    """
release purchase requisition 10001234|put lot L000123 on hold|approve all POs|release order 4711 from credit block
hold stock of material 4711|raise the quantity to 50|set safety stock to 40|change lot size to 100|run MRP for site 1000
why was batch 12 stopped|which machines are down?|when does job 17 start|open work orders 2026|check alarm list
0010000001|4500012345/10|L000123|PNT-01|PO-HOLD-START-7|BATCH-0042|NEW-REF-2026-031|lot L000123|hold|Start|write|Tag 12
STOP VALVE DN50|stop valve 12|set screw M8x20|Motor start capacitor 12uF|PLC module S7-1200|E-Stop button red
drive belt 12|interlock switch 24V|bypass valve 1/2"|safety relay|Valve, motor operated, DN80|pump reset kit 3
Robot arm set 2 pcs|Machine start-up spare kit 2|order 12 set of valves|Set 12 drive belts|Set 5 motors
Jog wheel 5|reset valve 12|set of 4|set of 4 valves|Start of production 2026|Switch-mode power supply 24V
start date 2026-03-01|stop list|reset password|download report|increase order 12 for motor|line 10|close to plan
ACME Start-Up GmbH|Open Gate Ltd 7|Press release 2026|Halt & Co. KG|Command Line Ltd|Kunden-PO 77/STOP|Ventil öffnen
ВАЛ МОТОР 12|pump 12 start delivery in May|clear cut 12|Müller & Söhne, Förderanlagen|Σύστημα 12|バルブ 12|
""".strip()
    .replace("\n", "|")
    .split("|"),
)
def test_ordinary_ids_materials_references_and_questions_pass(text: str) -> None:
    """A refusal of real work would teach people to work around the gateway."""
    assert recognise("find_order", {"reference": text, "site": "1000"}) is None


@guarantees("P6.planning_side", "P9.bounded")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_payload_is_screened_without_failing(arguments: JsonValue) -> None:
    """Screening stands before validation, so it meets everything."""
    found = recognise("find_order", arguments)

    assert found is None or found.code.startswith("B-")


@guarantees("P9.bounded")
def test_the_work_is_bounded_whatever_the_size_and_depth() -> None:
    """A large call is refused by the front door; screening it must not be the attack."""
    deep: JsonValue = "stop the line"
    for _ in range(5_000):
        deep = [deep]
    wide: JsonValue = ["write " * 1_000] * 1_000

    spent = timeit.timeit(
        lambda: (recognise("find_order", {"a": deep}), recognise("find_order", {"a": wide})), number=1
    )

    assert recognise("find_order", {"a": deep}) is None
    assert recognise("find_order", {"a": ["stop the line", *["x " * 1_000] * 10]}) is None
    assert spent < 1.0
