"""What shipped profiles write over REST, against recorded shapes of their products: documentation, not the products."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from erp_mcp.domain.command import Committed, Conflict, Outcome, Refused, Unknown
from erp_mcp.errors import BadAnswerError
from tests.guarantees import guarantees
from tests.unit.adapters.rest.writing_products import (
    COMPANY,
    PAST,
    BusinessCentral,
    ErpNext,
    ProductSource,
    Writable,
    requisition,
)
from tests.unit.adapters.writing_source import CREATE, DATE


@asynccontextmanager
async def opened(fake: Writable) -> AsyncIterator[ProductSource]:
    """Serve the product and open its commands."""
    async with fake.server:
        source = ProductSource(fake)
        yield source
        await source.commands.close()


@guarantees("P4.one_effect", "commands.plans")
async def test_business_central_gets_a_new_promise_for_its_line() -> None:
    """On the line's own ETag, below the order; nothing of it is asked of a replica, which may lag."""
    fake = BusinessCentral()
    async with opened(fake) as source:
        command = source.good(DATE)
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Committed)
        assert outcome.written.fields["new_date"] == command.fields["new_date"]
        ((method, path, headers, body),) = fake.written
        order, line = command.key.split("/")
        assert (method, path) == (
            "PATCH", f"/api/v2.0/companies({COMPANY})/purchaseOrders({order})/purchaseOrderLines({line})",
        )  # fmt: skip
        assert headers["if-match"] == command.version_token
        assert "data-access-intent" not in headers
        assert body == {"expectedReceiptDate": command.fields["new_date"]}
        assert await source.commands.find(command) == outcome.written
        assert (await source.commands.probe())[DATE].startswith("verified: ")


@guarantees("P4.stale", "commands.verdicts")
@pytest.mark.parametrize("fake_type", [BusinessCentral, ErpNext])
async def test_what_somebody_changed_at_the_last_moment_is_a_conflict(fake_type: type[Writable]) -> None:
    """After the gateway has looked, before its write arrives: the product itself turns it away, and says so."""
    fake = fake_type()
    async with opened(fake) as source:
        command = source.good(DATE)
        fake.meanwhile = lambda: fake.touch(command.key)
        assert await source.commands.send(command) == Conflict()
        assert len(fake.written) == 1
        assert await source.commands.find(command) is None


@guarantees("commands.verdicts")
@pytest.mark.parametrize(("fake_type", "code"), [(BusinessCentral, "not_accepted"), (ErpNext, "refused_by_rules")])
async def test_a_rule_of_the_product_is_a_refusal_and_its_text_stays_there(
    fake_type: type[Writable], code: str
) -> None:
    """One says so with 400, the other with 417; who may not what is the system's own affair."""
    fake = fake_type()
    async with opened(fake) as source:
        command = source.refused(DATE)
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Refused)
        assert outcome.code == code
        assert len(fake.written) == 1


@guarantees("P4.one_effect", "commands.plans")
async def test_erpnext_gets_a_new_promise_for_the_row_with_the_stamp_that_the_row_had() -> None:
    """The day it is wanted by stays; a list of rows is never sent, which would delete those that are left out."""
    fake = ErpNext()
    async with opened(fake) as source:
        command = source.good(DATE)
        before = dict(fake.product.documents["Purchase Order Item"][command.key])
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Committed)
        ((method, path, _, body),) = fake.written
        assert (method, path) == ("PUT", f"/api/resource/Purchase Order Item/{command.key}")
        assert body == {"modified": before["modified"], "expected_delivery_date": command.fields["new_date"]}
        after = fake.product.documents["Purchase Order Item"][command.key]
        assert after["schedule_date"] == before["schedule_date"]
        assert await source.commands.find(command) == outcome.written


@guarantees("P4.one_effect", "commands.plans")
async def test_erpnext_gets_a_request_as_a_draft_with_our_reference_as_its_title() -> None:
    """Who submits it is a person; the warehouse is the item's own, quantity and unit are exact."""
    fake = ErpNext()
    async with opened(fake) as source:
        command = source.good(CREATE)
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Committed)
        ((_, path, _, body),) = fake.written
        assert path == "/api/resource/Material Request"
        assert "docstatus" not in body
        assert (body["material_request_type"], body["title"], body["company"]) == (
            "Purchase", command.reference, "Works",
        )  # fmt: skip
        assert body["items"] == [
            {
                "item_code": "M-001", "qty": float(str(command.fields["qty"])), "uom": "Nos", "conversion_factor": 1.0,
                "warehouse": "Stores - W", "schedule_date": "2028-03-01",
            }
        ]  # fmt: skip
        assert outcome.written.document.startswith("MAT-MR-")
        assert await source.commands.find(command) == outcome.written


@guarantees("commands.plans")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"uom": "XBX"}, "unknown_unit"), ({"site": "Elsewhere"}, "no_default_warehouse"),
        ({"site": "Works South"}, "no_default_warehouse"), ({"supplier_id": "SUP-0001"}, "no_supplier"),
        ({"cost_object": "4711"}, "no_cost_objects"), ({"material_id": "../Item"}, "no_default_warehouse"),
    ],
)  # fmt: skip
async def test_what_erpnext_has_no_place_for_is_refused_before_anything_is_sent(
    fields: dict[str, str], code: str
) -> None:
    """A unit that the item has not, a company where it has no warehouse, a supplier that a request can't name."""
    fake = ErpNext()
    async with opened(fake) as source:
        assert await source.commands.send(requisition(**fields)) == Refused(code=code)
        assert fake.written == []


@guarantees("P4.unknown")
async def test_a_copy_of_a_request_by_hand_leaves_the_finding_to_a_person() -> None:
    """A copy keeps the title; which of the two was ours nobody can say."""
    fake = ErpNext()
    async with opened(fake) as source:
        command = source.good(CREATE)
        await source.fault("lost_after")
        assert isinstance(await source.commands.send(command), Unknown)
        await source.fault("none")
        rows = fake.product.recorded["Material Request Item"]
        rows.append({**rows[-1], "name": "MAT-MR-2026-00099", "line_name": "copied"})
        with pytest.raises(BadAnswerError):
            await source.commands.find(command)
        rows[-1] |= {"name": rows[-2]["name"], "line": 2}  # a second row of the same request is none of ours
        found = await source.commands.find(command)
        assert found is not None
        assert found.key == rows[-2]["line_name"]


@guarantees("P4.idempotent")
async def test_a_request_that_is_there_already_is_not_made_again() -> None:
    """ERPNext keeps no title unique, so our own search before the write is what sees it."""
    fake = ErpNext()
    async with opened(fake) as source:
        command = source.good(CREATE)
        assert isinstance(await source.commands.send(command), Committed)
        outcome: Outcome = await source.commands.send(replace(command, fields={**command.fields, "qty": "7"}))
        assert outcome == Unknown(reason="reference_exists")
        assert len(fake.made) == 1


@guarantees("commands.verdicts")
async def test_a_request_for_a_day_that_is_gone_is_refused_by_erpnext() -> None:
    """Its own rule, with our general word: texts of the system say which one."""
    fake = ErpNext()
    async with opened(fake) as source:
        outcome = await source.commands.send(requisition(delivery_date=PAST))
        assert isinstance(outcome, Refused)
        assert fake.made == {}
