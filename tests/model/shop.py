"""The real pieces that chance drives: gateway, store, policy, signatures, committer, and the demo ERP behind them.

Everything is what `bootstrap` makes, on the state file of a demo plant; only the clock is driven, the way to the ERP
has mishaps, and a worker can die at a point of its way. What stands in the ERP is asked in SQL.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.administration.activation import Activation, apply_policy, planned
from erp_mcp.approval.envelope import Choice
from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import Deployment
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.command import Command, NotSent, Outcome, Refused, RetryContract, Unknown, Written
from erp_mcp.errors import GatewayError
from erp_mcp.ports import Commands
from erp_mcp.store.state.file import FILE_NAME
from tests.crash.asked import Asked, notifications
from tests.model.reference import ALONE_S, MAXIMUM, VALID_S, WINDOW_S, Mishap, Rules, Tool
from tests.torture.plant import ERP, UNDO, Kit
from tests.writes.desk import ADMIN, AGENT, APPROVERS, furnish, passphrase_of

NAMES: Final[Mapping[Tool, str]] = {
    "date": "propose_update_delivery_date",
    "defect": "propose_create_quality_notification",
    "supplier": "propose_create_supplier",
}
LINES: Final = 4
RULES: Final[Mapping[str, Rules]] = {
    "plain": Rules(),
    "no_dates": Rules(allowed=frozenset(("defect", "supplier"))),
    "two_for_defects": Rules(needed={"date": 1, "defect": 2, "supplier": 2}),
    "fewer_defects": Rules(maximum=MAXIMUM - 1),
}
_REASON: Final = "Asked for while everything happens at once."
_CHOSEN: Final = (
    "SELECT po_no, min(item_no), promise FROM po_item WHERE stat = 'OPEN' AND release_ind = 'R'"
    " AND promise >= '2026-04-06' AND CAST(qty_open AS REAL) > 0 AND conf_flag GROUP BY po_no ORDER BY po_no LIMIT ?"
)
_NOTED: Final = """
    CREATE TABLE dated (po_no TEXT, item_no TEXT, before TEXT, after TEXT);
    CREATE TRIGGER noted_dates AFTER UPDATE OF promise ON po_item WHEN old.promise <> new.promise
        BEGIN INSERT INTO dated VALUES (new.po_no, new.item_no, old.promise, new.promise); END;
    CREATE INDEX by_description ON qual_notif (descr);
    CREATE INDEX by_name ON vendor (name1);
"""


class Killed(BaseException):
    """A worker is gone here: no code of the product catches this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A furnished plant with everything that is made once: its bytes, its policies, what can be asked for."""

    kit: Kit
    state: bytes
    erp: bytes
    policies: Mapping[str, Activation]
    people: Mapping[str, Signing]
    lines: tuple[tuple[str, str], ...]
    dates: tuple[str, ...]
    defects: tuple[Asked, ...]


def stocked(plant: Path) -> Stock:
    """Make a prepared demo plant one in which everything may happen; the folder is then nobody else's."""
    with (plant / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a machine that is busy with other things refuses nothing for that
    furnish(plant)
    with closing(sqlite3.connect(plant / ERP)) as erp, erp:
        erp.executescript(_NOTED)
        lines = erp.execute(_CHOSEN, (LINES,)).fetchall()
    kit = Kit(plant)
    deployment = kit.opened()
    try:
        people = {one: Signing(approver_id=one, passphrase=passphrase_of(plant, one)) for one in (ADMIN, *APPROVERS)}
        policies = {name: _policy(deployment, plant / "policies", name) for name in RULES}
        _apply(deployment, policies["plain"], people[ADMIN])
    finally:
        kit.released(deployment)
    return Stock(
        kit=kit,
        state=(kit.settings.state_dir / FILE_NAME).read_bytes(),
        erp=(plant / ERP).read_bytes(),
        policies=policies,
        people=people,
        lines=tuple((po_no, item_no) for po_no, item_no, _ in lines),
        dates=tuple(promise for _, _, promise in lines),
        defects=tuple(notifications(plant / ERP)),
    )


def _policy(deployment: Deployment, plain: Path, name: str) -> Activation:
    """Check the files of one of the policies, as whoever applies it does."""
    rules, folder = RULES[name], plain.with_name(f"policies-{name}")
    shutil.copytree(plain, folder)
    base, cases = folder / "base.yaml", folder / "tests" / "base.yaml"
    policy, told = (json.loads(one.read_text(encoding="utf-8")) for one in (base, cases))
    gone = {NAMES[tool] for tool in NAMES if tool not in rules.allowed}
    policy["rules"] = [one for one in policy["rules"] if one["id"] not in gone]
    told["cases"] = [one for one in told["cases"] if one["tool"] not in gone]
    for approval in policy["approvals"]:
        chosen = {NAMES[tool]: needed for tool, needed in rules.needed.items() if NAMES[tool] not in gone}
        others = [one for one in approval["tools"] if one not in NAMES.values()]
        approval["tools"] = others + sorted(one for one, needed in chosen.items() if needed == approval["needed"])
        approval["expires_h"] = VALID_S // 3600
    limit = {"id": "defects", "tools": [NAMES["defect"]], "measure": "count", "key": "agent"}
    policy["limits"] = [{**limit, "window_min": WINDOW_S // 60, "max": str(rules.maximum)}]
    base.write_text(json.dumps(policy), encoding="utf-8")
    cases.write_text(json.dumps(told), encoding="utf-8")
    return planned(deployment, folder)


def _apply(deployment: Deployment, plan: Activation, admin: Signing) -> None:
    previous, _ = deployment.state.bundles.active()
    plan = replace(plan, previous=previous, due=True)
    apply_policy(deployment, applied_by="tests", signing=admin, activation=plan)


class Shop:
    """One run of everything, from the same beginning each time."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.clock = stock.kit.clock
        self.began = self.clock.now
        self.ids: list[str] = []
        for ending in ("-wal", "-shm"):
            (stock.kit.settings.state_dir / f"{FILE_NAME}{ending}").unlink(missing_ok=True)
        (stock.kit.settings.state_dir / FILE_NAME).write_bytes(stock.state)
        (stock.kit.folder / ERP).write_bytes(stock.erp)
        self._erp = sqlite3.connect(f"file:{stock.kit.folder / ERP}?mode=ro", uri=True)
        self.deployment = self._opened()

    def _opened(self) -> Deployment:
        return self.stock.kit.opened(clock=self.clock)

    def restart(self) -> None:
        """End the process and start another one on what it left."""
        self.stock.kit.released(self.deployment)
        self.deployment = self._opened()

    def close(self) -> None:
        self._erp.close()
        self.stock.kit.released(self.deployment)

    # --- Agent and people ---------------------------------------------------------------------------------------------

    def propose(self, tool: str, **arguments: JsonValue) -> bool:
        """Ask through the gateway; whether there is one proposal more."""
        told = {"reason": _REASON, **arguments}
        answer = self._call(tool, told)
        if not isinstance(answer, Answer):
            return False
        table = answer.tables["proposal"]
        handle = str(table.rows[0][table.columns.index("proposal_id")])
        if handle in self.ids:
            return False
        self.ids.append(handle)
        return True

    def _call(self, tool: str, arguments: Mapping[str, JsonValue]) -> object:
        call = ToolCall(tool=tool, arguments=dict(arguments), call_id="call-of-the-model")
        return self.stock.kit.runner.run(self.deployment.gateway.call(self.deployment.principal(AGENT), call))

    def undo(self, number: int, key: str) -> bool:
        return self.propose(UNDO, proposal_id=self.ids[number], idempotency_key=key)

    def cancel(self, number: int) -> bool:
        return isinstance(self._call("cancel_proposal", {"proposal_id": self.ids[number]}), Answer)

    def decide(self, number: int, who: str, *, yes: bool) -> bool:
        """Let somebody sign; whether it counts."""
        proposal = self.deployment.state.proposals.get(self.ids[number])
        choice: Choice = "approve" if yes else "reject"
        try:
            administration.decide(self.deployment, proposal, self.stock.people[who], choice, "" if yes else _REASON)
        except GatewayError:
            return False
        return True

    def apply(self, name: str) -> None:
        """Let another policy count for every process."""
        _apply(self.deployment, self.stock.policies[name], self.stock.people[ADMIN])

    def stop(self, scope: str) -> None:
        self.deployment.state.switches.stop(scope, by="op", reason="the model says so")

    def lift(self, scope: str) -> None:
        self.deployment.state.switches.resume(scope, by="op")

    def pass_by(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)

    # --- The ERP ------------------------------------------------------------------------------------------------------

    def touch(self, line: int, date: str, version: int) -> None:
        """Change a line as somebody at the ERP does."""
        with closing(sqlite3.connect(self.stock.kit.folder / ERP)) as erp, erp:
            statement = "UPDATE po_item SET promise = ?, changed_at = ? WHERE po_no = ? AND item_no = ?"
            erp.execute(statement, (date, f"2026-03-16T06:00:00.{version:06d}Z", *self.stock.lines[line]))

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        return self._erp.execute(statement, values).fetchall()

    # --- The worker ---------------------------------------------------------------------------------------------------

    def work_off(self, mishap: Mishap = "", die_at: str = "", meanwhile: Callable[[], None] = lambda: None) -> bool:
        """Let one worker do all that is due now; whether it died of it."""
        left: list[str] = [mishap]

        def at(point: str) -> None:
            if point == die_at:
                raise Killed
            if point == "before_send" and left[0] in {"meanwhile", "stop"}:
                self.stop("all") if left[0] == "stop" else meanwhile()
                left[0] = ""

        port = _Port(self._commands(at), left)

        async def commands(_: str) -> Commands:
            return port

        kit = self.stock.kit
        committer = replace(
            self.deployment.committer(at=at), commands=commands, catalog=lambda: kit.catalog, target=kit.target
        )

        async def work() -> None:
            while await committer.work("worker:model") is not None:
                pass

        try:
            kit.runner.run(work())
        except Killed:
            self.restart()
            return True
        return False

    def _commands(self, at: Callable[[str], None]) -> DemoErpCommands:
        profile = self.deployment.profile(self.deployment.system("erp"))
        return DemoErpCommands.open(
            system="erp", url=ERP, root=self.stock.kit.folder, profile=profile, clock=self.clock,
            failpoint=lambda point: at(f"erp_{point}"),
        )  # fmt: skip

    # --- Looking ------------------------------------------------------------------------------------------------------

    def states(self) -> list[str]:
        return [self.deployment.state.proposals.get(one).state.value for one in self.ids]

    def flaws(self) -> list[str]:
        """Return what the verifier of the audit finds."""
        state = self.deployment.state
        report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
        return [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]


@dataclass(slots=True)
class _Port:
    """The way to the ERP, on which the first request meets a mishap."""

    inner: DemoErpCommands
    left: list[str]

    @property
    def system(self) -> str:
        return self.inner.system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return self.inner.operations

    async def send(self, command: Command) -> Outcome:
        mishap, self.left[0] = self.left[0], ""
        if mishap in {"", "cut_after", "limited_after"}:
            outcome = await self.inner.send(command)
            if not mishap:
                return outcome
        if mishap == "refuse":
            return Refused(code="document_closed")
        if mishap == "down":
            return NotSent(reason="system_unreachable")
        if mishap in {"limited", "limited_after"}:
            return NotSent(reason="rate_limited", retry_after_s=ALONE_S)
        return Unknown(reason="connection_lost")

    async def find(self, command: Command) -> Written | None:
        return await self.inner.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self.inner.probe()

    async def close(self) -> None:
        """Nothing is held open."""
