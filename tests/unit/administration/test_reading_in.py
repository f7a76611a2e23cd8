"""Filling the read model with some entities of a system only: the others stay what they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from erp_mcp import administration
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.freshness import EntityState
from tests.guarantees import guarantees

_CONFIGURATION: Final = """\
version: 1
deployment: works
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
read_model: read_model.sqlite
profiles: [profiles]
systems:
  erp: {profile: works, url: erp.sqlite}
"""
_PROFILE: Final = """\
profile: works
version: 1
kind: sql
level: 4
zone: Europe/Berlin
entities:
  material:
    statement: SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, unit AS base_uom
      FROM part
    tombstones: SELECT no AS source_key, at AS changed_at FROM gone
  customer:
    statement: SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS customer_id, no AS name
      FROM client
    tombstones: SELECT no AS source_key, at AS changed_at FROM gone
"""


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment over a small ERP, into which nothing was read yet."""
    (tmp_path / "erp-mcp.yaml").write_text(_CONFIGURATION, encoding="utf-8")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "works.yaml").write_text(_PROFILE, encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "erp.sqlite")) as database:
        database.executescript(
            "CREATE TABLE part (no, unit, chg); CREATE TABLE client (no, chg); CREATE TABLE gone (no, at);"
            "INSERT INTO part VALUES ('A', 'EA', '2026-03-16T04:00:00Z');"
            "INSERT INTO client VALUES ('C', '2026-03-16T04:00:00Z');"
        )
    deployment = open_deployment(tmp_path / "erp-mcp.yaml")
    yield deployment
    deployment.close()


def states(deployment: Deployment) -> dict[str, EntityState]:
    """Return where each entity stands."""
    with closing(deployment.writer()) as writer:
        return {one.entity: one for one in writer.states()}


@guarantees("P7.refresh", "P7.no_false_empty")
def test_what_was_never_read_does_not_look_read_because_something_beside_it_was(works: Deployment) -> None:
    """It has no age, no attempt and no rows, so that it is due at once and answers nothing."""
    (report,) = administration.synchronise(works, names=["erp"], entities=["material"])
    assert [(one.entity, one.rows) for one in report.entities] == [("material", 1)]
    left = states(works)["customer"]
    assert (left.as_of, left.attempted_at, left.complete, left.rows, left.watermark) == ("", "", False, 0, "")
    administration.synchronise(works)
    assert states(works)["customer"].rows == 1


@guarantees("P7.refresh", "P7.freshness")
def test_what_is_not_named_keeps_rows_and_age(works: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of it waits for its own cadence."""
    administration.synchronise(works)
    before = states(works)
    with closing(sqlite3.connect(works.settings.file.parent / "erp.sqlite")) as database, database:
        database.execute("INSERT INTO part VALUES ('B', 'EA', '2026-03-16T05:00:00Z')")
        database.execute("INSERT INTO client VALUES ('D', '2026-03-16T05:00:00Z')")
    later = works.clock.plant() + timedelta(seconds=1)  # ages are in whole seconds
    monkeypatch.setattr(works.clock, "plant", lambda: later)
    administration.synchronise(works, names=["erp"], entities=["material"])
    after = states(works)
    assert after["customer"] == before["customer"]
    assert after["material"].rows == 2
    assert after["material"].as_of > before["material"].as_of


@guarantees("P7.refresh")
def test_a_system_that_can_not_be_opened_is_noted_beside_what_was_to_be_read_alone(works: Deployment) -> None:
    """Nobody has tried the others, so they are due as before; a second system is there so that this one is passed."""
    folder = works.settings.file.parent
    text = _CONFIGURATION.replace("erp.sqlite", "erp.sqlite, secret: env:ERP_MCP_NO_SUCH_SECRET")
    (folder / "erp-mcp.yaml").write_text(f"{text}  mes: {{profile: works, url: erp.sqlite}}\n", encoding="utf-8")
    other = open_deployment(folder / "erp-mcp.yaml")
    reports = administration.synchronise(other, names=["erp", "mes"], entities=["material"])
    assert {(system.system, one.entity, bool(one.error)) for system in reports for one in system.entities} == {
        ("erp", "material", True),
        ("mes", "material", False),
    }
    other.close()
