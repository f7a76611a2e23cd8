"""The page on a socket, and the worker that it looks after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from erp_mcp.administration.signals import on_end_signals
from erp_mcp.web.app import application
from erp_mcp.web.guard import MAX_HEADERS
from erp_mcp.web.office import Office

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from erp_mcp.web.supervising import Supervised


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files with a certificate chain and its key, where this process ends TLS."""

    chain: str
    key: str


def serve(
    office: Office,
    *,
    worker: Supervised | None,
    ready: Callable[[str], None],
    certificate: Certificate | None = None,
) -> None:
    """Serve the page until SIGTERM or Ctrl-C, and look after a worker meanwhile.

    Args:
        office: What is served, and where.
        worker: The worker to keep alive; `None` where one runs elsewhere.
        ready: Told the address once the page answers.
        certificate: Where this process ends TLS.
    """
    asyncio.run(_serve(office, worker, ready, certificate))


async def _serve(
    office: Office, worker: Supervised | None, ready: Callable[[str], None], certificate: Certificate | None
) -> None:
    server = _Announcing(
        uvicorn.Config(
            application(office),
            host=office.origin.host,
            port=office.origin.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            http="h11",  # another parser would not know the limit on headers
            ws="none",
            timeout_keep_alive=15,
            limit_concurrency=100,
            h11_max_incomplete_event_size=MAX_HEADERS,
            ssl_certfile=certificate.chain if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        ),
        lambda: ready(office.origin.address),
    )
    on_end_signals(server.leave)
    office.deployment.state.page_sessions.tell_refusals()
    async with AsyncExitStack() as stack:
        if worker is not None:
            await stack.enter_async_context(worker.kept())
        await server.serve()
    office.deployment.state.page_sessions.tell_refusals()


class _Announcing(uvicorn.Server):
    """A server that says when it answers, and leaves signals to us: its own way ends the process before the worker."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Change nothing about signals."""
        yield

    def leave(self) -> None:
        """Answer what was asked, then end; at once when told twice."""
        self.force_exit = self.should_exit
        self.should_exit = True
