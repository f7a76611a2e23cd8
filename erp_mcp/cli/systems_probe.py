"""Looks at one system of record step by step; each step fails by itself, and nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import details
from erp_mcp.cli.systems_report import OperationReport, SystemReport, configured, skew
from erp_mcp.domain.instants import instant_text, seconds_between
from erp_mcp.domain.introspection import EntityBinding, Introspection
from erp_mcp.domain.kept_fields import WORKED_OUT
from erp_mcp.errors import AccountTooPowerfulError, GatewayError, SystemRefusedError
from erp_mcp.ports import Adapter, Commands, Introspects
from erp_mcp.settings import SystemSettings

MAX_SKEW_S: Final = 300  # beyond it, ages and dates of this system are wrong by as much
LEAST_STEP_S: Final = 60.0
_CUT_READING: Final = "give it an account that can only read"
_CUT_WRITING: Final = "take from it what its operations do not need"
TIMES: Final = 4.0  # a step asks several times, each within the time-out of the system
_VERIFIED: Final = "verified"
_BEYOND, _NOTHING = "may also", "nothing else"  # what products tell whose rights can't be cut to the operations
Told = TypeVar("Told")
Tell = Callable[[str], None]


async def probed(deployment: Deployment, system: SystemSettings, tell: Tell) -> SystemReport:
    """Look at one system with the account that reads, and where there is one with the account that writes.

    Args:
        deployment: The deployment.
        system: Which one.
        tell: Is told what is being looked at, for people who wait.
    """
    report = configured(deployment, system)
    probe = _Probe(deployment, system, report, tell)
    report.called = True
    await probe.reading()
    if system.write is not None and report.operations:
        await probe.writing()
    _compare_clocks(deployment, report)
    return report


class _Probe:
    """The steps; what each finds goes into the report."""

    def __init__(self, deployment: Deployment, system: SystemSettings, report: SystemReport, tell: Tell) -> None:
        self._deployment = deployment
        self._system = system
        self._report = report
        self._tell = tell
        self._limit_s = max(LEAST_STEP_S, TIMES * system.timeout_s)

    async def reading(self) -> None:
        adapter: Adapter | None = None

        async def opened() -> Adapter:
            return self._deployment.adapter(self._system)

        try:
            adapter = await self._step("reading", "opening it", opened)
            if adapter is not None:
                await self._reading_through(adapter)
        finally:
            if adapter is not None:
                await adapter.close()

    async def _reading_through(self, adapter: Adapter) -> None:
        report = self._report
        report.entities = tuple(sorted(adapter.entities))
        told = await self._step("reading", "signing in to read", adapter.probe)
        if told is None:
            return
        report.reachable = True
        report.told.update(told)
        if not isinstance(adapter, Introspects):
            report.add("fields", "note", "this kind of adapter can't say what the system has; `sync` finds it out")
            return
        found = await self._step("fields", "looking at what it has", adapter.introspect)
        if found is not None:
            self._fields(found)
            self._rights(found, "reads", _CUT_READING)

    async def writing(self) -> None:
        self._report.looked_at_writes = True

        async def opened() -> Commands:
            return await self._deployment.commands(self._system.name)

        try:
            commands = await self._step("writing", "opening it for writing", opened)
            if commands is None:
                self._contracts(None)
            else:
                await self._writing_through(commands)
        finally:
            await self._deployment.writing.close()

    async def _writing_through(self, commands: Commands) -> None:
        told = await self._step("writing", "signing in to write", commands.probe)
        self._contracts(told)
        looks: object = commands
        if told is None or not isinstance(looks, Introspects):
            return
        found = await self._step("writing", "looking at what that account may do", looks.introspect)
        if found is not None:
            self._rights(found, "writes", _CUT_WRITING)

    def _contracts(self, told: Mapping[str, str] | None) -> None:
        report = self._report
        if told is None:
            report.writes, report.why = False, "the account that writes can't be used"
            return
        report.write_account = told.get("account", "")
        report.operations = [_checked(one, told.get(one.name, "not looked at")) for one in report.operations]
        for one in report.operations:
            if not one.verified:
                do = "leave this operation's tool off in the policy until the system keeps to it"
                report.add(one.name, "problem", one.detail, do)
        if told.get(_BEYOND, _NOTHING) != _NOTHING:
            do = "take from it what its operations do not need, as far as the product lets you"
            report.add("rights", "note", f"the account that writes may also: {told[_BEYOND]}", do)
        names = {one.name for one in report.operations}
        report.told = {**{key: value for key, value in told.items() if key not in names}, **report.told}

    def _fields(self, found: Introspection) -> None:
        report = self._report
        report.bindings = tuple(_without_ours(one) for one in found.entities)
        report.told.update(found.told)
        whole = [one for one in report.bindings if not one.missing and not one.mandatory]
        if report.bindings:
            report.add("fields", "ok", f"{len(whole)} of {len(report.bindings)} entities are there as a whole")
        for one in report.bindings:
            self._binding(one)

    def _binding(self, one: EntityBinding) -> None:
        where = f" ({one.source})" if one.source else ""
        if one.mandatory:
            detail, names = f"{one.entity}{where} lacks what it must have: ", self._mapped(one.entity, one.mandatory)
            do = "let the account see these fields, or map them in a profile of your own; until then it is not read"
            self._report.add("fields", "problem", detail, do, names=names)
        gaps = tuple(name for name in one.missing if name not in one.mandatory)
        if gaps:
            detail, names = f"{one.entity}{where} is without ", self._mapped(one.entity, gaps)
            do = "answers name it as a gap; map it where the system has it"
            self._report.add("fields", "note", detail, do, names=names)

    def _mapped(self, entity: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return fields with the path that the profile looks for, where it is one: most often it is misspelt."""
        fields = self._report.profile.entities.get(entity, {}).get("fields")
        paths = fields if isinstance(fields, dict) else {}
        return tuple(f"{name} ({path})" if isinstance(path := paths.get(name), str) else name for name in names)

    def _rights(self, found: Introspection, what: str, do: str) -> None:
        if found.excess:
            detail = f"the account that {what} can do more than it needs: "
            do = f"{do}, or let whoever administers it run:" if found.revoke else do
            self._report.add("rights", "problem", detail, do, names=found.excess, statements=found.revoke)
        elif not found.rights_seen:
            detail = f"what else the account that {what} may do can't be seen from here"
            self._report.add("rights", "note", detail, f"look in the system itself; where it can do more, {do}")
        else:
            self._report.add("rights", "ok", f"the account that {what} can do no more than it needs, as far as is seen")

    def _too_powerful(self, failure: AccountTooPowerfulError, step: str) -> None:
        rights, revoke = (_texts(failure.facts.get(name)) for name in ("rights", "revoke"))
        what, do = ("writes", _CUT_WRITING) if step == "writing" else ("reads", _CUT_READING)
        self._rights(Introspection(excess=rights or ("not told",), revoke=revoke), what, do)

    async def _step(self, name: str, what: str, ask: Callable[[], Awaitable[Told]]) -> Told | None:
        """Return what a step gives, `None` after a failure, which is a problem of its own with what to do."""
        self._tell(what)
        try:
            async with asyncio.timeout(self._limit_s):
                return await ask()
        except AccountTooPowerfulError as failure:  # of a kind that looks at rights before anything else
            self._report.reachable = True
            self._too_powerful(failure, name)
        except GatewayError as failure:
            words = " — ".join([f"{failure.summary} [{failure.code}]", *details(failure)])
            self._report.reachable |= isinstance(failure, SystemRefusedError)
            self._report.add(name, "problem", words, _advice(self._system, failure, name))
        except TimeoutError:
            detail = f"{what} takes longer than {self._limit_s:g} s"
            self._report.add(name, "problem", detail, "look at the system's load, or raise `timeout_s:`")
        except Exception as failure:  # noqa: BLE001 - an adapter of a third party may break in any way
            detail = f"{what} fails inside the adapter ({type(failure).__name__})"
            self._report.add(name, "problem", detail, "tell whoever wrote the adapter; its contract suite finds it")
        return None


def _texts(fact: object) -> tuple[str, ...]:
    return tuple(str(one) for one in fact) if isinstance(fact, tuple) else ()


def _without_ours(one: EntityBinding) -> EntityBinding:
    """Return what is bound of an entity, without the fields that the read model works out itself."""
    ours = WORKED_OUT.get(one.entity, frozenset())
    return replace(one, missing=tuple(name for name in one.missing if name not in ours))


def _advice(system: SystemSettings, failure: GatewayError, step: str) -> str:
    """Return what an integrator does about an error, in names of this system."""
    account, secret = system.account, system.secret
    if step == "writing" and system.write is not None:
        account, secret = system.write.account, system.write.secret
    reason = str(failure.facts.get("reason", ""))
    match failure.code:
        case "adapter.not_declared":
            return f'erp-mcp systems declare {system.name} --by PERSON --pathway "…"'
        case "adapter.refused" if reason == "not there":
            return f"check the path in `url:` ({system.url}), and those of its profile ({system.profile})"
        case "adapter.refused":
            who = f"account {account}" if account else "the account"
            kept = f" and its secret ({secret})" if secret else ""
            return f"check {who}{kept}, then what it may see in the system"
        case code if code == "credentials.unavailable" or _of_secret(failure):
            which = " --write" if step == "writing" else ""
            return f"erp-mcp secrets set {system.name}{which}" if secret else "name its secret under `secret:`"
        case "adapter.not_allowed":
            return _not_allowed(system, str(failure.facts.get("host", "")), reason)
        case _:
            return _on_the_way(system, reason).get(failure.code, failure.advice)


def _on_the_way(system: SystemSettings, reason: str) -> dict[str, str]:
    """Return what to do, by code, about what went wrong between us and the system or with its answer."""
    reach = f"check `url:` ({system.url}), the network and whether it runs; then repeat"
    if reason.startswith("certificate"):
        reach = "name the authority of its certificate under `tls: {ca_file: …}` of the system; check also the port"
    return {
        "adapter.unreachable": reach,
        "adapter.timeout": f"repeat; where it is always slow, raise `timeout_s:` (now {system.timeout_s})",
        "adapter.resting": "repeat when that time is over; what has been mended meanwhile is tried then",
        "adapter.bad_answer": f"compare its answers with what profile {system.profile} says: paths, types, lists",
    }


def _not_allowed(system: SystemSettings, host: str, reason: str) -> str:
    """Return what to do about a host that is not on the allow-list; `host` is the one refused, empty if not known."""
    if reason == "next link to another host":
        return (
            f"its answers lead elsewhere than `url:` ({system.url}); where it stands behind a proxy, set"
            " `options: {next_links: rewrite}` (OData) or `rewrite: true` under the profile's `paging:` (REST)"
        )
    named = host or f"the name in `url:` ({system.url})"
    return (
        f"find out where {named} leads; if that is right, list its network under `networks:` of the system, as"
        " 10.20.0.0/16"
    )


def _of_secret(failure: GatewayError) -> bool:
    """Whether a setting that is wrong is where a secret is kept."""
    return str(failure.facts.get("key", "")).rpartition(".")[2] == "secret"


def _checked(operation: OperationReport, said: str) -> OperationReport:
    word, _, detail = said.partition(": ")
    return OperationReport(
        name=operation.name,
        contract=operation.contract,
        settle_s=operation.settle_s,
        verified=word == _VERIFIED,
        detail=detail if word == _VERIFIED else said,
    )


def _compare_clocks(deployment: Deployment, report: SystemReport) -> None:
    """Compare the system's clock with ours: the nearer of both, since the plant's stands still in a demo."""
    if "server_time" not in report.told:
        return
    ours = [instant_text(now) for now in (deployment.clock.plant(), deployment.clock.wall())]
    try:
        report.clock_skew_s = min((round(seconds_between(one, report.told["server_time"])) for one in ours), key=abs)
    except ValueError:
        report.add("clock", "note", "the system's time is told in a form that can't be compared")
        return
    if abs(report.clock_skew_s) > MAX_SKEW_S:
        detail = f"the clock of the system is {skew(report.clock_skew_s)}"
        report.add("clock", "problem", detail, "set both by a time server; ages and dates are wrong by as much")
