"""Recognises that a call asks about a person: who did something, how to reach them, what they earn.

No entity keeps such data, so nothing can be given away; this makes the refusal say why. It is asked only of what there
is no tool or argument for: a tool of an administrator is never in its way, and hidden and missing tools answer alike.
"""

from __future__ import annotations

import re
import unicodedata
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
    "ausweis gehalt lohn telefon handynummer geburtstag krankenstand user inspector driver crew signature contact "
    "telephone birth nationality religion passport vacation sick nutzer prüfer fahrer urlaub betriebsrat"
)
# German joins words, and either language appends to them: `Mitarbeiternummer`, `operatorName`.
_BEGINNINGS: Final = (
    "ansprechpartner", "approver", "bediener", "benutzer", "emailadress", "employee", "freigeber", "geburt",
    "genehmiger", "handyn", "kontaktdaten", "krankm", "mitarbeiter", "operator", "personalnummer", "schichtbesetzung",
    "schichtleiter", "telefonn", "unterschrift", "username",
)  # fmt: skip
# As SAP names who created, changed or posted a record, the account and the number of a person.
_NATIVE: Final = _words("ernam aenam usnam bname pernr")
# `confirmed_by` asks who; what is grouped or sorted by something does not.
_BY: Final = _words(
    "created changed confirmed entered posted started finished handled owned inspected approved released picked packed "
    "reported booked"
)
# Who did something asks for a person; who waits, delivers or is late asks for a customer or a supplier.
_WHO: Final = _words("who whose wer wessen")
_DID: Final = _words(
    "confirmed posted worked works scrapped booked entered created changed inspected tested approved operated handled "
    "arbeitet arbeitete bestätigt gebucht geprüft rückgemeldet gemeldet erfasst angelegt geändert freigegeben "
    "responsible accountable verantwortlich zuständig verantwortet"
)
# Words that mean a person only beside others: an hour is `hr` too, and a list can be handy.
_HR: Final = _words("data file files record records master department system daten akte akten abteilung stammdaten")
_HANDY: Final = _words("nr nummer von vom des der")
_SLIP: Final = 8  # letters from which a word is known with one of them wrong


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
    words = _WORD.findall(_CAMEL.sub(" ", unicodedata.normalize("NFKC", text[:_MAX_TEXT])).casefold())
    if any(_is_person(word.removesuffix("s")) for word in words):
        return True
    if not _WHO.isdisjoint(words) and not _DID.isdisjoint(words):
        return True
    return any(_is_about_one(one, other) for one, other in pairwise([*words, ""]))


def _is_about_one(word: str, following: str) -> bool:
    """Return whether a word and the one behind it, empty at the end, ask about a person together."""
    if word == "handy":
        return not following or following in _HANDY
    return (word in _BY and following == "by") or (word == "hr" and following in _HR)


def _is_person(word: str) -> bool:
    if word in PERSONS or f"{word}s" in PERSONS or word in _NATIVE or word.startswith(_BEGINNINGS):
        return True
    return len(word) >= _SLIP - 1 and any(_is_slip(word, known) for known in _LONG if abs(len(known) - len(word)) <= 1)


def _is_slip(word: str, known: str) -> bool:
    """Whether one letter was left out, added or mistaken, or two next to each other changed places."""
    at = next((place for place, pair in enumerate(zip(word, known, strict=False)) if pair[0] != pair[1]), -1)
    if at < 0:
        return True  # one is the other with a letter more
    rest, other = word[at:], known[at:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return other in (swapped, other[:1] + rest[1:], other[:1] + rest) or rest[1:] == other


_LONG: Final = tuple(word for word in sorted(PERSONS) if len(word) >= _SLIP)


def _keys(value: JsonValue) -> list[str]:
    if isinstance(value, dict):
        return [*map(str, value), *(key for one in value.values() for key in _keys(one))]
    if isinstance(value, list | tuple):
        return [key for one in value for key in _keys(one)]
    return []
