"""README and docs say what is there: links lead somewhere, commands exist, every page is linked."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from erp_mcp.cli.app import COMMANDS, main
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^(?:\.venv/bin/)?erp-mcp ([a-z]+)(?: ([a-z]+))?", flags=re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def command_of(words: tuple[str, ...]) -> click.Command:
    """Return the command of its words."""
    context = click.Context(main)
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None, words
        command = found
    return command


@guarantees("docs.agree")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    """A dead link is a page that nobody read after writing it."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@guarantees("docs.agree")
def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    """A page that can't be found from the first one might as well not exist."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in readme] == []


@guarantees("docs.agree", "cli.teaches")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_in_pages_exist(page: Path) -> None:
    """What a page tells people to type must work."""
    for line in page.read_text(encoding="utf-8").splitlines():
        match = COMMAND.match(line.strip())
        if match is None or match[1] not in COMMANDS:
            continue
        command = command_of((match[1],))
        if isinstance(command, click.Group) and match[2]:
            command = command_of((match[1], match[2]))
        options = {one for parameter in command.params for one in (*parameter.opts, *parameter.secondary_opts)}
        known = options | {"--help", "--version"}
        assert set(OPTION.findall(line)) <= known, line


@guarantees("cli.teaches")
def test_every_command_teaches_with_an_example() -> None:
    """`--help` is where most people look, and many look nowhere else."""
    for name in COMMANDS:
        command = command_of((name,))
        leaves = (
            [command_of((name, child)) for child in command.commands] if isinstance(command, click.Group) else [command]
        )
        for leaf in leaves:
            assert leaf.help, name
            assert f"erp-mcp {name}" in (leaf.epilog or "") + (command.epilog or ""), f"{name} {leaf.name}"


@guarantees("cli.teaches")
@pytest.mark.parametrize("words", [("health",), ("secrets",), ("systems",)], ids=" ".join)
def test_help_fits_a_terminal_of_eighty_columns(words: tuple[str, ...]) -> None:
    """An example that wraps can't be read, and a summary that is cut says nothing."""
    group = command_of(words)
    subcommands = group.commands.values() if isinstance(group, click.Group) else ()
    for command in (group, *subcommands):
        context = click.Context(command, info_name="erp-mcp ", terminal_width=80)
        lines = command.get_help(context).splitlines()[1:]  # the first is `Usage: … [ARGS]...`
        assert [line for line in lines if len(line) > 80 or line.endswith("...")] == []
