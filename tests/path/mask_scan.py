"""Whether an answer depends on a value that is masked for the asker: every field that a read tool looks at, one by one.

    python -m tests.path.mask_scan                        every field, dropped, each tool's examples
    python -m tests.path.mask_scan --ways drop,hash,band  in every way in which a field can be hidden
    python -m tests.path.mask_scan --fields lot.lot_id,stock.lot_id --tools list_hold_lots

For each field the planner's role of a demo plant of seed 1 gets a mask on it. Each tool that looks at it is asked, the
field is altered in the read model and nothing else is, and the tool is asked again: what it tells must be the same.
With `hash` an answer may rest on tokens and on nothing else: where values become others and their tokens stay, all of
it is the same; where tokens become others, all but the column that shows them. With `band` it may rest on the bands:
where each value becomes another one of its band, all of it is the same. Prints each difference; exits with 1 where
there is one, or where a call ended as an internal error.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erp_mcp.catalog.meaning import field_kind
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.bundle import from_document
from erp_mcp.server import completion, prompts
from erp_mcp.server.session import Session
from tests.path import altering
from tests.path.altering import EDGES, NUMBERS
from tests.path.conftest import Desk, open_desk
from tests.prepared import prepare

# How a field is altered, by the way in which it is hidden: what may then be told must be the same.
HOWS: Final = {
    "drop": ("shuffle", "change"),
    "hash": ("rename", "shuffle", "change"),
    "band": ("within",),
}
# Where a record stands is no value of it: the key of the table, and what every answer says of its sources.
_OWN: Final = frozenset({"system", "source_key", "as_of", "version_token"})

Question = tuple[str, dict[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the questions about one field: how many were compared, which differ, and which broke."""

    compared: int
    hidden: int  # of these, questions to tools that are not there for a role with this mask
    different: tuple[str, ...]
    broken: tuple[str, ...]


def looked_at(tool: Tool) -> set[str]:
    """Return the `entity.field` names that a tool answers, filters, sorts, joins or looks up by."""
    columns = [column for read in tool.reads for column in read.columns]
    columns += [column for table in tool.tables for column in table.columns]
    named = [*(one.fields for one in columns), *(one.via for one in columns), *(one.fields for one in tool.arguments)]
    fields = {field for names in (*named, tool.conditions, *tool.links) for field in names}
    return {field for field in fields if field.partition(".")[2] not in _OWN}


def questions_of(tools: Iterable[Tool], *, most: int | None = None) -> list[Question]:
    """Return each tool's examples, or the first `most` of them, and one with small pages."""
    found: list[Question] = []
    for tool in tools:
        examples: list[dict[str, JsonValue]] = [json.loads(one) for one in tool.examples]
        found += [(tool.name, one) for one in examples[:most]]
        if tool.paged:
            found.append((tool.name, {**examples[0], "limit": 3}))
    return found


def told(desk: Desk, question: Question, field: str = "") -> str:
    """Return what a question gets, with its second page, without what differs each time, nor a field's own column."""
    tool, arguments = question
    outcome = desk.ask("planner", tool, **arguments)
    if not isinstance(outcome, Answer):
        return json.dumps([outcome.code, outcome.facts])
    tables = {name: _without(desk, tool, name, table.rows, field) for name, table in outcome.tables.items()}
    gaps = [str(one) for one in outcome.gaps]
    shown = json.dumps([tables, outcome.complete, outcome.warnings, gaps, _place(outcome.next_cursor)])
    if outcome.next_cursor and "limit" in arguments and "cursor" not in arguments:
        shown += told(desk, (tool, {**arguments, "cursor": outcome.next_cursor}), field)
    return shown


def _without(desk: Desk, tool: str, table: str, rows: Sequence[Sequence[object]], field: str) -> list[list[object]]:
    """Return the rows of a table with nothing in the columns that show this field, as it is, and no other."""
    declared = next(one for one in desk.deployment.gateway.catalog.tools[tool].tables if one.name == table)
    own = {
        place for place, one in enumerate(declared.columns) if field and one.fields == (field,) and field not in one.via
    }
    return [[None if place in own else cell for place, cell in enumerate(row)] for row in rows]


def proposed(desk: Desk) -> str:
    """Return what is proposed for the arguments of prompts: ids that come from answers."""
    deployment = desk.deployment
    session = Session(
        gateway=deployment.gateway,
        principal=deployment.principal("planner"),
        ids=deployment.ids,
        structured=lambda _: {},
        text=str,
    )
    asked = {(one.name, prompt.name) for prompt in prompts.offered(session) for one in prompt.arguments}
    return json.dumps(
        [asyncio.run(completion.of_prompt(session, prompt, argument, "")) for argument, prompt in sorted(asked)]
    )


def _place(cursor: str) -> str:
    """Return what a cursor says of the last row: whoever has it can read that."""
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[16:].decode()


def mask(desk: Desk, field: str, way: str) -> None:
    """Hide a field from the planner, and show him all others."""
    mask_all(desk, [field], way)


def mask_all(desk: Desk, fields: Iterable[str], way: str) -> None:
    """Hide some fields from the planner, and show him all others."""
    bundles = desk.deployment.state.bundles
    digest, text = bundles.active()
    document = json.loads(text)
    edges = list(EDGES) if way == "band" else []
    hidden = [{"id": f"hidden-{number}", "field": one, "way": way, "edges": edges} for number, one in enumerate(fields)]
    document["roles"]["planner"]["masks"] = hidden
    masked = from_document(document)
    if masked.digest != digest:
        bundles.put_bundle(masked.digest, masked.text, applied_by="test", previous=digest)


def altered(desk: Desk, field: str, how: str = "shuffle") -> AbstractContextManager[int]:
    """Alter one field in the read model of a desk, see `altering.altered`."""
    return altering.altered(desk.directory / "read_model.sqlite", field, how)


def compare(
    desk: Desk, field: str, questions: Iterable[Question], *, way: str = "drop", hows: Iterable[str] = ()
) -> Found:
    """Ask before and after each alteration of a hidden field; all that the way calls for, where none is named."""
    mask(desk, field, way)
    asked = list(questions)
    known: dict[str, list[str]] = {}  # what is told with nothing altered, with or without the field's own column
    different: list[str] = []
    broken: list[str] = []
    compared = hidden = 0
    for how in hows or HOWS[way]:
        own = field if way == "hash" and how != "rename" else ""
        before = known.setdefault(own, [told(desk, one, own) for one in asked] if own not in known else [])
        there = [(one, answer) for one, answer in zip(asked, before, strict=True) if "call.unknown_tool" not in answer]
        broken += [_named(field, way, one) for one, answer in there if "gateway.internal" in answer]
        with altered(desk, field, how) as changed:
            if not changed:
                continue
            compared, hidden = compared + len(before), hidden + len(before) - len(there)
            after = [(one, answer, told(desk, one, own)) for one, answer in there]
        different += [
            f"{how} {_named(field, way, one)}: {_first(first, second)}"
            for one, first, second in after
            if first != second
        ]
        broken += [f"{how} {_named(field, way, one)}" for one, _, second in after if "gateway.internal" in second]
    return Found(compared, hidden, tuple(different), tuple(dict.fromkeys(broken)))


def _named(field: str, way: str, question: Question) -> str:
    return f"{field} {way}: {question[0]} {json.dumps(question[1])}"


def _first(before: str, after: str) -> str:
    """Return where two answers begin to differ."""
    place = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    return f"…{before[max(place - 60, 0) : place + 40]!r} became {after[place : place + 40]!r}"


def scan(
    desk: Desk, ways: Iterable[str], fields: Collection[str], tools: Collection[str], hows: Collection[str] = ()
) -> Iterator[Found]:
    """Yield what is found of each field in each way, of the tools that look at it; all where none are named."""
    reading = [one for one in desk.deployment.gateway.catalog if one.effect == "read"]
    chosen = [one for one in reading if not tools or one.name in tools]
    for field in sorted(set().union(*map(looked_at, chosen))):
        questions = questions_of(one for one in chosen if field in looked_at(one))
        for way in ways if not fields or field in fields else ():
            if way != "band" or field_kind(field) in NUMBERS:
                yield compare(desk, field, questions, way=way, hows=[one for one in HOWS[way] if one in hows])


def main(arguments: list[str] | None = None) -> int:
    """Scan a plant of its own and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", default="drop")
    parser.add_argument("--fields", default="")
    parser.add_argument("--tools", default="")
    parser.add_argument("--hows", default="", help="of the alterations of a way, these alone")
    given = parser.parse_args(arguments)
    counted = {"fields": 0, "compared": 0, "of hidden tools": 0, "different": 0, "internal errors": 0}
    with tempfile.TemporaryDirectory() as folder:
        desk = open_desk(prepare(Path(folder) / "demo"))
        listed = (given.ways, given.fields, given.tools, given.hows)
        ways, fields, tools, hows = (one.split(",") if one else [] for one in listed)
        for found in scan(desk, ways, fields, tools, hows):
            numbers = (1, found.compared, found.hidden, len(found.different), len(found.broken))
            counted = {name: before + more for (name, before), more in zip(counted.items(), numbers, strict=True)}
            for line in (*found.different, *(f"internal error: {one}" for one in found.broken)):
                print(line, flush=True)
        desk.deployment.close()
    print(", ".join(f"{name} {number}" for name, number in counted.items()))
    return 1 if counted["different"] or counted["internal errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
