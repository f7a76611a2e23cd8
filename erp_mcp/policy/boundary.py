"""Recognises requests that reach below the planning side (ISA-95 level 3), in names and in arguments.

It screens what an agent asks, never what a system answers: text in data is data. It is a label and an early refusal;
that no tool and no client for the floor exists is what holds. So it stays silent where words are ordinary: short ids,
materials that are called valve or motor, questions, and approvals of the planning side.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.lexicon import (
    COMMAND_WORDS,
    DETERMINERS,
    FILLERS,
    FLOOR_ORDERS,
    HARD,
    HARD_IN_NAMES,
    HOMOGRAPHS,
    LOOKALIKES,
    PATTERNS,
    PLANNING,
    POLITE,
    PRODUCT_PHRASES,
    PRODUCTS,
    READING,
    Pattern,
)

_MAX_NODES: Final = 2_000
_MAX_TEXT: Final = 2_000  # of one text; longer arguments are refused by validation anyway
_MAX_CALL: Final = 8_000  # characters of one call
_MAX_DECODED: Final = 8
_REACH: Final = 3  # words after the verb in which its object must begin

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[a-z]+|[0-9]+")
_CLAUSE: Final = re.compile(r"[.;:!?,\n]+(?:\s|$)|\n|\band\b|\bthen\b", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\bdb\d+\.db[xbwd]\d|\bns=\d+;[sigb]=", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[0-9A-Z._/\-]{0,64}|[0-9a-z._\-]{0,24}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-]{8,}={0,2}")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_HARD_HINT: Final = re.compile("|".join((*HARD, *HARD_IN_NAMES, "db", "command")))
_PLACE: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_QUALIFIED: Final = frozenset({"purchase", "sales", "sale", "requisition", "invoice", "customer", "supplier"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What was asked for: `code` such as `B-SETPOINT`, and `place`: `tool` or the name of the argument."""

    code: str
    place: str


def recognise(name: str, arguments: JsonValue) -> Violation | None:
    """Return what a call asks of the floor, or `None`.

    Args:
        name: Of the tool, endpoint, method or topic; need not exist.
        arguments: As they came in, unchecked. At most 2,000 values, 2,000 characters of a text and 8,000 of a call are
            looked at; no tool accepts more.

    Returns:
        The first violation: `B-SETPOINT`, `B-TAGWRITE`, `B-RECIPE`, `B-COMMAND`, `B-MODE`, `B-ALARM`, `B-SAFETY`,
        `B-RECORD` or `B-FLOOR`.
    """
    code = recognise_name(name[:_MAX_TEXT])
    if code:
        return Violation(code=code, place="tool")
    if not isinstance(arguments, dict):
        arguments = {"arguments": arguments}
    left = _MAX_CALL
    for key, value in arguments.items():
        code, used = (_of_text(value), len(value)) if isinstance(value, str) else _of_tree(value, left)
        code = _of_key(key[:_MAX_TEXT]) or code
        if code:
            return Violation(code=code, place=key if _PLACE.fullmatch(key) else "arguments")
        left -= used
        if left <= 0:
            break
    return None


@lru_cache(maxsize=1024)
def recognise_name(name: str) -> str:
    """Return the violation code of a tool, endpoint, method or topic name, or an empty text.

    A name needs a control verb and a floor noun anywhere in it, or one hard word. Names that begin with a reading verb
    order nothing.
    """
    words = _words(_latin(name))
    hard = _hard(words, {**HARD, **HARD_IN_NAMES})
    if hard or _ADDRESS.search(name):
        return hard or "B-TAGWRITE"
    if "/" in name and words and words[-1] == "sp":
        return "B-SETPOINT"
    if not words or words[0] in READING:
        return ""
    for pattern in PATTERNS:
        if _name_fits(pattern, words):
            return pattern.code
    return ""


# --- names ------------------------------------------------------------------------------------------------------------


def _name_fits(pattern: Pattern, words: list[str]) -> bool:
    present = set(words) | set(_pairs(words))
    if present.isdisjoint(pattern.verbs | pattern.names_only):
        return False
    if pattern.code == "B-FLOOR" and "order" in present and present.isdisjoint(_QUALIFIED):
        return True
    nouns = present & pattern.nouns
    return bool(nouns) and not _is_planning(words)


def _is_planning(words: list[str]) -> bool:
    """Words of the planning side excuse, unless the order they speak of is one of the floor."""
    return not PLANNING.isdisjoint(words) and FLOOR_ORDERS.isdisjoint((*words, *_pairs(words)))


# --- arguments --------------------------------------------------------------------------------------------------------


def _of_tree(value: JsonValue, left: int) -> tuple[str, int]:
    """Return the code of the first key or text inside a value that has one, and how many characters were looked at."""
    if not isinstance(value, (list, dict)):
        return "", 0
    used = 0
    for text, is_key in _texts(value):
        code = _of_key(text[:_MAX_TEXT]) if is_key else _of_text(text)
        used += len(text)
        if code or used > left:
            return code, used
    return "", used


def _texts(value: JsonValue) -> Iterator[tuple[str, bool]]:
    """Yield every text inside a value and whether it is a key, without recursion and up to a bound."""
    waiting: list[JsonValue] = [value]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, str):
            yield node, False
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            yield from ((key, True) for key in node)
            waiting.extend(node.values())


@lru_cache(maxsize=1024)
def _of_key(key: str) -> str:
    """A payload with a `Command` element is a floor command, whatever it says (B2MML JobOrder)."""
    words = _words(_latin(key))
    if words and words[-1] == "command":
        return "B-COMMAND"
    return _hard(words, HARD) or _of_text(key)


def _of_text(text: str) -> str:
    if _PLAIN.fullmatch(text):
        # most arguments are ids and codes: one search, and only a hard word in one needs a closer look
        return _screened(text) if len(text) > 3 and _HARD_HINT.search(_squeezed(text)) else ""
    return _of_long_text(text[:_MAX_TEXT])


def _of_long_text(text: str) -> str:
    """Screen the text, and what it becomes when decoded once."""
    for variant in (text, *_decoded(text)):
        code = _screened(variant)
        if code:
            return code
    return ""


def _screened(text: str) -> str:
    latin = _latin(text)
    if _ADDRESS.search(latin):
        return "B-TAGWRITE"
    words = _words(latin)
    code = _hard(words, HARD)
    if code or _is_payload(words):
        return code or "B-COMMAND"
    if len(words) < 2:
        return ""
    for clause in _CLAUSE.split(latin):
        code = _of_clause(_words(clause))
        if code:
            return code
    return ""


def _is_payload(words: list[str]) -> bool:
    """A command element written out as text: `{"Command": "Start"}`, `<Command>Start</Command>`."""
    return any(word == "command" and after in COMMAND_WORDS for word, after in pairwise(words))


def _of_clause(words: list[str]) -> str:
    """Return the code of a clause that begins with an order: verb first, its object right after it."""
    while words and words[0] in POLITE:
        words = words[1:]
    if len(words) < 2 or _is_planning(words):
        return ""
    verb = words[0]
    after = [word for word in words[1:] if word not in FILLERS][:_REACH]
    objects = [*_pairs(after), *after]
    for pattern in PATTERNS:
        if verb in pattern.verbs and any(noun in pattern.nouns for noun in objects):
            return pattern.code if _is_order(words, after) else ""
    return ""


def _is_order(words: list[str], after: list[str]) -> bool:
    """Tell an order from the name of a thing: `stop the machine`, `start batch 4711`, not `stop valve`, `set of 5`."""
    if words[0] not in HOMOGRAPHS or words[1] in DETERMINERS:
        return True
    if words[1].isdigit() or words[1] == "of" or (words[0], after[0]) in PRODUCTS:
        return False
    if " ".join((words[0], *after[:2])) in PRODUCT_PHRASES:
        return False
    return any(word.isdigit() for word in words)


# --- words ------------------------------------------------------------------------------------------------------------


def _latin(text: str) -> str:
    """Return text without tricks: compatibility forms, accents, invisible and look-alike characters are undone."""
    if text.isascii():
        return text
    folded = unicodedata.normalize("NFKD", text).translate(LOOKALIKES)
    return "".join(character for character in folded if unicodedata.category(character) not in ("Cf", "Mn"))


def _words(text: str) -> list[str]:
    """Split at separators and inside camelCase, lower the case, make plurals singular."""
    lowered = _CAMEL.sub(" ", text).casefold()
    return [_singular(word) for word in _WORD.findall(lowered)]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] not in "su" else word


def _pairs(words: list[str]) -> Iterator[str]:
    return (f"{one} {two}" for one, two in pairwise(words))


def _hard(words: list[str], lexicon: Mapping[str, str]) -> str:
    """Return the code of a hard word, also where it was pulled apart: `set point`, `Write_Tag`."""
    if not _HARD_HINT.search("".join(words)):
        return ""
    for size in (1, 2, 3):
        for start in range(len(words) - size + 1):
            code = lexicon.get("".join(words[start : start + size]))
            if code:
                return code
    return ""


def _squeezed(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "").replace(".", "").replace("/", "")


def _decoded(text: str) -> Iterator[str]:
    """Yield what the text hides: percent escapes undone, and pieces that are Base64 of readable text."""
    if "%" in text:
        yield _PERCENT.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"), text)
    pieces = (piece for piece in _BASE64.findall(text) if not piece.islower() and not piece.isupper())
    for piece, _ in zip(pieces, range(_MAX_DECODED), strict=False):
        plain = _from_base64(piece)
        if plain:
            yield plain


def _from_base64(piece: str) -> str:
    body = piece.rstrip("=").translate(_URL_SAFE)
    try:
        text = base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if "".join(text.split()).isprintable() else ""


_URL_SAFE: Final = str.maketrans("-_", "+/")
