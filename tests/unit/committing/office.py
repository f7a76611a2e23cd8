"""A whole small deployment around the committer: state, policy, people, one ERP; only preparing is a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from erp_mcp.approval import bundles as bundle_approval
from erp_mcp.audit.verify import verify
from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.catalog.registry import Catalog, catalog_of
from erp_mcp.committing import Committer, Done, Signatures
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.command import Command
from erp_mcp.domain.decision import Obligations, Terms
from erp_mcp.domain.entities import Record
from erp_mcp.domain.lifecycle import State as Stand
from erp_mcp.domain.operation import Draft, Operation
from erp_mcp.domain.proposal import Check, Content, LimitUse, Proposal
from erp_mcp.domain.tool import Argument, Tool
from erp_mcp.policy.bundle import canonical, digest_of
from erp_mcp.ports import Commands
from erp_mcp.preparing import Prepared
from erp_mcp.testing import FixedClock
from tests.unit.approval import people
from tests.unit.approval.people import BOB, DEPLOYMENT, NOW, ROOT, Person
from tests.unit.committing import erp as demo
from tests.unit.committing.erp import LINE, MATERIAL, NEW_DATE, SITE, Erp
from tests.unit.store.state.fakes import FakeIds
from tests.unit.store.state.stores import opened

UPDATE, CREATE = "propose_update_delivery_date", "propose_create_purchase_requisition"
TOOLS = (UPDATE, CREATE)
_OPERATIONS = {UPDATE: "purchase_order_line.update_delivery_date", CREATE: "purchase_requisition.create"}
_ARGUMENTS: dict[str, dict[str, JsonValue]] = {
    UPDATE: {"purchase_order_id": LINE[0], "line": 10, "new_date": NEW_DATE},
    CREATE: {"material_id": MATERIAL, "site": SITE, "qty": "5", "uom": "EA", "delivery_date": NEW_DATE},
}
TERMS = Terms(rule="two-eyes", approvers=("bob", "eve"), needed=1, self_approval=False, valid_s=4 * 3600)


def a_tool(name: str, *, hashed: str = "a" * 64) -> Tool:
    """Return a proposing tool with the arguments that matter here."""
    types = {"line": "integer", "new_date": "date", "delivery_date": "date", "qty": "quantity"}
    return Tool(
        name=name, version=1, title=name, description=name, toolset="procurement", effect="write", level=4,
        scope="site", arguments=tuple(
            Argument(name=one, type=types.get(one, "id"), description=one, required=True, is_site=one == "site")  # type: ignore[arg-type]
            for one in _ARGUMENTS[name]
        ),
        tables=(), reads=(), command=_OPERATIONS[name], risk="W2", hash=hashed,
    )  # fmt: skip


def a_policy() -> dict[str, JsonValue]:
    """Return a policy under which the planner of Olga may propose both changes, to be approved by Bob or Eve."""
    rules: list[JsonValue] = [
        {
            "id": f"grant-{number}", "effect": "permit", "roles": ["buyer"], "tools": [tool], "sites": None,
            "levels": None, "shadow": False, "evidence": {"accepted_by": "ada", "reason": "a trial"},
        }
        for number, tool in enumerate(TOOLS)
    ]  # fmt: skip
    role: dict[str, JsonValue] = {
        "sites": None, "masks": [], "max_rows": 200, "max_window_days": 366, "max_age_factor": 4, "budgets_s": {},
    }  # fmt: skip
    return {
        "format": 2,
        "sites": [SITE],
        "levels": [3, 4],
        "agents": {"planner": {"owner": "olga", "role": "buyer"}},
        "roles": {"buyer": role, "viewer": role},
        "rules": rules,
        "approvals": [
            {
                "id": TERMS.rule,
                "tools": [*TOOLS],
                "approvers": [*TERMS.approvers],
                "needed": 1,
                "self_approval": False,
                "valid_s": TERMS.valid_s,
            }
        ],
        "limits": [
            {
                "id": "per-day",
                "tools": [*TOOLS],
                "measure": "count",
                "key": "agent",
                "window_s": 86400,
                "maximum": "20",
                "currency": None,
            }
        ],
        "writes": {tool: {"level": 4, "risk": "W2", "hash": a_tool(tool).hash} for tool in TOOLS},
    }


SHOWN = people.content().preview  # what each proposal of this office shows


@dataclass(slots=True, kw_only=True)
class Desk:
    """Stands in for preparing: works the change out from the ERP's record as it is now, or fails as it is told to."""

    erp: Path
    error: Exception | None = None
    fields: dict[str, JsonValue] = field(default_factory=dict)
    headline: str = ""
    amounts: dict[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    before: Callable[[], None] = lambda: None
    asked: list[Obligations] = field(default_factory=list)

    @property
    def operations(self) -> dict[str, Operation]:
        """None: nothing is taken back here."""
        return {}

    @property
    def today(self) -> str:
        """The plant's business date."""
        return NOW.date().isoformat()

    async def record(self, system: str, entity: str, key: str) -> Record:
        """Nothing is taken back here."""
        raise AssertionError((system, entity, key))

    async def prepare(self, tool: Tool, checked: CheckedArguments, obligations: Obligations) -> Prepared:
        self.before()
        self.asked.append(obligations)
        if self.error is not None:
            raise self.error
        command = a_command(tool.name, self.erp)
        draft = Draft(
            system="erp", key=command.key, version_token=command.version_token,
            fields={**command.fields, **self.fields}, document=SHOWN.document,
            headline=self.headline or SHOWN.headline, changes=SHOWN.changes, checks=self.checks, amounts=self.amounts,
        )  # fmt: skip
        return Prepared(draft=draft, sources=(), stale=())


def a_command(tool: str, erp: Path, reference: str = "") -> Command:
    """Return the command that a tool's example means for the record as it is now."""
    update = tool == UPDATE
    fields: dict[str, JsonValue] = (
        {"new_date": NEW_DATE} if update else {**_ARGUMENTS[CREATE], "supplier_id": None, "cost_object": None}
    )
    operation = _OPERATIONS[tool]
    return Command(
        operation=operation,
        system="erp",
        entity=operation.partition(".")[0],
        key="/".join(LINE) if update else "",
        version_token=demo.version_of_line(erp) if update else "",
        reference=reference,
        fields=fields,
    )


class Office:
    """One deployment in a folder; opened again, it is another process of the same deployment."""

    def __init__(self, folder: Path, *, now: datetime = NOW) -> None:
        self.folder = folder
        self.erp_path = folder / "erp.sqlite"
        self.clock = FixedClock(plant=datetime(2026, 3, 16, 5, 0, tzinfo=UTC), wall=now)
        self.watch = ClockWatch(self.clock)
        self.state = opened(folder / "state", self.clock)
        self.tools = {name: a_tool(name) for name in TOOLS}
        self.erp = Erp(path=self.erp_path, clock=self.clock)
        self.desk = Desk(erp=self.erp_path)
        self.policy = a_policy()
        self.root_key = ROOT.public

    @classmethod
    def furnished(cls, folder: Path) -> Office:
        """Return a new deployment: an ERP, three people, a policy that Ada has signed."""
        demo.build(folder / "erp.sqlite")
        office = cls(folder)
        for person in (ROOT, BOB, people.EVE):
            office.state.approvers.enrol(people.enrolled(person, ROOT))
        office.apply()
        return office

    def close(self) -> None:
        self.state.close()

    # --- people -------------------------------------------------------------------------------------------------------

    def apply(self, *, by: Person = ROOT, signed: bool = True) -> str:
        """Make the policy count, with its approver's signature."""
        text = canonical(self.policy)
        digest, now = digest_of(text), self.clock.wall().isoformat().replace("+00:00", "Z")
        previous = self.state.bundles.active_digest()
        words, message = bundle_approval.message(
            bundle_approval.BundleApproval(
                deployment=DEPLOYMENT,
                digest=digest,
                previous=previous,
                applied_by=by.id,
                applied_at=now,
                approver_id=by.id,
                approver_name=by.name,
                public_key=by.public,
            )
        )
        approval = Signed(text=words, signer=by.id, signature=by.sign(message)) if signed else None
        self.state.bundles.put_bundle(digest, text, applied_by=by.id, previous=previous, approval=approval)
        return digest

    def propose(
        self,
        tool: str = UPDATE,
        *,
        number: int = 1,
        needed: int = 1,
        reference: str = "",
        like: str = "",
        terms: Terms | None = None,
        uses: Sequence[LimitUse] = (),
    ) -> Content:
        """Store a proposal and return what it holds.

        `like` is the fingerprint of one that means the same, `uses` what it takes of limits besides.
        """
        proposal_id = f"prp_{number:012d}"
        plain = people.content(proposal_id=proposal_id, terms=terms or replace(TERMS, needed=needed))
        content = replace(
            plain,
            tool=tool,
            arguments=_ARGUMENTS[tool],
            idempotency_key=f"key-{number:08d}",
            fingerprint=like or f"{number:064d}",
            command=a_command(tool, self.erp_path, reference or f"R{number:011d}"),
            bundle=self.state.bundles.active_digest(),
            limits=tuple(replace(use, key="agent:planner") for use in (*plain.limits, *uses)),
        )
        self.state.proposals.create(content)
        return content

    def approve(self, content: Content, *by: Person) -> Proposal:
        """Let people say yes; Bob alone when nobody is named."""
        proposal = self.state.proposals.get(content.proposal_id)
        for person in by or (BOB,):
            proposal = self.state.proposals.decide(people.decided(proposal, person))
        return proposal

    def approved(self, tool: str = UPDATE, *, number: int = 1) -> Content:
        """Store a proposal that Bob has approved."""
        content = self.propose(tool, number=number)
        self.approve(content)
        return content

    # --- work ---------------------------------------------------------------------------------------------------------

    def committer(self, at: Callable[[str], None] = lambda _: None) -> Committer:
        async def commands(_: str) -> Commands:
            return self.erp

        def catalog() -> Catalog:
            return catalog_of(self.tools.values())

        proposals, bundles = self.state.proposals, self.state.bundles
        return Committer(
            target=lambda _: people.content().target,
            proposals=proposals,
            bundles=bundles,
            signatures=Signatures(
                proposals=proposals,
                approvers=self.state.approvers,
                bundles=bundles,
                deployment=DEPLOYMENT,
                root_key=self.root_key,
            ),
            catalog=catalog,
            preparation=self.desk,
            commands=commands,
            clock=self.clock,
            watch=self.watch,
            ids=FakeIds(),
            at=at,
        )

    async def work(self, holder: str = "w1") -> Done:
        """Do one piece of work, which must be there."""
        done = await self.committer().work(holder)
        assert done is not None
        return done

    async def work_off(self, at: Callable[[str], None] = lambda _: None, holder: str = "w1") -> None:
        """Do everything that is due now."""
        while await self.committer(at).work(holder) is not None:
            pass

    async def until_end(self, content: Content, *, step_s: int = 130) -> Proposal:
        """Work and let time pass until nothing moves any more."""
        for _ in range(400):
            await self.work_off()
            proposal = self.state.proposals.get(content.proposal_id)
            if not is_under_way(proposal):
                return proposal
            self.clock.advance(step_s, plant=False)
        raise AssertionError(f"still {self.stand(content)}")

    # --- looking ------------------------------------------------------------------------------------------------------

    def stand(self, content: Content) -> tuple[str, str]:
        """Return state and reason."""
        proposal = self.state.proposals.get(content.proposal_id)
        return proposal.state.value, proposal.reason

    def effects(self, content: Content) -> int:
        return demo.effects(self.erp_path, content.command.reference)

    def path_of(self, content: Content) -> list[str]:
        """Return the states that a proposal went through."""
        events = self.state.proposals.history(content.proposal_id)
        return [event.type.removeprefix("proposal.").upper() for event in events]

    def flaws(self) -> list[str]:
        """Return what the audit's verifier finds: broken records, moves that could not happen, rows without records."""
        report = verify(
            self.state.audit.read_all(), strays=self.state.audit.strays(), proposals=self.state.proposals.kept()
        )
        return [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]

    def alter(self, statement: str, *values: str | int) -> None:
        """Change the state file as somebody with the rights of its owner could, past triggers."""
        with demo.raw(self.folder / "state" / "state.sqlite") as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for name in names:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(statement, values)


def is_under_way(proposal: Proposal) -> bool:
    return proposal.state in {Stand.APPROVED, Stand.CLAIMED, Stand.SENDING, Stand.UNKNOWN, Stand.RECONCILING}


async def reached(event: asyncio.Event, work: asyncio.Task[Done | None]) -> None:
    """Wait until a worker has come to a point; one that ends before it fails the test instead of hanging it."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting, work}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert event.is_set(), work.result()
