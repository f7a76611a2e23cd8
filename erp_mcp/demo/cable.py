"""The cable between the demo ERP and whoever writes to it: pulled, the ERP does its work and its answer gets lost.

That it is pulled is a file beside `erp.sqlite`, so that anybody may do it, from any process; the first answer that is
lost takes the file with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

MARK: Final = "erp.cable-pulled"


class AnswerLostError(Exception):
    """The ERP did what it was asked, and nobody hears of it."""


def pull(erp: Path) -> None:
    """Let the next answer of the ERP whose file this is get lost, after it has written."""
    erp.with_name(MARK).touch()


def loses_answer(erp: Path) -> bool:
    """Whether the answer that is due now is lost; the one after it is not, of however many writers."""
    try:
        erp.with_name(MARK).unlink()
    except FileNotFoundError:
        return False
    return True
