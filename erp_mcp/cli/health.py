"""`erp-mcp health`: how each system of record is doing, and what it is spared."""

from __future__ import annotations

import asyncio
import math
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import click

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import opened
from erp_mcp.cli.proposal_view import age
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.traffic import TrafficKind, TrafficState
from erp_mcp.egress.places import where_to
from erp_mcp.errors import ReadModelNotReadyError
from erp_mcp.settings import SystemSettings

_KINDS: Final[tuple[TrafficKind, ...]] = ("read", "write")
_NAME: Final = 14
_WIDTH: Final = 80
_HEAD: Final = (
    f"{'SYSTEM':<{_NAME}}  {'':<6}  {'STATE':<15}  {'NOW':>5}  {'FAILED':>6}  {'ASKED':>7}  {'AGAIN':>5}  TURNED"
)


@click.command(
    epilog="""
\b
Examples:
  erp-mcp health                      every system of the deployment
  erp-mcp health --demo-dir DIR
  erp-mcp health --json               the same for programs
  watch -n 2 erp-mcp health           while an ERP is in trouble

\b
Exit status: 0 nothing rests, 1 a system rests or asked to be left alone.
"""
)
@deployment_options
@json_option
@clear_errors
def command(config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show how each system of record is doing: for reads, writes and the copy.

    NOW: requests under way of those that may be at once. FAILED: of the last
    requests, and how many make the system rest. ASKED: requests since the
    traffic file was made, AGAIN: those of them that repeated a read, TURNED:
    those that the system turned away. Figures are those of all processes
    together; nothing is contacted.
    """
    with opened(config, demo_dir) as deployment:
        rows, now = _rows(deployment), deployment.clock.plant()
    if as_json:
        print_json([_json(row, now) for row in rows])
    else:
        _print(rows, now)
    if any(row.rests for row in rows):
        sys.exit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One system: its traffic, and its part of the copy."""

    system: SystemSettings
    lanes: tuple[TrafficState, ...]
    copy: tuple[EntityState, ...]

    @property
    def rests(self) -> bool:
        return any(map(_rests, self.lanes))

    @property
    def oldest(self) -> EntityState | None:
        return min((one for one in self.copy if one.as_of), key=lambda one: one.as_of, default=None)

    @property
    def complete(self) -> bool:
        return bool(self.copy) and all(one.complete for one in self.copy)

    @property
    def errors(self) -> list[str]:
        return sorted({one.last_error for one in self.copy if one.last_error})


def _rows(deployment: Deployment) -> list[_Row]:
    known = {(one.system, one.where, one.kind): one for one in deployment.traffic.states()}
    copies = _copies(deployment)
    return [
        _Row(
            system=system,
            lanes=tuple(
                known.get((system.name, where_to(system.url), kind)) or _unasked(system, kind) for kind in _KINDS
            ),
            copy=tuple(one for one in copies if one.system == system.name),
        )
        for system in deployment.settings.systems
    ]


def _unasked(system: SystemSettings, kind: TrafficKind) -> TrafficState:
    return TrafficState(
        system=system.name,
        kind=kind,
        breaker="closed",
        rest_s=0.0,
        running=0,
        tokens=float(system.limits.burst),
        failures=0,
        requests=0,
        retries=0,
        turned_away=0,
    )


def _copies(deployment: Deployment) -> list[EntityState]:
    try:
        states = asyncio.run(deployment.reader.states())
    except ReadModelNotReadyError:
        return []
    return [one for of_entity in states.values() for one in of_entity]


def _rests(lane: TrafficState) -> bool:
    return lane.breaker != "closed" or lane.rest_s > 0


# --- for programs -----------------------------------------------------------------------------------------------------


def _json(row: _Row, now: datetime) -> JsonValue:
    limits, oldest = row.system.limits, row.oldest
    errors: list[JsonValue] = [*row.errors]
    return {
        "system": row.system.name,
        "resting": row.rests,
        "limits": {
            "requests_per_s": limits.requests_per_s,
            "burst": limits.burst,
            "concurrent": limits.concurrent,
            "failures": limits.failures,
            "window": limits.window,
        },
        **{lane.kind: _lane_json(lane) for lane in row.lanes},
        "copy": {
            "entities": len(row.copy),
            "complete": row.complete,
            "oldest": oldest.entity if oldest else "",
            "as_of": oldest.as_of if oldest else "",
            "age_s": max(0, int((now - parse_instant(oldest.as_of)).total_seconds())) if oldest else None,
            "errors": errors,
        },
    }


def _lane_json(lane: TrafficState) -> dict[str, JsonValue]:
    return {
        "breaker": lane.breaker,
        "rest_s": math.ceil(lane.rest_s),
        "running": lane.running,
        "tokens": math.floor(lane.tokens),
        "failures": lane.failures,
        "requests": lane.requests,
        "retries": lane.retries,
        "turned_away": lane.turned_away,
    }


# --- for people -------------------------------------------------------------------------------------------------------


def _print(rows: list[_Row], now: datetime) -> None:
    if not rows:
        click.echo("No systems are configured.")
        return
    click.echo(_HEAD)
    for row in rows:
        for line in _lines(row, now):
            click.echo(line)


def _lines(row: _Row, now: datetime) -> Iterator[str]:
    limits, name = row.system.limits, _short(row.system.name)
    for lane in row.lanes:
        running, failed = f"{lane.running}/{limits.concurrent}", f"{lane.failures}/{limits.failures}"
        figures = f"{lane.requests:>7}  {lane.retries:>5}  {lane.turned_away:>6}"
        state = click.style(f"{_state(lane):<15}", fg="red" if _rests(lane) else None)
        yield f"{name:<{_NAME}}  {lane.kind + 's':<6}  {state}  {running:>5}  {failed:>6}  {figures}"
        name = ""
    head = f"{'':<{_NAME}}  {'copy':<6}  "
    yield from textwrap.wrap(
        _copy(row, now), _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )


def _state(lane: TrafficState) -> str:
    left = math.ceil(lane.rest_s)
    if lane.breaker == "half_open":
        return "one probe"
    if lane.breaker == "open":
        return f"rests {left} s" if left else "probe is due"
    return f"paused {left} s" if left else "ready"


def _copy(row: _Row, now: datetime) -> str:
    if not row.copy:
        return "nothing is synchronised yet"
    whole = "complete" if row.complete else "incomplete"
    count = f"{len(row.copy)} {'entity' if len(row.copy) == 1 else 'entities'}"
    oldest = f"oldest {age(row.oldest.as_of, now)}, {row.oldest.entity}" if row.oldest else "never read to the end"
    return "; ".join([f"{whole}, {count}", oldest, *row.errors])


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
