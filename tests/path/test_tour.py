"""The tour of the demo plant: what it says of people, tampering, a lost answer and a saga is what became of the ERP."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.cli.tour import stage
from erp_mcp.cli.tour.tampering import COPY
from erp_mcp.demo import cable, lock
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Event, Proposal, SignedDecision
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, kept
from tests.prepared import TakenTour
from tests.warm import Warm

BUDGET_TOOL: Final = "propose_allocate_budget"
SAGA_TOOL: Final = "propose_procurement"
SAGA_MOVES: Final = Decimal("800.00")
Rows = dict[str, set[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the state of a plant tells of one proposal."""

    proposal: Proposal
    decisions: list[SignedDecision]
    history: list[Event]

    @property
    def moves(self) -> list[str]:
        return [one.type.removeprefix("proposal.") for one in self.history]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toured:
    """A plant, everything in its ERP before and after the tour, and what was printed."""

    plant: Path
    before: Rows
    after: Rows
    printed: str

    def added(self, table: str) -> set[tuple[Any, ...]]:
        return self.after.get(table, set()) - self.before.get(table, set())

    def gone(self, table: str) -> set[tuple[Any, ...]]:
        return self.before.get(table, set()) - self.after.get(table, set())


def everything(file: Path) -> Rows:
    """Return all rows of all tables of a database."""
    with closing(sqlite3.connect(file)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: set(database.execute(f"SELECT * FROM {table}")) for table in tables}


def known(plant: Path, tool: str) -> list[Known]:
    """Return what is known of the proposals of a tool, oldest first."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        store = deployment.state.proposals
        return [
            Known(
                proposal=one,
                decisions=list(store.decisions(one.content.proposal_id)),
                history=list(store.history(one.content.proposal_id)),
            )
            for one in kept(deployment)
            if one.content.tool == tool and not one.content.part_of
        ]
    finally:
        deployment.close()


def verified(plant: Path) -> tuple[int, set[str]]:
    """Return the exit status of verification and the codes of its findings."""
    result = CliRunner().invoke(main, ["audit", "verify", "--json", "--demo-dir", str(plant)])
    return result.exit_code, {one["code"] for one in json.loads(result.stdout)["findings"]}


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory, taken_tour: TakenTour) -> Toured:
    """One tour, taken as a newcomer takes it."""
    taken = taken_tour(tmp_path_factory.mktemp("tour") / "taken")
    return Toured(
        plant=taken / "demo",
        before=everything(taken / "before.sqlite"),
        after=everything(taken / "demo" / "erp.sqlite"),
        printed=(taken / "printed.txt").read_text(encoding="utf-8"),
    )


@guarantees("P4.one_effect", "P3.people_commit", "P10.saga")
def test_the_tour_leaves_what_was_approved_in_the_erp_and_nothing_else(toured: Toured) -> None:
    """Two dates, one transfer of budget, one procurement, and the documents of one that was taken back."""
    changed = {name for name in toured.after if toured.added(name) or toured.gone(name)}

    counts = {name: (len(toured.gone(name)), len(toured.added(name))) for name in changed}
    assert counts == {
        "po_item": (2, 2 + 1),
        "po_conf": (0, 2),
        "po_head": (0, 1),
        "resv": (0, 2),  # one of them released
        "budget": (3, 3),
        "bud_doc": (0, 1 + 3),  # there, back, and there again
        "ext_ref": (0, 3 + 4 + 3),
    }


@guarantees("P3.enough_people", "P3.bands")
def test_the_larger_change_of_the_tour_went_out_after_two_people_and_once(toured: Toured) -> None:
    """Neither the first yes nor the same person's second one moved any budget."""
    (change,) = known(toured.plant, BUDGET_TOOL)

    assert change.proposal.state is State.COMMITTED
    assert change.proposal.content.terms.needed == 2
    assert {one.approver_id for one in change.decisions} == {"demo-approver", "demo-controller"}
    assert change.moves.count("sending") == 1
    assert "documents of this transfer: 0" in toured.printed
    amount = Decimal(str(change.proposal.content.command.fields["amount"]))
    assert sum(str(change.proposal.content.command.fields["amount"]) in one for one in toured.added("bud_doc")) == 1
    with closing(sqlite3.connect(toured.plant / "erp.sqlite")) as erp:
        place = [row[1] for row in erp.execute("PRAGMA table_info(budget)")].index("planned")
        key = [row[1] for row in erp.execute("PRAGMA table_info(budget)")].index("cost_ctr")
    moved: dict[Any, Decimal] = defaultdict(
        Decimal,
        {
            now[key]: Decimal(now[place]) - Decimal(then[place])
            for now in toured.added("budget")
            for then in toured.gone("budget")
            if now[key] == then[key]
        },
    )
    for fields, much in ((change.proposal.content.command.fields, amount), (budget_of_saga(toured), SAGA_MOVES)):
        moved[fields["from_cost_center_id"]] += much
        moved[fields["to_cost_center_id"]] -= much
    assert set(moved.values()) == {0}


@guarantees("P3.enough_people")
def test_the_same_person_was_refused_the_second_yes_and_it_is_recorded(toured: Toured) -> None:
    """Refused before anything was signed."""
    deployment = open_deployment(toured.plant / "erp-mcp.yaml")
    try:
        leaves = [json.loads(record.leaf) for record in deployment.state.audit.last(300)]
    finally:
        deployment.close()

    refused = [one for one in leaves if one["kind"] == "decision.refused"]
    assert [(one["actor"], one["facts"]["code"]) for one in refused] == [
        ("demo-admin", "approval.requester"),
        ("demo-approver", "approval.decided_already"),
    ]


@guarantees("P4.unknown", "P4.one_effect")
def test_the_lost_answer_of_the_tour_was_unknown_and_read_back_and_sent_once(toured: Toured) -> None:
    """The ERP had written it; the worker found that out, and the agent's repeated call made no second proposal."""
    first, lost = known(toured.plant, DATE_TOOL)

    assert (first.proposal.state, lost.proposal.state) == (State.COMMITTED, State.COMMITTED)
    assert lost.moves.count("sending") == 1
    assert [one.payload["reason"] for one in lost.history if one.type == "proposal.unknown"] == ["no_answer"]
    assert lost.moves[-2:] == ["reconciling", "committed"]
    assert lost.proposal.receipt is not None
    assert lost.proposal.receipt.found == "read_back"
    references = {row[0] for row in toured.added("ext_ref")}
    assert lost.proposal.content.command.reference in references
    assert not (toured.plant / cable.MARK).exists()


def parts(plant: Path, saga: Proposal) -> list[Proposal]:
    """Return the parts of a saga, oldest first."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        return deployment.state.proposals.parts(saga.content.proposal_id)
    finally:
        deployment.close()


def budget_of_saga(toured: Toured) -> Mapping[str, Any]:
    """Return the fields of the transfer that the procurement left behind."""
    whole = known(toured.plant, SAGA_TOOL)[-1].proposal
    (part,) = (one for one in parts(toured.plant, whole) if one.content.step == "allocate_budget")
    return part.content.command.fields


@guarantees("P10.saga", "P4.one_effect", "P3.people_commit")
def test_the_first_saga_of_the_tour_was_refused_by_the_erp_itself_and_taken_back_in_reverse(toured: Toured) -> None:
    """No order is there; its reservation is released, its budget moved back, and the second one holds them alone."""
    refused, anew = known(toured.plant, SAGA_TOOL)

    assert (refused.proposal.state, anew.proposal.state) == (State.COMPENSATED, State.COMMITTED)
    assert len(refused.decisions) == len(anew.decisions) == 1
    went = parts(toured.plant, refused.proposal)
    assert [(one.content.step, bool(one.content.undoes), str(one.state)) for one in went] == [
        ("reserve_stock", False, "COMMITTED"),
        ("allocate_budget", False, "COMMITTED"),
        ("create_order", False, "REFUSED_BY_SYSTEM"),
        ("allocate_budget", True, "COMMITTED"),
        ("reserve_stock", True, "COMMITTED"),
    ]
    assert went[2].reason == lock.REFUSAL
    with closing(sqlite3.connect(toured.plant / "erp.sqlite")) as erp:
        reserved = documents(toured, refused.proposal)[0]
        assert erp.execute("SELECT qty FROM resv WHERE resv_no = ?", (reserved,)).fetchall() == [("0.000",)]
        held = erp.execute("SELECT count(*) FROM resv WHERE qty <> '0.000'").fetchone()
        assert held == (sum(row[7] != "0.000" for row in toured.before["resv"]) + 1,)
        assert erp.execute("SELECT 1 FROM sqlite_master WHERE name = 'purch_lock'").fetchall() == []
    assert "reservations as before, budgets as before, purchase orders as before" in toured.printed


@guarantees("P10.saga", "P4.one_effect")
def test_the_second_saga_of_the_tour_made_each_of_its_documents_once(toured: Toured) -> None:
    """The receipt names the order, and the ERP has exactly that one."""
    done = known(toured.plant, SAGA_TOOL)[-1].proposal

    assert [str(one.state) for one in parts(toured.plant, done)] == ["COMMITTED"] * 4
    assert done.receipt is not None
    (head,) = toured.added("po_head")
    assert done.receipt.written.document in head
    assert all(toured.printed.count(f"stands at COMMITTED, document {one}") == 1 for one in documents(toured, done))


def documents(toured: Toured, saga: Proposal) -> list[str]:
    """Return the numbers of the documents that a saga has written."""
    return [one.receipt.written.document for one in parts(toured.plant, saga) if one.receipt is not None]


@guarantees("P3.binding", "P3.signed", "P4.one_effect")
def test_what_the_tour_tampered_with_is_handed_to_a_person_and_reached_no_erp(toured: Toured) -> None:
    """A larger amount and a made-up yes, behind the back of every trigger, in the copy alone."""
    copy = toured.plant / COPY
    (change,) = known(copy, BUDGET_TOOL)
    (whole,) = known(toured.plant, BUDGET_TOOL)

    assert "refused: the content of a proposal is final" in toured.printed
    assert change.proposal.content.command.fields["amount"] != whole.proposal.content.command.fields["amount"]
    assert len(change.decisions) == 2
    assert (change.proposal.state, change.proposal.reason) == (State.NEEDS_HUMAN, "approval_envelope")
    rows = everything(copy / "erp.sqlite")
    assert rows["bud_doc"] == toured.before["bud_doc"]
    assert rows["budget"] == toured.before["budget"]


@guarantees("P5.moves_proved", "P5.rows_vouched")
def test_verification_finds_the_tampering_in_the_copy_and_nothing_in_the_plant(toured: Toured) -> None:
    """The plant stays whole, so that it can be worked with after the tour."""
    assert verified(toured.plant) == (0, set())
    status, codes = verified(toured.plant / COPY)
    assert status == 1
    assert codes >= {"row_changed", "unrecorded", "illegal_move"}


def again(plant: Path, warm: Warm) -> str:
    """Take the tour in this process and return what it prints; what it starts, `warm` starts."""

    def run(command: list[str], *, check: bool, **how: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(warm.command(*command[command.index("erp_mcp") + 1 :]), check=check, **how)

    def serving(directory: Path, agent: str) -> list[str]:
        return warm.command("serve", "--demo-dir", str(directory), "--as", agent)

    starting = SimpleNamespace(**{**vars(subprocess), "run": run})
    with mock.patch.object(stage, "subprocess", starting), mock.patch.object(stage, "server_command", serving):
        taken = CliRunner().invoke(main, ["demo", "--dir", str(plant)])
    assert taken.exit_code == 0, taken.output
    return taken.output


@guarantees("docs.agree")
def test_the_tour_may_be_taken_again_and_writes_as_much_again(toured: Toured, tmp_path: Path, warm: Warm) -> None:
    """It chooses other lines and another amount, and makes the copy anew."""
    plant = Path(shutil.copytree(toured.plant, tmp_path / "demo"))

    assert "No write to show" not in again(plant, warm)
    rows = everything(plant / "erp.sqlite")
    assert len(rows["ext_ref"]) == 2 * len(toured.added("ext_ref"))
    assert len(rows["bud_doc"]) == len(toured.before["bud_doc"]) + 2 * len(toured.added("bud_doc"))
    assert [one.proposal.state for one in known(plant, SAGA_TOOL)] == [State.COMPENSATED, State.COMMITTED] * 2


@guarantees("input.clear_errors")
@pytest.mark.parametrize("fault", ["--pull-cable", "--lock-purchasing", "--unlock-purchasing"])
def test_a_fault_is_put_only_into_a_plant_that_is_there(fault: str, tmp_path: Path) -> None:
    """A folder with something else in it gets no file."""
    result = CliRunner().invoke(main, ["demo", fault, "--dir", str(tmp_path)])

    assert result.exit_code == 2
    assert "settings.bad_configuration" in result.stderr
    assert list(tmp_path.iterdir()) == []
