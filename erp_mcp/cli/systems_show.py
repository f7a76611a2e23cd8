"""Reports about systems and profiles for people, 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

import click

from erp_mcp.answers.clean import clean_code
from erp_mcp.cli.options import printable
from erp_mcp.cli.systems_report import Check, SystemReport, skew
from erp_mcp.domain.kept_fields import given_fields
from erp_mcp.domain.profile import Profile
from erp_mcp.systems.overview import Gaps, ProfileHead

WIDTH: Final = 80
_LABEL: Final = 14
_MAX_SHOWN: Final = 600
_NAMES: Final = 12  # of a list
_MARKS: Final = {"ok": ("✓", "green"), "note": ("!", "yellow"), "problem": ("✗", "red")}
_TOLD_APART: Final = ("product", "version", "account", "server_time")
_LABELS: Final = {"access": "read access"}  # beside "writes: on" it must not look like a contradiction
VERIFIED: Final[Mapping[str, str]] = {
    "live": "verified live",
    "protocol": "verified against a server of its protocol",
    "documentation": "mapped from documentation",
    "": "not said how it was verified",
}
_CONTRACTS: Final[Mapping[str, str]] = {
    "native_key": "honours an id of the request",
    "unique_ref": "takes no second document with our reference",
    "conditional": "writes only on the version that was read",
    "readback": "keeps our reference, which is searched for",
    "none": "an unknown outcome is found out by a person",
}


def shown(text: str) -> str:
    """Return a text of a system or file as one may put it on a terminal."""
    return clean_code(text[:_MAX_SHOWN])[0]


def print_list(reports: Sequence[SystemReport], broken: Mapping[str, str]) -> None:
    """Print the configured systems, two to four lines each, then what is wrong with those that can't be read."""
    for report in reports:
        profile = report.profile
        head = f"{report.name}: profile {profile.name} {profile.version}, level {profile.level}"
        _wrapped("", "  ", f"{head}, {len(report.entities)} entities, {VERIFIED[profile.verified]}")
        _line("writes", f"{'on' if report.writes else 'off'}: {report.why}")
        if report.declaration:
            _line("declaration", f"{profile.declaration}: {report.declaration}")
        for problem in report.problems:
            _marked("problem", problem)
    for name, told in broken.items():
        _marked("problem", f"{name}: {told}")
    if not reports and not broken:
        click.echo("No system is configured; `erp-mcp systems add NAME` asks for what it needs.")


def print_probe(report: SystemReport) -> None:
    """Print what a probe found out: facts first, then what is right, what could be better, what must be mended."""
    profile = report.profile
    told = {name: shown(value) for name, value in report.told.items()}
    product = " ".join(told[name] for name in ("product", "version") if name in told)
    click.echo(f"{report.name}: profile {profile.name} {profile.version}, level {profile.level}")
    _line("profile", VERIFIED[profile.verified])
    if report.declaration:
        _line("declaration", f"{profile.declaration}: {report.declaration}")
    _line("reachable", f"{'yes' if report.reachable else 'no'}{f', {product}' if product else ''}")
    _line("account", _accounts(report, told))
    _line("server time", _time(report, told))
    _line("entities", f"{len(report.entities)}: {', '.join(report.entities)}")
    _line("writes", f"{'on' if report.writes else 'off'}: {report.why}")
    for name, value in told.items():
        if name not in _TOLD_APART:
            _line(_LABELS.get(name, name.replace("_", " ")), value)
    _print_operations(report)
    order = {"ok": 0, "note": 1, "problem": 2}
    for one in sorted(report.checks, key=lambda one: order[one.status]):
        _marked(one.status, f"{one.name}: {_beginning(one)}", one.do)
        _print_statements(one)
    if any(max(len(one.names), len(one.statements)) > _NAMES for one in report.checks):
        _line("whole lists", f"erp-mcp systems probe {report.name} --json")


def print_heads(heads: Sequence[ProfileHead], wrong: Mapping[str, str], *, err: bool = False) -> None:
    """Print the profiles there are to choose from, three to five lines each, with what is wrong with some of them."""
    for head in heads:
        count = "1 entity" if head.entities == 1 else f"{head.entities} entities"
        reads = f"reads {count}{' and writes' if head.writes else ''}"
        click.echo(f"{head.name:<16} {head.kind}, level {head.level}, {reads}", err=err)
        about = textwrap.wrap(head.words, WIDTH - 4, max_lines=2, placeholder=" …")
        for line in [*about, VERIFIED.get(head.verified, head.verified)]:
            click.echo(f"    {line}", err=err)
        if head.name in wrong:
            _marked("problem", wrong[head.name], err=err)


def print_profile(profile: Profile, words: str, missing: Gaps) -> None:
    """Print one profile: what it gives, what it leaves out, what it writes, and the fields of each entity."""
    click.echo(f"{profile.name} {profile.version}: {profile.kind}, level {profile.level}, zone {profile.zone}")
    _line("about", words)
    _line("mapping", VERIFIED[profile.verified])
    if profile.declaration:
        _line("declaration", f"{profile.declaration}: off until `erp-mcp systems declare`")
    _line("entities", f"{len(profile.entities)}: {', '.join(sorted(profile.entities))}")
    _line("not given", ", ".join(missing.entities) or "nothing")
    for name, form in sorted(profile.commands.items()):
        contract = str(form.get("contract", "")) if isinstance(form, dict) else ""
        _line("writes", f"{name} ({contract}: {_CONTRACTS.get(contract, '')})")
    if not profile.commands:
        _line("writes", "nothing")
    for entity in sorted(profile.entities):
        click.echo(f"\n  {entity}")
        given = given_fields(profile, entity)
        _wrapped("    ", "    ", ", ".join(given) if given else "its kind of adapter knows the fields")
        if entity in missing.fields:
            _wrapped("    without: ", "      ", ", ".join(missing.fields[entity]))


def _print_operations(report: SystemReport) -> None:
    for one in report.operations:
        mark, colour = _MARKS["ok" if one.verified else "note"] if report.looked_at_writes else ("·", "white")
        click.echo(f"  {click.style(mark, fg=colour)} {one.name}: {one.contract}, settles in {one.settle_s} s")
        detail = f"{'verified: ' if one.verified else ''}{printable(_cut(one.detail))}"
        _wrapped("    ", "    ", detail)


def _print_statements(check: Check) -> None:
    """Print what takes rights away, each on one line however long, so that it can be copied as it is."""
    for statement in check.statements[:_NAMES]:
        if statement.isprintable():  # with a character changed it would be another statement
            click.echo(f"    {statement}")
    if len(check.statements) > _NAMES:
        click.echo(f"    … and {len(check.statements) - _NAMES} more")


def _beginning(check: Check) -> str:
    """Return a detail with the first of its names, and how many there are beside them."""
    more = f" and {len(check.names) - _NAMES} more" if len(check.names) > _NAMES else ""
    return f"{check.detail}{', '.join(check.names[:_NAMES])}{more}"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]} …"


def _line(label: str, text: str) -> None:
    first = f"  {label:<{_LABEL - 2}} " if len(label) < _LABEL else f"  {label} "
    _wrapped(first, " " * (_LABEL + 1), text)


def _marked(status: str, text: str, do: str = "", *, err: bool = False) -> None:
    mark, colour = _MARKS[status]
    lines = _lines("", "  ", printable(_cut(text)), WIDTH - 2)
    click.echo("\n".join([f"{click.style(mark, fg=colour)} {lines[0]}", *lines[1:]]), err=err)
    if do:
        _wrapped("  → ", "    ", printable(do))


def _wrapped(first: str, later: str, text: str) -> None:
    click.echo("\n".join(_lines(first, later, text, WIDTH)))


def _lines(first: str, later: str, text: str, width: int) -> list[str]:
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    return lines or [first.rstrip()]


def _accounts(report: SystemReport, told: Mapping[str, str]) -> str:
    writer = f"{shown(report.write_account)} (writes)" if report.write_account else ""
    reader = told.get("account", "") if told.get("account") != report.write_account else ""
    named = ", ".join(one for one in (f"{reader} (reads)" if reader else "", writer) if one)
    if named or not (report.account or report.signs_in):
        return named or "none needed"
    return f"{shown(report.account)}, not signed in" if report.account else "not told"


def _time(report: SystemReport, told: Mapping[str, str]) -> str:
    if report.clock_skew_s is None:
        return "not told"
    return f"{told['server_time']}, {skew(report.clock_skew_s)}"
