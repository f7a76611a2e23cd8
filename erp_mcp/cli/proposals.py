"""`erp-mcp proposals`: what became of changes, those first of which nobody knows it, and a person's word for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, ParamSpec

import click

from erp_mcp import administration
from erp_mcp.administration import bearing, looking, resolving
from erp_mcp.administration.bearing import Word
from erp_mcp.administration.looking import Sight
from erp_mcp.administration.resolving import Known
from erp_mcp.answers.visible import visible
from erp_mcp.approval import resolution
from erp_mcp.approval.resolution import Verdict
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli import proposal_view, saga_view
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import account, ask, opened, person_options, signing
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.lifecycle import ENDS, RESOLVABLE, State
from erp_mcp.domain.proposal import Proposal, SignedResolution
from erp_mcp.domain.saga import is_saga
from erp_mcp.errors import ApproverNotFoundError, ProposalDamagedError

_LISTED: Final = 200
_COMES_NEXT: Final = {
    State.UNKNOWN: "the worker reads it back; it is never sent again",
    State.RECONCILING: "the worker is reading it back",
    State.AWAITING_ACK: "the system has it and has not confirmed it yet",
    State.COMPENSATING: "a later step failed; the worker is taking back those before it",
    State.PARTIALLY_COMMITTED: "some lines are written and others not: the receipt says which",
}
_RESOLVE: Final = "look into {}, then: erp-mcp proposals resolve {} --applied or --not-applied"
_TAKE_BACK: Final = ", or --take-back to go on once what was in the way is put right"

Parameters = ParamSpec("Parameters")


def _options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    return deployment_options(json_option(clear_errors(command)))


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp proposals list                        what is stuck or unknown
  erp-mcp proposals list --all
  erp-mcp proposals show prp_2Xk9TzQ0aB1c --look
  erp-mcp proposals resolve prp_2Xk9TzQ0aB1c --not-applied \\
      --reason "searched the orders of the supplier: nothing bears R7K2…"
""",
)
def command() -> None:
    """See what became of changes, and say what became of one where nobody knows it.

    An outcome that is not known is never guessed: the worker reads it back, and where it can't find out, a person looks
    into the system of record and signs what they found. docs/proposals.md says when that is called for.
    """


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp proposals list
  erp-mcp proposals list --all --json
""",
)
@click.option("--all", "everything", is_flag=True, help="Also what waits, is under way, or is over.")
@_options
def list_command(config: str, demo_dir: str, *, everything: bool, as_json: bool) -> None:
    """List what is stuck or unknown, the most urgent first."""
    with opened(config, demo_dir) as deployment:
        deployment.state.proposals.expire()
        found = resolving.unsettled(deployment, limit=_LISTED)
        if everything:
            others = tuple(state for state in State if state not in resolving.UNSETTLED)
            found += deployment.state.proposals.in_states(others, limit=_LISTED, newest=True)
        damaged = resolving.damaged(deployment, everything=everything)
        now = deployment.clock.wall()
    if as_json:
        rows: list[JsonValue] = [{**proposal_view.summary(one, now), "since": one.since} for one in found]
        print_json({"proposals": rows, "damaged": [to_json(one) for one in damaged]})
        return
    for row in damaged:
        waited, reason = proposal_view.age(row.since, now), f" ({visible(row.reason)})" if row.reason else ""
        click.secho(f"{row.proposal_id}  {row.state}, for {waited}{reason}: its row is damaged", fg="red")
        click.echo(f"{'':18}→ {ProposalDamagedError.advice}")
    for one in found:
        colour = "red" if one.state in RESOLVABLE else None
        waited = proposal_view.age(one.since, now)
        click.secho(f"{one.content.proposal_id}  {one.state}, for {waited}{_reason(one)}", fg=colour)
        click.echo(f"{'':18}{visible(one.content.preview.headline)}")
        click.echo(f"{'':18}→ {_next(one)}")
    if not found and not damaged:
        click.echo("Nothing is stuck or unknown." if not everything else "There are no proposals.")


@command.command(
    epilog="""
\b
Examples:
  erp-mcp proposals show prp_2Xk9TzQ0aB1c
  erp-mcp proposals show prp_2Xk9TzQ0aB1c --look --json
  erp-mcp proposals show --reference R7K2M9QXT4VB   # who said yes to it
"""
)
@click.argument("proposal_id", metavar="[ID]", default="")
@click.option("--reference", metavar="R…", default="", help="Our reference, as it stands in the document, for ID.")
@click.option("--look", is_flag=True, help="Ask the system what it shows of it now; needs the account that writes.")
@_options
def show(proposal_id: str, reference: str, config: str, demo_dir: str, *, look: bool, as_json: bool) -> None:
    """Show what was sent, who said yes to it, and what is there now."""
    if bool(proposal_id) == bool(reference):
        raise click.UsageError("Say the proposal by its ID, or by --reference as it stands in the document.")
    with opened(config, demo_dir) as deployment:
        known = resolving.known(deployment, proposal_id or bearing.bearing(deployment, reference))
        words = bearing.words_about(deployment, known.proposal)
        sight = asyncio.run(looking.look(deployment, known.proposal)) if look else None
        flaw = resolving.statement_flaw(deployment, known.proposal)
    if as_json:
        told: list[JsonValue] = [one.as_json() for one in words]
        print_json({**resolving.as_json(known, sight), "decisions": told, "statement_flaw": flaw})
        return
    for line in _lines(known, words, sight, flaw):
        click.echo(line)


@command.command(
    short_help="Say what became of a change that nobody knows of.",
    epilog="""
\b
Examples:
  erp-mcp proposals resolve prp_2Xk9TzQ0aB1c --applied \\
      --document 4500017 --reason "it stands there under our reference"
  erp-mcp proposals resolve prp_2Xk9TzQ0aB1c --not-applied \\
      --reason "searched by reference and by supplier: nothing"
""",
)
@click.argument("proposal_id", metavar="ID")
@click.option("--applied", "verdict", flag_value="applied", help="It is there.")
@click.option("--not-applied", "verdict", flag_value="not_applied", help="Nothing of it is there.")
@click.option("--take-back", "verdict", flag_value="take_back", help="A saga that is stuck: take back what is left.")
@click.option("--document", default="", metavar="NUMBER", help="What is there, as people know it.")
@click.option("--reason", required=True, metavar="TEXT", help="Where you looked and what you saw; kept and signed.")
@click.option("--no-look", is_flag=True, help="Do not ask the system first.")
@person_options
@_options
def resolve(
    proposal_id: str,
    *,
    verdict: Verdict | None,
    document: str,
    reason: str,
    no_look: bool,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Say what became of ID, with your passphrase. Whoever asked for the change can't.

    The system is asked first what it has. What you sign is kept with the proposal and in the audit record, and ends it:
    nothing reads it back any more. Say --not-applied only when nothing of it can come any more.

    Several changes of which not all could be taken back (COMPENSATION_STUCK) are not over by --take-back: once you have
    put right what was in the way, a worker takes back what is left, as it was approved to be.
    """
    if verdict is None:
        raise click.UsageError("Say what you found: --applied, --not-applied, or --take-back.")
    with opened(config, demo_dir) as deployment:
        known = resolving.known(deployment, proposal_id)
        sight = None if no_look else asyncio.run(looking.look(deployment, known.proposal))
        for line in _lines(known, bearing.words_about(deployment, known.proposal), sight, ""):
            click.echo(line, err=as_json)
        approver_id = approver or _self(deployment)
        resolving.may_resolve(deployment, known.proposal, approver_id, verdict)
        found = sight.found if sight else None
        if not yes:
            ask(_question(known.proposal, verdict, sight, approver_id))
        after = signing(
            deployment,
            approver_id,
            passphrase_file,
            lambda signer: resolving.resolve(
                deployment, known.proposal, signer, verdict, reason=reason, document=document, found=found
            ),
        )
    if as_json:
        told: dict[str, JsonValue] = {"proposal_id": proposal_id, "state": str(after.state), "reason": after.reason}
        print_json({**told, "receipt": to_json(after.receipt) if after.receipt else None})
        return
    click.secho(f"{proposal_id} stands at {after.state} by the word of {visible(approver_id)}.", fg="green")


def _question(proposal: Proposal, verdict: Verdict, sight: Sight | None, approver_id: str) -> str:
    headline, meaning = visible(proposal.content.preview.headline), resolution.meaning_of(verdict)
    return f"{headline}\n{_against(proposal, verdict, sight)}{meaning}\nAs {approver_id}?"


def _against(proposal: Proposal, verdict: Verdict, sight: Sight | None) -> str:
    """Return what speaks against somebody's word, going by what the system shows; empty where nothing does."""
    if verdict == "take_back":
        return ""
    if is_saga(proposal.content):
        left = sorted(looking.stands(sight)) if sight else []
        return f"This is still there: {', '.join(left)}. " if left and verdict == "not_applied" else ""
    if verdict == "not_applied" and sight is not None and sight.answer in looking.NOT_DONE_YET:
        return "The system has taken it in, and may do it yet. "
    found = sight.found if sight else None
    if (verdict == "not_applied") != (found is not None):
        return ""
    return "This is not what the system shows. " if found is not None else "The system does not show it. "


def _self(deployment: Deployment) -> str:
    """Return who is meant where nobody is named: this account, or the only approver."""
    people = administration.trusted(deployment)
    if account() in people:
        return account()
    if len(people) == 1:
        return next(iter(people))
    if not people:
        raise ApproverNotFoundError(reason="nobody is enrolled yet: erp-mcp approvals enrol ID")
    raise click.UsageError(f"Say who looked with --as ID: {', '.join(sorted(people))}.")


def _reason(proposal: Proposal) -> str:
    return f" ({visible(proposal.reason)})" if proposal.reason else ""


def _next(proposal: Proposal) -> str:
    if proposal.state in _COMES_NEXT:
        again = f", again at {proposal.not_before}" if proposal.not_before else ""
        return _COMES_NEXT[proposal.state] + again
    if proposal.state in RESOLVABLE:
        further = _TAKE_BACK if proposal.state is State.COMPENSATION_STUCK else ""
        where = ", ".join(visible(one) for one in looking.systems_of(proposal.content)) or "the systems of its steps"
        return _RESOLVE.format(where, proposal.content.proposal_id) + further
    return "it is over" if proposal.state in ENDS else "it goes on by itself, or waits for a decision"


def _lines(known: Known, words: Sequence[Word], sight: Sight | None, flaw: str) -> Iterator[str]:
    proposal = known.proposal
    command = proposal.content.command
    yield f"{proposal.content.proposal_id}: {visible(proposal.content.preview.headline)}"
    yield f"  stands at {proposal.state}{_reason(proposal)} since {proposal.since}"
    yield f"  what:      {command.operation} to {visible(command.system)}, reference {command.reference}"
    if command.key:
        yield f"  record:    {visible(command.key)} at version {visible(command.version_token)}"
    for step, one, way_back in saga_view.commands(proposal.content):
        if step:
            yield f"  step:      {visible(step)}: {one.operation} to {visible(one.system)}, reference {one.reference}"
            yield f"             {visible(way_back)}"
        yield from (f"             {visible(name)} = {visible(told)}" for name, told in saga_view.fields(one))
    yield from (f"  part:      {line}" for line in saga_view.parts(known.parts))
    if proposal.content.part_of:
        yield f"  part of:   {proposal.content.part_of}, step {visible(proposal.content.step)}"
    yield from (line for one in words for line in _word(one))
    if not is_saga(proposal.content):  # its parts are sent, each by itself
        yield f"  sent:      {known.sent or 'never'}"
    if known.lost:
        native = f", the system said {visible(known.native_code)}" if known.native_code else ""
        yield f"  unknown:   since {known.lost} ({visible(known.why)}){native}"
    if known.halted_at or known.halted_by:
        step = f"at step {visible(known.halted_at)}" if known.halted_at else ""
        by = f"by {visible(known.halted_by)}" if known.halted_by else ""
        yield f"  halted:    {' '.join(filter(None, (step, by)))}"
    if known.taken_in:
        ticket = f", ticket {visible(known.ticket)}" if known.ticket else ", no ticket"
        yield f"  taken in:  by {visible(command.system)} at {known.taken_in}{ticket}"
    yield from (f"  looked:    {at}: {visible(gave)}" for at, gave in known.looks)
    if proposal.state in RESOLVABLE:
        yield from (line for one in looking.places(proposal, known.parts) for line in saga_view.place(one))
    yield from _now(sight)
    yield from _stated(known, flaw)
    yield f"  → {_next(proposal)}"


def _word(one: Word) -> Iterator[str]:
    name = f" ({visible(one.name)})" if one.name else ""
    yield f"  decided:   {one.decided_at} by {visible(one.approver_id)}{name}, {visible(one.decision)}"
    yield from (f"             | {line}" for line in proposal_view.folded(f"{one.meaning} {one.comment}".strip()))


def _now(sight: Sight | None) -> Iterator[str]:
    if sight is None:
        return
    if sight.answer == "parts":
        yield from (f"  now:       {line}" for line in saga_view.seen(sight.parts))
        return
    how = f"contract {sight.contract}, settles in {sight.settle_s} s" if sight.contract else "no contract known"
    yield f"  now:       {visible(sight.answer)} ({how})"
    if sight.asked:
        by = f"ticket {visible(sight.ticket)}" if sight.ticket else "our reference"
        native = f", the system said {visible(sight.native_code)}" if sight.native_code else ""
        yield f"  asked:     by {by}: {visible(sight.asked)}{native}"
    if sight.found is not None:
        there = sight.found
        record = f"record {visible(there.key)}, version {visible(there.version_token) or 'none'}"
        yield f"             document {visible(there.document)}, {record}"
    if sight.record_answer != "new":
        shown = ", ".join(f"{visible(name)} = {visible(str(value))}" for name, value in sight.record.items())
        yield f"  record now: {shown or visible(sight.record_answer)}"


def _stated(known: Known, flaw: str) -> Iterator[str]:
    yield from (line for one in known.orders for line in _said("ordered", one.said, ""))
    if known.resolution is not None:
        yield from _said("stated", known.resolution, f" — NOT IN ORDER: {visible(flaw)}" if flaw else "")


def _said(how: str, stored: SignedResolution, flaw: str) -> Iterator[str]:
    opened_ = resolution.opened(stored.statement)
    said = f"{opened_[0].meaning} {opened_[0].reason}" if opened_ else "(these words are not in order)"
    yield f"  {how + ':':<11}{stored.resolved_at} by {visible(stored.approver_id)}{flaw}"
    yield from (f"             | {line}" for line in proposal_view.folded(said))
