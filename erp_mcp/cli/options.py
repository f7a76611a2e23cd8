"""Options and output that the commands share."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, ParamSpec

import click

from erp_mcp import settings
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import CallerError, DeniedError, GatewayError

Parameters = ParamSpec("Parameters")


def deployment_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Add `--config` and `--demo-dir`; the command gets both as text (empty when absent)."""
    config = click.option("--config", default="", metavar="FILE", help="Configuration file of the deployment.")
    demo = click.option("--demo-dir", default="", metavar="DIR", help="Use the demo plant in DIR (see `erp-mcp demo`).")
    return config(demo(command))


def json_option(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Add `--json`, for programs; the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def load_settings(config: str, demo_dir: str) -> settings.Settings:
    """Return the settings that the options name."""
    return settings.load(settings.find_file(config=config, demo_dir=demo_dir))


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
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _leave(error: GatewayError, *, as_json: bool) -> NoReturn:
    status = 2 if isinstance(error, CallerError) else 3 if isinstance(error, DeniedError) else 1
    facts = {name: list(fact) if isinstance(fact, tuple) else fact for name, fact in error.facts.items()}
    if as_json:
        click.echo(
            json.dumps(
                {"error": {"code": error.code, "summary": error.summary, "advice": error.advice, "facts": facts}}
            )
        )
        sys.exit(status)
    place = ":".join(str(facts[name]) for name in ("file", "line") if facts.get(name))
    reason = " — ".join(str(facts[name]) for name in ("key", "reason") if facts.get(name))
    rest = ", ".join(f"{name}: {fact}" for name, fact in facts.items() if name not in ("file", "line", "key", "reason"))
    click.secho(f"{error.summary} [{error.code}]", fg="red", err=True)
    for detail in (" ".join(part for part in (place, reason) if part), rest):
        if detail:
            click.echo(f"  {detail}", err=True)
    click.echo(f"  → {error.advice}", err=True)
    sys.exit(status)
