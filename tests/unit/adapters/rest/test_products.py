"""The shipped REST profiles against servers that play recorded shapes of their products."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.domain.entities import ENTITIES, Record, field_specs
from erp_mcp.errors import GatewayError, SystemRefusedError
from erp_mcp.ports import Introspects
from erp_mcp.systems import load_profile
from erp_mcp.testing import FixedClock, connection_to
from erp_mcp.testing.loopback import LoopbackServer
from erp_mcp.testing.passes import content, fold, read_pages, told
from tests.guarantees import guarantees
from tests.unit.adapters.rest.products import PRODUCTS, Product

PROFILES: Final = Path(__file__).parents[4] / "erp_mcp" / "systems"
OPTIONS: Final = {
    "business-central": {"company": "7e3b0000-0000-4000-8000-00000000000a"},
    "oracle-fusion": {"master_organization": "M0"},
    "infor-m3": {"company": "790", "facility": "M01", "warehouse": "100"},
}


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[tuple[Product, RestAdapter]]:
    product = Product(name, PRODUCTS[name])
    async with LoopbackServer(product) as server:
        connection = connection_to(
            server.url, page_rows=3, headers={"authorization": "token k:s"}, options=OPTIONS.get(name)
        )
        adapter = RestAdapter.open(connection, load_profile(name, [PROFILES]), FixedClock())
        yield product, adapter
        await adapter.close()


async def held(adapter: RestAdapter, entity: str) -> list[Record]:
    return [record for _, record in sorted((await fold(adapter, entity)).items())]


@pytest.mark.parametrize("name", sorted(PRODUCTS))
class TestEveryProfile:
    @guarantees("P9.profiles_played")
    async def test_reads_every_entity_whole_and_again_by_key(self, name: str) -> None:
        """Paging of the product's own kind, over more than one page where there is more."""
        async with opened(name) as (_, adapter):
            for entity in sorted(adapter.entities):
                pages = await read_pages(adapter, entity)
                records = {record.source_key: record for page in pages for record in page.records}
                assert records, entity
                again = await adapter.read(entity, sorted(records))
                assert content({one.source_key: one for one in again}) == content(records), entity
                assert {one.source_key: one.version_token for one in again} == {
                    key: one.version_token for key, one in records.items()
                }, entity
                assert await adapter.read(entity, ["no such key", "999999999", "a/b/c/d/e/f"]) == ()

    @guarantees("P7.sync_exact", "P9.profiles_played")
    async def test_a_second_pass_changes_nothing(self, name: str) -> None:
        """What is unchanged stays, named or present."""
        async with opened(name) as (_, adapter):
            for entity in sorted(adapter.entities):
                pages = await read_pages(adapter, entity)
                before = await fold(adapter, entity)
                after = await fold(adapter, entity, pages[-1].watermark, dict(before))
                assert content(after) == content(before), entity

    @guarantees("P9.rest_verdicts")
    async def test_its_own_kind_of_error_is_refused_with_its_code_and_nothing_else_of_it(self, name: str) -> None:
        """Some say so with 417, one with 200; the text beside the code stays where it is."""
        async with opened(name) as (product, adapter):
            product.failing = True
            with pytest.raises(GatewayError) as caught:
                await fold(adapter, min(adapter.entities))
            assert isinstance(caught.value, SystemRefusedError)
            code = caught.value.facts["native_code"]
            assert str(code) in json.dumps(product.error["body"])
            assert "secret" not in told(caught.value)

    @guarantees("P9.profiles_played")
    async def test_probe_says_what_it_is(self, name: str) -> None:
        """A person sees at once that it is the right system."""
        async with opened(name) as (_, adapter):
            probe = await adapter.probe()
        assert probe["product"]
        assert "server_time" in probe

    @guarantees("adapter.introspection", "P9.profiles_played")
    async def test_introspection_finds_every_mandatory_field(self, name: str) -> None:
        """By some records of each entity, since no profile of these names an OpenAPI document."""
        async with opened(name) as (_, adapter):
            assert isinstance(adapter, Introspects)
            found = await adapter.introspect()
        assert found.usable, [one for one in found.entities if one.mandatory]
        mandatory = {
            f"{entity}.{spec.name}"
            for entity in adapter.entities
            for spec in field_specs(ENTITIES[entity])
            if not spec.optional and spec.name not in {"system", "source_key", "version_token", "as_of"}
        }
        assert mandatory <= {f"{one.entity}.{field}" for one in found.entities for field in one.bound}


class TestErpNext:
    @guarantees("P9.profiles_played")
    async def test_local_times_decimals_and_states_are_exact(self) -> None:
        """Naive times are the site's, quantities come as JSON numbers, unknown states keep their own word."""
        async with opened("erpnext") as (_, adapter):
            lines = await held(adapter, "purchase_order_line")
            requests = await held(adapter, "purchase_requisition")
            orders = await held(adapter, "production_order")
        line = lines[0]
        assert (line.source_key, line.purchase_order_id, line.qty_received, line.qty_open, line.uom) == (  # type: ignore[attr-defined]
            "poi1", "PUR-ORD-2026-00001", 12_345_678, 87_654_322, "KGM",
        )  # fmt: skip
        assert line.promised_date == "2026-04-07"  # type: ignore[attr-defined]
        assert lines[3].qty_open == 0  # type: ignore[attr-defined]
        assert requests[0].created_at == "2026-03-04T20:40:00Z"  # type: ignore[attr-defined]
        assert [(one.request_state, one.native_state) for one in orders] == [  # type: ignore[attr-defined]
            ("Running", "In Process"), ("Held", "Stopped"), ("Waiting", "Ready for QC"),
        ]  # fmt: skip

    @guarantees("P9.profiles_played")
    async def test_rows_of_other_documents_find_what_they_belong_to(self) -> None:
        """Deliveries and invoices name the row of the order; what is cancelled, returned or a draft is not there."""
        async with opened("erpnext") as (_, adapter):
            lines = {one.line for one in await held(adapter, "sales_order_line")}  # type: ignore[attr-defined]
            shipped = await held(adapter, "delivery")
            invoiced = await held(adapter, "customer_invoice")
            held_for = await held(adapter, "reservation")
        assert [(one.delivery_id[-1], one.sales_order_line, one.actual_goods_issue) for one in shipped] == [  # type: ignore[attr-defined]
            ("1", "soi1", "2026-03-18"), ("2", "soi1", None),
        ]  # fmt: skip
        assert {one.sales_order_line for one in (*shipped, *invoiced)} <= lines  # type: ignore[attr-defined]
        assert [one.amount for one in invoiced] == [1_563_100]  # type: ignore[attr-defined]
        assert [(one.qty, one.demand_id) for one in held_for] == [(5_000_000, "SAL-ORD-2026-00001")]  # type: ignore[attr-defined]

    @guarantees("P9.profiles_played")
    async def test_work_orders_items_and_units_come_with_their_rows(self) -> None:
        """Moved to the work in progress is withdrawn, without such a move what was used; factors are exact."""
        async with opened("erpnext") as (_, adapter):
            parts = await held(adapter, "production_component")
            steps = await held(adapter, "production_operation")
            units = await held(adapter, "unit_conversion")
            places = await held(adapter, "material_site")
            sources = await held(adapter, "supply_source")
        assert [(one.qty_withdrawn, one.qty_open) for one in parts] == [  # type: ignore[attr-defined]
            (15_500_000, 24_500_000), (5_000_000, 15_000_000), (0, 0),
        ]  # fmt: skip
        assert [(one.work_center_id, one.planned_start, one.request_state) for one in steps] == [  # type: ignore[attr-defined]
            ("Press 1", "2026-03-17T02:30:00Z", "Running"), ("Bench", None, "Waiting"),
        ]  # fmt: skip
        assert [(one.uom, one.numerator, one.denominator) for one in units][1:3] == [  # type: ignore[attr-defined]
            ("BX", 12_500_000_000, 1_000_000_000), ("KGM", 333_333_333, 1_000_000_000),
        ]  # fmt: skip
        assert [(one.site, one.procurement) for one in places] == [  # type: ignore[attr-defined]
            ("Works", "buy"), ("Works South", "buy"), ("Works", "make"), ("Works", "buy"),
        ]  # fmt: skip
        assert [(one.supplier_id, one.lead_time_days, one.min_order_qty) for one in sources] == [  # type: ignore[attr-defined]
            ("SUP-0001", 12, 10_000_000),
        ]  # fmt: skip

    @guarantees("P9.profiles_played")
    async def test_asks_for_what_changed_in_the_sites_own_time(self) -> None:
        """The site compares texts of its local time."""
        async with opened("erpnext") as (product, adapter):
            first = await read_pages(adapter, "material")
            product.asked.clear()
            await read_pages(adapter, "material", first[-1].watermark)
        filters = [one.query.get("filters", "") for one in product.asked]
        assert json.loads(max(filters)) == [["modified", ">=", "2026-03-05 10:10:05"]]  # the newest, less five minutes


class TestNetSuite:
    @guarantees("P9.profiles_played")
    async def test_absent_columns_text_numbers_and_letters_are_understood(self) -> None:
        """SuiteQL leaves out what is empty and gives every value as text."""
        async with opened("netsuite") as (_, adapter):
            lines = await held(adapter, "purchase_order_line")
            orders = await held(adapter, "production_order")
        assert [one.qty_open for one in lines] == [1, 1, 1]  # type: ignore[attr-defined]
        assert [one.promised_date for one in lines] == [None, "2026-04-07", "2026-04-08"]  # type: ignore[attr-defined]
        assert [one.release_state for one in lines] == ["waiting", "released", "released"]  # type: ignore[attr-defined]
        assert (orders[1].request_state, orders[1].native_state) == ("Waiting", "Z")  # type: ignore[attr-defined]

    @guarantees("P9.rest_requests")
    async def test_a_key_that_is_no_number_is_never_part_of_a_statement(self) -> None:
        """A statement holds numbers of ours or nothing."""
        async with opened("netsuite") as (product, adapter):
            assert await adapter.read("customer", ["7) OR (1=1", "7;--", "-1", "٧"]) == ()
        assert product.asked == []


class TestInforM3:
    @guarantees("P9.profiles_played")
    async def test_dates_blank_keys_and_statuses_are_understood(self) -> None:
        """A date of zero is none, a lot that is blank is part of the key all the same."""
        async with opened("infor-m3") as (_, adapter):
            orders = await held(adapter, "production_order")
            stock = await held(adapter, "stock")
        assert (orders[0].planned_start, orders[0].planned_finish) == ("2026-03-17", None)  # type: ignore[attr-defined]
        assert [one.source_key for one in stock] == ["100/ITEM1/A-01-01/LOT7//0", "100/ITEM1/A-01-02//PAL%2F1/0"]
        assert [one.stock_type for one in stock] == ["unrestricted", "blocked"]  # type: ignore[attr-defined]


class TestBusinessCentral:
    @guarantees("P9.profiles_played")
    async def test_lines_are_items_of_their_order_and_bear_their_own_version(self) -> None:
        """A comment is no line of goods, and the year 1 is no date."""
        async with opened("business-central") as (_, adapter):
            lines = await held(adapter, "purchase_order_line")
            sales = await held(adapter, "sales_order_line")
        assert [(one.purchase_order_id, one.line) for one in lines] == [  # type: ignore[attr-defined]
            ("106001", "10000"), ("106001", "20000"), ("106002", "10000"), ("106002", "20000"),
        ]  # fmt: skip
        assert (lines[0].qty_open, lines[0].price, lines[0].requested_date) == (12_499_999, 31_415, None)  # type: ignore[attr-defined]
        assert len({one.version_token for one in lines}) == 4
        assert sales[0].requested_date == "2026-04-02"  # type: ignore[attr-defined]
