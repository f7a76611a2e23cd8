"""YAML as people edit it: what is refused, and on which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp.errors import PolicyFileError
from erp_mcp.strict_yaml import Document
from tests.guarantees import guarantees


@guarantees("input.clear_errors", "policy.closed_language")
@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb:\n  d: x\n  d: y\n", 4, "duplicate key"),
        ("a: 1\nb: &x 2\nc: *x\n", 2, "anchors and aliases are refused"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "tags are refused"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("a: [1\n", 2, "not valid YAML"),
        ("- 1\n", 1, "the file must be a mapping"),
        ("", 1, "the file must be a mapping"),
        ("a: " + "x" * 300_000, 1, "the file is larger than 256 kB"),
    ],
)
def test_what_is_not_one_strict_mapping_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    """A file must mean what it looks like."""
    file = tmp_path / "file.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(PolicyFileError) as refused:
        Document(file, PolicyFileError)

    assert (refused.value.facts["line"], refused.value.facts["reason"]) == (line, reason)


@guarantees("input.clear_errors")
def test_values_come_as_plain_types_and_places_as_lines(tmp_path: Path) -> None:
    """Dates stay text: YAML's own idea of a date would turn ids into something else."""
    file = tmp_path / "file.yaml"
    file.write_text("a: 2026-01-02\nb:\n  - x: true\n  - y: 1\n", encoding="utf-8")

    document = Document(file, PolicyFileError)

    assert document.data == {"a": "2026-01-02", "b": [{"x": True}, {"y": 1}]}
    assert (document.line(("b", 1, "y")), document.line(("b", 7)), document.line(())) == (4, 2, 1)
