"""`erp-mcp doctor`: is the whole set-up right, and if not, what to do."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from erp_mcp import administration
from erp_mcp.administration.clients import Machine
from erp_mcp.answers.clean import clean_code
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.bootstrap.profiles import check_profile
from erp_mcp.cli import doctor_machine
from erp_mcp.cli.audit import verify_deployment
from erp_mcp.cli.checkup import Check, writes
from erp_mcp.cli.oidc_checks import oidc_checks
from erp_mcp.cli.options import (
    clear_errors,
    counted,
    deployment_file,
    deployment_options,
    details,
    json_option,
    print_json,
)
from erp_mcp.cli.secret_checks import secret_checks
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.freshness import EntityState
from erp_mcp.errors import GatewayError

THREAT_LINE: Final = (
    "The embedded mode holds against everything that arrives over MCP, not against code run by the same"
    " operating-system user."
)
_MARK: Final = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "red")}
_MAX_AGE_FACTOR: Final = 4
_SHOWN_SITES: Final = 20
_SHOWN_ENTITIES: Final = 3
_LATE_IN_DEMO: Final = frozenset({"machine_state"})  # planted: what a refusal for age looks like
_COMMAND: Final = re.compile(
    r"`(erp-mcp (?:sync|policy|audit|doctor|approvals|worker|writes|systems|secrets|client)\b[^`]*)`"
)


@click.command(
    epilog="""
\b
Examples:
  erp-mcp doctor --demo-dir DIR
  erp-mcp doctor --config ~/erp-mcp/erp-mcp.yaml --connect --json

\b
Exit status: 0 all right (notes allowed), 1 something must be mended.
"""
)
@click.option("--connect", is_flag=True, help="Also call each system of record.")
@deployment_options
@json_option
@clear_errors
def command(config: str, demo_dir: str, *, connect: bool, as_json: bool) -> None:
    """Check the whole set-up and say what to do.

    Configuration, rights, state, audit log, tools, policy, writes, data and their age, sites, systems, secrets, clock,
    disk, and the clients of this account.
    """
    machine = click.get_current_context().find_object(Machine) or Machine.here()
    checks = list(all_checks(deployment_file(config, demo_dir), machine, connect=connect))
    if config or demo_dir:  # what is advised must find the deployment that was looked at
        named = f"--config {config}" if config else f"--demo-dir {demo_dir}"
        checks = [
            replace(check, advice=_COMMAND.sub(lambda found: f"`{found[1]} {named}`", check.advice)) for check in checks
        ]
    if as_json:
        rows: list[JsonValue] = [
            {"name": check.name, "status": check.status, "detail": check.detail, "advice": check.advice}
            for check in checks
        ]
        print_json({"ok": not _is_bad(checks), "checks": rows, "threat_line": THREAT_LINE})
    else:
        _print(checks)
    if _is_bad(checks):
        sys.exit(1)


def _is_bad(checks: list[Check]) -> bool:
    return any(check.status == "bad" for check in checks)


def _print(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, colour = _MARK[check.status]
        click.echo(f"{click.style(mark, fg=colour)} {check.name:<{width}}  {check.detail}")
        if check.advice:
            click.echo(f"  {'':<{width}}  → {check.advice}")
    click.echo(f"\n{THREAT_LINE} See SECURITY.md.")


def all_checks(file: Path, machine: Machine, *, connect: bool) -> Iterator[Check]:
    """Yield the checks; the later ones need the earlier ones, so a broken configuration ends them."""
    try:
        deployment = open_deployment(file)
    except GatewayError as error:
        yield _failed("configuration", error)
        return
    found = deployment.settings
    yield Check(name="configuration", status="ok", detail=f"{found.file} ({found.deployment}, {found.environment})")
    looks: list[tuple[str, Callable[[Deployment], Iterator[Check]]]] = [
        ("permissions", doctor_machine.permissions),
        ("state directory", _state_directory),
        ("audit", _audit),
        ("tools", _tools),
        ("policy", _policy),
        ("writes", writes),
        ("read model", _read_model),
        ("sites", _sites),
        ("systems", _connections if connect else _systems),
        ("secrets", lambda found: secret_checks(found, connect=connect)),
        ("sign-in", lambda found: oidc_checks(found, connect=connect)),
        ("clock", doctor_machine.clock),
        ("disk", doctor_machine.disk),
        ("clients", lambda found: doctor_machine.clients(found, machine)),
    ]
    try:
        for name, look in looks:
            yield from _guarded(name, look, deployment)
    finally:
        deployment.close()
    yield doctor_machine.environment(deployment)


def _guarded(name: str, look: Callable[[Deployment], Iterator[Check]], deployment: Deployment) -> Iterator[Check]:
    try:
        yield from look(deployment)
    except GatewayError as error:
        yield _failed(name, error)
    except OSError as error:
        yield Check(
            name=name, status="bad", detail=f"{type(error).__name__}: {error.strerror}", advice="Check the path."
        )


def _failed(name: str, error: GatewayError) -> Check:
    told = " — ".join([f"{error.summary} [{error.code}]", *details(error)])
    return Check(name=name, status="bad", detail=told, advice=error.advice)


def _state_directory(deployment: Deployment) -> Iterator[Check]:
    directory = deployment.settings.state_dir
    _ = deployment.state  # opens, creates or migrates it
    private = [*_private_files(directory), deployment.settings.read_model]
    open_to_others = [path for path in private if path.exists() and _mode(path) & 0o077]
    if os.name == "posix" and open_to_others:
        path = open_to_others[0]
        yield Check(
            name="state directory", status="bad", detail=f"others may read {path}", advice=f"chmod -R go= {path}"
        )
        return
    state = deployment.settings.state
    elsewhere = f"; the state itself in schema {state.schema} on PostgreSQL" if state is not None else ""
    yield Check(name="state directory", status="ok", detail=f"{directory}, its owner's alone{elsewhere}")


def _private_files(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.glob("state.sqlite*")
    yield from directory.glob("traffic.sqlite*")
    yield from directory.glob("keys/*")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _audit(deployment: Deployment) -> Iterator[Check]:
    report = verify_deployment(deployment)
    if report.intact:
        yield Check(name="audit", status="ok", detail=f"{counted(report.records, 'record')}, chain intact")
        return
    first = next(finding for finding in report.findings if not finding.is_notice)
    detail = f"chain broken at record {first.seq} ({first.code})"
    yield Check(
        name="audit", status="bad", detail=detail, advice="Run `erp-mcp audit verify` and keep the file as it is."
    )


def _tools(deployment: Deployment) -> Iterator[Check]:
    tools = list(deployment.catalog)  # a wrong file raises; what the cache holds was right when it was made
    writing = sum(tool.effect == "write" for tool in tools)
    yield Check(name="tools", status="ok", detail=f"{counted(len(tools), 'tool')}, {writing} of them propose writes")


def _policy(deployment: Deployment) -> Iterator[Check]:
    from erp_mcp.policy.load import check
    from erp_mcp.policy.names import KnownNames

    folder = deployment.settings.policies
    active = deployment.state.bundles.active_digest()
    checked = check(folder, KnownNames.of(deployment.catalog))
    if checked.loaded is None:
        detail = f"{counted(len(checked.problems), 'problem')} in {folder}; the applied policy stays in force"
        yield Check(name="policy", status="bad", detail=detail, advice="Run `erp-mcp policy check`.")
    elif not active:
        advice = "Run `erp-mcp policy apply`; until then every call is refused."
        yield Check(name="policy", status="bad", detail="no policy is applied", advice=advice)
    elif active != checked.loaded.bundle.digest:
        advice = "Run `erp-mcp policy diff`, then `erp-mcp policy apply`."
        yield Check(
            name="policy", status="note", detail=f"the files in {folder} differ from what is applied", advice=advice
        )
    else:
        yield Check(name="policy", status="ok", detail=f"applied bundle {active[:12]}… is what the files say")


def _read_model(deployment: Deployment) -> Iterator[Check]:
    states = asyncio.run(deployment.gateway.read_model.states())
    by_system: dict[str, list[EntityState]] = {}
    for state in (state for entity in states.values() for state in entity):
        by_system.setdefault(state.system, []).append(state)
    for system in (system.name for system in deployment.settings.systems):
        if system not in by_system:
            advice = "Run `erp-mcp sync`."
            yield Check(name=f"data of {system}", status="bad", detail="never synchronised", advice=advice)
    for system, offered in sorted(by_system.items()):
        yield _data(deployment, system, offered)


def _sites(deployment: Deployment) -> Iterator[Check]:
    """Compare the sites of the data with those of the applied policy: where they differ, answers are empty."""
    from erp_mcp.policy.bundle import from_json

    digest, text = deployment.state.bundles.active()
    held = administration.sites_held(deployment) if deployment.settings.read_model.exists() else frozenset()
    if not digest or not held:
        return  # told already
    named = frozenset(from_json(text, digest).sites)
    if not held - named and not named - held:
        yield Check(name="sites", status="ok", detail=f"{_listed(held)}: in the data and in the applied policy")
        return
    told = []
    if held - named:
        told.append(f"the data has {_listed(held - named)}, which the applied policy does not name")
    if named - held:
        told.append(f"the policy names {_listed(named - held)}, of which there is no data")
    advice = (
        f"Only roles with `sites: all` see a site that is not named. Set `sites:` (and those of roles) in "
        f"{deployment.settings.policies / 'base.yaml'}, then run `erp-mcp policy apply`."
    )
    yield Check(name="sites", status="note", detail="; ".join(told), advice=advice)


def _listed(sites: Iterable[str]) -> str:
    found = sorted(sites)
    rest = f" and {len(found) - _SHOWN_SITES} more" if len(found) > _SHOWN_SITES else ""
    return f"site {', '.join(clean_code(site)[0] for site in found[:_SHOWN_SITES])}{rest}"


def _data(deployment: Deployment, system: str, offered: list[EntityState]) -> Check:
    name = f"data of {system}"
    never = sorted(state.entity for state in offered if not state.as_of)
    refused = sorted(_words(deployment, state) for state in offered if _factor(deployment, state) > _MAX_AGE_FACTOR)
    stale = sorted(_words(deployment, state) for state in offered if 1 < _factor(deployment, state) <= _MAX_AGE_FACTOR)
    failing = _failing(offered)
    rows = sum(state.rows for state in offered)
    advice = "Run `erp-mcp sync`; its remarks say why a pass fails." if failing else "Run `erp-mcp sync`."
    if never or refused:
        missing = [f"{_named(never)} never synchronised"] if never else []
        detail = "; ".join([*missing, *(f"{one}, refused" for one in refused), *failing])
        late = {state.entity for state in offered if _factor(deployment, state) > _MAX_AGE_FACTOR}
        if deployment.settings.environment == "demo" and late == _LATE_IN_DEMO and not (never or failing):
            return Check(name=name, status="note", detail=f"{detail}, as planted", advice="Nothing to do in the demo.")
        return Check(name=name, status="bad", detail=detail, advice=advice)
    if stale or failing:
        return Check(name=name, status="note", detail="; ".join([*stale, *failing]), advice=advice)
    return Check(name=name, status="ok", detail=f"{len(offered)} entities, {rows:,} rows, all within their budgets")


def _failing(offered: list[EntityState]) -> list[str]:
    """Return by code which last passes failed: a system that is off fails for each entity alike."""
    by_code: dict[str, list[str]] = {}
    for state in offered:
        if state.last_error:
            by_code.setdefault(state.last_error, []).append(state.entity)
    return [f"the last pass over {_named(sorted(some))} failed: {code}" for code, some in sorted(by_code.items())]


def _named(entities: list[str]) -> str:
    return ", ".join(entities) if len(entities) <= _SHOWN_ENTITIES else f"{len(entities)} entities"


def _factor(deployment: Deployment, state: EntityState) -> float:
    """Return the age of an entity in budgets: above 1 stale, above 4 refused."""
    budget = deployment.budgets.get(state.entity)
    if not state.as_of or budget is None:
        return 0.0
    return _age_s(deployment, state) / budget.budget_s


def _age_s(deployment: Deployment, state: EntityState) -> float:
    return (deployment.clock.plant() - datetime.fromisoformat(state.as_of)).total_seconds()


def _words(deployment: Deployment, state: EntityState) -> str:
    return f"{state.entity} is {_age_s(deployment, state) / 60:.0f} min old"


def _systems(deployment: Deployment) -> Iterator[Check]:
    if not deployment.settings.systems:
        advice = "Add one: `erp-mcp systems add NAME` asks for what it needs."
        yield Check(name="systems", status="note", detail="no system is configured", advice=advice)
    for system in deployment.settings.systems:
        try:
            profile = deployment.profile(system)
            check_profile(profile, deployment.profile_folders)
            deployment.check_declared(system)
        except GatewayError as error:  # what is wrong with one hides no other
            yield _failed(f"system {system.name}", error)
            continue
        detail = f"profile {profile.name} ({profile.kind}, level {profile.level}); --connect would call it"
        yield Check(name=f"system {system.name}", status="ok", detail=detail)


def _connections(deployment: Deployment) -> Iterator[Check]:
    for system in deployment.settings.systems:
        name = f"system {system.name}"
        try:
            told = asyncio.run(_probe(deployment, system.name))
        except GatewayError as error:
            advice = f"{error.advice} `erp-mcp systems probe {system.name}` looks at each step."
            yield dataclasses.replace(_failed(name, error), advice=advice)
        else:
            yield Check(name=name, status="ok", detail=", ".join(f"{key} {value}" for key, value in told.items()))


async def _probe(deployment: Deployment, name: str) -> dict[str, str]:
    adapter = deployment.adapter(deployment.system(name))
    try:
        return dict(await adapter.probe())
    finally:
        await adapter.close()
