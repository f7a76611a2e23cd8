"""`erp-mcp tools`: lint, list, describe and call tools, and write the schema for editors."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from erp_mcp import answers, bootstrap, settings
from erp_mcp.administration import sheets
from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog import kept
from erp_mcp.catalog.grammar import editor_schema
from erp_mcp.catalog.load import Finding, inspect
from erp_mcp.catalog.registry import Catalog
from erp_mcp.catalog.schemas import input_schema, output_schema
from erp_mcp.cli import tools_export
from erp_mcp.cli.options import (
    any_deployment,
    clear_errors,
    counted,
    deployment_file,
    deployment_options,
    json_option,
    print_json,
    unknown_name,
)
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.answer import Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.left_to_people import unseen
from erp_mcp.domain.strict_json import decode
from erp_mcp.domain.tool import Argument, Tool
from erp_mcp.errors import MalformedRequestError, UnknownToolError
from erp_mcp.policy.bundle import from_json

_DENIED = ("policy.", "freshness.")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(
    epilog="""
\b
Examples:
  erp-mcp tools list                        every tool there is
  erp-mcp tools describe find_order         the contract of one tool
  erp-mcp tools lint my-tools               check a folder of your own
  erp-mcp tools call list_sales_orders '{"late_only": true}' --demo-dir DIR
"""
)
def command() -> None:
    """List, describe, lint and call tools.

    A tool is one YAML file: tools/<toolset>/<tool>.yaml. Add your own folder under `tools:` of the configuration.
    """


@command.command(
    short_help="Check tool files; every problem with its line.",
    epilog="""
\b
Examples:
  erp-mcp tools lint                   those shipped and configured
  erp-mcp tools lint my-tools          one folder of <toolset>/<tool>.yaml
  erp-mcp tools lint my-tools --json   for editors; status 2 when one is wrong
""",
)
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=_FOLDER)
@deployment_options
@json_option
@clear_errors
def lint(folders: Sequence[Path], config: str, demo_dir: str, *, as_json: bool) -> None:
    """Check tool files: grammar, names, statements, lineage, paging, examples, size.

    Shows every problem with file, line and rule.
    """
    known = kept.of_package(settings.data_root() / "tools")
    tools, findings = inspect(list(folders) or _folders(config, demo_dir), ANALYSES, OPERATIONS, known)
    if as_json:
        print_json({"tools": len(tools), "problems": [_finding(one) for one in findings]})
    else:
        for one in findings:
            key = f"{one.key}: " if one.key and one.rule == "grammar" else ""
            click.echo(f"{one.file}:{one.line}: {key}{one.detail} [{one.rule}]", err=True)
        click.echo(f"{counted(len(tools), 'tool')}, {counted(len(findings), 'problem')}")
    if findings:
        sys.exit(2)


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp tools list                             every tool there is
  erp-mcp tools list --demo-dir DIR --as buyer   what this agent may call
""",
)
@click.option("--as", "agent", default="", metavar="AGENT", help="Show what this agent may call.")
@deployment_options
@json_option
@clear_errors
def list_(agent: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """List tools: all of them, or what an agent may call."""
    with _catalog(config, demo_dir) as (catalog, deployment):
        tools, listed = list(catalog), None
        if agent:
            gateway, principal = _needed(deployment).gateway, _needed(deployment).principal(agent)
            listed = {view.name for view in gateway.tools(principal)}
            tools = list(gateway.callable_tools(principal))
        if as_json:
            print_json({"digest": catalog.digest, "tools": [_listed(tool, listed) for tool in tools]})
            return
        for tool in tools:
            mark = "" if listed is None or tool.name in listed else "  (found by search_tools)"
            click.echo(f"{tool.toolset + '/' + tool.name:42} level {tool.level}  {tool.effect:9}  {tool.title}{mark}")
        shown = "" if listed is None else f", {len(listed)} of them in the list of {agent}"
        click.echo(f"{counted(len(tools), 'tool')}{shown}")
        if agent and not tools:
            click.echo(_why_none(_needed(deployment), agent), err=True)


@command.command(
    short_help="Show the contract of one tool.",
    epilog="""
\b
Examples:
  erp-mcp tools describe list_sales_orders
  erp-mcp tools describe get_stock --json   with the schemas that clients get
""",
)
@click.argument("name")
@deployment_options
@json_option
@clear_errors
def describe(name: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show the contract of one tool: arguments, result, where each column comes from, examples."""
    with _catalog(config, demo_dir) as (catalog, _):
        tool = catalog.get(name)
        if tool is None:
            raise UnknownToolError(**unknown_name("tool", name, (tool.name for tool in catalog)))
        if as_json:
            print_json(_details(tool))
        else:
            click.echo("\n".join(_description(tool)))


@command.command(
    short_help="Call a tool as an agent would; or export it.",
    epilog="""
\b
Examples:
  erp-mcp tools call list_sales_orders '{"late_only": true}' --demo-dir DIR
  erp-mcp tools call get_stock --as buyer --demo-dir DIR
  echo '{"reference": "4711"}' | erp-mcp tools call find_order - --json
  erp-mcp tools call list_sales_orders --export late.xlsx --demo-dir DIR

\b
Exit status: 0 answered, 2 the call is wrong, 3 refused by policy or age,
1 anything else.
""",
)
@click.argument("name")
@click.argument("arguments", default="{}", metavar="[JSON]")
@click.option("--as", "agent", default="", metavar="AGENT", help="Call as this agent (default: of the configuration).")
@click.option("--export", "target", default="", metavar="FILE", help="Write all pages to a new .csv or .xlsx file.")
@click.option(
    "--max-rows",
    default=tools_export.MAX_ROWS,
    show_default=True,
    type=click.IntRange(1, sheets.MAX_XLSX_ROWS),
    help="Bound of an export.",
)
@deployment_options
@json_option
@clear_errors
def call(
    name: str, arguments: str, *, agent: str, target: str, max_rows: int, config: str, demo_dir: str, as_json: bool
) -> None:
    """Call a tool through the gateway, as an agent would: same policy, same limits, same audit record.

    With --export every page is asked for, and the whole answer goes into a file without live formulas.
    """
    text = sys.stdin.read() if arguments == "-" else arguments
    given = decode(text.encode())
    if not isinstance(given, dict):
        raise MalformedRequestError(rule="object")
    deployment = bootstrap.open_deployment(deployment_file(config, demo_dir))
    try:
        request = ToolCall(tool=name, arguments=given, call_id=deployment.ids.new(), client="erp-mcp tools call")
        if target:
            tools_export.checked(Path(target), name, given, deployment)
            refused = tools_export.export(deployment, agent, request, Path(target), max_rows)
            sys.exit(_status(refused.code) if refused else 0)
        outcome = asyncio.run(deployment.gateway.call(deployment.principal(agent), request))
    finally:
        deployment.close()
    if as_json:
        print_json(answers.structured(outcome))
    else:
        click.echo(answers.text(outcome))
    if isinstance(outcome, Refusal):
        sys.exit(_status(outcome.code))


@command.command(
    short_help="Print the JSON Schema of a tool file.",
    epilog="""
\b
Examples:
  erp-mcp tools schema > tools/_schema.json
""",
)
@clear_errors
def schema() -> None:
    """Print the JSON Schema of a tool file, for editors (kept as tools/_schema.json)."""
    click.echo(json.dumps(editor_schema(), indent=2, ensure_ascii=False))


def _folders(config: str, demo_dir: str) -> list[Path]:
    """Return the tool folders of the deployment; without any, the shipped one."""
    file = any_deployment(config, demo_dir)
    if file is None:
        return [settings.data_root() / "tools"]
    return list(settings.load(file).tools)


@contextmanager
def _catalog(config: str, demo_dir: str) -> Iterator[tuple[Catalog, bootstrap.Deployment | None]]:
    file = any_deployment(config, demo_dir)
    if file is None:
        yield bootstrap.compile_catalog([settings.data_root() / "tools"]), None
        return
    deployment = bootstrap.open_deployment(file)
    try:
        yield deployment.catalog, deployment
    finally:
        deployment.close()


def _needed(deployment: bootstrap.Deployment | None) -> bootstrap.Deployment:
    if deployment is None:
        raise click.UsageError("--as needs a deployment: give --demo-dir or --config.")
    return deployment


def _why_none(deployment: bootstrap.Deployment, agent: str) -> str:
    """Say why an agent has no tools; an administrator reads this, a client is not told."""
    digest, text = deployment.state.bundles.active()
    if not digest:
        return "No policy is applied: run `erp-mcp policy apply`."
    agents = from_json(text, digest).agents
    if agent not in agents:
        return f"The applied policy declares no agent {agent[:64]!r}; there are: {', '.join(agents)}."
    return f"No rule permits anything to role {agents[agent].role!r}."


def _status(code: str) -> int:
    if code.startswith("call."):
        return 2
    return 3 if code.startswith(_DENIED) else 1


def _finding(one: Finding) -> dict[str, JsonValue]:
    return {"file": one.file, "line": one.line, "rule": one.rule, "key": one.key, "detail": one.detail}


def _summary(tool: Tool) -> dict[str, JsonValue]:
    return {
        "name": tool.name,
        "toolset": tool.toolset,
        "title": tool.title,
        "version": tool.version,
        "effect": tool.effect,
        "level": tool.level,
        "scope": tool.scope,
        "hash": tool.hash,
    }


def _listed(tool: Tool, listed: Collection[str] | None) -> dict[str, JsonValue]:
    """Return a summary, and for an agent whether its list shows the tool."""
    return _summary(tool) if listed is None else {**_summary(tool), "listed": tool.name in listed}


def _details(tool: Tool) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = {
        table.name: {column.name: {"kind": column.kind, "from": list(column.fields)} for column in table.columns}
        for table in tool.tables
    }
    return {
        **_summary(tool),
        "description": tool.description,
        "input_schema": input_schema(tool),
        "output_schema": output_schema(tool),
        "fields": fields,
        "entities": list(tool.entities),
        "errors": list(tool.errors),
        "left_to_people": {rule: one.words for rule, one in sorted(unseen(tool.command).items())},
        "examples": [json.loads(example) for example in tool.examples],
    }


def _description(tool: Tool) -> Iterator[str]:
    effect = f"{tool.effect} of class {tool.risk}" if tool.risk else tool.effect
    yield f"{tool.name} — {tool.title} ({tool.toolset}, level {tool.level}, {effect}, version {tool.version})"
    yield tool.description
    yield "\nArguments:"
    yield from (f"  {argument.name:22} {_argument(argument)}" for argument in tool.arguments)
    if tool.paged is not None:
        yield f"  {'limit, cursor':22} pages of table {tool.paged.name}"
    for table in tool.tables:
        yield f"\nTable {table.name}{' (paged)' if table.paged else ''}:"
        for column in table.columns:
            yield f"  {column.name:22} {column.kind:9} {', '.join(column.fields)}"
    left = unseen(tool.command)
    if left:
        yield "\nRules that only people can look at, where policy leaves them to people (`left_to_people:`):"
        yield from (
            f"  {rule:22} {one.words}{f' ({one.when})' if one.when else ''}" for rule, one in sorted(left.items())
        )
    yield "\nExamples:"
    yield from (f"  {example}" for example in tool.examples)


def _argument(argument: Argument) -> str:
    parts = [argument.kind]
    if argument.values:
        parts.append("one of " + ", ".join(argument.values))
    if argument.required:
        parts.append("required")
    if argument.default is not None:
        parts.append(f"default {json.dumps(argument.default)}")
    if argument.description:
        parts.append(argument.description)
    return "; ".join(parts)
