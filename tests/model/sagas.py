"""What must become of a saga: four steps, one after the other, or what was written of them taken back in reverse."""

from __future__ import annotations

from typing import Final

from tests.model.terms import DAY_S, LAST, WITHOUT_EFFECT, DiedError, One, Rules, pause_s_of

_TRIES: Final = 3  # of a way back that came to nothing for a cause that passes
_PASSES: Final = {"STALE", "NOT_APPLIED", "EXPIRED"}


class Sagas:
    """The moves that all proposals make, and what a worker does with a saga."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.stopped: set[str] = set()
        self.now = 0.0
        self._die_at = ""

    def _go_on(self, saga: One) -> None:
        """Begin the next step, or take the one before back where one has failed; wait for the one under way."""
        for step in range(LAST + 1):
            forward = next((one for one in saga.parts if one.step == step and not one.back), None)
            if forward is None:
                if not saga.parts and (ended := self._looked_ahead(saga)):
                    self._move(saga, *ended)
                else:
                    self._begin(saga, step, back=False)
                return
            if forward.state in WITHOUT_EFFECT:
                self._take_back(saga, step)
                return
            if forward.state != "COMMITTED":
                self._wait(saga)
                return
        saga.effects = 1
        self._move(saga, "commit", "COMMITTED")

    def _looked_ahead(self, saga: One) -> tuple[str, str] | None:
        if saga.tool not in self.rules.allowed:
            return "deny", "DENIED"
        if saga.is_over(self.now):
            return "expire", "EXPIRED"
        for _ in range(LAST + 1):
            self._at("decided")
            self._at("looked_up")
            self._at("prepared")
        return ("deny", "DENIED") if saga.stricter_by(self.rules) else None

    def _take_back(self, saga: One, failed: int) -> None:
        """What was written, in reverse; what came to nothing for a cause that passes is begun anew."""
        for step in reversed(range(failed)):
            tries = [one for one in saga.parts if one.step == step and one.back]
            last = tries[-1].state if tries else ""
            if last == "COMMITTED":
                continue
            if not tries or (last in _PASSES and len(tries) < _TRIES):
                self._compensate(saga)
                self._begin(saga, step, back=True)
            elif last in WITHOUT_EFFECT:
                self._compensate(saga)
                self._move(saga, "stick", "COMPENSATION_STUCK")
            else:
                self._wait(saga)
            return
        self._compensate(saga)
        self._move(saga, "finish", "COMPENSATED")

    def _compensate(self, saga: One) -> None:
        if saga.state != "COMPENSATING":
            self._move(saga, "compensate", "COMPENSATING")

    def _begin(self, saga: One, step: int, *, back: bool) -> None:
        """A step has the time of its saga, a way back a day; none is begun while writes are stopped."""
        if back and self.stopped & {"all", saga.tool}:
            self._wait(saga)
            return
        made, valid_s = (self.now, float(DAY_S)) if back else (saga.made, saga.valid_s)
        self._at("before_begin")
        self._wait(saga)
        saga.parts.append(
            One(
                number=saga.number, tool="step", made=made, valid_s=valid_s, needed=0, maximum=0, state="APPROVED",
                since=self.now, step=step, back=back, of=saga,
            )
        )  # fmt: skip
        self._at("after_begin")

    def _wait(self, saga: One) -> None:
        self._put(saga, saga.state, rests_s=pause_s_of(saga))
        saga.leased_until = self.now

    # --- Moves --------------------------------------------------------------------------------------------------------

    def _at(self, point: str) -> None:
        if point == self._die_at:
            raise DiedError

    def _move(self, one: One, name: str, state: str, rests_s: float = 0, **then: object) -> None:
        self._at(f"before_{name}")
        self._put(one, state, rests_s, **then)
        self._at(f"after_{name}")

    def _put(self, one: One, state: str, rests_s: float = 0, **then: object) -> None:
        one.state, one.since, one.rests_until = state, self.now, self.now + rests_s
        for name, value in then.items():
            setattr(one, name, value)
        if one.of is not None and (one.state in WITHOUT_EFFECT or one.state == "COMMITTED"):
            one.of.rests_until = 0  # it waits for this
