"""What the sample questions cost in tokens: this server, and DBHub driven by somebody who knows the tables by heart.

    npm i --prefix DIR @bytebase/dbhub@1.4.0 node@22
    python -m benchmarks.tokens --dbhub DIR [--plant DIR] [--json]

Each question is a conversation of its own on a demo plant of seed 1. Here it costs the role's list, for tools that are
not on it a search in the words of the question and a description, and the calls. There it costs the list, a look at the
names of tables, at the columns of those that `best_path.yaml` names, and its statements, over the same tables (the read
model). Nothing is counted there for wrong turns, and a cause is asked for as if it were known. Tokens are o200k's, of
what a model reads and writes: lists, arguments and text. Questions without a path are left out on both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import bpe_openai
from mcp import Client, StdioServerParameters
from ruamel.yaml import YAML

from tests.questions.desk import Desk, RefusedError, desk
from tests.questions.more_answering import EVERY_ANSWER
from tests.questions.plants import prepare
from tests.questions.scoring import Question, Truth, every_question

RANKS: Final = bpe_openai.get_encoding("o200k_base")
PATHS: Final = Path(__file__).with_name("best_path.yaml")
TODAY: Final = "2026-03-16"
NOW: Final = f"{TODAY}T05:00:00Z"


def tokens(value: object) -> int:
    """Return the tokens of a text, or of a value as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(RANKS.encode(text))


async def listed(client: Client) -> tuple[frozenset[str], int]:
    """Return the tools of a list and what it costs: name, description, input schema."""
    found = (await client.list_tools()).tools
    texts = [{"name": one.name, "description": one.description, "inputSchema": one.input_schema} for one in found]
    return frozenset(one.name for one in found), tokens(texts)


async def role_list(plant: Path, agent: str) -> tuple[frozenset[str], int]:
    """Return the list that an agent gets."""
    words = ["-m", "erp_mcp", "serve", "--demo-dir", str(plant), "--as", agent]
    async with Client(StdioServerParameters(command=sys.executable, args=words)) as client:
        return await listed(client)


async def ask_us(asked: Desk, question: Question, truth: Truth, shown: frozenset[str]) -> int:
    """Return what answering one question cost in calls, the search for tools that are not listed included."""
    before, calls = asked.tokens, asked.calls.copy()
    with suppress(RefusedError):  # the right answer to some; it was counted
        await EVERY_ANSWER[question.id](asked, truth.subject(question))
    if hidden := sorted(set(asked.calls - calls) - shown):
        await asked.ask("search_tools", query=question.ask.format_map(truth.subject(question))[:40])
        for tool in hidden:
            await asked.ask("describe_tool", name=tool)
    return asked.tokens - before


async def ask_them(client: Client, path: Mapping[str, Any], subject: Mapping[str, str]) -> int:
    """Return what the best path of one question cost in calls."""
    filled = {**subject, "today": TODAY, "now": NOW, "in_14_days": _later(14)}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search_objects", {"object_type": "table", "detail_level": "names"}),
        *(
            ("search_objects", {"object_type": "table", "pattern": table, "schema": "main", "detail_level": "full"})
            for table in path["tables"]
        ),
        *(("execute_sql", {"sql": statement.format_map(filled)}) for statement in path["sql"]),
    ]
    return sum([await _call(client, name, arguments) for name, arguments in calls])


async def _call(client: Client, name: str, arguments: dict[str, Any]) -> int:
    result = await client.call_tool(name, arguments)
    text = "".join(one.text for one in result.content if one.type == "text")
    assert not result.is_error, (arguments, text)
    return tokens({"name": name, "arguments": arguments}) + tokens(text)


def _later(days: int) -> str:
    return f"{date.fromisoformat(TODAY) + timedelta(days=days)}T05:00:00Z"


async def compare(plant: Path, dbhub: Path) -> dict[str, Any]:
    """Ask both sides every question that has a path; return tokens per question and the sums."""
    paths = YAML(typ="safe").load(PATHS.read_text(encoding="utf-8"))
    truth = Truth(path=plant / "truth.sqlite")
    modules = dbhub / "node_modules"
    peer = StdioServerParameters(
        command=str(modules / "node" / "bin" / "node"),
        args=[str(modules / "@bytebase" / "dbhub" / "dist" / "index.js"), "--transport", "stdio", "--dsn",
              f"sqlite://{plant / 'read_model.sqlite'}"],
    )  # fmt: skip
    rows: dict[str, dict[str, Any]] = {}
    lists: dict[str, tuple[frozenset[str], int]] = {}
    async with AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(Client(peer))
        _, their_list = await listed(theirs)
        for question in every_question():
            if question.id not in paths:
                continue
            if question.agent not in lists:
                lists[question.agent] = await role_list(plant, question.agent)
            shown, our_list = lists[question.agent]
            async with desk(plant, question.agent, page=None) as ours:
                our_calls = await ask_us(ours, question, truth, shown)
            their_calls = await ask_them(theirs, paths[question.id], truth.subject(question))
            rows[question.id] = {
                "agent": question.agent,
                "ours": {"list": our_list, "calls": our_calls},
                "theirs": {"list": their_list, "calls": their_calls},
            }
    sums = {side: {part: sum(row[side][part] for row in rows.values()) for part in ("list", "calls")}
            for side in ("ours", "theirs")}  # fmt: skip
    left_out = [question.id for question in every_question() if question.id not in paths]
    return {"questions": rows, "sums": sums, "left_out": left_out}


def _print(found: dict[str, Any]) -> None:
    print(f"{'question':14} {'agent':12} {'here: list':>11} {'calls':>7} {'DBHub: list':>12} {'calls':>7}")
    for name, row in found["questions"].items():
        ours, theirs = row["ours"], row["theirs"]
        cells = (ours["list"], ours["calls"], theirs["list"], theirs["calls"])
        print(f"{name:14} {row['agent']:12} {cells[0]:11} {cells[1]:7} {cells[2]:12} {cells[3]:7}")
    ours, theirs = found["sums"]["ours"], found["sums"]["theirs"]
    print(f"{'sum':27} {ours['list']:11} {ours['calls']:7} {theirs['list']:12} {theirs['calls']:7}")
    print(f"calls, here ÷ DBHub: {ours['calls'] / theirs['calls']:.2f}; "
          f"with lists: {sum(ours.values()) / sum(theirs.values()):.2f}")  # fmt: skip
    print(f"without a path, left out on both sides: {', '.join(found['left_out'])}")


def main() -> None:
    """Compare, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dbhub", type=Path, required=True, help="folder into which npm installed DBHub and node")
    parser.add_argument("--plant", type=Path, help="a prepared demo plant of seed 1")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plant = options.plant or Path(folder) / "plant"
        if not options.plant:
            prepare(plant, 1)
        found = asyncio.run(compare(plant, options.dbhub))
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)


if __name__ == "__main__":
    main()
