"""Plans, reservations, quality notifications and deliveries written to a running CAP, V2 and V4, looked at by SQL."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Refused, Unknown
from erp_mcp.domain.profile import Profile
from erp_mcp.testing import CommandContract, CommandFault, CommandSource
from tests.guarantees import guarantees
from tests.relaying import Relay, before_odata
from tests.systems.cap.planning import Planner, planning
from tests.systems.cap.planning_commands import (
    DELIVER,
    FIRM,
    MOVE,
    OPERATIONS,
    RELEASE,
    REPORT,
    RESERVE,
    TRIED,
    command_of,
    delivered,
    firmed,
    good_one,
    moved,
    plans_of,
    released,
    reported,
    reserved,
    some_left,
    version_of,
)
from tests.systems.cap.server import Cap
from tests.systems.cap.test_writes import PROFILES, a_day, opened, written_by
from tests.systems.matrix.covering import (
    CAP_BY_PROFILE,
    COMMAND_CONTRACT,
    LOST_REPLY,
    PLANNING_TOOL,
    PLANNING_TOOL_BY_OPERATION,
    REPEAT,
    STALE,
    covers,
)

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def planner(cap: Cap) -> Iterator[Planner]:
    """Somebody beside the gateway, who puts everything back."""
    with planning(cap) as one:
        yield one


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> Profile:
    """Each profile in turn: what it writes goes over V2, or over V4."""
    return PROFILES[request.param]


# --- The dates of a production order ----------------------------------------------------------------------------------


@covers(PLANNING_TOOL[MOVE], CAP_BY_PROFILE)
@guarantees("P4.one_effect", "commands.plans")
async def test_an_order_is_scheduled_for_the_dates_that_were_approved(
    cap: Cap, planner: Planner, profile: Profile
) -> None:
    """The head has them, the first operation begins with it, and what is needed for it moves along."""
    order = planner.orders[0]
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        start, finish = a_day(), a_day()
        command = moved(order, await version_of(commands, MOVE, order), start, finish)
        before = planner.below(order)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        assert planner.dates(order) == f"{start} {finish} {start} {finish}"
        begin, needed = planner.below(order)
        assert (begin, needed > before[1]) == (start, True)
        assert (outcome.written.document, outcome.written.fields) == (order, command.fields)
        assert await commands.find(command) == outcome.written


@covers(STALE, CAP_BY_PROFILE)
@guarantees("P4.stale")
@pytest.mark.parametrize("operation", [MOVE, RELEASE])
async def test_who_was_there_between_our_look_and_our_write_is_not_overwritten(
    cap: Cap, planner: Planner, profile: Profile, operation: str
) -> None:
    """Nobody's change is lost: the system compares the version in the act of writing (412)."""
    held = planner.held[-1]
    key = planner.orders[1] if operation == MOVE else held.key
    async with (
        before_odata(cap.url) as relay,
        written_by(cap, profile, url=relay.url, plans=plans_of(profile)) as commands,
    ):
        version = await version_of(commands, operation, key)
        command = moved(key, version) if operation == MOVE else released(held, version, "0.5")
        relay.before = lambda: (planner.touch_order if operation == MOVE else planner.touch_reservation)(key)
        before = planner.effects()
        assert await commands.send(command) == Conflict()
        assert await commands.find(command) is None
        changed = {name for name, text in planner.effects().items() if before.get(name) != text}
        assert (len(relay.written), changed) == (1, {key})


@covers(REPEAT, CAP_BY_PROFILE)
@guarantees("P4.one_effect")
async def test_the_same_dates_again_make_nothing(cap: Cap, planner: Planner, profile: Profile) -> None:
    """Another worker that does not know of the first sends them: the order is another one than it was."""
    order = planner.orders[2]
    plans = plans_of(profile)
    async with written_by(cap, profile, plans=plans) as commands, written_by(cap, profile, plans=plans) as second:
        command = moved(order, await version_of(commands, MOVE, order))
        assert isinstance(await commands.send(command), Committed)
        after = planner.dates(order)
        assert await second.send(command) == Conflict()
        assert planner.dates(order) == after


# --- Reservations -----------------------------------------------------------------------------------------------------


@covers(PLANNING_TOOL[RESERVE], CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
@pytest.mark.parametrize("which", [0, 1])
async def test_stock_is_reserved_for_the_line_that_was_named(
    cap: Cap, planner: Planner, profile: Profile, which: int
) -> None:
    """By a movement type of its own for an order that makes and one that sells, with our reference, and once."""
    need = planner.needs[which]
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        command = reserved(need, qty="12.345")
        assert await commands.find(command) is None
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed), outcome
        (made,) = planner.reserved(command.reference)
        made_for = {
            "production_order": ("261", need.number, "", ""),
            "sales_order": ("231", "", need.number, need.line),
        }
        assert (made["goodsmovementtype"], made["orderid"], made["salesorder"], made["salesorderitem"]) == made_for[
            need.kind
        ]
        assert (str(made["resvnitmrequiredqtyinbaseunit"]), made["batch"]) == ("12.345", need.batch)
        assert str(made["matlcomprequirementdate"]) == command.fields["need_date"]
        assert (outcome.written.document, outcome.written.fields) == (made["reservation"], command.fields)
        assert await commands.find(command) == outcome.written


@covers(PLANNING_TOOL[RELEASE], CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
@pytest.mark.parametrize(("place", "left"), [(0, "0.5"), (1, "0")])
async def test_what_is_released_is_held_no_more(
    cap: Cap, planner: Planner, profile: Profile, place: int, left: str
) -> None:
    """A part makes the quantity smaller; with all of it the item is finished, and holds nothing as we read it."""
    held = planner.held[2 * sorted(PROFILES).index(profile.name) + place]
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        command = released(held, await version_of(commands, RELEASE, held.key), left)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed), outcome
        row = planner.item(held)
        wanted = (held.qty, True) if left == "0" else ("0.500", False)
        assert (str(row["resvnitmrequiredqtyinbaseunit"]), row["reservationitemisfinallyissued"]) == wanted
        assert outcome.written.fields["qty_left"] == left
        assert await commands.find(command) == outcome.written


@covers(PLANNING_TOOL[RELEASE], CAP_BY_PROFILE)
@guarantees("input.clear_errors")
@pytest.mark.parametrize("how", [0, 1], ids=["withdrawn", "other unit"])
async def test_what_is_no_plain_quantity_is_for_a_person(
    cap: Cap, planner: Planner, profile: Profile, how: int
) -> None:
    """Something was withdrawn of it, or it was entered in another unit than we read it in: nothing is sent."""
    held = planner.held[4 + 2 * sorted(PROFILES).index(profile.name) + how]
    (planner.withdraw, planner.enter_in_another_unit)[how](held.key)
    async with (
        before_odata(cap.url) as relay,
        written_by(cap, profile, url=relay.url, plans=plans_of(profile)) as commands,
    ):
        command = released(held, await version_of(commands, RELEASE, held.key), "0.25")
        assert await commands.send(command) == Refused(code="withdrawn_or_other_unit")
        assert relay.written == []


# --- Quality notifications --------------------------------------------------------------------------------------------


@covers(PLANNING_TOOL[REPORT], CAP_BY_PROFILE)
@guarantees("P4.one_effect")
@pytest.mark.parametrize("hold", [True, False])
async def test_a_defect_is_reported_in_the_words_that_were_approved(
    cap: Cap, planner: Planner, profile: Profile, hold: bool
) -> None:
    """With its batch where one is named, and a hold asked for only where it was."""
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        command = reported(planner, hold=hold, **({} if hold else {"lot_id": None}))
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed), outcome
        (made,) = planner.reported(command.reference)
        assert made["notificationlongtext"] == command.fields["description"]
        assert (made["batch"], made["yy1_holdsbatch"]) == (command.fields["lot_id"] or "", hold)
        assert (made["notificationtype"], made["qltynotifdefectcode"]) == ("Q3", planner.defect)
        assert (outcome.written.document, outcome.written.fields) == (made["qualitynotification"], command.fields)
        assert await commands.find(command) == outcome.written


# --- Planned orders and deliveries ------------------------------------------------------------------------------------


@covers(PLANNING_TOOL[FIRM], CAP_BY_PROFILE)
@guarantees("P4.one_effect")
async def test_a_planned_order_is_made_firm_and_nothing_else(cap: Cap, planner: Planner, profile: Profile) -> None:
    """To convert one is refused before anything is sent: what came of it would bear a number that nobody tells us."""
    planner.loosen()
    order = planner.planned[0]
    async with (
        before_odata(cap.url) as relay,
        written_by(cap, profile, url=relay.url, plans=plans_of(profile)) as commands,
    ):
        version = await version_of(commands, FIRM, order)
        assert await commands.send(firmed(order, version, "convert")) == Refused(code="action_not_mapped")
        assert (relay.written, planner.is_firm(order)) == ([], False)
        command = firmed(order, version)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed), outcome
        assert (planner.is_firm(order), outcome.written.document) == (True, order)
        assert await commands.find(command) == outcome.written


@covers(PLANNING_TOOL[DELIVER], CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
async def test_lines_of_an_order_go_into_one_delivery(cap: Cap, planner: Planner, profile: Profile) -> None:
    """For the day that was approved, neither picked nor issued; the system takes material and site from the order."""
    first = planner.sold[0]
    lines = (first, next((one for one in planner.sold[1:] if one[0] == first[0]), first))
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        command = delivered(*lines)
        assert await commands.find(command) is None
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed), outcome
        rows = planner.delivered(command.reference)
        assert [(one["referencesddocumentitem"], str(one["actualdeliveryquantity"])) for one in rows] == [
            (line, "0.250") for _, line, _ in lines
        ]
        assert {str(one["plannedgoodsissuedate"]) for one in rows} == {command.fields["planned_goods_issue"]}
        assert {(one["overallgoodsmovementstatus"], one["actualgoodsmovementdate"]) for one in rows} == {("A", None)}
        assert outcome.written.document == rows[0]["deliverydocument"]
        assert await commands.find(command) == outcome.written


# --- What all have in common ------------------------------------------------------------------------------------------


@covers(PLANNING_TOOL_BY_OPERATION, CAP_BY_PROFILE)
@guarantees("input.clear_errors", "commands.verdicts")
@pytest.mark.parametrize(
    ("operation", "fields", "code"),
    [
        (MOVE, {"new_start": "2020-01-01"}, "date_in_past"),
        (MOVE, {"new_finish": "2026-12-31"}, "finish_before_start"),
        (RESERVE, {"material_id": "NO-SUCH"}, "unknown_material"),
        (RESERVE, {"demand_id": "999999999"}, "unknown_demand"),
        (RESERVE, {"demand_type": "forecast"}, "demand_type_not_mapped"),
        (RESERVE, {"lot_id": "NOT-A-LOT"}, "unknown_lot"),
        (RESERVE, {"uom": "XYZ"}, "unknown_unit"),
        (RESERVE, {"qty": "0"}, "bad_quantity"),
        (RESERVE, {"qty": "1.2345"}, "qty_too_fine"),
        (RESERVE, {"need_date": "2020-01-01"}, "date_in_past"),
        (REPORT, {"material_id": "NO-SUCH"}, "unknown_material"),
        (REPORT, {"lot_id": "NOT-A-LOT"}, "unknown_lot"),
        (REPORT, {"defect_code": "ZZ99"}, "unknown_defect"),
        (REPORT, {"lot_id": None}, "hold_without_lot"),
        (RELEASE, {"qty_left": "-1"}, "bad_quantity"),
        (DELIVER, {"sales_order_id": "999999999"}, "unknown_document"),
        (DELIVER, {"planned_goods_issue": "2020-01-01"}, "date_in_past"),
        (DELIVER, {"lines": [{"line": "000010", "qty": "999999", "uom": "EA"}]}, "more_than_open"),
        (DELIVER, {"lines": [{"line": "000010", "qty": "1", "uom": "KGM"}]}, "unknown_unit"),
        (DELIVER, {"lines": []}, "bad_lines"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_changes(
    cap: Cap, planner: Planner, profile: Profile, operation: str, fields: dict[str, JsonValue], code: str
) -> None:
    """By the system's rules, with a code of ours for its own, or before it is asked."""
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        good = await good_one(commands, planner, operation)
        before = planner.effects()
        command = command_of(operation, {**good.fields, **fields}, key=good.key, version=good.version_token)
        outcome = await commands.send(command)
        assert isinstance(outcome, Refused)
        assert (outcome.code, planner.effects()) == (code, before)


@covers(LOST_REPLY, CAP_BY_PROFILE)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("how", ["lost_before", "lost_after"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_is_lost_is_unknown_until_it_is_looked_for(
    cap: Cap, planner: Planner, profile: Profile, operation: str, how: CommandFault
) -> None:
    """An answer cut after the effect looks like a request cut before it; a look tells, and nothing is sent again."""
    async with (
        before_odata(cap.url) as relay,
        written_by(cap, profile, url=relay.url, plans=plans_of(profile)) as commands,
    ):
        command, before = await good_one(commands, planner, operation), planner.effects()
        await relay.fault(how)
        assert isinstance(await commands.send(command), Unknown)
        again = await commands.send(command)
        await relay.fault("none")
        took = int(how == "lost_after")
        found, after = await commands.find(command), planner.effects()
        changed = {name for name, text in after.items() if before.get(name) != text}
        assert not isinstance(again, Committed)
        assert (len(relay.written), len(changed)) == (took, took)
        assert changed == ({found.key} if found else set())


@guarantees("P2.opened_system")
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_who_may_only_read_writes_nothing(cap: Cap, planner: Planner, profile: Profile, operation: str) -> None:
    """Should its credentials ever stand under `write:`, the system says no."""
    async with written_by(cap, profile, reader=True, plans=plans_of(profile)) as commands:
        command, before = await good_one(commands, planner, operation), planner.effects()
        assert await commands.send(command) == Refused(code="not_permitted")
        assert planner.effects() == before


@guarantees("commands.probe")
async def test_all_contracts_are_verified_before_anything_is_written(cap: Cap, profile: Profile) -> None:
    """By the metadata, a record's version and a search for a reference that nobody has."""
    async with written_by(cap, profile, plans=plans_of(profile)) as commands:
        told = await commands.probe()
        assert all(told[name].startswith("verified: ") for name in OPERATIONS), told


# --- The contract -----------------------------------------------------------------------------------------------------


class PlanningSource:
    """The rig behind a relay that breaks."""

    def __init__(self, cap: Cap, profile: Profile, planner: Planner, relay: Relay) -> None:
        self.secrets = (cap.writer_password, "is in the past", "done?", "does not exist", "Enter a quantity")
        self.commands = opened(cap, profile, url=relay.url, plans=plans_of(profile))
        self._planner, self._relay = planner, relay
        self._orders, self._held = itertools.cycle(planner.orders), itertools.cycle(planner.held[TRIED:-1])
        self._needs, self._sold = itertools.cycle(planner.needs), itertools.cycle(planner.sold)
        self._planned = iter(planner.planned)
        self._versions: dict[str, str] = {}

    async def read(self) -> None:
        """Read the versions of all records that commands are about."""
        self._planner.loosen()
        for entity, keys in (
            ("production_order", self._planner.orders),
            ("reservation", [one.key for one in self._planner.held]),
            ("planned_order", self._planner.planned),
        ):
            found = await self.commands.reader.read(entity, keys)
            self._versions |= {one.source_key: one.version_token for one in found}

    @property
    def attempts(self) -> int:
        return len(self._relay.written)

    def good(self, operation: str) -> Command:
        if operation == MOVE:
            order = next(self._orders)
            return moved(order, self._versions[order])
        if operation == RELEASE:
            held = next(self._held)
            return released(held, self._versions[held.key], some_left())
        if operation == FIRM:
            order = next(self._planned)
            return firmed(order, self._versions[order])
        if operation == DELIVER:
            return delivered(next(self._sold))
        return reserved(next(self._needs)) if operation == RESERVE else reported(self._planner)

    def refused(self, operation: str) -> Command:
        bad: dict[str, dict[str, JsonValue]] = {
            MOVE: {"new_start": "2020-01-01"}, RELEASE: {"qty_left": "-1"}, RESERVE: {"material_id": "NO-SUCH"},
            REPORT: {"material_id": "NO-SUCH"}, FIRM: {"action": "convert"},
            DELIVER: {"planned_goods_issue": "2020-01-01"},
        }  # fmt: skip
        good = self.good(operation)
        fields = {**good.fields, **bad[operation]}
        return command_of(operation, fields, key=good.key, version=good.version_token)

    def touch(self, command: Command) -> None:
        one = self._planner
        touch = {MOVE: one.touch_order, RELEASE: one.touch_reservation, FIRM: one.touch_planned}
        touch[command.operation](command.key)

    def effects(self) -> Mapping[str, str]:
        return self._planner.effects()

    async def fault(self, how: CommandFault) -> None:
        await self._relay.fault(how)

    async def settle(self) -> None:
        await self._relay.settle()


@covers(COMMAND_CONTRACT, CAP_BY_PROFILE)
@guarantees("commands.contract")
class TestCap(CommandContract):
    @pytest.fixture
    async def source(self, cap: Cap, planner: Planner, profile: Profile) -> AsyncIterator[CommandSource]:
        async with before_odata(cap.url) as relay:
            source = PlanningSource(cap, profile, planner, relay)
            await source.read()
            yield source
            await source.commands.close()
