"""Writes over REST: what is sent, what each answer means, and that nothing is ever sent twice."""

from __future__ import annotations

import copy
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.command_values import Facts, RefusedError
from erp_mcp.adapters.rest.commands import RestCommands
from erp_mcp.domain.command import Committed, Conflict, NotSent, Outcome, Refused, Unknown
from erp_mcp.errors import BadAnswerError, GatewayError
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake_writes import (
    PLANS,
    SYSTEM_TEXT,
    Shop,
    ShopSource,
    connection,
    create_command,
    date_command,
    profile,
)
from tests.unit.adapters.write_faults import KINDS, WAITING, Fault
from tests.unit.adapters.writing_source import CREATE, DATE

JSON: Final = {"content-type": "application/json"}


@asynccontextmanager
async def served(plans: dict[str, Any] | None = None) -> AsyncIterator[ShopSource]:
    """Serve the small system and open its commands."""
    fake = Shop()
    async with fake.server:
        source = ShopSource(fake, plans)
        yield source
        fake.released.set()
        await source.commands.close()


@guarantees("P4.unknown", "P4.one_effect", "commands.verdicts")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_the_wire_does_is_unknown_until_it_is_read_back(
    kind: str, commits: bool, operation: str
) -> None:
    """One send, one effect at most; a look afterwards says whether it is there."""
    async with served() as source:
        if kind in WAITING:
            source.commands = RestCommands.open(connection(source.fake, timeout_s=0.8), profile(), FixedClock())
        command, before = source.good(operation), source.effects()
        source.fake.fault = Fault(kind=kind, commits=commits)

        assert isinstance(await source.commands.send(command), Unknown)

        assert source.attempts == 1
        source.fake.fault = None
        assert (await source.commands.find(command) is not None) == commits
        assert len(source.effects().items() - dict(before).items()) == int(commits)
        assert await source.commands.send(command) in (
            Unknown(reason="already_sent"), Unknown(reason="reference_exists"), Conflict(),
        )  # fmt: skip
        assert source.attempts == 1


@guarantees("commands.door", "P4.unknown")
@pytest.mark.parametrize("operation", [DATE, CREATE])
async def test_what_is_turned_away_at_the_door_waits_and_goes_through(operation: str) -> None:
    """429 says for certain that nothing was done."""
    async with served() as source:
        command = source.good(operation)
        source.fake.replies.append((429, JSON, b"{}"))
        assert await source.commands.send(command) == NotSent(reason="rate_limited")
        assert isinstance(await source.commands.send(command), Committed)


@guarantees("commands.plans", "P7.exact_numbers")
async def test_what_is_sent_is_what_the_plan_says() -> None:
    """Numbers with exactly their digits, units as the system writes them, a key of repeats made of our reference."""
    async with served() as source:
        command = create_command(qty="12.345")
        assert isinstance(await source.commands.send(command), Committed)
        ((_, path, headers, body),) = [one for one in source.fake.seen if one[0] == "POST"]
        assert path == "/api/requisitions"
        assert b'"qty":12.345,' in body
        assert json.loads(body) == {
            "item": "RM-1", "site": "W1", "qty": 12.345, "uom": "Kg", "date": "2028-03-01", "ref": command.reference,
        }  # fmt: skip
        assert uuid.UUID(headers["idempotency-key"]).version == 5


@guarantees("commands.plans")
async def test_a_key_is_one_segment_of_a_path() -> None:
    """A slash in it is not one of the address, so it never leads elsewhere."""
    async with served() as source:
        assert isinstance(await source.commands.send(date_command(source.fake, "PO-1/10")), Committed)
        (path,) = [path for method, path, _, _ in source.fake.seen if method == "PUT"]
        assert path == "/api/lines/PO-1%2F10"


# --- The key of a repeat ----------------------------------------------------------------------------------------------


@guarantees("commands.verdicts", "P4.unknown")
async def test_a_replay_of_another_request_is_not_taken_for_ours() -> None:
    """A system may give a stored answer to a key whatever is asked: what it names is compared with what was asked."""
    async with served() as source:
        first = create_command(qty="100")
        await source.commands.send(first)
        stored = next(iter(source.fake.stored.values()))
        other = create_command(qty="200")
        source.fake.replies.append((stored[0], {**stored[1], "idempotent-replay": "true"}, stored[2]))
        assert await source.commands.send(other) == Unknown(reason="replayed_another")


@guarantees("P4.one_effect")
async def test_a_replay_of_our_own_request_is_ours() -> None:
    """The system did it before, and says so."""
    async with served() as source:
        command = create_command(qty="100")
        await source.commands.send(command)
        stored = next(iter(source.fake.stored.values()))
        row = source.fake.requisitions["REQ-1"]
        row["ref"], kept = "", row["ref"]  # not searchable yet, as where an index lags
        source.fake.replies.append((stored[0], {**stored[1], "idempotent-replay": "true"}, stored[2]))
        fresh = RestCommands.open(connection(source.fake), profile(), FixedClock())
        assert isinstance(await fresh.send(command), Committed)
        row["ref"] = kept
        assert len(source.fake.requisitions) == 1
        await fresh.close()


@guarantees("P4.unknown")
async def test_a_replay_that_cannot_be_looked_at_is_unknown() -> None:
    """Without the record nobody can compare it."""
    async with served() as source:
        headers = {**JSON, "location": "/api/requisitions/REQ-9", "idempotent-replay": "true"}
        source.fake.replies.append((201, headers, b"{}"))
        assert await source.commands.send(create_command()) == Unknown(reason="replayed_unseen")


@guarantees("commands.verdicts")
async def test_a_number_that_comes_later_is_read_where_the_answer_points() -> None:
    """The answer says only that it was taken, and where it will be."""
    async with served() as source:
        outcome = await source.commands.send(create_command())
        assert isinstance(outcome, Committed)
        assert (outcome.written.document, outcome.written.key) == ("REQ-1", "REQ-1")


@guarantees("commands.plans")
async def test_nothing_is_written_that_no_operation_lists() -> None:
    """Whoever gets hold of the wire writes what the profile says and nothing else."""
    async with served() as source:
        plan = source.commands.plans[CREATE]
        other = dataclasses.replace(plan, write=dataclasses.replace(plan.write, method="PUT"))
        with pytest.raises(RefusedError):
            await source.commands.wire.write(other, Facts(command=source.good(CREATE)))
        assert source.attempts == 0


# --- What answers mean ------------------------------------------------------------------------------------------------


def error(code: object) -> bytes:
    return json.dumps({"exc_type": code, "exc": SYSTEM_TEXT}).encode()


@guarantees("commands.verdicts", "input.clear_errors", "P8.no_leaks")
@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (417, error("TimestampMismatchError"), Conflict()),
        (417, error("DateError"), Refused(code="date_in_the_past")),
        (417, error("MandatoryError"), Refused(code="refused_by_rules")),
        (200, error("DateError"), Refused(code="date_in_the_past")),
        (200, error("TimestampMismatchError"), Conflict()),
        (200, error("Other"), Unknown(reason="answered_with_error")),
        (200, b"[]", Unknown(reason="answer_unreadable")),
        (200, b"", Unknown(reason="answer_unreadable")),
        (404, error("DoesNotExistError"), Refused(code="record_not_found")),
        (404, b'{"detail": "no such page"}', Unknown(reason="answer_unreadable")),
        (409, error("X"), Refused(code="state_conflict")),
        (412, b"", Conflict()),
        (500, error("DateError"), Unknown(reason="system_failed")),
        (202, b"{}", Unknown(reason="answer_unreadable")),
        (204, b"", Unknown(reason="not_seen_yet")),
        (401, b"", NotSent(reason="sign_in_refused", retry_after_s=150)),
    ],
)
async def test_an_answer_means_what_its_body_says(status: int, body: bytes, outcome: Outcome) -> None:
    """An error inside a 200 is one; a failure of the system is no refusal, whatever code it has."""
    async with served() as source:
        source.fake.replies.append((status, JSON, body))
        assert await source.commands.send(source.good(DATE)) == outcome


@guarantees("commands.verdicts")
async def test_an_error_inside_a_success_is_found_by_its_path() -> None:
    """The system did nothing and says 200."""
    async with served() as source:
        source.fake.refuses_inside_200 = True
        assert await source.commands.send(source.refused(DATE)) == Refused(code="date_in_the_past")


@guarantees("P4.unknown")
async def test_a_reference_that_is_taken_may_be_our_own() -> None:
    """Not refused: what bears it may be this command's."""
    async with served() as source:
        source.fake.replies.append((409, JSON, error("DuplicateEntryError")))
        assert await source.commands.send(source.good(CREATE)) == Unknown(reason="reference_exists")


# --- Versions and look-ups --------------------------------------------------------------------------------------------


@guarantees("P4.stale")
async def test_a_version_can_stand_in_a_header() -> None:
    """Where the system compares `If-Match`, the token goes there as it was read."""
    plans = copy.deepcopy(PLANS)
    plans[DATE]["write"] = {
        "method": "PATCH", "path": ["lines", {"key": 0}], "if_match": "version",
        "body": {"date": {"field": "new_date"}},
        "headers": {"X-Company": "1010"}, "minimal": True,
    }  # fmt: skip
    async with served(plans) as source:
        source.fake.replies.append((412, JSON, b""))
        command = source.good(DATE)
        assert await source.commands.send(command) == Conflict()
        ((_, _, headers, _),) = [one for one in source.fake.seen if one[0] == "PATCH"]
        assert (headers["if-match"], headers["x-company"]) == (command.version_token, "1010")
        assert headers["prefer"] == "return=minimal"


@guarantees("commands.plans")
@pytest.mark.parametrize(
    ("name", "code"), [("RM-1", ""), ("RM-9", "material_unknown"), ("TWICE", "material_ambiguous")]
)
async def test_what_is_looked_up_is_exactly_one(name: str, code: str) -> None:
    """None, or several, is a refusal: nobody guesses which is meant."""
    plans = copy.deepcopy(PLANS)
    plans[CREATE]["look"] = {
        "item": {
            "path": ["lines"], "rows": "data", "where": {"item": {"field": "material_id"}}, "take": ["name"],
            "none": "material_unknown", "many": "material_ambiguous",
        }
    }  # fmt: skip
    plans[CREATE]["write"]["body"]["site"] = {"found": "item.name"}
    async with served(plans) as source:
        rows = list(source.fake.lines.values())
        for row, item in zip(rows, ("RM-1", "TWICE", "TWICE"), strict=True):
            row["item"] = item
        outcome = await source.commands.send(create_command(material_id=name))
        if code:
            assert outcome == Refused(code=code)
            assert source.attempts == 0
        else:
            assert source.fake.requisitions["REQ-1"]["site"] == "PO-1/10"


# --- Reading back and before ------------------------------------------------------------------------------------------


@guarantees("P4.unknown")
@pytest.mark.parametrize("body", [b'{"data": {}}', b'{"rows": []}', b"{}", b"[]", b"<html></html>"])
async def test_a_search_without_a_list_is_no_answer(body: bytes) -> None:
    """An empty look would end a proposal as not applied."""

    class Odd(Shop):
        def _get(self, path: str, query: Any) -> Any:
            return 200, JSON, body

    fake = Odd()
    async with fake.server:
        source = ShopSource(fake)
        with pytest.raises(BadAnswerError):
            await source.commands.find(source.good(CREATE))
        assert (await source.commands.probe())[CREATE].startswith("not kept: ref can't be searched")
        await source.commands.close()


@guarantees("P4.unknown", "commands.probe")
async def test_a_search_that_is_not_obeyed_is_no_empty_one() -> None:
    """Many services leave out parameters they don't know: some page of everything, without ours, proves nothing."""

    class Deaf(Shop):
        deaf = False

        def _get(self, path: str, query: Any) -> Any:
            return super()._get(path, {} if self.deaf else query)

    fake = Deaf()
    async with fake.server:
        source = ShopSource(fake)
        first, other = source.good(CREATE), source.good(CREATE)
        assert isinstance(await source.commands.send(first), Committed)
        fake.deaf = True
        assert await source.commands.find(first) is not None
        with pytest.raises(BadAnswerError):
            await source.commands.find(other)
        assert (await source.commands.probe())[CREATE].startswith("not kept: ref can't be searched")
        assert (await source.commands.send(other), source.attempts) == (NotSent(reason="bad_answer"), 1)
        await source.commands.close()


@guarantees("P4.unknown")
async def test_a_search_that_is_not_there_is_no_empty_one() -> None:
    """A path that is gone says nothing of what it led to."""
    plans = copy.deepcopy(PLANS)
    plans[CREATE]["find"]["path"] = ["elsewhere", "gone"]
    async with served(plans) as source:
        with pytest.raises(GatewayError):
            await source.commands.find(source.good(CREATE))


@guarantees("commands.probe")
async def test_probe_names_how_a_repeat_is_known() -> None:
    """It can't be tried without writing, so it says whose word it is."""
    async with served() as source:
        told = await source.commands.probe()
        assert told[CREATE].startswith(
            "verified: our reference is kept in ref and can be searched; a repeat is known by"
        )
        assert "Idempotency-Key" in told[CREATE]
        assert told["server_time"] == "2027-01-04T08:00:00Z"
