"""The contract suites as options of pytest, run as a third party runs them: in an empty folder, by one command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from tests.guarantees import guarantees

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = "erp_mcp_stockbook.source:StockbookSource"

# Adapters that are wrong in one way each, and the requirements that they must fail, and no other.
WRONG: Final = """
from dataclasses import replace

from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.errors import BadAnswerError, SystemTimeoutError, SystemUnreachableError
from erp_mcp_stockbook.adapter import StockbookAdapter
from erp_mcp_stockbook.source import StockbookSource


def source(kind):
    return type(kind.__name__, (StockbookSource,), {"adapter_class": kind})


class KeepsTheDeleted(StockbookAdapter):
    async def changes(self, entity, watermark):
        async for page in super().changes(entity, watermark):
            yield replace(page, deleted=())


class Rounds(StockbookAdapter):
    async def changes(self, entity, watermark):
        async for page in super().changes(entity, watermark):
            yield replace(page, records=tuple(self._rounded(one) for one in page.records))

    def _rounded(self, one):
        return replace(one, qty=round(one.qty, -6)) if isinstance(one, Stock) else one


class NeverLast(StockbookAdapter):
    async def changes(self, entity, watermark):
        async for page in super().changes(entity, watermark):
            yield replace(page, last=False)


class SlowIsDown(StockbookAdapter):
    async def read(self, entity, keys):
        try:
            return await super().read(entity, keys)
        except SystemTimeoutError:
            raise SystemUnreachableError(system=self.system) from None


class NonsenseIsNothing(StockbookAdapter):
    async def read(self, entity, keys):
        try:
            return await super().read(entity, keys)
        except BadAnswerError:
            return ()


class TellsItsKey(StockbookAdapter):
    async def probe(self):
        return {"key": "stockbook-key", **await super().probe()}


def broken():
    raise RuntimeError("the sandbox is closed")


keeps_the_deleted, rounds, never_last = source(KeepsTheDeleted), source(Rounds), source(NeverLast)
slow_is_down, nonsense_is_nothing, tells_its_key = source(SlowIsDown), source(NonsenseIsNothing), source(TellsItsKey)
"""
FAILS: Final = {
    "keeps_the_deleted": {"sees_a_deletion", "resumes_a_pass_over_many_changes_from_each_watermark"},
    "rounds": {"gives_exactly_what_the_system_holds", "resumes_from_each_watermark_with_the_rest"},
    "never_last": {"marks_the_last_page_and_no_other"},
    "slow_is_down": {"says_timeout_when_the_system_is_slow"},
    "nonsense_is_nothing": {"refuses_nonsense_instead_of_passing_it_on"},
    "tells_its_key": {"probe_is_text_without_secrets_and_with_a_real_time"},
}
COMMANDS: Final = """
from contextlib import contextmanager
from pathlib import Path

from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.domain.command import Refused, Unknown
from tests.contract.test_demo_erp_commands import DemoSource


@contextmanager
def right(folder: Path):
    yield DemoSource(ORIGINAL, folder)


class Guesses(DemoErpCommands):
    async def send(self, command):
        outcome = await super().send(command)
        return Refused(code="failed") if isinstance(outcome, Unknown) else outcome


def wrong(folder: Path):
    return DemoSource(ORIGINAL, folder, Guesses)
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder that holds nothing of ours."""
    plugin = [] if entry_points(group="pytest11", name="erp_mcp") else ["-p", "erp_mcp.testing.plugin"]
    paths = (ROOT / "examples" / "adapter", ROOT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in paths), "COLUMNS": "200"}
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "--tb=no", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def summary(told: str, source: str) -> str:
    """Return the part of the output that is about one source."""
    return told.partition(f"Contract: {source} =")[2].partition("\n")[2].partition("\n=====")[0]


def failed(told: str, source: str) -> set[str]:
    """Return the requirements that the summary calls broken."""
    lines = re.findall(r"^  ([^ ].*)$", summary(told, source), flags=re.MULTILINE)
    return {line.partition("[")[0].replace(" ", "_") for line in lines}


@guarantees("adapter.kit", "adapter.contract")
def test_an_adapter_is_proved_from_an_empty_folder_by_one_command(tmp_path: Path) -> None:
    """Whoever writes one wants the verdict before writing a test."""
    result = run(tmp_path, "--erp-mcp-adapter", SOURCE)

    assert result.returncode == 0, result.stdout
    assert re.search(r"All \d\d requirements hold\.", summary(result.stdout, SOURCE))
    assert list(tmp_path.iterdir()) == []


@guarantees("adapter.kit", "adapter.contract")
def test_each_wrong_adapter_fails_for_its_reason_in_words(tmp_path: Path) -> None:
    """A verdict that does not say what is wrong costs the half day that it should save."""
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    options = [word for name in FAILS for word in ("--erp-mcp-adapter", f"wrong:{name}")]
    looked_at = " or ".join(sorted(set().union(*FAILS.values())))
    result = run(tmp_path, *options, "-k", looked_at)

    assert result.returncode == 1, result.stdout
    assert {name: failed(result.stdout, f"wrong:{name}") & expected for name, expected in FAILS.items()} == FAILS
    told = summary(result.stdout, "wrong:slow_is_down")
    assert "this is no adapter yet" in told
    assert "why it matters: Nobody waits for ever." in told
    assert "what happened:" in told
    assert "--erp-mcp-adapter wrong:slow_is_down -k test_says_timeout" in told


@guarantees("adapter.kit")
def test_one_requirement_alone_is_not_called_a_proof(tmp_path: Path) -> None:
    """While one thing is mended the others are left out, and the summary must not look like the whole."""
    result = run(tmp_path, "--erp-mcp-adapter", SOURCE, "-k", "sees_an_edit")

    assert result.returncode == 0
    assert re.search(r"1 of \d\d ran and hold\.", summary(result.stdout, SOURCE))


@guarantees("adapter.kit", "commands.contract")
def test_what_writes_is_proved_likewise(tmp_path: Path, plant: DemoPlant) -> None:
    """The same one command for commands, with a source that is a context manager or wants a folder."""
    (tmp_path / "writes.py").write_text(f"{COMMANDS}\n\nORIGINAL = Path({str(plant.erp)!r})\n", encoding="utf-8")
    both = ("--erp-mcp-commands", "writes:right", "--erp-mcp-commands", "writes:wrong")
    result = run(tmp_path, *both, "-k", "lost or writes_once")

    assert result.returncode == 1
    assert re.search(r"\d+ of \d+ ran and hold\.", summary(result.stdout, "writes:right")), result.stdout
    assert "this is no implementation of commands yet" in summary(result.stdout, "writes:wrong")


@guarantees("adapter.kit", "input.clear_errors")
@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("erp_mcp_stockbook.source", "has not the form PACKAGE.MODULE:SOURCE"),
        ("nowhere.at_all:Source", "nowhere.at_all can't be imported"),
        ("erp_mcp_stockbook.source:Sauce", "has no class or function 'Sauce'"),
    ],
)
def test_a_source_that_is_not_there_is_one_line(tmp_path: Path, named: str, told: str) -> None:
    """A slip in a name must not look like a broken adapter."""
    result = run(tmp_path, "--erp-mcp-adapter", named)

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr
    assert "Traceback" not in result.stderr


@guarantees("adapter.kit")
def test_a_source_that_fails_itself_is_said_once(tmp_path: Path) -> None:
    """Thirty-eight times the same error would bury it."""
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    result = run(tmp_path, "--erp-mcp-adapter", "wrong:broken")

    assert result.returncode == 1
    told = "Nothing could be tried: before the test, in the source: RuntimeError: the sandbox is closed"
    assert told in result.stdout


@guarantees("adapter.kit")
def test_named_files_are_run_beside_the_suite_and_none_without_being_named(tmp_path: Path) -> None:
    """A package with tests of its own runs both, or the verdict alone."""
    (tmp_path / "test_own.py").write_text("def test_of_its_own():\n    assert True\n", encoding="utf-8")
    alone = run(tmp_path, "--erp-mcp-adapter", SOURCE, "--collect-only", "-q")
    both = run(tmp_path, "test_own.py", "--erp-mcp-adapter", SOURCE, "--collect-only", "-q")

    assert "test_of_its_own" not in alone.stdout
    assert "test_of_its_own" in both.stdout
    assert "sees_an_edit" in alone.stdout
    assert "sees_an_edit" in both.stdout


@guarantees("adapter.kit")
def test_the_plugin_costs_projects_without_an_adapter_nothing() -> None:
    """Pytest imports it wherever the package is installed."""
    program = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import erp_mcp.testing.plugin\n"
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('erp_mcp')))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "['erp_mcp', 'erp_mcp.testing', 'erp_mcp.testing.plugin']\n"
