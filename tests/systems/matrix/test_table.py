"""How outcomes of tests become cells, and what is said of cells without any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.testing import AdapterContract, CommandContract
from tests.guarantees import guarantees
from tests.systems.matrix.__main__ import main
from tests.systems.matrix.covering import (
    ADAPTER_CONTRACT,
    CAP_V2,
    COMMAND_CONTRACT,
    DEMO_PLANT,
    FAULTS,
    FSMES_REST,
    LOST_REPLY,
    MARIADB,
    PAGING,
    QUESTIONS,
    STALE,
    SYNC,
    TRYTON,
    WRITING,
)
from tests.systems.matrix.reasons import Facts, comparable, facts, lacking, rows
from tests.systems.matrix.table import data_of, shown, table_of, wrong


@pytest.fixture(scope="module")
def known() -> Facts:
    """The shipped profiles and tools."""
    return facts()


def result(*cells: tuple[str, str, str], outcome: str = "passed", **more: object) -> Mapping[str, Any]:
    """Return what a run writes down of one test."""
    return {"outcome": outcome, "why": "because", "cells": [list(one) for one in cells], **more}


@guarantees("docs.agree")
def test_a_cell_counts_its_tests_or_what_they_counted(known: Facts) -> None:
    """Three went well, and one test counted nine of ten; what differs for a documented reason is told beside it."""
    found = {
        "a": result((TRYTON, SYNC, ""), (CAP_V2, SYNC, "")),
        "b": result((TRYTON, SYNC, "")),
        "c": result((TRYTON, QUESTIONS, ""), tried=[9, 10], explained=7, notes=["question 4: no such thing"]),
    }
    table = table_of(found, known)
    assert [table[TRYTON][row].short for row in (SYNC, QUESTIONS)] == ["2/2", "9/10"]
    assert table[CAP_V2][SYNC].short == "1/1"
    assert (table[TRYTON][QUESTIONS].explained, table[TRYTON][QUESTIONS].reasons) == (7, ["question 4: no such thing"])
    assert "] question 4: no such thing\n" in shown(table)
    assert "] 7 values differ" in shown(table)


@guarantees("docs.agree")
def test_one_failure_among_many_is_what_the_cell_says(known: Facts) -> None:
    """Whatever comes before or after it."""
    good, bad = result((TRYTON, STALE, "")), result((TRYTON, STALE, ""), outcome="failed")
    for found in ({"a": good, "b": bad, "c": good}, {"a": bad, "b": good, "c": good}):
        cell = table_of(found, known)[TRYTON][STALE]
        assert (cell.state, cell.short) == ("failed", "FAILED 2/3")
        assert len(cell.failed) == 1


@guarantees("docs.agree")
def test_a_skip_is_no_success(known: Facts) -> None:
    """Alone it says why nothing was run; beside others it is not counted among them."""
    skip, good = result((TRYTON, STALE, ""), outcome="skipped"), result((TRYTON, STALE, ""))
    alone = table_of({"a": skip}, known)[TRYTON][STALE]
    beside = table_of({"a": skip, "b": good}, known)[TRYTON][STALE]
    assert (alone.state, alone.reasons) == ("skipped", ["not run: because"])
    assert (beside.state, beside.short) == ("passed", "1/1")


@guarantees("docs.agree")
def test_a_refusal_is_one_that_a_test_proves_and_the_rest_is_the_profiles(known: Facts) -> None:
    """Without a test, what the profile can't do is not supported, and what it could is a hole."""
    found = {"a": result(*((FSMES_REST, row, "read only") for row in WRITING[:1]))}
    cells = table_of(found, known)[FSMES_REST]
    assert [cells[row].state for row in (*WRITING[:2], "find_order", PAGING)] == [
        "refused", "not supported", "not supported", "no test",
    ]  # fmt: skip
    assert cells[WRITING[0]].reasons == ["read only"]
    assert f"{FSMES_REST}, {PAGING}: no test" in wrong(table_of(found, known))


@guarantees("docs.agree", "P7.names_what_a_source_lacks")
def test_a_cell_says_what_its_answers_lack_and_why_nothing_could_be_copied(known: Facts) -> None:
    """Tried with half of what a tool reads is not the same as tried with all of it."""
    table = table_of({tool: result((CAP_V2, tool, "")) for tool in ("get_routing", "get_stock")}, known)
    assert lacking(CAP_V2, "get_routing", known).startswith("it keeps no routing_operation:")
    assert table[CAP_V2]["get_routing"].reasons == [lacking(CAP_V2, "get_routing", known)]
    assert (table[CAP_V2]["get_stock"].reasons, lacking(CAP_V2, SYNC, known)) == ([], "")
    assert [table[CAP_V2][tool].reasons[0][:13] for tool in ("get_budget_status", "list_mrp_exceptions")] == [
        "SAP publishes", "SAP gives mes",
    ]  # fmt: skip
    assert not {"get_budget_status", "list_mrp_exceptions", "list_wip_jobs"} & set(comparable(CAP_V2))


@guarantees("docs.agree", "input.clear_errors")
def test_a_row_that_nobody_knows_is_an_error(known: Facts) -> None:
    """A misspelt tool would be a cell that is always empty."""
    with pytest.raises(ValueError, match="find_ordr"):
        table_of({"a": result((TRYTON, "find_ordr", ""))}, known)


@guarantees("docs.agree")
def test_a_system_without_a_product_is_shown_where_it_was_tried(known: Facts) -> None:
    """Only the kind is tried there, so tools and writes have nothing to say of it."""
    assert MARIADB not in table_of({}, known)
    cells = table_of({"a": result((MARIADB, SYNC, ""))}, known)[MARIADB]
    assert {cells[row].state for row in (QUESTIONS, "get_stock", LOST_REPLY)} == {"not supported"}
    assert {cells[row].state for row in (PAGING, FAULTS)} == {"no test"}


@guarantees("docs.agree")
def test_every_tool_is_a_row(known: Facts) -> None:
    """What agents can ask or propose of records of systems."""
    assert {*known.tools, *WRITING} < set(rows(known))


@guarantees("docs.agree")
@pytest.mark.parametrize(
    ("words", "contract"),
    [(ADAPTER_CONTRACT, AdapterContract), (COMMAND_CONTRACT, CommandContract)],
    ids=["adapters", "commands"],
)
def test_the_names_of_a_contract_are_names_of_its_tests(words: Any, contract: type) -> None:
    """One that was renamed would no longer count."""
    assert set(words.words) <= set(dir(contract))


@guarantees("docs.agree", "cli.teaches")
def test_the_command_reads_what_runs_kept(tmp_path: Path, known: Facts, capsys: pytest.CaptureFixture[str]) -> None:
    """Several files are one table; the last word about a test counts, and holes make the status 1."""
    first = {"results": {"a": result((TRYTON, SYNC, ""), outcome="failed"), "b": result((TRYTON, SYNC, ""))}}
    second = {"results": {"a": result((TRYTON, SYNC, "")), "c": result((DEMO_PLANT, SYNC, ""))}}
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for file, found in zip(files, (first, second), strict=True):
        file.write_text(json.dumps(found), encoding="utf-8")
    status = main(["--json", "--only", TRYTON, "--results", *map(str, files)])
    told = capsys.readouterr()
    assert status == 1
    wanted = table_of(first["results"] | second["results"], known, [TRYTON])
    assert json.loads(told.out) == data_of(wanted)
    assert json.loads(told.out)[TRYTON][SYNC]["good"] == 2
    assert f"{TRYTON}, {PAGING}: no test" in told.err
