"""Seeded proposals that must be rejected: whether people look is measured, and nothing of it can reach a system.

What makes one is not a column that could be read or taken away: in the place of the digest of its system's settings
stands a keyed digest of its own id. No system has that target, so a worker that knew nothing of all this would refuse
it as well; and only who has the deployment's key can tell it from any other.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Change, Content, Preview

_TIMES: Final = 100
_YEARS: Final = 1
_SIZES: Final = frozenset({"qty", "quantity", "amount", "value"})
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_WORTH: Final = re.compile(r"(?<![\d.])\d+\.\d{2,4}(?= [A-Z]{3}\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One value that is made wrong, everywhere it stands: a hundred times as much, or a year too early."""

    before: str
    after: str
    times: int = 1


def mark(key: bytes, proposal_id: str) -> str:
    """Return the target of a seeded proposal, of the same form as any other."""
    return hmac.new(key, proposal_id.encode("utf-8"), sha256).hexdigest()


def is_canary(key: bytes, content: Content) -> bool:
    """Whether a proposal was seeded."""
    return hmac.compare_digest(content.target, mark(key, content.proposal_id))


def slips(content: Content) -> list[Slip]:
    """Return what can be made wrong in a proposal so that whoever looks at it must see it."""
    found: dict[str, Slip] = {}
    for name, value in _leaves(content.command.fields):
        slip = _slip(name, value)
        if slip is not None:
            found[slip.before] = slip
    return list(found.values())


def spoiled(content: Content, slip: Slip) -> Content:
    """Return a content with one value made wrong in the payload, the arguments and all that people are shown."""
    command, preview = content.command, content.preview

    def text(value: str) -> str:
        return re.sub(rf"(?<![\w.-]){re.escape(slip.before)}(?![\w.-]*\d)", slip.after, value)

    shown = Preview(
        headline=_dearer(text(preview.headline), slip),
        system=preview.system,
        document=preview.document,
        changes=tuple(_changed(one, slip) for one in preview.changes),
        checks=preview.checks,
        effects=tuple(_dearer(text(one), slip) for one in preview.effects),
    )
    return replace(
        content,
        arguments=_replaced(content.arguments, slip),
        command=replace(command, fields=_replaced(command.fields, slip)),
        preview=shown,
    )


def _changed(change: Change, slip: Slip) -> Change:
    return replace(change, after=slip.after) if change.after == slip.before else change


def _dearer(text: str, slip: Slip) -> str:
    """Return a sentence in which money is worth as many times as much."""
    if slip.times == 1:
        return text
    return _WORTH.sub(lambda found: str(Decimal(found.group()) * slip.times), text)


def _replaced(values: Mapping[str, JsonValue], slip: Slip) -> dict[str, JsonValue]:
    return {name: _one(value, slip) for name, value in values.items()}


def _one(value: JsonValue, slip: Slip) -> JsonValue:
    if isinstance(value, dict):
        return _replaced(value, slip)
    if isinstance(value, list):
        return [_one(item, slip) for item in value]
    return slip.after if value == slip.before else value


def _leaves(values: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                found += _leaves(item)
            elif isinstance(item, str):
                found.append((name, item))
    return found


def _slip(name: str, value: str) -> Slip | None:
    if _DATE.fullmatch(value):
        day = date.fromisoformat(value)
        earlier = day.replace(year=day.year - _YEARS, day=min(day.day, 28))
        return Slip(before=value, after=earlier.isoformat())
    if name.rpartition("_")[2] not in _SIZES:
        return None
    try:
        much = Decimal(value)
    except InvalidOperation:
        return None
    return Slip(before=value, after=format(much * _TIMES, "f"), times=_TIMES) if much else None
