"""Masks judged from outside: what an agent is told must not depend on a value that is masked for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from erp_mcp.catalog.meaning import field_kind
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Mask
from erp_mcp.domain.entities import ENTITIES, Kind, field_specs
from erp_mcp.errors import MaskedFieldError
from erp_mcp.policy.obligations import check_masked_arguments
from tests.guarantees import guarantees
from tests.path.conftest import Desk, open_desk
from tests.path.mask_scan import Question, altered, compare, looked_at, mask, mask_all, proposed, questions_of, told
from tests.unit.projections.small_plant import shipped

FIELDS = [
    "sales_order_line.open_value",
    "sales_order_line.order_state",
    "sales_order_line.credit_status",
    "sales_order.customer_reference",
    "delivery.actual_goods_issue",
    "purchase_order_line.price",
    "purchase_order_line.qty_open",
    "purchase_order_line.promised_date",
    "production_order.request_state",
    "production_component.qty_open",
    "reservation.qty",
    "lot.lot_disposition",
    "quality_notification.order_state",
    "quality_notification.lot_id",
    "quality_notification.site",
    "routing_operation.work_center_id",
    "sales_order.customer_id",
    "supply_source.supplier_id",
]


def _questions(desk: Desk) -> list[Question]:
    orders: list[JsonValue] = [
        row["sales_order_id"] for row in desk.rows("planner", "list_sales_orders", "lines", late_only=True)
    ]
    made: list[JsonValue] = [
        row["production_order_id"] for row in desk.rows("planner", "list_production_orders", "orders")
    ]
    material: JsonValue = desk.rows("planner", "list_purchase_orders", "lines")[0]["material_id"]
    lists: list[Question] = [
        ("list_sales_orders", {"limit": 200}),
        ("list_sales_orders", {"status": ["open", "closed", "cancelled"]}),
        ("list_purchase_orders", {"limit": 200}),
        ("list_purchase_orders", {"overdue_only": True}),
        ("list_production_orders", {"limit": 200}),
        ("rank_expedite_candidates", {}),
        ("list_wip_jobs", {}),
        ("list_hold_lots", {}),
        ("list_hold_lots", {"site": "1000"}),
        ("list_quality_notifications", {"site": "1000"}),
        ("list_supply_sources", {"limit": 200}),
        ("get_routing", {"material_id": "FG-001"}),
        ("get_plant_briefing", {}),
        ("get_sales_order", {"sales_order_id": orders[0]}),
        ("find_order", {"reference": orders[0]}),
        ("get_stock", {"material_id": material}),
        ("get_supply_demand", {"material_id": material}),
    ]
    explained: list[Question] = [("explain_late_order", {"sales_order_id": order}) for order in orders[:3]]
    short: list[Question] = [("get_shortages_for_order", {"production_order_id": one}) for one in made[:3]]
    return lists + explained + short


@guarantees("P8.masks")
@pytest.mark.parametrize("field", FIELDS)
def test_no_answer_depends_on_the_values_of_a_masked_field(field: str, desk: Desk) -> None:
    """Neither cells nor the choice, order or number of rows may tell: not by a filter, a default, an analysis."""
    found = compare(desk, field, _questions(desk), hows=["shuffle"])

    assert found.compared
    assert (found.different, found.broken) == ((), ())


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("field", "tool"),
    [
        ("sales_order_line.open_value", "rank_expedite_candidates"),
        ("supplier_invoice.amount", "list_match_exceptions"),
        ("job.qty_good", "compare_order_erp_mes"),
    ],
)
def test_an_analysis_reckons_with_no_token_of_a_number(field: str, tool: str, desk: Desk) -> None:
    """It answers or refuses as if the field were dropped: a token is neither a figure nor above or below one."""
    assert isinstance(desk.ask("planner", tool), Answer)
    mask(desk, field, "drop")
    dropped = told(desk, (tool, {}))
    mask(desk, field, "hash")
    assert told(desk, (tool, {})) == dropped


@guarantees("P8.masks", "P7.worked_out_ahead")
@pytest.mark.parametrize("way", ["drop", "hash"])
@pytest.mark.parametrize(
    ("field", "tool"),
    [
        ("stock.uom", "compare_stock_erp_mes"),
        ("purchase_order_line.qty_received", "get_supplier_scorecard"),
        ("work_center_capacity.available_min", "get_capacity_load"),
    ],
)
def test_what_an_analysis_can_not_do_without_is_refused_worked_out_ahead_or_not(
    field: str, tool: str, way: str, desk: Desk
) -> None:
    """What was worked out rests on none of these fields, and would answer what the whole question refuses."""
    desk.answer("planner", tool)
    mask(desk, field, way)
    assert desk.refusal("planner", tool).code == "policy.not_allowed"


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("field", "tool", "table", "columns"),
    [
        ("supplier_invoice.price_unit", "list_match_exceptions", "exceptions", {"variance_amount", "price_unit"}),
        ("supplier_invoice.price_unit", "list_match_exceptions", "totals", {"variance_amount"}),
        ("purchase_order_line.price_unit", "get_vendor_summary", "money", {"ordered", "still_open"}),
        ("purchase_order_line.price_unit", "get_supplier_scorecard", "suppliers", {"price_variance_pct"}),
    ],
)
def test_a_figure_that_rests_on_a_price_tells_nothing_of_a_masked_price_unit(
    field: str, tool: str, table: str, columns: set[str], desk: Desk
) -> None:
    """Of a price and what comes of it, the unit that it is for can be worked back."""
    arguments: dict[str, JsonValue] = {}
    if tool == "get_vendor_summary":
        arguments = {"supplier_id": desk.rows("planner", "list_purchase_orders", "lines")[0]["supplier_id"]}
    seen = desk.rows("planner", tool, table, **arguments)
    mask(desk, field, "drop")
    left = desk.rows("planner", tool, table, **arguments)

    assert columns <= {name for row in seen for name, cell in row.items() if cell is not None}
    assert columns.isdisjoint(name for row in left for name, cell in row.items() if cell is not None)
    assert len(left) == len(seen)


READING = [one for one in shipped() if one.effect == "read"]
KEYS = sorted(field for field in set().union(*map(looked_at, READING)) if field_kind(field) == "id")


@pytest.fixture(scope="module")
def shared(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One deployment for all fields; each comparison leaves its read model as it was."""
    opened = open_desk(Path(copytree(prepared, tmp_path_factory.mktemp("masks") / "demo")))
    yield opened
    opened.deployment.close()


@guarantees("P8.masks")
@pytest.mark.parametrize("entity", sorted({field.partition(".")[0] for field in KEYS}))
def test_no_read_tool_tells_of_a_masked_key(entity: str, shared: Desk) -> None:
    """Keys link rows: not by sums, counts, names found by them, pages or cursors may one tell which are equal."""
    for field in (one for one in KEYS if one.startswith(f"{entity}.")):
        questions = questions_of([one for one in READING if field in looked_at(one)], most=1)

        found = compare(shared, field, questions, hows=["shuffle"])

        assert (found.different, found.broken) == ((), ())


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("field", "tool", "arguments", "tells"),
    [
        ("stock.lot_id", "list_hold_lots", {"site": "1000"}, True),
        ("production_component.material_id", "list_hold_lots", {"site": "1000"}, False),
        ("lot.material_id", "list_hold_lots", {"site": "1000"}, False),
        ("production_operation.production_order_id", "get_capacity_load", {"weeks": 2}, False),
        ("production_order.production_order_id", "get_capacity_load", {"weeks": 2}, False),
        ("lot.lot_id", "list_quality_notifications", {"site": "1000"}, True),
    ],
)
def test_what_a_masked_key_decides_goes_with_it_and_the_rest_stays(
    field: str, tool: str, arguments: dict[str, JsonValue], tells: bool, desk: Desk
) -> None:
    """A figure that was looked up is left empty in its row; where rows come by the key, the tool is not there."""
    seen = desk.answer("planner", tool, **arguments)
    with altered(desk, field):
        assert desk.answer("planner", tool, **arguments).tables != seen.tables  # else there is nothing to tell
    mask(desk, field, "drop")

    if not tells:
        assert desk.refusal("planner", tool, **arguments).code == "call.unknown_tool"
        return
    rows = {name: len(table.rows) for name, table in desk.answer("planner", tool, **arguments).tables.items()}
    assert rows == {name: len(table.rows) for name, table in seen.tables.items()}


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("field", "way", "question"),
    [
        ("production_order.sales_order_id", "hash", ("list_shortages", {"horizon_days": 14})),
        ("production_order.sales_order_line", "hash", ("list_shortages", {"horizon_days": 14})),
        (
            "production_component.need_date",
            "hash",
            ("rank_expedite_candidates", {"impact": "harmless", "site": "1000"}),
        ),
        ("reservation.qty", "hash", ("get_stock", {"site": "1000", "by_lot": True, "limit": 100})),
        ("reservation.qty", "band", ("get_stock", {"site": "1000", "by_lot": True, "limit": 100})),
    ],
)
def test_tokens_and_ranges_tell_no_more_than_which_values_are_equal_and_between_which_edges(
    field: str, way: str, question: Question, shared: Desk
) -> None:
    """Where all values become others and their tokens stay, or their ranges, the answer is the same to the letter."""
    found = compare(shared, field, [question], way=way)

    assert found.compared > found.hidden
    assert (found.different, found.broken) == ((), ())


@guarantees("P8.masks")
def test_what_is_worked_out_from_a_price_is_said_to_come_from_its_unit_too() -> None:
    """For each read tool and each entity whose prices are for so many units."""
    shown = [(tool.name, column) for tool in READING for table in tool.tables for column in table.columns]
    figures = [
        (tool, column, field)
        for tool, column in shown
        for field in column.fields
        if field.endswith(".price") and len(column.fields) > 1
    ]

    assert figures
    assert [(tool, one.name) for tool, one, field in figures if f"{field}_unit" not in one.fields] == []


@guarantees("P8.masks", "P1.default_deny")
def test_what_hiding_an_id_costs_a_role_is_as_the_page_says(shared: Desk) -> None:
    """Each id with all references to it, dropped and hashed: the tools that are left, by the gateway itself."""
    page = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    told = [
        (name, *map(int, rest)) for name, *rest in re.findall(r"(?m)^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|$", page)
    ]
    planner = shared.deployment.principal("planner")
    found = []
    for name, *_ in told:
        fields = [f"{entity}.{field}" for entity, field in _ids_of(name)]
        left = []
        for way in ("drop", "hash"):
            mask_all(shared, fields, way)
            left.append(sum(one.effect == "read" for one in shared.deployment.gateway.callable_tools(planner)))
        found.append((name, len(fields), *(len(READING) - one for one in left)))

    assert found == told
    assert len(told) == 8


def _ids_of(name: str) -> list[tuple[str, str]]:
    """Return where the id of an entity stands, and what refers to it."""
    every = [(entity, spec) for entity, record in ENTITIES.items() for spec in field_specs(record)]
    own = [(entity, spec.name) for entity, spec in every if entity == name and (spec.name,) == ENTITIES[entity].KEY]
    return own + [
        (entity, spec.name) for entity, spec in every if spec.kind is Kind.REF and spec.meaning.entity == name
    ]


@guarantees("P8.masks", "mcp.completion")
def test_completion_proposes_no_id_that_a_masked_field_decides(shared: Desk) -> None:
    """Late orders, lots on hold and the worst suppliers come from answers, and are chosen and ordered as these are."""
    tools = {"list_sales_orders", "list_hold_lots", "get_supplier_scorecard"}
    fields = sorted(set().union(*(looked_at(one) for one in READING if one.name in tools)))
    proposing = 0
    for field in fields:
        mask(shared, field, "drop")
        before = proposed(shared)
        with altered(shared, field):
            assert proposed(shared) == before, field
        proposing += '"L0' in before and '"S0' in before

    assert proposing  # else nothing was compared


@guarantees("P8.masks")
def test_every_argument_is_refused_where_a_field_that_it_filters_by_is_masked() -> None:
    """Of each read tool, each argument and each field: whoever may filter by a value finds it out by asking often."""
    filters = [(tool, one.name, field) for tool in READING for one in tool.arguments for field in one.fields]

    for tool, argument, field in filters:
        with pytest.raises(MaskedFieldError) as refusal:
            check_masked_arguments(tool, {argument: "other"}, [Mask(field=field, way="hash")])
        assert refusal.value.facts["argument"] == argument
    assert len(filters) > len(READING)
