"""The queue of a work centre, against the MES's own jobs."""

from __future__ import annotations

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_BUSY = "L1.CNC01"  # jobs of a centre that is down were moved here, beside its own
_STATES = {"QUEUED": "Waiting", "READY": "Ready", "RUN": "Running", "HOLD": "Held", "PAUSE": "Paused"}


def _queue(plant: Plant, states: set[str]) -> list[tuple[str, int | None]]:
    """Return job and priority in the order of the floor."""
    rows = plant.look_up("mes", "SELECT job_no, state, prio, start_plan FROM job WHERE eq_id = ?", (_BUSY,))
    wanted = [row for row in rows if _STATES.get(row[1]) in states]
    rank = {"RUN": 0, "HOLD": 1, "PAUSE": 1}
    wanted.sort(
        key=lambda row: (rank.get(row[1], 2), row[2] is None, row[2] or 0, row[3] is None, row[3] or "", row[0])
    )
    return [(row[0], row[2]) for row in wanted]


@guarantees("P7.golden_reads", "P7.stable_paging")
@pytest.mark.parametrize("limit", [3, 10, 200])
def test_jobs_come_in_the_order_of_the_floor_page_by_page(plant: Plant, limit: int) -> None:
    """What runs, then by priority; completed jobs are in no queue."""
    found = plant.every("list_dispatch_list", "jobs", work_center_id="CNC-01", limit=limit)
    assert [(row["job_id"], row["priority"]) for row in found] == _queue(plant, set(_STATES.values()))
    assert [row["position"] for row in found] == list(range(1, len(found) + 1))
    assert len(found) > 6


@guarantees("P7.golden_reads")
def test_waiting_jobs_alone_are_what_comes_next(plant: Plant) -> None:
    """A state is a filter."""
    found = plant.every("list_dispatch_list", "jobs", work_center_id="CNC-01", state=["Waiting", "Ready"])
    assert [(row["job_id"], row["priority"]) for row in found] == _queue(plant, {"Waiting", "Ready"})
    assert {row["response_state"] for row in found} == {"Waiting"}


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_work_centre_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Both queues are empty as of a time."""
    answers = [plant.answer("list_dispatch_list", role="local", work_center_id=one) for one in ("PCK-21", "NONE-9")]
    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0])
    assert rows_of(plant.answer("list_dispatch_list", work_center_id="PCK-21"))


@guarantees("input.clear_errors")
def test_a_state_that_no_queue_has_is_refused(plant: Plant) -> None:
    """The message lists those that there are."""
    refused = plant.refusal("list_dispatch_list", work_center_id="CNC-01", state=["Completed"])
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "state")
