"""`erp-mcp worker`: commit what people approved, and read back what is unknown."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress

import click

from erp_mcp import worker
from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.options import (
    clear_errors,
    counted,
    deployment_file,
    deployment_options,
    json_option,
    json_text,
    print_json,
)
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Proposal


@click.command(
    epilog="""
\b
Examples:
  erp-mcp worker --once --demo-dir DIR      do what is due now, then end
  erp-mcp worker                            go on until SIGTERM or Ctrl-C
  erp-mcp worker --json                     one JSON object a line
  erp-mcp worker --once --json              one JSON document at its end

\b
Run it under another account than the agents' servers: it alone needs the
credentials under `write:` of a system. Any number of workers may run at once
on one state directory. Killed at any moment, the next one goes on where this
one stopped.
"""
)
@click.option(
    "--until-input-ends", is_flag=True, hidden=True, help="End when standard input does: for what looks after a worker."
)
@click.option("--once", is_flag=True, help="End when nothing is due now; after a minute at the latest.")
@deployment_options
@json_option
@clear_errors
def command(config: str, demo_dir: str, *, once: bool, until_input_ends: bool, as_json: bool) -> None:
    """Commit approved proposals to their systems of record, and read back those whose outcome is unknown.

    Before a change is sent, signatures, policy, business rules and the live record are looked at once more. What it
    does is written to standard error in words.
    """
    deployment = open_deployment(deployment_file(config, demo_dir))
    done: list[JsonValue] = []

    def tell(proposal: Proposal, lost: bool) -> None:
        click.echo(visible(worker.in_words(proposal, lost)), err=True)  # a document's number is a system's text
        if as_json and not once:
            click.echo(json_text(worker.as_json(proposal, lost)))
        elif as_json:
            done.append(worker.as_json(proposal, lost))

    try:
        if once:
            count = asyncio.run(worker.work_once(deployment, tell))
        else:
            click.echo("The worker runs; Ctrl-C or SIGTERM ends it after the piece of work in hand.", err=True)
            asyncio.run(_work_on(deployment, tell, until_input_ends=until_input_ends))
            count = 0
        stopped = deployment.state.switches.stopped() if once else []
    finally:
        deployment.close()
    for stop in stopped:  # or "nothing is due" would puzzle whoever has just approved something
        click.secho(f"Writes of {visible(stop.scope)} are stopped: erp-mcp writes status", fg="yellow", err=True)
    if once and as_json:
        print_json({"done": done})
    elif once:
        click.echo(f"{counted(count, 'piece')} of work done." if count else "Nothing is due.", err=True)


async def _work_on(deployment: Deployment, tell: worker.Told, *, until_input_ends: bool) -> None:
    """Work until a signal, or until whoever looks after this process is gone and its end of the pipe with it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(stop.set)

    if until_input_ends:
        threading.Thread(target=wait_for_end, daemon=True).start()
    await worker.work_on(deployment, tell, stop=stop)
