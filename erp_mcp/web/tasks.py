"""What people are asked to do: agents ask, people do it or leave it, and say so with a note."""

from __future__ import annotations

from typing import Final, Literal

from erp_mcp.domain.human_task import HumanTask
from erp_mcp.errors import InvalidArgumentError
from erp_mcp.web.times import local, until
from erp_mcp.web.visit import Answer, GoTo, Shown, Visit

_MOST: Final = 200
_MAX_NOTE: Final = 500
STATES: Final = {"OPEN": "Open", "DONE": "Done", "CANCELLED": "Nobody will do it"}


def show(visit: Visit) -> Answer:
    """List the tasks of a role, open ones alone unless `all` is asked for."""
    role, everything = visit.query.get("role", ""), visit.query.get("all", "") == "yes"
    tasks = visit.office.deployment.state.tasks
    listed = tasks.listed(state="" if everything else "OPEN", limit=_MOST + 1)
    found = [one for one in listed if role in {"", one.role}]
    facts: dict[str, object] = {
        "rows": [(one, STATES[one.state], until(one.made_at, visit.now)) for one in found[:_MOST]],
        "more": len(listed) > _MOST,
        "most": _MOST,
        "roles": sorted({one.role for one in listed}),
        "role": role,
        "everything": everything,
    }
    return Shown(template="tasks.html", facts=facts)


def one(visit: Visit) -> Answer:
    """Show one task.

    Raises:
        TaskNotFoundError: `task.not_found`.
    """
    return _page(visit, visit.office.deployment.state.tasks.get(visit.path["id"]))


def done(visit: Visit) -> Answer:
    """Say that a task is done; the note may be empty."""
    return _closed(visit, "DONE", least=0)


def cancel(visit: Visit) -> Answer:
    """Say that nobody will do a task, and why."""
    return _closed(visit, "CANCELLED", least=1)


def _closed(visit: Visit, state: Literal["DONE", "CANCELLED"], *, least: int) -> Answer:
    tasks = visit.office.deployment.state.tasks
    task = tasks.get(visit.path["id"])
    try:
        note = visit.text("note", least=least, most=_MAX_NOTE, label="note")
    except InvalidArgumentError as wrong:
        return _page(visit, task, f"Your note: {wrong.facts['expected']}.", 400)
    tasks.close(task.task_id, state, by=visit.person.id, note=note)
    return GoTo(address=f"/tasks/{task.task_id}")


def _page(visit: Visit, task: HumanTask, problem: str = "", status: int = 200) -> Shown:
    here, zone = f"/tasks/{task.task_id}", visit.office.zone
    facts: dict[str, object] = {
        "task": task,
        "state": STATES[task.state],
        "made": local(task.made_at, zone),
        "closed": local(task.closed_at, zone) if task.closed_at else "",
        "done": visit.form_token(f"{here}/done"),
        "cancel": visit.form_token(f"{here}/cancel"),
        "problem": problem,
    }
    return Shown(template="task.html", facts=facts, status=status)
