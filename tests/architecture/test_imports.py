"""Import contracts: they hold, and each breaks the build when it is violated."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")

# contract -> file and line that violate it
PLANTED: dict[str, dict[str, str]] = {
    "stack": {"erp_mcp/domain/planted.py": "import erp_mcp.ports"},
    "adapters-know-ports": {"erp_mcp/adapters/planted.py": "import erp_mcp.policy.decide"},
    "store-knows-ports": {"erp_mcp/store/planted.py": "import erp_mcp.projections.paging"},
    "kinds-are-strangers": {"erp_mcp/adapters/sql/planted.py": "import erp_mcp.adapters.memory"},
    "core-no-io": {"erp_mcp/domain/planted.py": "import sqlite3"},
    "bootstrap-names-implementations": {"erp_mcp/cli/planted.py": "import erp_mcp.store.state"},
    "demo-is-apart": {"erp_mcp/server/planted.py": "import erp_mcp.demo.generate"},
    "test-kit-has-no-importer": {"erp_mcp/cli/planted.py": "import erp_mcp.testing"},
    "only-the-worker-commits": {"erp_mcp/server/planted.py": "import erp_mcp.committing"},
    "no-cycles": {
        "erp_mcp/audit/planted.py": "import erp_mcp.audit.planted_too",
        "erp_mcp/audit/planted_too.py": "import erp_mcp.audit.planted",
    },
    "light-serve-path": {"erp_mcp/answers/planted.py": "import pydantic"},
    "mcp-in-server": {"erp_mcp/sync/planted.py": "import mcp"},
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the package with its contracts."""
    shutil.copytree(ROOT / "erp_mcp", tmp_path / "erp_mcp", ignore=IGNORED)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Check contracts of a tree."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    for contract in contracts:
        command += ["--contract", contract]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def contracts() -> set[str]:
    """Return the ids of all contracts."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"] for contract in config["tool"]["importlinter"]["contracts"]}


@guarantees("architecture.imports")
def test_all_contracts_hold() -> None:
    """The layers are what the docs say they are."""
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@guarantees("architecture.imports")
def test_every_contract_has_a_planted_violation() -> None:
    """A contract that was never seen to break may check nothing."""
    assert contracts() == set(PLANTED)


@guarantees("architecture.imports")
@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_a_planted_violation_breaks_the_build(tree: Path, contract: str) -> None:
    """Each contract catches what it is there for."""
    for file, line in PLANTED[contract].items():
        (tree / file).write_text(f"{line}\n", encoding="utf-8")
    result = lint(tree, contract)
    assert result.returncode == 1, result.stdout
    assert "planted" in result.stdout


@guarantees("architecture.imports")
def test_a_new_package_must_be_placed(tree: Path) -> None:
    """Nobody adds a folder beside the layers."""
    (tree / "erp_mcp" / "planted").mkdir()
    (tree / "erp_mcp" / "planted" / "__init__.py").write_text("", encoding="utf-8")
    result = lint(tree, "stack")
    assert result.returncode == 1
    assert "planted" in result.stdout


@guarantees("architecture.imports")
def test_every_adapter_kind_is_in_the_contract_of_strangers() -> None:
    """A kind that is not listed could lean on another one unseen."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = next(c for c in config["tool"]["importlinter"]["contracts"] if c["id"] == "kinds-are-strangers")["modules"]
    packages = {path.parent.name for path in (ROOT / "erp_mcp" / "adapters").glob("*/__init__.py")}
    folders = {name for name in packages if not name.startswith("_")}  # what kinds share
    assert {name.rsplit(".", 1)[1] for name in listed} == folders


@guarantees("architecture.imports", "mcp.fast_first_answer")
def test_the_path_of_a_call_loads_nothing_heavy() -> None:
    """What is imported while serving is paid for by every start and every megabyte of memory."""
    program = (
        "import sys, erp_mcp.gateway, erp_mcp.store.state, erp_mcp.store.read_model.reader, erp_mcp.analyses\n"
        "heavy = {'click', 'mcp', 'pydantic', 'ruamel', 'ruamel.yaml', 'sqlalchemy', 'sqlglot', 'yaml', 'httpx2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@guarantees("architecture.imports", "mcp.fast_first_answer")
def test_what_speaks_to_systems_is_loaded_with_the_first_system_and_not_before() -> None:
    """Whoever serves from the local copy alone never pays for HTTP, XML, a keyring or a database driver."""
    program = (
        "import sys, erp_mcp.bootstrap, erp_mcp.cli.serve, erp_mcp.store.traffic\n"
        "heavy = {'httpcore2', 'httpx2', 'keyring', 'lxml', 'psycopg', 'pyodata', 'sqlalchemy', 'sqlglot'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@guarantees("architecture.imports", "mcp.fast_first_answer")
def test_a_deployment_that_reads_does_not_load_what_writes() -> None:
    """Whoever may only read pays neither start-up nor memory for proposals; the first call that needs them does."""
    program = (
        "import sys, erp_mcp.gateway, erp_mcp.bootstrap, erp_mcp.store.read_model.reader\n"
        "parts = ('approval', 'commands', 'committing', 'preparing', 'proposing', 'domain.approver',\n"
        "         'domain.command', 'domain.proposal', 'store.state.approvers', 'store.state.proposals',\n"
        "         'store.state.switches')\n"
        "print([part for part in parts if f'erp_mcp.{part}' in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@guarantees("architecture.imports")
@pytest.mark.parametrize(
    "line",
    ["datetime.datetime.now()", "datetime.date.today()", "time.time()", "uuid.uuid4()"],
)
def test_clocks_and_ids_are_made_in_bootstrap_only(tree: Path, line: str) -> None:
    """Time and ids come through ports, or runs could not be repeated."""
    planted = tree / "erp_mcp" / "domain" / "planted.py"
    planted.write_text(f"import datetime\nimport time\nimport uuid\n\n{line}\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--select", "TID251", str(planted)]
    assert subprocess.run(command, cwd=tree, capture_output=True, check=False).returncode == 1
