"""Cleaning of text that comes from a system of record: it is shown as data and must not steer who reads it.

Removed are characters a person does not see but a model may read, or that change how the rest is shown: controls, bidi
marks, zero-width and tag characters, variation selectors, invisible fillers, unassigned and private code points. The
fence marks of the text block are replaced, so a value can't pretend to have ended. What remains is NFC with single
spaces.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_TEXT: Final = 500
MAX_CODE: Final = 120
ELLIPSIS: Final = "…"
FENCE_OPEN: Final = "«"
FENCE_CLOSE: Final = "»"

_WORK: Final = 8  # characters looked at per character kept: bounded work on hostile lengths
_REMOVED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BREAKS: Final = frozenset({"Zl", "Zp", "Zs"})
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_FENCES: Final = {FENCE_OPEN: '"', FENCE_CLOSE: '"'}
_SPACES: Final = re.compile(r" {2,}")
_MAX_MARKS: Final = 4  # combining marks in a row; more only serve to hide or overflow


def clean_text(raw: str, cap: int = MAX_TEXT) -> tuple[str, int]:
    """Return free text as it may be shown, and how many characters were removed or replaced.

    Args:
        raw: Text as the system gave it, of any length.
        cap: Characters kept at most, the ellipsis included.

    Returns:
        The cleaned text (NFC, no line breaks, single spaces, at most `cap` characters, `…` at the end when cut) and the
        number of characters taken out for being invisible, controlling or forging; folding of white space and
        cutting do not count.
    """
    if raw.isascii() and raw.isprintable() and len(raw) <= cap and "  " not in raw:
        return raw.strip(" "), 0
    kept, removed = _filtered(raw[: cap * _WORK])
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", kept)).strip(" ")
    if len(text) > cap or len(raw) > cap * _WORK:
        text = text[: cap - 1].rstrip(" ") + ELLIPSIS
    return text, removed


def clean_code(raw: str) -> tuple[str, int]:
    """Return an identifier or code as it may be shown: the same removals, at most 120 characters."""
    if raw.isascii() and raw.isprintable() and len(raw) <= MAX_CODE:
        return raw, 0
    return clean_text(raw, MAX_CODE)


def _filtered(raw: str) -> tuple[str, int]:
    kept: list[str] = []
    removed = 0
    marks = 0
    for character in raw:
        shown = _shown(character)
        is_mark = bool(shown) and unicodedata.category(character) in {"Mn", "Me"}
        marks = marks + 1 if is_mark else 0
        if marks > _MAX_MARKS:
            shown = ""
        if shown == "" or character in _FENCES:
            removed += 1
        kept.append(shown)
    return "".join(kept), removed


def _shown(character: str) -> str:
    """Return what stands for one character: itself, a space, a plain quote, or nothing."""
    if " " <= character <= "~":
        return character
    if character in "\t\n\r\x0b\x0c\x85":
        return " "
    if character in _FENCES:
        return _FENCES[character]
    category = unicodedata.category(character)
    if category in _BREAKS:
        return " "
    if category in _REMOVED_CATEGORIES or character in _INVISIBLE or _is_selector(character):
        return ""
    return character


def _is_selector(character: str) -> bool:
    """Whether it is a variation selector: invisible, and able to carry hidden bytes."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
