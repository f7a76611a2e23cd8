"""The half day: what the page shows is what the example holds, and both work as written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from tests.docs.walks import Shell, blocks, commands
from tests.guarantees import guarantees

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples" / "adapter"
PAGE: Final = "write-an-adapter.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the example is installed, as pip does it."""
    target = tmp_path_factory.mktemp("site")
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    command = [sys.executable, *words, "--no-build-isolation", "--target", str(target), str(EXAMPLE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return target


@pytest.fixture
def book(site: Path) -> Iterator[str]:
    """Run Stockbook and return its address."""
    command = [sys.executable, "-m", "erp_mcp_stockbook.server", "0"]
    environ = {**os.environ, "PYTHONPATH": str(site)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[2].rstrip(",")
        yield address
        server.terminate()


@guarantees("systems.walked", "docs.agree")
@pytest.mark.parametrize("language", ["python", "yaml", "toml"])
def test_what_the_page_shows_stands_in_the_example(language: str) -> None:
    """A page that shows other code than what runs teaches mistakes."""
    files = [path for path in EXAMPLE.rglob("*") if path.suffix in {".py", ".yaml", ".toml"}]
    texts = [path.read_text(encoding="utf-8") for path in files]
    shown = blocks(PAGE, language)
    assert shown
    assert [block for block in shown if not any(block in text for text in texts)] == []


@guarantees("systems.walked", "docs.agree")
def test_the_page_leads_from_the_package_to_the_first_answer(site: Path, book: str, tmp_path: Path) -> None:
    """Installed, proved, connected, asked: as written, but for the port and the place of the plugin."""
    shell = Shell(folder=tmp_path, environ={"PYTHONPATH": str(site)})
    plugin = "" if entry_points(group="pytest11", name="erp_mcp") else " -p erp_mcp.testing.plugin"
    lines = [line for line in commands(PAGE) if "PACKAGE.MODULE" not in line]
    assert len(lines) == 8, lines
    for line in lines:
        typed = line.replace("http://127.0.0.1:8750", book).replace("pytest ", f"pytest{plugin} -p no:cacheprovider ")
        assert shell.type(typed) == 0, (line, shell.told[typed])
    told = "\n".join(shell.told.values())
    assert "requirements hold." in told
    assert "can do no more than it needs" in " ".join(told.split())
    assert "A2" in shell.told[lines[-1]]
