"""`erp-mcp tools call --export`: all rows that the role may see, under the same policy, with a record of each page."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a prepared demo plant."""
    return demo_plant(tmp_path_factory.mktemp("plant") / "demo")


@pytest.fixture
def deployment(plant: Path) -> Iterator[Deployment]:
    """Return the opened deployment of the plant."""
    with closing(open_deployment(plant / "erp-mcp.yaml")) as opened:
        yield opened


def export(plant: Path, target: Path, *words: str) -> Result:
    """Export what a call answers."""
    return CliRunner().invoke(main, ["tools", "call", *words, "--export", str(target), "--demo-dir", str(plant)])


def rows_of(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file below its comments."""
    text = re.sub(r"(?m)^# .*\r\n", "", file.read_bytes().decode("utf-8-sig"))
    return list(csv.DictReader(io.StringIO(text, newline="")))


@guarantees("export.whole", "P5.every_decision")
def test_all_pages_land_in_the_file_and_each_leaves_a_record(
    plant: Path, tmp_path: Path, deployment: Deployment
) -> None:
    """The lines that are open in the ERP's own table, however many pages that takes."""
    before = len(list(deployment.state.audit.read_all()))
    done = export(plant, tmp_path / "lines.csv", "list_sales_orders", "--as", "planner")
    assert done.exit_code == 0, done.output

    rows = rows_of(tmp_path / "lines.csv")
    with closing(sqlite3.connect(plant / "erp.sqlite")) as erp:
        open_lines = set(erp.execute("SELECT so_no, item_no FROM so_item WHERE stat = 'OPEN'"))
    assert len(rows) > 200
    assert len({(row["sales_order_id"], row["line"]) for row in rows}) == len(rows)
    assert {(row["sales_order_id"], row["line"]) for row in rows} == open_lines
    records = list(deployment.state.audit.read_all())[before:]
    assert len(records) >= 2
    leaves = [json.loads(record.leaf) for record in records]
    assert len({leaf["correlation_id"] for leaf in leaves}) == 1
    assert {leaf["kind"] for leaf in leaves} == {"call.answered"}
    assert stat.S_IMODE((tmp_path / "lines.csv").stat().st_mode) == 0o600


@guarantees("export.whole", "P8.masks")
@pytest.mark.parametrize("agent", ["planner", "support"])
def test_the_same_rows_come_as_by_calls(plant: Path, tmp_path: Path, agent: str) -> None:
    """An export is no second way to the data, and what is masked for a role is masked in its files."""
    given = json.dumps({"site": "1000", "late_only": True})
    assert export(plant, tmp_path / "x.csv", "list_sales_orders", given, "--as", agent).exit_code == 0
    exported = [(row["sales_order_id"], row["line"], row["open_value"]) for row in rows_of(tmp_path / "x.csv")]
    cursor, called = "", []
    while True:
        words = {"site": "1000", "late_only": True, "limit": 10, **({"cursor": cursor} if cursor else {})}
        told = CliRunner().invoke(
            main,
            [
                "tools",
                "call",
                "list_sales_orders",
                json.dumps(words),
                "--json",
                "--as",
                agent,
                "--demo-dir",
                str(plant),
            ],
        )
        page = json.loads(told.stdout)
        table = page["tables"]["lines"]
        places = [table["columns"].index(name) for name in ("sales_order_id", "line", "open_value")]
        called += [tuple(row[place] or "" for place in places) for row in table["rows"]]
        cursor = page.get("next_cursor", "")
        if not cursor:
            break
    assert exported == called
    assert exported


@guarantees("export.whole")
def test_a_bound_on_rows_makes_it_incomplete_and_says_so(plant: Path, tmp_path: Path) -> None:
    """What is cut is never called all."""
    done = export(plant, tmp_path / "x.csv", "list_sales_orders", "--max-rows", "7")
    assert done.exit_code == 0
    assert len(rows_of(tmp_path / "x.csv")) == 7
    assert "# complete: no" in (tmp_path / "x.csv").read_text(encoding="utf-8-sig")
    assert "incomplete" in done.output


@guarantees("export.whole", "P1.hidden_is_missing", "P8.masks")
def test_a_role_gets_what_it_gets_by_calls_and_nothing_else(plant: Path, tmp_path: Path) -> None:
    """Tools that it may not call don't exist, and leave no file."""
    done = export(plant, tmp_path / "x.csv", "get_stock", "--as", "support")
    assert done.exit_code == 2
    assert "call.unknown_tool" in done.output
    assert list(tmp_path.iterdir()) == []


@guarantees("export.whole", "cli.teaches")
@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("x.txt", ["get_stock"], ".csv or .xlsx"),
        ("x.csv", ["get_stock", '{"limit": 5}'], "leave out limit"),
        ("x.csv", ["list_my_proposals"], "does not read"),
        ("there.csv", ["get_stock"], "it stays as it is"),
    ],
)
def test_what_can_not_become_a_file_is_refused_before_anything_is_asked(
    plant: Path, tmp_path: Path, name: str, words: list[str], told: str, deployment: Deployment
) -> None:
    """Nothing is overwritten, and nothing is recorded that did not happen."""
    (tmp_path / "there.csv").write_text("mine", encoding="utf-8")
    before = len(list(deployment.state.audit.read_all()))
    done = export(plant, tmp_path / name, *words)
    assert done.exit_code == 2
    assert told in done.output
    assert len(list(deployment.state.audit.read_all())) == before
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]
    assert (tmp_path / "there.csv").read_text(encoding="utf-8") == "mine"


@guarantees("export.whole", "cli.teaches")
def test_a_link_to_nowhere_and_a_name_too_long_are_refused_with_a_reason(plant: Path, tmp_path: Path) -> None:
    """Neither is followed or fails with a trace."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere.csv")
    for name, told in (("link.csv", "it stays as it is"), (f"{'x' * 300}.csv", "can't be written")):
        done = export(plant, tmp_path / name, "get_stock")
        assert (done.exit_code, told in done.output) == (2, True), done.output
    assert [path.name for path in tmp_path.iterdir()] == ["link.csv"]


@guarantees("export.whole")
def test_of_several_files_all_are_written_or_none(plant: Path, tmp_path: Path) -> None:
    """Half a document is worse than none."""
    (tmp_path / "o.lines.csv").write_text("mine", encoding="utf-8")
    order = json.dumps({"sales_order_id": "0010000282"})
    assert export(plant, tmp_path / "o.csv", "get_sales_order", order).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["o.lines.csv"]
    (tmp_path / "o.lines.csv").unlink()
    assert export(plant, tmp_path / "o.csv", "get_sales_order", order).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"o.order.csv", "o.lines.csv"}
