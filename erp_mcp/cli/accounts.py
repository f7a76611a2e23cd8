"""`erp-mcp approvals enrol-page` and `enrol --oidc-subject`: people who sign in to the page at an OpenID provider."""

from __future__ import annotations

import click

from erp_mcp.administration import accounts
from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import ask, opened, person_options, signing, voucher
from erp_mcp.errors import ConfigurationError


@click.command(
    name="enrol-page",
    short_help="Enrol a key of the page, for people of `web: oidc:`.",
    epilog="""
\b
Examples:
  erp-mcp approvals enrol-page --as anna
""",
)
@person_options
@deployment_options
@json_option
@clear_errors
def enrol_page(*, approver: str, passphrase_file: str, yes: bool, config: str, demo_dir: str, as_json: bool) -> None:
    """Make and enrol a key with which the page signs what people decide who sign in at the provider.

    Its secret is written to a file that only its owner may read; run this as the account that runs the page, or hand
    the file over to it. The page speaks with it for people enrolled with --oidc-subject, and for nobody else.
    """
    with opened(config, demo_dir) as deployment:
        by = voucher(deployment, approver)
        if not yes:
            ask(f"Let the page sign for people who sign in at the provider, as {by}?")
        made = signing(deployment, by, passphrase_file, lambda signer: accounts.enrol_page(deployment, by=signer))
        file = accounts.page_secret_file(deployment)
    if as_json:
        print_json({"page": made.row_id, "public_key": made.public_key, "secret_file": str(file)})
        return
    click.secho(f"Enrolled: {made.row_id}", fg="green")
    click.echo(f"  its secret lies in {file}; only the account that runs the page has to read it")


def enrol_account(
    deployment: Deployment, approver_id: str, name: str, *, subject: str, approver: str, file: str, as_json: bool
) -> None:
    """Enrol somebody's account at the provider that is configured, and say so.

    Raises:
        ConfigurationError: `settings.bad_configuration`, where none is.
    """
    provider = deployment.settings.oidc
    if provider is None:
        raise ConfigurationError(key="web.oidc", reason="no provider is configured: docs/page.md says how")
    by = voucher(deployment, approver)
    made = signing(
        deployment,
        by,
        file,
        lambda signer: accounts.enrol_account(
            deployment, approver_id, name, issuer=provider.issuer, subject=subject, by=signer
        ),
    )
    if as_json:
        print_json({"approver": made.approver_id, "issuer": made.issuer, "subject": made.subject})
        return
    click.secho(f"Enrolled: {made.approver_id} ({visible(made.name)})", fg="green")
    click.echo(f"  account {visible(made.subject)} at {made.issuer}, signed for by {made.enrolled_by}")


def revoke_page(deployment: Deployment, row_id: str, *, approver: str, file: str, yes: bool, as_json: bool) -> None:
    """End the enrolment of a page's key, and say so."""
    by = voucher(deployment, approver)
    if not yes:
        ask(f"End the enrolment of {row_id}, as {by}? What it signed and nobody has written is not written then.")
    signing(deployment, by, file, lambda signer: accounts.revoke_page(deployment, row_id, by=signer))
    if as_json:
        print_json({"revoked": row_id, "by": by})
        return
    click.secho(f"Revoked: {row_id}", fg="green")
