"""The words by which tools are searched, as files say them."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp.catalog.compiled import from_json, source_digest, to_json
from erp_mcp.catalog.load import inspect
from erp_mcp.catalog.registry import catalog_of
from erp_mcp.catalog.vocabulary import FILE, read_vocabulary
from erp_mcp.domain.vocabulary import NO_WORDS, Vocabulary
from erp_mcp.errors import CatalogFileError
from tests.guarantees import guarantees

SHIPPED = "version: 1\nsynonyms: [[supplier, vendor]]\ntools: {get_stock: [on hand]}\nignored: [the]\n"
OWN = (
    "version: 1\nsynonyms: [[crate, Kiste]]\ntools: {get_stock: [how many], get_crates: [boxes]}\nignored: [the, of]\n"
)


def _folder(root: Path, name: str, text: str) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


@guarantees("discovery.words")
def test_the_words_of_an_operators_folder_are_added_to_the_shipped_ones(tmp_path: Path) -> None:
    """Who adds a tool says what its people call it."""
    (tmp_path / "bare").mkdir()
    folders = [_folder(tmp_path, "shipped", SHIPPED), _folder(tmp_path, "own", OWN), tmp_path / "bare"]

    assert read_vocabulary(folders) == Vocabulary(
        synonyms=(("supplier", "vendor"), ("crate", "Kiste")),
        tools=(("get_stock", ("on hand", "how many")), ("get_crates", ("boxes",))),
        ignored=("the", "of"),
    )
    assert read_vocabulary([tmp_path / "bare"]) == NO_WORDS


@guarantees("catalog.lint", "input.clear_errors")
@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("version: 2\n", 1, "version"),
        ("synonyms: []\n", 1, "version"),
        ("version: 1\nsynonyms: [[alone]]\n", 2, "synonyms.0"),
        ("version: 1\ntools: {Get-Stock: [x]}\n", 2, "tools.Get-Stock"),
        ("version: 1\ntools: {get_stock: []}\n", 2, "tools.get_stock"),
        ("version: 1\nsynonym: []\n", 2, "synonym"),
        ("version: 1\nignored: [of, 1]\n", 2, "ignored.1"),
    ],
)
def test_a_wrong_file_of_words_is_named_with_line_and_key(text: str, line: int, key: str, tmp_path: Path) -> None:
    """As for a tool file; `tools lint` shows it."""
    folder = _folder(tmp_path, "own", text)

    with pytest.raises(CatalogFileError) as raised:
        read_vocabulary([folder])
    _, (finding,) = inspect([folder], {})

    assert (raised.value.facts["line"], raised.value.facts["key"]) == (line, key)
    assert (finding.file, finding.line, finding.key) == (f"own/{FILE}", line, key)


@guarantees("discovery.words")
def test_the_compiled_catalogue_keeps_the_words_and_is_made_anew_when_they_change(tmp_path: Path) -> None:
    """Serving reads no YAML, so they stand in the compiled form; its digest covers the file."""
    folder = _folder(tmp_path, "shipped", SHIPPED)
    kept = catalog_of((), read_vocabulary([folder]))
    before = source_digest([folder])

    (folder / FILE).write_text(OWN, encoding="utf-8")

    assert from_json(to_json(kept)).vocabulary == kept.vocabulary
    assert source_digest([folder]) != before
