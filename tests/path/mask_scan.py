"""Whether an answer depends on a value that is masked for the asker: every field that a read tool looks at, one by one.

    python -m tests.path.mask_scan                        every field, dropped, each tool's examples
    python -m tests.path.mask_scan --ways drop,hash,band  in every way in which a field can be hidden
    python -m tests.path.mask_scan --fields lot.lot_id,stock.lot_id --tools list_hold_lots

For each field the planner's role of a demo plant of seed 1 gets a mask on it. Each tool that looks at it is asked, the
field is altered in the read model and nothing else is, and the tool is asked again: what it tells must be the same.
Tokens and ranges are others for other values: with `hash` and `band`, only what breaks is looked for. Prints each
difference; exits with 1 where there is one, or where a call ended as an internal error.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import sqlite3
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
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
from tests.path.conftest import Desk, open_desk
from tests.prepared import prepare

HOWS: Final = ("shuffle", "change")
NUMBERS: Final = frozenset({"quantity", "money", "integer"})
EDGES: Final = ("0", "10", "1000")
# Where a record stands is no value of it: the key of the table, and what every answer says of its sources.
_OWN: Final = frozenset({"system", "source_key", "as_of", "version_token"})
_LATER: Final = {"date": "date({}, '+37 days')", "instant": "strftime('%Y-%m-%dT%H:%M:%SZ', {}, '+37 days')"}

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


def told(desk: Desk, question: Question) -> str:
    """Return what a question gets, with its second page, without what differs each time."""
    tool, arguments = question
    outcome = desk.ask("planner", tool, **arguments)
    if not isinstance(outcome, Answer):
        return json.dumps([outcome.code, outcome.facts])
    tables = {name: table.rows for name, table in outcome.tables.items()}
    gaps = [str(one) for one in outcome.gaps]
    shown = json.dumps([tables, outcome.complete, outcome.warnings, gaps, _place(outcome.next_cursor)])
    if outcome.next_cursor and "limit" in arguments and "cursor" not in arguments:
        shown += told(desk, (tool, {**arguments, "cursor": outcome.next_cursor}))
    return shown


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
    bundles = desk.deployment.state.bundles
    digest, text = bundles.active()
    document = json.loads(text)
    edges = list(EDGES) if way == "band" else []
    document["roles"]["planner"]["masks"] = [{"id": "hidden", "field": field, "way": way, "edges": edges}]
    masked = from_document(document)
    if masked.digest != digest:
        bundles.put_bundle(masked.digest, masked.text, applied_by="test", previous=digest)


@contextmanager
def altered(desk: Desk, field: str, how: str = "shuffle") -> Iterator[int]:
    """Alter one field in the read model, and give how many values are others; behind it, all is as it was.

    `shuffle` deals the values out to other rows; `change` makes other ones of every second.
    """
    model = desk.directory / "read_model.sqlite"
    entity, name = field.split(".")
    with closing(sqlite3.connect(model)) as changing, closing(sqlite3.connect(":memory:")) as kept:
        changing.backup(kept)
        rows = changing.execute(f"SELECT {name}, rowid FROM {entity}").fetchall()
        values = [value for value, _ in rows]
        if how == "shuffle":
            random.Random(1).shuffle(values)
        else:
            values = [_other(changing, field, values, place) for place in range(len(values))]
        changes = [(value, row) for value, (old, row) in zip(values, rows, strict=True) if value != old]
        changing.executemany(f"UPDATE {entity} SET {name} = ? WHERE rowid = ?", changes)
        changing.commit()
        try:
            yield len(changes)
        finally:
            kept.backup(changing)


def _other(model: sqlite3.Connection, field: str, values: Collection[object], place: int) -> object:
    """Return what stands in a row after the change: of the same kind, and none at all now and then."""
    listed = list(values)
    value, kind = listed[place], field_kind(field)
    if place % 2 or value is None:
        return value
    if kind == "flag":
        return 0 if value else 1
    if isinstance(value, int):
        return 3 * value + 1_000_000
    if kind in _LATER:
        return model.execute(f"SELECT {_LATER[kind].format('?')}", (value,)).fetchone()[0]
    if kind == "code":
        return next((one for one in listed if one not in (value, None)), value)
    return f"{value}~"


def compare(
    desk: Desk, field: str, questions: Iterable[Question], *, way: str = "drop", hows: Iterable[str] = HOWS
) -> Found:
    """Ask before and after each alteration of a field that is hidden; where it is not left empty, only before."""
    mask(desk, field, way)
    before = [(one, told(desk, one)) for one in questions]
    there = [(one, answer) for one, answer in before if "call.unknown_tool" not in answer]
    different: list[str] = []
    broken = [_named(field, way, one) for one, answer in before if "gateway.internal" in answer]
    compared = hidden = 0
    for how in hows if way == "drop" else ():
        with altered(desk, field, how) as changed:
            if not changed:
                continue
            compared, hidden = compared + len(before), hidden + len(before) - len(there)
            after = [(one, answer, told(desk, one)) for one, answer in there]
        different += [f"{how} {_named(field, way, one)}" for one, first, second in after if first != second]
        broken += [f"{how} {_named(field, way, one)}" for one, _, second in after if "gateway.internal" in second]
    return Found(compared, hidden, tuple(different), tuple(broken))


def _named(field: str, way: str, question: Question) -> str:
    return f"{field} {way}: {question[0]} {json.dumps(question[1])}"


def scan(desk: Desk, ways: Iterable[str], fields: Collection[str], tools: Collection[str]) -> Iterator[Found]:
    """Yield what is found of each field in each way, of the tools that look at it; all where none are named."""
    reading = [one for one in desk.deployment.gateway.catalog if one.effect == "read"]
    chosen = [one for one in reading if not tools or one.name in tools]
    for field in sorted(set().union(*map(looked_at, chosen))):
        questions = questions_of(one for one in chosen if field in looked_at(one))
        for way in ways if not fields or field in fields else ():
            if way != "band" or field_kind(field) in NUMBERS:
                yield compare(desk, field, questions, way=way)


def main(arguments: list[str] | None = None) -> int:
    """Scan a plant of its own and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", default="drop")
    parser.add_argument("--fields", default="")
    parser.add_argument("--tools", default="")
    given = parser.parse_args(arguments)
    counted = {"fields": 0, "compared": 0, "of hidden tools": 0, "different": 0, "internal errors": 0}
    with tempfile.TemporaryDirectory() as folder:
        desk = open_desk(prepare(Path(folder) / "demo"))
        ways, fields, tools = (one.split(",") if one else [] for one in (given.ways, given.fields, given.tools))
        for found in scan(desk, ways, fields, tools):
            numbers = (1, found.compared, found.hidden, len(found.different), len(found.broken))
            counted = {name: before + more for (name, before), more in zip(counted.items(), numbers, strict=True)}
            for line in (*found.different, *(f"internal error: {one}" for one in found.broken)):
                print(line, flush=True)
        desk.deployment.close()
    print(", ".join(f"{name} {number}" for name, number in counted.items()))
    return 1 if counted["different"] or counted["internal errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
