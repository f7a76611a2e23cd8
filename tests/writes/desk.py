"""One desk at which every write tool may be tried: proposed, decided by two people, written, and looked at in the ERP.

A policy that is made of the catalogue grants all write tools to one agent, `clerk`, who may also read everything; each
proposal of class W3 needs two people, the others one. What stands in the system of record is asked in SQL.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from erp_mcp import administration, worker
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.left_to_people import unseen
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal, Receipt
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.names import KnownNames
from tests.dumps import dump_hash

AGENT: Final = "clerk"
ADMIN: Final = "demo-admin"  # stands for the policy, so decides about no proposal for a day
APPROVERS: Final = ("demo-approver", "second-approver")
_PASSPHRASE: Final = "a second person at this desk"
_EVIDENCE: Final = {"accepted_by": ADMIN, "reason": "a copy of the demo plant, made for one test"}


@dataclass
class WriteDesk:
    """One deployment in which all write tools are granted, its two approvers, and the file of its ERP.

    Attributes:
        directory: The plant's folder; the test may change anything in it.
        deployment: Opened over it.
    """

    directory: Path
    deployment: Deployment
    _calls: int = field(default=0)

    # --- The agent ----------------------------------------------------------------------------------------------------

    def ask(self, tool: str, /, **arguments: JsonValue) -> Answer | Refusal:
        """Call a tool as the agent."""
        self._calls += 1
        call = ToolCall(tool=tool, arguments=arguments, call_id=f"call-{self._calls}")
        return asyncio.run(self.deployment.gateway.call(self.deployment.principal(AGENT), call))

    def answer(self, tool: str, /, **arguments: JsonValue) -> Answer:
        """Call a tool that must answer."""
        outcome = self.ask(tool, **arguments)
        assert isinstance(outcome, Answer), outcome
        return outcome

    def refusal(self, tool: str, /, **arguments: JsonValue) -> Refusal:
        """Call a tool that must refuse."""
        outcome = self.ask(tool, **arguments)
        assert isinstance(outcome, Refusal), outcome
        return outcome

    def rows(self, tool: str, table: str, /, **arguments: JsonValue) -> list[dict[str, Any]]:
        """Return the rows of one table of an answer, by column name."""
        found = self.answer(tool, **arguments).tables[table]
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]

    def propose(self, tool: str, /, **arguments: JsonValue) -> Proposal:
        """Propose; it must come to wait for people, and the ERP must stay as it is."""
        before = self.dump()
        outcome = self.answer(tool, **arguments).tables["proposal"]
        row = dict(zip(outcome.columns, outcome.rows[0], strict=True))
        found = self.proposal(str(row["proposal_id"]))
        assert self.dump() == before, "proposing wrote to the ERP"
        return found

    # --- People -------------------------------------------------------------------------------------------------------

    def approve(self, proposal: Proposal) -> Proposal:
        """Let as many people say yes as it needs, each with their own signature; returns it as it stands then."""
        for who in APPROVERS[: proposal.content.terms.needed]:
            proposal = administration.decide(self.deployment, proposal, self._signing(who), "approve")
        assert proposal.state is State.APPROVED, proposal
        return proposal

    def reject(self, proposal: Proposal, reason: str = "not this one") -> Proposal:
        """Let one person say no."""
        return administration.decide(self.deployment, proposal, self._signing(APPROVERS[0]), "reject", reason)

    def work(self) -> list[Proposal]:
        """Let a worker do what is due now; returns each proposal as a piece of work left it.

        What was committed is in the read model then, as after any worker's work.
        """
        done: list[Proposal] = []
        asyncio.run(worker.work_once(self.deployment, lambda proposal, _lost: done.append(proposal)))
        return done

    def commit(self, tool: str, /, **arguments: JsonValue) -> Receipt:
        """Propose, approve and write; it must come to be committed. Returns the receipt."""
        self.approve(self.propose(tool, **arguments))
        return self.written()

    def written(self) -> Receipt:
        """Let a worker write the one proposal that is approved; returns the receipt."""
        (done,) = self.work()
        assert done.state is State.COMMITTED, (done.state, done.reason)
        assert done.receipt is not None
        return done.receipt

    def carry_through(self, tool: str, /, **arguments: JsonValue) -> Proposal:
        """Take one change from the agent over people into the ERP, and see that it happened once.

        Proposing writes nothing; the same key again gives the same handle, before and after; a second round of the
        worker finds nothing to do and changes nothing.

        Returns:
            The proposal, committed, with its receipt.
        """
        proposed = self.propose(tool, **arguments)
        again = self.propose(tool, **arguments)
        assert again.content.proposal_id == proposed.content.proposal_id
        self.approve(proposed)
        receipt = self.written()
        assert receipt.found == "read_back"
        after = self.dump()
        assert self.work() == []
        assert self.propose(tool, **arguments).content.proposal_id == proposed.content.proposal_id
        assert self.dump() == after
        return self.proposal(proposed.content.proposal_id)

    def goes_stale(self, tool: str, change: str, /, **arguments: JsonValue) -> None:
        """See a change that was approved not written, since the record was changed in the ERP in between.

        Args:
            tool: The write tool.
            change: SQL on the ERP's file, as somebody at the ERP changes the record; it must move `changed_at`.
            **arguments: Of the proposal.
        """
        self.approve(self.propose(tool, **arguments))
        self.in_erp(change)
        before = self.dump()
        (done,) = self.work()
        assert done.state is State.STALE, (done.state, done.reason)
        assert self.dump() == before

    def proposal(self, proposal_id: str) -> Proposal:
        """Return a proposal as it is kept."""
        return self.deployment.state.proposals.get(proposal_id)

    def take_away(self, *tools: str) -> None:
        """Let the administrator apply a policy in which nobody may propose by some tools any more."""
        file, cases = (self.directory / "policies" / name for name in ("base.yaml", "tests/base.yaml"))
        policy, told = (json.loads(one.read_text(encoding="utf-8")) for one in (file, cases))
        policy["rules"] = [rule for rule in policy["rules"] if rule["id"] not in tools]
        for one in policy["approvals"]:
            one["tools"] = [name for name in one["tools"] if name not in tools]
        told["cases"] = [case for case in told["cases"] if case["tool"] not in tools]
        file.write_text(json.dumps(policy), encoding="utf-8")
        cases.write_text(json.dumps(told), encoding="utf-8")
        administration.apply_policy(self.deployment, applied_by="tests", signing=self._signing(ADMIN))

    # --- The system of record -----------------------------------------------------------------------------------------

    def erp(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT on the ERP's file."""
        with closing(sqlite3.connect(f"file:{self.directory / 'erp.sqlite'}?mode=ro", uri=True)) as database:
            return database.execute(statement, values).fetchall()

    def in_erp(self, statement: str, *values: str | int) -> None:
        """Change the ERP's file, as somebody at the ERP does; at least one row must change."""
        with closing(sqlite3.connect(self.directory / "erp.sqlite")) as database, database:
            assert database.execute(statement, values).rowcount > 0, statement

    def dump(self) -> str:
        """Return a hash of everything that the ERP holds."""
        return dump_hash(self.directory / "erp.sqlite")

    def sync(self) -> None:
        """Bring the read model up to the ERP, as after a change that did not come from the gateway."""
        administration.synchronise(self.deployment, names=["erp"])

    def close(self) -> None:
        """Give everything back."""
        self.deployment.close()

    def _signing(self, approver_id: str) -> Signing:
        return Signing(approver_id=approver_id, passphrase=passphrase_of(self.directory, approver_id))


def open_write_desk(directory: Path) -> WriteDesk:
    """Open a desk over a folder that `furnish` has made."""
    return WriteDesk(directory=directory, deployment=open_deployment(directory / "erp-mcp.yaml"))


def furnish(plant: Path) -> None:
    """Make a prepared demo plant one where everything may be proposed: a second approver and a policy of its own."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        admin = Signing(approver_id=ADMIN, passphrase=passphrase_of(plant, ADMIN))
        administration.enrol(deployment, APPROVERS[1], "Second Approver", _PASSPHRASE, by=admin)
        shutil.rmtree(plant / "policies")
        _write_policy(plant / "policies", list(deployment.catalog))
        administration.apply_policy(deployment, applied_by="tests", signing=admin)
    finally:
        deployment.close()


def passphrase_of(plant: Path, approver_id: str) -> str:
    """Return the passphrase of one of the people at this desk."""
    beside = plant / "keys" / f"{approver_id}.passphrase"
    return beside.read_text(encoding="utf-8").strip() if beside.is_file() else _PASSPHRASE


def _write_policy(folder: Path, tools: Sequence[Tool]) -> None:
    """Write policy files as JSON, which is YAML."""
    writes = sorted((one for one in tools if one.effect == "write"), key=lambda one: one.name)
    (folder / "tests").mkdir(parents=True)
    (folder / "base.yaml").write_text(json.dumps(_base(tools, writes)), encoding="utf-8")
    (folder / "tests" / "base.yaml").write_text(json.dumps(_cases(tools, writes)), encoding="utf-8")


def _base(tools: Sequence[Tool], writes: Sequence[Tool]) -> Mapping[str, JsonValue]:
    grants: list[JsonValue] = [
        {
            "id": one.name, "effect": "permit", "roles": [AGENT], "tools": [one.name], "evidence": dict(_EVIDENCE),
            **({"left_to_people": [*sorted(unseen(one.command))]} if unseen(one.command) else {}),
        }
        for one in writes
    ]  # fmt: skip
    toolsets: list[JsonValue] = [f"{name}/*" for name in sorted(KnownNames.of(tools).toolsets)]
    reads: JsonValue = {"id": "reads", "effect": "permit", "roles": [AGENT], "tools": toolsets}
    return {
        "version": 1,
        "boundary": {"isa95_levels": [3, 4]},
        "sites": ["1000", "2000"],
        "agents": {AGENT: {"role": AGENT, "owner": "demo-owner"}},
        "roles": {AGENT: {"sites": "all"}, "onlooker": {"sites": "all"}},
        "rules": [reads, *grants],
        "approvals": [
            {"id": f"needs-{needed}", "tools": list(named), "approvers": "any", "needed": needed}
            for needed, named in (
                (1, [one.name for one in writes if one.risk != "W3"]),
                (2, [one.name for one in writes if one.risk == "W3"]),
            )
            if named
        ],
    }


def _cases(tools: Sequence[Tool], writes: Sequence[Tool]) -> Mapping[str, JsonValue]:
    """Return cases that prove each rule in both directions."""
    first = min(one.name for one in tools if one.effect == "read")
    cases: list[JsonValue] = []
    for rule, tool in (("reads", first), *((one.name, one.name) for one in writes)):
        allowed: JsonValue = {"name": f"yes {tool}", "role": AGENT, "tool": tool, "expect": "allowed", "by": [rule]}
        denied: JsonValue = {
            "name": f"no {tool}", "role": "onlooker", "tool": tool, "expect": "denied", "not_by": [rule],
        }  # fmt: skip
        cases += [allowed, denied]
    return {"version": 1, "cases": cases}
