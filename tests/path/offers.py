"""Clients that declare cards, tasks and addresses, and a deployment that says where its page is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim, advertise
from pydantic import ConfigDict

from erp_mcp.server import identity
from tests.path.buyer import DATE_TOOL, NEW_DATE

PAGE: Final = "https://approvals.example.com/erp"
SHOWS_PAGES: Final = advertise(identity.EXTENSION_PAGES, {"mimeTypes": [identity.PAGE_TYPE]})
CARD: Final = "ui://erp-mcp/proposal"
FACTS: Final = "io.erp-mcp/card"


class Handle(types.Result):
    """A task in the place of an answer, as a client of the extension reads it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    result_type: Literal["task"] = "task"


class State(types.Result):
    """What a method of the extension answers."""

    model_config = ConfigDict(extra="allow")


class Tasks(ClientExtension):
    """A client that follows tasks to their end, as the extension asks of one; `seen` are the states it met."""

    identifier = identity.EXTENSION_TASKS

    def __init__(self) -> None:
        self.handles: list[dict[str, Any]] = []
        self.seen: list[dict[str, Any]] = []
        self.waits = anyio.Event()  # set once the first state was met

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """One more shape of the answer to a call."""
        return (ResultClaim(result_type="task", model=Handle, resolve=self.resolve),)

    async def resolve(self, handle: Handle, context: ClaimContext) -> types.CallToolResult:
        """Ask until the task is over."""
        self.handles.append(dict(handle.model_extra or {}))
        while True:
            state = await task(context.session, "tasks/get", self.handles[-1]["taskId"])
            self.seen.append(state)
            self.waits.set()
            if state["status"] not in ("working", "input_required"):
                return types.CallToolResult.model_validate(state.get("result", {"content": []}))
            await anyio.sleep(0.2)  # less than the server suggests, so that a test is over sooner


class _Params(types.RequestParams):
    model_config = ConfigDict(extra="allow")


async def task(session: Any, method: str, task_id: Any, **more: Any) -> dict[str, Any]:
    """Send one request of the extension over a connection of the SDK's client, and return its answer."""
    request: types.Request[Any, Any] = types.Request(
        method=method, params=_Params.model_validate({"taskId": task_id, **more})
    )
    answer = await session.send_request(request, State)
    return dict(answer.model_extra or {})


async def handle_of(client: Client, **arguments: Any) -> dict[str, Any]:
    """Propose, and return the task that stands in the place of the answer."""
    result = await client.session.call_tool(DATE_TOOL, {**NEW_DATE, **arguments}, allow_claimed=True)
    assert isinstance(result, Handle), result
    return dict(result.model_extra or {})


@pytest.fixture
def paged(plant: Path) -> Path:
    """A plant that says where people decide."""
    with (plant / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        mail = {"host": "127.0.0.1", "port": 9, "encryption": "none", "sender": "erp@example.com"}
        file.write(f"notices: {json.dumps({'page': PAGE, 'mail': {**mail, 'operators': ['ops@example.com']}})}\n")
    return plant
