"""A CAP behind a queue: taken in with OData's status monitor and done later, through worker processes of their own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from mcp import Client

from erp_mcp.bootstrap import SystemClock
from tests.guarantees import guarantees
from tests.path.test_end_to_end import records
from tests.systems.approving import HISTORY, Losing, approve, deploy
from tests.systems.cap.buying import Buyer, buying
from tests.systems.cap.server import Cap
from tests.systems.cap.test_commit import PATHWAY, system_of
from tests.systems.cap.test_writes import UNITS
from tests.systems.tryton.test_gateway import ask, planner, run
from tests.taking_in import Queued

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("warm_servers")]

PROFILE: Final = "s4hana-v4"
CREATE: Final = "propose_create_purchase_requisition"
ACK_S: Final = 900
_HEAD: Final = "    purchase_requisition.create:\n      contract: readback\n      settle_s: 0\n"
_TAKEN_IN: Final = f"""\
    purchase_requisition.create:
      contract: readback
      settle_s: {ACK_S}
      accepted: {{ticket: {{location: address}}, respond_async: true, every_s: 1, ack_s: {ACK_S}}}
"""
_BOUND_S: Final = 400  # three leases: a worker that is killed while it asks holds one


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A deployment that writes to a CAP behind a queue."""

    folder: Path
    losing: Losing[Queued]

    @property
    def queue(self) -> Queued:
        return self.losing.relay

    @property
    def config(self) -> tuple[str, str]:
        return "--config", str(self.folder / "erp-mcp.yaml")

    def carry_out(self) -> None:
        """Let the queue do what waits."""
        asyncio.run_coroutine_threadsafe(self.queue.front.work(), self.losing.loop).result(60)

    def known(self, proposal_id: str) -> dict[str, Any]:
        """Return what an operator is shown of a proposal."""
        found = json.loads(run("proposals", "show", proposal_id, "--json", *self.config))
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def buyer(cap: Cap) -> Iterator[Buyer]:
    """Somebody beside the gateway, who puts everything back."""
    with buying(cap) as one:
        yield one


@pytest.fixture(scope="module")
def place(cap: Cap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A deployment whose profile says that requisitions may be taken in first."""
    folder = tmp_path_factory.mktemp("queued") / "plant"
    with Losing(Queued(cap.url)) as losing:
        system = system_of(folder, cap, losing.relay.url, PROFILE)
        deploy(folder, PROFILE, system, declared=("sap", PATHWAY), without=HISTORY)
        profile = folder / "profiles" / f"{PROFILE}-quick.yaml"
        text = profile.read_text(encoding="utf-8")
        assert text.count(_HEAD) == 1
        profile.write_text(text.replace(_HEAD, _TAKEN_IN), encoding="utf-8")
        one = Place(folder=folder, losing=losing)
        secret = str(folder.parent / "anna")
        run("policy", "apply", "--yes", "--as", "anna", "--passphrase-file", secret, *one.config)
        yield one


async def taken_in(place: Place, buyer: Buyer, number: int) -> str:
    """Propose a requisition, let a person approve it and a worker send it; return its id once it waits for the word."""
    line = buyer.lines[-number]
    day = (SystemClock().wall().date() + timedelta(days=300 + number)).isoformat()
    async with Client(planner(place.folder)) as client:
        proposed = await ask(
            client, CREATE, reason="The press needs it.", idempotency_key=f"queued-{number:08}", qty=f"{4000 + number}",
            material_id=line.material, site=line.plant, uom=UNITS[line.unit], delivery_date=day,
        )  # fmt: skip
    (waiting,) = records(proposed, "proposal")
    proposal_id = str(waiting["proposal_id"])
    await anyio.to_thread.run_sync(approve, place.folder, proposal_id)
    await until(lambda: place.known(proposal_id)["state"] == "AWAITING_ACK")
    return proposal_id


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, within a bound that only a machine at a standstill passes."""
    end = time.monotonic() + _BOUND_S
    while not await anyio.to_thread.run_sync(holds):
        assert time.monotonic() < end
        await anyio.sleep(0.5)


async def worked(place: Place, proposal_id: str) -> dict[str, Any]:
    """Let one worker after the other do what is due until it is over, as a service would."""

    def is_over() -> bool:
        known = place.known(proposal_id)
        if known["state"] == "AWAITING_ACK" and datetime.fromisoformat(known["asked_again_at"]) > SystemClock().wall():
            return False
        if known["state"] in {"AWAITING_ACK", "RECONCILING", "UNKNOWN"}:
            run("worker", "--once", *place.config)
        return bool(place.known(proposal_id)["state"] in {"COMMITTED", "REFUSED_BY_SYSTEM", "NEEDS_HUMAN"})

    await until(is_over)
    async with Client(planner(place.folder)) as client:
        return await ask(client, "get_proposal", proposal_id=proposal_id)


@guarantees("P4.accepted", "P4.one_effect", "commands.taken_in")
async def test_what_a_queue_before_cap_took_in_is_one_document_once_it_was_carried_out(
    place: Place, buyer: Buyer
) -> None:
    """Until then nothing is there and nobody sends it again; the receipt names what CAP's database has."""
    before, written = buyer.made(), len(place.queue.written)
    proposal_id = await taken_in(place, buyer, 1)
    known = place.known(proposal_id)
    assert known["ticket"].endswith("/async/T-1")
    assert known["ticket"].startswith("/")
    assert (buyer.made(), len(place.queue.written)) == (before, written)

    place.carry_out()
    answer = await worked(place, proposal_id)

    (key,) = buyer.made().keys() - before.keys()
    assert [one["document"] for one in records(answer, "receipt")] == [key.partition("/")[0]]
    assert records(answer, "proposal")[0]["state"] == "COMMITTED"
    assert (len(place.queue.front.taken), len(place.queue.written)) == (1, written + 1)


@guarantees("P4.accepted", "P4.one_effect", "P10.survives")
async def test_a_worker_that_is_killed_while_it_waits_is_followed_by_one_that_asks_with_the_same_ticket(
    place: Place, buyer: Buyer
) -> None:
    """SIGKILL between two questions: nothing of what it waited for is lost, and nothing is sent a second time."""
    front, before = place.queue.front, buyer.made()
    proposal_id = await taken_in(place, buyer, 2)
    ticket, asked = place.known(proposal_id)["ticket"], front.asked
    worker = subprocess.Popen(
        [sys.executable, "-m", "erp_mcp", "worker", *place.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await until(lambda: front.asked > asked and place.known(proposal_id)["state"] == "AWAITING_ACK")
    finally:
        worker.kill()
        worker.wait(30)
    assert worker.returncode == -signal.SIGKILL
    taken = len(front.taken)
    place.carry_out()

    answer = await worked(place, proposal_id)

    assert records(answer, "proposal")[0]["state"] == "COMMITTED"
    (key,) = buyer.made().keys() - before.keys()
    assert [one["document"] for one in records(answer, "receipt")] == [key.partition("/")[0]]
    assert (place.known(proposal_id)["ticket"], len(front.taken)) == (ticket, taken)
