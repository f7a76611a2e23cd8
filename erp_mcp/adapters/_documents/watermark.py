"""Where a pass over documents stands, as text that is kept beside what was read."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import Final

from erp_mcp.domain.instants import instant_text, parse_instant

NEVER: Final = "1970-01-01T00:00:00Z"
MAX_POSITION_CHARS: Final = 3000

_VERSION: Final = "documents-1"
_PARTS: Final = 6


class WatermarkError(ValueError):
    """A text that is no watermark of this form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """All points in time are instants of the system's own clock but `swept`, which is of ours.

    `since` is the lower bound of what is being read, empty for everything. `at` is the position in a listing that is
    not finished yet, as the one who lists understands it. `started` is when the running pass began, `newest` the
    newest change met, `swept` when deletions were last looked for. `under_way` says that the pass is not finished.
    """

    since: str = ""
    at: str = ""
    started: str = ""
    newest: str = ""
    swept: str = ""
    under_way: bool = True

    @property
    def text(self) -> str:
        """The stored form; a position that is too long is left out, so that the listing starts over."""
        parts = list(astuple(self))
        if len(self.at) > MAX_POSITION_CHARS:
            parts[1] = ""
        return json.dumps([_VERSION, *parts], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Watermark:
        """Return what a text means; an empty one is the beginning.

        Raises:
            WatermarkError: for a text that is none.
        """
        if not text:
            return cls()
        try:
            version, *parts, under_way = json.loads(text)
        except (ValueError, TypeError):
            raise WatermarkError from None
        if version != _VERSION or len(parts) != _PARTS - 1 or not isinstance(under_way, bool):
            raise WatermarkError
        since, at, started, newest, swept = (_text(part) for part in parts)
        for moment in (since, started, newest, swept):
            _check_instant(moment)
        if not since and not under_way:
            raise WatermarkError
        return cls(since=since, at=at, started=started, newest=newest, swept=swept, under_way=under_way)


def _text(part: object) -> str:
    if not isinstance(part, str):
        raise WatermarkError
    return part


def _check_instant(moment: str) -> None:
    try:
        if moment and instant_text(parse_instant(moment)) != moment:
            raise WatermarkError
    except ValueError:
        raise WatermarkError from None
