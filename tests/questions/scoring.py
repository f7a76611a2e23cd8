"""The judging side: what the truth of a plant says, and how many late orders were explained rightly."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.questions.answering import Answer, Subject
from tests.questions.desk import Desk, rows

QUESTIONS = Path(__file__).parents[2] / "fixtures" / "questions" / "questions.yaml"
MORE_QUESTIONS = QUESTIONS.with_name("more_questions.yaml")

# The control: what joining tables says, without asking who gets which supply.
NAIVE = """
SELECT COUNT(DISTINCT l.sales_order_id || '/' || l.line)
FROM sales_order_line AS l
JOIN production_order AS p ON p.sales_order_id = l.sales_order_id AND p.sales_order_line = l.line
JOIN production_component AS c ON c.production_order_id = p.production_order_id
JOIN purchase_order_line AS o ON o.material_id = c.material_id AND o.order_state = 'open'
WHERE l.order_state = 'open' AND o.promised_date > o.original_promise_date
"""

# What an explanation must name beside the cause's code, by cause: columns of truth_late_line, joined by "/".
MUST_NAME: dict[str, tuple[str, ...]] = {
    "late_po": ("production_order_id", "material_id", "purchase_order_id/purchase_order_line"),
    "quality_hold": ("production_order_id", "material_id", "lot_id", "notification_id"),
    "machine_down": ("production_order_id", "work_center_id", "maintenance_order_id"),
    "stock_discrepancy": ("production_order_id", "material_id", "lot_id"),
    "upstream_order_late": ("production_order_id", "child_order_id"),
    "credit_block": (),
    "picked_not_shipped": ("delivery_id",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of the fixture file."""

    id: str
    agent: str
    ask: str
    expect: str
    score: str
    subject: str = ""
    numbers: tuple[int, ...] = ()
    database: str = "truth"  # which file of the plant is asked for what is right


def questions() -> list[Question]:
    """Return the questions about late orders and what is behind them, in the file's order."""
    return _loaded(QUESTIONS)


def every_question() -> list[Question]:
    """Return those, and the ones about everything else."""
    return [*questions(), *_loaded(MORE_QUESTIONS)]


def _loaded(path: Path) -> list[Question]:
    loaded = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return [Question(**{**one, "numbers": tuple(one.get("numbers", ()))}) for one in loaded]


@dataclass(slots=True, kw_only=True)
class Truth:
    """The truth of one plant; only the judge opens it."""

    path: Path

    def select(self, statement: str, database: str = "") -> list[dict[str, Any]]:
        """Return rows by column name; `database` is another file of the plant."""
        path = self.path.with_name(f"{database}.sqlite") if database else self.path
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement)]

    def subject(self, question: Question) -> Subject:
        """Return what a question is about."""
        found = self.select(question.subject)[0] if question.subject else {}
        return {name: str(value) for name, value in found.items()}

    def wanted(self, question: Question) -> Answer:
        """Return what is right."""
        statement = question.expect.format(**self.subject(question))
        database = "" if question.database == "truth" else question.database
        found = [tuple(row.values()) for row in self.select(statement, database)]
        assert found, f"question {question.id}: the truth is empty"
        if question.score == "tuple":
            assert len(found) == 1, f"question {question.id}: the truth is not one row"
        return found

    def right(self, question: Question, answer: Answer) -> bool:
        """Tell whether an answer is exactly what the truth says."""
        wanted, told = (
            _comparable(found, question.numbers, ordered=question.score == "list")
            for found in (self.wanted(question), answer)
        )
        return wanted == told

    def invents(self, question: Question, answer: Answer) -> bool:
        """Tell whether a list names what is not on it; a list that is only too short does not."""
        wanted, told = (set(_comparable(found, question.numbers)) for found in (self.wanted(question), answer))
        return question.score == "set" and not told <= wanted


def _comparable(
    found: Iterable[tuple[Any, ...]], numbers: tuple[int, ...], *, ordered: bool = False
) -> list[tuple[str, ...]]:
    """Rows as texts, sorted unless their order counts; numbers by value, so that 60 equals 60.000."""
    texts = [
        tuple(str(Decimal(cell).normalize()) if place in numbers else str(cell) for place, cell in enumerate(row))
        for row in found
    ]
    return texts if ordered else sorted(texts)


@dataclass(slots=True, kw_only=True)
class Explained:
    """How the open lines of a plant were explained."""

    late: int = 0
    right: int = 0
    healthy: int = 0
    called_late: int = 0
    wrong: list[str] = field(default_factory=list)


async def explain_all(desk: Desk, truth: Truth) -> Explained:
    """Ask why every open line is late, also those that are not, and judge the answers."""
    late = {(row["sales_order_id"], row["line"]): row for row in truth.select("SELECT * FROM truth_late_line")}
    counted = Explained()
    listed = {(row["sales_order_id"], row["line"]) for row in await desk.table("list_sales_orders", "lines")}
    for order in sorted({order for order, _ in listed}):
        answer = await desk.ask("explain_late_order", sales_order_id=order)
        for summary in rows(answer, "summary"):
            key = (order, summary["line"])
            named = {link["node_id"] for link in rows(answer, "chain") if link["line"] == summary["line"]}
            if key in listed:
                _judge(counted, late.get(key), summary["root_cause_code"], named)
    assert counted.late == len(late), "the list of open lines left late ones out"
    assert counted.late + counted.healthy == len(listed), "an explanation left lines out"
    return counted


def _judge(counted: Explained, planted: dict[str, Any] | None, code: str, named: set[str]) -> None:
    if planted is None:
        counted.healthy += 1
        counted.called_late += code != "on_time"
        return
    counted.late += 1
    if _right(planted, code, named):
        counted.right += 1
    else:
        counted.wrong.append(f"{planted['role']}: {code}")


async def invented_causes(desk: Desk, truth: Truth) -> list[str]:
    """Ask why healthy lines are late after `declare_late`: no cause is there, so every cause named is an invention."""
    planted = {(row["sales_order_id"], row["line"]) for row in truth.select("SELECT * FROM truth_late_line")}
    listed = {(row["sales_order_id"], row["line"]) for row in await desk.table("list_sales_orders", "lines")} - planted
    invented: list[str] = []
    for order in sorted({order for order, _ in listed}):
        found = rows(await desk.ask("explain_late_order", sales_order_id=order), "summary")
        codes = {row["line"]: row["root_cause_code"] for row in found if (order, row["line"]) in listed}
        invented.extend(f"{order}/{line}: {code}" for line, code in codes.items() if code != "unknown")
    return invented


def declare_late(directory: Path) -> None:
    """Confirm every open line of a prepared plant five days after its requested date, in the copy and in the ERP."""
    late = "UPDATE {} SET {} = DATE({}, '+5 days') WHERE {} AND {} <= {}"
    copy = late.format(
        "sales_order_line",
        "confirmed_date",
        "requested_date",
        "order_state = 'open'",
        "confirmed_date",
        "requested_date",
    )
    source = late.format("so_item", "conf_date", "req_date", "stat = 'OPEN'", "conf_date", "req_date")
    for name, statement in (("read_model.sqlite", copy), ("erp.sqlite", source)):
        with closing(sqlite3.connect(directory / name)) as connection, connection:
            assert connection.execute(statement).rowcount > 0


def naive_join(directory: Path) -> int:
    """Return how many open lines the usual join calls late: those with a component on a purchase line that moved."""
    with closing(sqlite3.connect(f"file:{directory / 'read_model.sqlite'}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(NAIVE).fetchone()
    return int(count)


def _right(row: dict[str, Any], code: str, named: set[str]) -> bool:
    wanted = ["/".join(row[part] or "" for part in columns.split("/")) for columns in MUST_NAME[row["root_cause_code"]]]
    documents = {node.partition("/")[0] for node in named}  # a document without its line
    return code == row["root_cause_code"] and all(one in named | documents for one in wanted)
