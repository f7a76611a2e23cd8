"""What is changed together and what is called, against a running CAP: change sets of two documents, and actions."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Refused, Unknown
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing import CommandFault
from tests.guarantees import guarantees
from tests.relaying import before_odata
from tests.systems.cap.buying import Buyer, buying
from tests.systems.cap.server import Cap
from tests.systems.cap.test_writes import DATE, PROFILES, a_day, dated, written_by

pytestmark = pytest.mark.live

RELEASE: Final = "production_order.release"
COMPLETE: Final = "production_order.complete"
FORMS: Final = [("s4hana", True), ("s4hana-v4", True), ("s4hana-v4", "json")]
_ORDER: Final = {"s4hana": "po/A_PurchaseOrder", "s4hana-v4": "po/PurchaseOrder"}
_PRODUCTION: Final = {"s4hana": "production/A_ProductionOrder_2", "s4hana-v4": "production/ProductionOrder"}
_ACTION: Final = {"s4hana": "A_ProductionOrder_2_ReleaseOrder", "s4hana-v4": "CE_PRODUCTIONORDER_0001.ReleaseOrder"}


@pytest.fixture(scope="module")
def buyer(cap: Cap) -> Iterator[Buyer]:
    """Somebody beside the gateway, who puts everything back."""
    with buying(cap) as one:
        yield one


# --- Two documents as one change --------------------------------------------------------------------------------------


def together(name: str, form: bool | str) -> Mapping[str, JsonValue]:
    """Return plans by which an order's header gets our reference and its schedule line the date, or neither does."""
    plans: Any = copy.deepcopy(dict(PROFILES[name].commands))
    plan = plans[DATE]
    plan["look"]["header"] = {
        "set": _ORDER[name], "where": {"PurchaseOrder": {"key": 0}}, "take": ["PurchaseOrder"],
    }  # fmt: skip
    header = {
        "method": "PATCH", "set": _ORDER[name], "key": {"PurchaseOrder": {"found": "header.PurchaseOrder"}},
        "if_match": "header", "body": {"CorrespncExternalReference": {"reference": True}}, "minimal": True,
    }  # fmt: skip
    plan["write"] = {**header, "batch": form, "together": [plan["write"]]}
    found: Mapping[str, JsonValue] = {DATE: plan}
    return found


@guarantees("commands.change_sets", "P4.one_effect")
@pytest.mark.parametrize(("name", "form"), FORMS)
async def test_two_documents_are_changed_by_one_request(cap: Cap, buyer: Buyer, name: str, form: bool | str) -> None:
    """Both stand in the database, by one write that left us; the probe said before that it would be so."""
    plans = together(name, form)
    async with before_odata(cap.url) as relay, written_by(cap, PROFILES[name], url=relay.url, plans=plans) as commands:
        assert (await commands.probe())[DATE].startswith("verified: ")
        line, day = buyer.lines[10], a_day()
        command = await dated(commands, line, day)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed), outcome
        assert (buyer.date(line), buyer.header(line)) == (day, command.reference)
        assert [one.rpartition("/")[2] for one in relay.written] == ["$batch"]
        assert await commands.find(command) == outcome.written


@guarantees("commands.change_sets", "P4.one_effect", "P4.unknown")
@pytest.mark.parametrize("wrong", ["rule", "version"])
@pytest.mark.parametrize(("name", "form"), FORMS)
async def test_where_one_of_them_fails_neither_is_changed(
    cap: Cap, buyer: Buyer, name: str, form: bool | str, wrong: str
) -> None:
    """The system's rule or its version refuses the second; the first, which was good, is not there either."""
    plans = together(name, form)
    async with before_odata(cap.url) as relay, written_by(cap, PROFILES[name], url=relay.url, plans=plans) as commands:
        line = buyer.lines[11]
        command = await dated(commands, line, "2020-01-01" if wrong == "rule" else a_day())
        theirs, header = a_day(), buyer.header(line)
        if wrong == "version":
            relay.before = lambda: buyer.by_hand(line, theirs)
        before = buyer.date(line)
        assert not isinstance(await commands.send(command), Committed)
        assert buyer.date(line) == (theirs if wrong == "version" else before)
        assert buyer.header(line) == header
        assert await commands.find(command) is None
        assert len(relay.written) == 1


@guarantees("commands.change_sets", "P4.unknown")
@pytest.mark.parametrize("how", ["lost_before", "lost_after", "nonsense"])
@pytest.mark.parametrize(("name", "form"), FORMS)
async def test_a_lost_answer_to_both_is_found_out_by_looking(
    cap: Cap, buyer: Buyer, name: str, form: bool | str, how: CommandFault
) -> None:
    """Both are there, or neither is."""
    plans = together(name, form)
    async with before_odata(cap.url) as relay, written_by(cap, PROFILES[name], url=relay.url, plans=plans) as commands:
        line = buyer.lines[12]
        command = await dated(commands, line, a_day())
        await relay.fault(how)
        assert isinstance(await commands.send(command), Unknown)
        await relay.fault("none")
        took = how != "lost_before"
        assert (await commands.find(command) is not None) == took
        there = (buyer.date(line) == command.fields["new_date"], buyer.header(line) == command.reference)
        assert there == (took, took)


# --- Actions ----------------------------------------------------------------------------------------------------------


def calls(name: str) -> Mapping[str, JsonValue]:
    """Return plans that release a production order by an action bound to it, and complete one by an unbound one."""
    record: dict[str, JsonValue] = {"same": ["production_order_id"]}
    return {
        RELEASE: {
            "contract": "conditional", "settle_s": 0,
            "record": {**record, "require": {"request_state": {"in": ["Waiting"], "code": "order_not_waiting"}}},
            "write": {
                "method": "POST", "set": _PRODUCTION[name], "action": _ACTION[name],
                "key": {"ManufacturingOrder": {"key": 0}}, "if_match": "version",
            },
            "answer": {"codes": {"CO/686": "released_already"}},
        },
        COMPLETE: {
            "contract": "none", "settle_s": 0, "record": record,
            "write": {
                "method": "POST", "service": "production", "action": "CompleteOrder",
                "body": {"ManufacturingOrder": {"key": 0}, "ActualCompletionDate": {"field": "scheduled_finish"}},
            },
            "answer": {"codes": {"CO/687": "order_not_released", "CO/688": "date_in_past"}},
        },
    }  # fmt: skip


async def called(commands: PlannedCommands, operation: str, order: str, **fields: JsonValue) -> Command:
    """Return a command about a production order as it is."""
    (record,) = await commands.reader.read("production_order", [order])
    return Command(
        operation=operation, system="erp", entity="production_order", key=order, version_token=record.version_token,
        reference=reference_of(f"{order}/{operation}/{a_day()}"), fields={"production_order_id": order, **fields},
    )  # fmt: skip


def place(profile: Profile, buyer: Buyer, number: int) -> str:
    """Return a production order that no other test calls anything on."""
    return buyer.created[2 * number + sorted(PROFILES).index(profile.name)]


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> Profile:
    """Each profile in turn: what it calls goes over V2, or over V4."""
    return PROFILES[request.param]


@guarantees("commands.plans", "commands.probe", "P4.one_effect")
async def test_an_order_is_released_and_completed_by_what_the_system_offers(
    cap: Cap, buyer: Buyer, profile: Profile
) -> None:
    """The action bound to the order, with its version; then the unbound one, with a day of the right type."""
    async with written_by(cap, profile, plans=calls(profile.name)) as commands:
        told = await commands.probe()
        assert (told[RELEASE].startswith("verified: "), told[COMPLETE].startswith("not kept: ")) == (True, True)
        order, day = place(profile, buyer, 0), a_day()
        release = await called(commands, RELEASE, order, request_state="Released")
        outcome = await commands.send(release)
        assert isinstance(outcome, Committed), outcome
        assert buyer.production(order)[:2] == (True, False)
        assert await commands.find(release) == outcome.written

        complete = await called(commands, COMPLETE, order, scheduled_finish=day)
        assert isinstance(await commands.send(complete), Committed)
        assert buyer.production(order) == (True, True, day)


@guarantees("P4.stale", "commands.plans")
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_an_action_is_not_called_on_another_version_of_its_record(
    cap: Cap, buyer: Buyer, profile: Profile, moment: str
) -> None:
    """The version stands in If-Match, as with a change."""
    order = place(profile, buyer, 1)
    async with (
        before_odata(cap.url) as relay,
        written_by(cap, profile, url=relay.url, plans=calls(profile.name)) as commands,
    ):
        command = await called(commands, RELEASE, order, request_state="Released")
        if moment == "before":
            buyer.touch_production(order)
        else:
            relay.before = lambda: buyer.touch_production(order)
        assert await commands.send(command) == Conflict()
        assert buyer.production(order)[0] is False


@guarantees("commands.verdicts", "input.clear_errors")
async def test_what_an_action_refuses_is_refused_with_our_code(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """By the system's rules, and by what the plan asks of the record."""
    order = place(profile, buyer, 2)
    async with written_by(cap, profile, plans=calls(profile.name)) as commands:
        early = await called(commands, COMPLETE, order, scheduled_finish=a_day())
        assert await commands.send(early) == Refused(code="order_not_released")
        assert isinstance(
            await commands.send(await called(commands, RELEASE, order, request_state="Released")), Committed
        )
        again = await called(commands, RELEASE, order, request_state="Released")
        assert await commands.send(again) == Refused(code="order_not_waiting")
        late = await called(commands, COMPLETE, order, scheduled_finish="2020-01-01")
        assert await commands.send(late) == Refused(code="date_in_past")
        assert buyer.production(order)[1] is False


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("how", ["lost_before", "lost_after"])
async def test_a_lost_answer_of_an_action_is_found_out_by_the_state_of_its_record(
    cap: Cap, buyer: Buyer, profile: Profile, how: CommandFault
) -> None:
    """Released in another version, or waiting in the one that was read."""
    order = place(profile, buyer, 3 if how == "lost_before" else 4)
    async with (
        before_odata(cap.url) as relay,
        written_by(cap, profile, url=relay.url, plans=calls(profile.name)) as commands,
    ):
        command = await called(commands, RELEASE, order, request_state="Released")
        await relay.fault(how)
        assert isinstance(await commands.send(command), Unknown)
        await relay.fault("none")
        took = how == "lost_after"
        assert (await commands.find(command) is not None, buyer.production(order)[0]) == (took, took)


@guarantees("P2.opened_system")
async def test_the_account_that_reads_calls_nothing(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """Should its credentials ever stand under `write:`, the system says no."""
    order = place(profile, buyer, 5)
    async with written_by(cap, profile, reader=True, plans=calls(profile.name)) as commands:
        command = await called(commands, RELEASE, order, request_state="Released")
        assert await commands.send(command) == Refused(code="not_permitted")
        assert buyer.production(order)[0] is False
