"""`erp-mcp web`: the approver's page."""

from __future__ import annotations

import importlib.util
import re
from typing import Final

import click

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.options import clear_errors, deployment_file, deployment_options
from erp_mcp.errors import ConfigurationError

NEEDS: Final = ("jinja2", "jwt", "starlette", "uvicorn")
PORT: Final = 8321
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")


@click.command(
    short_help="Serve the page where people decide.",
    epilog="""
\b
Examples:
  erp-mcp web --demo-dir DIR                 the page of the demo plant
  erp-mcp web                                http://127.0.0.1:8321
  erp-mcp web --no-worker                    a worker runs elsewhere
  erp-mcp web --public-url https://approvals.example.com
  erp-mcp web --public-url https://tools.example.com/approvals \\
      --client-header X-Real-IP
  erp-mcp web --host 10.0.0.5 --tls-certificate CHAIN --tls-key KEY

\b
Approvers sign in with their name and passphrase (`erp-mcp approvals enrol`),
or at an OpenID provider (`web: oidc:`).
docs/page.md says what the page protects against and what it does not.
""",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; this machine alone.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--public-url", default="", metavar="URL", help="https address of a proxy on this machine before it.")
@click.option("--client-header", default="", metavar="NAME", help="Header in which that proxy says who asks.")
@click.option("--tls-certificate", default="", metavar="FILE", help="Certificate chain, to end TLS here.")
@click.option("--tls-key", default="", metavar="FILE", help="Key of the certificate.")
@click.option("--no-worker", is_flag=True, help="Leave the writing to a worker that runs elsewhere.")
@deployment_options
@clear_errors
def command(
    *,
    host: str,
    port: int,
    public_url: str,
    client_header: str,
    tls_certificate: str,
    tls_key: str,
    no_worker: bool,
    config: str,
    demo_dir: str,
) -> None:
    """Serve the page where people see what agents propose, decide, stop writes, and look at unknown outcomes.

    It needs no script in the browser and works on a phone. A worker runs beside it, as a process of its own, as long
    as the page does.
    """
    _check_installed()
    from erp_mcp import web
    from erp_mcp.web.serving import Certificate
    from erp_mcp.web.supervising import Supervised

    if bool(tls_certificate) != bool(tls_key):
        raise click.UsageError("--tls-certificate and --tls-key belong together.")
    if client_header and not (public_url and _HEADER.fullmatch(client_header)):
        raise click.UsageError("--client-header takes the name of one header, and --public-url beside it.")
    origin = web.Origin(host=host, port=port, public=public_url.rstrip("/"), tls=bool(tls_certificate))
    origin.check()
    file = deployment_file(config, demo_dir)
    deployment = open_deployment(file)
    try:
        deployment.state.proposals.standing()  # what is broken is told here, not to the first who signs in
        office = web.Office(deployment=deployment, origin=origin, client_header=client_header)
        office.check()
        web.serve(
            office,
            worker=None if no_worker else Supervised(config=file),
            ready=lambda address: click.echo(f"The page answers at {address} — Ctrl-C or SIGTERM ends it.", err=True),
            certificate=Certificate(chain=tls_certificate, key=tls_key) if tls_certificate else None,
        )
    finally:
        deployment.close()


def _check_installed() -> None:
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"the page needs {', '.join(missing)}: pip install 'erp-mcp-gateway[web]'"
        raise ConfigurationError(key="web", reason=reason)
