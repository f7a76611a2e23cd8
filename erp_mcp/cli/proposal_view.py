"""How a proposal is put before a person: what exactly would be written, why they are asked, and by whom.

Everything shown is ours or made visible: a character that can't be seen, or that could change how the rest is shown,
stands there as its code.
"""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TextIO

from erp_mcp.administration import Emergency, conditions, free_text_fields, quotes_free_text
from erp_mcp.answers.visible import shown, visible
from erp_mcp.approval import envelope
from erp_mcp.approval.requesters import is_self_approval
from erp_mcp.cli import saga_view
from erp_mcp.cli.options import counted
from erp_mcp.domain import outliers
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.outliers import Arranged
from erp_mcp.domain.proposal import Change, Check, Content, Event, Proposal, SignedDecision
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import writing

_WHY_NOT: Final = {
    "": "may decide",
    "requester": "may not: is one of those who asked (agent, owner, or has just changed the policy)",
    "separated": "may not: approved what policy keeps apart from this",
    "asked_half": "may not: owns the agent that asked for what policy keeps apart from this",
    "quota": "may not now: has approved as much in this hour as policy lets one person",
    "not_named": "may not: the policy names other people for this",
}
_COLUMNS: Final = 72
_MIN_SCREEN: Final = 40
_MARKS: Final = {"ok": "ok    ", "flag": "FLAG  ", "person": "CHECK ", "refuse": "REFUSE"}
_THEIRS: Final = "(the agent's own words, below)"
_COMES_NEXT: Final = {
    State.AWAITING_APPROVAL: "it waits for a decision",
    State.APPROVED: "approved, waiting for the worker: erp-mcp worker --once",
    State.CLAIMED: "a worker has it",
    State.SENDING: "it is being sent",
    State.UNKNOWN: "it is not known whether it was written; the worker reads it back and never sends it again",
    State.RECONCILING: "the worker is reading it back",
    State.COMPENSATING: "a later step failed, and those before it are being taken back",
    State.COMPENSATED: "a step failed, and those before it were taken back",
    State.COMPENSATION_STUCK: "not all of it could be taken back; somebody has to look into the system of record",
    State.NEEDS_HUMAN: "somebody has to look into the system of record; nothing goes on by itself",
}


_FOUND: Final = {
    "read_back": "read back from the system",
    "answered": "as the system answered",
    "stated": "as somebody found who looked into the system, and signed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A proposal with what stands around it; `tool` as the catalogue has it now, if it has one of that name."""

    proposal: Proposal
    tool: Tool | None
    people: Mapping[str, Enrolment]
    objections: Mapping[str, str]  # per approver id, why they may not decide
    decisions: Sequence[SignedDecision]
    history: Sequence[Event]
    now: datetime
    plant_now: datetime
    emergency: Emergency | None = None


def wrapped(line: str, columns: int) -> Iterator[str]:
    """Yield one of our lines in parts that fit: broken at a space where there is one, the rest set in under it.

    A terminal that broke it itself would begin the rest where headings stand. Nothing is left out.
    """
    indent = line[: len(line) - len(line.lstrip())]
    start = f"{indent}| " if line.startswith(f"{indent}| ") else f"{indent}    "  # words of others stay marked as such
    while _columns(line) > columns:
        end = next(index for index in range(len(line), 0, -1) if _columns(line[:index]) <= columns)
        space = line.rfind(" ", len(start), end)
        end = end if space < 0 else space + 1
        yield line[:end].rstrip(" ") if space >= 0 else line[:end]
        line = start + line[end:]
    yield line


def screen(stream: TextIO) -> int:
    """Return how wide a line may be; what is no terminal gets each line whole."""
    return max(_MIN_SCREEN, shutil.get_terminal_size().columns) if stream.isatty() else sys.maxsize


def to_look_at(content: Content) -> str:
    """Return how many rules are left to whoever decides and how many are flagged, empty where none is."""
    verdicts = [one.verdict for one in content.preview.checks]
    left = verdicts.count("person")
    flagged = len(verdicts) - verdicts.count("ok") - left
    return ", ".join([f"{left} to check"] * bool(left) + [counted(flagged, "flag")] * bool(flagged))


def folded(text: str) -> Iterator[str]:
    """Yield a text in lines that fit on a terminal: one that it breaks itself would begin where ours do."""
    line, taken = "", 0
    for one in shown(text):
        columns = _columns(one)
        if taken + columns > _COLUMNS:
            yield line
            line, taken = "", 0
        line, taken = line + one, taken + columns
    yield line


def lines(seen: Seen) -> Iterator[str]:
    """Yield a proposal for a terminal; `# ` starts a heading."""
    theirs = free_text_fields(seen.tool, seen.proposal.content)
    yield from _change(seen, theirs)
    yield from _payload(seen.proposal.content, theirs)
    yield from _circumstances(seen)
    yield from _words(seen.proposal.content)
    yield from _so_far(seen)


def receipt_lines(proposal: Proposal) -> Iterator[str]:
    """Yield the receipt, or where the proposal stands and what comes next."""
    receipt = proposal.receipt
    if receipt is not None:
        written = receipt.written
        how = _FOUND[receipt.found]
        yield f"Written: document {visible(written.document)}, {receipt.committed_at} ({how})"
        yield f"  record {visible(written.key)}, version {visible(written.version_token) or 'none'}"
        for row in written.rows:
            why = "written" if row.written else f"NOT written: {visible(row.code)} {visible(row.native_code)}".rstrip()
            yield f"  line {visible(row.line)}: {why}"
        return
    reason = f" ({visible(proposal.reason)})" if proposal.reason else ""
    comes_next = _COMES_NEXT.get(proposal.state, "nothing was written, and nothing more happens")
    yield f"It stands at {proposal.state}{reason}: {comes_next}"


def summary(proposal: Proposal, now: datetime) -> dict[str, JsonValue]:
    """Return one line's worth of a proposal, for lists and programs."""
    content = proposal.content
    return {
        "proposal_id": content.proposal_id,
        "state": str(proposal.state),
        "age": age(content.created_at, now),
        "risk": content.risk,
        "headline": content.preview.headline,
        "agent": content.agent,
        "owner": content.owner,
        "expires_in": age(content.expires_at, now),
        "expires_at": content.expires_at,
        "reason": proposal.reason,
    }


def age(instant: str, now: datetime) -> str:
    """Return how far an instant is from now, in words short enough for a table."""
    try:
        seconds = abs(int((now - parse_instant(instant)).total_seconds()))
    except ValueError:
        return "?"
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days"


def _change(seen: Seen, theirs: frozenset[str]) -> Iterator[str]:
    content, preview = seen.proposal.content, seen.proposal.content.preview
    where = f"in {visible(preview.system)}, document {visible(preview.document) or '(new)'}"
    yield f"# {visible(preview.headline)}"
    if quotes_free_text(seen.tool, content, preview.headline):
        yield "(this headline quotes the agent's own words: nobody checked them)"
    yield f"{content.proposal_id}, risk {content.risk}, {where}"
    yield f"deployment {content.deployment} ({content.environment})"
    yield ""
    yield from _left_to_you(preview.checks)
    shown = outliers.arranged(content)
    yield from _first(shown)
    yield from _table(shown.changes, theirs)
    yield ""
    yield "# Rules looked at"
    looked_at = [one for one in preview.checks if one.verdict != "person"]
    looked_at.sort(key=lambda one: one.verdict == "ok")  # what calls for a closer look stands first
    yield from map(_check, looked_at)
    yield "# What follows"
    yield from (f"  {visible(effect)}" for effect in preview.effects or ("nothing else is known to follow",))


def _left_to_you(checks: Sequence[Check]) -> Iterator[str]:
    """Yield, before all else, what nothing here knows and whoever decides has to look at."""
    left = [one for one in checks if one.verdict == "person"]
    if left:
        yield "# For you to check: nothing here knows this"
        yield from map(_check, left)
        yield ""


def _check(one: Check) -> str:
    return f"  {_MARKS[one.verdict]}  {visible(one.rule)}: {visible(one.message)}"


def _first(shown: Arranged) -> Iterator[str]:
    """Yield in which order many lines stand, and why some of them stand first."""
    for told in shown.told:
        yield visible(told)
    for one in shown.parts:
        if one.why:
            yield f"  {visible(one.place)}: {visible('; '.join(one.why))}"


def _table(changes: Sequence[Change], theirs: frozenset[str]) -> Iterator[str]:
    """Yield each field before and after; what is the agent's own words stands under the table, apart."""
    rows = [("field", "before", "after", "unit")]
    for one in changes:
        after = _THEIRS if one.field in theirs else visible(one.after) or "—"
        rows.append((visible(one.field), visible(one.before) or "—", after, visible(one.unit)))
    widths = [max(len(row[index]) for row in rows) for index in range(4)]
    for index, (name, before, after, unit) in enumerate(rows):
        arrow = "→" if index else " "
        yield f"  {name:<{widths[0]}}  {before:<{widths[1]}}  {arrow} {after:<{widths[2]}}  {unit}".rstrip()
    for one in changes:
        if one.field in theirs:
            yield f"  {visible(one.field)}, in the agent's own words, which nobody checked:"
            yield from (f"    | {line}" for line in folded(one.after))


def _payload(content: Content, theirs: frozenset[str]) -> Iterator[str]:
    yield "# Exactly this would be sent"
    for step, command, way_back in saga_view.commands(content):
        if step:
            yield f"  step {visible(step)}, {visible(way_back)}"
        yield from _command(command, theirs, step)


def _command(command: Command, theirs: frozenset[str], step: str) -> Iterator[str]:
    yield f"  {command.operation} to {visible(command.system)}, reference {command.reference}"
    if command.key:
        version = visible(command.version_token)
        yield f"  record {visible(command.key)} at version {version}; if that changes first, nothing is sent"
    for name, told in saga_view.fields(command):
        if (f"{step}.{name}" if step else name) in theirs:
            yield f"  {visible(name)} = (the agent's own words)"
            yield from (f"    | {line}" for line in folded(told))
        else:
            yield f"  {visible(name)} = {visible(told)}"


def _circumstances(seen: Seen) -> Iterator[str]:
    content, terms = seen.proposal.content, seen.proposal.content.terms
    yield "# Who asks, and who may decide"
    who = f"{visible(content.agent)} for {visible(content.owner)} (role {visible(content.role)})"
    yield f"  asked by {who}, {age(content.created_at, seen.now)} ago"
    yield f"  under {visible(', '.join(content.rules))} of policy {content.bundle[:12]}, which lets it propose"
    named = ", ".join(terms.approvers) or "the enrolled approvers"
    rule = f" ({visible(terms.rule)})" if terms.rule else ""
    yield f"  decided by {terms.needed} of {visible(named)}{rule}, before {content.expires_at}"
    yield from (f"  {visible(line)}" for line in conditions(terms))
    yield from _people(seen)
    for system, as_of in sorted(content.sources.items()):
        told = as_of if isinstance(as_of, str) else json.dumps(as_of)
        yield f"  evidence from {visible(system)} as of {visible(told)} ({age(told, seen.plant_now)} old)"
    for limit in content.limits:
        window = f"{limit.told(limit.maximum)} in {writing.span(limit.window_s)}"
        yield f"  counts {limit.told(limit.amount)} against {visible(limit.limit)} of {visible(limit.key)}: {window}"


def _people(seen: Seen) -> Iterator[str]:
    for approver_id, approver in sorted(seen.people.items()):
        objection = seen.objections[approver_id]
        own = not objection and is_self_approval(seen.proposal.content, approver)
        told = _WHY_NOT.get(objection, "may not") + (" as owner, by self approval" if own else "")
        yield f"    {visible(approver_id)} ({visible(approver.name)}) {told}"
    if not seen.people:
        yield "    nobody is enrolled yet: erp-mcp approvals enrol ID"


def _words(content: Content) -> Iterator[str]:
    yield "# The agent's own words: nobody checked them, and nothing above was made from them"
    yield from (f"  | {line}" for line in folded(content.rationale or "(none)"))


def _so_far(seen: Seen) -> Iterator[str]:
    yield "# So far"
    for event in seen.history:
        reason = event.payload.get("reason") or ""
        told = f" ({visible(str(reason))})" if reason else ""
        yield f"  {event.time}  {visible(event.type)}{told}, by {visible(str(event.payload.get('actor', '')))}"
    for decision in seen.decisions:
        opened = envelope.opened(decision.envelope)
        said = f"{opened[0].meaning} {opened[0].comment}".strip() if opened else "(these words are not in order)"
        name = f" ({visible(opened[0].approver_name)})" if opened else ""
        yield f"  {decision.decided_at}  {visible(decision.approver_id)}{name}, {visible(decision.decision)}:"
        yield from (f"    | {line}" for line in folded(said))
    yield f"  signed over: {seen.proposal.digest}"
    yield from (f"  {line}" for line in receipt_lines(seen.proposal))
    if seen.emergency is not None:
        stands = {"open": "to be reviewed", "overdue": "review OVERDUE"}.get(seen.emergency.stands, "reviewed")
        verdict = "" if seen.emergency.glass.review is None else f" as {seen.emergency.stands}"
        told = f"erp-mcp approvals review {seen.proposal.content.proposal_id}"
        yield f"  approved by break-glass: {stands}{verdict}; {told}"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
