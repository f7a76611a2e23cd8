"""Options and output that the commands share."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, ParamSpec

import click

from erp_mcp import settings
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.nearest import nearest
from erp_mcp.errors import CallerError, DeniedError, GatewayError

Parameters = ParamSpec("Parameters")


_CONFIG_DEFAULT: Final = "$ERP_MCP_CONFIG, else ./erp-mcp.yaml, else the user's own"
_SERVE_DEFAULT: Final = "$ERP_MCP_CONFIG, else the user's own; never that of the working directory"


def deployment_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Add `--config` and `--demo-dir`; the command gets both as text (empty when absent)."""
    return _deployment_options(command, _CONFIG_DEFAULT)


def serve_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Add the same options to `serve`, which a client starts in anybody's directory."""
    return _deployment_options(command, _SERVE_DEFAULT)


def _deployment_options(command: Callable[Parameters, None], default: str) -> Callable[Parameters, None]:
    told = f"Configuration file of the deployment.  [default: {default}]"
    config = click.option("--config", default="", metavar="FILE", help=told)
    demo = click.option("--demo-dir", default="", metavar="DIR", help="Use the demo plant in DIR (see `erp-mcp demo`).")
    return config(demo(command))


def json_option(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Add `--json`, for programs; the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def deployment_file(config: str, demo_dir: str) -> Path:
    """Return the configuration file that a person's command is about; it may not exist.

    Raises:
        click.UsageError: both options are given.
    """
    if config and demo_dir:
        raise click.UsageError("--config and --demo-dir name two deployments: give one of them.")
    return settings.find_file(config=config, demo_dir=demo_dir, working=Path.cwd())


def any_deployment(config: str, demo_dir: str) -> Path | None:
    """Return the configuration file for commands that also work without one, on what is shipped.

    One that is named, by an option or the environment, must be there: what was asked about is never replaced.
    """
    file = deployment_file(config, demo_dir)
    named = config or demo_dir or os.environ.get(settings.ENVIRONMENT_VARIABLE)
    return file if named or file.is_file() else None


def clear_errors(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn errors of the taxonomy into one clear message on stderr and an exit status.

    Status 2: the call or a file is wrong. 3: refused by policy. 1: anything else.
    """

    @functools.wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            command(*arguments, **options)
        except GatewayError as error:
            _leave(error, as_json=bool(options.get("as_json")))

    return run


def print_json(value: Mapping[str, JsonValue] | Sequence[JsonValue]) -> None:
    """Print one JSON document to stdout."""
    click.echo(json_text(value, indent=2))


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return JSON that a terminal shows as it is: what is not printable stands there escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)


def printable(text: str) -> str:
    """Return a text for a terminal; what is not printable, and could move or hide the rest, stands there as its code.

    Names in a file that is wrong are anybody's words who may edit the file.
    """
    return "".join(one if one.isprintable() else f"⟨U+{ord(one):04X}⟩" for one in text)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> dict[str, str]:
    """Return the facts of an unknown name: the name itself, cut, and the one that was probably meant."""
    meant = nearest(name, known)
    return {kind: name[:64], **({"suggestion": meant} if meant else {})}


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 rule, 2 rules."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _leave(error: GatewayError, *, as_json: bool) -> NoReturn:
    status = 2 if isinstance(error, CallerError) else 3 if isinstance(error, DeniedError) else 1
    facts = error.json_facts
    if as_json:
        click.echo(
            json_text({"error": {"code": error.code, "summary": error.summary, "advice": error.advice, "facts": facts}})
        )
        sys.exit(status)
    click.secho(f"{error.summary} [{error.code}]", fg="red", err=True)
    for detail in details(error):
        click.echo(f"  {detail}", err=True)
    click.echo(f"  → {error.advice}", err=True)
    sys.exit(status)


def details(error: GatewayError) -> list[str]:
    """Return the facts of an error for people: place, key and reason on one line, the rest on another."""
    facts = {name: ", ".join(fact) if isinstance(fact, tuple) else fact for name, fact in error.facts.items()}
    place = ":".join(str(facts[name]) for name in ("file", "line") if facts.get(name))
    reason = " — ".join(str(facts[name]) for name in ("key", "reason") if facts.get(name))
    told = ("file", "line", "key", "reason")
    rest = ", ".join(f"{name}: {fact}" for name, fact in facts.items() if name not in told and fact not in {"", 0})
    return [printable(line) for line in (": ".join(part for part in (place, reason) if part), rest) if line]
