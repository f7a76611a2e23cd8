"""`erp-mcp client`: let an MCP client start the server, take that back, look who does, make a bundle to install."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from subprocess import list2cmdline

import click

from erp_mcp.administration import client_files
from erp_mcp.administration.client_files import Change, Found
from erp_mcp.administration.clients import CLIENTS, Client, Machine, packaged
from erp_mcp.administration.outlook import Outlook, outlook
from erp_mcp.bootstrap import Deployment, SystemClock
from erp_mcp.cli.client_entry import deployment_command
from erp_mcp.cli.options import (
    clear_errors,
    counted,
    deployment_options,
    json_option,
    print_json,
    printable,
)
from erp_mcp.cli.person import opened
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.nearest import nearest

_NAME = "erp-mcp"
_WRITTEN = frozenset({"type", "command", "args"})  # of an entry
_KEPT = "(stays as it is)"
_TEMPORARY = "archive-v0"  # where uvx unpacks what it runs once


@click.group(
    epilog="""
\b
Examples:
  erp-mcp client install --client claude-desktop --dry-run
  erp-mcp client list             which clients start us, and how
  erp-mcp client bundle plant.mcpb
"""
)
def command() -> None:
    """Let MCP clients start the server.

    A client's file is edited, not rewritten: comments, order and other servers stay, and the file as it was stays
    beside it. Nothing is ever sent anywhere.
    """


def machine() -> Machine:
    """Return the machine that is meant: this one, where none was handed to the command."""
    return click.get_current_context().find_object(Machine) or Machine.here()


@command.command(
    short_help="Write the entry into a client's configuration.",
    epilog="""
\b
Examples:
  erp-mcp client install --client claude-desktop --dry-run
  erp-mcp client install --client vscode --as buyer --config erp-mcp.yaml
  erp-mcp client install --client cursor --file .cursor/mcp.json
  erp-mcp client install --client claude-desktop --remove
""",
)
@click.option(
    "--client",
    "chosen",
    type=click.Choice(list(CLIENTS)),
    required=True,
    metavar="CLIENT",
    help=f"One of: {', '.join(CLIENTS)}.",
)
@click.option("--as", "agent", default="", metavar="AGENT", help="The agent that it is (default: the configuration's).")
@click.option("--name", default=_NAME, show_default=True, metavar="NAME", help="The server's name in the client.")
@click.option("--file", "named", default="", metavar="FILE", help="Another file of this client, as of one project.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@click.option("--remove", is_flag=True, help="Take the entry out again.")
@deployment_options
@clear_errors
def install(
    *, chosen: str, agent: str, name: str, named: str, dry_run: bool, remove: bool, config: str, demo_dir: str
) -> None:
    """Write the entry that starts the server into a client's configuration.

    Says what the client will be able to do. A second run changes nothing.
    """
    client, here = CLIENTS[chosen], machine()
    file = Path(named).expanduser().absolute() if named else client_files.file_of(client, here)
    if remove:
        _finish(client_files.removed(client, file, name), dry_run=dry_run)
        return
    with opened(config, demo_dir) as deployment:
        seen = outlook(deployment, agent)
        _check_agent(seen)
        start = deployment_command(deployment.settings.file, seen.agent)
        change = client_files.installed(client, file, name, start)
        _finish(change, dry_run=dry_run)
        for line in (*_told(seen, deployment), *_remarks(deployment, client, here, start)):
            click.echo(line)


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp client list
  erp-mcp client list --json
""",
)
@json_option
@clear_errors
def list_(*, as_json: bool) -> None:
    """List the clients of this account that start the server, and how."""
    found = list(client_files.entries(machine()))
    if as_json:
        print_json([_json(one) for one in found])
        return
    for one in found:
        click.echo(f"{one.client.title}: {printable(one.problem or one.name)}")
        click.echo(f"  {one.file}")
        if one.command:
            click.echo(f"  {printable(list2cmdline(one.command))}")
    if not found:
        click.echo("No client of this account starts erp-mcp: `erp-mcp client install --client NAME` adds one.")


@command.command(
    short_help="Write a bundle (.mcpb) to double-click.",
    epilog="""
\b
Examples:
  erp-mcp client bundle plant.mcpb
  erp-mcp client bundle plant.mcpb --as buyer --config erp-mcp.yaml
  erp-mcp client bundle portable.mcpb --portable
""",
)
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--as", "agent", default="", metavar="AGENT", help="The agent that is proposed to whoever installs it.")
@click.option("--portable", is_flag=True, help="Carry the program; uv fetches its libraries at the first start.")
@deployment_options
@clear_errors
def bundle(target: Path, *, agent: str, portable: bool, config: str, demo_dir: str) -> None:
    """Write a bundle (.mcpb) that Claude Desktop installs by a double-click.

    It asks for the configuration file and the agent, and holds neither data nor secrets. Without --portable it starts
    the program that is installed here, and asks for it where it is somewhere else.
    """
    from erp_mcp.administration import bundles

    if target.suffix != ".mcpb":
        raise click.UsageError("The file must end in .mcpb: that is how clients know it.")
    if target.exists():
        raise click.UsageError(f"{target} exists; it stays as it is.")
    with opened(config, demo_dir) as deployment:
        seen = outlook(deployment, agent)
        _check_agent(seen)
        start = deployment_command(deployment.settings.file, seen.agent)
        content = bundles.portable(seen) if portable else bundles.installed(seen, start)
        bundles.write(target, content)
        click.echo(f"Wrote {target} ({counted(target.stat().st_size, 'byte')}, {counted(len(content), 'file')}).")
        click.echo("Install it by a double-click, or under Settings, Extensions of Claude Desktop.")
        for line in _told(seen, deployment):
            click.echo(line)


def _finish(change: Change, *, dry_run: bool) -> None:
    """Write a change, or say what it would be."""
    where = f"{change.client.title}, {change.file}"
    if not change.needed:
        click.echo(f"Nothing to do: {where} {'says so already' if change.entry else f'has no {change.name!r}'}.")
        return
    if not change.file.parent.is_dir() and change.before is None:
        click.echo(f"{change.file.parent} does not exist yet: is {change.client.title} installed?", err=True)
    if change.entry:
        # Only what we write is shown: entries beside ours may hold secrets, and so may what a person added to ours.
        shown: dict[str, JsonValue] = {key: value if key in _WRITTEN else _KEPT for key, value in change.entry.items()}
        told = json.dumps({change.client.section: {change.name: shown}}, ensure_ascii=False, indent=2)
        click.echo(_lines(told))
    if dry_run:
        click.echo(
            f"Would {'write this to' if change.entry else f'take {change.name!r} out of'} {where}. Nothing done."
        )
        return
    backup = client_files.carry_out(change, SystemClock().wall())
    click.echo(f"{'Wrote this to' if change.entry else f'Took {change.name!r} out of'} {where}.")
    if backup is not None:
        click.echo(f"The file as it was: {backup}")
    click.echo(change.client.restart)


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _check_agent(seen: Outlook) -> None:
    if not seen.known or seen.accepted:
        return
    meant = nearest(seen.agent, seen.known)
    hint = f" Did you mean {meant!r}?" if meant else ""
    raise click.UsageError(
        f"The applied policy declares no agent {seen.agent[:64]!r}; there are: {', '.join(seen.known)}.{hint}"
    )


def _told(seen: Outlook, deployment: Deployment) -> Iterator[str]:
    """Say what the client will be able to do, and what needs a person."""
    if not seen.known:
        yield "\nNo policy is applied yet, so every call is refused: `erp-mcp policy apply`."
        return
    yield f"\nAs agent {seen.agent} (role {seen.role}, acts for {printable(seen.owner)}) it can"
    yield f"  read      {counted(len(seen.reads), 'tool')}: {', '.join(seen.toolsets) or 'none'}"
    if seen.listed < len(seen.reads):
        yield f"            The client lists {seen.listed} of all its tools; the others are found by `search_tools`."
    yield f"  of sites  {'all' if seen.sites is None else ', '.join(seen.sites) or 'none'}"
    yield f"  from      {', '.join(f'{name} ({profile})' for name, profile in seen.systems) or 'no system yet'}"
    names = ", ".join(tool.name for tool in seen.writes)
    yield f"  propose   {names or 'nothing: no write is granted to it'}"
    if seen.writes:
        takes = ", ".join(seen.takes_writes) or "no system takes one here"
        yield f"            A person must approve each one (`erp-mcp approvals`); written by the worker to: {takes}."
    yield "  nothing   else: no other tool, nothing below ISA-95 level 3, no change without a person."
    if deployment.settings.environment == "demo":
        yield "  This is a demo: invented data."


def _remarks(deployment: Deployment, client: Client, here: Machine, start: list[str]) -> Iterator[str]:
    """Say what would keep it from working."""
    if _TEMPORARY in PurePath(start[0]).parts:
        yield "! This program is a temporary one (uvx): install it, or the entry is stale soon."
    if client.name == "claude-desktop" and (hidden := hidden_state(deployment, here)):
        yield (
            f"! {hidden} lies in AppData. Claude Desktop is a packaged app here, which sees a copy of its own of what\n"
            "  is there: what it asks and proposes would not be what you see. Move the deployment out of AppData."
        )


def hidden_state(deployment: Deployment, here: Machine) -> Path | None:
    """Return what of a deployment a packaged Claude Desktop would see as a copy of its own, `None` for nothing."""
    if not packaged(here):
        return None
    settings = deployment.settings
    kept = (settings.file, settings.state_dir, settings.read_model)
    hides = (here.roaming.resolve(), here.local.resolve())
    return next((path for path in kept if any(path.resolve().is_relative_to(root) for root in hides)), None)


def _json(found: Found) -> dict[str, JsonValue]:
    return {
        "client": found.client.name,
        "file": str(found.file),
        "name": found.name,
        "command": list(found.command),
        "problem": found.problem,
    }
