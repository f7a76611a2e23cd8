"""Text that people outside the company can write, and who has read it: what an agent does then is looked at harder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OUTSIDER_TEXT: Final = "outsider_text"  # the fact of a call's record that says in which columns such text was answered


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsiderText:
    """When an agent last read such text, and in which fields (`table.column` of what it was answered)."""

    agent: str
    read_at: str
    fields: tuple[str, ...]
