"""Writes over OData: what is sent, what each answer means, and that nothing is ever sent twice."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.command_values import Facts, RefusedError
from erp_mcp.adapters._documents.refusals import MAX_NATIVE_CODE
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.command import Committed, Conflict, NotSent, Outcome, Refused, Unknown
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import changed_plans, connection, profile
from tests.unit.adapters.odata.buying_source import VERSIONS, create_command, date_command, served
from tests.unit.adapters.odata.fake_writes import SESSION, SYSTEM_TEXT, Version
from tests.unit.adapters.write_faults import KINDS, WAITING, Answered, Fault
from tests.unit.adapters.writing_source import CREATE, DATE

LINE: Final = ("4500000001", "00010")
JSON: Final = {"content-type": "application/json"}


# --- The wire ---------------------------------------------------------------------------------------------------------


@guarantees("P4.unknown", "P4.one_effect", "commands.verdicts")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize(
    ("kind", "version"),
    [(kind, version) for kind in KINDS for version in VERSIONS if kind not in WAITING or version == 2],
)
async def test_whatever_the_wire_does_is_unknown_until_it_is_read_back(
    version: Version, kind: str, commits: bool, operation: str
) -> None:
    """One send, one effect at most; a look afterwards says whether it is there. A 204 is whole without a body."""
    async with served(version) as source:
        if kind in WAITING:
            source.commands = ODataCommands.open(connection(source.fake, timeout_s=0.8), profile(version), FixedClock())
        command, before = source.good(operation), source.effects()
        source.fake.fault = Fault(kind=kind, commits=commits)

        outcome = await source.commands.send(command)

        whole = commits and operation == DATE and kind in {"truncated", "drip"}
        assert isinstance(outcome, Committed if whole else Unknown), outcome
        assert source.attempts == 1
        source.fake.fault = None
        found = await source.commands.find(command)
        assert (found is not None) == commits
        assert len(source.effects().items() - dict(before).items()) == int(commits)


@guarantees("P4.one_effect", "commands.door")
@pytest.mark.parametrize("operation", [DATE, CREATE])
async def test_what_may_have_arrived_is_never_sent_again(operation: str) -> None:
    """Not by this adapter, not by another one of the same process: the reference went out."""
    async with served() as source:
        command = source.good(operation)
        source.fake.fault = Fault(kind="reset")
        assert await source.commands.send(command) == Unknown(reason="connection_broken")
        source.fake.fault = None
        assert await source.commands.send(command) == Unknown(reason="already_sent")
        assert source.attempts == 1


@guarantees("P4.unknown", "commands.door")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_turned_away_at_the_door_waits_and_goes_through(version: Version, operation: str) -> None:
    """429 says for certain that nothing was done, and for how long to wait."""
    async with served(version) as source:
        command = source.good(operation)
        source.fake.replies.append((429, JSON, b"{}"))
        assert await source.commands.send(command) == NotSent(reason="rate_limited")
        assert isinstance(await source.commands.send(command), Committed)
        source.fake.replies.append((429, {**JSON, "retry-after": "7"}, b"{}"))
        assert await source.commands.send(source.good(operation)) == NotSent(reason="rate_limited", retry_after_s=7)


@guarantees("P4.one_effect", "commands.door")
async def test_two_workers_send_one_reference_one_time() -> None:
    """The second was thought dead, or thought the first was: what went out is known to both."""
    async with served() as source:
        shared = LocalTraffic()
        both = [ODataCommands.open(connection(source.fake, traffic=shared), profile(2), FixedClock()) for _ in range(2)]
        command = source.good(CREATE)
        outcomes = await asyncio.gather(*(one.send(command) for one in both))
        assert source.attempts == 1
        assert sorted(type(one).__name__ for one in outcomes) == ["Committed", "Unknown"]
        for one in both:
            await one.close()


@guarantees("commands.verdicts", "P8.no_leaks")
async def test_the_systems_own_code_is_kept_as_a_fact() -> None:
    """A code is short and has no words; whatever else stands in its place is left out."""
    longest = "x" * MAX_NATIVE_CODE
    async with served() as source:
        for code, kept in (("ME/040", "ME/040"), (SYSTEM_TEXT, ""), (longest, longest), (f"{longest}x", "")):
            source.fake.replies.append((400, JSON, error(code)))
            outcome = await source.commands.send(source.good(DATE))
            assert isinstance(outcome, Refused)
            assert outcome.native_code == kept
    async with served(sap_message=json.dumps({"code": "V1/555", "severity": "warning", "message": "x"})) as source:
        outcome = await source.commands.send(source.good(CREATE))
        assert isinstance(outcome, Committed)
        assert outcome.warnings == ("V1/555",)


@guarantees("commands.door", "P10.outage")
async def test_a_system_that_rests_is_written_to_later() -> None:
    """After several failures nothing goes out; the command waits as long as the system is left alone."""
    async with served() as source:
        limits = TrafficLimits(failures=2, window=2, attempts=1, rest_s=60)
        tired = ODataCommands.open(connection(source.fake, limits=limits), profile(2), FixedClock())
        await source.fault("down")
        for _ in range(2):
            assert await tired.send(source.good(CREATE)) == NotSent(reason="system_unreachable")
        await source.fault("none")
        outcome = await tired.send(source.good(CREATE))
        assert isinstance(outcome, NotSent)
        assert outcome.reason == "system_resting"
        assert 0 < outcome.retry_after_s <= 60
        assert source.attempts == 0
        await tired.close()


# --- Tokens -----------------------------------------------------------------------------------------------------------


@guarantees("commands.door", "P4.one_effect")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_token_that_ran_out_is_fetched_anew_and_the_write_sent_once_more(version: Version) -> None:
    """The refused one certainly did nothing; the second bears the new token and its session."""
    async with served(version) as source:
        assert isinstance(await source.commands.send(source.good(DATE)), Committed)
        source.fake.end_session()
        assert isinstance(await source.commands.send(source.good(DATE)), Committed)
        assert (source.attempts, source.fake.refused_at_door, source.fake.tokens_given) == (2, 1, 2)
        sent = [headers for method, _, headers, _ in source.fake.seen if method == "PATCH"]
        assert [one["x-csrf-token"] for one in sent] == ["token-1", "token-1", "token-2"]
        assert all(f"SAP_SESSIONID={SESSION}" in one["cookie"] for one in sent)


@guarantees("commands.door")
async def test_a_token_that_is_never_taken_is_no_loop() -> None:
    """Twice refused is refused; nothing was written, and the command may be sent another day."""
    async with served() as source:
        command = source.good(CREATE)
        source.fake.forgets_tokens = True
        assert await source.commands.send(command) == NotSent(reason="token_refused", retry_after_s=150)
        assert (source.attempts, source.fake.refused_at_door) == (0, 2)
        source.fake.forgets_tokens = False
        assert isinstance(await source.commands.send(command), Committed)


@guarantees("commands.door", "P4.one_effect")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_token_asked_for_behind_the_effect_makes_no_second_one(version: Version) -> None:
    """Whoever stands before the system may say so too late; before the repeat our reference is looked for again."""
    async with served(version) as source:
        await source.commands.find(source.good(CREATE))
        source.fake.late_refusals = 1
        command = source.good(CREATE)
        assert await source.commands.send(command) == Unknown(reason="reference_exists")
        assert source.attempts == 1
        assert await source.commands.find(command) is not None


@guarantees("commands.door")
async def test_a_service_without_tokens_gets_none() -> None:
    """It is asked once; nothing is made up."""
    async with served(4, csrf=False) as source:
        assert isinstance(await source.commands.send(source.good(DATE)), Committed)
        (headers,) = [headers for method, _, headers, _ in source.fake.seen if method == "PATCH"]
        assert "x-csrf-token" not in headers


# --- Versions ---------------------------------------------------------------------------------------------------------


@guarantees("P4.stale")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_person_between_our_look_and_our_write_is_not_overwritten(version: Version) -> None:
    """Our comparison can't see them; the version condition does."""
    async with served(version) as source:
        command = date_command(source.fake, LINE)
        source.fake.before = lambda: source.fake.by_hand(LINE, "2028-01-15")
        assert await source.commands.send(command) == Conflict()
        assert source.effects()["/".join(LINE)] == "2028-01-15"
        assert source.attempts == 1


@guarantees("P4.stale")
async def test_what_has_no_version_is_not_written() -> None:
    """Without an ETag there is nothing to name, and an unconditional write could overwrite anybody."""
    async with served(etags=False) as source:
        assert await source.commands.send(date_command(source.fake, LINE)) == Refused(code="no_version")
        assert source.attempts == 0


@guarantees("P4.stale")
async def test_two_names_of_one_record_must_agree() -> None:
    """Whichever is written, one was not approved."""
    async with served() as source:
        command = date_command(source.fake, LINE)
        other = dataclasses.replace(command, fields={**command.fields, "line": "00020"})
        assert await source.commands.send(other) == Refused(code="key_mismatch")
        assert source.attempts == 0


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [(1, "14", "order_not_open"), (0, "05", "nothing_open"), (2, "05", "several_schedule_lines")],
)
async def test_a_record_that_is_not_as_it_must_be_is_refused(lines: int, status: str, code: str) -> None:
    """Closed, without a schedule line, or with several: which of them is meant nobody has said."""
    async with served() as source:
        source.fake.add_order("4500000099", "00010", status=status, lines=lines)
        outcome = await source.commands.send(date_command(source.fake, ("4500000099", "00010")))
        assert outcome == Refused(code=code)
        assert source.attempts == 0


# --- What is sent -----------------------------------------------------------------------------------------------------


@guarantees("commands.plans", "P7.exact_numbers")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_deep_insert_holds_exactly_what_was_asked(version: Version) -> None:
    """Types come from the metadata: V2 counts days in milliseconds and writes decimals as text, V4 neither."""
    async with served(version) as source:
        command = create_command(qty="12.345", supplier_id="17300001", delivery_date="2028-02-29")
        assert isinstance(await source.commands.send(command), Committed)
        (body,) = [json.loads(body) for method, _, _, body in source.fake.seen if method == "POST"]
        line = {
            "PurchaseRequisitionItem": "00010", "Material": "RM-1", "Plant": "1010",
            "RequestedQuantity": "12.345" if version == 2 else 12.345, "BaseUnit": "KG",
            "DeliveryDate": "/Date(1835395200000)/" if version == 2 else "2028-02-29",
            "FixedSupplier": "17300001", "PurReqnExternalReference": command.reference,
        }  # fmt: skip
        below: Any = {"results": [line]} if version == 2 else [line]
        assert body == {"PurchaseRequisitionType": "NB", "to_PurchaseReqnItem": below}


@guarantees("commands.plans")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_change_names_its_key_its_version_and_its_date_and_nothing_else(version: Version) -> None:
    """One property of one entity, on one condition."""
    async with served(version) as source:
        etag = f"W/\"'{source.fake.items[LINE]['LastChange']}'\""
        assert isinstance(await source.commands.send(date_command(source.fake, LINE, "2028-02-29")), Committed)
        ((_, path, headers, body),) = [one for one in source.fake.seen if one[0] == "PATCH"]
        day = "/Date(1835395200000)/" if version == 2 else "2028-02-29"
        assert json.loads(body) == {"ScheduleLineDeliveryDate": day}
        assert path == (
            "/po/A_PurchaseOrderScheduleLine(PurchasingDocument='4500000001',"
            "PurchasingDocumentItem='00010',ScheduleLine='0001')"
        )
        assert (headers["if-match"], headers["prefer"]) == (etag, "return=minimal")


@guarantees("commands.verdicts")
async def test_an_answer_with_the_record_counts_as_one_without() -> None:
    """Some systems ignore the wish for a short answer; a 200 after a write is no failure."""
    async with served(plans=changed_plans(DATE, minimal=False)) as source:
        assert isinstance(await source.commands.send(source.good(DATE)), Committed)
        ((_, _, headers, _),) = [one for one in source.fake.seen if one[0] == "PATCH"]
        assert "prefer" not in headers


@guarantees("commands.plans")
async def test_merge_goes_through_post() -> None:
    """Gateways that know no PATCH take it in a header."""
    async with served(plans=changed_plans(DATE, method="MERGE")) as source:
        assert isinstance(await source.commands.send(source.good(DATE)), Committed)
        (headers,) = [headers for method, _, headers, _ in source.fake.seen if method == "POST"]
        assert headers["x-http-method"] == "MERGE"


@guarantees("P4.one_effect")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_change_set_is_one_write(version: Version) -> None:
    """Everything in it was done, says its answer, and so it was."""
    async with served(version, changed_plans(DATE, batch=True)) as source:
        assert isinstance(await source.commands.send(source.good(DATE)), Committed)
        assert source.attempts == 1


def part(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return b"--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n" + head + body + b"\r\n"


ERROR: Final = b'{"error": {"code": "ME/040", "message": "no"}}'
MIXED: Final = {"content-type": "multipart/mixed; boundary=b"}


@guarantees("commands.verdicts", "P4.unknown")
@pytest.mark.parametrize(
    "answer",
    [
        (202, MIXED, part(201, b'{"d": {}}') + part(400, ERROR) + b"--b--\r\n"),
        (202, MIXED, part(400, ERROR) + b"--b--\r\n"),
        (202, MIXED, part(204, b"")),
        (202, MIXED, b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 20\r\n\r\n--b--\r\n"),
        (202, MIXED, b""),
        (200, JSON, b'{"responses": [{"id": "1", "status": 204}]}'),
    ],
)
async def test_no_part_of_a_failed_change_set_is_believed(answer: Answered) -> None:
    """It may tell of success what was rolled back, and of failure what was not; only a look tells."""
    async with served(plans=changed_plans(DATE, batch=True)) as source:
        command = source.good(DATE)
        source.fake.replies.append(answer)  # type: ignore[arg-type]
        assert isinstance(await source.commands.send(command), Unknown)
        assert await source.commands.find(command) is None


@guarantees("input.clear_errors", "P7.exact_numbers")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"qty": "1.2345"}, "qty_too_fine"),
        ({"qty": "1e400"}, "bad_qty"),
        ({"qty": "many"}, "bad_qty"),
        ({"material_id": "x" * 41}, "material_id_too_long"),
        ({"material_id": None}, "no_material_id"),
        ({"material_id": "a\x00b"}, "bad_material_id"),
        ({"material_id": ["a"]}, "bad_material_id"),
        ({"delivery_date": "20280229"}, "bad_delivery_date"),
        ({"delivery_date": "2027-02-29"}, "bad_delivery_date"),
        ({"cost_object": "CC1"}, "no_cost_objects"),
    ],
)
async def test_what_the_system_has_no_place_for_is_refused_before_it_is_sent(fields: dict[str, Any], code: str) -> None:
    """Leaving it out, or cutting it, would change the request."""
    async with served() as source:
        assert await source.commands.send(create_command(**fields)) == Refused(code=code)
        assert source.attempts == 0


@guarantees("P8.text_is_data")
@pytest.mark.parametrize("text", ["O'Brien", "a/b?c#d", "x') or true or ('", "%27", "😀"])
async def test_text_stays_text(text: str) -> None:
    """In a body it is a value, in a filter a literal; nothing it holds is ever part of an address."""
    async with served() as source:
        command = create_command(material_id=text)
        assert isinstance(await source.commands.send(command), Committed)
        found = await source.commands.find(command)
        assert found is not None
        assert found.fields["material_id"] == text


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


def error(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": {"lang": "en", "value": SYSTEM_TEXT}}}).encode()


DETAILS: Final = json.dumps(
    {"error": {"code": "X", "message": SYSTEM_TEXT, "details": [{"code": "ME/040", "message": "y"}]}}
).encode()
INNER: Final = json.dumps(
    {"error": {"code": "X", "message": {"value": ""}, "innererror": {"errordetails": [{"code": "ME/040"}]}}}
).encode()


@guarantees("commands.verdicts", "input.clear_errors", "P8.no_leaks")
@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, error("ME/040"), Refused(code="date_in_the_past")),
        (400, DETAILS, Refused(code="date_in_the_past")),
        (400, INNER, Refused(code="date_in_the_past")),
        (400, error("other"), Refused(code="not_accepted")),
        (403, error("x"), Refused(code="not_permitted")),
        (404, error("x"), Refused(code="record_not_found")),
        (409, error("x"), Refused(code="state_conflict")),
        (412, b"", Conflict()),
        (422, error("x"), Refused(code="refused_by_rules")),
        (428, error("x"), Refused(code="version_required")),
        (423, error("x"), NotSent(reason="locked_in_system", retry_after_s=30)),
        (401, b"Unauthorized", NotSent(reason="sign_in_refused", retry_after_s=150)),
        (400, b"<html></html>", Unknown(reason="answer_unreadable")),
        (400, b'{"error": "x"}', Unknown(reason="answer_unreadable")),
        (500, error("ME/040"), Unknown(reason="system_failed")),
        (503, error("ME/040"), Unknown(reason="system_failed")),
        (408, error("x"), Unknown(reason="answered_with_error")),
        (200, error("ME/040"), Unknown(reason="answered_with_error")),
        (200, b'{"d": 1}', Unknown(reason="answer_unreadable")),
        (201, b'{"d": {}}', Unknown(reason="made_another")),
        (204, b"", Unknown(reason="not_seen_yet")),
    ],
)
async def test_an_answer_means_what_its_body_says(status: int, body: bytes, outcome: Outcome) -> None:
    """The system's own error is a refusal; a page, half an error or a failure inside it says nothing for certain."""
    async with served() as source:
        source.fake.replies.append((status, JSON, body))
        assert await source.commands.send(source.good(DATE)) == outcome


@guarantees("commands.door")
async def test_what_somebody_else_holds_is_sent_later() -> None:
    """A lock is no refusal: the same command goes through when it is gone."""
    async with served() as source:
        command = date_command(source.fake, LINE, "2028-05-14")
        assert await source.commands.send(command) == NotSent(reason="locked_in_system", retry_after_s=30)
        fields = {**command.fields, "new_date": "2028-05-16"}
        assert isinstance(await source.commands.send(dataclasses.replace(command, fields=fields)), Committed)


@guarantees("commands.verdicts")
@pytest.mark.parametrize(
    ("message", "committed"),
    [
        ({"code": "V1/1", "severity": "warning", "message": SYSTEM_TEXT}, True),
        ({"code": "V1/1", "severity": "info", "details": [{"code": "V1/2", "severity": "warning"}]}, True),
        ({"code": "V1/1", "severity": "error", "message": SYSTEM_TEXT}, False),
        ({"code": "V1/1", "severity": "info", "details": [{"code": "V1/2", "severity": "error"}]}, False),
        ([{"code": "V1/1", "numericSeverity": 4}], False),
        ([{"code": "V1/1", "numericSeverity": 2}], True),
    ],
)
async def test_an_error_beside_a_success_is_none(message: object, committed: bool) -> None:
    """A warning is a fact; an error next to a status of success is read back before anybody calls it done."""
    async with served(sap_message=json.dumps(message)) as source:
        command = source.good(CREATE)
        outcome = await source.commands.send(command)
        assert isinstance(outcome, Committed if committed else Unknown)
        assert await source.commands.find(command) is not None


@guarantees("commands.verdicts")
async def test_messages_that_cannot_be_read_are_no_success() -> None:
    """Whatever stands there may be an error."""
    async with served(sap_message="<xml>") as source:
        assert await source.commands.send(source.good(DATE)) == Unknown(reason="answered_with_error")


@guarantees("P4.unknown")
async def test_a_reference_that_the_system_takes_once_may_be_our_own() -> None:
    """Some systems say it with a failure of their database; nothing is made twice, and a look says whose it is."""
    async with served(unique=True) as source:
        command = source.good(CREATE)
        assert isinstance(await source.commands.send(command), Committed)
        assert await source.commands.send(command) == Unknown(reason="reference_exists")
        assert source.attempts == 1


@guarantees("commands.verdicts")
async def test_an_answer_about_another_document_is_not_ours() -> None:
    """It shows a reference, and that is not the one that was sent."""
    async with served(4) as source:
        made = {"PurchaseRequisition": "1", "to_PurchaseReqnItem": [{"PurReqnExternalReference": "R0000000000X"}]}
        source.fake.replies.append((201, JSON, json.dumps(made).encode()))
        assert await source.commands.send(source.good(CREATE)) == Unknown(reason="answer_about_another")
