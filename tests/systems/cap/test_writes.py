"""The two writes against a running CAP, V2 and V4, looked at by SQL and as another user over the other version."""

from __future__ import annotations

import base64
import copy
import dataclasses
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, NotSent, Refused, Unknown
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.reference import reference_of
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import CommandContract, CommandFault, CommandSource, FixedClock
from erp_mcp.testing.connections import connection_to
from tests.guarantees import guarantees
from tests.relaying import Relay, before_odata
from tests.systems.cap.buying import V2, V4, Buyer, Line, buying
from tests.systems.cap.server import Cap
from tests.systems.matrix.covering import (
    CAP_BY_PROFILE,
    COMMAND_CONTRACT,
    CREATE_TOOL,
    DATE_TOOL,
    FAULTS,
    LOST_REPLY,
    REPEAT,
    STALE,
    TOOL_BY_OPERATION,
    covers,
)

pytestmark = pytest.mark.live

ROOT: Final = Path(__file__).resolve().parents[3]
PROFILES: Final[Mapping[str, Profile]] = {
    name: load_profile(name, [ROOT / "erp_mcp" / "systems"]) for name in ("s4hana", "s4hana-v4")
}
UNITS: Final = PROFILES["s4hana"].units
DATE: Final = "purchase_order_line.update_delivery_date"
CREATE: Final = "purchase_requisition.create"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def buyer(cap: Cap) -> Iterator[Buyer]:
    """Somebody beside the gateway, who puts everything back."""
    with buying(cap) as one:
        yield one


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> Profile:
    """Each profile in turn: what it writes goes over V2, or over V4."""
    return PROFILES[request.param]


def opened(
    cap: Cap, profile: Profile, *, url: str = "", reader: bool = False, plans: Mapping[str, JsonValue] | None = None
) -> PlannedCommands:
    """Return commands of the account that writes, or of the one that may not, at the rig or at a relay before it."""
    user, password = (cap.reader, cap.reader_password) if reader else (cap.writer, cap.writer_password)
    signed = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    connection = connection_to(
        url or cap.url, account=user, secret=password, headers={"Authorization": signed}, timeout_s=30, page_rows=500
    )
    commands = profile.commands if plans is None else plans
    return ODataCommands.open(connection, dataclasses.replace(profile, commands=commands), FixedClock())


@asynccontextmanager
async def written_by(cap: Cap, profile: Profile, **more: Any) -> AsyncIterator[PlannedCommands]:
    """Open commands and close them."""
    one = opened(cap, profile, **more)
    yield one
    await one.close()


async def dated(commands: PlannedCommands, line: Line, day: str) -> Command:
    """Return the change of a line's date, worked out on the line as it is."""
    (record,) = await commands.reader.read("purchase_order_line", [line.key])
    return Command(
        operation=DATE, system="erp", entity="purchase_order_line", key=line.key,
        version_token=record.version_token, reference=_fresh(line.key),
        fields={"purchase_order_id": line.order, "line": line.item, "new_date": day},
    )  # fmt: skip


def requested(line: Line, **fields: JsonValue) -> Command:
    """Return a new requisition for what a line buys."""
    asked: dict[str, JsonValue] = {
        "material_id": line.material, "site": line.plant, "qty": "12.5", "uom": UNITS[line.unit],
        "delivery_date": a_day(), "supplier_id": line.supplier, "cost_object": None,
    }  # fmt: skip
    return Command(
        operation=CREATE, system="erp", entity="purchase_requisition", key="", version_token="",
        reference=_fresh(line.material), fields={**asked, **fields},
    )  # fmt: skip


def a_day() -> str:
    """Return a day that has not been used yet."""
    return (date(2027, 6, 1) + timedelta(days=next(_numbers))).isoformat()


def _fresh(text: str) -> str:
    return reference_of(f"{text}/{a_day()}/{id(_numbers)}")


def other_side(profile: Profile, buyer: Buyer, line: Line) -> str:
    """Return the date as the reading account sees it over the version that the write did not use."""
    if profile.name == "s4hana-v4":
        keys = f"PurchasingDocument='{line.order}',PurchasingDocumentItem='{line.item}',ScheduleLine='0001'"
        found = buyer.get(f"{V2}/API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrderScheduleLine({keys})")
        ticks = int(found["d"]["ScheduleLineDeliveryDate"][6:-2])
        return (date(1970, 1, 1) + timedelta(days=ticks // 86_400_000)).isoformat()
    keys = f"PurchaseOrder='{line.order}',PurchaseOrderItem='{line.item}',ScheduleLine='0001'"
    path = f"{V4}/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001/PurchaseOrderScheduleLine({keys})"
    return str(buyer.get(path)["ScheduleLineDeliveryDate"])


# --- The date of a purchase order line --------------------------------------------------------------------------------


@covers(DATE_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect", "commands.plans")
async def test_the_promise_that_was_approved_stands_there(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """In the database, and for another user over the other version of the protocol."""
    async with written_by(cap, profile) as commands:
        line, day = buyer.lines[0], a_day()
        command = await dated(commands, line, day)
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        assert buyer.date(line) == other_side(profile, buyer, line) == day
        assert outcome.written.fields == command.fields
        assert (outcome.written.document, outcome.written.key) == (line.order, line.key)
        assert await commands.find(command) == outcome.written


@covers(STALE, CAP_BY_PROFILE)
@guarantees("P4.stale")
@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_a_person_who_was_there_first_is_not_overwritten(
    cap: Cap, buyer: Buyer, profile: Profile, moment: str
) -> None:
    """Before our look our comparison finds it; between our look and our write, the system's ETag does (412)."""
    line, theirs = buyer.lines[1], a_day()
    async with before_odata(cap.url) as relay, written_by(cap, profile, url=relay.url) as commands:
        command = await dated(commands, line, a_day())
        if moment == "before":
            buyer.by_hand(line, theirs)
        else:
            relay.before = lambda: buyer.by_hand(line, theirs)
        assert await commands.send(command) == Conflict()
        assert await commands.find(command) is None
        assert len(relay.written) == (moment == "meanwhile")
        assert buyer.date(line) == theirs


@covers(REPEAT, CAP_BY_PROFILE)
@guarantees("P4.one_effect")
async def test_the_same_change_again_makes_nothing(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """Another worker that does not know of the first sends it: the record is another one than it was."""
    async with written_by(cap, profile) as commands, written_by(cap, profile) as second:
        command = await dated(commands, buyer.lines[2], a_day())
        assert isinstance(await commands.send(command), Committed)
        assert await second.send(command) == Conflict()
        assert buyer.date(buyer.lines[2]) == command.fields["new_date"]


@covers(DATE_TOOL, CAP_BY_PROFILE)
@guarantees("input.clear_errors", "commands.verdicts")
async def test_what_the_rules_of_the_system_refuse_is_refused(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """With a code of ours for the system's own, and nothing changed."""
    async with written_by(cap, profile) as commands:
        line = buyer.lines[3]
        before = buyer.date(line)
        command = await dated(commands, line, "2020-01-01")
        assert await commands.send(command) == Refused(code="date_in_past")
        assert (await commands.find(command), buyer.date(line)) == (None, before)


@guarantees("P2.opened_system")
async def test_the_account_that_reads_writes_nothing(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """Should its credentials ever stand under `write:`, the system says no."""
    async with written_by(cap, profile, reader=True) as commands:
        line = buyer.lines[3]
        before = buyer.date(line)
        assert await commands.send(await dated(commands, line, a_day())) == Refused(code="not_permitted")
        made = await commands.send(requested(line))
        assert (made, buyer.date(line)) == (Refused(code="not_permitted"), before)


# --- A requisition ----------------------------------------------------------------------------------------------------


@covers(CREATE_TOOL, CAP_BY_PROFILE)
@guarantees("P4.one_effect", "P7.exact_numbers")
async def test_a_requisition_is_there_as_it_was_asked_for(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """One item with our reference, by the account that writes, and not released: that is a person's."""
    async with written_by(cap, profile) as commands:
        command = requested(buyer.lines[4], qty="12.345")
        assert await commands.find(command) is None
        outcome = await commands.send(command)
        assert isinstance(outcome, Committed)
        (made,) = buyer.requisitions(command.reference)
        assert made["purchaserequisition"] == outcome.written.document
        assert (str(made["requestedquantity"]), str(made["deliverydate"])) == (
            "12.345",
            command.fields["delivery_date"],
        )
        assert (made["createdbyuser"], made["releaseisnotcompleted"]) == (cap.writer, True)
        assert (made["material"], made["plant"]) == (command.fields["material_id"], command.fields["site"])
        assert made["fixedsupplier"] == command.fields["supplier_id"]
        assert outcome.written.fields == {name: one for name, one in command.fields.items() if name != "cost_object"}
        assert await commands.find(command) == outcome.written


@covers(CREATE_TOOL, CAP_BY_PROFILE)
@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"material_id": "NO-SUCH"}, "unknown_material"),
        ({"uom": "XYZ"}, "unknown_unit"),
        ({"qty": "0"}, "bad_quantity"),
        ({"supplier_id": "NOBODY"}, "unknown_supplier"),
        ({"delivery_date": "2020-01-01"}, "date_in_past"),
        ({"qty": "1.2345"}, "qty_too_fine"),
        ({"material_id": "x" * 41}, "material_id_too_long"),
        ({"cost_object": "CC1"}, "no_cost_objects"),
    ],
)
async def test_a_requisition_that_cannot_be_is_refused(
    cap: Cap, buyer: Buyer, profile: Profile, fields: dict[str, JsonValue], code: str
) -> None:
    """By the system's rules, or before it is asked."""
    async with written_by(cap, profile) as commands:
        command = requested(buyer.lines[4], **fields)
        assert await commands.send(command) == Refused(code=code)
        assert buyer.requisitions(command.reference) == []


@covers(LOST_REPLY, CAP_BY_PROFILE)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("how", ["lost_before", "lost_after", "nonsense"])
@pytest.mark.parametrize("operation", [DATE, CREATE])
async def test_what_is_lost_is_unknown_and_then_found_as_it_is(
    cap: Cap, buyer: Buyer, profile: Profile, operation: str, how: CommandFault
) -> None:
    """The answer cut after the commit looks like the request cut before it; a look tells, and nothing is doubled."""
    async with before_odata(cap.url) as relay, written_by(cap, profile, url=relay.url) as commands:
        line = buyer.lines[5]
        command = await dated(commands, line, a_day()) if operation == DATE else requested(line)
        await relay.fault(how)
        assert isinstance(await commands.send(command), Unknown)
        again = await commands.send(command)
        await relay.fault("none")
        took = how != "lost_before"
        found = await commands.find(command)
        assert (found is not None) == took
        assert not isinstance(again, Committed)
        assert len(relay.written) == int(took)
        if operation == CREATE:
            assert len(buyer.requisitions(command.reference)) == int(took)
        else:
            assert (buyer.date(line) == command.fields["new_date"]) == took


@covers(FAULTS, CAP_BY_PROFILE)
@guarantees("commands.door")
async def test_a_session_that_ended_is_begun_anew(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """The write without a good token was turned away; the one with a new token goes through, once."""
    async with before_odata(cap.url) as relay, written_by(cap, profile, url=relay.url) as commands:
        assert isinstance(await commands.send(requested(buyer.lines[6])), Committed)
        buyer.end_sessions()
        command = requested(buyer.lines[6])
        assert isinstance(await commands.send(command), Committed)
        assert len(buyer.requisitions(command.reference)) == 1
        assert len(relay.written) == 2


@covers(FAULTS, CAP_BY_PROFILE)
@guarantees("commands.door")
async def test_a_system_that_is_down_was_not_written_to(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """What could not connect goes through when the system is back."""
    async with before_odata(cap.url) as relay, written_by(cap, profile, url=relay.url) as commands:
        command = requested(buyer.lines[6])
        await relay.fault("down")
        assert isinstance(await commands.send(command), NotSent)
        await relay.fault("none")
        assert isinstance(await commands.send(command), Committed)


# --- Other ways to write ----------------------------------------------------------------------------------------------


def otherwise(profile: Profile, operation: str, **write: Any) -> Mapping[str, JsonValue]:
    """Return the plans of a profile with another `write` of one operation."""
    plans: Any = copy.deepcopy(dict(profile.commands))
    plans[operation]["write"] |= write
    found: Mapping[str, JsonValue] = plans
    return found


@covers(TOOL_BY_OPERATION, CAP_BY_PROFILE)
@guarantees("P4.one_effect", "commands.verdicts")
@pytest.mark.parametrize("operation", [DATE, CREATE])
async def test_a_change_set_is_done_as_a_whole_or_not_at_all(
    cap: Cap, buyer: Buyer, profile: Profile, operation: str
) -> None:
    """What it says of a failed one is not believed; a look tells that nothing was done."""
    plans = otherwise(profile, operation, batch=True)
    async with written_by(cap, profile, plans=plans) as commands:
        line = buyer.lines[7]
        if operation == CREATE:
            good, bad = requested(line), requested(line, material_id="NO-SUCH")
        else:
            good = await dated(commands, line, a_day())
            bad = await dated(commands, buyer.lines[8], "2020-01-01")
        assert isinstance(await commands.send(good), Committed)
        assert await commands.send(bad) == Unknown(reason="change_set_failed")
        assert await commands.find(bad) is None


@guarantees("commands.verdicts")
@pytest.mark.parametrize(("method", "minimal"), [("PATCH", False), ("MERGE", True)])
async def test_an_answer_with_a_record_counts_as_one_without(
    cap: Cap, buyer: Buyer, profile: Profile, method: str, minimal: bool
) -> None:
    """200 with the record, or 204; MERGE goes through POST."""
    if method == "MERGE" and profile.name == "s4hana-v4":
        method, minimal = "PATCH", True
    plans = otherwise(profile, DATE, method=method, minimal=minimal)
    async with written_by(cap, profile, plans=plans) as commands:
        line, day = buyer.lines[8], a_day()
        assert isinstance(await commands.send(await dated(commands, line, day)), Committed)
        assert buyer.date(line) == day


@guarantees("commands.verdicts")
async def test_a_change_without_its_version_is_refused_by_the_system(cap: Cap, buyer: Buyer, profile: Profile) -> None:
    """428: whoever names no version is not heard, whatever our plan says."""
    plans: Any = otherwise(profile, DATE)
    del plans[DATE]["write"]["if_match"]
    plans[DATE]["contract"] = "none"
    async with written_by(cap, profile, plans=plans) as commands:
        line = buyer.lines[9]
        before = buyer.date(line)
        assert await commands.send(await dated(commands, line, a_day())) == Refused(code="version_required")
        assert buyer.date(line) == before


# --- The contract -----------------------------------------------------------------------------------------------------


@guarantees("commands.probe")
async def test_both_contracts_are_verified_before_anything_is_written(cap: Cap, profile: Profile) -> None:
    """By the metadata, a record's version and a search for a reference that nobody has."""
    async with written_by(cap, profile) as commands:
        told = await commands.probe()
        assert all(told[name].startswith("verified: ") for name in (DATE, CREATE)), told


class CapSource:
    """The rig behind a relay that breaks."""

    def __init__(self, cap: Cap, profile: Profile, buyer: Buyer, relay: Relay) -> None:
        self.secrets = (cap.writer_password, "Delivery date is in the past", "done?", "does not exist in plant")
        plans = {name: profile.commands[name] for name in (DATE, CREATE)}
        self.commands = opened(cap, profile, url=relay.url, plans=plans)
        self._buyer, self._relay = buyer, relay
        self._lines = itertools.cycle(buyer.lines)
        self._versions: dict[str, str] = {}

    async def read(self) -> None:
        """Read the versions of all lines that commands are about."""
        lines = [line.key for line in self._buyer.lines]
        found = await self.commands.reader.read("purchase_order_line", lines)
        self._versions = {one.source_key: one.version_token for one in found}

    @property
    def attempts(self) -> int:
        return len(self._relay.written)

    def good(self, operation: str) -> Command:
        line = next(self._lines)
        return self._dated(line, a_day()) if operation == DATE else requested(line)

    def refused(self, operation: str) -> Command:
        line = next(self._lines)
        return self._dated(line, "2020-01-01") if operation == DATE else requested(line, material_id="NO-SUCH")

    def touch(self, command: Command) -> None:
        line = next(line for line in self._buyer.lines if line.key == command.key)
        self._buyer.by_hand(line, a_day())

    def effects(self) -> Mapping[str, str]:
        return {**{line.key: self._buyer.date(line) for line in self._buyer.lines}, **self._buyer.made()}

    async def fault(self, how: CommandFault) -> None:
        await self._relay.fault(how)

    async def settle(self) -> None:
        await self._relay.settle()

    def _dated(self, line: Line, day: str) -> Command:
        return Command(
            operation=DATE, system="erp", entity="purchase_order_line", key=line.key,
            version_token=self._versions[line.key], reference=_fresh(line.key),
            fields={"purchase_order_id": line.order, "line": line.item, "new_date": day},
        )  # fmt: skip


@covers(COMMAND_CONTRACT, CAP_BY_PROFILE)
@guarantees("commands.contract")
class TestCap(CommandContract):
    @pytest.fixture
    async def source(self, cap: Cap, buyer: Buyer, profile: Profile) -> AsyncIterator[CommandSource]:
        async with before_odata(cap.url) as relay:
            source = CapSource(cap, profile, buyer, relay)
            await source.read()
            yield source
            await source.commands.close()
