"""What the protocol's methods mean here: the list, the call, and the answer in both its forms. Free of the SDK."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.domain.answer import Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.errors import GatewayError, InternalError, ProposalNotFoundError, UnknownToolError
from erp_mcp.server import tasks
from erp_mcp.server.offering import NOTHING, Declared, Offers, carded
from erp_mcp.server.report import describe, say
from erp_mcp.server.resources import page_of
from erp_mcp.server.rpc import INTERNAL_ERROR, INVALID_PARAMS, RpcError, error_from
from erp_mcp.server.session import Load, Outcome, Session, ToolView

TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
CORRELATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
META_CORRELATION: Final = "io.erp-mcp/correlation_id"
META_CAUSATION: Final = "io.erp-mcp/causation_id"
ECHO_CHARACTERS: Final = 64

# Most of what is served reads: hosts may skip their prompts, and say so to the person. The rest asks people for a
# change or takes that back; nothing here changes a system, and a repeated call changes nothing more.
ANNOTATIONS: Final[dict[str, JsonValue]] = {
    "readOnlyHint": True,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """One `tools/call` as the protocol layer hands it over; `meta` is the raw `_meta`, the client is as it says.

    `again`: it brings answers along, as a call does that was answered with a question.
    """

    name: str
    arguments: dict[str, JsonValue]
    meta: Mapping[str, JsonValue]
    client_name: str = ""
    client_version: str = ""
    busy: bool = False
    declared: Declared = NOTHING
    again: bool = False


class Handlers:
    """Serves one session, as soon as it is there; until then callers wait, and without one there are no tools."""

    def __init__(self, load: Load) -> None:
        """Remember how to get the session; `open` gets it."""
        self._load = load
        self._session: Session | None = None
        self._opened = asyncio.Event()
        self._offers = Offers()

    async def open(self) -> Session | None:
        """Load the session. A broken set-up is told on standard error, and the connection stays up without tools."""
        try:
            self._session = await self._load()
        except Exception as error:  # noqa: BLE001 - whatever is broken, the client gets answers
            say(f"no tools can be served. {describe(error)}")
        finally:
            self._opened.set()
        return self._session

    async def opened(self) -> Session | None:
        """Wait until loading has ended, well or not."""
        await self._opened.wait()
        return self._session

    async def list_tools(self, *, pictures: bool = False) -> dict[str, JsonValue]:
        """Return the wire form of the principal's list; never shared between principals, never cached.

        Args:
            pictures: Whether the client shows pages, so that a tool names the one that shows its answers.

        Raises:
            RpcError: −32603, when the list can't be made.
        """
        try:
            tools = await self.views()
        except Exception as error:  # noqa: BLE001 - the cause stays here
            say(f"tools/list failed. {describe(error)}")
            raise error_from(INTERNAL_ERROR, "Internal error", InternalError()) from None
        return {
            "tools": [tool_on_wire(tool, pictures=pictures) for tool in tools],
            "ttlMs": 0,
            "cacheScope": "private",
            "resultType": "complete",
        }

    async def views(self) -> list[ToolView]:
        """Return the tools the principal may call."""
        session = await self.opened()
        return list(session.gateway.tools(session.principal)) if session else []

    def input_schema(self, name: str) -> Mapping[str, JsonValue] | None:
        """Return the published input schema of a visible tool, or `None`; never blocks."""
        tools = self._session.gateway.tools(self._session.principal) if self._session else ()
        return next((tool.input_schema for tool in tools if tool.name == name), None)

    async def call_tool(self, request: CallRequest) -> dict[str, JsonValue]:
        """Answer one call in wire form: an answer, or a refusal marked as an error that the model can act on.

        Raises:
            RpcError: −32602 `Unknown tool`, the same for a tool that is hidden and one that never was.
        """
        session = await self.opened()
        if session is None:
            raise _unknown_tool(request.name, Refusal.of(UnknownToolError(), ""))
        call = _tool_call(request, session.ids.new())
        offers, declared, name = self._offers, request.declared, request.name
        points = offers.points_first(session, declared, name, request.arguments, again=request.again)
        if points:  # the wait comes with the next leg
            call = replace(call, arguments={key: one for key, one in call.arguments.items() if key != "wait_s"})
        outcome = await _outcome(session, call, busy=request.busy)
        if isinstance(outcome, Refusal) and outcome.code == UnknownToolError.code and not _names_another(outcome):
            raise _unknown_tool(request.name, outcome)
        if points and (interim := offers.instead(session, outcome)) is not None:
            return interim
        return offers.added(session, declared, name, outcome, _result(session, outcome))

    async def task(self, method: str, task_id: str, request: CallRequest) -> dict[str, JsonValue]:
        """Answer one request about a task in wire form; it becomes a call of a tool, governed and recorded as such.

        Args:
            method: Of `tasks.METHODS`.
            task_id: As the client sent it.
            request: Who asks; name and arguments are none.

        Raises:
            RpcError: −32602 with `proposal.not_found`, alike for another agent's task and one that never was.
        """
        session = await self.opened()
        if session is None:
            raise error_from(INVALID_PARAMS, "Unknown task", ProposalNotFoundError())

        async def ask(tool: str, arguments: dict[str, JsonValue]) -> Outcome:
            call = _tool_call(replace(request, name=tool, arguments=arguments), session.ids.new())
            return await _outcome(session, call, busy=request.busy)

        def render(outcome: Outcome) -> dict[str, JsonValue]:
            proposal, result = tasks.told_of(session, outcome), _result(session, outcome)
            return carded(session, request.declared, proposal, result) if proposal is not None else result

        if method == tasks.CANCEL:
            return await tasks.cancel(session, task_id, ask)
        if method == tasks.UPDATE:
            return await tasks.update(session, task_id, ask)
        return await tasks.get(session, task_id, ask, render)

    async def refuse_misshapen(self, params: Mapping[str, JsonValue] | None, why: GatewayError) -> str:
        """Record a call whose parameters don't have the form of a call; return its id, empty without a session."""
        session = await self.opened()
        if session is None:
            return ""
        given = dict(params or {})
        name = given.get("name")
        call = ToolCall(
            tool=name if isinstance(name, str) else "", arguments={"params": given}, call_id=session.ids.new()
        )
        session.gateway.turn_away(session.principal, call, why)
        return call.call_id


def tool_on_wire(tool: ToolView, *, pictures: bool = False) -> dict[str, JsonValue]:
    """Return one tool as `tools/list` publishes it; with the page that shows its answers, where there is one."""
    page = page_of(tool.name, reads=tool.read_only) if pictures else None
    shown: dict[str, JsonValue] = {"_meta": {"ui": {"resourceUri": page.uri}}} if page else {}
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": dict(tool.input_schema),
        "outputSchema": dict(tool.output_schema),
        "annotations": {**ANNOTATIONS, "readOnlyHint": tool.read_only},
        **shown,
    }


async def _outcome(session: Session, call: ToolCall, *, busy: bool) -> Outcome:
    try:
        if busy:
            return session.gateway.turn_away(session.principal, call)
        return await session.gateway.call(session.principal, call)
    except Exception as error:  # noqa: BLE001 - a defect must not reach the client as text
        say(f"call {call.call_id} of {clean(call.tool)} failed. {describe(error)}")
        return Refusal.of(InternalError(), call.call_id)


def _result(session: Session, outcome: Outcome) -> dict[str, JsonValue]:
    try:
        return {
            "content": [{"type": "text", "text": session.text(outcome)}],
            "structuredContent": session.structured(outcome),
            "isError": isinstance(outcome, Refusal),
            "resultType": "complete",
        }
    except Exception as error:  # noqa: BLE001 - see above
        say(f"the answer of call {outcome.call_id} could not be rendered. {describe(error)}")
        raise error_from(INTERNAL_ERROR, "Internal error", InternalError(call_id=outcome.call_id)) from None


def _names_another(refusal: Refusal) -> bool:
    """Whether the unknown tool is one that an argument names: the tool that was called is there and answers."""
    return refusal.facts.get("argument") == "name"


def _tool_call(request: CallRequest, call_id: str) -> ToolCall:
    client = "/".join(part for part in (clean(request.client_name), clean(request.client_version)) if part)
    return ToolCall(
        tool=request.name,
        arguments=request.arguments,
        call_id=call_id,
        correlation_id=_matching(request.meta.get(META_CORRELATION), CORRELATION),
        causation_id=_matching(request.meta.get(META_CAUSATION), CORRELATION),
        traceparent=_matching(request.meta.get("traceparent"), TRACEPARENT),
        client=client,
    )


def _matching(value: JsonValue, form: re.Pattern[str]) -> str:
    """Return `value` where it is text of this form; what joins records must not become a way to write into them."""
    return value if isinstance(value, str) and form.fullmatch(value) else ""


def _unknown_tool(name: str, refusal: Refusal) -> RpcError:
    data: dict[str, JsonValue] = {"code": refusal.code, "summary": refusal.summary, "advice": refusal.advice}
    if refusal.facts:
        data["facts"] = {name: list(fact) if isinstance(fact, list) else fact for name, fact in refusal.facts.items()}
    if refusal.call_id:
        data["call_id"] = refusal.call_id
    meant = refusal.facts.get("suggestion")  # of the tools that the caller may see alone
    hint = f". Did you mean {meant}?" if isinstance(meant, str) else ""
    return RpcError(INVALID_PARAMS, f"Unknown tool: {clean(name)}{hint}", data)


def clean(text: str) -> str:
    """Return text of a client fit to be echoed or logged: printable characters only, at most `ECHO_CHARACTERS`."""
    kept = "".join(character for character in text[: 4 * ECHO_CHARACTERS] if character.isprintable())
    return kept if len(kept) <= ECHO_CHARACTERS else f"{kept[: ECHO_CHARACTERS - 1]}…"
