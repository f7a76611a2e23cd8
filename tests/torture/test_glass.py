"""Whoever dies while an emergency is decided or reviewed leaves all of their word or nothing; two are two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.store.state.engine import Values
from erp_mcp.store.state.file import FileSession
from tests.guarantees import guarantees
from tests.systems.postgresql.server import running
from tests.torture.conftest import a_world
from tests.torture.glass import OF_PEOPLE, glass
from tests.torture.homes import FileHome, Home, schema_home
from tests.torture.plant import Kit, remembering
from tests.torture.stage import Asked, Set


@pytest.fixture
def in_a_file(kit: Kit) -> Iterator[Home]:
    """The state in a file; what follows from its arguments alone is worked out once, as where all of it is played."""
    with remembering():
        yield FileHome(kit.settings.state_dir)


@pytest.fixture
def in_a_schema(kit: Kit, tmp_path: Path) -> Iterator[Home]:
    """The state in a schema, likewise."""
    with running(tmp_path) as rig, schema_home(rig, kit.settings.deployment) as home, remembering():
        yield home


def nothing_wrong(kit: Kit, home: Home) -> None:
    """Play the stage, and see that it is right and played as much as it should."""
    people, workers = glass(Set(world=a_world(kit, home), templates=()), Asked())
    for one in (people, workers):
        assert not one.is_wrong, "\n".join(one.wrongs)
    assert people.schedules >= 2 * 10 * len(OF_PEOPLE)
    assert people.states["COMMITTED"] == people.played >= 4 * len(OF_PEOPLE)
    assert workers.schedules >= 16 * 10


@guarantees("P3.break_glass", "P3.people_commit", "P5.moves_proved", "P10.survives")
def test_a_process_killed_at_any_statement_of_an_emergency_leaves_no_half_of_a_word(kit: Kit, in_a_file: Home) -> None:
    """Each of the three people dies at every statement, once and twice; nothing is sent before two have spoken."""
    nothing_wrong(kit, in_a_file)


@pytest.mark.live
@guarantees("P3.break_glass", "P4.two_stores", "P5.moves_proved", "P10.survives")
def test_killed_at_any_statement_no_half_of_a_word_is_left_on_the_other_store_too(kit: Kit, in_a_schema: Home) -> None:
    """The same three people, statement by statement, and the same worker."""
    nothing_wrong(kit, in_a_schema)


@guarantees("P3.break_glass", "P5.moves_proved")
def test_the_harness_sees_a_word_that_is_stored_in_two_transactions(
    kit: Kit, in_a_file: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof that can't fail proves nothing: one commit in the middle of what must be one."""
    execute = FileSession.execute

    def torn(session: FileSession, statement: str, values: Values = ()) -> Any:
        rows = execute(session, statement, values)
        if statement.startswith("INSERT INTO decision"):
            execute(session, "COMMIT")
            execute(session, "BEGIN IMMEDIATE")
        return rows

    monkeypatch.setattr(FileSession, "execute", torn)
    with pytest.raises(AssertionError, match="half a word"):
        nothing_wrong(kit, in_a_file)
