"""The whole path of a write through a deployment into a running CAP: proposed, approved, committed, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from mcp import Client

from erp_mcp.bootstrap import SystemClock
from erp_mcp.testing import CommandFault
from tests.guarantees import guarantees
from tests.relaying import Relay, before_odata
from tests.systems.approving import HISTORY, Losing, Served, deploy, ended, ended_at_last
from tests.systems.cap.buying import Buyer, Line, buying
from tests.systems.cap.server import Cap
from tests.systems.cap.test_writes import PROFILES as SHIPPED
from tests.systems.cap.test_writes import UNITS, other_side
from tests.systems.matrix.covering import CAP_V2, CAP_V4, CREATE_TOOL, DATE_TOOL, FAULTS, LOST_REPLY, STALE, Of, covers
from tests.systems.tryton.test_gateway import ask, planner, run

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("warm_servers")]

SYSTEM: Final = """\
systems:
  sap:
    profile: {profile}
    url: {url}
    account: {reader}
    secret: "file:{folder}/reader"
    write:
      account: {writer}
      secret: "file:{folder}/writer"
"""
CAP_BY_PLACE: Final = Of("place", {"s4hana": CAP_V2, "s4hana-v4": CAP_V4})
PATHWAY: Final = "a test system of ours that speaks the protocol and holds no software of SAP's licensed pathways"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A deployment that writes over one version of the protocol, and what stands before the rig for it."""

    folder: Path
    losing: Losing[Relay]
    profile: str

    @property
    def turn(self) -> int:
        """Which of the profiles it is: each asks for other lines, materials and days."""
        return sorted(SHIPPED).index(self.profile)


@pytest.fixture(scope="module")
def buyer(cap: Cap) -> Iterator[Buyer]:
    """Somebody beside the gateway, who puts everything back."""
    with buying(cap) as one:
        yield one


@pytest.fixture(scope="module", params=sorted(SHIPPED))
def place(cap: Cap, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A deployment with two approvers and both writes on: `anna` signs the policy, `bert` decides."""
    folder = tmp_path_factory.mktemp(request.param) / "plant"
    with Losing(before_odata(cap.url)) as losing:
        system = system_of(folder, cap, losing.relay.url, request.param)
        deploy(folder, request.param, system, declared=("sap", PATHWAY), without=HISTORY)
        with Served(folder):
            yield Place(folder=folder, losing=losing, profile=request.param)


def system_of(folder: Path, cap: Cap, url: str, profile: str) -> str:
    """Return the configuration of a rig that may be written to; the secrets lie beside the deployment."""
    base = folder.parent
    for name, text in (("reader", cap.reader_password), ("writer", cap.writer_password)):
        (base / name).touch(mode=0o600)
        (base / name).write_text(text, encoding="utf-8")
    return SYSTEM.format(profile=f"{profile}-quick", url=url, reader=cap.reader, writer=cap.writer, folder=base)


def a_day(place: Place, number: int) -> str:
    """Return a day that any lead time allows."""
    return (SystemClock().wall().date() + timedelta(days=200 + 60 * place.turn + number)).isoformat()


def material(place: Place, buyer: Buyer, number: int) -> Line:
    """Return a line whose material no other test asks for."""
    seen: dict[str, Line] = {}
    for line in buyer.lines:
        seen.setdefault(line.material, line)
    return list(seen.values())[3 * place.turn + number]


@covers(DATE_TOOL, CAP_BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_an_approved_date_stands_in_the_system(place: Place, buyer: Buyer) -> None:
    """Until the approval nothing has changed; afterwards it stands there for everybody, by either version."""
    line, day = buyer.lines[3 * place.turn + 0], a_day(place, 1)
    before = buyer.date(line)
    named = {"purchase_order_id": line.order, "line": line.item, "new_date": day}
    async with Client(planner(place.folder)) as client:
        await ask(
            client, "propose_update_delivery_date", reason="The supplier told us so this morning.",
            idempotency_key="date-first", **named,
        )  # fmt: skip
    assert buyer.date(line) == before

    found, receipts = await ended(place.folder, "propose_update_delivery_date", idempotency_key="date-first", **named)

    assert found["state"] == "COMMITTED", found
    assert buyer.date(line) == other_side(SHIPPED[place.profile], buyer, line) == day
    assert [(one["document"], one["found"]) for one in receipts] == [(line.order, "read_back")]


@covers(CREATE_TOOL, CAP_BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_an_approved_requisition_is_one_document(place: Place, buyer: Buyer, cap: Cap) -> None:
    """With the number that the receipt names, once, by the account that writes."""
    line, before = material(place, buyer, 0), buyer.made()
    found, receipts = await ended(place.folder, "propose_create_purchase_requisition", **asked(line, 1, place, "none"))
    assert found["state"] == "COMMITTED", found
    (key,) = buyer.made().keys() - before.keys()
    assert [one["document"] for one in receipts] == [key.partition("/")[0]]


def asked(line: Line, number: int, place: Place, how: str) -> dict[str, str]:
    """Return the arguments of a requisition that no earlier one equals."""
    return {
        "material_id": line.material, "site": line.plant, "qty": "5000", "uom": UNITS[line.unit],
        "delivery_date": a_day(place, number), "idempotency_key": f"need-{place.profile}-{how}",
    }  # fmt: skip


@covers(LOST_REPLY, CAP_BY_PLACE)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(("how", "state"), [("lost_after", "COMMITTED"), ("lost_before", "NOT_APPLIED")])
async def test_an_answer_cut_after_the_commit_makes_no_second_document(
    place: Place, buyer: Buyer, how: CommandFault, state: str
) -> None:
    """The worker does not know, does not send again, and reads back; the agent is told what is there."""
    line, before = material(place, buyer, 1 if how == "lost_after" else 2), buyer.made()
    with place.losing.writes(how) as written:
        found, receipts = await ended(place.folder, "propose_create_purchase_requisition", **asked(line, 2, place, how))
    made = buyer.made().keys() - before.keys()
    took_effect = int(how == "lost_after")
    assert (found["state"], len(made), len(written)) == (state, took_effect, took_effect)
    assert [one["document"] for one in receipts] == [key.partition("/")[0] for key in made]


@covers(LOST_REPLY, CAP_BY_PLACE)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(("how", "state"), [("lost_after", "COMMITTED"), ("lost_before", "NOT_APPLIED")])
async def test_a_date_whose_answer_is_lost_is_read_back(
    place: Place, buyer: Buyer, how: CommandFault, state: str
) -> None:
    """Either the new day stands there and it is committed, or it does not and it is not applied."""
    line = buyer.lines[3 * place.turn + 1]
    before, day = buyer.date(line), a_day(place, 8 if how == "lost_after" else 9)
    with place.losing.writes(how) as written:
        found, _ = await ended(
            place.folder, "propose_update_delivery_date", purchase_order_id=line.order, line=line.item, new_date=day,
            idempotency_key=f"date-{how}-1",
        )  # fmt: skip
    took_effect = how == "lost_after"
    assert (found["state"], len(written)) == (state, int(took_effect))
    assert buyer.date(line) == (day if took_effect else before)


@covers(FAULTS, CAP_BY_PLACE)
@guarantees("P4.turned_away", "P4.one_effect")
@pytest.mark.parametrize("wait_s", [0, 1])
async def test_what_was_done_though_turned_away_is_committed_once(place: Place, buyer: Buyer, wait_s: int) -> None:
    """A 429 after the effect, of a date and of a new document: found by reading back, and not sent a second time."""
    line, before = buyer.lines[3 * place.turn + 0], buyer.made()
    dated = {"purchase_order_id": line.order, "line": line.item, "new_date": a_day(place, 12 + wait_s)}
    new = asked(material(place, buyer, 0), 30 + 20 * wait_s, place, f"limited-{wait_s}")
    new["qty"] = str(6000 + 1000 * wait_s)  # more than what is open for it
    relay = place.losing.relay
    relay.written.clear()
    for tool, arguments in (
        ("propose_update_delivery_date", {**dated, "idempotency_key": f"date-limited-{wait_s}"}),
        ("propose_create_purchase_requisition", new),
    ):
        relay.limited = wait_s
        found, receipts = await ended_at_last(place.folder, tool, **arguments)
        assert (found["state"], [one["found"] for one in receipts]) == ("COMMITTED", ["read_back"]), found
    assert (len(relay.written), buyer.date(line)) == (2, dated["new_date"])
    assert len(buyer.made().keys() - before.keys()) == 1


@covers(STALE, CAP_BY_PLACE)
@guarantees("P4.stale")
async def test_what_a_person_changed_since_the_approval_is_not_overwritten(place: Place, buyer: Buyer) -> None:
    """Between the worker's look and its write stands the version."""
    line, theirs = buyer.lines[3 * place.turn + 2], a_day(place, 20)
    place.losing.relay.before = lambda: buyer.by_hand(line, theirs)
    try:
        found, _ = await ended(
            place.folder, "propose_update_delivery_date", purchase_order_id=line.order, line=line.item,
            new_date=a_day(place, 21), idempotency_key="date-stale",
        )  # fmt: skip
    finally:
        place.losing.relay.before = lambda: None
    assert (found["state"], buyer.date(line)) == ("STALE", theirs)


@guarantees("P5.moves_proved", "commands.probe")
def test_what_was_written_is_in_an_audit_that_verifies(place: Place) -> None:
    """Declaration, proposals, approvals, receipts are in order, and the probe says that both writes are ready."""
    at = ("--config", str(place.folder / "erp-mcp.yaml"))
    assert json.loads(run("audit", "verify", "--json", *at))["intact"] is True
    told = json.loads(run("systems", "probe", "sap", "--json", *at))
    assert all(one["verified"] for one in told["operations"]), told["operations"]
