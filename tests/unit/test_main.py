"""Which way a command line takes."""

from __future__ import annotations

import pytest

from erp_mcp.__main__ import ServeOptions, serve_options
from tests.guarantees import guarantees


@guarantees("mcp.fast_first_answer")
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["serve"], ServeOptions()),
        (["serve", "--demo-dir", "d", "--as=buyer"], ServeOptions(demo_dir="d", agent="buyer")),
        (["serve", "--config=a=b.yaml"], ServeOptions(config="a=b.yaml")),
    ],
)
def test_plain_serve_goes_the_short_way(arguments: list[str], options: ServeOptions) -> None:
    """The command line's library alone would cost more than the whole first answer."""
    assert serve_options(arguments) == options


@guarantees("cli.teaches")
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["demo"],
        ["serve", "--help"],
        ["serve", "--as"],
        ["serve", "--as="],
        ["serve", "--as", "--config"],
        ["serve", "--as", "a", "--as", "b"],
        ["serve", "--nonsense", "x"],
        ["serve", "stray"],
    ],
)
def test_everything_else_goes_to_the_command_line_that_explains_itself(arguments: list[str]) -> None:
    """Mistakes get help, not a guess."""
    assert serve_options(arguments) is None
