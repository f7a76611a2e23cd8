"""The only module that knows the MCP SDK, so that its pin can move.

The SDK's low-level server owns the protocol's semantics for both eras: the handshake (to 2025-11-25), where a
connection has state, and the stateless revision (2026-07-28), where each request carries its own envelope. The SDK's
own stdio loop settles on one era per connection, and a host that probes one and then speaks the other is lost to it.
Here each request goes to the era it is written in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NoReturn

import anyio
import mcp_types as types
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.runner import ServerRunner, serve_one
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp.shared.transport_context import TransportContext
from pydantic import ValidationError

from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import BusyError, InternalError, MalformedRequestError
from erp_mcp.server import completion, identity, prompts, resources, tasks
from erp_mcp.server.exchange import Exchange, SendNotice
from erp_mcp.server.handlers import CallRequest, Handlers, clean
from erp_mcp.server.listeners import LIST_CHANGED, PROMPTS, RESOURCES, TOOLS, Listeners
from erp_mcp.server.offering import Declared
from erp_mcp.server.progress import telling, token_of
from erp_mcp.server.report import describe, say
from erp_mcp.server.rpc import (
    CAPABILITY_MISSING,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    RESOURCE_NOT_FOUND,
    SERVER_BUSY,
    RequestId,
    RpcError,
    error_from,
)

_TRANSPORT: Final = TransportContext(kind="stdio", can_send_request=False)

# The SDK hands this to every handler as `lifespan_context`; it is how a handler finds the exchange it serves.
_Context = ServerRequestContext[Exchange, Any]


class SdkPeer:
    """Serves one stdio connection in both eras at once."""

    def __init__(self, handlers: Handlers, listeners: Listeners, notify: SendNotice) -> None:
        """Build the server; `notify` writes to the connection outside any request."""
        self._handlers = handlers
        self._listeners = listeners
        self._notify = notify
        self._server = self._build()
        self._options = self._server.create_initialization_options(
            NotificationOptions(tools_changed=True, prompts_changed=True, resources_changed=True)
        )
        self._handshake = Connection.for_loop(_Channel(notify))

    async def request(self, exchange: Exchange) -> dict[str, JsonValue]:
        """Return the result of one request in the era it is written in (see `exchange.Peer`)."""
        try:
            if exchange.method != "initialize" and _is_stateless(exchange.params):
                return await self._stateless(exchange)
            return await self._in_handshake(exchange).on_request(_Dispatch(exchange), exchange.method, exchange.params)
        except RpcError:
            raise
        except MCPError as error:
            raise _refusal_of(error) from None
        except ValidationError as error:
            raise await self._misshapen(exchange, error) from None
        except Exception as error:  # noqa: BLE001 - the SDK would send its text to handshake clients
            say(f"{exchange.method} failed. {describe(error)}")
            raise error_from(INTERNAL_ERROR, "Internal error", InternalError()) from None

    async def notice(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        """Take note of a notification; only the handshake has any that matter."""
        exchange = Exchange(id=0, method=method, params=params, notify=self._notify)
        await self._in_handshake(exchange).on_notify(_Dispatch(exchange, is_request=False), method, params)

    async def ready(self) -> None:
        """Wait until tools can be listed and called."""
        await self._handlers.opened()

    def end_streams(self) -> None:
        """End the listening requests; each is answered with its result."""
        self._listeners.close()

    def lists_changed(self, changed: Collection[str]) -> None:
        """Tell the client in the ways it asked for: the handshake's notifications, and each listening request.

        Args:
            changed: Names of `LIST_CHANGED`.
        """
        if self._handshake.initialize_accepted:
            for name in changed:
                self._notify(LIST_CHANGED[name], None)
        self._listeners.publish(changed)

    def _in_handshake(self, exchange: Exchange) -> ServerRunner[Exchange]:
        return ServerRunner(self._server, self._handshake, exchange, init_options=self._options)

    async def _stateless(self, exchange: Exchange) -> dict[str, JsonValue]:
        route = classify_inbound_request({"method": exchange.method, "params": exchange.params})
        if isinstance(route, InboundLadderRejection):
            raise RpcError(route.code, route.message, route.data)
        connection = Connection.from_envelope(
            route.protocol_version, route.client_info, route.client_capabilities, outbound=_Channel(_drop)
        )
        return await serve_one(
            self._server,
            _Dispatch(exchange),
            exchange.method,
            exchange.params,
            connection=connection,
            lifespan_state=exchange,
        )

    async def _misshapen(self, exchange: Exchange, error: ValidationError) -> RpcError:
        why = MalformedRequestError(rule="params", reason=_first_misfit(error))
        refusal = error_from(INVALID_PARAMS, "Invalid request parameters", why)
        if exchange.method == "tools/call" and isinstance(refusal.data, dict):
            refusal.data["call_id"] = await self._handlers.refuse_misshapen(exchange.params, why)
        return refusal

    def _build(self) -> Server[Exchange]:
        server: Server[Exchange] = Server(
            identity.NAME,
            version=identity.VERSION,
            title=identity.TITLE,
            instructions=identity.INSTRUCTIONS,
            get_tool_input_schema=self._handlers.input_schema,
        )
        # Its tracing writes texts of exceptions into spans.
        server.middleware.clear()
        server.add_request_handler("server/discover", types.RequestParams, self._discover)
        server.add_request_handler("tools/list", types.PaginatedRequestParams, self._list_tools)
        server.add_request_handler("tools/call", types.CallToolRequestParams, self._call_tool)
        server.add_request_handler("resources/list", types.PaginatedRequestParams, self._list_resources)
        server.add_request_handler("resources/templates/list", types.PaginatedRequestParams, self._list_templates)
        server.add_request_handler("resources/read", types.ReadResourceRequestParams, self._read_resource)
        server.add_request_handler("prompts/list", types.PaginatedRequestParams, self._list_prompts)
        server.add_request_handler("prompts/get", types.GetPromptRequestParams, self._get_prompt)
        server.add_request_handler("completion/complete", types.CompleteRequestParams, self._complete)
        server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, self._listen)
        for method in tasks.METHODS:
            server.add_request_handler(method, types.RequestParams, self._task)
        return server

    async def _discover(self, _context: _Context, _params: types.RequestParams) -> types.DiscoverResult:
        # What the SDK derives would promise notices that are not sent.
        return types.DiscoverResult(
            supported_versions=list(identity.STATELESS_VERSIONS),
            capabilities=types.ServerCapabilities.model_validate(identity.STATELESS_CAPABILITIES),
            instructions=identity.INSTRUCTIONS,
        )

    async def _list_tools(self, context: _Context, params: types.PaginatedRequestParams) -> dict[str, Any]:
        _only_page(params)
        # Wire form, built by hand: the SDK's model drops a misspelt key without a word.
        return await self._handlers.list_tools(pictures=_declared(context).pages)

    async def _list_resources(self, context: _Context, params: types.PaginatedRequestParams) -> dict[str, Any]:
        _only_page(params)
        return resources.resource_list(await self._handlers.opened(), pictures=_declared(context).pages)

    async def _list_templates(self, _context: _Context, params: types.PaginatedRequestParams) -> dict[str, Any]:
        _only_page(params)
        return resources.template_list()

    async def _read_resource(self, context: _Context, params: types.ReadResourceRequestParams) -> dict[str, Any]:
        not_found = INVALID_PARAMS if _is_stateless(context.lifespan_context.params) else RESOURCE_NOT_FOUND
        return resources.read(await self._handlers.opened(), params.uri, not_found=not_found)

    async def _call_tool(self, context: _Context, params: types.CallToolRequestParams) -> dict[str, Any]:
        request = _call_request(context, params.name, params.arguments or {})
        with telling(token_of(request.meta), context.lifespan_context.notify):
            return await self._handlers.call_tool(request)

    async def _task(self, context: _Context, _params: types.RequestParams) -> dict[str, Any]:
        request = _call_request(context, "", {})
        if not _is_stateless(context.lifespan_context.params):
            raise RpcError(METHOD_NOT_FOUND, "Method not found", context.method)
        if not request.declared.tasks:
            needed: JsonValue = {"requiredCapabilities": {"extensions": {identity.EXTENSION_TASKS: {}}}}
            raise RpcError(CAPABILITY_MISSING, "Missing required client capability", needed)
        task_id = tasks.task_id_in(context.params)
        if task_id is None:
            why = MalformedRequestError(rule="params", reason='member "taskId" of "params" must be text')
            raise error_from(INVALID_PARAMS, "Invalid request parameters", why)
        return await self._handlers.task(context.method, task_id, request)

    async def _list_prompts(self, _context: _Context, params: types.PaginatedRequestParams) -> dict[str, Any]:
        _only_page(params)
        return prompts.prompt_list(await self._handlers.opened())

    async def _get_prompt(self, _context: _Context, params: types.GetPromptRequestParams) -> dict[str, Any]:
        return prompts.get(await self._handlers.opened(), params.name, params.arguments or {})

    async def _complete(self, context: _Context, params: types.CompleteRequestParams) -> dict[str, Any]:
        if context.lifespan_context.busy:
            raise error_from(SERVER_BUSY, "Too many requests", BusyError())
        session = await self._handlers.opened()
        if isinstance(params.ref, types.PromptReference):
            return await completion.of_prompt(session, params.ref.name, params.argument.name, params.argument.value)
        return completion.of_template(session, params.ref.uri, params.argument.name, params.argument.value)

    async def _listen(self, context: _Context, params: types.SubscriptionsListenRequestParams) -> dict[str, Any]:
        exchange = context.lifespan_context
        asked = params.notifications
        wanted = {
            TOOLS: asked.tools_list_changed,
            PROMPTS: asked.prompts_list_changed,
            RESOURCES: asked.resources_list_changed,
        }
        return await self._listeners.serve(
            exchange.id, wanted=[name for name, yes in wanted.items() if yes is True], notify=exchange.notify
        )


def _only_page(params: types.PaginatedRequestParams) -> None:
    if params.cursor is not None:
        raise RpcError(INVALID_PARAMS, "Unknown cursor: the list is one page")


def _call_request(context: _Context, name: str, arguments: dict[str, JsonValue]) -> CallRequest:
    client, exchange = context.session.client_params, context.lifespan_context
    params = context.params or {}
    meta = params.get("_meta")
    return CallRequest(
        name=name,
        arguments=arguments,
        meta=meta if isinstance(meta, Mapping) else {},
        client_name=client.client_info.name if client else "",
        client_version=client.client_info.version if client else "",
        busy=exchange.busy,
        declared=_declared(context),
        again="inputResponses" in params or "requestState" in params,
    )


def _declared(context: _Context) -> Declared:
    """Return what the client says that it can do: of its connection, or in the stateless revision of this request."""
    known, exchange = context.session.client_capabilities, context.lifespan_context
    if known is None:
        return Declared()
    stateless = _is_stateless(exchange.params)
    urls = known.elicitation is not None and known.elicitation.url is not None
    return Declared(
        pages=identity.shows_pages(known.extensions),
        tasks=stateless and identity.EXTENSION_TASKS in (known.extensions or {}),
        beside=urls and not stateless and context.protocol_version >= identity.URL_SINCE,
        instead=urls and stateless,
        send=exchange.ask,
    )


def _is_stateless(params: Mapping[str, JsonValue] | None) -> bool:
    """Whether a request carries the stateless envelope; its version key is reserved, so nothing else brings it."""
    meta = params.get("_meta") if params else None
    return isinstance(meta, dict) and identity.META_VERSION in meta


def _first_misfit(error: ValidationError) -> str:
    """Say which member is wrong and how; pydantic's own text would echo the request."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    names = [clean(str(part)) for part in first["loc"] if part != "params"]
    member = f'member "{names[0]}" of "params"' if names else '"params"'
    return f"{member} {'is missing' if first['type'] == 'missing' else 'has the wrong form'}"


def _refusal_of(error: MCPError) -> RpcError:
    told = error.error
    if told.code == INVALID_PARAMS and not told.data and told.message == "Invalid request parameters":
        # The SDK's only word for a request before the handshake.
        why = MalformedRequestError(rule="handshake", reason="send `initialize` first, or the stateless envelope")
        return error_from(INVALID_PARAMS, told.message, why)
    return RpcError(told.code, told.message, told.data)


def _drop(method: str, params: Mapping[str, JsonValue] | None) -> None:
    """Drop a notice: the stateless revision has none outside a request."""


class _Channel:
    """What the SDK calls an outbound: notices go out, requests to the client are not made."""

    def __init__(self, notify: SendNotice) -> None:
        self._notify = notify

    async def send_raw_request(
        self,
        method: str,
        params: Mapping[str, Any] | None,  # noqa: ARG002 - the SDK's signature
        opts: CallOptions | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> dict[str, Any]:
        _refuse(method)

    async def notify(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        opts: CallOptions | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> None:
        self._notify(method, params)


class _Dispatch(_Channel):
    """What the SDK wants to know of one message under way."""

    transport = _TRANSPORT
    can_send_request = False
    message_metadata = None

    def __init__(self, exchange: Exchange, *, is_request: bool = True) -> None:
        super().__init__(exchange.notify)
        self.request_id: RequestId | None = exchange.id if is_request else None

    @property
    def cancel_requested(self) -> anyio.Event:
        # A cancelled request is cancelled as a task; nothing waits on this.
        return anyio.Event()

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report nothing: signs of life of a call are sent where it is called."""


def _refuse(method: str) -> NoReturn:
    raise NoBackChannelError(method)
