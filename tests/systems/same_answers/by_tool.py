"""How the answers of one tool compare between two deployments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.systems.same_answers.asking import EACH, NOT_KEPT, SUPPOSING, TOOLS, Asked, Call
from tests.systems.same_answers.comparing import differences

ASKED: Final = tuple(sorted({tool for tool, _ in TOOLS} | {tool for tool, *_ in EACH} | {SUPPOSING}))
"""All tools that are asked, by name."""
OF_THE_MES: Final = ("get_downtime_pareto", "get_oee", "list_dispatch_list", "list_wip_jobs")
"""Those that read the MES alone, which is the demo plant's own beside every ERP."""
OF_THE_ERP: Final = tuple(tool for tool in ASKED if tool not in OF_THE_MES)
"""Those that read records of an ERP."""


@dataclass(slots=True)
class Told:
    """The calls of one tool: how many there were, how many were answered alike, and what differs with a reason.

    `not_kept` of those alike were refused since neither keeps a field that could decide them.
    """

    asked: int = 0
    alike: int = 0
    explained: int = 0
    not_kept: int = 0


def of_tool(tool: str, wanted: Asked, found: Asked, why: Callable[[str], str]) -> Told:
    """Compare all calls of a tool; what differs for a reason is alike, what was refused is not.

    But for what both refuse since neither keeps what would decide it: that is the same answer.
    """
    told = Told()
    for name, calls in wanted.calls.items():
        others = found.calls.get(name, [])
        for place, call in enumerate(calls):
            if call.tool == tool:
                told.asked += 1
                _compare(call, others[place] if place < len(others) else None, why, told)
    return told


def _compare(wanted: Call, found: Call | None, why: Callable[[str], str], told: Told) -> None:
    if found is None or found.answer.get("refused", NOT_KEPT) != NOT_KEPT:
        return
    unlike = differences([wanted], [found])
    if all(why(text) for text in unlike):
        told.alike += 1
        told.not_kept += "refused" in found.answer
        told.explained += len(unlike)
