"""`erp-mcp approvals`: what waits for a person, what exactly it is, and the decision."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Final, ParamSpec

import click

from erp_mcp import administration
from erp_mcp.administration.reviewing import emergency
from erp_mcp.answers.visible import visible
from erp_mcp.approval.envelope import Choice
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli import accounts, approvers, one_shot_worker, proposal_view, reviewing, watching
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import account, ask, opened, person_options, signing
from erp_mcp.cli.proposal_view import Seen
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED
from erp_mcp.errors import ApproverNotFoundError

_LISTED: Final = 200  # proposals in one list

Parameters = ParamSpec("Parameters")

DEMO_APPROVER: Final = "demo-approver"
_MAX_COMMENT: Final = 500


def _options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    return deployment_options(json_option(clear_errors(command)))


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp approvals list                       what waits for a decision
  erp-mcp approvals show prp_2Xk9TzQ0aB1c      what exactly would be written
  erp-mcp approvals approve prp_2Xk9TzQ0aB1c   say yes, with your passphrase
  erp-mcp approvals reject prp_2Xk9TzQ0aB1c --reason "wrong supplier"
  erp-mcp approvals narrow prp_2Xk9TzQ0aB1c --size qty=50
  erp-mcp approvals enrol anna --name "Anna Berg"
  erp-mcp approvals report                     how people decide
""",
)
def command() -> None:
    """Decide about what agents propose.

    Nothing is written to a system of record unless an enrolled person signed exactly that change with their passphrase.
    Agents have no way to do this. docs/approvals.md says what a signature binds and what it does not cover.
    """


command.add_command(watching.report)
command.add_command(watching.seed)
command.add_command(reviewing.review)
command.add_command(watching.tainted)
command.add_command(watching.clear)
command.add_command(approvers.enrol)
command.add_command(accounts.enrol_page)
command.add_command(approvers.revoke)
command.add_command(approvers.list_approvers)


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp approvals list --demo-dir DIR
  erp-mcp approvals list --all --json
  erp-mcp approvals list --reviews   what was approved by break-glass
""",
)
@click.option("--all", "everything", is_flag=True, help="Also what is decided, under way, or for somebody to look at.")
@click.option("--reviews", is_flag=True, help="What was approved by break-glass and waits for a review; --all: ever.")
@_options
def list_command(config: str, demo_dir: str, *, everything: bool, reviews: bool, as_json: bool) -> None:
    """List what waits for a decision, oldest first."""
    with opened(config, demo_dir) as deployment:
        if reviews:
            reviewing.tell_reviews(deployment, everything=everything, as_json=as_json)
            return
        store = deployment.state.proposals
        store.expire()
        states = tuple(State) if everything else (State.AWAITING_APPROVAL,)
        found = store.in_states(states, limit=_LISTED + 1, newest=everything)
        stuck = [] if everything else store.in_states((State.NEEDS_HUMAN,))
        now = deployment.clock.wall()
        to_review = [] if everything else store.to_review()
    listed, more = found[-_LISTED:] if everything else found[:_LISTED], len(found) > _LISTED
    rows = [proposal_view.summary(one, now) for one in listed]
    if as_json:
        told: dict[str, JsonValue] = {"need_a_person": [one.content.proposal_id for one in stuck]}
        print_json({"proposals": [*rows], "more": more, **told, "to_review": [one.proposal_id for one in to_review]})
        return
    for row in rows:
        ends = "" if row["state"] in ENDS else f", expires in {row['expires_in']}"
        click.echo(f"{row['proposal_id']}  {row['age']:>10}  {row['risk']}  {visible(str(row['headline']))}")
        state = f"{row['state']}, " if everything else ""
        click.echo(f"{'':18}{state}by {visible(str(row['agent']))} for {visible(str(row['owner']))}{ends}")
    if not rows:
        click.echo("Nothing waits for a decision." if not everything else "There are no proposals.")
    if more:
        click.echo(f"These are the {_LISTED} {'newest' if everything else 'oldest'}; there are more.")
    for one in stuck:
        click.secho(f"Somebody has to look at {one.content.proposal_id} ({visible(one.reason)})", fg="yellow")
    for broken in to_review:
        late = "overdue since" if broken.is_overdue(now) else "to be reviewed before"
        told_so = f"Glass was broken for {broken.proposal_id}, {late} {broken.due_at}: erp-mcp approvals review ID"
        click.secho(told_so, fg="red" if broken.is_overdue(now) else "yellow")


@command.command(
    short_help="Show everything that a decision is bound to.",
    epilog="""
\b
Examples:
  erp-mcp approvals show prp_2Xk9TzQ0aB1c
  erp-mcp approvals show prp_2Xk9TzQ0aB1c --json
""",
)
@click.argument("proposal_id", metavar="ID")
@_options
def show(proposal_id: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show everything that a decision about ID is bound to, and what became of it."""
    with opened(config, demo_dir) as deployment:
        seen = _seen(deployment, deployment.state.proposals.get(proposal_id))
    if as_json:
        print_json(_as_json(seen.proposal, seen))
    else:
        _print(seen)


@command.command(
    short_help="Say yes to exactly what is shown; it is written.",
    epilog="""
\b
Examples:
  erp-mcp approvals approve prp_2Xk9TzQ0aB1c
  erp-mcp approvals approve prp_2Xk9TzQ0aB1c --as anna --comment "as agreed"
  erp-mcp approvals approve prp_2Xk9TzQ0aB1c --yes --passphrase-file FILE \\
      --no-worker
  erp-mcp approvals approve prp_2Xk9TzQ0aB1c --break-glass \\
      --reason "the line stands still, and no buyer can be reached"
""",
)
@click.argument("proposal_id", metavar="ID")
@click.option("--comment", default="", metavar="TEXT", help="Your words, kept and signed with the decision.")
@click.option("--break-glass", "in_emergency", is_flag=True, help="In an emergency, in the place of those named.")
@click.option("--reason", default="", metavar="TEXT", help="With --break-glass: why, in at least 20 characters.")
@click.option("--no-worker", is_flag=True, help="Leave the writing to a worker that runs elsewhere.")
@person_options
@_options
def approve(
    proposal_id: str,
    *,
    comment: str,
    in_emergency: bool,
    reason: str,
    no_worker: bool,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Say yes to exactly what is shown, with your passphrase; then a worker writes it and the receipt is shown.

    Whoever asked for a change can't approve it, under any of their names. With --break-glass two people whom policy
    names for it approve in the place of others; everybody concerned is told, and a third one reviews it.
    """
    if comment if in_emergency else reason:
        raise click.UsageError("Write --break-glass with --reason, or --comment without either.")
    choice: Choice = "break_glass" if in_emergency else "approve"
    words = reason if in_emergency else comment
    with opened(config, demo_dir) as deployment:
        after = _decide(
            deployment, proposal_id, choice, words, named=approver, file=passphrase_file, yes=yes, quiet=as_json
        )
        if after.state is State.APPROVED and not no_worker:
            one_shot_worker.run(deployment)
            after = deployment.state.proposals.get(proposal_id)
        stopped = deployment.state.switches.stopped() if after.state is State.APPROVED else []
        seeded = administration.was_canary(deployment, after)
        yeses = _yeses(deployment, after, choice)
        broken = deployment.state.proposals.broken_glass(proposal_id)
    _tell(after, yeses, as_json=as_json, needed=BREAK_GLASS_NEEDED if in_emergency else after.content.terms.needed)
    _tell_seeded(after, seeded=seeded)
    if broken is not None:
        click.secho(
            f"The glass is broken: reviewed before {broken.due_at}, and all concerned are told.", fg="red", err=True
        )
    for stop in stopped:
        click.secho(f"Writes of {visible(stop.scope)} are stopped: erp-mcp writes status", fg="yellow", err=True)


@command.command(
    epilog="""
\b
Examples:
  erp-mcp approvals reject prp_2Xk9TzQ0aB1c --reason "wrong supplier"
"""
)
@click.argument("proposal_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why not; kept and signed with the decision.")
@person_options
@_options
def reject(
    proposal_id: str,
    *,
    reason: str,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Say no; nothing is written."""
    with opened(config, demo_dir) as deployment:
        after = _decide(
            deployment, proposal_id, "reject", reason, named=approver, file=passphrase_file, yes=yes, quiet=as_json
        )
        seeded = administration.was_canary(deployment, after)
    _tell(after, as_json=as_json)
    _tell_seeded(after, seeded=seeded)


@command.command(
    short_help="Say yes to less: a smaller amount, fewer lines.",
    epilog="""
\b
Examples:
  erp-mcp approvals narrow prp_2Xk9TzQ0aB1c  what can be smaller
  erp-mcp approvals narrow prp_2Xk9TzQ0aB1c --size qty=50
  erp-mcp approvals narrow prp_2Xk9TzQ0aB1c --size lines[0].qty=5 \\
      --leave-out lines[1] --comment "the rest can wait"
""",
)
@click.argument("proposal_id", metavar="ID")
@click.option("--size", "sizes", multiple=True, metavar="PATH=AMOUNT", help="A smaller amount; may be given again.")
@click.option("--leave-out", multiple=True, metavar="PATH", help="A line that goes; may be given again.")
@click.option("--comment", default="", metavar="TEXT", help="Your words, kept and signed with the decision.")
@click.option("--no-worker", is_flag=True, help="Leave the writing to a worker that runs elsewhere.")
@person_options
@_options
def narrow(
    proposal_id: str,
    *,
    sizes: tuple[str, ...],
    leave_out: tuple[str, ...],
    comment: str,
    no_worker: bool,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Say yes to less than was asked for: what waited is rejected, and a smaller proposal takes its place.

    The smaller change is worked out anew, on live data and by all rules, and shown before you sign. Without --size and
    --leave-out, what can be made smaller is listed.
    """
    with opened(config, demo_dir) as deployment:
        shown = deployment.state.proposals.get(proposal_id)
        if not sizes and not leave_out:
            _tell_narrowable(shown, as_json=as_json)
            return
        made = _worked_out(deployment, shown, sizes, leave_out)
        seen = _seen(deployment, made.proposal)
        if not (as_json and yes):
            _print(seen, err=as_json)
        approver_id = approver or _self(deployment, seen)
        administration.may_decide(deployment, shown, approver_id, "approve")
        if not yes:
            ask(f"In the place of {proposal_id}:\n{_question(made.proposal, 'approve', approver_id)}")
        after = signing(
            deployment,
            approver_id,
            passphrase_file,
            lambda signer: administration.narrow(deployment, made, signer, comment),
        )
        if after.state is State.APPROVED and not no_worker:
            one_shot_worker.run(deployment)
            after = deployment.state.proposals.get(after.content.proposal_id)
        seeded = administration.was_canary(deployment, after)
        yeses = _yeses(deployment, after)
    _tell(after, yeses, as_json=as_json)
    _tell_seeded(after, seeded=seeded)


def _worked_out(
    deployment: Deployment, shown: Proposal, sizes: tuple[str, ...], leave_out: tuple[str, ...]
) -> administration.Narrowed:
    pairs = [one.partition("=") for one in sizes]
    if not all(equals for _, equals, _ in pairs):
        raise click.UsageError("Write --size PATH=AMOUNT, for example --size qty=50.")
    wanted = {path: amount for path, _, amount in pairs}

    async def work_out() -> administration.Narrowed:
        try:
            return await administration.narrowed(deployment, shown, wanted, leave_out)
        finally:
            await deployment.disconnect()

    return asyncio.run(work_out())


def _tell_narrowable(shown: Proposal, *, as_json: bool) -> None:
    parts = administration.narrowable(shown.content)
    if as_json:
        print_json({"narrowable": [to_json(one) for one in parts]})
        return
    for part in parts:
        option = f"--size {part.path}=…" if part.kind == "size" else f"--leave-out {part.path}"
        click.echo(f"  {visible(option):<36} {visible(part.value)}")
    if not parts:
        click.echo("Nothing of it can be made smaller: approve or reject it.")


def _decide(
    deployment: Deployment,
    proposal_id: str,
    choice: Choice,
    words: str,
    *,
    named: str,
    file: str,
    yes: bool,
    quiet: bool,
) -> Proposal:
    """Show it, find out whether this person may decide, ask, and sign what was shown."""
    if len(words) > _MAX_COMMENT:
        raise click.UsageError(f"At most {_MAX_COMMENT} characters of your own words are kept.")
    shown = deployment.state.proposals.get(proposal_id)
    seen = _seen(deployment, shown)
    if not (quiet and yes):  # nobody is asked about what they were not shown
        _print(seen, err=quiet)
    approver_id = named or _self(deployment, seen, choice)
    administration.may_decide(deployment, shown, approver_id, choice)
    if not yes:
        ask(_question(shown, choice, approver_id))
    return signing(
        deployment, approver_id, file, lambda signer: administration.decide(deployment, shown, signer, choice, words)
    )


def _question(proposal: Proposal, choice: Choice, approver_id: str) -> str:
    """Return the question, with what it is about: the top of what was shown may have left the screen by now."""
    look = proposal_view.to_look_at(proposal.content)
    told = f", {look}" if look else ""
    asked = "Approve by break-glass, and answer for it," if choice == "break_glass" else f"{choice.capitalize()},"
    return f"{visible(proposal.content.preview.headline)}{told}\n{asked} as {approver_id}?"


def _self(deployment: Deployment, seen: Seen, choice: Choice = "approve") -> str:
    """Return who is meant where nobody is named: this account, the only one who may, or the demo's approver."""
    able = [one for one in sorted(seen.people) if not seen.objections[one]]
    if choice == "break_glass":
        why_not = {
            name: administration.why_not(deployment, seen.proposal.content, seen.people[name], choice)
            for name in seen.people
        }
        able = [one for one in sorted(why_not) if not why_not[one]]
    if account() in seen.people:
        return account()
    if deployment.settings.environment == "demo" and DEMO_APPROVER in able:
        return DEMO_APPROVER
    if len(able) == 1:
        return able[0]
    if not seen.people:
        raise ApproverNotFoundError(reason="nobody is enrolled yet: erp-mcp approvals enrol ID")
    told = ", ".join(able) or "nobody: all enrolled approvers asked for it themselves, or policy names others"
    raise click.UsageError(f"Say who decides with --as ID. Who may: {told}.")


def _yeses(deployment: Deployment, proposal: Proposal, choice: Choice = "approve") -> int:
    """Return how many people have said yes to it so."""
    said = deployment.state.proposals.decisions(proposal.content.proposal_id)
    return sum(one.decision == choice for one in said)


def _tell(proposal: Proposal, yeses: int = 0, *, as_json: bool, needed: int = 0) -> None:
    needed = needed or proposal.content.terms.needed
    if as_json:
        counts: dict[str, JsonValue] = {"yeses": yeses, "needed": needed} if yeses else {}
        print_json({**_as_json(proposal), **counts})
        return
    if yeses and proposal.state is State.AWAITING_APPROVAL:
        click.echo(f"{yeses} of {needed} have said yes.")
    good = proposal.receipt is not None
    for line in proposal_view.receipt_lines(proposal):
        click.secho(line, fg="green" if good else None)


def _tell_seeded(proposal: Proposal, *, seeded: bool) -> None:
    """Say to who has just decided that it was no agent's proposal."""
    if not seeded:
        return
    caught = proposal.state is State.REJECTED
    words = "well seen" if caught else "it was wrong, and a yes to it would have gone out had it been real"
    click.secho(f"This one was seeded to see whether people look: {words}.", fg="green" if caught else "red", err=True)


def _seen(deployment: Deployment, proposal: Proposal) -> Seen:
    people = administration.trusted(deployment)
    store = deployment.state.proposals
    return Seen(
        proposal=proposal,
        tool=deployment.catalog.get(proposal.content.tool),
        people=people,
        objections={one: administration.why_not(deployment, proposal.content, people[one]) for one in people},
        decisions=store.decisions(proposal.content.proposal_id),
        history=store.history(proposal.content.proposal_id),
        emergency=emergency(deployment, proposal),
        now=deployment.clock.wall(),
        plant_now=deployment.clock.plant(),
    )


def _print(seen: Seen, *, err: bool = False) -> None:
    columns = proposal_view.screen(sys.stderr if err else sys.stdout)
    for line in proposal_view.lines(seen):
        heading = line.startswith("# ")
        for part in proposal_view.wrapped(line[2:] if heading else line, columns):
            click.secho(part, bold=heading, err=err)


def _as_json(proposal: Proposal, seen: Seen | None = None) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {
        "proposal_id": proposal.content.proposal_id,
        "state": str(proposal.state),
        "reason": proposal.reason,
        "receipt": to_json(proposal.receipt) if proposal.receipt else None,
        "digest": proposal.digest,
    }
    if seen is not None:
        told["content"] = to_json(proposal.content)
        told["agents_own_words"] = [*sorted(administration.free_text_fields(seen.tool, proposal.content))]
        told["may_decide"] = {one: objection or "yes" for one, objection in seen.objections.items()}
        told["decisions"] = [to_json(one) for one in seen.decisions]
        told["emergency"] = seen.emergency.as_json() if seen.emergency else None
        told["history"] = [to_json(one) for one in seen.history]
    return told
