"""The contract suites as options of pytest, for packages that hold an adapter and no test of it yet.

    pytest --erp-mcp-adapter PACKAGE.MODULE:SOURCE      what reads
    pytest --erp-mcp-commands PACKAGE.MODULE:SOURCE     what writes

SOURCE is a class or function that gives a `ContractSource` (`CommandSource`): called with a fresh folder where it takes
one argument, entered where it is a context manager, plain or async. Nothing else is collected unless files are named.

pytest imports this in every project that has the package installed, so it imports nothing of ours before it is used.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final, cast

import pytest

pytest.register_assert_rewrite(
    "erp_mcp.testing.adapter_contract", "erp_mcp.testing.command_contract", "erp_mcp.testing.passes"
)
_SUITES: Final = {"--erp-mcp-adapter": "AdapterContract", "--erp-mcp-commands": "CommandContract"}
_NAMED: Final = "erp_mcp_contracts"
_FORM: Final = "PACKAGE.MODULE:SOURCE"
_MAX_REASON: Final = 300


@dataclass(slots=True, kw_only=True)
class _Run:
    """One suite against one source, and what came out."""

    suite: str
    source: str
    factory: Callable[..., object]
    requirements: int = 0
    passed: int = 0
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)  # test → (what it means, why it failed)

    @property
    def node(self) -> str:
        """The first part of the node ids of its tests."""
        return self.source


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("erp-mcp", "contract suites of erp-mcp")
    group.addoption(
        "--erp-mcp-adapter", action="append", default=[], metavar=_FORM, help="Prove that it is an adapter."
    )
    told = "Prove that what writes has one effect and honest outcomes."
    group.addoption("--erp-mcp-commands", action="append", default=[], metavar=_FORM, help=told)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Find the sources named, and collect nothing else where no file is named."""
    named = [(suite, source) for option, suite in _SUITES.items() for source in config.getoption(option)]
    if not named:
        return
    _check_asyncio(config)
    # An empty folder has no configuration that pytest-asyncio could find fault with; the suites say their own scope.
    warnings.filterwarnings("ignore", message="(?s).*asyncio_default_fixture_loop_scope.*")
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.append(here)  # `pytest` alone does not look where it was started
    runs = [_Run(suite=suite, source=source, factory=_factory(source)) for suite, source in named]
    config.pluginmanager.register(_Contracts(runs), _NAMED)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = []


class _Contracts:
    """Collects the suites, counts what becomes of them, and says it in words."""

    def __init__(self, runs: list[_Run]) -> None:
        self._runs = runs

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Put the tests of the suites first."""
        for run in reversed(self._runs):
            found = list(session.genitems(_ContractModule.of(session, run)))
            run.requirements = len(found)
            items[:0] = found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count an outcome; a failure of the source itself, before or after the test, is one as well."""
        run = next((one for one in self._runs if report.nodeid.startswith(f"{one.node}::{one.suite}::")), None)
        if run is None:
            return
        name = report.nodeid.rpartition("::")[2]
        if report.failed:
            run.failed[name] = (_meaning(run.suite, name), _reason(report))
        elif report.when == "call" and report.passed and name not in run.failed:
            run.passed += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which suite holds, and of what does not hold what it means."""
        if terminalreporter.config.option.collectonly:
            return
        for run in self._runs:
            terminalreporter.section(f"{run.suite}: {run.source}")
            for line in _words(run):
                terminalreporter.line(line)


class _ContractModule(pytest.Module):
    """A module that nobody wrote: the suite with its source as the fixture."""

    run: _Run

    @classmethod
    def of(cls, session: pytest.Session, run: _Run) -> _ContractModule:
        path = Path(session.config.invocation_params.dir) / run.source
        module = cls.from_parent(session, path=path, name=run.source, nodeid=run.node)
        module.run = run
        return module

    def _getobj(self) -> ModuleType:
        module = ModuleType(self.run.source)
        setattr(module, self.run.suite, _suite_class(self.run))
        return module

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield the one class, whatever the project calls its test classes."""
        yield pytest.Class.from_parent(self, name=self.run.suite)


def _suite_class(run: _Run) -> type:
    import pytest_asyncio

    suite = getattr(importlib.import_module("erp_mcp.testing"), run.suite)

    @pytest_asyncio.fixture(loop_scope="function")
    async def source(_: object, tmp_path: Path) -> AsyncIterator[object]:
        made = run.factory(tmp_path) if _takes_one(run.factory) else run.factory()
        if isinstance(made, AbstractAsyncContextManager):
            async with made as entered:
                yield entered
        elif isinstance(made, AbstractContextManager):
            with made as entered:
                yield entered
        else:
            yield made

    return type(run.suite, (suite,), {"source": source, "pytestmark": [pytest.mark.asyncio(loop_scope="function")]})


def _factory(named: str) -> Callable[..., object]:
    """Return the source that an option names.

    Raises:
        pytest.UsageError: it can't be found, or is nothing that can be called.
    """
    module, colon, name = named.partition(":")
    if not colon or not module or not name.isidentifier():
        raise pytest.UsageError(f"{named!r} has not the form {_FORM}")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as failure:
        reason = f"{type(failure).__name__}: {failure}"
        raise pytest.UsageError(f"{module} can't be imported: {reason}; is the package installed?") from failure
    if not callable(found):
        raise pytest.UsageError(f"{module} has no class or function {name!r} that gives a source")
    return cast("Callable[..., object]", found)


def _takes_one(factory: Callable[..., object]) -> bool:
    parameters = inspect.signature(factory).parameters.values()
    return any(
        one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD} and one.default is one.empty for one in parameters
    )


def _check_asyncio(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("asyncio"):
        raise pytest.UsageError('the contract suites need pytest-asyncio: install "erp-mcp-gateway[testing]"')


def _meaning(suite: str, test: str) -> str:
    """Return why a test of a suite is there, in its own words."""
    function = getattr(getattr(importlib.import_module("erp_mcp.testing"), suite), test.partition("[")[0], None)
    return (inspect.getdoc(function) or "").strip().replace("\n", " ")


def _reason(report: pytest.TestReport) -> str:
    """Return the line that says what went wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    where = "" if report.when == "call" else "before the test, in the source: "
    return f"{where}{line[:_MAX_REASON]}"


def _words(run: _Run) -> Iterator[str]:
    noun = "adapter" if run.suite == "AdapterContract" else "implementation of commands"
    if not run.failed:
        whole = run.passed == run.requirements > 0
        yield f"All {run.passed} requirements hold." if whole else f"{run.passed} of {run.requirements} ran and hold."
        return
    if not run.passed and len({reason for _, reason in run.failed.values()}) == 1:
        yield f"Nothing could be tried: {next(iter(run.failed.values()))[1]}"
        return
    yield f"{run.passed} requirements hold, {len(run.failed)} do not; this is no {noun} yet:"
    for test, (meaning, reason) in run.failed.items():
        yield ""
        yield f"  {test.removeprefix('test_').replace('_', ' ')}"
        yield f"    why it matters: {meaning}"
        yield f"    what happened:  {reason}"
    option = next(option for option, suite in _SUITES.items() if suite == run.suite)
    first = next(iter(run.failed)).partition("[")[0]
    yield ""
    yield f"One alone, with everything it says: pytest {option} {run.source} -k {first} -vv"
