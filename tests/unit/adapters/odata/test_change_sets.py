"""Several requests as one change set: all of them done or none, and an answer that is believed as a whole or not."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, Final

import pytest

from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.command import Committed, Refused, Unknown
from erp_mcp.errors import ProfileFileError
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import changed_plans, connection, profile
from tests.unit.adapters.odata.buying_source import VERSIONS, BuyingSource, date_command, served
from tests.unit.adapters.odata.fake_writes import Version
from tests.unit.adapters.odata.test_commands import ERROR, JSON, MIXED, part
from tests.unit.adapters.write_faults import Answered, Fault
from tests.unit.adapters.writing_source import DATE

LINE: Final = ("4500000001", "00010")
FORMS: Final = [(2, True), (4, True), (4, "json")]
_ITEM: Final[dict[str, Any]] = {
    "method": "PATCH",
    "set": "po/A_PurchaseOrderItem",
    "key": {"PurchaseOrder": {"key": 0}, "PurchaseOrderItem": {"key": 1}},
    "if_match": "schedule",
    "body": {"Reference": {"reference": True}},
}


def both(form: bool | str, **write: Any) -> dict[str, Any]:
    """Return plans by which a date is written together with our reference at its item."""
    return changed_plans(DATE, batch=form, together=[{**_ITEM, **write}])


def within(bound: str, inner: str) -> bytes:
    """Return the head of a part that holds parts of its own."""
    return f"--{bound}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode()


def stands(source: BuyingSource) -> tuple[str, str | None]:
    """Return the date and the reference that the system has of the line."""
    return source.fake.schedule[(*LINE, "0001")]["ScheduleLineDeliveryDate"], source.fake.items[LINE].get("Reference")


@guarantees("commands.change_sets", "P4.one_effect")
@pytest.mark.parametrize(("version", "form"), FORMS)
async def test_what_is_done_together_is_one_write(version: Version, form: bool | str) -> None:
    """One request leaves us, with both changes in it, each on the version that was read."""
    async with served(version, both(form)) as source:
        command = date_command(source.fake, LINE, "2028-03-01")
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Committed)
        assert (stands(source), source.attempts) == (("2028-03-01", command.reference), 1)
        assert await source.commands.find(command) == outcome.written


@guarantees("commands.change_sets", "P4.one_effect", "P4.unknown")
@pytest.mark.parametrize(("version", "form"), FORMS)
async def test_what_fails_together_is_not_done_and_its_parts_are_not_believed(
    version: Version, form: bool | str
) -> None:
    """The answer says of the first request that it was done, which was rolled back: only a look tells."""
    plans = both(form)
    del plans[DATE]["write"]["together"][0]["if_match"]
    async with served(version, plans) as source:
        before, command = stands(source), date_command(source.fake, LINE, "2028-03-01")
        assert await source.commands.send(command) == Unknown(reason="change_set_failed")
        assert stands(source) == before
        assert await source.commands.find(command) is None


@guarantees("commands.change_sets", "P4.unknown")
@pytest.mark.parametrize(("version", "form"), FORMS)
async def test_a_lost_answer_is_found_out_by_looking(version: Version, form: bool | str) -> None:
    """As for a single request; nothing goes out a second time."""
    async with served(version, both(form)) as source:
        command = date_command(source.fake, LINE, "2028-03-01")
        source.fake.fault = Fault(kind="reset", commits=True)
        assert isinstance(await source.commands.send(command), Unknown)
        source.fake.fault = None
        assert await source.commands.find(command) is not None
        assert (stands(source), source.attempts) == (("2028-03-01", command.reference), 1)


def responses(*listed: dict[str, Any]) -> Answered:
    """Return an answer to a JSON batch."""
    return 200, JSON, json.dumps({"responses": list(listed)}).encode()


DONE: Final = {"status": 204}


@guarantees("commands.change_sets", "commands.verdicts", "P4.unknown")
@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (True, (202, MIXED, part(204, b"") + b"--b--\r\n")),
        (True, (202, MIXED, part(204, b"") * 3 + b"--b--\r\n")),
        (True, (202, MIXED, part(204, b"") + part(412, ERROR) + b"--b--\r\n")),
        (True, (202, MIXED, part(204, b"") + part(201, b'{"d": {}}') + b"--b--\r\n")),
        (True, (202, MIXED, part(204, b"") + part(204, b""))),
        (True, (202, MIXED, within("b", "c") + (part(204, b"") * 2).replace(b"--b\r\n", b"--c\r\n") + b"--b--\r\n")),
        (True, (202, MIXED, b"".join(within(*bounds) for bounds in pairwise(["b", *map(str, range(3000))])))),
        ("json", responses({"id": "1", **DONE})),
        ("json", responses({"id": "1", **DONE}, {"id": "1", **DONE})),
        ("json", responses({"id": "1", **DONE}, {"id": "3", **DONE})),
        ("json", responses({"id": "1", **DONE}, {"id": "2", **DONE}, {"id": "2", **DONE})),
        ("json", responses({"id": "1", **DONE}, {"id": "2", "status": "204"})),
        ("json", responses({"id": "1", **DONE}, {"id": "2", "status": True})),
        ("json", responses({"id": "1", **DONE}, {"id": "2", "status": 412, "body": json.loads(ERROR)})),
        ("json", responses({"id": "1", **DONE}, {"id": "2", "status": 200, "body": json.loads(ERROR)})),
        ("json", (200, JSON, b'{"responses": 204}')),
        ("json", (200, JSON, b'{"responses": [204, 204]}')),
        ("json", (200, JSON, b'{"responses": [')),
        ("json", (200, JSON, b"")),
    ],
)
async def test_an_answer_that_is_not_whole_says_nothing(form: bool | str, answer: Answered) -> None:
    """As many answers as requests, each of them a success of its kind; whatever else comes is looked into."""
    async with served(4, both(form)) as source:
        before, command = stands(source), date_command(source.fake, LINE, "2028-03-01")
        source.fake.replies.append(answer)  # type: ignore[arg-type]
        assert isinstance(await source.commands.send(command), Unknown)
        assert stands(source) == before


@guarantees("commands.change_sets", "P8.no_leaks")
@pytest.mark.parametrize("form", [True, "json"])
async def test_a_remark_beside_any_of_them_is_kept_and_an_error_beside_one_is_no_success(form: bool | str) -> None:
    """Warnings of all requests are facts; a message of severity error in one part leaves it open."""
    for severity, expected in (("warning", Committed), ("error", Unknown)):
        message = json.dumps({"code": "V1/555", "severity": severity, "message": "x"})
        async with served(4, both(form)) as source:
            command = date_command(source.fake, LINE, "2028-03-01")
            source.fake.remark = message
            outcome = await source.commands.send(command)
            assert isinstance(outcome, expected)
            assert not isinstance(outcome, Committed) or outcome.warnings == ("V1/555",)


@guarantees("commands.change_sets", "commands.probe")
@pytest.mark.parametrize("version", VERSIONS)
async def test_the_probe_looks_at_every_record_that_is_changed(version: Version) -> None:
    """What one of them lacks is named, whichever it is; each of them must have a version."""
    async with served(version, both(True)) as source:
        assert "2 records are changed together" in (await source.commands.probe())[DATE]
    async with served(version, both(True, body={"Nothing": {"reference": True}})) as source:
        assert (await source.commands.probe())[DATE] == "not ready: the service lacks Nothing"
        assert await source.commands.send(date_command(source.fake, LINE)) == Refused(code="unknown_property")
        assert source.attempts == 0
    async with served(version, both(True), etags=False) as source:
        assert (await source.commands.probe())[DATE].startswith("not kept: ")


@guarantees("commands.change_sets", "input.clear_errors")
async def test_the_json_form_is_refused_for_a_service_that_does_not_know_it() -> None:
    """V2 has the one form; a profile that asks for the other can't be opened."""
    async with served() as source:
        with pytest.raises(ProfileFileError) as caught:
            ODataCommands.open(connection(source.fake), profile(2, both("json")), FixedClock())
        assert caught.value.facts["key"] == f"commands.operations.{DATE}.write.batch"
