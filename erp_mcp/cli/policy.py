"""`erp-mcp policy`: check, test, explain, compare and apply policies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec

import click

from erp_mcp import administration, bootstrap, settings
from erp_mcp.catalog.arguments import check as check_arguments
from erp_mcp.catalog.registry import Catalog
from erp_mcp.cli import applying
from erp_mcp.cli.options import (
    any_deployment,
    clear_errors,
    counted,
    deployment_options,
    json_option,
    print_json,
    printable,
    unknown_name,
)
from erp_mcp.cli.person import person_options
from erp_mcp.cli.proposal_view import screen, wrapped
from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.strict_json import decode
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import InvalidArgumentError, MalformedRequestError, UnknownToolError
from erp_mcp.policy import activate, explain, load, writing
from erp_mcp.policy.bundle import Bundle, from_json
from erp_mcp.policy.names import KnownNames
from erp_mcp.policy.problems import first_error

Parameters = ParamSpec("Parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Which policy files a command is about; `deployment` is `None` for a folder without one."""

    folder: Path
    tools: Mapping[str, Tool]
    deployment: bootstrap.Deployment | None

    def load(self) -> load.Loaded:
        """Return the saved files as a bundle."""
        return load.load(self.folder, self.known)

    @property
    def known(self) -> KnownNames:
        """What the files may name."""
        return KnownNames.of(self.tools.values())

    def applied(self) -> Bundle | None:
        """Return the applied bundle, `None` before the first apply."""
        if self.deployment is None:
            return None
        digest, text = self.deployment.state.bundles.active()
        return from_json(text, digest) if digest else None


def _options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    folder = click.option(
        "--policies",
        default="",
        metavar="DIR",
        help="Look at this policy folder instead of the deployment's.",
    )
    return deployment_options(folder(json_option(clear_errors(command))))


@contextmanager
def _place(config: str, demo_dir: str, policies: str) -> Iterator[_Place]:
    """Find folder and catalogue; without any deployment the shipped ones are meant."""
    file = any_deployment(config, demo_dir)
    if file is None:
        root = settings.data_root()
        catalog = bootstrap.compile_catalog([root / "tools"])
        yield _Place(folder=_folder(policies, root / "policies"), tools=_by_name(catalog), deployment=None)
        return
    deployment = bootstrap.open_deployment(file)
    try:
        folder = _folder(policies, deployment.settings.policies)
        yield _Place(folder=folder, tools=_by_name(deployment.catalog), deployment=deployment)
    finally:
        deployment.close()


def _folder(named: str, default: Path) -> Path:
    return Path(named).expanduser().resolve() if named else default


def _by_name(catalog: Catalog) -> dict[str, Tool]:
    return {tool.name: tool for tool in catalog}


@click.group(
    epilog="""
\b
Examples:
  erp-mcp policy check                      where, and how to mend it
  erp-mcp policy explain buyer get_stock    may a buyer call it, and why
  erp-mcp policy diff --demo-dir DIR        what would applying them change
  erp-mcp policy apply --demo-dir DIR       let the saved files count
"""
)
def command() -> None:
    """Say who may call what.

    Policies are YAML files in a folder: base.yaml, one file per site, and tests/ beside them. A saved file changes
    nothing; `apply` does, after everything was checked.
    """


@command.command(
    short_help="Check every file and run every case.",
    epilog="""
\b
Examples:
  erp-mcp policy check
  erp-mcp policy check --policies ./policies --json
""",
)
@_options
def check(config: str, demo_dir: str, policies: str, as_json: bool) -> None:
    """Check every file, run every case, and say what is wrong with file and line.

    Exit status: 0 when all is right, 2 when something is wrong.
    """
    with _place(config, demo_dir, policies) as place:
        checked = load.check(place.folder, place.known)
    if as_json:
        print_json(_checked_json(checked))
    else:
        _show_checked(checked, place.folder)
    sys.exit(2 if checked.loaded is None else 0)


@command.command(
    epilog="""
\b
Examples:
  erp-mcp policy test
  erp-mcp policy test --demo-dir DIR --json
"""
)
@_options
def test(config: str, demo_dir: str, policies: str, as_json: bool) -> None:
    """Run the cases in tests/ and list them; `check` runs them too.

    Exit status: 0 when all hold, 2 when one does not.
    """
    with _place(config, demo_dir, policies) as place:
        checked = load.check(place.folder, place.known)
    if checked.loaded is None:
        raise first_error(checked.problems)
    cases = [(case.source.name, case.form) for case in checked.loaded.cases]
    if as_json:
        print_json({"ok": True, "cases": [{"file": name, "name": form.name} for name, form in cases]})
        return
    for name, form in cases:
        click.echo(f"  {name}  {form.name}: {form.role} {form.tool} {form.expect}")
    click.secho(f"All cases hold: {len(cases)}", fg="green")


@command.command(
    name="explain",
    short_help="Say whether a role may call a tool, and why.",
    epilog="""
\b
Examples:
  erp-mcp policy explain support get_stock
  erp-mcp policy explain supervisor list_wip_jobs '{"site": "2000"}'
  erp-mcp policy explain buyer get_stock --saved   as saved, not applied
""",
)
@click.argument("role")
@click.argument("tool")
@click.argument("arguments", default="{}")
@click.option("--saved", is_flag=True, help="Explain the saved files, not what is applied.")
@_options
def explain_command(
    role: str, tool: str, arguments: str, *, saved: bool, config: str, demo_dir: str, policies: str, as_json: bool
) -> None:
    """Say whether ROLE may call TOOL with ARGUMENTS (JSON), why, and under which conditions.

    Without a deployment, or before the first apply, the saved files are explained.
    """
    with _place(config, demo_dir, policies) as place:
        known = place.tools.get(tool)
        if known is None:
            raise UnknownToolError(**unknown_name("tool", tool, place.tools))
        bundle = (None if saved or policies else place.applied()) or place.load().bundle
        if role not in bundle.roles:
            raise InvalidArgumentError(argument="ROLE", rule="a declared role", expected=tuple(bundle.roles))
        found = explain.explain(bundle, role, known, _arguments(known, arguments))
    if as_json:
        print_json(found.as_json())
        return
    for line in found.lines():
        click.echo(line)


@command.command(
    short_help="Say what applying the saved files would change.",
    epilog="""
\b
Examples:
  erp-mcp policy diff --demo-dir DIR
  erp-mcp policy diff --config erp-mcp.yaml --json
""",
)
@_options
def diff(config: str, demo_dir: str, policies: str, as_json: bool) -> None:
    """Say what applying the saved files would change: who may newly call what, and who no longer."""
    with _place(config, demo_dir, policies) as place:
        difference = activate.diff(place.applied(), place.load().bundle, place.tools)
    _show(difference, as_json=as_json)


@command.command(
    short_help="Check the saved files and make them count.",
    epilog="""
\b
Examples:
  erp-mcp policy apply --dry-run        show what would change, change nothing
  erp-mcp policy apply --demo-dir DIR   servers follow at their next call
  erp-mcp policy apply --as anna        an approver signs where it writes
  erp-mcp policy apply --yes --as anna --passphrase-file FILE
""",
)
@click.option("--dry-run", is_flag=True, help="Show what would change and stop.")
@person_options
@_options
def apply(
    *,
    dry_run: bool,
    yes: bool,
    approver: str,
    passphrase_file: str,
    config: str,
    demo_dir: str,
    policies: str,
    as_json: bool,
) -> None:
    """Check the saved files and make them count, for every process of the deployment at once.

    What becomes allowed is shown. A policy that allows writes counts only when an enrolled approver signs it with their
    passphrase, and what is newly writable is asked about first. The act is recorded in the audit log. If somebody else
    applied another policy in the meantime, nothing happens.
    """
    with _place(config, demo_dir, policies) as place:
        if place.deployment is None:
            raise click.UsageError("apply needs a deployment: name it with --config or --demo-dir")
        plan = administration.planned(place.deployment, place.folder)
        changed = plan.due and not dry_run
        if not as_json:
            _show(plan.difference, as_json=False)
        applying.warn(place.deployment, plan)
        if changed:
            applying.apply(place.deployment, plan, approver=approver, file=passphrase_file, yes=yes)
    if as_json:
        _show(plan.difference, as_json=True, applied=changed, digest=plan.bundle.digest)
        return
    end = "Applied" if changed else "Nothing applied (dry run)" if dry_run else "Already applied"
    click.secho(f"{end}: bundle {plan.bundle.digest[:12]}", fg="green" if changed else None)


@command.command(
    epilog="""
\b
Examples:
  erp-mcp policy schema > policies/_schema.json
"""
)
def schema() -> None:
    """Print the JSON Schema of policy files, for editors."""
    from erp_mcp.policy.grammar import schema_text

    click.echo(schema_text(), nl=False)


def _checked_json(checked: load.Checked) -> dict[str, JsonValue]:
    bundle = checked.loaded.bundle if checked.loaded else None
    problems: list[JsonValue] = [
        {"file": one.file, "line": one.line, "problem": one.problem, "key": one.key, "reason": one.reason}
        for one in checked.problems
    ]
    return {
        "ok": bundle is not None,
        "bundle": bundle.digest if bundle else "",
        "problems": problems,
        "advice": [
            {"file": one.file, "line": one.line, "key": one.key, "reason": one.reason} for one in checked.advice
        ],
        "writes": [one.as_json() for one in writing.granted(bundle)] if bundle else [],
    }


def _show_checked(checked: load.Checked, folder: Path) -> None:
    """Show every problem, or what is right and, each time, which writes are granted and by what they were earned."""
    for one in checked.problems:
        key = f"{one.key}: " if one.key else ""
        click.secho(f"{_shown(folder / one.file)}:{one.line or 1}: ", nl=False, bold=True)
        click.echo(printable(f"{key}{one.reason} [{one.problem}]"))
    if checked.loaded is None:
        return
    bundle = checked.loaded.bundle
    found = ((len(bundle.roles), "role"), (len(bundle.rules), "rule"), (len(checked.loaded.cases), "case"))
    counts = ", ".join(counted(number, noun) for number, noun in found)
    click.secho("All is right", fg="green", nl=False)
    click.echo(f": {counts}; bundle {bundle.digest[:12]}")
    for advice in checked.advice:
        click.echo(f"  {_shown(folder / advice.file)}:{advice.line}: {printable(advice.reason)}")
    for write in writing.granted(bundle):
        click.secho(f"  {write}", fg="yellow")


def _show(difference: activate.Difference, *, as_json: bool, applied: bool | None = None, digest: str = "") -> None:
    if as_json:
        state: dict[str, JsonValue] = {} if applied is None else {"applied": applied, "bundle": digest}
        print_json({**state, **difference.as_json()})
        return
    for line in difference.lines():
        for part in wrapped(line, screen(sys.stdout)):
            click.secho(part, fg={"+": "yellow", "-": "cyan"}.get(line[:1]))
    if difference.empty:
        click.echo("No difference: what is saved is what is applied.")


def _arguments(tool: Tool, text: str) -> dict[str, ArgumentValue]:
    """Return the arguments given, checked as a call's would be; what a call needs may be left out here."""
    try:
        value = decode(text.encode())
    except MalformedRequestError as error:
        raise InvalidArgumentError(argument="ARGUMENTS", rule="json", expected="a JSON object") from error
    if not isinstance(value, dict):
        raise InvalidArgumentError(argument="ARGUMENTS", rule="json", expected="a JSON object")
    relaxed = replace(tool, arguments=tuple(replace(one, required=False) for one in tool.arguments))
    checked = check_arguments(relaxed, value).arguments
    return {name: checked[name] for name in value if name in checked}


def _shown(path: Path) -> str:
    """Return a path as one would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
