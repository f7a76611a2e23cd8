"""The whole life of one change: proposed over stdio, approved by a person, written by the worker, read again."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
from mcp import Client

from erp_mcp.audit.verify import verify
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, REQUISITION, REQUISITION_TOOL, allow_requisitions, run, shown
from tests.path.conftest import open_desk
from tests.path.test_end_to_end import records, server
from tests.path.wire_client import ROOT, environment
from tests.systems.matrix.covering import CREATE_TOOL, DEMO_PLANT, STALE, covers

PATIENCE_S = 120


async def approve(plant: Path, proposal_id: str, *options: str) -> dict[str, Any]:
    """Say yes as a person does in a terminal; the passphrase comes from the demo's file."""
    command = [sys.executable, "-m", "erp_mcp", "approvals", "approve", proposal_id, "--as", "demo-approver"]
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            [*command, "--yes", "--json", *options, "--demo-dir", str(plant)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment(),
            check=False,
            timeout=PATIENCE_S,
        )
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


async def settled(client: Client, proposal_id: str) -> Any:
    """Poll as an agent does, until nothing more becomes of the proposal."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            result = await client.call_tool("get_proposal", {"proposal_id": proposal_id, "wait_s": 25})
            if shown(result.structured_content)["waiting_for"] in ("nothing", "person"):
                return result.structured_content


@covers(DATE_TOOL, DEMO_PLANT)
@guarantees("P3.people_commit", "P4.one_effect", "P3.agent_told")
async def test_a_new_date_goes_from_the_agent_over_a_person_into_the_erp_and_back(plant: Path) -> None:
    """The agent proposes and polls, a person approves elsewhere, and the next read shows the new date."""
    line = {"purchase_order_id": NEW_DATE["purchase_order_id"]}
    async with Client(server(plant, "buyer")) as client:
        proposed = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(proposed.structured_content)["proposal_id"]
        ended: list[Any] = []

        async def poll() -> None:
            ended.append(await settled(client, proposal_id))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(poll)
            await approve(plant, proposal_id)
        again = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        lines = await client.call_tool("list_purchase_orders", line)

    (answer,) = ended
    assert shown(answer)["state"] == shown(again.structured_content)["state"] == "COMMITTED"
    receipt = shown(answer, "receipt")
    assert receipt["document"].startswith("4500000640")
    assert receipt["version"]
    assert receipt["found"] == "read_back"
    found = [row for row in records(lines.structured_content, "lines") if row["line"] == NEW_DATE["line"]]
    assert [row["promised_date"] for row in found] == ["2026-04-02"]

    desk = open_desk(plant)
    leaves = [json.loads(record.leaf) for record in desk.deployment.state.audit.read_all()]
    report = verify(desk.deployment.state.audit.read_all())
    desk.deployment.close()
    kinds = [leaf["kind"] for leaf in leaves if leaf["facts"].get("proposal_id") == proposal_id]
    moves = [kind for kind in kinds if kind.startswith("proposal.")]
    assert moves == [
        f"proposal.{state}"
        for state in ("proposed", "awaiting_approval", "approved", "claimed", "sending", "committed")
    ]
    assert report.intact


@covers(CREATE_TOOL, DEMO_PLANT)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_a_requisition_is_made_once_with_our_reference_in_it(plant: Path) -> None:
    """The receipt names a document that is in the ERP, and only one row carries the reference."""
    allow_requisitions(plant)
    async with Client(server(plant, "buyer")) as client:
        proposed = await client.call_tool(REQUISITION_TOOL, dict(REQUISITION))
        proposal_id = shown(proposed.structured_content)["proposal_id"]
        await approve(plant, proposal_id)
        answer = await settled(client, proposal_id)

    desk = open_desk(plant)
    reference = desk.deployment.state.proposals.get(proposal_id).content.command.reference
    desk.deployment.close()
    assert shown(answer)["state"] == "COMMITTED"
    assert shown(answer)["document"] == shown(answer, "receipt")["document"]
    with closing(sqlite3.connect(plant / "erp.sqlite")) as erp:
        dump = "\n".join(erp.iterdump())
    assert dump.count(reference) == 1
    assert shown(answer, "receipt")["document"].partition("/")[0] in dump


@covers(STALE, DEMO_PLANT)
@guarantees("P3.agent_told", "P4.stale")
async def test_a_line_that_changed_meanwhile_is_not_written_and_the_agent_is_told_to_read_again(plant: Path) -> None:
    """Another buyer was quicker, in the ERP itself."""
    async with Client(server(plant, "buyer")) as client:
        proposed = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(proposed.structured_content)["proposal_id"]
        with closing(sqlite3.connect(plant / "erp.sqlite")) as erp, erp:
            erp.execute("UPDATE po_item SET changed_at = '2026-03-16T04:59:59Z' WHERE po_no = '4500000640'")
        await approve(plant, proposal_id)
        answer = await settled(client, proposal_id)

    assert shown(answer)["state"] == "STALE"
    assert "Read it again" in shown(answer)["next_step"]


@guarantees("P3.agent_told", "P10.survives")
async def test_without_a_worker_the_agent_reads_what_it_waits_for_and_a_later_one_goes_on(plant: Path) -> None:
    """A long poll ends at the approval; the next one at the receipt, whenever a worker comes."""
    async with Client(server(plant, "buyer")) as client:
        proposed = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(proposed.structured_content)["proposal_id"]
        waited: list[Any] = []

        async def wait() -> None:
            result = await client.call_tool("get_proposal", {"proposal_id": proposal_id, "wait_s": 25})
            waited.append(shown(result.structured_content))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await approve(plant, proposal_id, "--no-worker")
        await anyio.to_thread.run_sync(run, plant, "worker", "--once")
        answer = await settled(client, proposal_id)

    (row,) = waited
    assert (row["state"], row["waiting_for"]) == ("APPROVED", "worker")
    assert row["next_step"] == "Approved, waiting for the worker. Poll get_proposal."
    assert shown(answer)["state"] == "COMMITTED"
