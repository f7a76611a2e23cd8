"""The two writes against a server that answers well or badly: each verdict, what is sent, and what never is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import pytest

from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, NotSent, Outcome, Refused, Unknown, Written
from erp_mcp.domain.reference import reference_of
from erp_mcp.errors import GatewayError
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake import SYSTEM_TEXT, Mode
from tests.unit.adapters.jsonrpc.fake_buying import (
    COMPANY,
    CREATE,
    DATE,
    DAY,
    EMPLOYEE,
    LINES,
    NEW,
    PROFILE,
    REFERENCE,
    BuyingTryton,
    connection,
    requested,
)


async def line_of(buying: BuyingTryton, name: str) -> Any:
    """Return a line as the side that reads gives it."""
    adapter = JsonRpcAdapter.open(connection(buying, "gateway"), PROFILE, FixedClock())
    (record,) = await adapter.read("purchase_order_line", [str(LINES[name])])
    await adapter.close()
    return record


async def dated(buying: BuyingTryton, name: str = "open", **fields: JsonValue) -> Command:
    record = await line_of(buying, name)
    asked = {"purchase_order_id": record.purchase_order_id, "line": record.line, "new_date": NEW, **fields}
    return Command(
        operation=DATE, system="erp", entity="purchase_order_line", key=record.source_key,
        version_token=record.version_token, reference=reference_of(f"date {name}"), fields=asked,
    )  # fmt: skip


def planned(buying: BuyingTryton, name: str) -> list[str]:
    moves = buying.models["purchase.line"][LINES[name]]["moves"]
    return [buying.models[model][one]["planned_date"].isoformat() for model, one in moves]


async def one_of(buying: BuyingTryton, operation: str) -> Command:
    return await dated(buying) if operation == DATE else requested()


def effects(buying: BuyingTryton) -> int:
    moved = sum(one != DAY.isoformat() for name in LINES for one in planned(buying, name))
    return moved + len(buying.models.get("purchase.requisition", {}))


# --- what is written --------------------------------------------------------------------------------------------------


@guarantees("P4.one_effect")
async def test_the_open_moves_of_a_line_get_the_date_and_no_other_record(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """What has been received keeps its day; what is still to come has the new one, under the version that was read."""
    command = await dated(buying, "partial")
    before = {one: buying.models["stock.move"][one]["_timestamp"] for one in (130, 131, 132)}

    outcome = await commands.send(command)

    assert planned(buying, "partial") == [DAY.isoformat(), NEW, NEW]
    assert [
        planned(buying, name) for name in LINES if name != "partial" and planned(buying, name) != [DAY.isoformat()]
    ] == [[]]
    ids, _, context = buying.sent[0]
    assert ids == [131, 132]
    assert context["_timestamp"] == {f"stock.move,{one}": before[one] for one in (131, 132)}
    after = await line_of(buying, "partial")
    fields = {"purchase_order_id": "PO13", "line": "13", "new_date": NEW}
    assert outcome == Committed(
        written=Written(document="PO13", key="13", version_token=after.version_token, fields=fields)
    )
    assert after.promised_date == NEW


@guarantees("P4.one_effect")
async def test_a_line_whose_order_is_not_in_processing_keeps_its_own_date(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """Before an order is processed there are no moves; the account may be given that right or not."""
    command = await dated(buying, "confirmed")
    assert await commands.send(command) == Refused(code="refused_by_rules")
    buying.rights["purchase.line"] = ["write"]
    proposed_anew = dataclasses.replace(command, reference=reference_of("anew"))
    assert isinstance(await commands.send(proposed_anew), Committed)
    line = buying.models["purchase.line"][LINES["confirmed"]]
    assert (line["delivery_date_store"].isoformat(), line["delivery_date_edit"]) == (NEW, True)


@guarantees("P4.one_effect")
async def test_a_requisition_is_made_in_one_call_and_stays_a_draft(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """Head and line together, or nothing; no button is pressed."""
    outcome = await commands.send(requested())

    (values, context) = buying.sent[0][0][0], buying.sent[0][1]
    line = {"product": 1, "quantity": 5.0, "unit": 1, "supplier": 1}
    assert values == {
        "company": COMPANY, "employee": EMPLOYEE, "description": REFERENCE, "warehouse": 1,
        "supply_date": values["supply_date"], "lines": [["create", [line]]],
    }  # fmt: skip
    assert values["supply_date"].isoformat() == NEW
    assert "_timestamp" not in context
    assert isinstance(outcome, Committed)
    assert (outcome.written.document, outcome.written.key) == ("PR00001", "101")
    assert outcome.written.fields == requested().fields
    assert await commands.find(requested()) == outcome.written


# --- each verdict -----------------------------------------------------------------------------------------------------

VERDICTS: Final[Mapping[str, Outcome]] = {
    "cut": Unknown(reason="connection_broken"),
    "half": Unknown(reason="connection_broken"),
    "html": Unknown(reason="answer_unreadable"),
    "garbage": Unknown(reason="answer_unreadable"),
    "empty": Unknown(reason="answer_unreadable"),
    "list": Unknown(reason="answer_unreadable"),
    "traceback": Unknown(reason="system_error"),
    "409": Unknown(reason="answer_unreadable"),
    "500": Unknown(reason="answer_unreadable"),
    "502": Unknown(reason="answer_unreadable"),
    "503": Unknown(reason="system_unavailable"),
    "504": Unknown(reason="answer_unreadable"),
    "refused": Refused(code="refused_by_rules"),
    "warning": Refused(code="needs_person"),
    "concurrency": Conflict(),
    "login": NotSent(reason="sign_in_refused", retry_after_s=150),
    "limited": NotSent(reason="rate_limited"),
    "400": Unknown(reason="answer_unreadable"),
    "403": Unknown(reason="answer_unreadable"),
    "404": Unknown(reason="answer_unreadable"),
    "413": Unknown(reason="answer_unreadable"),
    "422": Unknown(reason="answer_unreadable"),
    "401": NotSent(reason="session_ended"),
    "429": NotSent(reason="rate_limited", retry_after_s=17),
    "429 soon": NotSent(reason="rate_limited"),
}


@guarantees("P4.unknown", "P4.one_effect", "P8.no_leaks")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("how", VERDICTS)
async def test_each_answer_has_its_verdict_and_nothing_is_sent_again(
    buying: BuyingTryton, commands: JsonRpcCommands, how: str, operation: str
) -> None:
    """Neither a status nor a broken connection makes the adapter try once more."""
    command = await one_of(buying, operation)
    buying.spoil, buying.effect = how, False
    outcome = await commands.send(command)
    assert outcome == VERDICTS[how]
    assert (buying.attempts, effects(buying)) == (1, 0)
    assert SYSTEM_TEXT not in repr(outcome)


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("how", [how for how, verdict in VERDICTS.items() if isinstance(verdict, Unknown)])
async def test_an_unknown_outcome_is_found_where_it_took_effect_and_nowhere_else(
    buying: BuyingTryton, commands: JsonRpcCommands, how: str, effect: bool, operation: str
) -> None:
    """The answer says nothing; the records do."""
    command = await one_of(buying, operation)
    assert await commands.find(command) is None
    buying.spoil, buying.effect = how, effect
    assert isinstance(await commands.send(command), Unknown)
    found = await commands.find(command)
    assert (found is not None, effects(buying)) == (effect, int(effect))


@guarantees("P4.one_effect")
async def test_an_ended_session_is_signed_in_anew_by_the_next_command_only(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """A 401 is certain, and still nothing is sent again within the same command."""
    command = await dated(buying)
    buying.spoil, buying.effect = "401", False
    assert await commands.send(command) == NotSent(reason="session_ended")
    logins = buying.calls.count("common.db.login")
    buying.spoil, buying.effect = "", True
    assert isinstance(await commands.send(command), Committed)
    assert buying.calls.count("common.db.login") == logins + 1


@guarantees("P4.one_effect", "P10.outage")
@pytest.mark.parametrize("operation", [DATE, CREATE])
async def test_what_fails_before_the_write_was_not_sent(buying: BuyingTryton, operation: str) -> None:
    """Sign-in and looking come first, so an outage is met there and loses nothing."""
    command = await one_of(buying, operation)
    refused = JsonRpcCommands.open(connection(buying, secret="wrong"), PROFILE, FixedClock())
    assert await refused.send(command) == NotSent(reason="system_refused_account", retry_after_s=150)
    await refused.close()
    reasons = {"down": "system_unreachable", "html500": "bad_answer", "slow": "system_timeout"}
    for mode, reason in reasons.items():
        buying.mode = mode  # type: ignore[assignment]  # the words of `Mode`
        given = connection(buying, timeout_s=0.2 if mode == "slow" else 20.0)
        waiting = JsonRpcCommands.open(given, PROFILE, FixedClock())
        assert await waiting.send(command) == NotSent(reason=reason)
        await waiting.close()
    gone = JsonRpcCommands.open(connection(buying, url="http://127.0.0.1:1"), PROFILE, FixedClock())
    assert await gone.send(command) == NotSent(reason="system_unreachable")
    await gone.close()
    assert buying.attempts == 0


@guarantees("P4.unknown", "P8.no_leaks")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("mode", ["shape", "empty", "cut", "error", "refused", "busy", "huge"])
async def test_a_look_that_goes_wrong_sends_nothing_and_finds_nothing(
    buying: BuyingTryton, commands: JsonRpcCommands, mode: Mode, operation: str
) -> None:
    """`None` would mean that it is not there."""
    command = await one_of(buying, operation)
    other = dataclasses.replace(command, version_token="1.5/0")
    buying.mode = mode
    assert isinstance(await commands.send(command), NotSent)
    with pytest.raises(GatewayError) as caught:
        await commands.find(other)
    assert SYSTEM_TEXT not in str(caught.value)
    assert buying.attempts == 0


@guarantees("P4.unknown")
@pytest.mark.parametrize(
    ("model", "number", "values"),
    [
        ("purchase.purchase", 11, {"state": ["processing"]}),
        ("stock.move", 110, {"state": {}}),
        ("stock.move", 110, {"_timestamp": 5}),
        ("stock.move", 110, {"write_uid": []}),
        ("product.uom", 1, {"digits": "many"}),
        ("product.product", 1, {"default_uom": "kg"}),
    ],
)
async def test_a_record_of_another_shape_raises_nothing(
    buying: BuyingTryton, commands: JsonRpcCommands, model: str, number: int, values: dict[str, Any]
) -> None:
    """Another version of the system may send anything."""
    date = await dated(buying)
    buying.models[model][number].update(values)
    for command in (date, requested()):
        assert isinstance(await commands.send(command), NotSent | Refused | Conflict | Committed)


@guarantees("P4.unknown")
async def test_a_write_that_is_not_answered_in_time_is_unknown(buying: BuyingTryton) -> None:
    """It may be carried out a second after we gave up."""
    commands = JsonRpcCommands.open(connection(buying, timeout_s=1.0), PROFILE, FixedClock())
    command = await dated(buying)

    def hold(method: str) -> None:
        if method.endswith(".write"):
            buying.released.wait(60)

    buying.before = hold
    assert await commands.send(command) == Unknown(reason="no_answer_in_time")
    buying.released.set()
    await commands.close()


@guarantees("P4.one_effect")
@pytest.mark.parametrize("operation", [DATE, CREATE])
async def test_what_the_system_took_is_committed_though_it_can_not_be_read_back(
    buying: BuyingTryton, commands: JsonRpcCommands, operation: str
) -> None:
    """The answer was whole; that looking failed afterwards takes nothing back."""
    command = await one_of(buying, operation)

    def break_down(method: str) -> None:
        if method.endswith((".write", ".create")):
            buying.mode = "html500"

    buying.before = break_down
    outcome = await commands.send(command)
    assert isinstance(outcome, Committed)
    assert outcome.written.document == ("PO11" if operation == DATE else "id:1")
    assert outcome.written.version_token == ""


# --- the record as it was ---------------------------------------------------------------------------------------------


@guarantees("P4.stale")
async def test_a_date_that_a_person_moved_is_a_conflict(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """The line itself is as it was; its move is not, and the date is the move's."""
    command = await dated(buying)
    buying.by_hand("stock.move", 110, planned_date=DAY.replace(day=27))
    assert await commands.send(command) == Conflict()
    assert (buying.attempts, planned(buying, "open")) == (0, ["2026-03-27"])
    assert await commands.find(command) is None


@guarantees("P4.stale")
async def test_a_person_who_is_quicker_by_a_moment_wins(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """Between our look and our write the system itself compares."""
    command = await dated(buying)

    def meanwhile(method: str) -> None:
        if method == "model.stock.move.write":
            buying.by_hand("stock.move", 110, planned_date=DAY.replace(day=27))

    buying.before = meanwhile
    assert await commands.send(command) == Conflict()
    assert (buying.attempts, planned(buying, "open")) == (1, ["2026-03-27"])


@guarantees("P4.unknown")
async def test_a_person_who_changes_the_date_after_us_does_not_hide_that_we_wrote(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """The value is another one, the last writer is another one; the system's log still has our change."""
    command = await dated(buying)
    buying.spoil = "cut"
    assert isinstance(await commands.send(command), Unknown)
    buying.by_hand("stock.move", 110, planned_date=DAY.replace(day=27))
    found = await commands.find(command)
    assert found is not None
    assert found.fields["new_date"] == "2026-03-27"
    later = await dated(buying, new_date="2026-05-01")
    assert await commands.find(later) is None


@guarantees("P4.unknown")
async def test_the_same_date_by_another_hand_is_not_ours(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """A receipt for what somebody else did would be false."""
    command = await dated(buying)
    buying.by_hand("stock.move", 110, planned_date=DAY.replace(month=4, day=1))
    assert await commands.find(command) is None


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("received", {}, "nothing_open"),
        ("cancelled", {}, "order_not_open"),
        ("shipped", {}, "planned_by_shipment"),
        ("open", {"new_date": "soon"}, "bad_date"),
        ("open", {"new_date": None}, "bad_date"),
        ("open", {"line": "12"}, "key_mismatch"),
        ("open", {"purchase_order_id": "PO12"}, "key_mismatch"),
    ],
)
async def test_a_date_that_can_not_be_written_is_refused_with_a_code_of_ours(
    buying: BuyingTryton, commands: JsonRpcCommands, name: str, fields: dict[str, JsonValue], code: str
) -> None:
    """Before anything is sent."""
    assert await commands.send(await dated(buying, name, **fields)) == Refused(code=code)
    assert buying.attempts == 0


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"material_id": "RM-9"}, "material_unknown"),
        ({"material_id": "RM-3"}, "material_unknown"),  # not bought
        ({"material_id": None}, "material_unknown"),
        ({"material_id": "RM-1\x00"}, "material_unknown"),
        ({"supplier_id": "S2"}, "supplier_unknown"),  # archived
        ({"supplier_id": "SX"}, "supplier_ambiguous"),
        ({"site": "STO"}, "site_unknown"),
        ({"uom": "KGM"}, "unit_unknown"),  # of another kind than the material's
        ({"uom": "?"}, "unit_unknown"),
        ({"qty": "2.5"}, "quantity_too_fine"),
        ({"qty": "9007199254740993"}, "quantity_too_fine"),  # no such number in the system
        ({"qty": "0"}, "bad_quantity"),
        ({"qty": "-1"}, "bad_quantity"),
        ({"qty": "many"}, "bad_quantity"),
        ({"qty": "NaN"}, "bad_quantity"),
        ({"delivery_date": "2026-02-30"}, "bad_date"),
        ({"cost_object": "4711"}, "no_cost_objects"),
    ],
)
async def test_a_requisition_that_can_not_be_expressed_is_refused_with_a_code_of_ours(
    buying: BuyingTryton, commands: JsonRpcCommands, fields: dict[str, JsonValue], code: str
) -> None:
    """What the system has no place for is never left out, and nothing is guessed."""
    assert await commands.send(requested(**fields)) == Refused(code=code)
    assert buying.attempts == 0


@guarantees("adapter.contract")
async def test_a_record_without_a_code_is_named_by_its_number(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """The side that reads calls it so."""
    assert isinstance(await commands.send(requested(supplier_id="id:5", qty="2")), Committed)


# --- our reference ----------------------------------------------------------------------------------------------------


@guarantees("P4.one_effect")
async def test_a_reference_that_is_there_already_is_not_written_twice(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """It may be this very requisition, sent before by a worker that is gone."""
    await commands.send(requested())
    assert await commands.send(requested()) == Unknown(reason="reference_exists")
    assert (buying.attempts, effects(buying)) == (1, 1)


@guarantees("P4.unknown")
async def test_a_copy_made_by_hand_is_not_taken_for_ours(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """A copy keeps the description; who made it tells the two apart."""
    await commands.send(requested())
    ours = dict(buying.models["purchase.requisition"][1])
    buying.put("purchase.requisition", 2, **{**ours, "id": 2, "create_uid": 2, "number": "PR00002"})
    found = await commands.find(requested())
    assert found is not None
    assert found.document == "PR00001"


@guarantees("P4.unknown")
@pytest.mark.parametrize("users", [(8, 8), (2,)])
async def test_who_can_not_tell_which_is_ours_does_not_say_that_there_is_none(
    buying: BuyingTryton, commands: JsonRpcCommands, users: tuple[int, ...]
) -> None:
    """`None` would have it proposed anew."""
    for number, user in enumerate(users, 1):
        buying.put("purchase.requisition", number, description=REFERENCE, create_uid=user, number=f"PR{number}")
    with pytest.raises(GatewayError) as caught:
        await commands.find(requested())
    assert caught.value.code == "adapter.bad_answer"


@guarantees("P4.unknown")
async def test_a_requisition_whose_line_was_taken_away_is_still_found(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """A person may clear a draft; that it was made stays true."""
    await commands.send(requested())
    buying.drop("purchase.requisition.line", 101)
    found = await commands.find(requested())
    assert found == Written(document="PR00001", key="", version_token="")


@guarantees("P10.outage")
async def test_an_account_that_is_no_employee_sends_nothing(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """An administrator mends that; the approved change waits for it."""
    buying.employee = 0
    assert await commands.send(requested()) == NotSent(reason="account_has_no_employee", retry_after_s=300)
    assert buying.attempts == 0
    buying.employee = EMPLOYEE
    assert isinstance(await commands.send(requested()), Committed)
