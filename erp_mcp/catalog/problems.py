"""What is wrong with a tool file: a stable rule, the place, and words that say how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken rule. `place` is the path of keys inside the file, `detail` names things, never values of calls."""

    rule: str
    place: Place
    detail: str


class ProblemError(Exception):
    """Carries a problem up to where file and line are known."""

    def __init__(self, rule: str, detail: str, place: Place = ()) -> None:
        """Keep the problem as data."""
        super().__init__(f"{rule}: {detail}")
        self.problem = Problem(rule=rule, place=place, detail=detail)

    def under(self, place: Place) -> ProblemError:
        """Return the same problem, placed below `place`."""
        return ProblemError(self.problem.rule, self.problem.detail, (*place, *self.problem.place))
