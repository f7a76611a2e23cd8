"""The act of `erp-mcp policy apply`: what becomes allowed is shown, a person is asked, an approver signs for writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from erp_mcp import administration
from erp_mcp.administration import Activation
from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.passphrase import is_terminal
from erp_mcp.cli.person import account, ask, signing, voucher
from erp_mcp.errors import PolicyNeedsApproverError
from erp_mcp.policy.left_to_people import refusing

DEMO_ADMIN: Final = "demo-admin"
DEMO_CONTROLLER: Final = "demo-controller"  # beside demo-approver, where two have to decide


def apply(deployment: Deployment, plan: Activation, *, approver: str, file: str, yes: bool) -> None:
    """Make a plan count, after whatever it needs: a yes where more becomes allowed, a signature where writes are.

    A policy without any write asks nothing. Where writes are new or on new terms, somebody must have looked: without a
    terminal only `--yes` says so.

    Raises:
        PolicyNeedsApproverError: `policy.needs_approver`, where nobody is enrolled; otherwise as
            `administration.apply_policy`. click.UsageError: it has to be asked, and there is no terminal.
    """
    by = account() or "unknown"
    if not plan.needs_approver:
        administration.apply_policy(deployment, applied_by=by, activation=plan)
        return
    if not administration.trusted(deployment):
        tools = tuple(sorted(plan.bundle.writes))
        raise PolicyNeedsApproverError(tools=tools, reason="nobody is enrolled yet: erp-mcp approvals enrol ID")
    signer = _signer(deployment, approver)
    for line in _places(deployment, plan):
        click.secho(line, fg="yellow", err=True)
    if not yes and plan.new_writes:
        ask(f"Let this be written, once a person has approved it each time, as {signer}?")
    elif not yes and plan.newly_allowed and is_terminal():
        ask("Make this count?")
    signing(
        deployment,
        signer,
        file,
        lambda one: administration.apply_policy(deployment, applied_by=by, signing=one, activation=plan),
    )
    click.echo(f"Signed by {signer}, since it allows writes: {', '.join(sorted(plan.bundle.writes))}", err=True)


def warn(deployment: Deployment, plan: Activation) -> None:
    """Say which people a plan names as approvers who are none, and which writes refuse by themselves.

    It may be meant so, so nothing is refused.
    """
    for one in administration.unenrolled(deployment, plan.bundle):
        click.secho(f"{one}: they decide about nothing until `erp-mcp approvals enrol`.", fg="yellow", err=True)
    for write in refusing(plan.bundle, deployment.catalog):
        click.secho(str(write), fg="yellow", err=True)


def _places(deployment: Deployment, plan: Activation) -> Iterator[str]:
    """Yield where writes go that did not go there, or not like this, when an approver last signed."""
    for one in map(deployment.system, plan.moved):
        account = one.write.account if one.write is not None else ""
        by = f", account {account}" if account else ""
        where = visible(f"{one.name}: {one.url} {one.database}".rstrip() + f" (profile {one.profile}{by})")
        yield f"+ writes go to {where}, as it is configured now"


def _signer(deployment: Deployment, named: str) -> str:
    is_demo = deployment.settings.environment == "demo"
    if not named and is_demo and DEMO_ADMIN in administration.trusted(deployment):
        return DEMO_ADMIN
    return voucher(deployment, named)
