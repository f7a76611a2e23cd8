"""Mappings of documents in profile files: each mistake is told with file, line and key when the file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError
from erp_mcp.systems import load_profile
from tests.guarantees import guarantees

GOOD: Final = """\
profile: works
version: 1
kind: rest
level: 4
zone: UTC
entities:
  lot:
    request: {path: /lots}
    key: no
    version: hash
    fields:
      lot_id: no
      material_id: {strip: material, zeros: true}
      site: {const: "1000"}
"""
WRONG: Final = [
    ("    key: no\n", "", 7, "entities.lot.key"),
    ("    version: hash\n", "", 7, "entities.lot.version"),
    ("lot_id: no", "lot_id: a..b", 12, "entities.lot.fields.lot_id"),
    ("lot_id: no", "lot_id: [no]", 12, "entities.lot.fields.lot_id"),
    ("{strip: material, zeros: true}", "{stripp: material}", 13, "entities.lot.fields.material_id"),
    ("{strip: material, zeros: true}", "{strip: material, width: 3}", 13, "entities.lot.fields.material_id.width"),
    ("{strip: material, zeros: true}", "{strip: material, path: x}", 13, "entities.lot.fields.material_id"),
    ("{strip: material, zeros: true}", "{first: []}", 13, "entities.lot.fields.material_id.first"),
    ("{strip: material, zeros: true}", "{first: [a, {pth: b}]}", 13, "entities.lot.fields.material_id.first.1"),
    ("{strip: material, zeros: true}", "{path: a, when: {}}", 13, "entities.lot.fields.material_id.when"),
    ("{strip: material, zeros: true}", '{path: a, when: {"b c": 1}}', 13, "entities.lot.fields.material_id.when.b c"),
    ('      site: {const: "1000"}\n', "", 11, "entities.lot.fields"),
    ("lot_id: no", "lot_id: no\n      colour: c", 11, "entities.lot.fields"),
    ("    fields:\n", "    feilds:\n", 7, "entities.lot.fields"),
]


def load(folder: Path, text: str) -> Profile:
    (folder / "works.yaml").write_text(text)
    return load_profile("works", [folder])


@guarantees("input.clear_errors")
def test_a_good_mapping_is_read(tmp_path: Path) -> None:
    """The base of the cases below."""
    assert set(load(tmp_path, GOOD).entities) == {"lot"}


@guarantees("input.clear_errors")
@pytest.mark.parametrize(("before", "after", "line", "key"), WRONG)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path: Path, before: str, after: str, line: int, key: str) -> None:
    """Whoever edits the file sees where."""
    assert before in GOOD
    with pytest.raises(ProfileFileError) as caught:
        load(tmp_path, GOOD.replace(before, after))
    assert (caught.value.facts["file"], caught.value.facts["line"], caught.value.facts["key"]) == (
        "works.yaml",
        line,
        key,
    )


@guarantees("input.clear_errors")
def test_a_form_that_was_misspelt_is_named(tmp_path: Path) -> None:
    """The reason says which was meant."""
    with pytest.raises(ProfileFileError) as caught:
        load(tmp_path, GOOD.replace("{strip: material, zeros: true}", "{stripp: material}"))
    assert "strip" in str(caught.value.facts["reason"])
