"""Many calls for one change at the same moment: a host that repeats itself, and a model that makes up fresh keys."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.cli.client_entry import server_command
from erp_mcp.demo.tables import dump_hash
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, kept, shown
from tests.path.conftest import open_desk
from tests.path.test_proposals import GivesWay
from tests.path.wire_client import RawServer

AT_ONCE: Final = 50
OF_EACH_SERVER: Final = 6
OTHER_DATE: Final = "2026-04-09"
Asking = dict[str, JsonValue]


def under(number: int) -> str:
    """Return a key that nobody else uses."""
    return f"fresh-key-{number:04}"


def asked_at_once(plant: Path, askings: list[Asking]) -> tuple[list[Answer | Refusal], list[tuple[str, State]]]:
    """Let a buyer ask for all of it at once; return what it was told, and the proposals that there are then.

    Whatever is asked of a system gives way to the other calls, as it does over a network.
    """
    desk = open_desk(plant)
    proposing = desk.deployment.proposing
    preparation = proposing.preparation
    proposing.preparation = replace(
        preparation, read_model=GivesWay(preparation.read_model), live=GivesWay(preparation.live)
    )
    gateway, buyer = desk.deployment.gateway, desk.deployment.principal("buyer")
    before = dump_hash(plant / "erp.sqlite")

    async def all_at_once() -> list[Answer | Refusal]:
        calls = [ToolCall(tool=DATE_TOOL, arguments=one, call_id=f"call-{n}") for n, one in enumerate(askings)]
        told = await asyncio.gather(*(gateway.call(buyer, one) for one in calls))
        await desk.deployment.disconnect()
        return list(told)

    told = asyncio.run(all_at_once())
    there = [(one.content.proposal_id, one.state) for one in kept(desk.deployment)]
    desk.deployment.close()
    assert dump_hash(plant / "erp.sqlite") == before
    return told, there


@guarantees("P4.idempotent")
def test_fifty_calls_at_once_under_one_key_are_one_proposal_and_all_hear_of_it(plant: Path) -> None:
    """Each of them may be the first; none is refused."""
    told, there = asked_at_once(plant, [dict(NEW_DATE) for _ in range(AT_ONCE)])

    ((proposal_id, state),) = there
    assert state is State.AWAITING_APPROVAL
    assert {shown(one)["proposal_id"] for one in told} == {proposal_id}


@guarantees("P4.idempotent")
def test_fifty_calls_at_once_under_keys_of_their_own_are_one_proposal_and_the_others_hear_of_it(plant: Path) -> None:
    """All of them pass the first look, since nothing is there yet; the store looks again where it stores."""
    told, there = asked_at_once(plant, [{**NEW_DATE, "idempotency_key": under(n)} for n in range(AT_ONCE)])

    ((proposal_id, _),) = there
    refused = [one for one in told if isinstance(one, Refusal)]
    assert Counter((one.code, one.facts["proposal_id"]) for one in refused) == {
        ("proposal.possible_duplicate", proposal_id): AT_ONCE - 1
    }
    print(f"{AT_ONCE} calls under {AT_ONCE} keys: 1 proposal, {len(refused)} told of it as a possible duplicate")


@guarantees("P4.idempotent")
def test_what_is_acknowledged_of_many_at_once_is_one_more_and_no_second_one(plant: Path) -> None:
    """Who has seen the first one and wants both gets the second; whoever acknowledges no more than the first, none."""
    _, there = asked_at_once(plant, [dict(NEW_DATE)])
    ((first, _),) = there
    wanted = {**NEW_DATE, "acknowledge_duplicate_of": first}
    told, there = asked_at_once(plant, [{**wanted, "idempotency_key": under(n)} for n in range(10)])

    assert len(there) == 2
    (second,) = {proposal_id for proposal_id, _ in there} - {first}
    assert [shown(one)["proposal_id"] for one in told if isinstance(one, Answer)] == [second]
    assert {one.facts["proposal_id"] for one in told if isinstance(one, Refusal)} == {second}


@guarantees("P4.idempotent")
def test_of_two_meanings_at_once_under_one_key_one_counts_and_the_other_is_a_conflict(plant: Path) -> None:
    """Whichever is stored first; whoever meant the other one is told by name what stands under the key."""
    askings = [{**NEW_DATE, **({"new_date": OTHER_DATE} if n % 2 else {})} for n in range(20)]
    told, there = asked_at_once(plant, askings)

    ((proposal_id, _),) = there
    answered = [n for n, one in enumerate(told) if isinstance(one, Answer)]
    assert [n % 2 for n in answered] == [answered[0] % 2] * 10
    refused = [one for one in told if isinstance(one, Refusal)]
    assert {(one.code, one.facts["proposal_id"]) for one in refused} == {("proposal.key_reused", proposal_id)}


# --- two server processes ---------------------------------------------------------------------------------------------


def asked_of_two(plant: Path, askings: list[Asking]) -> list[dict[str, Any]]:
    """Ask two servers of one deployment in turn, without waiting; return each structured content in order."""
    command = server_command(plant, "buyer")
    with RawServer(command=command) as one, RawServer(command=command) as two:
        for wire in (one, two):
            wire.handshake()
        for number, asking in enumerate(askings, start=1):
            (one, two)[number % 2].call(number, DATE_TOOL, **asking)
        told = {**one.receive_all(len(askings) // 2), **two.receive_all(len(askings) - len(askings) // 2)}
    return [told[number]["result"]["structuredContent"] for number in sorted(told)]


def proposals(plant: Path) -> list[str]:
    """Return the ids of all proposals that there are."""
    desk = open_desk(plant)
    found = [one.content.proposal_id for one in kept(desk.deployment)]
    desk.deployment.close()
    return found


@guarantees("P4.idempotent", "P4.whole_or_none")
@pytest.mark.parametrize("keys", ["one key", "keys of their own"])
def test_two_servers_asked_for_one_change_at_once_make_one_proposal(plant: Path, keys: str) -> None:
    """Hosts start stdio servers twice, and agents call in parallel; the two share nothing but the state."""
    own = keys == "keys of their own"
    count = 2 * OF_EACH_SERVER
    told = asked_of_two(plant, [{**NEW_DATE, **({"idempotency_key": under(n)} if own else {})} for n in range(count)])

    (proposal_id,) = proposals(plant)
    made = [one for one in told if one.get("tables")]
    refused = [one["error"] for one in told if one.get("error")]
    assert {shown(one)["proposal_id"] for one in made} == {proposal_id}
    assert (len(made), len(refused)) == ((1, count - 1) if own else (count, 0))
    assert {one["code"] for one in refused} <= {"proposal.possible_duplicate"}


@guarantees("P4.idempotent", "P4.whole_or_none")
def test_two_servers_asked_for_two_meanings_under_one_key_make_one_proposal(plant: Path) -> None:
    """Same key and same meaning: the handle. Same key and another meaning: a conflict. Nothing is carried out twice."""
    askings = [{**NEW_DATE, **({"new_date": OTHER_DATE} if n % 2 else {})} for n in range(2 * OF_EACH_SERVER)]
    told = asked_of_two(plant, askings)

    (proposal_id,) = proposals(plant)
    made = [n for n, one in enumerate(told) if one.get("tables")]
    assert {shown(told[n])["proposal_id"] for n in made} == {proposal_id}
    assert [n % 2 for n in made] == [made[0] % 2] * OF_EACH_SERVER
    codes = {told[n]["error"]["code"] for n in range(len(told)) if n not in made}
    assert codes == {"proposal.key_reused"}
