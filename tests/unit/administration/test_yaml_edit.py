"""One entry in, one entry out, and not a character beside it."""

from __future__ import annotations

from typing import Final

import pytest
from ruamel.yaml import YAML

from erp_mcp.administration.yaml_edit import with_entry, without_entry
from tests.guarantees import guarantees

VALUE: Final = {
    "profile": "works",
    "url": "https://erp.example.com/a?b",
    "account": "0012",  # text that looks like a number stays text
    "networks": ["10.20.0.0/16"],
    "write": {"account": "gateway: writes", "secret": "keyring:erp_write"},
}
FILES: Final = {
    "empty": "version: 1\nsystems: {}\n# systems:\n#   erp: an example\nvault: {url: x}\n",
    "empty, with words beside it": "version: 1\nsystems: {}   # none so far\n",
    "one in a line": "systems:\n  erp: {profile: tryton, url: x}   # the ERP\nplant: {zone: UTC}\n",
    "several, with comments": (
        "# top\nsystems:\n    # the ERP\n    erp:\n        profile: tryton   # 8.0\n        url: 'x'\n\n"
        "    mes:\n        profile: works\n        options:\n"
        "            note: |\n                two\n                lines\n"
        "# after\nplant:   {zone: UTC}\n"
    ),
    "a list at the end": (
        "systems:\n  erp:\n    profile: tryton\n    owns:\n      - stock\n      - material\nplant: {zone: UTC}\n"
    ),
    "all in a line": "plant: {zone: UTC}\nsystems: {erp: {profile: tryton}, mes: {profile: works}}  # both\n",
    "last, without an end of line": "version: 1\nsystems:\n  erp: {profile: tryton}",
}  # fmt: skip
NEW: Final = {"no section": "version: 1\n", "a section of nothing": "version: 1\nsystems:\nplant: {zone: UTC}\n"}


def plain(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


@guarantees("systems.added")
@pytest.mark.parametrize("name", [*FILES, *NEW])
def test_an_entry_is_added_behind_the_others_and_reads_as_it_was_meant(name: str) -> None:
    """Whatever form people gave their file, it means what it meant, and the new system beside it."""
    text = {**FILES, **NEW}[name]
    before = plain(text)
    after = plain(with_entry(text, "systems", "shop", VALUE))
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    held = before.get("systems") or {}
    assert list(after["systems"]) == [*held, "shop"]
    assert after == {**before, "systems": {**held, "shop": VALUE}}


@guarantees("systems.added")
@pytest.mark.parametrize("name", FILES)
def test_taking_the_entry_out_again_gives_the_file_of_before(name: str) -> None:
    """Comments, order, quotes and blank lines are people's work."""
    text = FILES[name]
    ended = text if text.endswith("\n") else f"{text}\n"
    assert without_entry(with_entry(text, "systems", "shop", VALUE), "systems", "shop") == ended


@guarantees("systems.added")
@pytest.mark.parametrize("name", [one for one in FILES if not one.startswith("empty")])
def test_any_entry_can_be_taken_out_and_the_others_stay(name: str) -> None:
    """The first one as well, and the last one there is."""
    held = plain(FILES[name])
    assert isinstance(held, dict)
    text = FILES[name]
    left = dict(held["systems"])
    for gone in list(left):
        text = without_entry(text, "systems", gone)
        del left[gone]
        assert plain(text) == {**held, "systems": left}


@guarantees("systems.added")
def test_an_entry_that_is_not_there_is_not_taken_out() -> None:
    """Nothing is cut on a guess."""
    with pytest.raises(KeyError):
        without_entry(FILES["one in a line"], "systems", "nothere")
    with pytest.raises(KeyError):
        without_entry("version: 1\n", "systems", "erp")
