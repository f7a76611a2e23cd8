"""What analyses found lately, for as long as nothing it rests on has changed.

The pages of one answer are one question asked several times, and so is an export of it. What was found is kept until
somebody writes to the read model; by then it has gone from here too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from erp_mcp.domain.analysis import Findings

MOST_ROWS: Final = 20_000  # of all that is kept together
MOST_QUESTIONS: Final = 16


class KeptFindings:
    """Findings by question, the least recently asked for gone first."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._basis: object = None
        self._found: OrderedDict[Hashable, Findings] = OrderedDict()

    def find(self, basis: object, question: Hashable) -> Findings | None:
        """Return what was found before on this very basis.

        Args:
            basis: The states that the read model gave last: another object as soon as anything was written.
            question: All that the findings depend on beside it.
        """
        if basis is not self._basis:
            self._found.clear()
            self._basis = basis
        found = self._found.get(question)
        if found is not None:
            self._found.move_to_end(question)
        return found

    def keep(self, basis: object, question: Hashable, findings: Findings) -> None:
        """Keep findings, where they were made on the basis that was asked for last and are not too much."""
        if basis is not self._basis or _rows(findings) > MOST_ROWS:
            return
        self._found[question] = findings
        while len(self._found) > MOST_QUESTIONS or sum(map(_rows, self._found.values())) > MOST_ROWS:
            self._found.popitem(last=False)


def _rows(findings: Findings) -> int:
    return sum(map(len, findings.tables.values()))
