"""Systems that take a change in and say later what became of it, over real HTTP: REST and OData, each in its ways."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.command import Accepted, Command, Committed, Refused, Unknown
from erp_mcp.errors import DestinationNotAllowedError, GatewayError, ProfileFileError
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import LoopbackServer
from tests.guarantees import guarantees
from tests.taking_in import JSON, Front
from tests.unit.adapters.odata.buying_profile import PLANS as ODATA_PLANS
from tests.unit.adapters.odata.buying_profile import connection, profile
from tests.unit.adapters.odata.buying_source import BuyingSource
from tests.unit.adapters.odata.fake_writes import Buying
from tests.unit.adapters.rest.fake_writes import PLANS as REST_PLANS
from tests.unit.adapters.rest.fake_writes import Shop, ShopSource
from tests.unit.adapters.writing_source import CREATE, DATE

ACK_S: Final = 600
MONITOR: Final = {"ticket": {"location": "address"}, "respond_async": True, "ack_s": ACK_S, "every_s": 5}
BARE: Final = {"ticket": {"location": "address"}, "ack_s": ACK_S, "every_s": 5}
JOB: Final = {
    "ticket": {"path": "job.id"}, "ack_s": ACK_S, "every_s": 5,
    "ask": {
        "path": ["async", {"ticket": True}], "state": "job.state", "running": ["QUEUED", "RUNNING"], "done": ["DONE"],
        "refused": ["FAILED"], "error": "code", "key_paths": ["made"],
        "codes": {"TimestampMismatchError": "conflict", "DateError": "date_in_the_past",
                  "DuplicateEntryError": "exists"},
    },
}  # fmt: skip
END: Final = {**JOB, "ticket": {"location": "end"}}
READ_THERE: Final = {
    "ticket": {"location": "address"}, "ack_s": ACK_S, "every_s": 5,
    "ask": {name: told for name, told in JOB["ask"].items() if name != "path"},  # type: ignore[attr-defined]
}  # fmt: skip
WAYS: Final[Mapping[str, tuple[str, str, Any]]] = {
    "rest_job": ("rest", "job", JOB),
    "rest_end": ("rest", "job", END),
    "rest_status_at_address": ("rest", "job", READ_THERE),
    "rest_bare": ("rest", "bare", BARE),
    "rest_whole": ("rest", "whole", MONITOR),
    "odata_whole": ("odata", "whole", MONITOR),
    "odata_result": ("odata", "result", MONITOR),
}
EVERY: Final = pytest.mark.parametrize("way", WAYS)
BOTH: Final = pytest.mark.parametrize("operation", [DATE, CREATE])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A system behind a front, with the commands that write to it."""

    front: Front
    source: ShopSource | BuyingSource

    @property
    def commands(self) -> PlannedCommands:
        return self.source.commands

    async def taken(self, command: Command) -> str:
        """Send and return the ticket."""
        said = await self.commands.send(command)
        assert isinstance(said, Accepted)
        return said.ticket

    def made(self) -> int:
        """Return how many records are other than they were."""
        return len(set(self.source.effects().items()) - self.before)

    @property
    def before(self) -> set[tuple[str, str]]:
        return set(_BEFORE[id(self.source)])


_BEFORE: Final[dict[int, list[tuple[str, str]]]] = {}


@asynccontextmanager
async def served(way: str, *, unique: bool = False, found: bool = True, **changes: Any) -> AsyncIterator[Place]:
    """Serve a system behind its front and open its commands; `changes` are made in `accepted`.

    Without `found` nothing finds a new document: its contract is `none`.
    """
    kind, how, accepted = WAYS[way]
    plans = copy.deepcopy(REST_PLANS if kind == "rest" else ODATA_PLANS)
    for plan in plans.values():
        plan |= {"settle_s": ACK_S, "accepted": copy.deepcopy({**accepted, **changes})}
    if not found:
        plans[CREATE]["contract"] = "none"
        del plans[CREATE]["find"]
    fake = Shop() if kind == "rest" else Buying(version=4, csrf=False, unique=unique)
    front = Front(app=fake, way=how)  # type: ignore[arg-type]  # one of the words of the type
    fake.server = LoopbackServer(front)
    async with fake.server:
        source = ShopSource(fake, plans) if isinstance(fake, Shop) else BuyingSource(fake, plans)
        _BEFORE[id(source)] = list(source.effects().items())
        try:
            yield Place(front=front, source=source)
        finally:
            await source.commands.close()


@guarantees("P4.accepted", "commands.taken_in", "P4.one_effect")
@EVERY
@BOTH
async def test_what_was_taken_in_is_done_once_the_system_says_so_and_shows_it(way: str, operation: str) -> None:
    """Until then it goes on; nothing is sent again, and what is believed is what can be seen."""
    async with served(way) as place:
        command = place.source.good(operation)
        ticket = await place.taken(command)
        assert ticket
        assert isinstance(await place.commands.acknowledged(command, ticket), Accepted)
        assert place.made() == 0

        await place.front.work()
        said = await place.commands.acknowledged(command, ticket)

        assert isinstance(said, Committed)
        assert said.written == await place.commands.find(command)
        assert (place.made(), place.source.attempts, len(place.front.taken)) == (1, 1, 1)


@guarantees("P4.accepted", "commands.taken_in")
@EVERY
async def test_what_it_refuses_later_is_refused(way: str) -> None:
    """By its own code where it gives one, and nothing is there."""
    async with served(way) as place:
        command = place.source.refused(DATE)
        ticket = await place.taken(command)
        await place.front.work()
        said = await place.commands.acknowledged(command, ticket)
        assert said == Refused(code="date_in_the_past")
        assert isinstance(said, Refused)
        assert said.native_code in {"DateError", "ME/040"}
        assert place.made() == 0


@guarantees("P4.accepted", "commands.taken_in")
@EVERY
async def test_a_version_that_moved_while_it_waited_is_a_refusal(way: str) -> None:
    """It was compared before it was sent, and once more by the system when its turn came."""
    async with served(way) as place:
        command = place.source.good(DATE)
        ticket = await place.taken(command)
        place.source.touch(command)
        moved = place.made()
        await place.front.work()
        assert await place.commands.acknowledged(command, ticket) == Refused(code="record_changed")
        assert place.made() == moved


@guarantees("P4.accepted", "P4.one_effect", "commands.taken_in")
@EVERY
async def test_a_queue_that_delivers_twice_has_one_effect_and_one_end(way: str) -> None:
    """The second delivery meets what the first one wrote, and says so; what is there is ours."""
    async with served(way, unique=True) as place:
        place.front.twice = True
        if isinstance(place.source.fake, Shop):
            place.source.fake.unique = True
            place.source.fake.stored = _Forgets()
        for operation in (DATE, CREATE):
            command, before = place.source.good(operation), place.made()
            ticket = await place.taken(command)
            await place.front.work()
            said = await place.commands.acknowledged(command, ticket)
            assert isinstance(said, Committed), said
            assert place.made() == before + 1


class _Forgets(dict[str, Any]):
    """Answers kept under no key: the system knows no repeats."""

    def __contains__(self, key: object) -> bool:
        return False


@guarantees("P4.accepted", "commands.taken_in")
@EVERY
@BOTH
async def test_a_ticket_that_the_system_does_not_know_any_more_says_nothing(way: str, operation: str) -> None:
    """It is looked into instead: there, or nobody can say; that it is missing is no proof."""
    async with served(way) as place:
        command = place.source.good(operation)
        ticket = await place.taken(command)
        jobs = dict(place.front.taken)
        place.front.taken.clear()
        assert await place.commands.acknowledged(command, ticket) == Unknown(reason="ticket_gone")
        place.front.taken.update(jobs)
        await place.front.work()
        place.front.taken.clear()
        assert isinstance(await place.commands.acknowledged(command, ticket), Committed)
        assert place.made() == 1


@guarantees("P4.accepted", "P4.unknown", "commands.taken_in")
@EVERY
@BOTH
async def test_an_answer_that_is_cut_after_it_was_taken_in_is_unknown(way: str, operation: str) -> None:
    """Nobody has the ticket; it is looked for, and found once the system has come to it."""
    async with served(way) as place:
        place.front.cuts = True
        command = place.source.good(operation)
        assert isinstance(await place.commands.send(command), Unknown)
        assert await place.commands.find(command) is None
        assert await place.commands.acknowledged(command, "") is None
        await place.front.work()
        assert await place.commands.find(command) is not None
        assert isinstance(await place.commands.send(command), Unknown) or operation == DATE
        assert (place.made(), len(place.front.taken)) == (1, 1)


_A_RECORD: Final = b'{"PurchaseRequisition": "17", "to_PurchaseReqnItem": [{"PurchaseRequisitionItem": "10"}]}'
_ODD: Final[Mapping[str, tuple[int, Mapping[str, str], bytes]]] = {
    "page": (200, {"content-type": "text/html"}, b"<html>sign in</html>"),
    "cut_json": (200, JSON, b'{"job": {"state": "DO'),
    "another_word": (200, JSON, b'{"job": {"state": "PARKED"}, "made": "REQ-9"}'),
    "no_word": (200, JSON, b'{"job": {}}'),
    "flag_for_a_word": (200, JSON, b'{"job": {"state": true}}'),
    "list": (200, JSON, b"[]"),
    "half_an_answer": (200, {"content-type": "application/http"}, b"HTTP/1.1 2"),
    "status_of_letters": (200, {**JSON, "asyncresult": "2OO"}, b"{}"),
    "failed_inside": (200, {"content-type": "application/http"}, b"HTTP/1.1 500 X\r\n\r\n{}"),
    "moved": (302, {"location": "http://127.0.0.1:9/else"}, b""),
    "not_understood": (400, JSON, b"{}"),
    "a_record_without_a_status": (200, JSON, _A_RECORD),
    "about_the_asking": (400, JSON, b'{"exc_type": "SessionLost", "error": {"code": "SessionLost", "message": "x"}}'),
}


@guarantees("P4.accepted", "commands.taken_in", "P8.text_is_data")
@EVERY
@pytest.mark.parametrize("odd", _ODD)
async def test_an_answer_that_makes_no_sense_is_no_word(way: str, odd: str) -> None:
    """It ends nothing: neither done nor refused, and it is asked again."""
    async with served(way) as place:
        command = place.source.good(CREATE)
        ticket = await place.taken(command)
        for _ in range(2):
            place.front.says = [_ODD[odd]]
            try:
                said = await place.commands.acknowledged(command, ticket)
            except GatewayError:
                said = Unknown(reason="raised")
            assert isinstance(said, Unknown), said
            assert place.front.says == []
        await place.front.work()
        assert isinstance(await place.commands.acknowledged(command, ticket), Committed)


@guarantees("P4.accepted", "commands.taken_in", "P8.text_is_data")
@EVERY
@pytest.mark.parametrize("odd", _ODD)
async def test_where_nothing_finds_it_an_answer_that_makes_no_sense_is_no_word_either(way: str, odd: str) -> None:
    """Nothing but the system's word ends it there, so that what is none must not be taken for one."""
    async with served(way, found=False) as place:
        command = place.source.good(CREATE)
        ticket = await place.taken(command)
        place.front.says = [_ODD[odd]]
        try:
            said = await place.commands.acknowledged(command, ticket)
        except GatewayError:
            said = None
        assert said is None or isinstance(said, Unknown), said
        assert place.made() == 0
        await place.front.work()
        done = await place.commands.acknowledged(command, ticket)
        assert isinstance(done, Committed)
        (key,) = {key for key, _ in set(place.source.effects().items()) - place.before}
        assert done.written.key == key
        place.front.taken.clear()
        assert await place.commands.acknowledged(command, ticket) == Unknown(reason="ticket_gone")
        assert await place.commands.acknowledged(command, "") is None


@guarantees("P4.accepted", "commands.taken_in", "P9.bombs")
async def test_a_word_that_is_too_long_is_none() -> None:
    """What is read of an answer is bounded."""
    async with served("rest_job") as place:
        command = place.source.good(CREATE)
        ticket = await place.taken(command)
        place.front.says = [(200, JSON, b'{"job": {"state": "DONE"}, "more": "' + b"x" * 40_000_000 + b'"}')]
        assert await place.commands.acknowledged(command, ticket) == Unknown(reason="answer_too_large")


@guarantees("P4.accepted", "commands.taken_in")
@EVERY
async def test_a_system_that_is_away_while_it_is_asked_has_not_spoken(way: str) -> None:
    """An outage is raised as one; once it is back it says what became of it."""
    async with served(way) as place:
        command = place.source.good(DATE)
        ticket = await place.taken(command)
        await place.front.work()
        await place.source.fault("down")
        with pytest.raises(GatewayError) as raised:
            await place.commands.acknowledged(command, ticket)
        assert raised.value.code == "adapter.unreachable"
        await place.source.fault("none")
        assert isinstance(await place.commands.acknowledged(command, ticket), Committed)


_ELSEWHERE: Final = (
    "http://127.0.0.1:9/api/async/T-1", "//127.0.0.1:9/api/async/T-1", "/other/async/T-1", "../../admin/async/T-1",
    "%2e%2e/%2e%2e/admin", "file:///etc/passwd", "\\\\127.0.0.1\\x", "",
)  # fmt: skip


@guarantees("P9.egress", "commands.taken_in")
@pytest.mark.parametrize("way", ["rest_bare", "odata_whole"])
@pytest.mark.parametrize("location", _ELSEWHERE)
async def test_an_address_elsewhere_is_no_ticket(way: str, location: str) -> None:
    """It was taken in for certain, so it is looked for; nobody is asked whom the configuration does not name."""
    async with served(way) as place:
        place.front.location = location or "nowhere else\x7f"
        command = place.source.good(CREATE)
        assert await place.taken(command) == ""
        asked = place.front.asked
        assert await place.commands.acknowledged(command, "") is None
        await place.front.work()
        assert isinstance(await place.commands.acknowledged(command, ""), Committed)
        assert place.front.asked == asked


@guarantees("P9.egress", "commands.taken_in")
@pytest.mark.parametrize("way", ["rest_bare", "odata_whole"])
@pytest.mark.parametrize("forged", ["http://127.0.0.1:9/x", "//127.0.0.1:9/x", "/elsewhere/async/T-1", "/api/../x"])
async def test_a_ticket_that_was_forged_on_its_way_back_leads_nowhere(way: str, forged: str) -> None:
    """It is looked at again before it is asked."""
    async with served(way) as place:
        command = place.source.good(CREATE)
        await place.taken(command)
        with pytest.raises(DestinationNotAllowedError):
            await place.commands.acknowledged(command, forged)
        assert place.front.asked == 0


@guarantees("commands.taken_in")
@pytest.mark.parametrize("ticket", ["x" * 513, "a\nb", " T-1", "T-1\u202e"])
async def test_a_ticket_is_short_and_can_be_seen(ticket: str) -> None:
    """Anything else is left out: it goes into records and before people."""
    async with served("rest_job") as place:
        place.front.named, place.front.location = ticket, "/api/async/T-1"
        assert await place.taken(place.source.good(CREATE)) == ""


@guarantees("P9.egress", "commands.taken_in")
async def test_a_ticket_is_one_segment_of_a_path() -> None:
    """What would climb in an address is a value in it."""
    async with served("rest_job") as place:
        command = place.source.good(CREATE)
        await place.taken(command)
        assert await place.commands.acknowledged(command, "../lines") == Unknown(reason="ticket_gone")
        assert await place.commands.acknowledged(command, "..") == Unknown(reason="ticket_unusable")
        paths = [
            path for method, path, _, _ in place.source.fake.seen if method == "GET" and "requisitions" not in path
        ]
        assert paths == []


@guarantees("P4.accepted", "commands.taken_in", "P4.one_effect")
@EVERY
async def test_somebody_elses_ticket_makes_nothing_committed(way: str) -> None:
    """Done is believed once what it wrote is seen under our own reference."""
    async with served(way) as place:
        one, other = place.source.good(CREATE), place.source.good(CREATE)
        theirs = await place.taken(other)
        await place.front.work()
        mine = await place.taken(one)
        assert await place.commands.acknowledged(one, theirs) == Unknown(reason="not_seen_yet")
        await place.front.work()
        assert isinstance(await place.commands.acknowledged(one, mine), Committed)


@guarantees("P4.accepted", "commands.taken_in")
async def test_an_address_that_moves_while_it_goes_on_is_asked_at_its_new_place() -> None:
    """OData lets each answer name the address of the next."""
    async with served("odata_whole") as place:
        place.front.moves = True
        place.front.retry_after = "70"
        command = place.source.good(CREATE)
        said = await place.commands.send(command)
        assert said == Accepted(ticket="/pr/async/T-1", ask_after_s=70)
        again = await place.commands.acknowledged(command, "/pr/async/T-1")
        assert again == Accepted(ticket="/pr/async/T-1.1", ask_after_s=70)
        await place.front.work()
        assert isinstance(await place.commands.acknowledged(command, "/pr/async/T-1.1"), Committed)


@guarantees("P4.accepted", "commands.taken_in")
async def test_a_system_that_answers_at_once_all_the_same_is_taken_at_its_word() -> None:
    """`respond-async` is a wish: a service that does not follow it answers as ever."""
    async with served("odata_whole") as place:
        place.front.at_once = True
        assert isinstance(await place.commands.send(place.source.good(CREATE)), Committed)
        (headers,) = [headers for method, _, headers, _ in place.source.fake.seen if method == "POST"]
        assert headers["prefer"] == "respond-async"


@guarantees("commands.taken_in")
async def test_both_preferences_are_told_in_one_header() -> None:
    """No body in the answer, and to be told later."""
    async with served("odata_result") as place:
        await place.taken(place.source.good(DATE))
        (job,) = place.front.taken.values()
        headers: Any = job.scope["headers"]
        assert dict(headers)[b"prefer"] == b"return=minimal, respond-async"


@guarantees("P4.accepted", "P4.one_effect", "commands.taken_in")
async def test_a_refusal_of_what_is_there_is_left_to_a_person() -> None:
    """A queue that delivers twice may be refused the second time with a code that nobody named."""
    async with served("rest_job", ask={**JOB["ask"], "codes": {}}) as place:  # type: ignore[dict-item]
        fake = place.source.fake
        assert isinstance(fake, Shop)
        place.front.twice, fake.unique, fake.stored = True, True, _Forgets()
        command = place.source.good(CREATE)
        ticket = await place.taken(command)
        await place.front.work()
        assert await place.commands.acknowledged(command, ticket) == Unknown(reason="refused_but_there")
        assert place.made() == 1


@guarantees("P4.accepted", "commands.taken_in")
async def test_a_set_of_jobs_is_asked_by_its_key() -> None:
    """Typed as the service describes it; a row that is not there is a ticket it does not know."""
    ask = {
        "set": "po/A_PurchaseOrderItem", "key": {"PurchaseOrder": {"ticket": True}}, "state": "Status",
        "running": ["05"], "done": ["14"],
    }  # fmt: skip
    async with served("odata_whole") as place:
        fake = place.source.fake
        assert isinstance(fake, Buying)
        place.front.way = "job"
        plans = copy.deepcopy(ODATA_PLANS)
        accepted = {"ticket": {"path": "job.id"}, "ack_s": ACK_S, "ask": ask}
        plans[CREATE] |= {"settle_s": ACK_S, "accepted": accepted}
        commands = ODataCommands.open(connection(fake), profile(4, plans), FixedClock())
        place.front.named = "4500000001"
        command = place.source.good(CREATE)
        assert await commands.send(command) == Accepted(ticket="4500000001")
        assert await commands.acknowledged(command, "4500000001") == Accepted()
        await place.front.work()
        fake.items["4500000001", "00010"]["Status"] = "14"
        assert isinstance(await commands.acknowledged(command, "4500000001"), Committed)
        assert await commands.acknowledged(command, "4599999999") == await commands.acknowledged(command, "")
        assert (await commands.probe())[CREATE].startswith("verified")
        await commands.close()


@guarantees("commands.taken_in", "commands.probe")
async def test_a_probe_names_what_a_set_of_jobs_lacks() -> None:
    """Before anything is written, not when it is asked."""
    ask = {
        "set": "pr/A_PurchaseRequisitionHeader", "key": {"JobUUID": {"ticket": True}}, "state": "JobState",
        "running": ["R"], "done": ["D"],
    }  # fmt: skip
    async with served("odata_whole", ticket={"path": "job.id"}, ask=ask, respond_async=False) as place:
        assert (await place.commands.probe())[CREATE] == "not ready: the service lacks JobUUID, JobState"


@guarantees("commands.taken_in", "commands.probe")
@pytest.mark.parametrize("way", ["rest_job", "odata_whole"])
async def test_a_probe_says_how_it_is_asked_later(way: str) -> None:
    """Before writes are turned on a person sees that it may be taken in, how it is asked, and for how long."""
    async with served(way) as place:
        told = (await place.commands.probe())[CREATE]
        assert "202 says that it was taken in" in told
        assert f"every 5 s, after {ACK_S} s a person" in told
        assert place.front.taken == {}


@guarantees("commands.taken_in", "input.clear_errors")
async def test_a_v2_service_is_not_asked_for_what_only_v4_has() -> None:
    """Said when the system is opened, with the key."""
    plans = copy.deepcopy(ODATA_PLANS)
    plans[CREATE] |= {"settle_s": ACK_S, "accepted": copy.deepcopy(MONITOR)}
    fake = Buying(version=2)
    async with fake.server:
        with pytest.raises(ProfileFileError) as refused:
            ODataCommands.open(connection(fake), profile(2, plans), FixedClock())
    assert refused.value.facts["key"] == f"commands.operations.{CREATE}.accepted"
