"""Writes over OData: how an outcome is found out, what is told before writes are on, and actions."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest

from erp_mcp.domain.command import Conflict, NotSent, Refused, Unknown
from erp_mcp.errors import BadAnswerError, GatewayError
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import PLANS, changed_plans
from tests.unit.adapters.odata.buying_source import VERSIONS, date_command, served
from tests.unit.adapters.odata.fake_writes import Version
from tests.unit.adapters.write_faults import Fault
from tests.unit.adapters.writing_source import CREATE, DATE

LINE: Final = ("4500000001", "00010")


# --- Reading back -----------------------------------------------------------------------------------------------------


@guarantees("P4.unknown")
async def test_a_copy_by_hand_leaves_it_to_a_person() -> None:
    """It keeps the reference, so nobody can say which of the two is ours."""
    async with served() as source:
        command = source.good(CREATE)
        await source.commands.send(command)
        source.fake.copy_requisition(command.reference)
        with pytest.raises(BadAnswerError):
            await source.commands.find(command)


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_system_that_finds_loosely_is_compared_exactly(version: Version) -> None:
    """One that ignores the filter gives a few records: ours among them is ours, ours not among them proves nothing."""
    async with served(version) as source:
        first, other = source.good(CREATE), source.good(CREATE)
        await source.commands.send(first)
        source.fake.obeys_filter = False
        assert await source.commands.find(first) is not None
        with pytest.raises(BadAnswerError):
            await source.commands.find(other)
        assert await source.commands.send(other) == NotSent(reason="bad_answer")
        assert source.attempts == 1


@guarantees("P4.unknown")
@pytest.mark.parametrize("version", VERSIONS)
async def test_letters_of_another_case_are_another_reference(version: Version) -> None:
    """A search that takes them for the same is obeyed all the same, so nothing of ours is there."""
    async with served(version) as source:
        first = source.good(CREATE)
        await source.commands.send(first)
        for row in source.fake.requisitions.values():
            row["PurReqnExternalReference"] = first.reference.lower()
        source.fake.obeys_filter = False
        assert await source.commands.find(first) is None


@guarantees("P4.turned_away", "P4.stale")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("contract", ["conditional", "none"])
async def test_another_version_that_has_our_value_is_not_called_stale(version: Version, contract: str) -> None:
    """Whoever stands between may send a request twice: the second is superseded by the first, which did it."""
    plans = copy.deepcopy(PLANS)
    plans[DATE]["contract"] = contract
    async with served(version, plans) as source:
        command = date_command(source.fake, LINE, "2028-03-01")
        source.fake.before = lambda: source.fake.by_hand(LINE, "2028-03-01")
        outcome = await source.commands.send(command)
        found = await source.commands.find(command)
        assert found is not None
        assert outcome == (Unknown(reason="superseded_as_asked") if contract == "conditional" else Conflict())
        assert source.attempts == 1


@guarantees("P4.turned_away", "P4.unknown")
@pytest.mark.parametrize("version", VERSIONS)
async def test_another_version_that_cannot_be_looked_at_is_unknown(version: Version) -> None:
    """It may have our value."""
    async with served(version) as source:
        command = date_command(source.fake, LINE, "2028-03-01")

        def meanwhile() -> None:
            source.fake.by_hand(LINE, "2028-03-01")
            source.fake.items[LINE]["OpenQuantity"] = "a lot"

        source.fake.before = meanwhile
        assert await source.commands.send(command) == Unknown(reason="superseded_unseen")


@guarantees("P4.unknown")
async def test_a_lost_look_is_not_an_empty_one() -> None:
    """Who can't look must not say that nothing is there."""
    async with served() as source:
        command = source.good(CREATE)
        await source.commands.find(command)
        await source.fault("down")
        with pytest.raises(GatewayError):
            await source.commands.find(command)
        await source.fault("none")


# --- Before writes are on ---------------------------------------------------------------------------------------------


@guarantees("commands.probe")
async def test_a_reference_that_does_not_fit_is_told_before_it_is_sent() -> None:
    """The metadata says how long it may be there."""
    async with served(longest_reference=10) as source:
        told = await source.commands.probe()
        assert told[CREATE] == "not kept: PurReqnExternalReference holds 10 characters, 12 are needed"
        assert await source.commands.send(source.good(CREATE)) == Refused(code="reference_too_long")
        assert source.attempts == 0


@guarantees("commands.probe")
async def test_records_without_versions_are_told() -> None:
    """The contract would not be kept."""
    async with served(etags=False) as source:
        assert (await source.commands.probe())[DATE].startswith("not kept: records of A_PurchaseOrderScheduleLine")


@guarantees("commands.probe")
async def test_a_search_that_gives_anything_is_told() -> None:
    """What ignores the condition can't tell a lost write from one that was never made."""
    async with served() as source:
        await source.commands.send(source.good(CREATE))
        source.fake.obeys_filter = False
        assert (await source.commands.probe())[CREATE].startswith(
            "not kept: PurReqnExternalReference can't be searched"
        )


@guarantees("commands.probe", "commands.plans")
async def test_properties_that_the_service_lacks_are_named() -> None:
    """A profile for another release is found out before the first write."""
    plans = changed_plans(DATE, body={"NoSuchDate": {"field": "new_date"}})
    async with served(plans=plans) as source:
        assert (await source.commands.probe())[DATE] == "not ready: the service lacks NoSuchDate"
        assert await source.commands.send(source.good(DATE)) == Refused(code="unknown_property")
        assert source.attempts == 0


@guarantees("commands.probe", "P4.unknown")
async def test_without_a_contract_a_person_looks() -> None:
    """Nothing is searched for, since nothing would say whose it is."""
    plans = copy.deepcopy(PLANS)
    del plans[CREATE]["find"], plans[CREATE]["reference"]
    plans[CREATE]["contract"] = "none"
    async with served(plans=plans) as source:
        assert (await source.commands.probe())[CREATE].startswith("not kept: ")
        command = source.good(CREATE)
        source.fake.fault = Fault(kind="reset", commits=True)
        assert isinstance(await source.commands.send(command), Unknown)
        with pytest.raises(GatewayError):
            await source.commands.find(command)


# --- Actions ----------------------------------------------------------------------------------------------------------

ACTION: Final = {
    "method": "POST", "set": "po/A_PurchaseOrderItem", "action": "S.Confirm", "if_match": "schedule",
    "key": {"PurchaseOrder": {"key": 0}, "PurchaseOrderItem": {"key": 1}},
    "body": {"Note": {"const": "it's"}, "Day": {"field": "new_date"}, "Times": {"const": "2"}},
}  # fmt: skip


def calling(version: Version, **write: object) -> dict[str, Any]:
    """Return the plans with one that calls something, by the name that it has in a version of the protocol."""
    plans = copy.deepcopy(PLANS)
    plans[DATE]["write"] = {**copy.deepcopy(ACTION), **write}
    if version == 2:
        plans[DATE]["write"]["action"] = plans[DATE]["write"]["action"].removeprefix("S.")
    return plans


@guarantees("commands.plans", "P7.exact_numbers")
@pytest.mark.parametrize(
    ("version", "path", "query", "sent"),
    [
        (
            4,
            "/po/A_PurchaseOrderItem(PurchaseOrder='4500000001',PurchaseOrderItem='00010')/S.Confirm",
            {},
            b'{"Note":"it\'s","Day":"2028-03-01","Times":2}',
        ),
        (
            2,
            "/po/Confirm",
            {
                "PurchaseOrder": "'4500000001'", "PurchaseOrderItem": "'00010'", "Note": "'it''s'",
                "Day": "datetime'2028-03-01T00:00:00'", "Times": "2",
            },
            b"",
        ),
    ],
)  # fmt: skip
async def test_an_action_is_called_on_its_record(
    version: Version, path: str, query: dict[str, str], sent: bytes
) -> None:
    """V4 calls it on the entity; V2's function imports take the key as parameters. Each is of its type."""
    async with served(version, calling(version)) as source:
        source.fake.replies.append((204, {}, b""))
        await source.commands.send(date_command(source.fake, LINE, "2028-03-01"))
        ((_, called, headers, body),) = [one for one in source.fake.seen if one[0] == "POST"]
        assert (called, source.fake.asked, body) == (path, query, sent)
        assert "if-match" in headers
        assert source.attempts == 1


@guarantees("commands.plans")
@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_bound_to_nothing_is_called_by_its_name(version: Version) -> None:
    """No record and no version stand in such a request, so only a person can find out what became of a lost one."""
    plans = calling(version, service="po", action="ConfirmDay", body={"Day": {"field": "new_date"}})
    for name in ("set", "key", "if_match"):
        del plans[DATE]["write"][name]
    plans[DATE]["contract"] = "none"
    async with served(version, plans) as source:
        assert (await source.commands.probe())[DATE].startswith("not kept: ")
        source.fake.replies.append((204, {}, b""))
        await source.commands.send(date_command(source.fake, LINE, "2028-03-01"))
        ((_, called, _, body),) = [one for one in source.fake.seen if one[0] == "POST"]
        assert called == "/po/ConfirmDay"
        assert body == (b"" if version == 2 else b'{"Day":"2028-03-01"}')


@guarantees("commands.probe", "commands.plans")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("write", "missing", "code"),
    [
        ({"action": "S.Nothing"}, "Nothing", "unknown_action"),
        ({"body": {"Remark": {"const": "x"}}}, "Remark", "unknown_parameter"),
        ({"body": {"Note": {"object": {"a": {"const": "x"}}}}}, "", "unknown_parameter"),
        ({"body": {"Day": {"const": "soon"}}}, "", "bad_const"),
    ],
)
async def test_an_action_that_the_service_does_not_offer_so_is_told_and_not_called(
    version: Version, write: dict[str, Any], missing: str, code: str
) -> None:
    """By the metadata, before the first write."""
    async with served(version, calling(version, **write)) as source:
        told = (await source.commands.probe())[DATE]
        assert told.endswith(missing) if missing else told.startswith("verified: ")
        assert await source.commands.send(source.good(DATE)) == Refused(code=code)
        assert source.attempts == 0
