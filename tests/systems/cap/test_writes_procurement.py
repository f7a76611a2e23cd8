"""Orders bought and sold against a running CAP, V2 and V4: made, changed, cancelled, dated, and looked at by SQL."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Refused
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, money_text, quantity_text
from erp_mcp.testing import CommandContract, CommandFault, CommandSource
from tests.guarantees import guarantees
from tests.relaying import Relay, before_odata
from tests.systems.cap.ordering import Bought, Orders, Sold, ordering
from tests.systems.cap.server import Cap
from tests.systems.cap.test_writes import PROFILES, UNITS, opened, written_by
from tests.systems.matrix.covering import (
    CANCEL_TOOL,
    CAP_BY_PROFILE,
    CHANGE_TOOL,
    COMMAND_CONTRACT,
    ORDER_TOOL,
    REPEAT,
    SALES_DATE_TOOL,
    SALES_PRICE_TOOL,
    STALE,
    covers,
)

pytestmark = pytest.mark.live

CREATE: Final = "purchase_order_line.create"
CHANGE: Final = "purchase_order_line.change"
CANCEL: Final = "purchase_order_line.cancel"
SOLD: Final = "sales_order_line.update_delivery_date"
PRICE: Final = "sales_order_line.update_price"
CHANGES: Final = (CHANGE, CANCEL, SOLD, PRICE)
_OWN: Final = (CREATE, *CHANGES)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def orders(cap: Cap) -> Iterator[Orders]:
    """Somebody beside the gateway, who puts everything back."""
    with ordering(cap) as one:
        yield one


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest, orders: Orders) -> Profile:
    """Each profile in turn, over orders as they were in the beginning."""
    orders.restore()
    return PROFILES[request.param]


def ordered(one: Bought, *more: Bought, **fields: JsonValue) -> Command:
    """Return a new order for what some lines buy."""
    lines: list[JsonValue] = [
        {
            "material_id": line.material, "qty": f"{1000 + number}.125", "uom": UNITS[line.unit], "price": "12.625",
            "price_unit": 100, "delivery_date": _day(),
        }
        for number, line in enumerate((one, *more))
    ]  # fmt: skip
    asked: dict[str, JsonValue] = {
        "supplier_id": one.supplier, "site": one.plant, "currency": one.currency, "lines": lines, "requisitions": [],
    }  # fmt: skip
    return Command(
        operation=CREATE, system="erp", entity="purchase_order_line", key="", version_token="",
        reference=_fresh(one.key), fields={**asked, **fields},
    )  # fmt: skip


def changed(record: Record, operation: str, **fields: JsonValue) -> Command:
    """Return a change of a line, worked out on the line as it is."""
    asked: dict[str, JsonValue]
    if isinstance(record, SalesOrderLine):
        asked = {"sales_order_id": record.sales_order_id, "line": record.line, **_of_sold(record, operation)}
    else:
        assert isinstance(record, PurchaseOrderLine)
        asked = {"purchase_order_id": record.purchase_order_id, **_of_line(record, operation)}
    return Command(
        operation=operation, system="erp", entity=operation.partition(".")[0], key=record.source_key,
        version_token=record.version_token, reference=_fresh(record.source_key), fields={**asked, **fields},
    )  # fmt: skip


def _of_line(record: PurchaseOrderLine, operation: str) -> dict[str, JsonValue]:
    if operation == CANCEL:
        return {"lines": [record.line], "cancel_reason": "not_needed", "versions": []}
    return {
        "line": record.line, "qty": quantity_text(record.qty_ordered + 500_000), "price": money_text(9_500),
        "delivery_date": record.requested_date,
    }  # fmt: skip


def _of_sold(record: SalesOrderLine, operation: str) -> dict[str, JsonValue]:
    if operation == SOLD:
        return {"new_date": _day()}
    price = (3000 + next(_numbers)) * 10**MONEY_DIGITS
    value = record.qty_ordered // 10**QUANTITY_DIGITS * price
    return {"price": money_text(price), "net_value": money_text(value), "currency": record.currency}


async def live(commands: PlannedCommands, one: Bought | Sold) -> Record:
    """Return a line as the account that writes reads it."""
    (record,) = await commands.reader.read(_entity(one), [one.key])
    return record


def _entity(one: Bought | Sold) -> str:
    return "sales_order_line" if isinstance(one, Sold) else "purchase_order_line"


def _day() -> str:
    return (date(2027, 6, 1) + timedelta(days=next(_numbers))).isoformat()


def _fresh(text: str) -> str:
    return reference_of(f"{text}/{next(_numbers)}/{id(_numbers)}")


def some(orders: Orders, operation: str) -> Bought | Sold:
    """Return a line that an operation can be about."""
    return orders.sold[0] if operation in (SOLD, PRICE) else orders.whole[0]


# --- A purchase order -------------------------------------------------------------------------------------------------


@covers(ORDER_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
async def test_an_order_is_there_as_it_was_asked_for(cap: Cap, orders: Orders, profile: Profile) -> None:
    """Two lines under one number of the system's, with our reference, and waiting for its release: a person's."""
    first = orders.whole[0]
    other = next(one for one in orders.whole if one.plant == first.plant and one.material != first.material)
    async with written_by(cap, profile) as commands:
        command = ordered(first, other)
        assert await commands.find(command) is None
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        rows = orders.made(command.reference)
        number = outcome.written.document
        assert [(row["purchaseorder"], row["purchaseorderitem"]) for row in rows] == [
            (number, "00010"), (number, "00020"),
        ]  # fmt: skip
        assert outcome.written.key == f"{number}/00010"
        assert [_asked(row) for row in rows] == command.fields["lines"]
        head = rows[0]
        assert (head["supplier"], head["plant"], head["documentcurrency"]) == (
            first.supplier, first.plant, first.currency,
        )  # fmt: skip
        assert (head["createdbyuser"], head["releaseisnotcompleted"]) == (cap.writer, True)
        assert await commands.find(command) == outcome.written


def _asked(row: Mapping[str, Any]) -> dict[str, JsonValue]:
    unit = UNITS[row["purchaseorderquantityunit"]]
    return {
        "material_id": row["material"], "qty": str(row["orderquantity"]), "uom": unit,
        "price": f"{row['netpriceamount']:.3f}", "price_unit": int(row["netpricequantity"]),
        "delivery_date": str(row["schedulelinedeliverydate"]),
    }  # fmt: skip


def _line(**fields: JsonValue) -> Callable[[Command], dict[str, JsonValue]]:
    def otherwise(command: Command) -> dict[str, JsonValue]:
        rows: Any = command.fields["lines"]
        return {"lines": [{**rows[0], **fields}]}

    return otherwise


_REQUISITION: Final[JsonValue] = {"requisition_id": "1", "line": "10", "version": "v"}
NO_ORDERS: Final[Sequence[tuple[Callable[[Command], dict[str, JsonValue]], str]]] = (
    (lambda _: {"supplier_id": "NOBODY"}, "unknown_supplier"),
    (lambda _: {"site": "9999"}, "unknown_company"),
    (lambda _: {"lines": []}, "bad_lines"),
    (lambda _: {"lines": ["one"]}, "bad_lines"),
    (lambda _: {"requisitions": [_REQUISITION]}, "requisitions_not_linked"),
    (_line(material_id="NO-SUCH"), "unknown_material"),
    (_line(uom="XYZ"), "unknown_unit"),
    (_line(qty="0"), "bad_quantity"),
    (_line(qty="1.2345"), "qty_too_fine"),
    (_line(price="0"), "bad_price"),
    (_line(delivery_date="2020-01-01"), "date_in_past"),
    (_line(material_id=None), "no_material_id"),
)


@covers(ORDER_TOOL, CAP_BY_PROFILE)
@guarantees("input.clear_errors", "commands.verdicts")
async def test_an_order_that_cannot_be_is_refused(cap: Cap, orders: Orders, profile: Profile) -> None:
    """By the system's rules, or before it is asked; nothing is there of it, not a header either."""
    before = orders.effects()
    async with written_by(cap, profile) as commands:
        for otherwise, code in NO_ORDERS:
            command = ordered(orders.whole[0])
            command = dataclasses.replace(command, fields={**command.fields, **otherwise(command)})
            assert await commands.send(command) == Refused(code=code), code
            assert orders.effects() == before, code


# --- Lines that are there ---------------------------------------------------------------------------------------------


@covers(CHANGE_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
async def test_quantity_and_price_are_what_was_approved(cap: Cap, orders: Orders, profile: Profile) -> None:
    """The day stays, and the order waits for its release again."""
    async with written_by(cap, profile) as commands:
        line = orders.whole[1]
        before = orders.line(line)
        command = changed(await live(commands, line), CHANGE, qty="1234.567", price="7.125")
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        found = orders.line(line)
        assert (str(found["orderquantity"]), str(found["netpriceamount"])) == ("1234.567", "7.125")
        assert str(found["schedulelineorderquantity"]) == "1234.567"
        assert found["schedlinestscdeliverydate"] == before["schedlinestscdeliverydate"]
        assert (before["releaseisnotcompleted"], found["releaseisnotcompleted"]) == (False, True)
        assert outcome.written.fields == command.fields
        assert await commands.find(command) == outcome.written


@covers(CANCEL_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect")
async def test_a_cancelled_line_is_marked_and_nothing_is_open_any_more(
    cap: Cap, orders: Orders, profile: Profile
) -> None:
    """Its deletion mark is set; quantity and price stay, as they do in the books."""
    async with written_by(cap, profile) as commands:
        line = orders.whole[2]
        before = orders.line(line)
        outcome = await commands.send(command := changed(await live(commands, line), CANCEL))
        assert isinstance(outcome, Committed)
        assert orders.line(line) == {**before, "purchasingdocumentdeletioncode": "L"}
        record = await live(commands, line)
        assert isinstance(record, PurchaseOrderLine)
        assert (record.order_state, record.qty_open) == ("cancelled", 0)
        assert await commands.find(command) == outcome.written


@covers(SALES_DATE_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect")
@pytest.mark.parametrize("is_moved", [False, True])
async def test_a_sold_line_is_asked_for_and_confirmed_for_the_new_day(
    cap: Cap, orders: Orders, profile: Profile, is_moved: bool
) -> None:
    """Also where another day than the one asked for was confirmed; what is confirmed stays as much as it was."""
    line = next(one for one in orders.sold if one.is_moved == is_moved)
    confirmed = sum(row["confdorderqtybymatlavailcheck"] for row in orders.schedule(line))
    async with written_by(cap, profile) as commands:
        command = changed(await live(commands, line), SOLD)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        (row,) = orders.schedule(line)
        assert str(row["requesteddeliverydate"]) == str(row["confirmeddeliverydate"]) == command.fields["new_date"]
        assert row["confdorderqtybymatlavailcheck"] == confirmed
        record = await live(commands, line)
        assert isinstance(record, SalesOrderLine)
        assert record.confirmed_date == command.fields["new_date"]
        assert outcome.written.fields == command.fields
        assert await commands.find(command) == outcome.written


@covers(SALES_PRICE_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
async def test_a_sold_line_costs_what_was_approved(cap: Cap, orders: Orders, profile: Profile) -> None:
    """The price per unit, and with it the value of the line and of its order."""
    line = orders.sold[2]
    _, before, total = orders.price(line)
    async with written_by(cap, profile) as commands:
        command = changed(await live(commands, line), PRICE)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        price, value, new_total = orders.price(line)
        assert (f"{price:.2f}", f"{value:.2f}") == (command.fields["price"], command.fields["net_value"])
        assert new_total - total == value - before
        assert outcome.written.fields == {name: one for name, one in command.fields.items() if name != "price"}
        assert await commands.find(command) == outcome.written


@covers(STALE, CAP_BY_PROFILE)
@guarantees("P4.stale")
@pytest.mark.parametrize("operation", CHANGES)
async def test_a_person_who_was_there_meanwhile_is_not_overwritten(
    cap: Cap, orders: Orders, profile: Profile, operation: str
) -> None:
    """Between our look and our write stands the system's ETag (412)."""
    line = some(orders, operation)
    async with before_odata(cap.url) as relay, written_by(cap, profile, url=relay.url) as commands:
        command = changed(await live(commands, line), operation)
        relay.before = lambda: orders.by_hand(line.key)
        assert await commands.send(command) == Conflict()
        theirs = orders.effects()
        assert await commands.find(command) is None
        assert len(relay.written) == 1
        orders.restore()
        orders.by_hand(line.key)
        assert orders.effects() == theirs


@covers(REPEAT, CAP_BY_PROFILE)
@guarantees("P4.one_effect")
@pytest.mark.parametrize("operation", CHANGES)
async def test_the_same_change_again_makes_nothing(cap: Cap, orders: Orders, profile: Profile, operation: str) -> None:
    """Another worker that does not know of the first sends it: the record is another one than it was."""
    async with written_by(cap, profile) as commands, written_by(cap, profile) as second:
        command = changed(await live(commands, some(orders, operation)), operation)
        assert isinstance(await commands.send(command), Committed)
        after = orders.effects()
        assert await second.send(command) == Conflict()
        assert orders.effects() == after


REFUSED: Final[Sequence[tuple[str, str, dict[str, JsonValue], str]]] = (
    (CHANGE, "whole", {"price": "0"}, "bad_price"),
    (CHANGE, "whole", {"qty": "0.0001"}, "qty_too_fine"),
    (CHANGE, "whole", {"line": "00999"}, "key_mismatch"),
    (CHANGE, "whole", {"delivery_date": "2027-05-31"}, "day_not_changed_here"),
    (CHANGE, "partly received", {"qty": "0.001"}, "below_received"),
    (CHANGE, "in parts", {}, "several_schedule_lines"),
    (CANCEL, "partly received", {}, "below_received"),
    (CANCEL, "whole", {"lines": ["00010", "00020"]}, "one_line_at_a_time"),
    (CANCEL, "whole", {"lines": ["00999"]}, "one_line_at_a_time"),
    (SOLD, "whole", {"new_date": "2020-01-01"}, "date_in_past"),
    (SOLD, "split", {}, "several_schedule_lines"),
    (PRICE, "whole", {"price": "0"}, "bad_price"),
    (PRICE, "whole", {"currency": "XTS"}, "key_mismatch"),
)


@covers(CHANGE_TOOL, CAP_BY_PROFILE)
@covers(CANCEL_TOOL, CAP_BY_PROFILE)
@covers((SALES_DATE_TOOL, SALES_PRICE_TOOL), CAP_BY_PROFILE)
@guarantees("input.clear_errors", "commands.verdicts")
async def test_what_can_not_be_changed_is_refused(cap: Cap, orders: Orders, profile: Profile) -> None:
    """By the system's rules or by the profile's, each with a code of ours, and nothing changed."""
    async with written_by(cap, profile) as commands:
        for operation, which, fields, code in REFUSED:
            orders.restore()
            line = orders.in_parts[0] if which == "in parts" else some(orders, operation)
            if which == "partly received" and isinstance(line, Bought):
                orders.receive(line)
            if which == "split" and isinstance(line, Sold):
                orders.split(line)
            before = orders.effects()
            command = changed(await live(commands, line), operation, **fields)
            assert await commands.send(command) == Refused(code=code), (operation, code)
            assert await commands.find(command) is None, (operation, code)
            assert orders.effects() == before, (operation, code)


# --- The contract -----------------------------------------------------------------------------------------------------


class OrdersSource:
    """The rig behind a relay that breaks; each operation has lines of its own."""

    def __init__(self, cap: Cap, profile: Profile, orders: Orders, relay: Relay) -> None:
        self.secrets = (cap.writer_password, "More is received already", "done?", "does not exist", "in the past")
        plans = {name: profile.commands[name] for name in _OWN}
        self.commands = opened(cap, profile, url=relay.url, plans=plans)
        self._orders, self._relay = orders, relay
        *whole, self._received = orders.whole
        self._lines: Mapping[str, Iterator[Bought | Sold]] = {
            CREATE: itertools.cycle(whole), CHANGE: itertools.cycle(whole[0::2]),
            CANCEL: itertools.cycle(whole[1::2]), SOLD: itertools.cycle(orders.sold[0::2]),
            PRICE: itertools.cycle(orders.sold[1::2]),
        }  # fmt: skip
        self._records: dict[str, Record] = {}

    async def read(self) -> None:
        """Read all lines that commands are about."""
        self._orders.receive(self._received)
        for lines in (self._orders.whole, self._orders.sold):
            found = await self.commands.reader.read(_entity(lines[0]), [one.key for one in lines])
            self._records |= {one.source_key: one for one in found}

    @property
    def attempts(self) -> int:
        return len(self._relay.written)

    def good(self, operation: str) -> Command:
        line = next(self._lines[operation])
        if operation == CREATE:
            assert isinstance(line, Bought)
            return ordered(line)
        return changed(self._records[line.key], operation)

    def refused(self, operation: str) -> Command:
        if operation == CANCEL:
            return changed(self._records[self._received.key], operation)
        wrong: dict[str, dict[str, JsonValue]] = {
            CREATE: {"supplier_id": "NOBODY"}, CHANGE: {"price": "0"}, SOLD: {"new_date": "2020-01-01"},
            PRICE: {"price": "0"},
        }  # fmt: skip
        good = self.good(operation)
        return dataclasses.replace(good, fields={**good.fields, **wrong[operation]})

    def touch(self, command: Command) -> None:
        self._orders.by_hand(command.key)

    def effects(self) -> Mapping[str, str]:
        return self._orders.effects()

    async def fault(self, how: CommandFault) -> None:
        await self._relay.fault(how)

    async def settle(self) -> None:
        await self._relay.settle()


@covers(COMMAND_CONTRACT, CAP_BY_PROFILE)
@guarantees("commands.contract")
class TestCapOrders(CommandContract):
    @pytest.fixture
    async def source(self, cap: Cap, orders: Orders, profile: Profile) -> AsyncIterator[CommandSource]:
        async with before_odata(cap.url) as relay:
            source = OrdersSource(cap, profile, orders, relay)
            await source.read()
            yield source
            await source.commands.close()
