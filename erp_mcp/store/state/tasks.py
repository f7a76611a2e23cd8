"""Tasks for people: made by approved proposals under their reference, closed by people, never changed otherwise."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final, Literal

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.human_task import HumanTask, TaskState
from erp_mcp.domain.ids import task_id_of
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import TaskClosedError, TaskNotFoundError
from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine, Session

_FINAL: Final = (
    "task_id, reference, kind, site, role, title, instructions, evidence, subject, due, made_at"  # what is asked for
)
TASK_COLUMNS: Final = f"{_FINAL}, state, closed_by, closed_at, note"
_ADD: Final = f"INSERT INTO human_task ({_FINAL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ONE: Final = f"SELECT {TASK_COLUMNS} FROM human_task WHERE task_id = ?"
_BY_REFERENCE: Final = f"SELECT {TASK_COLUMNS} FROM human_task WHERE reference = ?"
_LISTED: Final = (
    f"SELECT {TASK_COLUMNS} FROM human_task WHERE (? = '' OR state = ?) AND (? = '' OR role = ?)"
    " ORDER BY CASE state WHEN 'OPEN' THEN 0 ELSE 1 END, CASE due WHEN '' THEN '9' ELSE due END, task_id LIMIT ?"
)
_CLOSE: Final = (
    "UPDATE human_task SET state = ?, closed_by = ?, closed_at = ?, note = ? WHERE task_id = ? AND state = 'OPEN'"
)

Fields = dict[str, JsonValue]


class StoredTasks:
    """What people are asked to do."""

    def __init__(self, engine: Engine, audit: StoredAudit, clock: Clock, ids: Ids) -> None:
        """Keep tasks in what `engine` speaks to, each change with its audit record; times are of `clock.wall`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._ids = ids

    def create(self, reference: str, kind: str, fields: Fields) -> HumanTask:
        """Store a task, or return the one that the same reference made before; survives power loss once it returns.

        Args:
            reference: Of the proposal's command.
            kind: Its operation.
            fields: Its payload: site, role, title, instructions, evidence, subject, due.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written, unless its fact `outcome` is `unknown`.
        """
        evidence = fields.get("evidence")
        task = HumanTask(
            task_id=task_id_of(self._ids.new()),
            reference=reference,
            kind=kind,
            site=_text(fields, "site"),
            role=_text(fields, "role"),
            title=_text(fields, "title"),
            instructions=_text(fields, "instructions"),
            evidence=tuple(str(one) for one in evidence) if isinstance(evidence, list) else (),
            subject=_text(fields, "subject"),
            due=_text(fields, "due"),
            made_at=exact_instant(self._clock.wall()),
        )
        with self._engine.writing() as session:
            session.lock(f"task:{reference}")
            there = session.execute(_BY_REFERENCE, (reference,)).fetchone()
            if there is not None:
                return _task(there)
            session.execute(_ADD, _row(task))
            facts: Fields = {**_facts(task), "reference": reference, "kind": kind, "site": task.site, "role": task.role}
            asked: Fields = {"title": task.title, "instructions": task.instructions, "subject": task.subject}
            self._tell(session, "created", facts, actor="gateway", fields=asked)
        return task

    def by_reference(self, reference: str) -> HumanTask | None:
        """Return the task that a reference made, if there is one.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            row = session.execute(_BY_REFERENCE, (reference,)).fetchone()
        return _task(row) if row else None

    def get(self, task_id: str) -> HumanTask:
        """Return a task.

        Raises:
            TaskNotFoundError: `task.not_found`. StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            return _found(session, task_id)

    def listed(self, *, state: TaskState | Literal[""] = "", role: str = "", limit: int = 200) -> list[HumanTask]:
        """Return tasks, open ones first, the most urgent first."""
        with self._engine.reading() as session:
            rows = session.execute(_LISTED, (state, state, role, role, limit)).fetchall()
        return [_task(row) for row in rows]

    def close(self, task_id: str, state: Literal["DONE", "CANCELLED"], *, by: str, note: str) -> HumanTask:
        """End a task with its audit record.

        Raises:
            TaskNotFoundError: `task.not_found`. TaskClosedError: `task.closed`, when it is closed already.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            session.lock(f"task:{task_id}")
            before = _found(session, task_id)
            closed_at = exact_instant(self._clock.wall())
            if session.execute(_CLOSE, (state, by, closed_at, note, task_id)).rowcount != 1:
                raise TaskClosedError(task_id=task_id, state=before.state, closed_by=before.closed_by)
            after = _found(session, task_id)
            self._tell(session, state.lower(), _facts(after), actor=by, fields={"note": note})
        return after

    def _tell(self, session: Session, what: str, facts: Fields, *, actor: str, fields: Fields) -> None:
        entry = AuditEntry(
            kind=f"task.{what}",
            correlation_id="",
            causation_id="",
            trace="",
            actor=actor,
            facts=facts,
            fields=fields,
        )
        self._audit.add(session, entry)


def task_digest(task: HumanTask) -> str:
    """Return the SHA-256 of what is asked for, which never changes, lower-case hexadecimal."""
    asked: list[JsonValue] = [one if isinstance(one, str) else [*one] for one in _asked(task)]
    return sha256(b"erp-mcp/task/v1\n" + canonical(asked)).hexdigest()


def task_of(row: Any) -> HumanTask:  # noqa: ANN401 - the database's own values
    """Return a row of `TASK_COLUMNS`."""
    return _task(row)


def _facts(task: HumanTask) -> Fields:
    return {"task_id": task.task_id, "digest": task_digest(task), "state": task.state, "by": task.closed_by}


def _asked(task: HumanTask) -> tuple[str | tuple[str, ...], ...]:
    where = (task.task_id, task.reference, task.kind, task.site, task.role)
    return (*where, task.title, task.instructions, task.evidence, task.subject, task.due, task.made_at)


def _row(task: HumanTask) -> tuple[str, ...]:
    return tuple(one if isinstance(one, str) else json.dumps(list(one)) for one in _asked(task))


def _found(session: Session, task_id: str) -> HumanTask:
    row = session.execute(_ONE, (task_id,)).fetchone()
    if row is None:
        raise TaskNotFoundError
    return _task(row)


def _task(row: Any) -> HumanTask:  # noqa: ANN401 - the database's own values
    (task_id, reference, kind, site, role, title, instructions, evidence, subject, due, made_at, *closing) = row
    state, closed_by, closed_at, note = closing
    return HumanTask(
        task_id=task_id,
        reference=reference,
        kind=kind,
        site=site,
        role=role,
        title=title,
        instructions=instructions,
        evidence=tuple(json.loads(evidence)),
        subject=subject,
        due=due,
        made_at=made_at,
        state=state,
        closed_by=closed_by,
        closed_at=closed_at,
        note=note,
    )


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
