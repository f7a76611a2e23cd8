"""Plants to ask: built as a newcomer builds one, with one more agent, and with a system that can go offline."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from erp_mcp.cli.app import main

_OFFLINE_FOR: Final = timedelta(days=2)  # longer than any record of daily work may be old, shorter than master data may
_BADGE: Final = re.compile(r"B-\d{4}")
_CASE: Final = """
  - name: a clerk of site 1000 reads its orders
    role: clerk
    tool: get_sales_order
    expect: allowed
    sites: ["1000"]
    by: [clerk-reads]

  - name: a planner is no clerk
    role: planner
    tool: get_sales_order
    expect: allowed
    not_by: [clerk-reads]
"""


def prepare(directory: Path, seed: int, size: str = "S") -> None:
    """Build the plant of a seed with its configuration and read model, and a `clerk` who reads orders of site 1000."""
    _run("demo", "--prepare", "--seed", str(seed), "--size", size, "--dir", str(directory))
    hire_clerk(directory)


def hire_clerk(directory: Path) -> None:
    """Let a plant have a `clerk` who reads orders of site 1000."""
    base, cases = directory / "policies" / "base.yaml", directory / "policies" / "tests" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    for place, added in (
        ("agents", "  clerk: {role: clerk, owner: demo-owner}\n"),
        ("roles", '  clerk:\n    description: Answers customers of site 1000.\n    sites: ["1000"]\n\n'),
        ("rules", "  - id: clerk-reads\n    effect: permit\n    roles: [clerk]\n    tools: [orders/*]\n\n"),
    ):
        assert text.count(f"\n{place}:\n") == 1, place
        text = text.replace(f"\n{place}:\n", f"\n{place}:\n{added}", 1)
    base.write_text(text, encoding="utf-8")
    with cases.open("a", encoding="utf-8") as file:
        file.write(_CASE)
    _run("policy", "apply", "--yes", "--as", "demo-admin", "--demo-dir", str(directory))


def _run(*arguments: str) -> None:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output


@contextmanager
def offline(directory: Path, system: str) -> Iterator[None]:
    """Let a system be gone for two days: its database is not there, and what was read of it is that old."""
    source, away = directory / f"{system}.sqlite", directory / f"{system}.away"
    source.rename(away)
    with closing(sqlite3.connect(directory / "read_model.sqlite")) as model:
        kept = model.execute("SELECT as_of, entity FROM sync_state WHERE system = ?", (system,)).fetchall()
        aged = [(_before(as_of), entity) for as_of, entity in kept]
        statement = f"UPDATE sync_state SET as_of = ? WHERE entity = ? AND system = '{system}'"
        model.executemany(statement, aged)
        model.commit()
        try:
            yield
        finally:
            model.executemany(statement, kept)
            model.commit()
            away.rename(source)


def _before(as_of: str) -> str:
    return (datetime.fromisoformat(as_of) - _OFFLINE_FOR).strftime("%Y-%m-%dT%H:%M:%SZ") if as_of else ""


def badges(directory: Path) -> frozenset[str]:
    """Return the badges of all operators that the two systems hold: what no answer may ever contain."""
    found: set[str] = set()
    for database, statement in (("erp", "SELECT badge FROM op_conf"), ("mes", "SELECT operator_badge FROM job")):
        with closing(sqlite3.connect(f"file:{directory / database}.sqlite?mode=ro", uri=True)) as connection:
            found |= {badge for (badge,) in connection.execute(statement)}
    assert found
    assert all(map(_BADGE.fullmatch, found)), "badges look different now"
    return frozenset(found)


def badges_in(text: str) -> frozenset[str]:
    """Return everything in a text that looks like a badge."""
    return frozenset(_BADGE.findall(text))
