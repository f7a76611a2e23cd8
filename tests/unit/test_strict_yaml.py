"""YAML as people edit it: what is refused, and on which line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from erp_mcp.errors import PolicyFileError
from erp_mcp.strict_yaml import Document, read_model
from tests.guarantees import guarantees


@guarantees("input.clear_errors", "policy.closed_language")
@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb:\n  d: x\n  d: y\n", 4, "duplicate key"),
        ("a: 1\nb: &x 2\nc: *x\n", 2, "anchors and aliases are refused"),
        ("a: [1,&x 2]\n", 1, "anchors and aliases are refused"),
        ("a: [&x 2]\n", 1, "anchors and aliases are refused"),
        ("{&x a: 1}\n", 1, "anchors and aliases are refused"),
        ('{"a":&x 1}\n', 1, "anchors and aliases are refused"),
        ("a:\n- &x 1\n", 2, "anchors and aliases are refused"),
        ("&x a: 1\n", 1, "anchors and aliases are refused"),
        ("? &x a\n: 1\n", 1, "anchors and aliases are refused"),
        ("a: *x\n", 1, "anchors and aliases are refused"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "tags are refused"),
        ("a: ! 1\n", 1, "tags are refused"),
        ("!x\na: 1\n", 1, "tags are refused"),
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

    assert refused.value.facts["line"] == line
    assert str(refused.value.facts["reason"]).startswith(reason)


@guarantees("input.clear_errors")
def test_the_same_characters_inside_a_text_are_text(tmp_path: Path) -> None:
    """Statements count rows, multiply and compare, and people exclaim."""
    file = tmp_path / "file.yaml"
    file.write_text("a: COUNT(*) + n*2 & 3 != 4 !\nb: R&D\n", encoding="utf-8")

    assert Document(file, PolicyFileError).data == {"a": "COUNT(*) + n*2 & 3 != 4 !", "b": "R&D"}


@guarantees("input.clear_errors")
def test_values_come_as_plain_types_and_places_as_lines(tmp_path: Path) -> None:
    """Dates stay text: YAML's own idea of a date would turn ids into something else."""
    file = tmp_path / "file.yaml"
    file.write_text("a: 2026-01-02\nb:\n  - x: true\n  - y: 1\n", encoding="utf-8")

    document = Document(file, PolicyFileError)

    assert document.data == {"a": "2026-01-02", "b": [{"x": True}, {"y": 1}]}
    assert (document.line(("b", 1, "y")), document.line(("b", 7)), document.line(())) == (4, 2, 1)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("a.b", ("a", "b")),
        ("a.x.y.c", ("a", "x.y", "c")),
        ("a.x", ("a",)),
        ("a.list.1.d", ("a", "list", 1, "d")),
        ("a.list.7.d", ("a", "list")),
        ("a.b.gone.deep", ("a", "b")),
        ("gone", ()),
        ("", ()),
    ],
)
def test_a_key_told_with_dots_is_found_as_deep_as_it_is_there(
    tmp_path: Path, key: str, place: tuple[str | int, ...]
) -> None:
    """Who complains about a key does not know the file, and names in it may have dots themselves."""
    file = tmp_path / "file.yaml"
    file.write_text("a:\n  b: 1\n  x.y: {c: 2}\n  list: [1, {d: 3}]\n", encoding="utf-8")

    document = Document(file, PolicyFileError)

    assert document.place(key) == place


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    origin: Annotated[list[str], Field(min_length=1)] = Field(["x"], alias="from")
    kind: Literal["a", "b"] = "a"


class _Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: int
    parts: dict[Annotated[str, Field(pattern="^[a-z]+$")], _Part] = {}
    rows: Annotated[int, Field(ge=1)] = 1


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("text", "key", "line", "told"),
    [
        ("version: 1\nversoin: 2\n", "versoin", 2, "did you mean version?"),
        ("version: 1\nparts:\n  x: {form: [a]}\n", "parts.x.form", 3, "did you mean from?"),
        ("version: 1\nparts:\n  x:\n    zzz: 1\n", "parts.x.zzz", 4, "there are: from, kind"),
        ("rows: 1\n", "version", 1, "this key is missing"),
        ("version: 1\nparts: {X: {}}\n", "parts.X", 2, "must have the form"),
        ("version: 1\nparts: {x: {from: [7]}}\n", "parts.x.from.0", 2, "need quotes"),
        ("version: 1\nparts: {x: {kind: c}}\n", "parts.x.kind", 2, "must be 'a' or 'b'"),
        ("version: 1\nrows: 0\n", "rows", 2, "must be at least 1"),
        ("version: one\n", "version", 1, "must be a whole number"),
    ],
)
def test_a_mistake_is_told_in_words_of_the_file(tmp_path: Path, text: str, key: str, line: int, told: str) -> None:
    """Who edits YAML has never heard of the library that checks it."""
    file = tmp_path / "file.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(PolicyFileError) as refused:
        read_model(file, _Whole, PolicyFileError)

    facts = refused.value.facts
    assert (facts["key"], facts["line"]) == (key, line)
    assert told in str(facts["reason"])
