"""What the two writes stand on: the listed calls, the probe, the recipes of the profile, and how it is opened."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.adapters import open_commands
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.adapters.jsonrpc.settings import JsonRpcSettings
from erp_mcp.adapters.jsonrpc.write_session import LOOKS, WRITES, WriteSession
from erp_mcp.domain.command import Refused
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.errors import GatewayError, ProfileFileError
from erp_mcp.settings import SystemSettings, WriteSettings
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake_buying import CREATE, DATE, PROFILE, BuyingTryton, connection, requested

# --- what is never called ---------------------------------------------------------------------------------------------


@guarantees("P2.listed_calls")
@pytest.mark.parametrize(
    ("model", "method"),
    [
        ("stock.move", "do"), ("stock.move", "create"), ("stock.move", "delete"), ("purchase.requisition", "wait"),
        ("purchase.requisition", "write"), ("purchase.requisition", "approve"), ("purchase.purchase", "confirm"),
        ("purchase.line", "delete"), ("party.party", "write"), ("res.user", "write"), ("", "login"),
    ],
)  # fmt: skip
async def test_the_session_that_writes_calls_nothing_that_is_not_listed(
    buying: BuyingTryton, model: str, method: str
) -> None:
    """Whatever a recipe or a defect asks for; it does not even sign in."""
    session = WriteSession(JsonRpcSettings.of(connection(buying)))
    assert await session.write(model, method, [1], {}, reference="R1") == Refused(code="not_a_listed_call")
    with pytest.raises(GatewayError) as caught:
        await session.call(model, method, [1], {})
    assert caught.value.code == "adapter.refused"
    assert buying.calls == []


@guarantees("P2.listed_calls", "P2.no_writes")
async def test_neither_session_can_do_the_others_work(buying: BuyingTryton) -> None:
    """A write is not a look, and the session that reads has no way to write at all."""
    session = WriteSession(JsonRpcSettings.of(connection(buying)))
    adapter = JsonRpcAdapter.open(connection(buying, "gateway"), PROFILE, FixedClock())
    assert not WRITES & LOOKS
    for model, method in WRITES:
        for reads in (session, adapter._session):
            with pytest.raises(GatewayError):
                await reads.call(model, method, [110], {})
    for model, method in LOOKS:
        assert await session.write(model, method, [], reference="R1") == Refused(code="not_a_listed_call")
    assert not hasattr(adapter._session, "write")
    assert buying.calls == []


@guarantees("P2.opened_system")
async def test_an_unknown_operation_is_refused(buying: BuyingTryton, commands: JsonRpcCommands) -> None:
    """The profile's list is the list."""
    strange = dataclasses.replace(requested(), operation="purchase_order.create")
    assert await commands.send(strange) == Refused(code="unknown_operation")
    with pytest.raises(GatewayError):
        await commands.find(strange)
    assert buying.calls == []


# --- before writes are turned on --------------------------------------------------------------------------------------


@guarantees("commands.probe")
async def test_probe_says_what_can_be_done_and_what_is_too_much(
    buying: BuyingTryton, commands: JsonRpcCommands
) -> None:
    """An administrator reads it before the first write."""
    told = await commands.probe()
    assert {told[DATE][:10], told[CREATE][:10]} == {"verified: "}
    assert (told["account"], told["may also"]) == ("writer", "nothing else")
    buying.rights["party.party"] = ["write", "delete"]
    buying.free_buttons = [{"id": 1, "model": "stock.move", "name": "do", "groups": []}]
    assert (await commands.probe())["may also"] == "write/delete party.party, button do of stock.move"
    buying.rights["stock.move"] = []
    buying.rights["purchase.requisition"] = []
    told = await commands.probe()
    assert {told[DATE][:10], told[CREATE][:10]} == {"not ready:"}
    buying.rights["purchase.requisition"], buying.employee = ["create"], 0
    await commands.close()
    assert "employee" in (await commands.probe())[CREATE]
    assert buying.attempts == 0


# --- the profile ------------------------------------------------------------------------------------------------------


def changed(operation: str, **keys: Any) -> Profile:
    body = PROFILE.commands[operation]
    assert isinstance(body, dict)
    return dataclasses.replace(PROFILE, commands={**PROFILE.commands, operation: {**body, **keys}})


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("profile", "key"),
    [
        (changed(DATE, contract="readback"), f"commands.operations.{DATE}.contract"),
        (changed(CREATE, contract="unique_ref"), f"commands.operations.{CREATE}.contract"),
        (changed(CREATE, settle_s=True), f"commands.operations.{CREATE}.settle_s"),
        (changed(CREATE, model="party.party"), f"commands.operations.{CREATE}.model"),
        (changed(CREATE, fields={"site": "warehouse"}), f"commands.operations.{CREATE}.fields"),
        (changed(DATE, dates={"processing": "shipment"}), f"commands.operations.{DATE}.dates.processing"),
        (changed(DATE, moves={"date": "planned_date", "open": []}), f"commands.operations.{DATE}.moves.unless"),
        (
            dataclasses.replace(PROFILE, commands={"purchase_order.create": {"contract": "none", "settle_s": 0}}),
            "commands.operations.purchase_order.create",
        ),
        (
            dataclasses.replace(PROFILE, entities={"supplier": PROFILE.entities["supplier"]}),
            f"commands.operations.{DATE}",
        ),
        (
            dataclasses.replace(
                PROFILE,
                entities={
                    **PROFILE.entities,
                    "purchase_order_line": {**PROFILE.entities["purchase_order_line"], "version": []},
                },
            ),
            "entities.purchase_order_line.version",
        ),
        (
            dataclasses.replace(PROFILE, identity={"material": IdentityRule(rule="add_prefix", prefix="M")}),
            "identity.material",
        ),
    ],
)
def test_a_recipe_that_is_wrong_is_named_before_anything_is_contacted(
    buying: BuyingTryton, profile: Profile, key: str
) -> None:
    """A misspelt recipe is found when the worker starts, not by the first approved change."""
    with pytest.raises(ProfileFileError) as caught:
        JsonRpcCommands.open(connection(buying), profile, FixedClock())
    assert caught.value.facts["key"] == key
    assert buying.calls == []


# --- opening ----------------------------------------------------------------------------------------------------------


@guarantees("P2.no_writes")
@pytest.mark.parametrize(
    ("write", "profile", "code"),
    [
        (None, PROFILE, "adapter.read_only"),
        (WriteSettings(account="writer"), dataclasses.replace(PROFILE, commands={}), "adapter.read_only"),
        (
            WriteSettings(account="writer"),
            dataclasses.replace(PROFILE, kind="sql"),
            "settings.bad_configuration",
        ),
        (WriteSettings(), PROFILE, "settings.bad_configuration"),
    ],
)
def test_nothing_writes_without_an_account_of_its_own_and_operations(
    tmp_path: Path, write: WriteSettings | None, profile: Profile, code: str
) -> None:
    """The account that reads never stands in for it."""
    system = SystemSettings(
        name="erp", profile="tryton", url="http://127.0.0.1:1", database="db", account="gateway", write=write
    )
    with pytest.raises(GatewayError) as caught:
        open_commands(system, profile, clock=FixedClock(), root=tmp_path, secret="s")
    assert caught.value.code == code


@guarantees("P2.opened_system")
async def test_the_account_that_writes_is_the_one_that_signs_in(buying: BuyingTryton, tmp_path: Path) -> None:
    """With the same address, another account and another secret."""
    system = SystemSettings(
        name="erp", profile="tryton", url=buying.url, database="db", account="gateway",
        write=WriteSettings(account="writer", secret="file:x"),
    )  # fmt: skip
    commands = open_commands(system, PROFILE, clock=FixedClock(), root=tmp_path, secret=buying.password)
    assert (await commands.probe())["account"] == "writer"
    assert set(commands.operations) == {DATE, CREATE}
    await commands.close()
    await commands.close()
