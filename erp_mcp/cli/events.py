"""`erp-mcp events`: what became of proposals, as other programs would be told."""

from __future__ import annotations

import click

from erp_mcp.answers.clean import clean_code
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import opened
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Event
from erp_mcp.errors import ProposalNotFoundError


@click.command(
    epilog="""
\b
Examples:
  erp-mcp events                            the newest events
  erp-mcp events --proposal prp_0Bw8tbQFarhw
  erp-mcp events --after 1200 --json        for programs: what came after 1200
"""
)
@click.option("--proposal", "proposal_id", default="", metavar="ID", help="Events of one proposal.")
@click.option(
    "--after", type=click.IntRange(0), default=None, metavar="N", help="Events after audit record N, oldest first."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many events.")
@deployment_options
@json_option
@clear_errors
def command(proposal_id: str, after: int | None, limit: int, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show the events of proposals, oldest first.

    Each move of a proposal leaves one event, written in the same transaction as the move and its audit record, whose
    number the event carries. Events stay in the state file.
    """
    with opened(config, demo_dir) as deployment:
        events = _events(deployment, proposal_id, after, limit)
    if as_json:
        print_json([_json(event) for event in events])
        return
    if not events:
        click.echo("No events.")
    for event in events:
        click.echo(_line(event))


def _events(deployment: Deployment, proposal_id: str, after: int | None, limit: int) -> list[Event]:
    proposals = deployment.state.proposals
    if not proposal_id:
        return proposals.last_events(limit) if after is None else proposals.events(after=after, limit=limit)
    history = proposals.history(proposal_id)
    if not history:
        raise ProposalNotFoundError(proposal_id=clean_code(proposal_id[:64])[0])
    return [event for event in history if event.audit_seq > (after or 0)][:limit]


def _json(event: Event) -> JsonValue:
    return {
        "id": event.event_id,
        "type": event.type,
        "subject": event.proposal_id,
        "time": event.time,
        "audit_seq": event.audit_seq,
        "data": dict(event.payload),
    }


def _line(event: Event) -> str:
    told = [str(event.payload.get(name, "")) for name in ("tool", "document", "reason")]
    words = [event.proposal_id, *(word for word in told if word), f"by {event.payload.get('actor', '')}"]
    cleaned = " ".join(clean_code(word)[0] for word in words)
    return f"{event.audit_seq:>6}  {event.time[:19]}Z  {event.type.removeprefix('proposal.'):<17}  {cleaned}"
