"""The stage of emergencies: whoever breaks the glass, and whoever looks at it afterwards, dies at every statement.

Two people break the glass, a worker writes, a third person reviews. Each of these processes is let live once, and what
there is after each statement of its is kept: that is what its death there would leave. At each of these
moments all of a word must be there or nothing of it, and a worker that comes then must find nothing to send before two
have spoken. Then whoever died says it once more, with a death of its own at every statement again, and the rest follows
to the end. Deaths of the worker itself are those of the stage `crash`, with what two people approved so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from unittest import mock

from erp_mcp import administration
from erp_mcp.administration import Signing, reviewing
from erp_mcp.administration.activation import apply_policy, planned
from erp_mcp.approval import keys
from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import Deployment, TimeOrderedIds
from erp_mcp.domain.command import RetryKind
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import DecidedAlreadyError, ProposalMovedError, ReviewedAlreadyError
from erp_mcp.ports import Commands
from erp_mcp.store.state.engine import Values
from erp_mcp.store.state.file import FileSession
from erp_mcp.store.state.postgresql_engine import PostgresqlSession
from tests.torture.crash import Crash, Death
from tests.torture.plant import Kit, Template, asked_for
from tests.torture.sagas import world_of
from tests.torture.stage import Asked, Set, Tally, own_kind, play, play_pairs
from tests.torture.world import Ending, Life, Moment, World
from tests.writes.desk import ADMIN, APPROVERS, passphrase_of

TOOL: Final = "propose_update_delivery_date"
WHY: Final = "Line 2 stands still, and nobody of the buyers answers."
REVIEWER: Final = "demo-controller"
GLASS: Final[dict[str, Any]] = {"people": [*APPROVERS, "demo-owner"], "review_by": [REVIEWER], "review_within_h": 1}
Act = Literal["first", "second", "work", "review"]
ACTS: Final[tuple[Act, ...]] = ("first", "second", "work", "review")
OF_PEOPLE: Final[tuple[Act, ...]] = ("first", "second", "review")


class Stored(NamedTuple):
    """What the store says of an emergency: who has said why, whether the glass is broken, who reviewed it."""

    said: tuple[tuple[str, str], ...]
    is_broken: bool
    reviewed_by: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A statement after which a process died, and what it left."""

    name: str
    moment: Moment
    is_new: bool  # whether what is left differs from what the death one statement before left


@lru_cache(maxsize=2)
def glass_template(kit: Kit) -> Template:
    """Make the proposal that the glass is broken for: of a policy that has one, and decided by nobody yet."""
    with mock.patch.object(keys, "_stretched", lru_cache(keys._stretched)):
        kit._put(*kit.base)
        deployment = kit.opened()
        try:
            admin = Signing(approver_id=ADMIN, passphrase=passphrase_of(kit.folder, ADMIN))
            plan = planned(deployment, with_glass(kit.folder / "policies"))
            apply_policy(deployment, applied_by="tests", signing=admin, activation=plan)
            (tool,) = (one for one in kit.tools if one.name == TOOL)
            content = asked_for(kit.runner, deployment, TOOL, json.loads(tool.examples[0])).content
        finally:
            kit.released(deployment)
        state, erp = kit._bytes()
        kit._put(*kit.base)
    assert content.terms.break_glass is not None
    return Template(tool=TOOL, content=content, state=state, erp=erp, now=kit.clock.now)


def with_glass(plain: Path) -> Path:
    """Return a copy of a folder of policies in which every approval may be given by break-glass."""
    folder = plain.with_name(f"{plain.name}-glass")
    shutil.copytree(plain, folder, dirs_exist_ok=True)
    base = folder / "base.yaml"
    policy = json.loads(base.read_text(encoding="utf-8"))
    policy["approvals"] = [{**one, "break_glass": GLASS} for one in policy["approvals"]]
    base.write_text(json.dumps(policy), encoding="utf-8")
    return folder


@contextmanager
def each_statement(at: Callable[[str], None]) -> Iterator[None]:
    """Tell after each statement that either store runs how it begins."""

    def telling(execute: Callable[..., Any]) -> Callable[..., Any]:
        def told(session: object, statement: str, values: Values = ()) -> object:
            rows = execute(session, statement, values)
            at(" ".join(statement.split()[:4]))
            return rows

        return told

    with (
        mock.patch.object(FileSession, "execute", telling(FileSession.execute)),
        mock.patch.object(PostgresqlSession, "execute", telling(PostgresqlSession.execute)),
    ):
        yield


@dataclass(slots=True)
class Emergency:
    """Plays deaths of all who take part in one emergency; `tally` counts them."""

    world: World
    template: Template
    tally: Tally
    _odd: list[str] = field(default_factory=list)  # words that counted twice, or did not count

    def play(self) -> Moment:
        """Play all deaths of people, and return the moment at which two have broken the glass."""
        moments = [self.world.at_first(self.template)]
        for act in ACTS:
            moments.append(self._done(act, moments[-1]))
        assert not self._odd, self._odd
        stored = [self._stored(one) for one in moments]
        for number, act in enumerate(ACTS):
            if act in OF_PEOPLE:
                self._deaths(act, moments[number], (stored[number], stored[number + 1]))
        return moments[2]

    def _deaths(self, act: Act, before: Moment, may_be: tuple[Stored, Stored], first: str = "") -> None:
        """Let somebody die at each statement, and once more at each of the one who comes after."""
        for cut in self._cuts(act, before):
            self.tally.schedules += 1
            if not cut.is_new:
                continue
            name = f"{first} then {cut.name}" if first else f"{act}: {cut.name}"
            self._judge(name, act, cut.moment, may_be)
            if not first and self._stored(cut.moment) == may_be[0]:
                self._deaths(act, cut.moment, may_be, name)

    def _cuts(self, act: Act, before: Moment) -> Sequence[Cut]:
        """Return what each death of somebody leaves."""
        found: list[Cut] = []

        def at(name: str) -> None:
            moment = self.world.moment()
            is_new = not found or found[-1].moment.state != moment.state
            found.append(Cut(name=name, moment=moment, is_new=is_new))

        self.world.put(before)
        with self._opened() as deployment:
            at("the beginning")
            with each_statement(at):
                self._said(act, deployment)
            at("the end")
        return found

    def _judge(self, name: str, act: Act, moment: Moment, may_be: tuple[Stored, Stored]) -> None:
        """See that all of a word is there or nothing, that nothing is sent too early, and that all ends well."""
        wrongs = []
        stored = self._stored(moment)
        if stored not in may_be:
            wrongs.append(f"half a word: {stored}")
        two = len({who for who, why in stored.said if len(why.strip()) >= 20}) >= 2
        moment = self._done("work", moment)
        if bool(moment.sends) != two:
            wrongs.append(f"sent {moment.sends} times on the word of {[who for who, _ in stored.said]}")
        for following in ACTS[ACTS.index(act) :]:
            moment = self._done(following, moment, again=stored == may_be[1] and following == act)
        ending, flaws = self._ended(moment)
        flaws += self._odd
        self._odd.clear()
        self.tally.add(replace(ending, wrongs=(*ending.wrongs, *wrongs, *flaws)), name)

    # --- What people and a worker do ----------------------------------------------------------------------------------

    def _done(self, act: Act, before: Moment, *, again: bool = False) -> Moment:
        """Let somebody do their part, and return what there is then; `again` is refused, since it is done."""
        self.world.put(before)
        if act == "work":
            self.world.live(self._port, Life.work_off)
            return self.world.moment()
        with self._opened() as deployment:
            try:
                self._said(act, deployment)
                counted = True
            except (DecidedAlreadyError, ProposalMovedError, ReviewedAlreadyError):
                counted = False
        if counted is again:
            self._odd.append(f"{act} {'counted twice' if again else 'did not count'}")
        return self.world.moment()

    def _said(self, act: Act, deployment: Deployment) -> None:
        """Sign a word and store it."""
        proposal = deployment.state.proposals.get(self.template.content.proposal_id)
        who = REVIEWER if act == "review" else APPROVERS[OF_PEOPLE.index(act)]
        signing = Signing(approver_id=who, passphrase=passphrase_of(self.world.kit.folder, who))
        if act == "review":
            reviewing.give_review(deployment, proposal, signing, "justified", WHY)
        else:
            administration.decide(deployment, proposal, signing, "break_glass", WHY)

    @contextmanager
    def _opened(self) -> Iterator[Deployment]:
        kit = self.world.kit
        deployment = kit.opened(self.world.home.open(self.world.clock, TimeOrderedIds()), self.world.clock)
        try:
            yield deployment
        finally:
            kit.released(deployment)

    def _port(self, life: Life) -> Commands:
        return Crash(self.world, self.template, self._kind)._port(life, lambda _: None, is_later=False)

    @property
    def _kind(self) -> RetryKind:
        return own_kind(Set(world=self.world, templates=()), self.template)

    def _ended(self, moment: Moment) -> tuple[Ending, list[str]]:
        """Return what all of it came to, and what is wrong with the rows of the emergency."""
        self.world.put(moment)
        flaws: list[str] = []

        async def run(life: Life) -> None:
            await life.until_end()
            state = life.deployment.state
            report = verify(state.audit.read_all(), proposals=state.proposals.kept(), rows=state.kept_rows())
            flaws.extend(f"{one.code} {one.detail}" for one in report.findings if not one.is_notice)

        ending = self.world.live(self._port, run, kind=self._kind)
        assert ending is not None
        stored = self._stored(moment)
        said = tuple((who, WHY) for who in sorted(APPROVERS))
        if stored != Stored(said=said, is_broken=True, reviewed_by=REVIEWER, state=State.COMMITTED):
            flaws.append(f"it ended as {stored}")
        return ending, flaws

    def _stored(self, moment: Moment) -> Stored:
        """Return what the store says at a moment."""
        self.world.put(moment)
        with self._opened() as deployment:
            store, handle = deployment.state.proposals, self.template.content.proposal_id
            glass = store.broken_glass(handle)
            told = [(one, json.loads(one.envelope)) for one in store.decisions(handle)]
            assert all(one.decision == "break_glass" for one, _ in told)
            return Stored(
                said=tuple(sorted((one.approver_id, str(words["comment"])) for one, words in told)),
                is_broken=glass is not None,
                reviewed_by=glass.review.approver_id if glass and glass.review else "",
                state=store.get(handle).state,
            )


def glass(found: Set, asked: Asked) -> Iterator[Tally]:
    """Play the stage on one store: deaths of people, and then of workers."""
    kit = found.world.kit
    template = glass_template(kit)
    world = world_of(kit, found.world.home)
    played = Set(world=world, templates=())
    own = own_kind(played, template)
    with mock.patch.object(keys, "_stretched", lru_cache(keys._stretched)):
        with played.tallied("glass", template, own, "people") as tally:
            approved = Emergency(world, template, tally).play()
        yield tally
        with played.tallied("glass", template, own, "plain") as tally:
            _workers(tally, Crash(world, template, own), Death(points=(), moment=approved, is_new=True), asked)
        yield tally


def _workers(tally: Tally, one: Crash, approved: Death, asked: Asked) -> None:
    """Let workers die at every point, once and twice, over what two people approved in an emergency."""
    one.world.learn(one.ending(approved))
    firsts = one.deaths(approved)
    play(tally, one, firsts, every=asked.every)
    play_pairs(tally, one, firsts, every=asked.every)
