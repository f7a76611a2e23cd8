"""What is filled into a request: typed, encoded, and never more than one value."""

from __future__ import annotations

from datetime import UTC
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from erp_mcp.adapters.rest.templates import Filling, TemplateError, UnwritableError, path_template, template_of
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees

FILLING: Final = Filling(
    zone=ZoneInfo("Asia/Kolkata"),
    since="2026-03-16T05:00:01Z",
    keys=[("A-1", "x"), ("B", "y")],
    after="7",
    options={"company": "790"},
)
FILLED: Final[list[tuple[JsonValue, JsonValue]]] = [
    ("plain text", "plain text"),
    ("{since}", "2026-03-16T05:00:01Z"),
    ("{since:site}", "2026-03-16 10:30:01"),
    ("{since:site_t}", "2026-03-16T10:30:01"),
    ("{since:utc}", "2026-03-16 05:00:01"),
    ("{since:utc_t}", "2026-03-16T05:00:01"),
    ("{since:offset}", "2026-03-16T05:00:01+00:00"),
    ("{since:date}", "2026-03-16"),
    ("{since:ymd}", "20260316"),
    ("{since:epoch}", "1773637201"),
    ("{since:epoch_ms}", "1773637201000"),
    ("changed ge {since}", "changed ge 2026-03-16T05:00:01Z"),
    ("{keys}", ["A-1", "B"]),
    ("{keys.1}", ["x", "y"]),
    ([["name", "in", "{keys}"]], [["name", "in", ["A-1", "B"]]]),
    ("id in ({keys:sql})", "id in ('A-1','B')"),
    ("id in ({keys:word})", "id in (A-1,B)"),
    ("id > {after:number}", "id > 7"),
    ({"q": "SELECT 1 WHERE c = {option.company}", "n": 5}, {"q": "SELECT 1 WHERE c = 790", "n": 5}),
    ('{"a": 1}', '{"a": 1}'),
]


@guarantees("P9.rest_requests")
@pytest.mark.parametrize(("body", "expected"), FILLED)
def test_fills_in(body: JsonValue, expected: JsonValue) -> None:
    """Each place in its form; what is no place stays."""
    assert template_of(body).fill(FILLING) == expected


@guarantees("P9.rest_requests")
@pytest.mark.parametrize(
    "key", ["1 or 1=1", "x') OR ('1'='1", "x'", "a\\", "1;--", "\n", "", "a\x00", "é", "1,2", "٧", "%27", "x" * 300]
)
def test_a_key_adds_no_word_to_a_statement(key: str) -> None:
    """Inside other text a key is a number, a word, or a text in quotes; any other is none of the system's."""
    filling = Filling(zone=UTC, keys=[(key,)], after=key)
    for body in ("{keys:number}", "id = {key:number}", "id = {key:word}", "id = {key:sql}", "a > {after:sql}"):
        try:
            filled = str(template_of(body).fill(filling))
        except UnwritableError:
            continue
        assert filled.count("'") in {0, 2}
        assert ("," not in filled) or body.endswith(":sql}")
        assert filled.removeprefix("id = ").removeprefix("a > ").strip("'").replace(" ", "").replace("=", "").isascii()


@guarantees("P9.rest_requests")
@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("PUR/2026", "/order/PUR%2F2026"),
        ("a?b=c#d", "/order/a%3Fb%3Dc%23d"),
        ("%2e%2e", "/order/%252e%252e"),
        ("Ünal 1", "/order/%C3%9Cnal%201"),
        ("a\r\nX: 1", "/order/a%0D%0AX%3A%201"),
    ],
)
def test_a_key_is_one_part_of_a_path(key: str, path: str) -> None:
    """Whatever stands in it."""
    assert path_template("/order/{key}").fill(Filling(zone=UTC, keys=[(key,)])) == path


@guarantees("P9.rest_requests")
@pytest.mark.parametrize("key", [".", "..", ""])
def test_a_key_that_would_climb_is_none(key: str) -> None:
    """There is no such document."""
    with pytest.raises(UnwritableError):
        path_template("/order/{key}").fill(Filling(zone=UTC, keys=[(key,)]))


@guarantees("P9.rest_requests")
@pytest.mark.parametrize(
    "body",
    ["{unknown}", "{since:never}", "{option}", "{option.1}", "{keys:date}", "a {key} b", "a {keys} b"],
)
def test_a_place_that_is_none_is_refused(body: str) -> None:
    """And a key inside other text needs a form that can't end it."""
    with pytest.raises(TemplateError):
        template_of(body)


@guarantees("P9.rest_requests")
@pytest.mark.parametrize("path", ["order", "/a/../b", "/a?b=1", "/a#b", "/a\\b", "//a/./b"])
def test_a_path_of_a_profile_is_plain(path: str) -> None:
    """It is a path below the base and nothing else."""
    with pytest.raises(TemplateError):
        path_template(path)
