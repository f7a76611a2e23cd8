"""Exported tables: exact, typed, and without one live formula."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.administration.exporting import Export
from erp_mcp.administration.sheets import csv_files, dead, xlsx_file
from erp_mcp.domain.answer import Answer, Cell, ResultTable, Source
from erp_mcp.domain.tool import Column, Table, Tool
from tests.guarantees import guarantees
from tests.needs import missing

NOW = datetime(2026, 3, 16, 6, 0, tzinfo=UTC)
KINDS = ("id", "text", "quantity", "money", "integer", "date", "flag", "ref")
LIVE = (
    '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", '"=1', "a;=1", "a; -1",
    "a\t=1", "a\n=1", "a\r\n=1", 'a,\n"=1',
    ';""=1', "a|\" '\" =1", 'a\t"" "@SUM(A1)',
)  # fmt: skip
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def exported(rows: list[list[Cell]], tables: tuple[str, ...] = ("things",)) -> Export:
    """Return an export with one column of each kind."""
    columns = tuple(Column(name=f"c_{kind}", kind=kind) for kind in KINDS)
    names = [column.name for column in columns]
    tool = Tool(
        name="list_things",
        version=1,
        title="List things",
        description="",
        toolset="things",
        effect="read",
        level=4,
        scope="site",
        arguments=(),
        tables=tuple(Table(name=name, columns=columns) for name in tables),
        reads=(),
    )
    source = Source(system="erp", via="read_model", as_of="2026-03-16T05:00:00Z", age_s=60, stale=True)
    answer = Answer(
        tables={name: ResultTable(columns=names, rows=rows, untrusted=["c_text"]) for name in tables},
        complete=False,
        sources=[source],
        warnings=["one is missing"],
        call_id="c1",
    )
    return Export(tool=tool, agent="planner", arguments={"note": "a;=1"}, answer=answer, call_ids=("c1", "c2"))


def row(text: str = "x", quantity: str = "1") -> list[Cell]:
    """Return a row with a text and a quantity."""
    return ["0042", text, quantity, "-12.50", 7, "2026-03-16", True, None]


def workbook(export: Export) -> tuple[list[list[tuple[str, str]]], str]:
    """Return type and value of each cell of the first sheet, and the whole XML of the workbook."""
    try:
        content = xlsx_file(export, NOW)
    except Exception as error:
        if "XlsxWriter" in str(getattr(error, "facts", "")):
            missing("needs XlsxWriter")
        raise
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    shared = ["".join(one.itertext()) for one in ET.fromstring(xml["xl/sharedStrings.xml"]).iter(f"{MAIN}si")]
    cells = []
    for line in ET.fromstring(xml["xl/worksheets/sheet1.xml"]).iter(f"{MAIN}row"):
        found = [(one.get("t", "n"), one.findtext(f"{MAIN}v", "")) for one in line.iter(f"{MAIN}c")]
        cells.append([(kind, shared[int(value)] if kind == "s" else value) for kind, value in found])
    return cells, "".join(xml.values())


def rows_of(content: bytes) -> list[list[str]]:
    """Return the rows of a CSV file below its comments."""
    text = content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO("".join(re.findall(r"(?m)^(?!# ).*\n", text)), newline="")))


@guarantees("export.no_formulas")
@pytest.mark.parametrize("text", LIVE)
def test_text_that_a_spreadsheet_would_run_is_dead_in_both_forms(text: str) -> None:
    """A customer's name is anybody's; OWASP, CSV Injection. The later ones are for who splits at other places."""
    (content,) = csv_files(exported([row(text)]), Path("x.csv")).values()
    told = rows_of(content)[1][1]
    for part in [told, *re.split(r"[;\t\r\n]", told)]:
        assert part.strip(" \"'")[:1] not in {"=", "+", "-", "@", "＝"} or "'" in part
        assert part[:1] not in set("=+-@\t\r＝")
    assert told.replace("'", "") == text.replace("'", "")

    cells, xml = workbook(exported([row(text)]))
    assert cells[1][1] == ("s", text.replace("\r", "_x000D_"))
    assert "<f>" not in xml
    assert "<hyperlink" not in xml


@guarantees("export.no_formulas")
@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=st.text(alphabet=st.sampled_from("=+-@;|'\" aä1\t\n"), max_size=8))
def test_no_part_of_a_text_starts_a_formula(text: str) -> None:
    """Whatever is put together; and text that is harmless stays as it is."""
    told = dead(text)
    for part in re.split(r"[;|\t\r\n]", told):
        live = re.match(r"""(["' ]*)[=+\-@]""", part)
        assert live is None or "'" in live[1]
    if not re.search(r"[=+\-@\t\r\n]", text):
        assert told == text


@guarantees("export.exact")
def test_numbers_stay_numbers_and_ids_stay_text() -> None:
    """A planner adds them up; a leading zero belongs to the id."""
    (content,) = csv_files(exported([row(quantity="-3.125")]), Path("x.csv")).values()
    assert rows_of(content)[1] == ["0042", "x", "-3.125", "-12.50", "7", "2026-03-16", "true", ""]
    cells, xml = workbook(exported([row(quantity="-3.125")]))
    day = str((datetime(2026, 3, 16, tzinfo=UTC) - datetime(1899, 12, 30, tzinfo=UTC)).days)
    assert cells[1] == [("s", "0042"), ("s", "x"), ("n", "-3.125"), ("n", "-12.5"), ("n", "7"), ("n", day), ("b", "1")]
    assert 'formatCode="0.00"' in xml
    assert 'formatCode="yyyy\\-mm\\-dd"' in xml or 'formatCode="yyyy-mm-dd"' in xml


@guarantees("export.exact")
@pytest.mark.parametrize("number", ["12345678901.123456", "9007199254740993", "0.1234567890123456"])
def test_a_number_that_a_spreadsheet_would_round_is_text_digit_for_digit(number: str) -> None:
    """It keeps 15 digits of a number, silently."""
    cells, _ = workbook(exported([row(quantity=number)]))
    assert cells[1][2] == ("s", number)


@guarantees("export.exact", "P8.masks")
def test_what_is_no_number_in_a_column_of_numbers_is_text(tmp_path: Path) -> None:
    """A masked amount is a code, and a code may begin with anything."""
    (content,) = csv_files(exported([row(quantity="=1")]), Path("x.csv")).values()
    assert rows_of(content)[1][2] == "'=1"
    assert workbook(exported([row(quantity="=1")]))[0][1][2] == ("s", "=1")


@guarantees("export.origin")
def test_from_where_and_as_of_when_stands_with_the_rows() -> None:
    """A file travels; what it rests on must travel with it."""
    (content,) = csv_files(exported([row()]), Path("x.csv")).values()
    head = [line for line in content.decode("utf-8-sig").splitlines() if line.startswith("# ")]
    assert "# source: erp (read_model) as of 2026-03-16T05:00:00Z, stale" in head
    assert "# complete: no, see the warnings" in head
    assert "# warning: one is missing" in head
    assert "# written by others: things.c_text" in head
    assert [line for line in head if re.search(r"[;|]\s*=", line)] == []
    assert "as of 2026-03-16T05:00:00Z, stale" in workbook(exported([row()]))[1]


@guarantees("export.origin")
def test_several_tables_are_several_files_or_sheets() -> None:
    """A document is not squeezed into one table."""
    both = exported([row()], tables=("order", "lines"))
    assert {path.name for path in csv_files(both, Path("x.csv"))} == {"x.order.csv", "x.lines.csv"}
    _, xml = workbook(both)
    assert all(f'<sheet name="{name}"' in xml for name in ("order", "lines", "about"))


@guarantees("export.exact")
def test_a_text_longer_than_a_cell_says_where_it_was_cut() -> None:
    """A workbook holds 32,767 characters in a cell; the CSV has them all."""
    cells, _ = workbook(exported([row("x" * 50_000)]))
    (text,) = (value for kind, value in cells[1] if kind == "s" and value.startswith("x"))
    assert len(text) == 32_767
    assert text.endswith("(cut here; CSV has the whole text)")


@guarantees("export.exact")
def test_half_a_pair_of_utf_16_is_written_as_a_question_mark(tmp_path: Path) -> None:
    """Some systems send one without the other; no file can hold it."""
    cells, _ = workbook(exported([row("a\ud800b")]))
    assert ("s", "a?b") in cells[1]
    (content,) = csv_files(exported([row("a\ud800b")]), tmp_path / "x.csv").values()
    assert b"a?b" in content


@guarantees("export.exact")
def test_a_day_that_is_none_is_text() -> None:
    """The 31st of February stays as it was told."""
    one = row()
    one[KINDS.index("date")] = "2026-02-31"
    assert workbook(exported([one]))[0][1][KINDS.index("date")] == ("s", "2026-02-31")


@guarantees("export.exact")
def test_sheets_have_names_of_their_own_whatever_tables_are_called() -> None:
    """Two long names that begin alike, and one that is called like the sheet about the export."""
    long = "t" * 31
    _, xml = workbook(exported([row()], tables=("About", f"{long}a", f"{long}b")))
    names = re.findall(r'<sheet name="([^"]*)"', xml)
    assert names == ["About_2", long, f"{long[:-2]}_2", "about"]
