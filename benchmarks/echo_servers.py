"""The echo servers that `stdio.py` measures beside the gateway: `python echo_servers.py bare|loop`.

Everything is imported late, so that the time to the first answer is each server's own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from erp_mcp.server.start import Run


def serve_bare() -> None:
    """Serve an echo by the SDK alone."""
    import asyncio

    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    async def echo(_context: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(text=str(params.arguments))])

    async def main() -> None:
        server: Server[dict[str, object]] = Server("bare", on_call_tool=echo)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    asyncio.run(main())


def serve_loop() -> None:
    """Serve an echo by this project's server, without a gateway behind it."""
    from erp_mcp.server import start

    sys.exit(start.serve(_prepare_loop))


def _prepare_loop() -> Run:
    from erp_mcp.domain.answer import Answer
    from erp_mcp.domain.call import ToolCall
    from erp_mcp.domain.principal import Principal
    from erp_mcp.errors import GatewayError
    from erp_mcp.server import app
    from erp_mcp.server.session import Outcome, Session

    class Echo:
        """A gateway that gives back what it was given."""

        def tools(self, _principal: Principal) -> tuple[()]:
            return ()

        async def call(self, _principal: Principal, call: ToolCall) -> Outcome:
            warnings = [str(call.arguments)]
            return Answer(tables={}, complete=True, sources=[], warnings=warnings, call_id=call.call_id)

        def turn_away(self, _principal: Principal, call: ToolCall, _why: GatewayError | None = None) -> Outcome:
            return Answer(tables={}, complete=False, sources=[], warnings=["busy"], call_id=call.call_id)

        def permissions(self, _principal: Principal) -> None:
            return None

        def bundle_digest(self) -> str:
            return ""

        def new(self) -> str:
            return "id"

    async def load() -> Session:
        echo = Echo()
        return Session(
            gateway=echo,
            principal=Principal(agent="a", owner="b", role="c"),
            ids=echo,
            structured=lambda outcome: {"call_id": outcome.call_id},
            text=lambda outcome: outcome.warnings[0] if isinstance(outcome, Answer) else outcome.code,
        )

    return lambda opening: app.run(load, opening)


if __name__ == "__main__":
    serve_bare() if sys.argv[1] == "bare" else serve_loop()
