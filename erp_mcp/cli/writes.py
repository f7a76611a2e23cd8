"""`erp-mcp writes`: the kill switch — see what is stopped, stop, let it go on."""

from __future__ import annotations

import click

from erp_mcp import administration
from erp_mcp.answers.clean import clean_code
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, counted, deployment_options, json_option, print_json, unknown_name
from erp_mcp.cli.person import account, opened
from erp_mcp.domain import human_task
from erp_mcp.domain.approver import Stop
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import BadScopeError, GatewayError
from erp_mcp.policy.bundle import from_json

_MAX_REASON = 500
_MOST_NAMED = 20
# What people ask when they look at this: whose turn is it?
_GROUPS = (
    ("wait for a decision", (State.AWAITING_APPROVAL,)),
    ("approved, wait for the worker", (State.APPROVED, State.CLAIMED)),
    ("being sent or read back", (State.SENDING, State.UNKNOWN, State.RECONCILING, State.AWAITING_ACK)),
    ("need a person", (State.NEEDS_HUMAN, State.COMPENSATION_STUCK)),
)
_MAY_HAVE_BEEN_SENT = (State.SENDING, State.UNKNOWN, State.RECONCILING)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp writes status
  erp-mcp writes stop all --reason "inventory until noon"
  erp-mcp writes resume all
""",
)
def command() -> None:
    """Stop writes to the systems of record, and let them go on.

    While a scope is stopped nothing of it is proposed and nothing approved is sent. What may have been sent already is
    still read back, so that its outcome becomes known. Scopes: all, tool:NAME, agent:NAME, system:NAME,
    site:NAME. A change whose site is not known may touch any, so a stopped site stops it too.
    """


@command.command(
    epilog="""
\b
Examples:
  erp-mcp writes status
  erp-mcp writes status --json
"""
)
@deployment_options
@json_option
@clear_errors
def status(config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show what is stopped, and how many proposals stand where."""
    with opened(config, demo_dir) as deployment:
        stops = deployment.state.switches.stopped()
        standing = deployment.state.proposals.standing()
    if as_json:
        proposals: dict[str, JsonValue] = {**standing}
        print_json({"stopped": [_json(stop) for stop in stops], "proposals": proposals})
        return
    if not stops:
        click.secho("Nothing is stopped.", fg="green")
    for stop in stops:
        told = f"{stop.scope} is stopped since {stop.set_at[:19]}Z by {_clean(stop.set_by)}: {_clean(stop.reason)}"
        click.secho(told, fg="red")
    for words, states in _GROUPS:
        click.echo(f"  {sum(standing.get(state, 0) for state in states):>5}  {words}")


@command.command(
    epilog="""
\b
Examples:
  erp-mcp writes stop all --reason "inventory until noon"
  erp-mcp writes stop tool:propose_update_delivery_date --reason "wrong dates"
  erp-mcp writes stop agent:buyer --reason "odd proposals, being looked at"
  erp-mcp writes stop system:erp --reason "month-end closing"
  erp-mcp writes stop site:1000 --reason "inventory until noon"
"""
)
@click.argument("scope")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever finds writes stopped.")
@deployment_options
@json_option
@clear_errors
def stop(scope: str, reason: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Stop writes of SCOPE at once, for every process of the deployment."""
    if not reason.strip():
        raise click.UsageError("--reason must say why.")
    with opened(config, demo_dir) as deployment:
        _check_name(deployment, scope)
        deployment.state.switches.stop(scope, by=account(), reason=reason.strip()[:_MAX_REASON])
        standing = deployment.state.proposals.standing()
    sent = sum(standing.get(state, 0) for state in _MAY_HAVE_BEEN_SENT)
    if as_json:
        print_json({"scope": scope, "stopped": True, "may_have_been_sent": sent})
        return
    click.secho(f"Stopped: {scope}. Nothing of it is proposed or sent from now on.", fg="red")
    if scope.startswith("site:"):
        click.echo("  Nor is what says no site: it may touch any.")
    if sent:
        click.echo(f"  {counted(sent, 'proposal')} may have been sent before, and will be read back.")
    click.echo(f"  → Let it go on with: erp-mcp writes resume {scope}")


@command.command(
    short_help="Let writes of SCOPE go on.",
    epilog="""
\b
Examples:
  erp-mcp writes resume all
  erp-mcp writes resume system:erp
""",
)
@click.argument("scope")
@deployment_options
@json_option
@clear_errors
def resume(scope: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Let writes of SCOPE go on; what was approved meanwhile is sent where its time is not over."""
    with opened(config, demo_dir) as deployment:
        was_stopped = deployment.state.switches.resume(scope, by=account())
        left = deployment.state.switches.stopped()
    if as_json:
        print_json({"scope": scope, "resumed": was_stopped, "still_stopped": [stop.scope for stop in left]})
        return
    click.echo(f"Resumed: {scope}." if was_stopped else f"{scope} was not stopped.")
    if left:
        click.echo(f"  Still stopped: {', '.join(stop.scope for stop in left)}")


def _check_name(deployment: Deployment, scope: str) -> None:
    """Refuse a name that nothing has: it would look stopped and be none.

    Raises:
        BadScopeError: `writes.bad_scope`, with the name that was probably meant.
    """
    kind, _, name = scope.partition(":")
    known = _known(deployment, kind)
    if known is not None and name not in known:
        scopes = tuple(f"{kind}:{one}" for one in sorted(known))
        raise BadScopeError(known=scopes[:_MOST_NAMED], **unknown_name("scope", scope, scopes))


def _known(deployment: Deployment, kind: str) -> frozenset[str] | None:
    """Return the names of a kind, `None` where they can't be said: a broken catalogue must not keep anybody."""
    try:
        if kind == "tool":
            return frozenset(tool.name for tool in deployment.catalog if tool.effect == "write")
        if kind == "system":
            return frozenset({human_task.SYSTEM, *(system.name for system in deployment.settings.systems)})
        if kind == "site":
            return administration.write_sites(deployment) or None
        digest, text = deployment.state.bundles.active() if kind == "agent" else ("", "")
        return frozenset(from_json(text, digest).agents) if digest else None
    except GatewayError:
        return None


def _json(stop: Stop) -> JsonValue:
    return {"scope": stop.scope, "set_by": stop.set_by, "set_at": stop.set_at, "reason": stop.reason}


def _clean(text: str) -> str:
    return clean_code(text)[0]
