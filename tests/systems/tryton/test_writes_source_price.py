"""Another price of a supplier of a product against a running Tryton, looked at through its own API as another user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import pytest

from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Refused, Unknown
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing import CommandFault
from tests.guarantees import guarantees
from tests.relaying import Relay, before_json_rpc
from tests.systems.matrix.covering import LOST_REPLY, PURCHASE_PRICE_TOOL, REPEAT, STALE, TRYTON, covers
from tests.systems.tryton import buying
from tests.systems.tryton.rpc import Rpc, TrytonError
from tests.systems.tryton.server import Running
from tests.systems.tryton.test_writes import opened

pytestmark = pytest.mark.live

UPDATE: Final = "supply_source.update_price"
_numbers = iter(range(1_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a supplier asks for a product: the record of both, its one price, and the key that it is read by."""

    source: int
    price: int
    key: str


@pytest.fixture
async def commands(tryton: Running) -> AsyncIterator[JsonRpcCommands]:
    one = opened(tryton)
    yield one
    await one.close()


@pytest.fixture
def asking(person: Rpc) -> Iterator[Asking]:
    """A supplier who asks 7.35 for it, and is taken away afterwards."""
    unit = person.find("product.product", [["code", "=", "RM-304"]], ["purchase_uom", "template"])[0]
    source = person.create(
        "purchase.product_supplier",
        product=buying.id_of(person, "product.product", "RM-304"),
        template=unit["template"],
        party=buying.id_of(person, "party.party", "S2003"),
        currency=buying.id_of(person, "currency.currency", "EUR"),
        sequence=99,
        prices=[["create", [{"quantity": 0.0, "unit_price": Decimal("7.35")}]]],
    )
    (price,) = person.find("purchase.product_supplier.price", [["product_supplier", "=", source]], [])
    yield Asking(source=source, price=price["id"], key=f"{source}@{buying.id_of(person, 'stock.location', 'WH')}")
    person("purchase.product_supplier.delete", [source])


def prices(person: Rpc, asking: Asking) -> list[str]:
    """Return what the supplier asks, as a person sees it."""
    rows = person.find("purchase.product_supplier.price", [["product_supplier", "=", asking.source]], ["unit_price"])
    return [str(Decimal(row["unit_price"]["decimal"]).normalize()) for row in rows]


async def dearer(adapter: JsonRpcAdapter, asking: Asking, **fields: JsonValue) -> Command:
    """Return the command for another price, worked out on what the side that reads sees."""
    (source,) = await adapter.read("supply_source", [asking.key])
    asked: dict[str, JsonValue] = {
        "material_id": "RM-304", "supplier_id": "S2003", "site": "WH", "price": "7.80", "price_unit": 1,
        "currency": "EUR",
    }  # fmt: skip
    return Command(
        operation=UPDATE, system="tryton", entity="supply_source", key=asking.key,
        version_token=source.version_token, reference=reference_of(f"{asking}/{next(_numbers)}"),
        fields={**asked, **fields},
    )  # fmt: skip


@covers((PURCHASE_PRICE_TOOL, REPEAT), TRYTON)
@guarantees("P4.one_effect")
async def test_a_supplier_asks_what_was_approved_and_a_repeat_writes_nothing(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, asking: Asking
) -> None:
    """The price that is read afterwards is the one that stands in Tryton, under another version."""
    command = await dearer(adapter, asking)
    assert await commands.find(command) is None

    outcome = await commands.send(command)

    assert prices(person, asking) == ["7.8"]
    assert isinstance(outcome, Committed)
    (source,) = await adapter.read("supply_source", [asking.key])
    assert outcome.written.version_token == source.version_token != command.version_token
    assert (outcome.written.document, outcome.written.fields) == ("RM-304/S2003/WH", command.fields)
    assert await commands.find(command) == outcome.written
    assert await commands.send(command) == Conflict()
    person("purchase.product_supplier.price.write", [asking.price], {"unit_price": Decimal("8.00")})
    found = await commands.find(command)
    assert found is not None  # the log of changes names our account, though a buyer wrote after it
    assert found.fields["price"] == "8.00"


@covers(STALE, TRYTON)
@guarantees("P4.stale")
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_a_buyer_who_was_there_first_is_not_overwritten(
    tryton: Running, adapter: JsonRpcAdapter, person: Rpc, asking: Asking, moment: str
) -> None:
    """The price is a record of its own: its version counts, before our look and between look and write."""
    command = await dearer(adapter, asking)

    def change() -> None:
        person("purchase.product_supplier.price.write", [asking.price], {"unit_price": Decimal("7.10")})

    async with before_json_rpc(tryton.url) as relay:
        if moment == "before":
            change()
        else:
            relay.before = change
        commands = opened(tryton, url=relay.url)
        assert await commands.send(command) == Conflict()
        assert await commands.find(command) is None
        await commands.close()
    assert prices(person, asking) == ["7.1"]


@covers(PURCHASE_PRICE_TOOL, TRYTON)
@guarantees("input.clear_errors", "P4.one_effect")
async def test_a_price_that_is_another_one_there_or_none_alone_is_refused(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, asking: Asking
) -> None:
    """With prices by quantity, or sites that share one, more would change than was approved."""
    tries: list[tuple[dict[str, JsonValue], str]] = [
        ({"supplier_id": "S2004"}, "key_mismatch"),
        ({"currency": "USD"}, "other_terms"),
        ({"price_unit": 100}, "other_terms"),
        ({"price": "7.35"}, "nothing_changes"),
        ({"price": "0"}, "bad_price"),
        ({"price": "7.12345"}, "price_too_fine"),
    ]
    for fields, code in tries:
        assert await commands.send(await dearer(adapter, asking, **fields)) == Refused(code=code)
    person("purchase.product_supplier.write", [asking.source], {"prices": [["create", [_BULK]]]})
    assert await commands.send(await dearer(adapter, asking)) == Refused(code="several_prices")
    assert prices(person, asking) == ["7.35", "7"]
    nowhere = replace(await dearer(adapter, asking), key=f"{asking.source}@999999")
    assert await commands.send(nowhere) == Conflict()


_BULK: Final = {"quantity": 1000.0, "unit_price": Decimal(7)}


@covers(LOST_REPLY, TRYTON)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("how", ["lost_before", "lost_after"])
async def test_a_lost_answer_about_a_price_is_told_by_reading_back(
    tryton: Running, adapter: JsonRpcAdapter, person: Rpc, asking: Asking, how: CommandFault
) -> None:
    """Written once or not at all, and never sent again."""
    command = await dearer(adapter, asking)
    async with before_json_rpc(tryton.url) as relay:
        commands = opened(tryton, url=relay.url)
        outcome = await _sent(relay, commands, command, how)
        found = await commands.find(command)
        await commands.close()
        took_effect = how == "lost_after"
        assert (isinstance(outcome, Unknown), len(relay.written)) == (True, int(took_effect))
    assert (found is not None) == took_effect
    assert prices(person, asking) == ["7.8" if took_effect else "7.35"]


async def _sent(relay: Relay, commands: JsonRpcCommands, command: Command, how: CommandFault) -> object:
    await relay.fault(how)
    outcome = await commands.send(command)
    await relay.fault("none")
    await relay.settle()
    return outcome


@guarantees("P2.listed_calls")
async def test_the_account_may_write_nothing_of_a_supplier_but_the_price(
    tryton: Running, person: Rpc, asking: Asking
) -> None:
    """The right to write the supplier's record is needed for its prices; each field of it is closed."""
    writer = Rpc(url=tryton.url, database=tryton.database, user=tryton.write_user, password=tryton.write_password)
    writer.context.update(writer("res.user.get_preferences", True))
    for method, given in (
        ("purchase.product_supplier.write", ([asking.source], {"lead_time": None})),
        ("purchase.product_supplier.write", ([asking.source], {"sequence": 1})),
        ("purchase.product_supplier.price.write", ([asking.price], {"quantity": 3.0})),
        ("purchase.product_supplier.price.delete", ([asking.price],)),
        ("purchase.product_supplier.delete", ([asking.source],)),
    ):
        with pytest.raises(TrytonError, match=r"not allowed|can not call"):
            writer(method, *given)
    writer.close()
    assert prices(person, asking) == ["7.35"]
