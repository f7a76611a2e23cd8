"""`erp-mcp systems declare`: what an operator states about the licensed way into a system, before it is opened."""

from __future__ import annotations

import click

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import account, opened
from erp_mcp.cli.systems_show import shown
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.nearest import nearest
from erp_mcp.errors import SystemNotConfiguredError


@click.command(
    short_help="Declare the licensed way into a system.",
    epilog="""
\b
Examples:
  erp-mcp systems declare sap --by "Ina Berg" \\
      --pathway "Digital Access licence 4711, APIs released for partners"
  erp-mcp systems declare sap --withdraw
""",
)
@click.argument("name")
@click.option("--by", "person", default="", metavar="PERSON", help="Who answers for it.")
@click.option("--pathway", default="", metavar="TEXT", help="Under which licence and by which interfaces.")
@click.option("--withdraw", is_flag=True, help="Take it back: nothing reads or writes the system any more.")
@deployment_options
@json_option
@clear_errors
def declare(name: str, person: str, pathway: str, *, withdraw: bool, config: str, demo_dir: str, as_json: bool) -> None:
    """Declare the licensed way into a system whose maker asks for one; until then it stays off.

    The declaration is recorded in the audit log. It holds for this system, profile, profile version and address:
    whoever changes one of them declares again.
    """
    if withdraw and (person or pathway):
        raise click.UsageError("--withdraw takes neither --by nor --pathway.")
    if not withdraw and not (person and pathway):
        raise click.UsageError("Say who answers for it and what they declare: --by PERSON --pathway TEXT.")
    with opened(config, demo_dir) as deployment:
        _check_name(deployment, name)
        told = _withdrawn(deployment, name) if withdraw else _declared(deployment, name, person, pathway)
    if as_json:
        print_json(told)
    elif withdraw:
        word = "is withdrawn; nothing opens the system any more" if told["withdrawn"] else "was not there"
        click.echo(f"The declaration of {name} {word}.")
    else:
        click.echo(f"Declared: {name} may be opened ({told['declaration']}), {shown(person)} answers for it.")
        click.echo(f"  → erp-mcp systems probe {name}; servers that run already begin to read it when they restart")


def _check_name(deployment: Deployment, name: str) -> None:
    """Refuse a name that is neither configured nor declared: a system taken out can still be withdrawn."""
    known = {*(system.name for system in deployment.settings.systems), *deployment.state.declarations.all()}
    if name not in known:
        meant = nearest(name, known)
        raise SystemNotConfiguredError(system=name[:64], **({"suggestion": meant} if meant else {}))


def _declared(deployment: Deployment, name: str, person: str, pathway: str) -> dict[str, JsonValue]:
    declared = deployment.declare(name, by=person, pathway=pathway, account=account())
    return {"system": name, "declaration": declared.name, "by": declared.by, "pathway": declared.pathway}


def _withdrawn(deployment: Deployment, name: str) -> dict[str, JsonValue]:
    return {"system": name, "withdrawn": deployment.state.declarations.withdraw(name, account=account())}
