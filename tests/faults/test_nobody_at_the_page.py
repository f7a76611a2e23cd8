"""The page is away, and the mail server that would tell people: proposals wait, and the terminal decides."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from tests.faults.shop import Shop, code
from tests.guarantees import guarantees
from tests.path.test_break_glass import promise, proposed
from tests.path.test_targets import worked
from tests.prepared import DemoPlant
from tests.unit.cli.test_notices import Mailbox, run, serving

_CONFIG = "erp-mcp.yaml"


@pytest.fixture
def port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def plant(tmp_path: Path, demo_plant: DemoPlant, port: int) -> Path:
    """The demo plant, whose notices lead to a page that is not there, by a mail server that is not there either."""
    folder = demo_plant(tmp_path / "d")
    mail = f"{{host: 127.0.0.1, port: {port}, encryption: none, sender: g@p.example, operators: [ops@p.example],"
    mail += " people: {demo-approver: a@p.example}}"
    with (folder / _CONFIG).open("a", encoding="utf-8") as file:
        file.write(f"deadline_s: 60\nnotices:\n  page: https://page.example\n  mail: {mail}\n")
    return folder


def told(plant: Path) -> int:
    """Let a process tell what is new; return how many notices it sent."""
    deployment = open_deployment(plant / _CONFIG)

    async def tells() -> int:
        notifier = deployment.notifier()
        try:
            return await notifier.work("worker:tells")
        finally:
            await notifier.close()

    try:
        return asyncio.run(tells())
    finally:
        deployment.close()


def behind(plant: Path) -> int:
    """Return how many events `notices status` says are not told yet."""
    (mail,) = json.loads(run(plant / _CONFIG, "status", "--json").stdout)
    return int(mail["events_behind"])


@guarantees("P3.people_commit", "P3.notices", "P10.outage")
def test_without_a_page_a_proposal_waits_its_notice_queues_and_the_terminal_decides(plant: Path, port: int) -> None:
    """Nothing is sent before somebody said yes, whoever could be told and whoever could not."""
    assert told(plant) == 0  # from here on
    before, handle = promise(plant), proposed(plant)
    assert told(plant) == 0
    assert behind(plant) > 0
    assert (worked(plant, handle)[0], promise(plant)) == (State.AWAITING_APPROVAL, before)

    box = Mailbox()
    with serving(box, port):
        assert told(plant) == 1
    (message,) = box.messages
    assert handle in message.decode("utf-8")
    assert behind(plant) == 0
    assert (worked(plant, handle)[0], promise(plant)) == (State.AWAITING_APPROVAL, before)

    words = ["approvals", "approve", handle, "--as", "demo-approver", "--yes", "--no-worker", "--demo-dir", str(plant)]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert worked(plant, handle) == (State.COMMITTED, "")
    assert promise(plant) != before


@guarantees("P3.people_commit", "P3.expires", "P10.outage")
def test_what_nobody_could_decide_in_time_expires_and_what_was_approved_goes_on(shop: Shop) -> None:
    """An agent may propose all the while; its proposal is over with its time, and the ERP has nothing of it."""
    shop.clock.pass_by(3601)  # the window of the limit is open again
    assert code(shop.propose()) == ""
    (made,) = shop.deployment.state.proposals.in_states((State.AWAITING_APPROVAL,))
    shop.work()
    assert shop.states() == [("COMMITTED", "")] * 3
    assert shop.deployment.state.proposals.get(made.content.proposal_id).state is State.AWAITING_APPROVAL
    shop.clock.pass_by(24 * 3600)
    shop.work()
    assert shop.deployment.state.proposals.get(made.content.proposal_id).state is State.EXPIRED
    assert shop.effects() == 3
    assert code(shop.propose()) == ""
