"""`accepted` of an operation: how a system says that it took a change in, and how it is asked what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from erp_mcp.domain import write_plan as plan
from erp_mcp.domain.plan_node import Node, is_code

MAX_ACK_S: Final = 86_400
_LEAST_ACK_S: Final = 10
_MAX_EVERY_S: Final = 3600
_MAX_WORDS: Final = 40


def parse_accepted(node: Node, place: Callable[[Node], plan.Place]) -> plan.TakenIn:
    """Return what says that a change was taken in.

    Args:
        node: The mapping under `accepted`.
        place: Reads the place of a request in the protocol's own words.

    Raises:
        PlanError: naming the key.
    """
    ticket, path = _ticket(node.inner("ticket"))
    if not node.has("ack_s"):
        raise node.wrong("how many seconds it is asked about before a person is called is needed here", "ack_s")
    one = plan.TakenIn(
        statuses=_statuses(node),
        ticket=ticket,
        path=path,
        respond_async=node.flag("respond_async"),
        every_s=node.number("every_s", 30, 1, _MAX_EVERY_S),
        ack_s=node.number("ack_s", 0, _LEAST_ACK_S, MAX_ACK_S),
        ask=_ask(node.inner("ask"), place) if node.has("ask") else plan.Ask(),
    )
    node.done()
    if one.ticket == "address" and one.ask.place is not None:
        raise node.wrong("the address itself is asked; a place is for a ticket that is none", "ask")
    if one.ticket != "address" and one.ask.place is None:
        raise node.wrong("a place is needed here, since the ticket is no address", "ask")
    return one


def _ticket(node: Node) -> tuple[plan.TicketForm, str]:
    located, path = node.choice("location", ("address", "end", ""), ""), node.text("path", "")
    node.done()
    if bool(located) == bool(path):
        raise node.wrong("`location: address`, `location: end` or `path` is needed here, one of them")
    return ("address" if located == "address" else "end" if located else "path"), path


def _statuses(node: Node) -> frozenset[int]:
    found = node.items("statuses")
    if not all(isinstance(one, int) and not isinstance(one, bool) and 200 <= one < 300 for one in found):
        raise node.wrong("a list of statuses from 200 to 299 is needed here", "statuses")
    return frozenset(int(str(one)) for one in found) if found else frozenset({202})


def _ask(node: Node, place: Callable[[Node], plan.Place]) -> plan.Ask:
    has_place = node.has("path") or node.has("set")
    running, done, refused = _words(node, "running"), _words(node, "done"), _words(node, "refused")
    codes = node.texts("codes")
    one = plan.Ask(
        place=place(node) if has_place else None,
        state=node.text("state", ""),
        running=running,
        done=done,
        refused=refused,
        error=node.text("error", ""),
        codes=codes,
        made=tuple(str(each) for each in node.items("key_paths")),
    )
    node.done()
    for native, word in codes.items():
        if not is_code(word):
            raise node.wrong("a code of ours is needed here: small letters, digits, _", "codes", native)
    _check_words(node, one)
    return one


def _check_words(node: Node, one: plan.Ask) -> None:
    if not one.state:
        if one.running or one.done or one.refused or one.error or one.codes or one.made:
            raise node.wrong("what its words mean needs `state`, the path of the word", "state")
        return
    if not one.done:
        raise node.wrong("the words that mean done are needed here", "done")
    if not one.running:
        raise node.wrong(
            "the words that mean it goes on are needed here: any other word is none that we know", "running"
        )
    if one.running & one.done or one.running & one.refused or one.done & one.refused:
        raise node.wrong("a word means one of running, done and refused", "state")
    if one.codes and not one.error:
        raise node.wrong("`codes` needs `error`, the path of the system's code", "codes")


def _words(node: Node, key: str) -> frozenset[str]:
    found = node.items(key)
    if len(found) > _MAX_WORDS or not all(isinstance(one, str) and one for one in found):
        raise node.wrong(f"a list of at most {_MAX_WORDS} words is needed here", key)
    return frozenset(str(one) for one in found)
