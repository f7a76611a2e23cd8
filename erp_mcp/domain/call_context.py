"""What goes along with a call down to the wire: when it has to be over, its trace, and whose it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What is known of a call while it is answered.

    `deadline` is in seconds of the monotonic clock, `None` where nobody waits; `traceparent` is W3C's header. `caller`
    is whom requests to a system count for, so that none of them takes what is there for all: an agent, or our own work.
    """

    deadline: float | None = None
    traceparent: str = ""
    caller: str = ""


SYNC: Final = "sync"
"""The caller that keeps the copy fresh."""
WORKER: Final = "worker"
"""The caller that carries out approved changes."""


def agent_caller(agent: str) -> str:
    """Return the caller that an agent's calls count for; no agent's name makes it one of ours."""
    return f"agent {agent}"


_TRACE: Final = slice(3, 35)  # trace id of a traceparent
_FLAGS: Final = slice(53, 55)
_NOTHING: Final = CallContext()
_current: ContextVar[CallContext] = ContextVar("erp_mcp_call", default=_NOTHING)


def current_call() -> CallContext:
    """Return the context of the call that is being answered; an empty one outside of calls."""
    return _current.get()


@contextmanager
def calling(context: CallContext) -> Iterator[None]:
    """Let everything inside belong to a call."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def trace_of(correlation_id: str, call_id: str, traceparent: str = "") -> str:
    """Return the W3C `traceparent` that a call's requests bear.

    It goes on with the client's trace where there is one. Else the trace id is made of the correlation id, so that one
    piece of work is one trace; the parent id is made of the call's id. Both stand in the call's audit record, so what a
    system logs can be found there and the other way round.
    """
    trace, flags = traceparent[_TRACE], traceparent[_FLAGS]
    if not traceparent:
        trace, flags = _digest(correlation_id or call_id, 16), "00"
    return f"00-{trace}-{_digest(call_id, 8)}-{flags}"


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size, person=b"erp-mcp/trace/v1").hexdigest()
