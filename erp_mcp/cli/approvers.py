"""`erp-mcp approvals enrol | revoke | approvers`: the people who may decide."""

from __future__ import annotations

from pathlib import Path

import click

from erp_mcp import administration
from erp_mcp.administration import Member, accounts
from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import approvers_root_file
from erp_mcp.cli import passphrase
from erp_mcp.cli.accounts import enrol_account, revoke_page
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import ask, opened, person_options, signing, voucher
from erp_mcp.domain.call import JsonValue


@click.command(
    short_help="Enrol ID as an approver, with a passphrase.",
    epilog="""
\b
Examples:
  erp-mcp approvals enrol anna --name "Anna Berg"   the first signs alone
  erp-mcp approvals enrol bert --as anna            one who is there vouches
  erp-mcp approvals enrol bert --new-passphrase-file NEW \\
      --as anna --passphrase-file FILE
  erp-mcp approvals enrol cleo --oidc-subject 8a1f… --as anna
""",
)
@click.argument("approver_id", metavar="ID")
@click.option("--name", default="", metavar="NAME", help="As people know them.  [default: the ID]")
@click.option(
    "--new-passphrase-file", default="", metavar="FILE", help="Owner-only file with the passphrase of the new approver."
)
@click.option(
    "--oidc-subject", default="", metavar="SUB", help="Their account at the provider of `web: oidc:`, for the page."
)
@person_options
@deployment_options
@json_option
@clear_errors
def enrol(
    approver_id: str,
    *,
    name: str,
    new_passphrase_file: str,
    oidc_subject: str,
    approver: str,
    passphrase_file: str,
    yes: bool,
    config: str,
    demo_dir: str,
    as_json: bool,
) -> None:
    """Enrol ID as an approver, with a passphrase that seals their key.

    The first approver signs for themselves, and their public key is written to a file that everything stands on. Each
    later one is signed for by an approver who is there (--as).

    With --oidc-subject they need no passphrase: they sign in to the page at the provider. Somebody who is enrolled
    already stays one person with both.
    """
    del yes  # nothing to ask: the passphrases are the answer
    if oidc_subject and new_passphrase_file:
        raise click.UsageError("An account at the provider has no passphrase here: leave --new-passphrase-file out.")
    with opened(config, demo_dir) as deployment:
        if oidc_subject:
            who = {"subject": oidc_subject, "approver": approver, "file": passphrase_file}
            enrol_account(deployment, approver_id, name, **who, as_json=as_json)
            return
        administration.check_new(deployment, approver_id, name)
        if administration.first_approver_missing(deployment):
            file = new_passphrase_file or passphrase_file
            secret = passphrase.chosen(deployment.settings, approver_id, file)
            enrolment = administration.enrol(deployment, approver_id, name, secret)
        else:
            by = voucher(deployment, approver)
            secret = passphrase.chosen(
                deployment.settings, approver_id, new_passphrase_file, option="--new-passphrase-file"
            )
            enrolment = signing(
                deployment,
                by,
                passphrase_file,
                lambda signer: administration.enrol(deployment, approver_id, name, secret, by=signer),
            )
        root = approvers_root_file(deployment.settings.state_dir)
    if as_json:
        print_json({"approver": enrolment.approver_id, "public_key": enrolment.public_key})
        return
    click.secho(f"Enrolled: {enrolment.approver_id} ({visible(enrolment.name)})", fg="green")
    click.echo(f"  key {enrolment.public_key[:16]}…, signed for by {enrolment.enrolled_by}")
    if enrolment.enrolled_by == enrolment.approver_id:
        click.echo(f"  {_rooted(root)}")


@click.command(
    short_help="End the enrolment of ID for good.",
    epilog="""
\b
Examples:
  erp-mcp approvals revoke bert --as anna
""",
)
@click.argument("approver_id", metavar="ID")
@person_options
@deployment_options
@json_option
@clear_errors
def revoke(
    approver_id: str, *, approver: str, passphrase_file: str, yes: bool, config: str, demo_dir: str, as_json: bool
) -> None:
    """End the enrolment of ID for good: what they approved and nobody has written yet is not written any more.

    Their key and their accounts at a provider end alike. `page:…` ends a page's key instead, and all it signed.
    Whom they enrolled stays enrolled. A policy that they signed allows no more writes until it is applied again.
    """
    with opened(config, demo_dir) as deployment:
        if approver_id.startswith("page:"):
            revoke_page(deployment, approver_id, approver=approver, file=passphrase_file, yes=yes, as_json=as_json)
            return
        administration.check_revocable(deployment, approver_id)
        by = voucher(deployment, approver)
        if not yes:
            ask(f"End the enrolment of {approver_id}, as {by}? It is final.")
        signing(
            deployment, by, passphrase_file, lambda signer: administration.revoke(deployment, approver_id, by=signer)
        )
        apply_again = administration.signature_missing(deployment)
    if as_json:
        print_json({"revoked": approver_id, "by": by, "apply_policy_again": apply_again})
        return
    click.secho(f"Revoked: {approver_id}", fg="green")
    if apply_again:
        click.echo("  They had signed the policy in force: it allows no more writes. Next: erp-mcp policy apply")


@click.command(
    name="approvers",
    epilog="""
\b
Examples:
  erp-mcp approvals approvers
  erp-mcp approvals approvers --json
""",
)
@deployment_options
@json_option
@clear_errors
def list_approvers(config: str, demo_dir: str, *, as_json: bool) -> None:
    """List who is enrolled, by whom, and who not any more."""
    with opened(config, demo_dir) as deployment:
        members, pages = administration.members(deployment), accounts.page_enrolments(deployment)
    if as_json:
        told: list[JsonValue] = [
            {"page": one.row_id, "public_key": one.public_key, "enrolled_by": one.enrolled_by} for one in pages
        ]
        print_json({"approvers": [_as_json(one) for one in members], "pages": told})
        return
    for one in members:
        who, state = one.enrolment, "in force" if one.in_force else f"revoked by {one.revoked_by}"
        if not one.in_force and not one.revoked_by:
            state = "does not count: enrolled by one who was revoked"
        click.echo(f"{who.approver_id:<16} {visible(who.name):<24} {state}")
        proves = (
            f"account {visible(one.account[1])} at {one.account[0]}" if one.account else f"key {who.public_key[:16]}…"
        )
        click.echo(f"{'':16} {proves}, enrolled {who.enrolled_at} by {who.enrolled_by}")
    for page in pages:
        click.echo(f"{page.row_id:<41} the key of a page, enrolled {page.enrolled_at} by {page.enrolled_by}")
    if not members:
        click.echo("Nobody is enrolled yet. Next: erp-mcp approvals enrol ID")


def _rooted(root: Path) -> str:
    return f"the first approver: everything stands on the public key in {root}"


def _as_json(member: Member) -> dict[str, JsonValue]:
    who = member.enrolment
    return {
        "approver": who.approver_id,
        "name": who.name,
        "public_key": who.public_key,
        "enrolled_by": who.enrolled_by,
        "enrolled_at": who.enrolled_at,
        "in_force": member.in_force,
        "account": {"issuer": member.account[0], "subject": member.account[1]} if member.account else None,
        "revoked_by": member.revoked_by,
    }
