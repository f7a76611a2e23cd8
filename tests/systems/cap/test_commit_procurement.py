"""Orders bought and sold through a deployment into a running CAP: proposed, approved, committed, read back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from mcp import Client

from erp_mcp.bootstrap import SystemClock
from erp_mcp.testing import CommandFault
from tests.guarantees import guarantees
from tests.relaying import before_odata
from tests.systems.approving import MADE_AND_MOVED, Losing, Served, deploy, ended, permitting
from tests.systems.cap.ordering import Orders, ordering
from tests.systems.cap.server import Cap
from tests.systems.cap.test_commit import CAP_BY_PLACE, PATHWAY, Place, system_of
from tests.systems.cap.test_writes import PROFILES, UNITS
from tests.systems.matrix.covering import (
    CANCEL_TOOL,
    CHANGE_TOOL,
    LOST_REPLY,
    ORDER_TOOL,
    SALES_DATE_TOOL,
    SALES_PRICE_TOOL,
    STALE,
    covers,
)
from tests.systems.tryton.test_gateway import ask, planner

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("warm_servers")]

TOOLS: Final = (ORDER_TOOL, CHANGE_TOOL, CANCEL_TOOL, SALES_DATE_TOOL, SALES_PRICE_TOOL)


@pytest.fixture(scope="module")
def orders(cap: Cap) -> Iterator[Orders]:
    """Somebody beside the gateway, who puts everything back."""
    with ordering(cap) as one:
        yield one


@pytest.fixture(scope="module", params=sorted(PROFILES))
def place(
    cap: Cap, orders: Orders, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A deployment in which a planner may propose all of them."""
    folder = tmp_path_factory.mktemp(f"orders-{request.param}") / "plant"
    orders.restore()
    orders.prolong()
    with Losing(before_odata(cap.url)) as losing:
        system = system_of(folder, cap, losing.relay.url, request.param)
        deploy(
            folder, request.param, system, declared=("sap", PATHWAY), policy=permitting(*TOOLS), without=MADE_AND_MOVED
        )
        with Served(folder):
            yield Place(folder=folder, losing=losing, profile=request.param)


def a_day(number: int) -> str:
    """Return a day that any lead time allows."""
    return (SystemClock().wall().date() + timedelta(days=200 + number)).isoformat()


def an_order(orders: Orders, place: Place, number: int) -> dict[str, Any]:
    """Return the arguments of an order from a source that no other test asks."""
    source = orders.sources[2 * place.turn + number]
    line = {
        "material_id": source.material, "qty": "5000", "uom": UNITS[source.unit], "delivery_date": a_day(number),
    }  # fmt: skip
    return {
        "supplier_id": source.supplier,
        "site": source.plant,
        "lines": [line],
        "idempotency_key": f"weekly-buy-{number}",
    }


@covers(ORDER_TOOL, CAP_BY_PLACE)
@covers(LOST_REPLY, CAP_BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect", "P4.unknown")
@pytest.mark.parametrize("how", ["none", "lost_after"])
async def test_an_approved_order_is_one_order(place: Place, orders: Orders, how: CommandFault) -> None:
    """Until the approval there is none; then one, at the source's price, also where the answer never came."""
    asked = an_order(orders, place, int(how == "lost_after"))
    before = orders.effects()
    async with Client(planner(place.folder)) as client:
        await ask(client, ORDER_TOOL, reason="The forecast of the week says so.", **asked)
    assert orders.effects() == before

    with place.losing.writes(how) as written:
        found, receipts = await ended(place.folder, ORDER_TOOL, **asked)

    (key,) = orders.effects().keys() - before.keys()
    assert (found["state"], len(written)) == ("COMMITTED", 1), found
    assert [(one["document"], one["found"]) for one in receipts] == [(key.partition("/")[0], "read_back")]
    (row,) = orders.made(orders.reference(key))
    assert row["netpriceamount"] == orders.sources[2 * place.turn + int(how == "lost_after")].price
    assert (row["orderquantity"], row["releaseisnotcompleted"]) == (5000, True)


@covers((CHANGE_TOOL, CANCEL_TOOL), CAP_BY_PLACE)
@covers(LOST_REPLY, CAP_BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect", "P4.unknown")
async def test_a_line_is_changed_and_then_cancelled_though_that_answer_is_lost(place: Place, orders: Orders) -> None:
    """More of it at first; then, read again by the server itself, none; each has its own yes."""
    line = orders.whole[place.turn]
    named = {"purchase_order_id": line.order, "line": line.item}
    more = str(orders.line(line)["orderquantity"] + 100)
    found, receipts = await ended(place.folder, CHANGE_TOOL, qty=more, idempotency_key="line-more", **named)
    assert (found["state"], str(orders.line(line)["orderquantity"])) == ("COMMITTED", more), found
    assert [(one["document"], one["found"]) for one in receipts] == [(line.order, "read_back")]

    with place.losing.writes("lost_after") as written:
        found, _ = await ended(
            place.folder, CANCEL_TOOL, cancel_reason="no_demand", idempotency_key="line-none", **named
        )  # fmt: skip

    assert (found["state"], len(written)) == ("COMMITTED", 1), found
    kept = orders.line(line)
    assert (kept["purchasingdocumentdeletioncode"], str(kept["orderquantity"])) == ("L", more)


@covers(SALES_DATE_TOOL, CAP_BY_PLACE)
@covers(STALE, CAP_BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect", "P4.stale")
async def test_a_customer_is_promised_the_day_that_was_approved(place: Place, orders: Orders) -> None:
    """Unless a person changed the line since the approval."""
    line, theirs = orders.sold[2 * place.turn : 2 * place.turn + 2]
    day = a_day(30)
    found, receipts = await ended(
        place.folder,
        SALES_DATE_TOOL,
        sales_order_id=line.order,
        line=line.item,
        new_date=day,
        idempotency_key="promise-1",
    )
    assert found["state"] == "COMMITTED", found
    assert {str(row["confirmeddeliverydate"]) for row in orders.schedule(line)} == {day}
    assert [(one["document"], one["found"]) for one in receipts] == [(line.order, "read_back")]

    place.losing.relay.before = lambda: orders.by_hand(theirs.key)
    try:
        found, _ = await ended(
            place.folder, SALES_DATE_TOOL, sales_order_id=theirs.order, line=theirs.item, new_date=day,
            idempotency_key="promise-stale",
        )  # fmt: skip
    finally:
        place.losing.relay.before = lambda: None
    assert found["state"] == "STALE"
    assert day not in {str(row["requesteddeliverydate"]) for row in orders.schedule(theirs)}


@covers(SALES_PRICE_TOOL, CAP_BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_a_line_is_sold_for_the_price_that_was_approved(place: Place, orders: Orders) -> None:
    """Per unit, and the value of the line follows from it."""
    line = orders.sold[4 + place.turn]
    price = round(orders.price(line)[0] + 1, 2)
    found, receipts = await ended(
        place.folder, SALES_PRICE_TOOL, sales_order_id=line.order, line=line.item, new_price=str(price),
        idempotency_key="dearer-1",
    )  # fmt: skip
    assert found["state"] == "COMMITTED", found
    assert orders.price(line)[0] == price
    assert [(one["document"], one["found"]) for one in receipts] == [(line.order, "read_back")]
