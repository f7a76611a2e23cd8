"""The real pieces that chance drives: gateway, store, policy, signatures, committer, and the demo ERP behind them.

Everything is what `bootstrap` makes, on the state file of a demo plant or on PostgreSQL; only the clock is driven, the
way to the ERP has mishaps, and a worker can die at a point of its way. What stands in the ERP is asked in SQL.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from erp_mcp import administration
from erp_mcp.administration import Signing, reviewing
from erp_mcp.administration.activation import Activation, apply_policy, planned
from erp_mcp.approval.envelope import Choice
from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import Deployment, TimeOrderedIds
from erp_mcp.bootstrap.own_records import OwnRecords
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import SignedDecision
from erp_mcp.errors import GatewayError
from erp_mcp.ports import Commands
from tests.crash.asked import Asked, notifications
from tests.model.luck import Luck, UnluckyPort
from tests.model.terms import GLASS_OF, MAXIMUM, OWNER, REVIEW_S, REVIEWERS, VALID_S, WINDOW_S, Rules, Tool
from tests.torture.homes import FileHome, Home, Kept
from tests.torture.plant import ERP, REFERENCES, UNDO, Kit
from tests.torture.saga_plant import SagaTemplate, saga_templates, standing
from tests.writes.desk import ADMIN, AGENT, APPROVERS, passphrase_of

NAMES: Final[Mapping[Tool, str]] = {
    "date": "propose_update_delivery_date",
    "defect": "propose_create_quality_notification",
    "supplier": "propose_create_supplier",
    "saga": "propose_procurement",
}
LINES: Final = 4
RULES: Final[Mapping[str, Rules]] = {
    "plain": Rules(),
    "no_dates": Rules(allowed=frozenset(("defect", "supplier"))),
    "two_for_defects": Rules(needed={"date": 1, "defect": 2, "supplier": 2, "saga": 2}),
    "fewer_defects": Rules(maximum=MAXIMUM - 1),
    "no_glass": Rules(glass=False),
}
_GLASS: Final = {"people": [*GLASS_OF], "review_by": [*REVIEWERS], "review_within_h": REVIEW_S // 3600}
WHY: Final = "Line 2 stands still, and nobody answers."
REASON: Final = "Asked for while everything happens at once."
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


class Broken(NamedTuple):
    """An emergency: until when somebody looks at it, and when somebody did, empty for not yet; both as stored."""

    due_at: str
    reviewed_at: str


class Killed(BaseException):
    """A worker is gone here: no code of the product catches this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A furnished plant with everything that is made once: its state, its policies, what can be asked for.

    `home` keeps the state of one story after the other, on either store.
    """

    kit: Kit
    home: Home
    state: Kept
    erp: bytes
    policies: Mapping[str, Activation]
    people: Mapping[str, Signing]
    lines: tuple[tuple[str, str], ...]
    dates: tuple[str, ...]
    defects: tuple[Asked, ...]
    saga: SagaTemplate


def stocked(kit: Kit) -> Stock:
    """Make a plant as torture furnishes it one in which everything may happen; the ERP's file is then left as it is."""
    (saga,) = saga_templates(kit, (NAMES["saga"],))
    kit._put(*kit.base)
    plant = kit.folder
    with closing(sqlite3.connect(plant / ERP)) as erp, erp:
        erp.executescript(_NOTED)
        lines = erp.execute(_CHOSEN, (LINES,)).fetchall()
    deployment = kit.opened()
    try:
        names = {ADMIN, *APPROVERS, *GLASS_OF, *REVIEWERS}
        people = {one: Signing(approver_id=one, passphrase=passphrase_of(plant, one)) for one in names}
        administration.enrol(deployment, OWNER, "Owner of it", people[OWNER].passphrase, by=people[ADMIN])
        policies = {name: _policy(deployment, plant / "policies", name) for name in RULES}
        _apply(deployment, policies["plain"], people[ADMIN])
    finally:
        kit.released(deployment)
    home = FileHome(kit.settings.state_dir)
    return Stock(
        kit=kit,
        home=home,
        state=home.kept(),
        erp=(plant / ERP).read_bytes(),
        policies=policies,
        people=people,
        lines=tuple((po_no, item_no) for po_no, item_no, _ in lines),
        dates=tuple(promise for _, _, promise in lines),
        defects=tuple(notifications(plant / ERP)),
        saga=saga,
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
        if rules.glass:
            approval["break_glass"] = _GLASS
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
        stock.home.put(stock.state)
        stock.saga.sight.put(is_read=False)
        (stock.kit.folder / ERP).write_bytes(stock.erp)
        self._erp = sqlite3.connect(f"file:{stock.kit.folder / ERP}?mode=ro", uri=True)
        self.deployment = self._opened()

    def _opened(self) -> Deployment:
        return self.stock.kit.opened(self.stock.home.open(self.clock, TimeOrderedIds()), self.clock)

    def restart(self) -> None:
        """End the process and start another one on what it left."""
        self.stock.kit.released(self.deployment)
        self.deployment = self._opened()

    def close(self) -> None:
        self._erp.close()
        self.stock.saga.sight.put(is_read=False)
        self.stock.kit.released(self.deployment)

    # --- Agent and people ---------------------------------------------------------------------------------------------

    def propose(self, tool: str, **arguments: JsonValue) -> bool:
        """Ask through the gateway; whether there is one proposal more."""
        told = {"reason": REASON, **arguments}
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
        return self._decided(number, who, "approve" if yes else "reject", "" if yes else REASON)

    def break_glass(self, number: int, who: str, why: str) -> bool:
        """Let somebody approve in an emergency; whether it counts."""
        return self._decided(number, who, "break_glass", why)

    def review(self, number: int, who: str) -> bool:
        """Let somebody say what they found of an emergency; whether it counts."""
        proposal = self.deployment.state.proposals.get(self.ids[number])
        try:
            reviewing.give_review(self.deployment, proposal, self.stock.people[who], "justified", REASON)
        except GatewayError:
            return False
        return True

    def _decided(self, number: int, who: str, choice: Choice, words: str) -> bool:
        proposal = self.deployment.state.proposals.get(self.ids[number])
        try:
            administration.decide(self.deployment, proposal, self.stock.people[who], choice, words)
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

    def reasons(self, decisions: Sequence[SignedDecision]) -> dict[str, str]:
        """Return who of those who decided did by break-glass, and why."""
        said = [one for one in decisions if one.decision == "break_glass"]
        return {one.approver_id: str(json.loads(one.envelope)["comment"]).strip() for one in said}

    def broken(self) -> list[Broken]:
        """Return until when each emergency is reviewed, and when it was."""
        found = self.deployment.state.proposals.glass_broken(limit=1000)
        return [Broken(one.due_at, one.review.reviewed_at if one.review else "") for one in found]

    def said_by_break_glass(self) -> list[str]:
        """Return when each word by break-glass was said."""
        decisions = (one for each in self.ids for one in self.deployment.state.proposals.decisions(each))
        return [one.decided_at for one in decisions if one.decision == "break_glass"]

    # --- The ERP ------------------------------------------------------------------------------------------------------

    def touch(self, line: int, date: str, version: int) -> None:
        """Change a line as somebody at the ERP does."""
        with closing(sqlite3.connect(self.stock.kit.folder / ERP)) as erp, erp:
            statement = "UPDATE po_item SET promise = ?, changed_at = ? WHERE po_no = ? AND item_no = ?"
            erp.execute(statement, (date, f"2026-03-16T06:00:00.{version:06d}Z", *self.stock.lines[line]))

    def bearing(self, reference: str) -> int:
        """Return how often something in the ERP bears a reference of ours."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", REFERENCES):
            return 0
        return int(self.rows(f"SELECT count(*) FROM {REFERENCES} WHERE reference = ?", reference)[0][0])

    def procured(self) -> int:
        """Return 1 where all of the procurement stands, 0 where all is as before, and -1 where neither is so."""
        of, now = self.stock.saga, standing(self.stock.kit.folder / ERP, self.stock.home.tasks())
        return [of.before, of.after].index(now) if now in (of.before, of.after) else -1

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        return self._erp.execute(statement, values).fetchall()

    # --- The worker ---------------------------------------------------------------------------------------------------

    def work_off(self, luck: Luck, die_at: str = "") -> bool:
        """Let one worker do all that is due now; whether it died of it."""

        def at(point: str) -> None:
            if point == die_at:
                raise Killed
            if point == "before_send":
                match luck.met(before_send=True):
                    case "meanwhile":
                        luck.meanwhile()
                    case "stop":
                        self.stop("all")

        own = OwnRecords(tasks=self.deployment.state.tasks)
        ports = {"erp": UnluckyPort(self._commands(at), luck), "gateway": UnluckyPort(own, luck)}

        async def commands(system: str) -> Commands:
            return ports[system]

        kit = self.stock.kit
        committer = replace(
            self.deployment.committer(at=at, refresh=self.stock.saga.sight.refresh),
            commands=commands,
            catalog=lambda: kit.catalog,
            target=kit.target,
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

    def sent_at(self, number: int) -> float:
        """Return when it was sent last, in seconds since the beginning: a rule may let time pass before and after."""
        history = self.deployment.state.proposals.history(self.ids[number])
        sent = [one.time for one in history if one.type == "proposal.sending"]
        return (parse_instant(sent[-1]) - self.began).total_seconds()

    def parts(self, number: int) -> list[tuple[int, bool, str, int]]:
        """Return the parts of a saga: which step, whether back, where it stands, how often its change was made."""
        names = [one.name for one in self.stock.saga.plan]
        found = []
        for one in self.deployment.state.proposals.parts(self.ids[number]):
            command = one.content.command
            own = (
                command.system == "gateway" and self.deployment.state.tasks.by_reference(command.reference) is not None
            )
            step, effects = names.index(one.content.step), self.bearing(command.reference) + own
            found.append((step, bool(one.content.undoes), one.state.value, effects))
        return found

    def flaws(self) -> list[str]:
        """Return what the verifier of the audit finds."""
        state = self.deployment.state
        report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
        return [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]
