"""`erp-mcp tasks`: what people are asked to do, and that it is done or not wanted any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, ParamSpec

import click

from erp_mcp.answers.visible import visible
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import account, opened
from erp_mcp.cli.proposal_view import age, folded
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.human_task import HumanTask

_LISTED: Final = 200
_MAX_NOTE: Final = 500
_ROLES: Final = ("planner", "buyer", "supervisor", "quality", "maintenance", "warehouse", "finance", "support")

Parameters = ParamSpec("Parameters")


def _options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    return deployment_options(json_option(clear_errors(command)))


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp tasks list --role supervisor
  erp-mcp tasks show tsk_2Xk9TzQ0aB1c
  erp-mcp tasks done tsk_2Xk9TzQ0aB1c --note "moved to CNC-02"
  erp-mcp tasks cancel tsk_2Xk9TzQ0aB1c --note "ordered elsewhere"
""",
)
def command() -> None:
    """See what people are asked to do, and say that it is done.

    Agents ask; people do it or leave it, and no agent is told what they do. The words are an agent's: nobody checked
    them, and no task stands above the rules of the place where it is done.
    """


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp tasks list
  erp-mcp tasks list --role quality --all --json
""",
)
@click.option("--role", default="", type=click.Choice(("", *_ROLES)), metavar="ROLE", help="Of this role alone.")
@click.option("--all", "everything", is_flag=True, help="Also what is done or cancelled.")
@_options
def list_command(role: str, config: str, demo_dir: str, *, everything: bool, as_json: bool) -> None:
    """List open tasks, the most urgent first."""
    with opened(config, demo_dir) as deployment:
        found = deployment.state.tasks.listed(state="" if everything else "OPEN", role=role, limit=_LISTED)
        now = deployment.clock.wall()
    if as_json:
        print_json({"tasks": [to_json(one) for one in found]})
        return
    for one in found:
        due = f", due {one.due}" if one.due else ""
        state = "" if one.state == "OPEN" else f", {one.state.lower()}"
        click.echo(f"{one.task_id}  {one.role} at {visible(one.site)}{due}, asked {age(one.made_at, now)} ago{state}")
        click.echo(f"{'':18}{visible(one.title)}")
    if not found:
        click.echo("Nobody is asked to do anything.")


@command.command(
    epilog="""
\b
Examples:
  erp-mcp tasks show tsk_2Xk9TzQ0aB1c
  erp-mcp tasks show tsk_2Xk9TzQ0aB1c --json
"""
)
@click.argument("task_id", metavar="ID")
@_options
def show(task_id: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show what is asked for, on what grounds, and what became of it."""
    with opened(config, demo_dir) as deployment:
        task = deployment.state.tasks.get(task_id)
    if as_json:
        print_json({"task": to_json(task)})
        return
    for line in _lines(task):
        click.echo(line)


@command.command(
    epilog="""
\b
Examples:
  erp-mcp tasks done tsk_2Xk9TzQ0aB1c --note "moved to CNC-02"
"""
)
@click.argument("task_id", metavar="ID")
@click.option("--note", default="", metavar="TEXT", help="What came of it.")
@_options
def done(task_id: str, note: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Say that a task is done."""
    _close(task_id, "DONE", note, config, demo_dir, as_json=as_json)


@command.command(
    epilog="""
\b
Examples:
  erp-mcp tasks cancel tsk_2Xk9TzQ0aB1c --note "ordered elsewhere"
"""
)
@click.argument("task_id", metavar="ID")
@click.option("--note", required=True, metavar="TEXT", help="Why nobody will do it.")
@_options
def cancel(task_id: str, note: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Say that nobody will do a task."""
    _close(task_id, "CANCELLED", note, config, demo_dir, as_json=as_json)


def _close(
    task_id: str, state: Literal["DONE", "CANCELLED"], note: str, config: str, demo_dir: str, *, as_json: bool
) -> None:
    if len(note) > _MAX_NOTE:
        raise click.UsageError(f"At most {_MAX_NOTE} characters of a note are kept.")
    with opened(config, demo_dir) as deployment:
        task = deployment.state.tasks.close(task_id, state, by=account(), note=note.strip())
    if as_json:
        print_json({"task": to_json(task)})
        return
    click.secho(f"{task.task_id} is {task.state.lower()}: {visible(task.title)}", fg="green")


def _lines(task: HumanTask) -> Iterator[str]:
    due = f", due {task.due}" if task.due else ""
    yield f"{task.task_id}, {task.state}: for {task.role} at {visible(task.site)}{due}, asked {task.made_at}"
    if task.subject:
        yield f"  about {visible(task.subject)}"
    if task.evidence:
        yield f"  rests on calls {visible(', '.join(task.evidence))} (erp-mcp audit show)"
    yield "  An agent's words; nobody checked them:"
    yield f"  | {visible(task.title)}"
    yield from (f"  | {line}" for line in folded(task.instructions))
    if task.state != "OPEN":
        note = visible(task.note) or "(no note)"
        yield f"  {task.state.lower()} by {visible(task.closed_by)} at {task.closed_at}: {note}"
