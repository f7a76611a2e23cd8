from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError, UnboundFieldError
from erp_mcp.ports import Introspects
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

_COMMON = "no AS source_key, chg AS version_token, chg AS changed_at"
_MATERIAL = f"SELECT {_COMMON}, no AS material_id, u AS base_uom FROM part"
_LOT = f"SELECT {_COMMON}, no AS lot_id, mat AS material_id, '1000' AS site FROM lot"
_PROFILE = Profile(
    name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={},
    entities={"material": {"statement": _MATERIAL}, "lot": {"statement": _LOT}},
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "erp.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript("CREATE TABLE part (no, chg, u); CREATE TABLE lot (no, chg, mat);")
        database.execute("INSERT INTO part VALUES ('A', 't1', 'EA')")
    return path


def opened(file: Path, profile: Profile = _PROFILE) -> SqlAdapter:
    return SqlAdapter.open(Connection(system="erp", url=str(file)), profile, FixedClock())


@guarantees("adapter.introspection")
async def test_a_system_that_fits_says_which_fields_it_has(file: Path) -> None:
    """What it does not have is named as missing; nothing it must have is."""
    one = opened(file)
    assert isinstance(one, Introspects)
    found = await one.introspect()
    material = next(binding for binding in found.entities if binding.entity == "material")
    assert found.usable
    assert material.bound == ("source_key", "version_token", "material_id", "base_uom")
    assert "description" in material.missing
    assert found.told["rights"] == "the file is opened for reading only"


@guarantees("adapter.introspection", "input.clear_errors")
async def test_one_entity_that_lacks_a_field_refuses_the_system_at_its_first_use(file: Path) -> None:
    """Whichever entity is asked for first: what can't be trusted in one place is not used in another."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("ALTER TABLE lot RENAME COLUMN mat TO material")
    one = opened(file)
    with pytest.raises(UnboundFieldError) as caught:
        await one.read("material", ["A"])
    assert caught.value.facts == {"system": "erp", "entity": "lot", "fields": ("material_id",)}
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("ALTER TABLE lot RENAME COLUMN material TO mat")
    assert len(await one.read("material", ["A"])) == 1


@guarantees("adapter.introspection")
async def test_a_mapping_made_in_code_without_a_mandatory_field_is_refused_as_well(file: Path) -> None:
    """Files are checked when they are read; profiles of third parties may come another way."""
    short = replace(_PROFILE, entities={"material": {"statement": _MATERIAL.replace(", u AS base_uom", "")}})
    with pytest.raises(UnboundFieldError) as caught:
        await opened(file, short).read("material", ["A"])
    assert caught.value.facts["fields"] == ("base_uom",)


@guarantees("P2.no_writes", "input.clear_errors")
@pytest.mark.parametrize(
    "text", ["DELETE FROM part", "SELECT 1; DROP TABLE part", "PRAGMA user_version", "ATTACH 'x' AS y"]
)
@pytest.mark.parametrize("key", ["statement", "tombstones", "feed"])
def test_a_text_that_is_no_select_is_refused_when_the_system_is_opened(file: Path, key: str, text: str) -> None:
    """Nothing of it is ever sent."""
    broken = replace(_PROFILE, entities={"material": {"statement": _MATERIAL, key: text}})
    with pytest.raises(ProfileFileError):
        opened(file, broken)


@guarantees("P2.no_writes")
async def test_no_method_of_it_writes(file: Path) -> None:
    """All that it has is called; the file stays as it was, byte for byte, though everybody may write to it."""
    file.chmod(0o666)
    before = file.read_bytes()
    one = opened(file)
    public = {name for name in dir(SqlAdapter) if not name.startswith("_")}
    assert public == {
        "changes",
        "close",
        "cross_references",
        "entities",
        "introspect",
        "open",
        "probe",
        "read",
        "system",
    }
    assert [page async for page in one.changes("material", "")]
    await one.read("material", ["A", "x'; DELETE FROM part; --"])
    await one.introspect()
    await one.probe()
    await one.close()
    assert file.read_bytes() == before
