"""`python -m tests.worst_case.holed HOLE,… …`: the product with holes in it, as careless changes could make them."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from erp_mcp import gateway, proposing
from erp_mcp.answers import clean
from erp_mcp.approval import check
from erp_mcp.committing import committer
from erp_mcp.domain.answer import Refusal
from erp_mcp.store.state import proposals

_SHAPING: Final = import_module("erp_mcp.answers.shape")  # the package has a function of that name


def needs_nobody() -> None:
    """Everything may happen without anybody's yes: in the code, and in tables and records, which hold by themselves."""
    for module in (proposals, check):
        patch.object(module, "needs_nobody", lambda _content: True).start()
    patch.object(committer, "check_recorded", lambda *_: None).start()
    plant = Path(sys.argv[sys.argv.index("--demo-dir") + 1])
    with closing(sqlite3.connect(plant / "state" / "state.sqlite")) as state, state:
        state.execute("DROP TRIGGER IF EXISTS proposal_is_allowed")


def needs_nobody_in_code() -> None:
    """The code lets everything happen without anybody's yes, tables and records as they are: nothing may come of it."""
    for module in (proposals, check):
        patch.object(module, "needs_nobody", lambda _content: True).start()


def anybodys() -> None:
    """An agent may take back what another one has proposed."""

    def own(self: Any, asked: Any) -> Any:
        return self.proposals.get(asked.text("proposal_id"))

    patch.object(proposing.Proposing, "_own", own).start()


def telling_errors() -> None:
    """An error quotes what was read last."""
    last = [""]
    was, of = clean.clean_text, Refusal.of

    def remembering(raw: str, cap: int = clean.MAX_TEXT) -> tuple[str, int]:
        last[0] = raw if len(raw) > 60 else last[0]
        return was(raw, cap)

    def quoting(error: Any, call_id: str) -> Refusal:
        error.facts = {**error.facts, "hint": last[0]}
        return of(error, call_id)

    patch.object(_SHAPING, "clean_text", remembering).start()
    patch.object(Refusal, "of", quoting).start()


def untainted() -> None:
    """Nobody takes note of who has read what outsiders wrote."""
    patch.object(gateway, "outsiders_in", lambda _tool, _answer: ()).start()


def uncleaned() -> None:
    """Text of a system goes out as it is, with what is hidden in it."""
    was = _SHAPING.clean_text  # another hole may look at what passes there

    def as_it_is(raw: str, cap: int = clean.MAX_TEXT) -> tuple[str, int]:
        was(raw, cap)
        return raw, 0

    patch.object(_SHAPING, "clean_text", as_it_is).start()


HOLES: Final[dict[str, Callable[[], None]]] = {
    one.__name__: one for one in (needs_nobody, needs_nobody_in_code, anybodys, telling_errors, untainted, uncleaned)
}
FOUND_BY: Final = {
    "needs_nobody": "commits without a person",
    "anybodys": "moved though another's",
    "telling_errors": "texts of a system among our own words",
    "untainted": "taint is not recorded",
    "uncleaned": "hidden instructions that arrived",
}
"""What of a verdict each hole must show up in."""


def main() -> None:
    """Make the holes, then start the product."""
    for name in sys.argv.pop(1).split(","):
        HOLES[name]()
    from erp_mcp.__main__ import main as start

    start()


if __name__ == "__main__":
    main()
