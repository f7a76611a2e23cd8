"""`erp-mcp`: `serve` goes the short way to its first answer, every other command through the command line."""

from __future__ import annotations

import atexit
import gc
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from erp_mcp.server.start import Run


class ServeOptions(NamedTuple):
    """The options of `serve`, empty where not given."""

    demo_dir: str = ""
    config: str = ""
    agent: str = ""


_OPTIONS = {"--demo-dir": "demo_dir", "--config": "config", "--as": "agent"}
_YOUNG = 50_000  # objects made until the collector looks: what a command imports stays, so looking sooner finds nothing


def main() -> None:
    """Run the command of this process's arguments and exit with its status."""
    atexit.register(
        gc.freeze
    )  # what is there at the end goes with the process; to look through it takes a sixth of all
    options = serve_options(sys.argv[1:])
    if options is None:
        gc.set_threshold(_YOUNG, 20, 20)
        from erp_mcp.cli.app import main as command_line

        command_line()
    else:
        sys.exit(serve(options))


def serve(options: ServeOptions) -> int:
    """Serve MCP over standard input and output; return the exit status."""
    from erp_mcp.server import start

    def prepare() -> Run:
        from erp_mcp.server import command

        return command.prepare(demo_dir=options.demo_dir, config=options.config, agent=options.agent)

    return start.serve(prepare)


def serve_options(arguments: list[str]) -> ServeOptions | None:
    """Return the options of a plain `serve`; `None` for anything else, `--help` and mistakes included."""
    if arguments[:1] != ["serve"]:
        return None
    given: dict[str, str] = {}
    rest = iter(arguments[1:])
    for argument in rest:
        name, sign, value = argument.partition("=")
        field = _OPTIONS.get(name)
        if field is None or field in given:
            return None
        value = value if sign else next(rest, "")
        if not value or value.startswith("--"):
            return None
        given[field] = value
    return ServeOptions(**given)


if __name__ == "__main__":
    main()
