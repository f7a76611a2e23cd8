"""`erp-mcp systems`: which systems of record there are, what each gives and takes, and whether that is true."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import click

from erp_mcp.answers.clean import clean_code
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import (
    clear_errors,
    counted,
    deployment_options,
    details,
    json_option,
    print_json,
    unknown_name,
)
from erp_mcp.cli.person import opened
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import instant_text, seconds_between
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import GatewayError, SystemNotConfiguredError
from erp_mcp.settings import SystemSettings

MAX_SKEW_S: Final = 300  # beyond it, ages and dates of this system are wrong by as much
_VERIFIED: Final = "verified"
_TOLD_APART: Final = ("product", "version", "account", "server_time")
_LABELS: Final = {"access": "read access"}  # beside "writes: on" it must not look like a contradiction
_MAX_SHOWN: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationReport:
    """One write operation: how an unknown outcome is found out, and whether the system keeps to it."""

    name: str
    contract: str
    settle_s: int
    verified: bool
    detail: str


@dataclass(slots=True, kw_only=True)
class SystemReport:
    """What a probe found out; `problems` are what must be mended."""

    name: str
    profile: str
    level: int
    reachable: bool = False
    told: dict[str, str] = field(default_factory=dict)
    clock_skew_s: int | None = None
    entities: tuple[str, ...] = ()
    operations: list[OperationReport] = field(default_factory=list)
    writes: bool = False
    why: str = ""
    write_account: str = ""
    problems: list[str] = field(default_factory=list)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp systems list
  erp-mcp systems probe erp          before writes are turned on, and when something is unclear
""",
)
def command() -> None:
    """List the systems of record and look at one of them closely.

    Nothing is written to a system unless the configuration names `write:` for it; docs/adapters.md has the rest.
    """


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp systems list --demo-dir DIR
  erp-mcp systems list --json
""",
)
@deployment_options
@json_option
@clear_errors
def list_systems(config: str, demo_dir: str, *, as_json: bool) -> None:
    """List the configured systems; none of them is called."""
    with opened(config, demo_dir) as deployment:
        rows = [(system, deployment.profile(system)) for system in deployment.settings.systems]
        reports = [_configured(deployment, system, profile) for system, profile in rows]
    if as_json:
        print_json([_json(report) for report in reports])
        return
    for report in reports:
        writes = f"writes {'on' if report.writes else 'off'}: {report.why}"
        click.echo(
            f"{report.name:<16} {report.profile:<16} level {report.level}  {len(report.entities):>2} entities  {writes}"
        )
    if not reports:
        click.echo("No system is configured; name one under `systems:` in the configuration.")


@command.command(
    epilog="""
\b
Examples:
  erp-mcp systems probe erp --demo-dir DIR
  erp-mcp systems probe erp --json

\b
Exit status: 0 all there, 1 something is missing.
"""
)
@click.argument("name")
@deployment_options
@json_option
@clear_errors
def probe(name: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Call one system and show what it gives and takes: clock, entities, operations and how each outcome is found out.

    With `write:` configured, the account that writes is used as well; nothing is written.
    """
    with opened(config, demo_dir) as deployment:
        known = {system.name: system for system in deployment.settings.systems}
        if name not in known:
            raise SystemNotConfiguredError(**unknown_name("system", name, known))
        report = asyncio.run(_probed(deployment, known[name]))
    if as_json:
        print_json(_json(report))
    else:
        _print(report)
    if report.problems:
        sys.exit(1)


# --- Looking ----------------------------------------------------------------------------------------------------------


async def _probed(deployment: Deployment, system: SystemSettings) -> SystemReport:
    """Look at one system with the account that reads, and where there is one with the account that writes."""
    report = _configured(deployment, system, deployment.profile(system))
    adapter = None
    try:
        adapter = deployment.adapter(system)
        report.entities = tuple(sorted(adapter.entities))
        told = await _asked(report, "reading", adapter.probe)
        report.reachable = told is not None
        report.told.update(told or {})
    except GatewayError as failure:
        report.problems.append(_words("reading", failure))
    finally:
        if adapter is not None:
            await adapter.close()
    if system.write is not None and report.operations:
        await _look_at_writes(deployment, report)
    if "server_time" in report.told:
        _compare_clocks(deployment, report)
    return report


async def _look_at_writes(deployment: Deployment, report: SystemReport) -> None:
    try:
        commands = await deployment.commands(report.name)
        told = await _asked(report, "writing", commands.probe)
    except GatewayError as failure:
        report.problems.append(_words("writing", failure))
        told = None
    finally:
        await deployment.writing.close()
    if told is None:
        report.writes, report.why = False, "the account that writes can't be used"
        return
    report.write_account = told.get("account", "")
    report.operations = [_checked(one, told.get(one.name, "not looked at")) for one in report.operations]
    report.problems += [f"{one.name}: {one.detail}" for one in report.operations if not one.verified]
    names = {one.name for one in report.operations}
    report.told = {**{key: value for key, value in told.items() if key not in names}, **report.told}


async def _asked(
    report: SystemReport, what: str, ask: Callable[[], Awaitable[Mapping[str, str]]]
) -> dict[str, str] | None:
    try:
        return dict(await ask())
    except GatewayError as failure:
        report.problems.append(_words(what, failure))
        return None


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
    """Compare the system's clock with ours: that of the plant, which in a demo stands still on both sides."""
    ours = instant_text(deployment.clock.plant())
    report.clock_skew_s = round(seconds_between(ours, report.told["server_time"]))
    if abs(report.clock_skew_s) > MAX_SKEW_S:
        report.problems.append(f"the clock of the system differs from ours by {report.clock_skew_s} s")


def _configured(deployment: Deployment, system: SystemSettings, profile: Profile) -> SystemReport:
    """Return what is known of a system without calling it."""
    report = SystemReport(
        name=system.name, profile=profile.name, level=profile.level, entities=tuple(sorted(profile.entities))
    )
    for name, form in sorted(profile.commands.items()):
        keys = form if isinstance(form, dict) else {}
        settle_s = keys.get("settle_s")
        report.operations.append(
            OperationReport(
                name=name,
                contract=str(keys.get("contract", "")),
                settle_s=settle_s if isinstance(settle_s, int) else 0,
                verified=False,
                detail="not looked at",
            )
        )
    report.writes, report.why = _writes(deployment, system, profile)
    if system.write is not None and not profile.commands:
        report.problems.append("`write:` is configured, and the profile has no operations")
    if system.write is not None and system.account and system.write.account == system.account:
        report.problems.append("the account that writes is the one that reads; give `write:` one of its own")
    return report


def _writes(deployment: Deployment, system: SystemSettings, profile: Profile) -> tuple[bool, str]:
    """Return whether approved changes are written to this system, and why."""
    if profile.level == 3:
        return False, "a level-3 system is only read"
    if not profile.commands:
        return False, "its profile has no operations"
    if system.write is None:
        return False, "the configuration has no `write:` for it"
    taken = deployment.writable.get(system.name, frozenset())
    if not taken:
        return False, "it owns none of the entities that its profile writes"
    stops = [
        stop.scope for stop in deployment.state.switches.stopped() if stop.scope in {"all", f"system:{system.name}"}
    ]
    if stops:
        return False, f"stopped ({', '.join(stops)}); see `erp-mcp writes status`"
    return True, f"{counted(len(taken), 'operation')}, each approved by a person"


def _words(what: str, failure: GatewayError) -> str:
    return " — ".join([f"{what}: {failure.summary} [{failure.code}]", *details(failure)])


# --- Showing ----------------------------------------------------------------------------------------------------------


def _json(report: SystemReport) -> dict[str, JsonValue]:
    operations: list[JsonValue] = [
        {
            "name": one.name,
            "contract": one.contract,
            "settle_s": one.settle_s,
            "verified": one.verified,
            "detail": one.detail,
        }
        for one in report.operations
    ]
    return {
        "system": report.name,
        "profile": report.profile,
        "level": report.level,
        "reachable": report.reachable,
        "told": {**report.told},
        "clock_skew_s": report.clock_skew_s,
        "entities": list(report.entities),
        "operations": operations,
        "writes": {"on": report.writes, "why": report.why, "account": report.write_account},
        "problems": list(report.problems),
    }


def _print(report: SystemReport) -> None:
    told = {name: clean_code(value[:_MAX_SHOWN])[0] for name, value in report.told.items()}
    product = " ".join(told[name] for name in ("product", "version") if name in told)
    lines = [
        ("reachable", f"{'yes' if report.reachable else 'no'}{f', {product}' if product else ''}"),
        ("account", _accounts(report, told)),
        ("server time", _time(report, told)),
        ("entities", f"{len(report.entities)}: {', '.join(report.entities)}"),
        ("writes", f"{'on' if report.writes else 'off'}: {report.why}"),
        *((_LABELS.get(name, name), value) for name, value in told.items() if name not in _TOLD_APART),
    ]
    click.echo(f"{report.name}: profile {report.profile}, level {report.level}")
    for name, value in lines:
        click.echo(f"  {name:<12} {value}")
    for one in report.operations:
        mark, colour = ("✓", "green") if one.verified else ("!", "yellow")
        click.echo(f"  {click.style(mark, fg=colour)} {one.name}: {one.contract}, settles in {one.settle_s} s")
        click.echo(f"    {'verified: ' if one.verified else ''}{clean_code(one.detail[:_MAX_SHOWN])[0]}")
    for problem in report.problems:
        click.echo(f"{click.style('✗', fg='red')} {clean_code(problem[:_MAX_SHOWN])[0]}")


def _accounts(report: SystemReport, told: Mapping[str, str]) -> str:
    writer = f"{clean_code(report.write_account)[0]} (writes)" if report.write_account else ""
    reader = told.get("account", "") if told.get("account") != report.write_account else ""
    return ", ".join(one for one in (f"{reader} (reads)" if reader else "", writer) if one) or "none needed"


def _time(report: SystemReport, told: Mapping[str, str]) -> str:
    if report.clock_skew_s is None:
        return "not told"
    return f"{told['server_time']}, {report.clock_skew_s:+d} s from ours"
