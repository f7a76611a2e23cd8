"""`erp-mcp approvals review` and `list --reviews`: what was approved in an emergency, looked at afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from erp_mcp import administration
from erp_mcp.administration import Emergency, damaged_glass, reviewing
from erp_mcp.administration.damaged_glass import DamagedEmergency
from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import account, ask, opened, person_options, signing
from erp_mcp.cli.proposal_view import folded
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.proposal import Proposal, ReviewVerdict

_VERDICTS: Final[dict[str, ReviewVerdict]] = {"justified": "justified", "not_justified": "not_justified"}
_STANDS: Final = {
    "open": "to be reviewed",
    "overdue": "review overdue: no other glass can be broken",
    "justified": "reviewed: justified",
    "not_justified": "reviewed: NOT justified",
}


@click.command(
    short_help="Look at what was approved in an emergency, and say what you found.",
    epilog="""
\b
Examples:
  erp-mcp approvals review prp_2Xk9TzQ0aB1c   who broke the glass, and why
  erp-mcp approvals review prp_2Xk9TzQ0aB1c --verdict justified \\
      --reason "the line stood still, and both buyers were on a plane"
""",
)
@click.argument("proposal_id", metavar="ID")
@click.option("--verdict", type=click.Choice(list(_VERDICTS)), default=None, help="What you found.")
@click.option("--reason", default="", metavar="TEXT", help="Your words, at least 20 characters; kept and signed.")
@person_options
@deployment_options
@json_option
@clear_errors
def review(
    proposal_id: str,
    *,
    verdict: str | None,
    reason: str,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Show who approved ID by break-glass and why; with --verdict, sign what you found.

    A reviewer is one whom policy names, none of the two, and none of those who asked. Nothing is undone by it.
    """
    with opened(config, demo_dir) as deployment:
        lost = damaged_glass.emergency(deployment, proposal_id)
        if lost is not None:
            _damaged(deployment, lost, verdict, reason, who=approver, file=passphrase_file, yes=yes, as_json=as_json)
            return
        shown = deployment.state.proposals.get(proposal_id)
        found = reviewing.emergency(deployment, shown)
        if found is not None and not (as_json and (yes or verdict is None)):
            _print(lines(found), err=as_json)
        if verdict is not None:
            who = approver or _self(deployment, shown)
            reviewing.may_review(deployment, shown, who)
            if not yes:
                ask(f"{visible(shown.content.preview.headline)}\n{_STANDS[verdict]}, as {who}?")
            found = signing(
                deployment,
                who,
                passphrase_file,
                lambda signer: reviewing.give_review(deployment, shown, signer, _VERDICTS[verdict], reason),
            )
    if as_json:
        print_json({"emergency": found.as_json() if found else None})
    elif found is None:
        click.echo("No glass was broken for it.")
    elif verdict is not None:
        click.secho(f"Signed. {_STANDS[found.stands]}.", fg="green")
        if verdict == "not_justified":
            click.echo(
                "Nothing is undone by this. What was written can be proposed back, where its tool has a way back:"
            )
            click.echo(f"  an agent asks for it with `undo_of: {proposal_id}`, or somebody changes it in the system.")


def tell_reviews(deployment: Deployment, *, everything: bool, as_json: bool) -> None:
    """Print what waits for a review, or everything that was approved in an emergency."""
    found = reviewing.emergencies(deployment) if everything else reviewing.to_review(deployment)
    lost = damaged_glass.emergencies(deployment) if everything else damaged_glass.to_review(deployment)
    if as_json:
        print_json({"emergencies": [one.as_json() for one in (*found, *lost)]})
        return
    for one in found:
        _print(lines(one), err=False)
    for damaged in lost:
        _print(damaged_lines(damaged), err=False)
    if not found and not lost:
        click.echo("No glass was broken." if everything else "Nothing waits for a review.")


def _damaged(
    deployment: Deployment,
    lost: DamagedEmergency,
    verdict: str | None,
    reason: str,
    *,
    who: str,
    file: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what is known of one whose row is not what was signed; with a verdict, close its review."""
    if not (as_json and (yes or verdict is None)):
        _print(damaged_lines(lost), err=as_json)
    if verdict == "justified":
        raise click.UsageError("Nobody can look at it any more, so nobody can call it justified: not_justified.")
    if verdict is not None:
        people = administration.trusted(deployment)
        able = [name for name, one in sorted(people.items()) if not damaged_glass.objection_to(deployment, lost, one)]
        who = who or _who(people, able)
        damaged_glass.may_close(deployment, lost, who)
        if not yes:
            ask(f"Close the review of {lost.proposal_id}, which you could not look at, as {who}?")
        lost = signing(deployment, who, file, lambda signer: damaged_glass.close(deployment, lost, signer, reason))
    if as_json:
        print_json({"emergency": lost.as_json()})
    elif verdict is not None:
        click.secho(f"Signed. {_STANDS[lost.stands]}.", fg="green")
        click.echo("Nothing is undone by this, and the row stays as it is: `erp-mcp audit verify` goes on to name it.")


def damaged_lines(one: DamagedEmergency) -> Iterator[str]:
    """Yield, for a terminal, an approval in an emergency whose row is not what was signed."""
    known = one.known
    yield f"{one.proposal_id}  its row is damaged: it is not what was signed"
    yield f"  approved by break-glass at {one.glass.broken_at}"
    for who, why in one.said:
        yield f"  {visible(who)}:"
        yield from (f"    | {line}" for line in folded(why))
    yield (
        f"  known: they signed {one.digest}" if one.digest else "  not known: what they signed; their words are damaged"
    )
    if known.headline:
        yield f"  known, by the audit log: {visible(known.headline)}"
    elif one.digest:
        yield "  not known: what exactly that was; the audit log has it no more"
    if known.tool:
        yield f"  known: {known.tool}, asked by {visible(known.agent)} for {visible(known.owner)}"
    elif one.digest:
        yield "  not known: whose tool it was, and who asked for it; its row has to be put right first"
    yield "  not known: whether it was written, as what, and where; ask its system. Who changed the row, and when"
    by = visible(", ".join(one.closers)) or "nobody: the policy of today names no reviewer of it"
    yield f"  {_STANDS[one.stands]}, to be closed as not_justified by {by}, before {one.glass.due_at}"
    if one.found is not None:
        yield f"  {visible(one.found.approver_id)} ({visible(one.found.approver_name)}), {one.found.reviewed_at}:"
        yield from (f"    | {line}" for line in folded(one.found.reason))
    if one.flaw:
        yield f"  this review counts for nothing: {one.flaw}"


def lines(one: Emergency) -> Iterator[str]:
    """Yield an approval in an emergency for a terminal."""
    content = one.proposal.content
    yield f"{content.proposal_id}  {visible(content.preview.headline)}"
    yield f"  approved by break-glass at {one.glass.broken_at}, {one.proposal.state} now"
    for who, why in one.said:
        yield f"  {visible(who)}:"
        yield from (f"    | {line}" for line in folded(why))
    yield f"  {_STANDS[one.stands]}, by {visible(', '.join(one.closers))} before {one.glass.due_at}"
    if one.found is not None:
        yield f"  {visible(one.found.approver_id)} ({visible(one.found.approver_name)}), {one.found.reviewed_at}:"
        yield from (f"    | {line}" for line in folded(one.found.reason))
    if one.flaw:
        yield f"  this review counts for nothing: {one.flaw}"


def _print(told: Iterator[str], *, err: bool) -> None:
    for line in told:
        click.echo(line, err=err)


def _self(deployment: Deployment, shown: Proposal) -> str:
    """Return who is meant where nobody is named: this account, or the only one who may review it."""
    people = administration.trusted(deployment)
    able = [name for name, one in sorted(people.items()) if not reviewing.objection_to(deployment, shown, one)]
    return _who(people, able)


def _who(people: Mapping[str, Enrolment], able: Sequence[str]) -> str:
    if account() in people:
        return account()
    if len(able) == 1:
        return able[0]
    raise click.UsageError(f"Say who reviews with --as ID. Who may: {', '.join(able) or 'nobody'}.")
