"""`erp-mcp approvals report | seed`: how people decide, and proposals seeded to see whether they look."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import click

from erp_mcp import administration
from erp_mcp.administration import Figures
from erp_mcp.answers.visible import visible
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import ask, opened, person_options, signing, voucher
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import to_json

_MAX_DAYS = 366
_MAX_REASON = 500


@click.command(
    short_help="Show how people decide: how fast, how often yes, what they catch.",
    epilog="""
\b
Examples:
  erp-mcp approvals report
  erp-mcp approvals report --days 7 --json
""",
)
@click.option("--days", type=click.IntRange(1, _MAX_DAYS), default=30, show_default=True, help="How far back.")
@deployment_options
@json_option
@clear_errors
def report(days: int, *, config: str, demo_dir: str, as_json: bool) -> None:
    """Show for each approver how many proposals they decided, how fast, how often yes, and what they caught.

    Nearly always yes within seconds is no second pair of eyes. Seeded proposals count for the last two columns alone.
    """
    with opened(config, demo_dir) as deployment:
        found = administration.figures(deployment, since=deployment.clock.wall() - timedelta(days=days))
    if as_json:
        print_json({"days": days, "approvers": [_as_json(one) for one in found]})
        return
    rows = [
        ("approver", "decided", "median", "yes", "overridden", "seeded", "caught", "by break-glass"),
        *map(_row, found),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if not found:
        click.echo(f"Nobody has decided anything within {days} days.")


@click.command(
    short_help="Seed a proposal that should be rejected.",
    epilog="""
\b
Examples:
  erp-mcp approvals seed                          from the newest proposal
  erp-mcp approvals seed --like prp_2Xk9TzQ0aB1c
""",
)
@click.option("--like", default="", metavar="ID", help="The proposal that it is made from.  [default: the newest]")
@deployment_options
@json_option
@clear_errors
def seed(like: str, *, config: str, demo_dir: str, as_json: bool) -> None:
    """Put a proposal before the approvers that is wrong in a way that shows: a hundred times as much, a year too early.

    It looks like any other, to whoever decides and on the page. Nothing carries it out, whoever says yes: it belongs to
    no system. Once decided, it says what it was. `report` tells who caught how many.
    """
    with opened(config, demo_dir) as deployment:
        made = administration.seed_canary(deployment, like)
    if as_json:
        print_json({"proposal_id": made.content.proposal_id, "expires_at": made.content.expires_at})
        return
    click.echo(f"Seeded: {made.content.proposal_id}, until {made.content.expires_at}")
    click.echo(f"  {visible(made.content.preview.headline)}")


@click.command(
    short_help="List agents that have read what outsiders wrote.",
    epilog="""
\b
Examples:
  erp-mcp approvals tainted
""",
)
@deployment_options
@json_option
@clear_errors
def tainted(config: str, demo_dir: str, *, as_json: bool) -> None:
    """List the agents whose proposals take one more person, since they read text that outsiders can write.

    It counts as long as `people: {taint_h: …}` of the policy says, or until an approver clears it.
    """
    with opened(config, demo_dir) as deployment:
        found = administration.tainted(deployment)
    if as_json:
        print_json({"tainted": [to_json(one) for one in found]})
        return
    for one in found:
        click.echo(f"{one.agent}  read {', '.join(one.fields)} at {one.since}, counts until {one.until}")
    if not found:
        click.echo("No agent has read such text, within the time that the policy looks back.")


@click.command(
    short_help="Say that what an agent has read is of no concern.",
    epilog="""
\b
Examples:
  erp-mcp approvals clear buyer --reason "read the note: it asks for nothing"
""",
)
@click.argument("agent")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept and signed.")
@person_options
@deployment_options
@json_option
@clear_errors
def clear(
    agent: str,
    *,
    reason: str,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Say, signed, that what AGENT has read up to now is of no concern; what it reads after that counts again.

    Neither the agent nor the person it acts for may say it.
    """
    if not 1 <= len(reason) <= _MAX_REASON:
        raise click.UsageError(f"A reason has 1 to {_MAX_REASON} characters.")
    with opened(config, demo_dir) as deployment:
        by = voucher(deployment, approver)
        if not yes:
            ask(f"Clear what {visible(agent)} has read, as {by}?")
        signing(
            deployment,
            by,
            passphrase_file,
            lambda signer: administration.clear_taint(deployment, agent, signer, reason),
        )
    if as_json:
        print_json({"cleared": agent, "by": by})
        return
    click.secho(f"Cleared: what {visible(agent)} has read until now counts no more", fg="green")


def _row(one: Figures) -> tuple[str, ...]:
    median = "—" if one.median_s is None else f"{one.median_s} s"
    rates = (_percent(one.approve_rate), _percent(one.override_rate))
    broken = ", ".join(f"{count} in {month}" for month, count in one.by_break_glass) or "—"
    return (one.approver_id, str(one.decided), median, *rates, str(one.canaries_seen), _percent(one.catch_rate), broken)


def _percent(rate: Decimal | None) -> str:
    return "—" if rate is None else f"{rate * 100:.1f} %"


def _as_json(one: Figures) -> dict[str, JsonValue]:
    def number(rate: Decimal | None) -> JsonValue:
        return None if rate is None else str(rate)

    return {
        "approver": one.approver_id,
        "decided": one.decided,
        "approved": one.approved,
        "rejected": one.rejected,
        "narrowed": one.narrowed,
        "median_s": one.median_s,
        "approve_rate": number(one.approve_rate),
        "override_rate": number(one.override_rate),
        "canaries_seen": one.canaries_seen,
        "canaries_caught": one.canaries_caught,
        "catch_rate": number(one.catch_rate),
        "by_break_glass": dict(one.by_break_glass),
    }
