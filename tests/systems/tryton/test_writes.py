"""The writes against a running Tryton, each looked at afterwards through Tryton's own API as another user."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.adapters.jsonrpc.rows import version_of
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Refused, Unknown
from erp_mcp.domain.reference import reference_of
from erp_mcp.errors import GatewayError
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import NO_LIMITS, CommandContract, CommandFault, CommandSource, FixedClock
from tests.guarantees import guarantees
from tests.relaying import Relay, before_json_rpc
from tests.systems.matrix.covering import (
    COMMAND_CONTRACT,
    CREATE_TOOL,
    DATE_TOOL,
    LOST_REPLY,
    ORDER_TOOL,
    RESCHEDULE_TOOL,
    SALES_DATE_TOOL,
    STALE,
    TRYTON,
    covers,
)
from tests.systems.tryton import buying, making, selling
from tests.systems.tryton.conftest import ROOT
from tests.systems.tryton.rpc import Rpc, TrytonError
from tests.systems.tryton.server import Running

pytestmark = pytest.mark.live

PROFILE: Final = load_profile("tryton", [ROOT / "erp_mcp" / "systems"])
DATE: Final = "purchase_order_line.update_delivery_date"
CREATE: Final = "purchase_requisition.create"
ORDER: Final = "purchase_order_line.create"
MOVE: Final = "production_order.reschedule"
SALE: Final = "sales_order_line.update_delivery_date"


def opened(
    tryton: Running, *, url: str = "", account: str = "", password: str = "", only: Sequence[str] = ()
) -> JsonRpcCommands:
    """Return commands of the account that writes, or of another one, at Tryton itself or at a relay before it.

    `only` are the operations that it has, all of the profile where none is named.
    """
    connection = Connection(
        system="tryton",
        url=url or tryton.url,
        database=tryton.database,
        account=account or tryton.write_user,
        secret=password or tryton.write_password,
        limits=NO_LIMITS,
    )
    named = {name: body for name, body in PROFILE.commands.items() if name in (only or PROFILE.commands)}
    return JsonRpcCommands.open(connection, dataclasses.replace(PROFILE, commands=named), FixedClock())


@pytest.fixture
async def commands(tryton: Running) -> AsyncIterator[JsonRpcCommands]:
    one = opened(tryton)
    yield one
    await one.close()


@pytest.fixture
async def relay(tryton: Running) -> AsyncIterator[Relay]:
    async with before_json_rpc(tryton.url) as one:
        yield one


@pytest.fixture
def writer(tryton: Running) -> Iterator[Rpc]:
    """The account that writes, by hand: what could it do that the gateway does not?"""
    rpc = Rpc(url=tryton.url, database=tryton.database, user=tryton.write_user, password=tryton.write_password)
    rpc.context.update(rpc("res.user.get_preferences", True))
    yield rpc
    rpc.close()


_numbers = iter(range(1_000_000))


def fresh_reference(person: Rpc) -> str:
    """Return a reference that this Tryton has never seen, also when it is used for the second time."""
    there = sum(person(f"purchase.{model}.search_count", []) for model in ("requisition", "purchase"))
    number = there * 1_000 + next(_numbers)
    return reference_of(f"{person.url}/{number}")


async def dated(adapter: JsonRpcAdapter, ordered: buying.Ordered, *, days: int = 5, reference: str = "") -> Command:
    """Return the command that moves a line, worked out on what the side that reads sees."""
    (line,) = await adapter.read("purchase_order_line", [ordered.key])
    day = (ordered.day + timedelta(days=days)).isoformat()
    return Command(
        operation=DATE,
        system="tryton",
        entity="purchase_order_line",
        key=ordered.key,
        version_token=line.version_token,
        reference=reference or reference_of(ordered.number),
        fields={"purchase_order_id": ordered.number, "line": ordered.key, "new_date": day},
    )


def requested(person: Rpc, **fields: JsonValue) -> Command:
    """Return the command for a requisition."""
    asked: dict[str, JsonValue] = {
        "material_id": "RM-303", "site": "WH", "qty": "12.5", "uom": "KGM",
        "delivery_date": (buying.today(person) + timedelta(days=20)).isoformat(),
        "supplier_id": "S2004", "cost_object": None,
    }  # fmt: skip
    return Command(
        operation=CREATE, system="tryton", entity="purchase_requisition", key="", version_token="",
        reference=fresh_reference(person), fields={**asked, **fields},
    )  # fmt: skip


def bought(person: Rpc, fields: Mapping[str, JsonValue] | None = None, *, lines: int = 2) -> Command:
    """Return the command for a purchase order of so many lines."""
    day = buying.today(person) + timedelta(days=20)
    made: list[JsonValue] = [
        {"material_id": "RM-303", "qty": f"{number + 2}.5", "uom": "KGM", "price": "12.75", "price_unit": 1,
         "delivery_date": (day + timedelta(days=number)).isoformat()}
        for number in range(lines)
    ]  # fmt: skip
    asked: dict[str, JsonValue] = {
        "supplier_id": "S2004", "site": "WH", "currency": "EUR", "lines": made, "requisitions": [],
    }  # fmt: skip
    return Command(
        operation=ORDER, system="tryton", entity="purchase_order_line", key="", version_token="",
        reference=fresh_reference(person), fields={**asked, **(fields or {})},
    )  # fmt: skip


async def promise(adapter: JsonRpcAdapter, ordered: buying.Ordered) -> Any:
    """Return the line's promised date as the side that reads gives it."""
    (line,) = await adapter.read("purchase_order_line", [ordered.key])
    return getattr(line, "promised_date", None)


# --- the date of a purchase order line --------------------------------------------------------------------------------


@covers(DATE_TOOL, TRYTON)
@guarantees("P4.one_effect")
async def test_the_promise_that_is_read_is_the_one_that_was_written(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """In Tryton's own words the incoming goods are planned for that day, and the read side promises it."""
    ordered = buying.order(person)
    command = await dated(adapter, ordered)

    outcome = await commands.send(command)

    assert isinstance(outcome, Committed)
    assert [one for _, one in buying.moves(person, ordered.line).values()] == [command.fields["new_date"]]
    (line,) = await adapter.read("purchase_order_line", [ordered.key])
    assert (line.promised_date, line.order_state) == (command.fields["new_date"], "open")  # type: ignore[attr-defined]
    assert line.original_promise_date == ordered.day.isoformat()  # type: ignore[attr-defined]
    assert outcome.written.version_token == line.version_token != command.version_token
    assert (outcome.written.document, outcome.written.key) == (ordered.number, ordered.key)
    assert outcome.written.fields == command.fields
    assert await commands.find(command) == outcome.written


@covers(DATE_TOOL, TRYTON)
@guarantees("P4.one_effect")
async def test_what_has_come_in_keeps_its_day(commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc) -> None:
    """Of a line that was received in part, the rest moves and nothing else of the order does."""
    ordered = buying.order(person)
    buying.receive(person, ordered.line, "10")
    before = buying.moves(person, ordered.line)
    command = await dated(adapter, ordered)
    assert isinstance(await commands.send(command), Committed)
    after = buying.moves(person, ordered.line)
    assert sorted(state for state, _ in before.values()) == ["done", "draft"]
    assert after == {
        one: (state, day if state == "done" else command.fields["new_date"]) for one, (state, day) in before.items()
    }
    assert await promise(adapter, ordered) == command.fields["new_date"]


@covers(STALE, TRYTON)
@guarantees("P4.stale")
async def test_a_version_is_another_one_after_each_change_of_the_promise(adapter: JsonRpcAdapter, person: Rpc) -> None:
    """A person plans the goods anew and touches no field of the line; what was approved was approved before that."""
    ordered = buying.order(person)
    seen = {(await dated(adapter, ordered)).version_token}
    for days in (1, 2):
        moves = list(buying.moves(person, ordered.line))
        person("stock.move.write", moves, {"planned_date": ordered.day + timedelta(days=days)})
        seen.add((await dated(adapter, ordered)).version_token)
    buying.receive(person, ordered.line, "10")
    seen.add((await dated(adapter, ordered)).version_token)
    assert len(seen) == 4


@covers(STALE, TRYTON)
@guarantees("P4.stale")
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_a_person_who_was_there_first_is_not_overwritten(
    tryton: Running, relay: Relay, adapter: JsonRpcAdapter, person: Rpc, moment: str
) -> None:
    """Before our look our comparison finds it; between our look and our write, Tryton's own does."""
    ordered = buying.order(person)
    command = await dated(adapter, ordered)
    moves = list(buying.moves(person, ordered.line))

    def change() -> None:
        person("stock.move.write", moves, {"planned_date": ordered.day + timedelta(days=1)})

    if moment == "before":
        change()
    else:
        relay.before = change
    commands = opened(tryton, url=relay.url)
    outcome = await commands.send(command)
    found = await commands.find(command)
    await commands.close()
    assert (outcome, found) == (Conflict(), None)
    assert len(relay.written) == (0 if moment == "before" else 1)
    assert await promise(adapter, ordered) == (ordered.day + timedelta(days=1)).isoformat()


@covers(DATE_TOOL, TRYTON)
@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("story", "code"),
    [("cancelled", "order_not_open"), ("received", "nothing_open"), ("announced", "planned_by_shipment")],
)
async def test_a_line_that_gets_no_other_date_is_refused(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, story: str, code: str
) -> None:
    """Closed, received in full, or announced in a shipment, whose own date would overwrite ours."""
    ordered = buying.order(person)
    match story:
        case "cancelled":
            ordered = buying.order(person, state="cancelled")
        case "received":
            buying.receive(person, ordered.line, "30")
        case _:
            buying.announce(person, ordered.line, "30")
    command = await dated(adapter, ordered)
    before = buying.moves(person, ordered.line)
    assert await commands.send(command) == Refused(code=code)
    assert buying.moves(person, ordered.line) == before


# --- a requisition ----------------------------------------------------------------------------------------------------


@covers(CREATE_TOOL, TRYTON)
@guarantees("P4.one_effect")
async def test_a_requisition_is_there_as_it_was_asked_for(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, tryton: Running
) -> None:
    """A draft of one line, by our account and its employee, with our reference and nothing that was not approved."""
    command = requested(person)
    assert await commands.find(command) is None

    outcome = await commands.send(command)

    assert isinstance(outcome, Committed)
    (made,) = buying.requisitions(person, command.reference)
    user = person.find("res.user", [["login", "=", tryton.write_user]], [])[0]["id"]
    assert (made["number"], made["state"], made["create_uid"]) == (outcome.written.document, "draft", user)
    assert made["number"].startswith("PR")
    assert made["employee."]["party."]["code"] == "GATEWAY"
    assert (buying.iso(made["supply_date"]), made["warehouse."]["code"]) == (command.fields["delivery_date"], "WH")
    (line,) = made["lines."]
    assert (line["quantity"], line["unit."]["symbol"], line["product."]["code"]) == (12.5, "kg", "RM-303")
    assert (line["supplier."]["code"], line["description"]) == ("S2004", None)
    assert outcome.written.fields == command.fields
    assert await commands.find(command) == outcome.written
    (read,) = await adapter.read("purchase_requisition", [outcome.written.key])
    assert (read.requisition_id, read.order_state, read.release_state) == (made["number"], "open", "waiting")  # type: ignore[attr-defined]
    assert read.version_token == outcome.written.version_token


@guarantees("P3.people_commit")
async def test_the_workflow_of_tryton_goes_on_with_people(commands: JsonRpcCommands, person: Rpc) -> None:
    """The draft is a request like any other: sent on its way, approved and made an order by people there."""
    command = requested(person)
    await commands.send(command)
    (made,) = buying.requisitions(person, command.reference)
    for button in ("wait", "approve"):
        person(f"purchase.requisition.{button}", [made["id"]])
    origin = f"purchase.requisition.line,{made['lines.'][0]['id']}"
    (request,) = person.find("purchase.request", [["origin", "=", origin]], ["quantity"])
    assert request["quantity"] == 12.5
    found = await commands.find(command)
    assert found is not None
    assert found.document == made["number"]


@guarantees("P4.unknown")
async def test_a_copy_by_hand_does_not_hide_ours_and_a_second_of_ours_is_a_fault(
    commands: JsonRpcCommands, person: Rpc, writer: Rpc
) -> None:
    """Tryton takes a second one with the same words; nobody is told that there is none, or the wrong one."""
    command = requested(person)
    outcome = await commands.send(command)
    assert isinstance(outcome, Committed)
    (made,) = buying.requisitions(person, command.reference)
    person("purchase.requisition.copy", [made["id"]])
    assert len(buying.requisitions(person, command.reference)) == 2
    assert await commands.find(command) == outcome.written
    assert await commands.send(command) == Unknown(reason="reference_exists")
    writer("purchase.requisition.copy", [made["id"]])
    with pytest.raises(GatewayError) as caught:
        await commands.find(command)
    assert caught.value.code == "adapter.bad_answer"


@covers(CREATE_TOOL, TRYTON)
@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"material_id": "RM-999"}, "material_unknown"),
        ({"material_id": "FP-100"}, "material_unknown"),  # made here, not bought
        ({"uom": "C62"}, "unit_unknown"),
        ({"site": "STO"}, "site_unknown"),
        ({"qty": "0.001"}, "quantity_too_fine"),  # kilograms have two digits there
        ({"cost_object": "4711"}, "no_cost_objects"),
    ],
)
async def test_a_requisition_that_does_not_fit_is_refused(
    commands: JsonRpcCommands, person: Rpc, fields: dict[str, JsonValue], code: str
) -> None:
    """Nothing is left out or guessed to make it fit."""
    command = requested(person, **fields)
    assert await commands.send(command) == Refused(code=code)
    assert buying.requisitions(person, command.reference) == []


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.parametrize("operation", [DATE, CREATE, ORDER])
async def test_a_right_that_was_taken_away_is_a_refusal_of_the_system(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, operation: str
) -> None:
    """Tryton's error names groups and models; ours names nothing."""
    command = await dated(adapter, buying.order(person)) if operation == DATE else requested(person)
    rights = [row["id"] for row in person.find("ir.model.access", [["group.name", "=", "Gateway (writes)"]], [])]
    person("ir.model.access.write", rights, {"active": False})
    try:
        outcome = await commands.send(command)
        told = await commands.probe()
    finally:
        person("ir.model.access.write", rights, {"active": True})
    assert outcome == Refused(code="refused_by_rules")
    assert told[operation].startswith("not ready: ")
    assert await commands.find(command) is None
    anew = dataclasses.replace(command, reference=reference_of(command.reference))  # a refusal ends a proposal
    assert isinstance(await commands.send(anew), Committed)


# --- answers that are lost --------------------------------------------------------------------------------------------


@covers(LOST_REPLY, TRYTON)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("operation", [DATE, CREATE, ORDER])
@pytest.mark.parametrize("how", ["lost_before", "lost_after", "nonsense"])
async def test_a_lost_answer_leaves_one_effect_or_none_and_reading_back_says_which(
    tryton: Running, relay: Relay, adapter: JsonRpcAdapter, person: Rpc, how: CommandFault, operation: str
) -> None:
    """Nothing is sent again; what is in Tryton is found, what is not there is not."""
    ordered = buying.order(person) if operation == DATE else None
    command = await dated(adapter, ordered) if ordered else requested(person)
    commands = opened(tryton, url=relay.url)
    await relay.fault(how)
    outcome = await commands.send(command)
    await relay.fault("none")
    await relay.settle()
    found = await commands.find(command)
    await commands.close()

    assert isinstance(outcome, Unknown)
    took_effect = how != "lost_before"
    assert (found is not None) == took_effect
    assert len(relay.written) == int(took_effect)
    if ordered:
        day = command.fields["new_date"] if took_effect else ordered.day.isoformat()
        assert await promise(adapter, ordered) == day
    else:
        assert len(buying.requisitions(person, command.reference)) == int(took_effect)


@covers(LOST_REPLY, TRYTON)
@guarantees("P4.unknown")
async def test_a_person_who_writes_after_a_lost_answer_does_not_hide_what_was_done(
    tryton: Running, relay: Relay, adapter: JsonRpcAdapter, person: Rpc
) -> None:
    """Tryton's own log of changes names our account, though the date is another one by now."""
    ordered = buying.order(person)
    command = await dated(adapter, ordered)
    commands = opened(tryton, url=relay.url)
    await relay.fault("lost_after")
    assert isinstance(await commands.send(command), Unknown)
    later = ordered.day + timedelta(days=9)
    person("stock.move.write", list(buying.moves(person, ordered.line)), {"planned_date": later})
    await relay.fault("none")
    found = await commands.find(command)
    untouched = await commands.find(await dated(adapter, ordered, days=12))
    await commands.close()
    assert found is not None
    assert found.fields["new_date"] == later.isoformat()
    assert untouched is None


# --- the account ------------------------------------------------------------------------------------------------------


@guarantees("commands.probe")
async def test_probe_finds_all_operations_ready_and_names_what_is_too_much(commands: JsonRpcCommands) -> None:
    """Inspections may be changed by every user of Tryton unless somebody takes that away; the probe says so."""
    told = await commands.probe()
    assert {one: told[one][:10] for one in commands.operations} == dict.fromkeys(PROFILE.commands, "verified: ")
    assert told["version"] == "8.2"
    assert {one.split(" ")[-1] for one in told["may also"].split(", ")} == {"quality.inspection"}


@guarantees("P2.listed_calls")
async def test_the_account_that_writes_can_do_its_writes_and_little_else(writer: Rpc, person: Rpc) -> None:
    """What the gateway does not call, its account may not do either: no receipt, no order, no approval, no quantity."""
    ordered, moves = buying.order(person), []
    moves = list(buying.moves(person, ordered.line))
    made = person.find("purchase.requisition", [["state", "=", "waiting"]], [])[0]["id"]
    tries: Mapping[str, tuple[object, ...]] = {
        "stock.move.do": (moves,),
        "stock.move.cancel": (moves,),
        "stock.move.delete": (moves,),
        "purchase.purchase.cancel": ([ordered.purchase],),
        "purchase.purchase.quote": ([ordered.purchase],),
        "purchase.purchase.confirm": ([ordered.purchase],),
        "purchase.requisition.approve": ([made],),
        "purchase.requisition.draft": ([made],),
        "purchase.requisition.delete": ([made],),
        "purchase.line.delete": ([ordered.line],),
    }
    writes: Mapping[str, tuple[list[int], dict[str, object]]] = {
        "stock.move": (moves, {"quantity": 1.0}),
        "purchase.line": ([ordered.line], {"quantity": 1.0}),
        "purchase.purchase": ([ordered.purchase], {"comment": "x"}),
        "purchase.requisition": ([made], {"description": "x"}),
        "party.party": ([1], {"name": "x"}),
        "product.template": ([1], {"name": "x"}),
    }
    for method, given in (*tries.items(), *((f"{model}.write", given) for model, given in writes.items())):
        with pytest.raises(TrytonError, match=r"not allowed|can not call"):
            writer(method, *given)
    assert [state for state, _ in buying.moves(person, ordered.line).values()] == ["draft"]


# --- a purchase order -------------------------------------------------------------------------------------------------


@covers(ORDER_TOOL, TRYTON)
@guarantees("P4.one_effect", "P6.planning_side")
async def test_an_order_stands_in_draft_with_every_line_as_it_was_approved(
    commands: JsonRpcCommands, person: Rpc
) -> None:
    """Nobody is told and nothing is bound: a buyer quotes and confirms it in Tryton."""
    command = bought(person)

    outcome = await commands.send(command)

    assert isinstance(outcome, Committed)
    names = ["state", "number", "party.code", "warehouse.code", "currency.code", "description", "create_uid"]
    (order,) = person.find("purchase.purchase", [["id", "=", int(outcome.written.key)]], names)
    told = (order["party."]["code"], order["warehouse."]["code"], order["currency."]["code"], order["description"])
    assert (order["state"], *told) == ("draft", "S2004", "WH", "EUR", command.reference)
    lines = person.find(
        "purchase.line", [["purchase", "=", order["id"]]],
        ["product.code", "quantity", "unit.symbol", "unit_price", "delivery_date_store"],
    )  # fmt: skip
    found = [
        (
            one["product."]["code"],
            str(one["quantity"]),
            one["unit."]["symbol"],
            Decimal(one["unit_price"]["decimal"]),
        )
        for one in lines
    ]
    assert found == [("RM-303", "2.5", "kg", Decimal("12.75")), ("RM-303", "3.5", "kg", Decimal("12.75"))]
    wanted = command.fields["lines"]
    assert isinstance(wanted, list)
    days = [one["delivery_date"] for one in wanted if isinstance(one, dict)]
    assert [buying.iso(one["delivery_date_store"]) for one in lines] == days
    assert outcome.written.document == f"id:{order['id']}"
    assert outcome.written.fields == {name: command.fields[name] for name in outcome.written.fields}
    assert await commands.find(command) == outcome.written


@covers(ORDER_TOOL, TRYTON)
@guarantees("P4.one_effect")
async def test_an_order_that_is_sent_twice_stands_once(commands: JsonRpcCommands, person: Rpc) -> None:
    """The second one is not known to be ours until it is read back; nothing is made."""
    command = bought(person, lines=1)
    first = await commands.send(command)
    second = await commands.send(command)

    assert isinstance(first, Committed)
    assert second == Unknown(reason="reference_exists")
    assert person("purchase.purchase.search_count", [["description", "=", command.reference]]) == 1


@covers(ORDER_TOOL, TRYTON)
@guarantees("P4.one_effect", "input.clear_errors")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"supplier_id": "NOBODY"}, "supplier_unknown"),
        ({"site": "NOWHERE"}, "site_unknown"),
        ({"currency": "ZZZ"}, "currency_unknown"),
        ({"lines": []}, "bad_lines"),
        ({"requisitions": [{"requisition_id": "1", "line": "1", "version": "1"}]}, "requisitions_not_linked"),
    ],
)
async def test_an_order_that_can_not_be_expressed_is_refused_whole(
    commands: JsonRpcCommands, person: Rpc, changed: dict[str, JsonValue], code: str
) -> None:
    """What is left out would not be what was approved."""
    command = bought(person, changed)

    assert await commands.send(command) == Refused(code=code)
    assert person("purchase.purchase.search_count", [["description", "=", command.reference]]) == 0


@covers(ORDER_TOOL, TRYTON)
@guarantees("P4.one_effect", "input.clear_errors")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"material_id": "NOSUCH"}, "material_unknown"),
        ({"uom": "C62"}, "unit_unknown"),
        ({"qty": "0"}, "bad_quantity"),
        ({"qty": "0.0000001"}, "quantity_too_fine"),
        ({"price": "0"}, "bad_price"),
        ({"price": "10", "price_unit": 3}, "price_too_fine"),
        ({"delivery_date": "soon"}, "bad_date"),
    ],
)
async def test_one_line_that_can_not_be_expressed_refuses_the_whole_order(
    commands: JsonRpcCommands, person: Rpc, changed: dict[str, JsonValue], code: str
) -> None:
    """An order without one of its lines is another order."""
    good = bought(person)
    lines = good.fields["lines"]
    assert isinstance(lines, list)
    (first, second) = lines
    assert isinstance(second, dict)
    command = dataclasses.replace(good, fields={**good.fields, "lines": [first, {**second, **changed}]})

    assert await commands.send(command) == Refused(code=code)
    assert person("purchase.purchase.search_count", [["description", "=", command.reference]]) == 0


# --- the dates of a production order ----------------------------------------------------------------------------------


@pytest.fixture
def made(person: Rpc) -> Iterator[making.Made]:
    """An order of a planner, taken back afterwards."""
    one = making.make(person, state="draft")
    yield one
    if making.dates(person, one.id)[0] != "done":
        person("production.cancel", [one.id])


async def moved(adapter: JsonRpcAdapter, order: making.Made, *, days: int = 7) -> Command:
    """Return the command that moves an order, worked out on what the side that reads sees."""
    (record,) = await adapter.read("production_order", [order.key])
    shift = timedelta(days=days)
    return Command(
        operation=MOVE, system="tryton", entity="production_order", key=order.key,
        version_token=record.version_token, reference=reference_of(f"{order.number}/{next(_numbers)}"),
        fields={
            "production_order_id": getattr(record, "production_order_id", ""),
            "new_start": (order.start + shift).isoformat(),
            "new_finish": (order.finish + shift).isoformat(),
        },
    )  # fmt: skip


@covers(RESCHEDULE_TOOL, TRYTON)
@guarantees("P4.one_effect", "P6.planning_side")
async def test_an_order_moves_to_both_dates_and_nothing_else_of_it_changes(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, made: making.Made
) -> None:
    """It is neither released nor begun by it: that is for people."""
    command = await moved(adapter, made)

    outcome = await commands.send(command)

    assert isinstance(outcome, Committed)
    told = ("draft", command.fields["new_start"], command.fields["new_finish"])
    assert making.dates(person, made.id) == told
    (record,) = await adapter.read("production_order", [made.key])
    assert outcome.written.version_token == record.version_token != command.version_token
    assert (outcome.written.document, outcome.written.fields) == (made.number, command.fields)
    assert await commands.find(command) == outcome.written


@covers(RESCHEDULE_TOOL, TRYTON)
@guarantees("P4.stale")
async def test_an_order_that_a_planner_moved_meanwhile_is_left_as_it_is(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, made: making.Made
) -> None:
    """What was approved was approved for the order as it was."""
    command = await moved(adapter, made)
    person("production.write", [made.id], {"planned_date": made.finish + timedelta(days=1)})
    before = making.dates(person, made.id)

    assert await commands.send(command) == Conflict()
    assert making.dates(person, made.id) == before
    assert await commands.find(command) is None


@covers(RESCHEDULE_TOOL, TRYTON)
@guarantees("P4.one_effect")
async def test_what_was_moved_is_found_although_a_planner_wrote_after_it(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, made: making.Made
) -> None:
    """The system's own log says who wrote what, so an answer that was lost is no riddle."""
    command = await moved(adapter, made)
    assert isinstance(await commands.send(command), Committed)
    person("production.write", [made.id], {"planned_date": made.finish})

    found = await commands.find(command)

    assert found is not None
    assert found.fields["new_finish"] == made.finish.isoformat()


@covers(RESCHEDULE_TOOL, TRYTON)
@guarantees("P6.planning_side", "input.clear_errors")
async def test_an_order_that_has_begun_or_is_another_one_is_refused(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, made: making.Made
) -> None:
    """What runs on the floor is not planned anew from here."""
    command = await moved(adapter, made)
    other = dataclasses.replace(command, fields={**command.fields, "production_order_id": "MO99999"})
    assert await commands.send(other) == Refused(code="key_mismatch")
    for button in ("wait", "assign_force", "run"):
        person(f"production.{button}", [made.id])
    begun = await moved(adapter, made)
    before = making.dates(person, made.id)

    assert await commands.send(begun) == Refused(code="order_not_movable")
    assert making.dates(person, made.id) == before
    person("production.do", [made.id])
    assert making.dates(person, made.id)[0] == "done"


# --- the date of a sales order line -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sold(person: Rpc) -> selling.Sold:
    """An order of somebody in sales, which is being carried out."""
    return selling.sell(person)


async def told(adapter: JsonRpcAdapter, sold: selling.Sold, *, days: int) -> Command:
    """Return the command that promises another day, worked out on what the side that reads sees."""
    (line,) = await adapter.read("sales_order_line", [sold.key])
    return Command(
        operation=SALE, system="tryton", entity="sales_order_line", key=sold.key,
        version_token=line.version_token, reference=reference_of(f"{sold.number}/{next(_numbers)}"),
        fields={
            "sales_order_id": sold.number, "line": sold.key,
            "new_date": (sold.day + timedelta(days=days)).isoformat(),
        },
    )  # fmt: skip


@covers(SALES_DATE_TOOL, TRYTON)
@guarantees("P4.one_effect")
async def test_goods_that_are_sold_are_planned_for_the_day_that_was_approved(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, sold: selling.Sold
) -> None:
    """What leaves later is promised later; the customer is told by people."""
    command = await told(adapter, sold, days=30)

    outcome = await commands.send(command)

    assert isinstance(outcome, Committed)
    assert set(selling.planned(person, sold.line)) == {command.fields["new_date"]}
    (line,) = await adapter.read("sales_order_line", [sold.key])
    assert outcome.written.version_token == line.version_token != command.version_token
    assert (outcome.written.document, outcome.written.fields) == (sold.number, command.fields)
    assert await commands.find(command) == outcome.written


@covers(SALES_DATE_TOOL, TRYTON)
@guarantees("P4.stale")
async def test_goods_that_somebody_planned_meanwhile_keep_their_day(
    commands: JsonRpcCommands, adapter: JsonRpcAdapter, person: Rpc, sold: selling.Sold
) -> None:
    """What was approved was approved for the line as it was."""
    command = await told(adapter, sold, days=40)
    ids = [int(str(one["id"])) for one in selling.moves(person, sold.line)]
    person("stock.move.write", ids, {"planned_date": sold.day + timedelta(days=20)})
    before = selling.planned(person, sold.line)

    assert await commands.send(command) == Conflict()
    assert selling.planned(person, sold.line) == before


# --- the shipped contract ---------------------------------------------------------------------------------------------


class TrytonSource:
    """Two purchases and as many requisitions as it takes, behind a relay that breaks."""

    def __init__(self, tryton: Running, relay: Relay, person: Rpc, orders: Sequence[buying.Ordered]) -> None:
        self.relay, self.person = relay, person
        self.commands = opened(tryton, url=relay.url, only=(DATE, CREATE, ORDER))
        self.secrets = (tryton.write_password, tryton.password, "not allowed", "modified in the meanwhile", "done?")
        *self._orders, self._closed = orders
        self._turn = 0

    @property
    def attempts(self) -> int:
        return len(self.relay.written)

    def good(self, operation: str) -> Command:
        self._turn += 1
        if operation == ORDER:
            return bought(self.person)
        return self._date(self._orders[self._turn % 2]) if operation == DATE else requested(self.person)

    def refused(self, operation: str) -> Command:
        if operation == ORDER:
            return bought(self.person, {"supplier_id": "NOBODY"})
        return self._date(self._closed) if operation == DATE else requested(self.person, uom="C62")

    def touch(self, command: Command) -> None:
        self.person(
            "stock.move.write", list(buying.moves(self.person, int(command.key))), {"planned_date": self._orders[0].day}
        )

    def effects(self) -> Mapping[str, str]:
        held: dict[str, list[Any]] = {}
        for one in self._orders:
            held[one.key] = [day for _, day in buying.moves(self.person, one.line).values()]
        for line in self.person.find("purchase.requisition.line", [], ["quantity", "product"]):
            held.setdefault(str(line["id"]), []).append((line["quantity"], line["product"]))
        drafts = self.person.find("purchase.purchase", [["state", "=", "draft"]], ["description", "lines.quantity"])
        for order in drafts:
            held.setdefault(str(order["id"]), []).append((order["description"], order["lines."]))
        return {key: repr(text) for key, text in held.items()}

    async def fault(self, how: CommandFault) -> None:
        await self.relay.fault(how)

    async def settle(self) -> None:
        await self.relay.settle()

    def _date(self, ordered: buying.Ordered) -> Command:
        fields = ["_timestamp", "moves._timestamp"]
        (row,) = self.person.find("purchase.line", [["id", "=", ordered.line]], fields)
        day = (ordered.day + timedelta(days=next(_numbers) + 1)).isoformat()  # never the one that stands there
        return Command(
            operation=DATE, system="tryton", entity="purchase_order_line", key=ordered.key,
            version_token=version_of(row, ["moves"]), reference=fresh_reference(self.person),
            fields={"purchase_order_id": ordered.number, "line": ordered.key, "new_date": day},
        )  # fmt: skip


@pytest.fixture(scope="module")
def orders(person: Rpc) -> list[buying.Ordered]:
    """Two that are open and one that is cancelled."""
    return [buying.order(person), buying.order(person), buying.order(person, state="cancelled")]


@covers(COMMAND_CONTRACT, TRYTON)
@guarantees("commands.contract")
class TestTrytonCommands(CommandContract):
    @pytest.fixture
    async def source(
        self, tryton: Running, relay: Relay, person: Rpc, orders: list[buying.Ordered]
    ) -> AsyncIterator[CommandSource]:
        source = TrytonSource(tryton, relay, person, orders)
        yield source
        await source.commands.close()
