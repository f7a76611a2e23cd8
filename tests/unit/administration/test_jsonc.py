"""Edits of clients' files: one member changes, and not a character beside it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.administration.jsonc import NotJsonError, parse, put, remove
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees

COMMENTED = """\
// of the team
{
\t"inputs": [ ], // none
\t"servers": {
\t\t"other": { "command": "x" /* mine */ }, // keep me
\t},
}
"""
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


@guarantees("clients.nothing_lost")
def test_comments_order_and_indents_stay_where_a_member_is_added() -> None:
    """The file is its user's: people keep notes in it."""
    done = put(COMMENTED, ("servers", "erp-mcp"), {"command": "c", "args": ["serve"]})

    added = '\n\t\t"erp-mcp": {\n\t\t\t"command": "c",\n\t\t\t"args": [\n\t\t\t\t"serve"\n\t\t\t]\n\t\t}'
    assert done.replace(added, "", 1) == COMMENTED
    assert done.index("keep me") < done.index("erp-mcp")


@guarantees("clients.nothing_lost")
def test_what_was_added_is_taken_out_without_a_trace() -> None:
    """Trying a server must leave nothing behind."""
    noted = COMMENTED.replace("},", "}")
    for text in (noted, '{"servers": {"a": 1}}', '{\n  "servers": {\n    "a": 1\n  }\n}\n', '{"servers": {}}'):
        added = put(text, ("servers", "erp-mcp"), {"command": "c"})
        assert added != text
        assert remove(added, ("servers", "erp-mcp")).split() == text.split()
    first = put('{"servers": {"erp-mcp": 1, "a": 2}}', ("servers", "b"), 3)
    assert remove(first, ("servers", "erp-mcp")) == '{"servers": {"a": 2, "b": 3}}'


@guarantees("clients.nothing_lost")
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=OBJECTS, indent=st.sampled_from([None, 2, 4, "\t"]), value=VALUES, crlf=st.booleans())
def test_an_edit_changes_one_member_of_whatever_object(
    data: dict[str, JsonValue], indent: int | str | None, value: JsonValue, crlf: bool
) -> None:
    """Other servers' entries have any form there is."""
    if not isinstance(data.get("mcpServers", {}), dict):
        del data["mcpServers"]
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    text = text.replace("\n", "\r\n") if crlf else text

    done = put(text, ("mcpServers", "erp-mcp"), value)

    section = data.get("mcpServers", {})
    assert isinstance(section, dict)
    wanted = {**data, "mcpServers": {**section, "erp-mcp": value}}
    assert json.loads(done) == wanted
    assert list(json.loads(done)) == list(wanted)
    assert json.loads(remove(done, ("mcpServers", "erp-mcp"))) == {**data, "mcpServers": section}
    assert "\r\n" not in text or "\n" not in done.replace("\r\n", "")


@guarantees("clients.nothing_lost")
def test_numbers_marks_and_line_ends_are_not_written_anew() -> None:
    """A float read and written again may differ; a byte-order mark or the other line ends would be lost."""
    text = '\ufeff{\r\n    "big": 1.10000000000000000001e5,\r\n    "mcpServers": {}\r\n}\r\n'
    done = put(text, ("mcpServers", "erp-mcp"), {"command": "c"})
    assert done.startswith('\ufeff{\r\n    "big": 1.10000000000000000001e5,\r\n')
    assert '"mcpServers": {\r\n        "erp-mcp": {\r\n            "command": "c"\r\n        }\r\n    }' in done


@guarantees("clients.nothing_lost")
def test_an_empty_file_becomes_an_object() -> None:
    """Some clients make the file and leave it empty."""
    assert json.loads(put("", ("mcpServers", "a"), 1)) == {"mcpServers": {"a": 1}}
    assert json.loads(put(" \n", ("a",), 1)) == {"a": 1}


@guarantees("clients.nothing_lost")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1', 1),
        ('{\n"a" 1}', 2),
        ('{\n\n"a": 1 "b": 2}', 3),
        ('{"a": 1}\n{}', 2),
        ('{"a": 1,\n"a": 2}', 2),
        ("{'a': 1}", 1),
        ('{"a": nan}', 1),
        ("/* \n{}", 1),
        ("[" * 200 + "]" * 200, 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int) -> None:
    """To repair somebody's file by guessing would lose what they meant."""
    with pytest.raises(NotJsonError) as refusal:
        put(text, ("mcpServers", "a"), 1)
    assert refusal.value.line == line


@guarantees("clients.nothing_lost")
@pytest.mark.parametrize("text", ["[]", '{"mcpServers": []}', '{"mcpServers": "x"}', "1"])
def test_another_form_than_expected_is_refused(text: str) -> None:
    """What stands there means something to the client."""
    with pytest.raises(NotJsonError):
        put(text, ("mcpServers", "a"), 1)


@guarantees("clients.nothing_lost")
def test_the_first_comment_or_trailing_comma_is_known() -> None:
    """A strict client reads neither, so its file can't be mended by adding to it."""
    assert parse('{"a": "// no comment", "b": [1]}').relaxed_line == 0
    assert parse('{\n// one\n"a": 1}').relaxed_line == 2
    assert parse('{"a": [1,\n]}').relaxed_line == 2
