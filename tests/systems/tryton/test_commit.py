"""The whole path of a write through a deployment into a running Tryton: proposed, approved, committed, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from mcp import Client

from erp_mcp.systems.load import load_profile
from erp_mcp.testing import CommandFault
from tests.guarantees import guarantees
from tests.path.test_end_to_end import records
from tests.relaying import Relay, before_json_rpc
from tests.systems.approving import Losing, Served, approve, deploy, ended
from tests.systems.matrix.covering import CHANGE_TOOL, CREATE_TOOL, DATE_TOOL, LOST_REPLY, TRYTON, covers
from tests.systems.tryton import buying
from tests.systems.tryton.conftest import ROOT
from tests.systems.tryton.rpc import Rpc, Value
from tests.systems.tryton.server import Running
from tests.systems.tryton.test_gateway import SYSTEM, ask, planner, run
from tests.warm import COLD, used

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("warm_servers")]

PROFILE: Final = load_profile("tryton", [ROOT / "erp_mcp" / "systems"])

WRITE: Final = """\
    write:
      account: {account}
      secret: "file:{secret}"
"""
RULE: Final = """
  - id: planner-changes
    effect: permit
    roles: [planner]
    tools: [propose_change_purchase_order]
    evidence: {accepted_by: anna, reason: a test system}
    left_to_people: [R-BUDGET, R-MIN-QTY, R-TERMS]
"""
CASE: Final = """
  - name: a planner proposes a change
    role: planner
    tool: propose_change_purchase_order
    expect: allowed
    by: [planner-changes]
    not_by: [planner-requisitions]

  - name: a planner proposes a date once more
    role: planner
    tool: propose_update_delivery_date
    expect: allowed
    by: [planner-delivery-dates]
    not_by: [planner-changes]
"""
ITEMS: Final = {"none": "RM-302", "lost_after": "RM-301", "lost_before": "RM-314"}  # nobody has ordered them


@pytest.fixture(scope="module")
def ordered(person: Rpc) -> buying.Ordered:
    """A purchase that is to come in a week."""
    return buying.order(person)


@pytest.fixture(scope="module")
def changing(person: Rpc) -> buying.Ordered:
    """A purchase of which more is wanted."""
    return buying.order(person)


@pytest.fixture(scope="module")
def losing(tryton: Running) -> Iterator[Losing[Relay]]:
    """What stands between the deployment and Tryton; it passes everything on until it is told otherwise."""
    with Losing(before_json_rpc(tryton.url)) as one:
        yield one


@pytest.fixture(scope="module")
def deployment(
    tryton: Running,
    losing: Losing[Relay],
    ordered: buying.Ordered,
    changing: buying.Ordered,
    person: Rpc,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A deployment with two approvers and both writes on: `anna` signs the policy, `bert` decides."""
    earlier: list[Value] = [["state", "=", "draft"], ["lines.product.code", "in", list(ITEMS.values())]]
    person("purchase.requisition.cancel", [row["id"] for row in person.find("purchase.requisition", earlier, [])])
    folder = tmp_path_factory.mktemp("writes") / "plant"
    deploy(folder, "tryton", system_of(tryton, losing.relay.url))
    quick = folder / "profiles" / "tryton-quick.yaml"
    quick.write_text(re.sub(r"ask_s: \d+", "ask_s: 0", quick.read_text(encoding="utf-8")), encoding="utf-8")
    for name, added in (("base.yaml", RULE), ("tests/base.yaml", CASE)):
        file = folder / "policies" / name
        file.write_text(file.read_text(encoding="utf-8") + added, encoding="utf-8")
    by_anna = ("--as", "anna", "--passphrase-file", str(folder.parent / "anna"))
    run("policy", "apply", "--yes", *by_anna, "--config", str(folder / "erp-mcp.yaml"))
    with Served(folder):
        yield folder


def system_of(tryton: Running, url: str) -> str:
    """Return the configuration of a Tryton that may be written to."""
    read, write = (Path(one).absolute() for one in (tryton.password_file, tryton.write_password_file))
    system = SYSTEM.format(url=url, database=tryton.database, account=tryton.user, secret=read)
    return system.replace("profile: tryton", "profile: tryton-quick") + WRITE.format(
        account=tryton.write_user, secret=write
    )


async def committed(folder: Path, tool: str, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a proposal that must be committed, and its receipt."""
    found, receipts = await ended(folder, tool, **arguments)
    assert found["state"] == "COMMITTED", found
    (receipt,) = receipts
    return found, receipt


@covers(DATE_TOOL, TRYTON)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_an_approved_date_stands_in_tryton(deployment: Path, ordered: buying.Ordered, person: Rpc) -> None:
    """Until the approval nothing has changed there; afterwards the goods are planned for that day."""
    day = (ordered.day + timedelta(days=5)).isoformat()
    async with Client(planner(deployment)) as client:
        await ask(
            client, "propose_update_delivery_date", purchase_order_id=ordered.number, line=ordered.key, new_date=day,
            reason="The supplier told us so this morning.", idempotency_key="date-of-gaskets",
        )  # fmt: skip
    assert [one for _, one in buying.moves(person, ordered.line).values()] == [ordered.day.isoformat()]

    with used(COLD):  # one worker is started as people's approvals start it
        found, receipt = await committed(
            deployment, "propose_update_delivery_date", purchase_order_id=ordered.number, line=ordered.key,
            new_date=day, idempotency_key="date-of-gaskets",
        )  # fmt: skip

    assert [one for _, one in buying.moves(person, ordered.line).values()] == [day]
    assert (found["document"], receipt["document"]) == (f"{ordered.number}/{ordered.key}", ordered.number)
    assert receipt["found"] == "read_back"
    async with Client(planner(deployment)) as client:
        listed = records(await ask(client, "list_purchase_orders", purchase_order_id=ordered.number), "lines")
    assert [row["promised_date"] for row in listed] == [day]


@covers(CREATE_TOOL, TRYTON)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_an_approved_requisition_is_one_draft_in_tryton(deployment: Path, person: Rpc, tryton: Running) -> None:
    """With the number that the receipt names, once, by the account that writes."""
    day = (buying.today(person) + timedelta(days=30)).isoformat()
    before = person("purchase.requisition.search_count", [])

    _, receipt = await committed(
        deployment, "propose_create_purchase_requisition", material_id=ITEMS["none"], site="WH", qty="15", uom="C62",
        delivery_date=day, idempotency_key="shafts-for-spring",
    )  # fmt: skip

    fields = ["number", "state", "create_uid.login", "supply_date", "lines.quantity", "lines.product.code"]
    (made,) = person.find("purchase.requisition", [["number", "=", receipt["document"]]], fields)
    assert person("purchase.requisition.search_count", []) == before + 1
    assert (made["state"], made["create_uid."]["login"], buying.iso(made["supply_date"])) == (
        "draft",
        tryton.write_user,
        day,
    )
    assert [(one["quantity"], one["product."]["code"]) for one in made["lines."]] == [(15.0, ITEMS["none"])]


@covers(LOST_REPLY, TRYTON)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(("how", "state"), [("lost_after", "COMMITTED"), ("lost_before", "NOT_APPLIED")])
async def test_a_lost_answer_makes_no_second_requisition(
    deployment: Path, losing: Losing[Relay], person: Rpc, how: CommandFault, state: str
) -> None:
    """The worker does not know, does not send again, and reads back; the agent is told what is there."""
    day = (buying.today(person) + timedelta(days=30)).isoformat()
    with losing.writes(how) as written:
        found, receipts = await ended(
            deployment, "propose_create_purchase_requisition", material_id=ITEMS[how], site="WH", qty="15", uom="C62",
            delivery_date=day, idempotency_key=f"shafts-{how}",
        )  # fmt: skip
    took_effect = how == "lost_after"
    domain: list[Value] = [["lines.product.code", "=", ITEMS[how]], ["state", "=", "draft"]]
    made = person.find("purchase.requisition", domain, ["number"])
    assert (found["state"], len(made), len(written)) == (state, int(took_effect), int(took_effect))
    assert [one["document"] for one in receipts] == [one["number"] for one in made]
    assert [one["found"] for one in receipts] == ["read_back"] * int(took_effect)


@covers(LOST_REPLY, TRYTON)
@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(("how", "state"), [("lost_after", "COMMITTED"), ("lost_before", "NOT_APPLIED")])
async def test_a_lost_answer_about_a_date_is_read_back(
    deployment: Path, losing: Losing[Relay], ordered: buying.Ordered, person: Rpc, how: CommandFault, state: str
) -> None:
    """Either the goods are planned for the new day and it is committed, or they are not and it is not applied."""
    (before,) = [one for _, one in buying.moves(person, ordered.line).values()]
    day = (ordered.day + timedelta(days=8 if how == "lost_after" else 9)).isoformat()
    with losing.writes(how) as written:
        found, _ = await ended(
            deployment, "propose_update_delivery_date", purchase_order_id=ordered.number, line=ordered.key,
            new_date=day, idempotency_key=f"gaskets-{how}",
        )  # fmt: skip
    took_effect = how == "lost_after"
    assert (found["state"], len(written)) == (state, int(took_effect))
    assert [one for _, one in buying.moves(person, ordered.line).values()] == [day if took_effect else before]


@covers((CHANGE_TOOL, LOST_REPLY), TRYTON)
@guarantees("P3.people_commit", "P4.one_effect", "P4.accepted")
async def test_an_approved_change_waits_for_a_buyer_although_the_answer_was_lost(
    deployment: Path, losing: Losing[Relay], changing: buying.Ordered, person: Rpc
) -> None:
    """Approved here, it stands in Tryton as a draft; the receipt comes when the line has what was approved."""
    with losing.writes("lost_after") as written:
        async with Client(planner(deployment)) as client:
            proposed = await ask(
                client, "propose_change_purchase_order", purchase_order_id=changing.number, line=changing.key, qty="45",
                reason="One more pump is sold.", idempotency_key="more-gaskets",
            )  # fmt: skip
        number = records(proposed, "proposal")[0]["proposal_id"]
        await anyio.to_thread.run_sync(approve, deployment, number)
        waiting = await worked_off(deployment, number, until="AWAITING_ACK")
        assert (waiting["state"], len(written)) == ("AWAITING_ACK", 1)
    assert [quantity for _, quantity, _ in buying.lines(person, changing.purchase)] == ["30.0"]

    (draft,) = person.find("purchase.amendment", [["purchase", "=", changing.purchase]], ["description"])
    buying.say_yes(person, draft["description"])
    done = await worked_off(deployment, number, until="COMMITTED")

    assert done["state"] == "COMMITTED"
    assert [quantity for _, quantity, _ in buying.lines(person, changing.purchase)] == ["45.0"]
    assert person("purchase.amendment.search_count", [["purchase", "=", changing.purchase]]) == 1


async def worked_off(folder: Path, proposal_id: str, *, until: str) -> dict[str, Any]:
    """Let one worker after the other look until a proposal has a state, or for some tries; return it."""
    found: dict[str, Any] = {}
    for _ in range(8):
        await anyio.to_thread.run_sync(run, "worker", "--once", "--config", str(folder / "erp-mcp.yaml"))
        async with Client(planner(folder)) as client:
            (found,) = records(await ask(client, "get_proposal", proposal_id=proposal_id), "proposal")
        if found["state"] == until:
            break
        await anyio.sleep(2)  # what waits is asked again after five seconds
    return found


@guarantees("P5.moves_proved")
def test_what_was_written_to_tryton_is_in_an_audit_that_verifies(deployment: Path) -> None:
    """Proposals, approvals, receipts: nothing out of order."""
    told = json.loads(run("audit", "verify", "--json", "--config", str(deployment / "erp-mcp.yaml")))
    assert told["intact"] is True


@guarantees("commands.probe")
def test_the_probe_says_that_every_write_is_ready(deployment: Path) -> None:
    """What an administrator looks at before turning them on."""
    told = json.loads(run("systems", "probe", "tryton", "--json", "--config", str(deployment / "erp-mcp.yaml")))
    assert [one["verified"] for one in told["operations"]] == [True] * len(PROFILE.commands)
    assert (told["problems"], told["writes"]["account"]) == ([], "gateway_write")
