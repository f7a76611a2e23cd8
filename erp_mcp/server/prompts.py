"""Prompts: what people ask every day, worded so that a model takes the right tools in the right order.

A prompt is offered to whoever may call all the tools it names. It holds no data: what it leads to are calls like any
other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.nearest import nearest
from erp_mcp.errors import InvalidArgumentError, UnknownArgumentError, UnknownPromptError
from erp_mcp.server.rpc import INVALID_PARAMS, RpcError, error_from
from erp_mcp.server.session import Session

# As the tools that it leads to take an id; with blanks, forty characters are enough for an instruction.
_VALUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}")
_NOT_SHARED: Final[dict[str, JsonValue]] = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete"}
_HONEST: Final = (
    "Keep ids, quantities, dates and money exactly as answered. Say from which systems the figures are and how old, "
    "and what the answers say is missing; never guess a cause."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptArgument:
    """One place to fill in; `words` stand in the prompt where it is given."""

    name: str
    description: str
    words: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt: what it says, with `{name}` where the words of an argument go, and the tools it leads to."""

    name: str
    title: str
    description: str
    tools: tuple[str, ...]
    text: str
    arguments: tuple[PromptArgument, ...] = ()


_SITE: Final = PromptArgument(name="site", description="Site code; without it, all your sites.", words=" for site {}")

PROMPTS: Final = (
    Prompt(
        name="morning_briefing",
        title="Morning briefing",
        description="What is out of order today, worst first, with the causes behind late orders.",
        tools=("get_plant_briefing", "explain_late_order"),
        arguments=(_SITE,),
        text=(
            "Give me the morning briefing{site}. Call get_plant_briefing once. Begin with what needs a decision today, "
            "then one line per class with its count and its worst case. For the three sales orders that are latest "
            "call explain_late_order and give each root cause with its evidence in one sentence."
        ),
    ),
    Prompt(
        name="why_late",
        title="Why is this order late?",
        description="The chain of causes behind one sales order, what could be done, and what could not be checked.",
        tools=("explain_late_order",),
        arguments=(
            PromptArgument(name="sales_order_id", description="Late sales order.", words=" {}", required=True),
            PromptArgument(name="line", description="One line only.", words=", line {},"),
        ),
        text=(
            "Why is sales order{sales_order_id}{line} late? Call explain_late_order. Walk me through the chain from "
            "the line to the root cause, naming the evidence of each step, then the alternatives that can be used "
            "and what each would change. Say how sure the answer is and why."
        ),
    ),
    Prompt(
        name="expedite_list",
        title="What to expedite",
        description="Purchase lines whose delay makes orders wait, worst first, and those that can be ignored today.",
        tools=("rank_expedite_candidates",),
        arguments=(_SITE,),
        text=(
            "Which purchase order lines must I chase today{site}? Call rank_expedite_candidates. List the lines that "
            "hurt an order, worst first, by supplier: promise, need, days short, orders hurt, revenue at risk per "
            "currency. Then call it again with impact harmless, and say in one sentence how many late lines can wait."
        ),
    ),
    Prompt(
        name="supplier_review",
        title="Supplier review",
        description="How a supplier performs, what is open and overdue, and where its promises moved.",
        tools=("get_supplier_scorecard", "get_vendor_summary", "list_purchase_orders"),
        arguments=(PromptArgument(name="supplier_id", description="Supplier.", words=" {}", required=True),),
        text=(
            "Prepare a review of supplier{supplier_id}. Call get_supplier_scorecard and get_vendor_summary for it, "
            "then list_purchase_orders with overdue_only and with promise_moved_only. Give the key figures with their "
            "definitions, the open lines that are late with their ids, and three points to raise with the supplier."
        ),
    ),
    Prompt(
        name="trace_lot",
        title="Trace a lot",
        description="Where a lot came from and where it went: suppliers, orders, customers, what is still on hand.",
        tools=("trace_lot",),
        arguments=(PromptArgument(name="lot_id", description="Lot.", words=" {}", required=True),),
        text=(
            "Trace lot{lot_id} both ways with trace_lot. Give the lots and suppliers it came from, the lots and "
            "customers it reached with deliveries and dates, and what is still on hand. If the trace is truncated, "
            "say by what, and do not call it complete."
        ),
    ),
)


def prompt_list(session: Session | None) -> dict[str, JsonValue]:
    """Return the wire form of the prompts that the principal can follow."""
    return {"prompts": [_listed(prompt) for prompt in offered(session)], **_NOT_SHARED}


def offered(session: Session | None) -> list[Prompt]:
    """Return the prompts all of whose tools the principal may call."""
    known = session.gateway.permissions(session.principal) if session else None
    able = {one.tool.name for one in known.tools} if known else set()
    return [prompt for prompt in PROMPTS if able.issuperset(prompt.tools)]


def get(session: Session | None, name: str, given: Mapping[str, str]) -> dict[str, JsonValue]:
    """Return the wire form of one prompt with its places filled in.

    Raises:
        RpcError: −32602 with `call.unknown_prompt`, the same for one that is hidden and one that never was, with
            `call.unknown_argument` or with `call.invalid_argument`.
    """
    prompt = find(session, name)
    _check(prompt, given)
    words = {one.name: one.words.format(given[one.name]) if one.name in given else "" for one in prompt.arguments}
    text = f"{prompt.text.format(**words)} {_HONEST}{_unlisted(session, prompt)}"
    return {
        "description": prompt.description,
        "messages": [{"role": "user", "content": {"type": "text", "text": text}}],
        "resultType": "complete",
    }


def find(session: Session | None, name: str) -> Prompt:
    """Return an offered prompt by its name.

    Raises:
        RpcError: see `get`.
    """
    prompt = next((one for one in offered(session) if one.name == name), None)
    if prompt is None:
        raise error_from(INVALID_PARAMS, "Unknown prompt", UnknownPromptError())
    return prompt


def fits(value: str) -> bool:
    """Return whether a value may stand in a prompt: an id or a code, and no sentence."""
    return _VALUE.fullmatch(value) is not None


def _check(prompt: Prompt, given: Mapping[str, str]) -> None:
    names = [argument.name for argument in prompt.arguments]
    for name in given:
        if name not in names:
            raise _wrong_name(name, names)
    for argument in prompt.arguments:
        if argument.name not in given and not argument.required:
            continue
        # An id goes into a sentence for a model; what is no id could be one of its own.
        if not fits(given.get(argument.name, "")):
            rule = "form" if argument.name in given else "required"
            why = InvalidArgumentError(argument=argument.name, rule=rule, expected="an id or code, up to 40 characters")
            raise error_from(INVALID_PARAMS, "Invalid prompt argument", why)


def _wrong_name(name: str, names: Iterable[str]) -> RpcError:
    meant = nearest(name, names)
    why = UnknownArgumentError(**({"suggestion": meant} if meant else {}))
    return error_from(INVALID_PARAMS, "Unknown prompt argument", why)


def _unlisted(session: Session | None, prompt: Prompt) -> str:
    """Say how to call what the prompt names and the list does not show."""
    shown = {tool.name for tool in session.gateway.tools(session.principal)} if session else set()
    hidden = [name for name in prompt.tools if name not in shown]
    return f" Tools that are not in your list are called through call_tool: {', '.join(hidden)}." if hidden else ""


def _listed(prompt: Prompt) -> JsonValue:
    return {
        "name": prompt.name,
        "title": prompt.title,
        "description": prompt.description,
        "arguments": [
            {"name": one.name, "description": one.description, "required": one.required} for one in prompt.arguments
        ],
    }
