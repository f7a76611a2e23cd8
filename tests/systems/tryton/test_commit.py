"""The whole path of a write through a deployment into a running Tryton: proposed, approved, committed, read back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

import anyio
import pytest
from mcp import Client

from erp_mcp.testing import CommandFault
from tests.guarantees import guarantees
from tests.path.test_end_to_end import records
from tests.systems.tryton import buying
from tests.systems.tryton.conftest import ROOT
from tests.systems.tryton.rpc import Rpc, Value
from tests.systems.tryton.server import Running
from tests.systems.tryton.test_gateway import SYSTEM, ask, planner, run
from tests.unit.adapters.jsonrpc.relay import Relay

pytestmark = pytest.mark.live

WRITE: Final = """\
    write:
      account: {account}
      secret: "file:{secret}"
"""
RULES: Final = """
  - id: planner-delivery-dates
    effect: permit
    roles: [planner]
    tools: [propose_update_delivery_date]
    evidence: {accepted_by: anna, reason: a test system}

  - id: planner-requisitions
    effect: permit
    roles: [planner]
    tools: [propose_create_purchase_requisition]
    evidence: {accepted_by: anna, reason: a test system}
"""
CASES: Final = """
  - name: a planner proposes a date
    role: planner
    tool: propose_update_delivery_date
    expect: allowed
    by: [planner-delivery-dates]
    not_by: [planner-requisitions]

  - name: a planner proposes a requisition
    role: planner
    tool: propose_create_purchase_requisition
    expect: allowed
    by: [planner-requisitions]
    not_by: [planner-delivery-dates]
"""
ITEMS: Final = {"none": "RM-302", "lost_after": "RM-301", "lost_before": "RM-314"}  # nobody has ordered them
QUICK: Final = "tryton-quick"  # the shipped profile, but a miss counts at once


@pytest.fixture(scope="module")
def ordered(person: Rpc) -> buying.Ordered:
    """A purchase that is to come in a week."""
    return buying.order(person)


class Losing:
    """A relay before Tryton for the whole module, in a loop of its own, since commands are run in this one."""

    def __init__(self, target: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.relay = Relay(target)
        self._thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self.relay.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self.relay.__aexit__())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    @contextlib.contextmanager
    def writes(self, how: CommandFault) -> Iterator[list[str]]:
        """Lose each write, or each answer to one; yield those that reached Tryton."""
        self.relay.written.clear()
        self._do(self.relay.fault(how))
        yield self.relay.written
        self._do(self.relay.fault("none"))

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@pytest.fixture(scope="module")
def losing(tryton: Running) -> Iterator[Losing]:
    """What stands between the deployment and Tryton; it passes everything on until it is told otherwise."""
    with Losing(tryton.url) as one:
        yield one


@pytest.fixture(scope="module")
def deployment(
    tryton: Running, losing: Losing, ordered: buying.Ordered, person: Rpc, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A deployment with two approvers and both writes on: `anna` signs the policy, `bert` decides."""
    earlier: list[Value] = [["state", "=", "draft"], ["lines.product.code", "in", list(ITEMS.values())]]
    person("purchase.requisition.cancel", [row["id"] for row in person.find("purchase.requisition", earlier, [])])
    folder = tmp_path_factory.mktemp("writes") / "plant"
    for name in ("anna", "bert"):
        secret_file(folder.parent / name)
    run("init", str(folder), "--owner", "olga", "--approver", "anna", "--passphrase-file", str(folder.parent / "anna"))
    config = folder / "erp-mcp.yaml"
    text = config.read_text(encoding="utf-8")
    system = SYSTEM.format(
        url=losing.relay.url,
        database=tryton.database,
        account=tryton.user,
        secret=Path(tryton.password_file).absolute(),
    )
    write = WRITE.format(account=tryton.write_user, secret=Path(tryton.write_password_file).absolute())
    quick_profile(folder / "profiles")
    named = (system + write).replace("profile: tryton", f"profile: {QUICK}")
    config.write_text(f"profiles: [profiles]\n{text[: text.index('systems:')]}{named}", encoding="utf-8")
    by_anna = ("--as", "anna", "--passphrase-file", str(folder.parent / "anna"), "--config", str(config))
    run("approvals", "enrol", "bert", "--new-passphrase-file", str(folder.parent / "bert"), *by_anna)
    for name, added in (("base.yaml", RULES), ("tests/base.yaml", CASES)):
        file = folder / "policies" / name
        file.write_text(file.read_text(encoding="utf-8") + added, encoding="utf-8")
    run("policy", "apply", "--yes", *by_anna)
    run("sync", "--config", str(config))
    return folder


def quick_profile(folder: Path) -> None:
    """Write a copy of the shipped profile that waits for nothing before it believes that a change was not made."""
    text = (ROOT / "erp_mcp" / "systems" / "tryton.yaml").read_text(encoding="utf-8")
    quick = text.replace("profile: tryton\n", f"profile: {QUICK}\n").replace("settle_s: 90", "settle_s: 0")
    folder.mkdir()
    (folder / f"{QUICK}.yaml").write_text(quick, encoding="utf-8")


def secret_file(path: Path) -> None:
    """Write a passphrase that only the owner may read."""
    path.touch(mode=0o600)
    path.write_text(f"{path.name} keeps four words here", encoding="utf-8")


def approve(folder: Path, proposal_id: str) -> dict[str, Any]:
    """Approve as `bert`; the worker that this starts writes to Tryton."""
    told = run(
        "approvals", "approve", proposal_id, "--as", "bert", "--passphrase-file", str(folder.parent / "bert"),
        "--yes", "--json", "--config", str(folder / "erp-mcp.yaml"),
    )  # fmt: skip
    found = json.loads(told)
    assert isinstance(found, dict)
    return found


async def ended(folder: Path, tool: str, **arguments: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Propose, let a person approve, and return the proposal and its receipts as the agent reads them."""
    async with Client(planner(folder)) as client:
        proposed = await ask(client, tool, reason="The supplier told us so this morning.", **arguments)
        (waiting,) = records(proposed, "proposal")
        assert (waiting["state"], waiting["waiting_for"]) == ("AWAITING_APPROVAL", "approval")
        await anyio.to_thread.run_sync(approve, folder, waiting["proposal_id"])
        answer = await ask(client, "get_proposal", proposal_id=waiting["proposal_id"], wait_s=25)
    (found,) = records(answer, "proposal")
    return found, records(answer, "receipt")


async def committed(folder: Path, tool: str, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a proposal that must be committed, and its receipt."""
    found, receipts = await ended(folder, tool, **arguments)
    assert found["state"] == "COMMITTED", found
    (receipt,) = receipts
    return found, receipt


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

    found, receipt = await committed(
        deployment, "propose_update_delivery_date", purchase_order_id=ordered.number, line=ordered.key, new_date=day,
        idempotency_key="date-of-gaskets",
    )  # fmt: skip

    assert [one for _, one in buying.moves(person, ordered.line).values()] == [day]
    assert (found["document"], receipt["document"]) == (f"{ordered.number}/{ordered.key}", ordered.number)
    assert receipt["found"] == "read_back"
    async with Client(planner(deployment)) as client:
        listed = records(await ask(client, "list_purchase_orders", purchase_order_id=ordered.number), "lines")
    assert [row["promised_date"] for row in listed] == [day]


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


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(("how", "state"), [("lost_after", "COMMITTED"), ("lost_before", "NOT_APPLIED")])
async def test_a_lost_answer_makes_no_second_requisition(
    deployment: Path, losing: Losing, person: Rpc, how: CommandFault, state: str
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


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(("how", "state"), [("lost_after", "COMMITTED"), ("lost_before", "NOT_APPLIED")])
async def test_a_lost_answer_about_a_date_is_read_back(
    deployment: Path, losing: Losing, ordered: buying.Ordered, person: Rpc, how: CommandFault, state: str
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


@guarantees("P5.moves_proved")
def test_what_was_written_to_tryton_is_in_an_audit_that_verifies(deployment: Path) -> None:
    """Proposals, approvals, receipts: nothing out of order."""
    told = json.loads(run("audit", "verify", "--json", "--config", str(deployment / "erp-mcp.yaml")))
    assert told["intact"] is True


@guarantees("commands.probe")
def test_the_probe_says_that_both_writes_are_ready(deployment: Path) -> None:
    """What an administrator looks at before turning them on."""
    told = json.loads(run("systems", "probe", "tryton", "--json", "--config", str(deployment / "erp-mcp.yaml")))
    assert [one["verified"] for one in told["operations"]] == [True, True]
    assert (told["problems"], told["writes"]["account"]) == ([], "gateway_write")
