"""Orders that are carried out and are to change: an amendment in a running Tryton, and a person there who says yes."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest

from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.adapters.jsonrpc.rows import version_of
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import (
    Accepted,
    Command,
    Committed,
    Conflict,
    Outcome,
    Refused,
    RetryContract,
    Unknown,
    Written,
)
from erp_mcp.domain.reference import is_reference, reference_of
from erp_mcp.testing import CommandContract, CommandFault, CommandSource
from tests.guarantees import guarantees
from tests.relaying import Relay, before_json_rpc
from tests.systems.matrix.covering import (
    CANCEL_TOOL,
    CHANGE_TOOL,
    COMMAND_CONTRACT,
    LOST_REPLY,
    REPEAT,
    SALES_PRICE_TOOL,
    STALE,
    TRYTON,
    covers,
)
from tests.systems.tryton import billing, buying, selling
from tests.systems.tryton.rpc import Rpc, TrytonError
from tests.systems.tryton.server import Running
from tests.systems.tryton.test_writes import opened

pytestmark = pytest.mark.live

CHANGE: Final = "purchase_order_line.change"
CANCEL: Final = "purchase_order_line.cancel"
PRICE: Final = "sales_order_line.update_price"

_numbers = iter(range(1_000_000))


@pytest.fixture
async def commands(tryton: Running) -> AsyncIterator[JsonRpcCommands]:
    one = opened(tryton)
    yield one
    await one.close()


@pytest.fixture
async def relay(tryton: Running) -> AsyncIterator[Relay]:
    async with before_json_rpc(tryton.url) as one:
        yield one


def reference(person: Rpc) -> str:
    """Return a reference that this Tryton has never seen, also when it is used for the second time."""
    there = sum(person(f"{kind}.amendment.search_count", []) for kind in ("purchase", "sale"))
    return reference_of(f"{person.url}/amended/{there}/{next(_numbers)}")


async def changed(adapter: JsonRpcAdapter, person: Rpc, ordered: buying.Ordered, **fields: JsonValue) -> Command:
    """Return the command that changes a line, worked out on what the side that reads sees."""
    (line,) = await adapter.read("purchase_order_line", [ordered.key])
    asked: dict[str, JsonValue] = {
        "purchase_order_id": ordered.number, "line": ordered.key, "qty": "40", "price": "3.25",
        "delivery_date": getattr(line, "requested_date", None),
    }  # fmt: skip
    return Command(
        operation=CHANGE, system="tryton", entity="purchase_order_line", key=ordered.key,
        version_token=line.version_token, reference=reference(person), fields={**asked, **fields},
    )  # fmt: skip


async def cancelled(adapter: JsonRpcAdapter, person: Rpc, ordered: buying.Ordered) -> Command:
    """Return the command that cancels all lines of an order."""
    keys = [number for number, _, _ in buying.lines(person, ordered.purchase)]
    found = {one.source_key: one for one in await adapter.read("purchase_order_line", keys)}
    others: list[JsonValue] = [{"line": key, "version": found[key].version_token} for key in keys[1:]]
    return Command(
        operation=CANCEL, system="tryton", entity="purchase_order_line", key=keys[0],
        version_token=found[keys[0]].version_token, reference=reference(person),
        fields={
            "purchase_order_id": ordered.number, "lines": [*keys], "cancel_reason": "no_demand", "versions": others,
        },
    )  # fmt: skip


async def priced(adapter: JsonRpcAdapter, person: Rpc, sold: selling.Sold, **fields: JsonValue) -> Command:
    """Return the command that sells a line at another price."""
    (line,) = await adapter.read("sales_order_line", [sold.key])
    asked: dict[str, JsonValue] = {
        "sales_order_id": sold.number, "line": sold.key, "price": "9.50", "net_value": "28.50", "currency": "EUR",
    }  # fmt: skip
    return Command(
        operation=PRICE, system="tryton", entity="sales_order_line", key=sold.key,
        version_token=line.version_token, reference=reference(person), fields={**asked, **fields},
    )  # fmt: skip


async def taken_in(commands: JsonRpcCommands, command: Command) -> str:
    """Send what must be taken in; return its ticket."""
    outcome = await commands.send(command)
    assert isinstance(outcome, Accepted), outcome
    return outcome.ticket


# --- what is bought ---------------------------------------------------------------------------------------------------


@covers(CHANGE_TOOL, TRYTON)
@guarantees("P4.one_effect", "P3.people_commit")
async def test_a_line_is_as_it_was_until_a_buyer_says_yes_and_then_as_it_was_approved(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, tryton: Running
) -> None:
    """What is approved here is asked for there, in a draft of our account; the other line of the order stays."""
    ordered = buying.order(person, lines=2)
    command = await changed(adapter, person, ordered)
    before = buying.lines(person, ordered.purchase)

    ticket = await taken_in(commands, command)

    (draft,) = buying.amendments(person, command.reference)
    assert (draft["state"], draft["create_uid."]["login"]) == ("draft", tryton.write_user)
    assert ticket == f"purchase.amendment,{draft['id']}"
    assert buying.lines(person, ordered.purchase) == before
    assert isinstance(await commands.acknowledged(command, ticket), Accepted)
    assert await commands.find(command) is None  # nothing of the line is written

    buying.say_yes(person, command.reference)

    told = await commands.acknowledged(command, ticket)
    assert buying.lines(person, ordered.purchase) == [(ordered.key, "40.0", "3.25"), before[1]]
    assert isinstance(told, Committed)
    (line,) = await adapter.read("purchase_order_line", [ordered.key])
    assert told.written.version_token == line.version_token != command.version_token
    assert (told.written.document, told.written.fields) == (ordered.number, command.fields)
    assert await commands.find(command) == told.written == (await commands.acknowledged(command, "")).written  # type: ignore[union-attr]


@covers(CANCEL_TOOL, TRYTON)
@guarantees("P4.one_effect", "P3.people_commit")
async def test_all_lines_of_an_order_are_cancelled_at_once_by_one_yes(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """Nothing is to come of it any more, and who reads it finds the lines cancelled, not gone."""
    ordered = buying.order(person, lines=2)
    command = await cancelled(adapter, person, ordered)
    keys = [number for number, _, _ in buying.lines(person, ordered.purchase)]

    ticket = await taken_in(commands, command)
    assert len(buying.moves(person, ordered.line)) == 1
    buying.say_yes(person, command.reference)
    told = await commands.acknowledged(command, ticket)

    assert isinstance(told, Committed)
    assert [quantity for _, quantity, _ in buying.lines(person, ordered.purchase)] == ["0.0", "0.0"]
    assert [buying.moves(person, int(key)) for key in keys] == [{}, {}]
    read = await adapter.read("purchase_order_line", keys)
    assert [(getattr(one, "order_state", ""), getattr(one, "qty_open", None)) for one in read] == [("cancelled", 0)] * 2
    assert (told.written.key, told.written.fields["lines"]) == (ordered.key, keys)
    assert buying.amendments(person, command.reference)[0]["purchase."]["number"] == ordered.number
    assert await commands.send(await cancelled(adapter, person, ordered)) == Refused(code="order_not_open")


@covers(STALE, TRYTON)
@guarantees("P4.stale")
@pytest.mark.parametrize("operation", [CHANGE, CANCEL])
async def test_an_order_that_a_person_changed_meanwhile_gets_no_amendment(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, operation: str
) -> None:
    """What was approved was approved for every line as it was, not for the first alone."""
    ordered = buying.order(person, lines=2)
    command = await (changed if operation == CHANGE else cancelled)(adapter, person, ordered)
    touched = ordered.line if operation == CHANGE else ordered.line + 1
    person("purchase.line.write", [touched], {"note": "asked again on Monday"})

    assert await commands.send(command) == Conflict()
    assert buying.amendments(person, command.reference) == []


@covers(REPEAT, TRYTON)
@guarantees("P4.one_effect")
async def test_a_change_that_is_sent_twice_waits_once(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """The second one finds ours and names it; after a yes it is for reading back to say what became of it."""
    command = await changed(adapter, person, buying.order(person))
    ticket = await taken_in(commands, command)
    assert await taken_in(commands, command) == ticket
    (ours,) = buying.amendments(person, command.reference)
    person("purchase.amendment.copy", [ours["id"]])  # a copy by hand bears the reference as well
    told = await commands.acknowledged(command, "")
    assert isinstance(told, Accepted)
    assert told.ticket == ticket
    assert await commands.send(command) == Unknown(reason="reference_exists")
    copies = [one["id"] for one in buying.amendments(person, command.reference) if one["id"] != ours["id"]]
    person("purchase.amendment.delete", copies)
    buying.say_yes(person, command.reference)
    assert await commands.send(command) == Unknown(reason="reference_exists")
    assert len(buying.amendments(person, command.reference)) == 1


@covers(CHANGE_TOOL, TRYTON)
@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"qty": "30", "price": "3.3"}, "nothing_changes"),
        ({"qty": "-1"}, "bad_quantity"),
        ({"qty": "30.5"}, "quantity_too_fine"),
        ({"price": "3.30001"}, "price_too_fine"),
        ({"delivery_date": "2099-01-01"}, "date_not_amendable"),
        ({"line": "999999"}, "key_mismatch"),
    ],
)
async def test_a_change_that_an_amendment_can_not_say_is_refused(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, fields: dict[str, JsonValue], code: str
) -> None:
    """Nothing is left out of what was approved, and nothing is there to say yes to."""
    command = await changed(adapter, person, buying.order(person), **fields)
    assert await commands.send(command) == Refused(code=code)
    assert buying.amendments(person, command.reference) == []


@covers(CHANGE_TOOL, TRYTON)
@guarantees("input.clear_errors", "P4.one_effect")
@pytest.mark.parametrize(
    ("story", "code"),
    [
        ("cancelled", "order_not_open"),
        ("received", "below_received"),
        ("announced", "planned_by_shipment"),
        ("planned anew", "dates_planned_anew"),
        ("amended", "amendment_waits"),
    ],
)
async def test_an_order_that_an_amendment_would_hurt_is_refused(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, story: str, code: str
) -> None:
    """It makes goods anew that are to come, and gives lines whole: what somebody did there would be lost."""
    ordered = buying.order(person, state="cancelled" if story == "cancelled" else "processing")
    match story:
        case "received":
            buying.receive(person, ordered.line, "10")
        case "announced":
            buying.announce(person, ordered.line, "30")
        case "planned anew":
            day = ordered.day + timedelta(days=3)
            person("stock.move.write", list(buying.moves(person, ordered.line)), {"planned_date": day})
        case "amended":
            await taken_in(commands, await changed(adapter, person, ordered))
    command = await changed(adapter, person, ordered, qty="9")
    assert await commands.send(command) == Refused(code=code)
    assert buying.amendments(person, command.reference) == []


@covers(CANCEL_TOOL, TRYTON)
@guarantees("input.clear_errors")
async def test_lines_that_have_come_or_are_billed_or_others_are_not_cancelled(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """One of several is enough: an order is cancelled as it was approved, or not at all."""
    ordered = buying.order(person, lines=2)
    command = await cancelled(adapter, person, ordered)
    tries: list[tuple[dict[str, JsonValue], str]] = [
        ({"lines": [ordered.key]}, "key_mismatch"),
        ({"purchase_order_id": "PO99999"}, "key_mismatch"),
        ({"cancel_reason": "No; DROP"}, "bad_reason"),
    ]
    for fields, code in tries:
        other = dataclasses.replace(command, fields={**command.fields, **fields})
        assert await commands.send(other) == Refused(code=code)
    buying.receive(person, ordered.line + 1, "10")
    assert await commands.send(await cancelled(adapter, person, ordered)) == Refused(code="received")
    billed = buying.order(person)
    billing.bill(person, billed.line, kind="purchase")
    assert await commands.send(await cancelled(adapter, person, billed)) == Refused(code="billed")
    assert person("purchase.amendment.search_count", [["purchase", "in", [ordered.purchase, billed.purchase]]]) == 0


@guarantees("P4.accepted")
@pytest.mark.parametrize("story", ["changed", "thrown away", "done by hand"])
async def test_what_people_there_make_of_it_is_told_as_it_is(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, story: str
) -> None:
    """A yes to something else is no yes to ours, and what was thrown away is not waited for."""
    ordered = buying.order(person)
    command = await changed(adapter, person, ordered)
    ticket = await taken_in(commands, command)
    (draft,) = buying.amendments(person, command.reference)
    if story == "changed":
        person("purchase.amendment.line.write", [draft["lines."][0]["id"]], {"quantity": 35.0})
        buying.say_yes(person, command.reference)
    else:
        if story == "done by hand":
            person("purchase.amendment.write", [draft["id"]], {"description": "as agreed on the phone"})
            person("purchase.amendment.validate_amendment", [draft["id"]])
        person("purchase.amendment.delete", [draft["id"]])

    told = await commands.acknowledged(command, ticket)

    if story == "done by hand":  # gone as well, but the line has what was approved
        assert isinstance(told, Committed)
        assert told.written.fields == command.fields
    else:
        assert told == Refused(code="changed_before_yes" if story == "changed" else "taken_back")
    assert await commands.acknowledged(command, "") == (told if story == "changed" else None)


@covers(LOST_REPLY, TRYTON)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("how", ["lost_before", "lost_after", "nonsense"])
async def test_a_lost_answer_leaves_one_amendment_or_none_and_is_never_called_done(
    tryton: Running, relay: Relay, adapter: JsonRpcAdapter, person: Rpc, how: CommandFault
) -> None:
    """One that waits can't be called written or not there; once a buyer has said yes it is found."""
    command = await changed(adapter, person, buying.order(person))
    commands = opened(tryton, url=relay.url)
    await relay.fault(how)
    outcome = await commands.send(command)
    await relay.fault("none")
    await relay.settle()
    there = buying.amendments(person, command.reference)
    told = await commands.acknowledged(command, "")
    assert (await commands.find(command), isinstance(told, Accepted)) == (None, bool(there))
    buying.say_yes(person, command.reference)
    found = await commands.find(command)
    await commands.close()

    assert isinstance(outcome, Unknown)
    took_effect = how != "lost_before"
    assert (len(there), len(relay.written), found is not None) == (took_effect, took_effect, took_effect)
    assert found is None or found.fields == command.fields


@guarantees("P2.listed_calls", "P3.people_commit")
async def test_the_account_that_asks_can_not_say_yes(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, tryton: Running
) -> None:
    """The button is of a group of its own, and nobody may change or throw away what waits but the people there."""
    ordered = buying.order(person)
    ticket = await taken_in(commands, await changed(adapter, person, ordered))
    number = int(ticket.partition(",")[2])
    writer = Rpc(url=tryton.url, database=tryton.database, user=tryton.write_user, password=tryton.write_password)
    writer.context.update(writer("res.user.get_preferences", True))
    for method, given in (
        ("purchase.amendment.validate_amendment", ([number],)),
        ("purchase.amendment.write", ([number], {"state": "validated"})),
        ("purchase.amendment.delete", ([number],)),
        ("purchase.line.write", ([ordered.line], {"quantity": 1.0})),
    ):
        with pytest.raises(TrytonError, match=r"not allowed|can not call"):
            writer(method, *given)
    writer.close()
    assert [quantity for _, quantity, _ in buying.lines(person, ordered.purchase)] == ["30.0"]


# --- what is sold -----------------------------------------------------------------------------------------------------


@covers(SALES_PRICE_TOOL, TRYTON)
@guarantees("P4.one_effect", "P3.people_commit")
async def test_a_line_is_sold_at_another_price_once_somebody_in_sales_says_yes(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """Until then the customer pays what was agreed; afterwards the goods are planned for the same day as before."""
    sold = selling.sell(person)
    days = selling.planned(person, sold.line)
    command = await priced(adapter, person, sold)

    ticket = await taken_in(commands, command)
    (row,) = person.find("sale.line", [["id", "=", sold.line]], ["unit_price"])
    assert Decimal(row["unit_price"]["decimal"]) == Decimal("9.10")
    buying.say_yes(person, command.reference, kind="sale")
    told = await commands.acknowledged(command, ticket)

    (row,) = person.find("sale.line", [["id", "=", sold.line]], ["unit_price", "amount", "quantity"])
    assert [Decimal(row[name]["decimal"]) for name in ("unit_price", "amount")] == [Decimal("9.5"), Decimal("28.5")]
    assert (row["quantity"], selling.planned(person, sold.line)) == (3.0, days)
    assert isinstance(told, Committed)
    assert (told.written.document, told.written.fields) == (sold.number, command.fields)


@covers(SALES_PRICE_TOOL, TRYTON)
@guarantees("input.clear_errors", "P4.stale")
async def test_a_price_that_was_approved_for_another_line_or_worth_is_refused(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """What is billed is billed; another worth is another price."""
    sold = selling.sell(person)
    for fields, code in (
        ({"net_value": "28.51"}, "value_differs"),
        ({"currency": "USD"}, "value_differs"),
        ({"price": "9.1", "net_value": "27.3"}, "nothing_changes"),
        ({"sales_order_id": "SO99999"}, "key_mismatch"),
        ({"price": "0"}, "bad_price"),
    ):
        assert await commands.send(await priced(adapter, person, sold, **fields)) == Refused(code=code)
    stale = await priced(adapter, person, sold)
    person("sale.line.write", [sold.line], {"note": "call before"})
    assert await commands.send(stale) == Conflict()
    billing.bill(person, sold.line, kind="sale")
    assert await commands.send(await priced(adapter, person, sold)) == Refused(code="billed")
    assert person("sale.amendment.search_count", [["sale", "=", sold.sale]]) == 0


# --- the shipped contract ---------------------------------------------------------------------------------------------


class Agreed:
    """The commands together with a buyer who says yes to all that waits: then each change is written or is not."""

    def __init__(self, commands: JsonRpcCommands, person: Rpc) -> None:
        self._commands, self._person = commands, person
        self.system = commands.system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return self._commands.operations

    async def send(self, command: Command) -> Outcome:
        outcome = await self._commands.send(command)
        if not isinstance(outcome, Accepted):
            return outcome
        buying.say_yes(self._person, command.reference)
        said = await self._commands.acknowledged(command, outcome.ticket)
        assert isinstance(said, Committed | Refused)
        return said

    async def find(self, command: Command) -> Written | None:
        if is_reference(command.reference):
            buying.say_yes(self._person, command.reference)
        return await self._commands.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self._commands.probe()

    async def close(self) -> None:
        await self._commands.close()


class AmendedSource:
    """Two purchases that are changed in turn and one that is cancelled, behind a relay that breaks."""

    def __init__(self, tryton: Running, relay: Relay, person: Rpc, orders: Sequence[buying.Ordered]) -> None:
        self.relay, self.person = relay, person
        self.commands = Agreed(opened(tryton, url=relay.url, only=[CHANGE]), person)
        self.secrets = (tryton.write_password, tryton.password, "not allowed", "done?")
        *self._orders, self._closed = orders

    @property
    def attempts(self) -> int:
        return len(self.relay.written)

    def good(self, operation: str) -> Command:
        number = next(_numbers)
        return self._command(operation, self._orders[number % 2], f"{number + 31}")

    def refused(self, operation: str) -> Command:
        return self._command(operation, self._closed, "31")

    def touch(self, command: Command) -> None:
        self.person("purchase.line.write", [int(command.key)], {"note": f"asked {next(_numbers)} times"})

    def effects(self) -> Mapping[str, str]:
        return {
            one.key: repr((
                buying.lines(self.person, one.purchase),
                self.person("purchase.amendment.search_count", [["purchase", "=", one.purchase]]),
            ))
            for one in (*self._orders, self._closed)
        }  # fmt: skip

    async def fault(self, how: CommandFault) -> None:
        await self.relay.fault(how)

    async def settle(self) -> None:
        await self.relay.settle()

    def _command(self, operation: str, ordered: buying.Ordered, qty: str) -> Command:
        """Return a command for an order of which a buyer has worked off what waited."""
        waiting = self.person.find(
            "purchase.amendment", [["purchase", "=", ordered.purchase], ["state", "=", "draft"]], []
        )
        for one in waiting:
            self.person("purchase.amendment.validate_amendment", [one["id"]])
        (row,) = self.person.find(
            "purchase.line", [["id", "=", ordered.line]], ["_timestamp", "moves._timestamp", "moves.id"]
        )
        return Command(
            operation=operation, system="tryton", entity="purchase_order_line", key=ordered.key,
            version_token=version_of(row, ["moves"]), reference=reference(self.person),
            fields={
                "purchase_order_id": ordered.number, "line": ordered.key, "qty": qty, "price": "3.30",
                "delivery_date": ordered.day.isoformat(),
            },
        )  # fmt: skip


@pytest.fixture(scope="module")
def orders(person: Rpc) -> list[buying.Ordered]:
    """Two that are open and one that is cancelled."""
    return [buying.order(person), buying.order(person), buying.order(person, state="cancelled")]


@covers(COMMAND_CONTRACT, TRYTON)
@guarantees("commands.contract")
class TestAmendments(CommandContract):
    @pytest.fixture
    async def source(
        self, tryton: Running, relay: Relay, person: Rpc, orders: list[buying.Ordered]
    ) -> AsyncIterator[CommandSource]:
        source = AmendedSource(tryton, relay, person, orders)
        yield source
        await source.commands.close()
