"""`erp-mcp audit`: look at what happened, and prove that nobody changed it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click

from erp_mcp.answers.clean import clean_code
from erp_mcp.audit.verify import Finding, Head, Report, verify
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.options import clear_errors, counted, deployment_file, deployment_options, json_option, print_json
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ConfigurationError

# facts of a line, by their names
_TOLD = ("rows", "rules", "sources", "bundle", "reason", "document", "approver", "declaration")
_BAD = ("refused", "denied", "rejected", "unknown", "not_applied", "needs_human", "stale", "stopped", "revoked")
_MEANING = {
    "edited": "the record's bytes are not those that were hashed",
    "malformed": "the record is not in the form of this version",
    "missing": "this record, or records before it, are gone",
    "out_of_place": "the record stands in another place than it was written at",
    "broken_link": "the record does not follow the one before it",
    "value_changed": "a kept value is not the one that was recorded",
    "value_missing": "a recorded value is gone",
    "value_added": "a value is kept that was never recorded",
    "bad_signature": "what is recorded as signed by a person is not, or by no key that was enrolled then",
    "head_missing": "the remembered head is not in the log: it was cut off or rewritten",
    "illegal_move": "a proposal can't have moved like this",
    "unapproved": "a change was sent without the approvals that it needed",
    "row_changed": "what is stored says something else than its records",
    "row_missing": "something is recorded and gone",
    "unrecorded": "something is stored and was never recorded",
    "time_backwards": "the clock went back (a notice, no proof of tampering)",
}


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp audit show --last 5
  erp-mcp audit verify
""",
)
def command() -> None:
    """Show and verify the audit log.

    Every call, answered or refused, every move of a proposal, every decision, enrolment and applied policy leaves one
    record before it takes effect. Records are linked by hashes; docs/audit.md has the format and what verification can
    and can't find.
    """


@command.command(
    epilog="""
\b
Examples:
  erp-mcp audit show --last 5
  erp-mcp audit show --call 0198f2a1-7c3e-7b5a-9f12-3a4b5c6d7e8f --json
  erp-mcp audit show --call prp_0Bw8tbQFarhw     everything about one proposal
"""
)
@click.option("--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many records.")
@click.option("--call", "call_id", default="", metavar="ID", help="Records of this call, correlation or proposal id.")
@deployment_options
@json_option
@clear_errors
def show(last: int, call_id: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show records, oldest first; one of a call in full with --call."""
    deployment = open_deployment(deployment_file(config, demo_dir))
    try:
        audit = deployment.state.audit
        records = audit.find(call_id, limit=last) if call_id else audit.last(last)
    finally:
        deployment.close()
    if as_json:
        print_json([_as_json(record) for record in records])
        return
    if not records:
        click.echo("No records." if not call_id else "No record carries this id.")
    for record in records:
        click.echo(_line(record))
        if call_id:
            click.echo(_in_full(record))


@command.command(
    name="verify",
    epilog="""
\b
Examples:
  erp-mcp audit verify
  erp-mcp audit verify --save-head ~/head   kept where nobody here can write
  erp-mcp audit verify --head ~/head        was it cut off or rewritten?

\b
Exit status: 0 intact, 1 tampered or damaged.
""",
)
@click.option(
    "--expect-head", default="", metavar="HASH", help="A leaf hash remembered elsewhere; it must be in the log."
)
@click.option(
    "--head",
    "head_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="The same, from a file written by --save-head.",
)
@click.option(
    "--save-head",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write the present head to a file when the log is intact.",
)
@deployment_options
@json_option
@clear_errors
def verify_command(
    expect_head: str, head_file: Path | None, save_head: Path | None, config: str, demo_dir: str, *, as_json: bool
) -> None:
    """Check every record, link, value and signature of the log."""
    expected = _expected(expect_head, head_file)
    deployment = open_deployment(deployment_file(config, demo_dir))
    try:
        report, held = _verified(deployment, expected)
    finally:
        deployment.close()
    if report.intact and save_head is not None:
        save_head.write_text(json.dumps(_head_json(report.head)) + "\n", encoding="utf-8")
    if as_json:
        print_json({**_report_json(report), "signatures": held})
    else:
        _print_report(report, held, checked_head=expected is not None)
    if not report.intact:
        sys.exit(1)


def verify_deployment(deployment: Deployment) -> Report:
    """Return the verification of a deployment's log, without a remembered head."""
    return _verified(deployment, None)[0]


def _verified(deployment: Deployment, expected: Head | None) -> tuple[Report, int]:
    """Return what is wrong, and how many signatures of people hold."""
    from erp_mcp.approval.recorded import Signatures  # `audit show` needs no cryptography

    state, signatures = deployment.state, Signatures()
    with state.engine.snapshot():  # others may write meanwhile, and rows must not run ahead of their records
        records, strays = signatures.through(state.audit.read_all()), state.audit.strays()
        report = verify(
            records, expected=expected, strays=strays, proposals=state.proposals.kept(), rows=state.kept_rows()
        )
    bad = [Finding(seq=seq, code="bad_signature", detail=why) for seq, why in signatures.flaws]
    return replace(report, findings=(*report.findings, *bad)), signatures.held


def _expected(expect_head: str, head_file: Path | None) -> Head | None:
    if expect_head:
        return Head(leaf_hash=expect_head.strip().lower())
    if head_file is None:
        return None
    try:
        told = json.loads(head_file.read_text(encoding="utf-8"))
        return Head(leaf_hash=str(told["leaf_hash"]), seq=int(told["seq"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(file=str(head_file), line=0, key="--head", reason="not a head file") from error


def _print_report(report: Report, held: int, *, checked_head: bool) -> None:
    for finding in report.findings:
        colour = "yellow" if finding.is_notice else "red"
        click.secho(f"record {finding.seq}: {finding.code}: {_MEANING[finding.code]}{_detail(finding)}", fg=colour)
    if report.intact:
        click.secho(f"Intact: {report.records} records, head {report.head.leaf_hash}", fg="green")
        if held:
            click.echo(f"{counted(held, 'signature')} of people, each by a key that was enrolled then.")
        if not checked_head:
            click.echo("Records cut off at the end are found only with --head or --expect-head.")
        return
    bad = sum(not finding.is_notice for finding in report.findings)
    click.secho(f"NOT intact: {bad} findings in {report.records} records.", fg="red", bold=True)
    click.echo(
        "  → Keep the file as it is, compare with a backup from before the first finding, and find out who had access."
    )


def _detail(finding: Finding) -> str:
    return f" ({clean_code(finding.detail)[0]})" if finding.detail else ""


def _report_json(report: Report) -> dict[str, JsonValue]:
    return {
        "intact": report.intact,
        "records": report.records,
        "head": _head_json(report.head),
        "findings": [
            {"seq": finding.seq, "code": finding.code, "detail": finding.detail, "notice": finding.is_notice}
            for finding in report.findings
        ],
    }


def _head_json(head: Head) -> dict[str, JsonValue]:
    return {"seq": head.seq, "leaf_hash": head.leaf_hash}


def _as_json(record: AuditRecord) -> JsonValue:
    values: dict[str, JsonValue] = {name: value for name, (_, value) in record.details.items()}
    return {"seq": record.seq, "leaf_hash": record.leaf_hash, "leaf": _leaf(record), "values": values}


def _leaf(record: AuditRecord) -> dict[str, JsonValue]:
    """Return the leaf as an object; a damaged one is empty."""
    try:
        leaf = json.loads(record.leaf)
    except ValueError:
        return {}
    return leaf if isinstance(leaf, dict) else {}


def _line(record: AuditRecord) -> str:
    leaf = _leaf(record)
    facts = leaf.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    _, asked_for = record.details.get("tool", ("", ""))
    told = [facts.get("proposal_id"), facts.get("scope"), facts.get("tool") or asked_for, facts.get("code")]
    if str(leaf.get("kind", "")).startswith("declaration."):
        told.append(facts.get("system"))
    words = [_shown(word) for word in (*told, facts.get("rule")) if word]
    words += [f"{name}={_shown(facts[name])}" for name in _TOLD if facts.get(name)]
    kind = _shown(leaf.get("kind", "damaged record"))
    head = f"{record.seq:>6}  {record.time[:19]}Z  {_shown(leaf.get('actor', '')):<12} "
    coloured = click.style(f"{kind:<14}", fg="red" if any(bad in kind for bad in _BAD) else "green")
    return f"{head}{coloured}  {' '.join(words)}".rstrip()


def _in_full(record: AuditRecord) -> str:
    """Return leaf and values as indented ASCII JSON: nothing an agent sent can steer the terminal."""
    text = json.dumps(_as_json(record), ensure_ascii=True, indent=2)
    return "\n".join(f"        {line}" for line in text.splitlines())


def _shown(value: JsonValue) -> str:
    """Return a fact for people: digests shortened, text cleaned."""
    if isinstance(value, dict):
        return ",".join(f"{_shown(name)}:{_shown(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(_shown(item) for item in value)
    text = clean_code(str(value))[0]
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
