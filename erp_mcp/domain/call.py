"""One call of a tool as it comes in, and what its arguments may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

# What strict JSON decodes to. Floats never appear: the front door refuses them where exact numbers are meant.
JsonValue = Union[str, int, float, bool, None, list["JsonValue"], dict[str, "JsonValue"]]  # noqa: UP007 - recursive
Scalar = str | int | bool | None
ArgumentValue = Scalar | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A request as it came in: nothing of it is trusted yet.

    `correlation_id` joins all calls of one piece of work, `causation_id` names what led to this one; both come from
    the client's `_meta` where it sends them. `traceparent` is W3C trace context or empty.
    """

    tool: str
    arguments: dict[str, JsonValue]
    call_id: str
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""
    client: str = ""  # name/version as the client states it; informative only
