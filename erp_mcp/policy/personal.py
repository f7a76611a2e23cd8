"""Recognises that a call asks about a person: who did something, how to reach them, what they earn.

No entity keeps such data, so nothing can be given away; this makes the refusal say why. It is asked only of what there
is no tool or argument for: a tool of an administrator is never in its way, and hidden and missing tools answer alike.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from erp_mcp.domain.call import JsonValue

_MAX_KEYS: Final = 200
_MAX_TEXT: Final = 200
_WORD: Final = re.compile(r"[a-zäöüß]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERSONS: Final = _words(
    "operator employee worker staff personnel person personal badge username login colleague salary wage payroll email "
    "mail phone mobile birthday birthdate absence sickness bediener mitarbeiter mitarbeiterin werker personalnummer "
    "ausweis gehalt lohn telefon handynummer geburtstag krankenstand"
)
# `confirmed_by` asks who; what is grouped or sorted by something does not.
_BY: Final = _words("created changed confirmed entered posted started finished handled owned")


def asks(name: str, arguments: JsonValue) -> bool:
    """Say whether the name of a tool, or a key of its arguments, asks about a person.

    Values are left alone: a reason for a change may well speak of a mail.

    Args:
        name: Of a tool that may not exist.
        arguments: As they came in, unchecked; at most 200 keys of 200 characters are looked at.
    """
    return any(mentions(text) for text in (name, *_keys(arguments)[:_MAX_KEYS]))


def mentions(text: str) -> bool:
    """Say whether a text speaks of a person or their data, in English or German."""
    words = _WORD.findall(_CAMEL.sub(" ", text[:_MAX_TEXT]).casefold())
    singular = {word.removesuffix("s") for word in words}
    if not PERSONS.isdisjoint({*words, *singular}):
        return True
    return any(one in _BY and other == "by" for one, other in pairwise(words))


def _keys(value: JsonValue) -> list[str]:
    if isinstance(value, dict):
        return [*map(str, value), *(key for one in value.values() for key in _keys(one))]
    if isinstance(value, list | tuple):
        return [key for one in value for key in _keys(one)]
    return []
