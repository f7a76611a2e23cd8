"""What an answer of a REST system means for a read. A status alone is no verdict, and no text of theirs comes out.

The one thing taken from an error is its code, cleaned and capped: a fact for people, never an instruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

from erp_mcp.adapters._documents import Document, DocumentError, Path, ShapeError, Value, decode_json
from erp_mcp.adapters._documents.paths import code_of, objects_at, value_at
from erp_mcp.adapters._documents.refusals import native_code, refusal
from erp_mcp.adapters.rest.grammar import Errors
from erp_mcp.domain.instants import instant_text
from erp_mcp.egress import Answer
from erp_mcp.errors import BadAnswerError, SystemRefusedError

_GOOD: Final = frozenset({200})
_NOT_THERE: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A good answer: its value, and what its headers say."""

    value: Value
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def server_time(self) -> str:
        """The system's own time as an instant, empty where it does not tell."""
        try:
            moment = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return ""
        return instant_text(moment.astimezone(UTC)) if moment.tzinfo else ""


def told_by(answer: Answer, errors: Errors, system: str) -> Told:
    """Return what a good answer holds.

    Raises:
        SystemRefusedError: `adapter.refused`, with `reason` and, where the system gave one, `native_code`.
        SystemUnreachableError: `adapter.unreachable`; SystemBusyError: `adapter.busy`, for later.
        BadAnswerError: `adapter.bad_answer`, for everything else that is no good answer.
    """
    if answer.status not in _GOOD:
        raise refusal(answer, system, _code_in(answer, errors))
    value = _decoded(answer, system)
    if isinstance(value, dict) and any(_there(value, path) for path in errors.found):
        raise SystemRefusedError(system=system, reason="an error in a good answer", **_code(value, errors.code))
    return Told(value=value, headers=answer.headers)


def is_missing(answer: Answer) -> bool:
    """Say whether a read of one document was answered, in the system's own form, with "there is none"."""
    if answer.status != _NOT_THERE or not _is_json(answer):
        return False
    try:
        return isinstance(decode_json(answer.body), dict)
    except DocumentError:
        return False


def items_of_answer(value: Value, places: Sequence[Path | None]) -> list[Document] | None:
    """Return the documents of a listing by the first of some places that holds any list, `None` where none does."""
    for place in places:
        found = _list_at(value, place)
        if found is not None:
            return found
    return None


def single_of_answer(value: Value, places: Sequence[Path | None]) -> Document | None:
    """Return the one document of an answer by the first of some places that holds one, `None` where none does."""
    for place in places:
        found = value if place is None else _value(value, place)
        if isinstance(found, dict):
            return found
    return None


def text_at(value: Value, path: Path | None) -> str:
    """Return a scalar of an answer as text, empty where there is none."""
    found = _value(value, path) if path else None
    try:
        return code_of(found)
    except ShapeError:
        return ""


def whole_at(value: Value, path: Path) -> int | None:
    """Return a whole number of an answer, `None` where there is none."""
    text = text_at(value, path)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def _decoded(answer: Answer, system: str) -> Value:
    if not _is_json(answer):
        raise BadAnswerError(system=system, reason="not JSON")
    try:
        return decode_json(answer.body)
    except DocumentError as failure:
        raise BadAnswerError(system=system, reason=str(failure)) from None


def _is_json(answer: Answer) -> bool:
    kind = answer.media_type
    charset = answer.headers.get("content-type", "").lower().partition("charset=")[2].strip(' "').partition(";")[0]
    return (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))) and charset in {
        "",
        "utf-8",
        "utf8",
    }


def _code_in(answer: Answer, errors: Errors) -> dict[str, str]:
    if not errors.code or not _is_json(answer):
        return {}
    try:
        return _code(decode_json(answer.body), errors.code)
    except DocumentError:
        return {}


def _code(value: Value, paths: Sequence[Path]) -> dict[str, str]:
    for path in paths:
        for one in _all_at(value, path):
            if code := native_code(str(one) if isinstance(one, str | int | Decimal) else ""):
                return {"native_code": code}
    return {}


def _there(value: Value, path: Path) -> bool:
    return any(one not in (None, "", False, 0, [], {}) for one in _all_at(value, path))


def _all_at(value: Value, path: Path) -> list[Value]:
    """Return what is at the end of a path, along lists too; nothing where the answer looks otherwise."""
    if not isinstance(value, dict):
        return []
    try:
        return [one.get(path.leaf) for one in objects_at(value, path.holder, path)]
    except ShapeError:
        return []


def _value(value: Value, path: Path) -> Value:
    if not isinstance(value, dict):
        return None
    try:
        return value_at((value,), path)
    except ShapeError:
        return None


def _list_at(value: Value, place: Path | None) -> list[Document] | None:
    lists = [value] if place is None else [one for one in _all_at(value, place) if one is not None]
    if not lists or not all(isinstance(one, list) for one in lists):
        return None
    items = [item for one in lists if isinstance(one, list) for item in one]
    return [one for one in items if isinstance(one, dict)] if all(isinstance(one, dict) for one in items) else None
