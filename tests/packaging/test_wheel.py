"""What is shipped: a wheel with code, tools, policies and profiles, and nothing else of the tree."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import erp_mcp
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive, and the wheel from it, once."""
    target = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--sdist",
        "--outdir",
        str(target),
        str(ROOT),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return target


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """Return the wheel."""
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*command, "--target", str(target), str(wheel)], check=True, capture_output=True)
    return target


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command, away from the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, str(installed / "bin" / "erp-mcp"), *arguments]
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)


def files(folder: str, *, without: str = "") -> set[str]:
    """Return the files of a folder of the checkout, relative to it."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and not _is_cache(path))
    return {str(path.relative_to(ROOT / folder)) for path in found if not without or path.suffix != without}


def _is_cache(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(ROOT).parts)


@guarantees("packaging.wheel")
def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(wheel: Path) -> None:
    """No test, fixture or cache is shipped, and no file that the gateway needs is missing."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {f"erp_mcp/{name}" for name in files("erp_mcp", without=".pyc")}
    expected |= {f"erp_mcp/_data/{folder}/{name}" for folder in ("tools", "policies") for name in files(folder)}
    assert names == expected
    assert "erp_mcp/py.typed" in names
    assert "erp_mcp/store/state/migrations/0001_state.sql" in names
    assert any(name.startswith("erp_mcp/systems/") and name.endswith(".yaml") for name in names)


@guarantees("packaging.wheel")
def test_name_version_licence_and_command_are_right(wheel: Path) -> None:
    """The distribution is not the one of another vendor, and says under which licence it comes."""
    archive = zipfile.ZipFile(wheel)
    info = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
    metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode("utf-8"))
    assert (metadata["Name"], metadata["Version"]) == ("erp-mcp-gateway", erp_mcp.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= set(archive.namelist())
    assert "erp-mcp = erp_mcp.__main__:main" in archive.read(f"{info}/entry_points.txt").decode("utf-8")


@guarantees("packaging.wheel")
def test_the_source_archive_holds_all_that_is_needed_to_build_and_test(built: Path) -> None:
    """Who builds from source gets everything that is needed, tests included."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "tests/guarantees.py", "tools/README.md", "policies/base.yaml"} <= names
    assert [name for name in names if name.startswith((".venv", ".ci", "build"))] == []


@guarantees("packaging.wheel")
def test_the_installed_command_runs_away_from_the_checkout(installed: Path) -> None:
    """Version, help and shipped tools work from the wheel alone."""
    assert erp_mcp.__version__ in run(installed, "--version").stdout
    assert "doctor" in run(installed, "--help").stdout
    linted = run(installed, "tools", "lint")
    assert (linted.returncode, linted.stderr) == (0, "")
    program = "from erp_mcp.settings import data_root; print(data_root().name)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == "_data\n"


@guarantees("packaging.wheel")
def test_every_imported_package_is_a_declared_dependency() -> None:
    """A package that only happens to be there is missing on the next machine."""
    declared = {re.split(r"[<>=;\[ ]", line)[0] for line in PROJECT["dependencies"]}
    declared |= {
        re.split(r"[<>=;\[ ]", line)[0]
        for name, extra in PROJECT["optional-dependencies"].items()
        for line in extra
        if name != "testing"
    }
    as_imported = {"jsonschema-rs": "jsonschema_rs", "pyjwt": "jwt", "ruamel.yaml": "ruamel"}
    known = {as_imported.get(name, name) for name in declared} | set(sys.stdlib_module_names)
    known |= {"erp_mcp", "mcp_types", "pydantic_core"}  # the last two come with mcp and pydantic, which pin them
    with_kit = known | {"pytest", "pytest_asyncio"}  # the shipped contract suite is for those who test
    for path in (ROOT / "erp_mcp").rglob("*.py"):
        allowed = with_kit if "testing" in path.relative_to(ROOT).parts else known
        assert imported(path) <= allowed, path


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@guarantees("packaging.wheel")
def test_pinned_requirements_cover_what_the_project_declares() -> None:
    """What is installed for work and what is declared for users are one list; every pin has its hashes."""
    wanted = (ROOT / "requirements" / "run.in").read_text(encoding="utf-8")
    lines = {line.replace("'", '"') for line in wanted.splitlines() if line and not line.startswith("#")}
    assert lines == {line.replace("'", '"') for line in PROJECT["dependencies"]}
    for name in ("run.txt", "build.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9][^\s]*==\S+(?:[^\\\n]*)(\\?)$", text, flags=re.MULTILINE)
        assert pins
        assert set(pins) == {"\\"}
        assert "://" not in text


@guarantees("packaging.wheel")
def test_what_the_demo_is_run_with_is_what_it_is_worked_on_with() -> None:
    """`make demo` installs a part of what `make test` does, in the same versions, so that neither undoes the other."""

    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z0-9][^\s]*==\S+)", text, flags=re.MULTILINE))

    assert pins("run.txt") | pins("build.txt") <= pins("dev.txt")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    wanted = (ROOT / "requirements" / "build.in").read_text(encoding="utf-8")
    assert [line for line in wanted.splitlines() if not line.startswith("#")] == declared


@guarantees("packaging.wheel", "adapter.kit")
def test_pytest_finds_the_contract_suites_of_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    """A third party installs the package and has its options, without naming a plugin."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--help"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "--erp-mcp-adapter=PACKAGE.MODULE:SOURCE" in result.stdout
    assert "--erp-mcp-commands=PACKAGE.MODULE:SOURCE" in result.stdout
