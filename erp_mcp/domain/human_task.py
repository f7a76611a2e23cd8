"""A task that the gateway asks a person to do: its own record, in no system of record, and closed by people alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from erp_mcp.domain.proposal import Content

SYSTEM: Final = "gateway"  # the name under which the gateway's own records are written; no system may have it
ENTITY: Final = "human_task"
CREATE: Final = "human_task.create"  # the one operation that policy may let happen without anybody's yes
REQUEST_RELEASE: Final = "human_task.request_release"

TaskState = Literal["OPEN", "DONE", "CANCELLED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanTask:
    """What somebody is asked to do.

    `title` and `instructions` are an agent's words: untrusted. `evidence` are ids of its calls. `subject` names the
    order it is about, empty where there is none. `due` is a day (ISO date) or empty. `closed_by` and `note` are of the
    person who closed it.
    """

    task_id: str  # tsk_…
    reference: str
    kind: str  # the operation that made it
    site: str
    role: str
    title: str
    instructions: str
    evidence: tuple[str, ...]
    subject: str
    due: str
    made_at: str
    state: TaskState = "OPEN"
    closed_by: str = ""
    closed_at: str = ""
    note: str = ""


def needs_nobody(content: Content) -> bool:
    """Say whether a proposal may happen without anybody's yes: its terms say so, and it is a task for a person.

    Everything that asks this asks it of the content alone, whatever policy or catalogue say.
    """
    command = content.command
    return content.terms.needed == 0 and (command.system, command.entity, command.operation) == (SYSTEM, ENTITY, CREATE)
