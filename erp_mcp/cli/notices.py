"""`erp-mcp notices`: how people are told that something waits for them, and a try of each way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import opened
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.notice import Notice, NoticeSettings
from erp_mcp.errors import InvalidArgumentError, NoticeNotSentError
from erp_mcp.notices.following import Told

_NONE = "No notices are configured: add `notices:` to the deployment's file (docs/notices.md)."


@click.group(
    epilog="""
\b
Examples:
  erp-mcp notices status                    ways out, and how far they are
  erp-mcp notices test                      send a try by each of them
  erp-mcp notices test --channel teams
"""
)
def command() -> None:
    """See and try how people are told that a proposal waits for them.

    A running worker sends notices (`erp-mcp worker`, `erp-mcp web`). They say
    what waits and link to the page; no answer to them decides anything.
    """


@command.command(
    epilog="""
\b
Examples:
  erp-mcp notices status
  erp-mcp notices status --json             for programs
"""
)
@deployment_options
@json_option
@clear_errors
def status(config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show each way out and how many events it has not looked at yet."""
    with opened(config, demo_dir) as deployment:
        ways = _ways(deployment)
    if as_json:
        print_json([*ways])
        return
    if not ways:
        click.echo(_NONE)
    for way in ways:
        behind = way["events_behind"]
        told = "nothing new" if behind == 0 else "has not run yet" if behind is None else f"{behind} events behind"
        click.echo(f"{way['channel']}: tells {way['tells']}; {told}")


@command.command(
    epilog="""
\b
Examples:
  erp-mcp notices test                      by every way
  erp-mcp notices test --channel mail       by one of them
"""
)
@click.option("--channel", default="", metavar="NAME", help="Only this one: mail, or the name of a webhook.")
@deployment_options
@json_option
@clear_errors
def test(channel: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Send a try by each way out, to the operators where there are any."""
    with opened(config, demo_dir) as deployment:
        settings = deployment.settings.notices
        told = deployment.notifier().told if settings is not None else ()
        names = [one.channel.name for one in told]
        if channel and channel not in names:
            raise InvalidArgumentError(argument="channel", allowed=", ".join(names) or "none is configured")
        chosen = [one for one in told if channel in ("", one.channel.name)]
        results = asyncio.run(_tried(chosen, _try_of(deployment, settings))) if settings is not None else []
    if as_json:
        print_json([{"channel": name, "result": result} for name, result in results])
    elif not results:
        click.echo(_NONE)
    else:
        for name, result in results:
            click.echo(f"{name}: {'sent' if result == 'sent' else f'not sent ({result})'}")
    if any(result != "sent" for _, result in results):
        raise SystemExit(1)


def _ways(deployment: Deployment) -> list[dict[str, JsonValue]]:
    settings = deployment.settings.notices
    if settings is None:
        return []
    kinds = {one.name: one.kinds for one in settings.webhooks}
    if settings.mail is not None:
        kinds = {"mail": settings.mail.kinds, **kinds}
    positions = deployment.state.followers.positions()
    newest = deployment.state.proposals.last_events(1)
    last = newest[0].audit_seq if newest else 0
    return [
        {"channel": name, "tells": ", ".join(told), "events_behind": _behind(deployment, positions, name, last)}
        for name, told in kinds.items()
    ]


def _behind(deployment: Deployment, positions: dict[str, int], name: str, last: int) -> int | None:
    position = positions.get(f"notices:{name}")
    if position is None:
        return None
    return len(deployment.state.proposals.events(after=position, limit=1000)) if position < last else 0


def _try_of(deployment: Deployment, settings: NoticeSettings) -> Notice:
    return Notice(
        id=f"try_{deployment.ids.new()}",
        kind="person_needed",
        proposal_id="",
        approvers=(),
        subject="A try: notices of this deployment arrive here",
        lines=(
            f"Deployment {deployment.settings.deployment} ({deployment.settings.environment}).",
            "Nothing waits. This message decides nothing, and no answer to it does.",
        ),
        link=settings.page,
    )


async def _tried(told: Sequence[Told], notice: Notice) -> list[tuple[str, str]]:
    results = []
    for one in told:
        try:
            await one.channel.send(notice)
            results.append((one.channel.name, "sent"))
        except NoticeNotSentError as failure:
            results.append((one.channel.name, str(failure.facts["reason"])))
        finally:
            await one.channel.close()
    return results
