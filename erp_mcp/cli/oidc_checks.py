"""What `erp-mcp doctor` finds about signing in to the page at an OpenID provider."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Final

from erp_mcp import administration
from erp_mcp.administration import accounts
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.checkup import Check
from erp_mcp.cli.options import counted
from erp_mcp.cli.web import NEEDS, PORT
from erp_mcp.domain.approver import OidcApprover
from erp_mcp.errors import GatewayError

_NAME: Final = "sign-in"


def oidc_checks(deployment: Deployment, *, connect: bool) -> Iterator[Check]:
    """Yield whether people can sign in at the provider and decide; nothing where none is configured."""
    settings = deployment.settings.oidc
    if settings is None:
        return
    known = [one for one in administration.trusted(deployment).values() if isinstance(one, OidcApprover)]
    if not accounts.page_enrolments(deployment):
        advice = "Run `erp-mcp approvals enrol-page`; until then the page does not start."
        yield Check(name=_NAME, status="bad", detail="the page has no key to sign with", advice=advice)
        return
    enrolled = sum(any(issuer == settings.issuer for issuer, _ in one.subjects) for one in known)
    told = f"{settings.issuer}, {counted(enrolled, 'approver')} enrolled there"
    if not enrolled:
        advice = "Enrol somebody: `erp-mcp approvals enrol ID --oidc-subject SUBJECT`."
        yield Check(name=_NAME, status="note", detail=told, advice=advice)
        return
    problem = _asked(deployment) if connect else ""
    if problem:
        advice = "Look at issuer, networks and origins under `web: oidc:`; docs/page.md says what each is."
        yield Check(name=_NAME, status="bad", detail=f"{told}; {problem}", advice=advice)
        return
    yield Check(name=_NAME, status="ok", detail=f"{told}; {'it answers' if connect else '--connect would call it'}")


def _asked(deployment: Deployment) -> str:
    """Ask the provider what it says of itself; return what is wrong, empty for nothing."""
    if any(importlib.util.find_spec(name) is None for name in NEEDS):
        return "the page is not installed here: pip install 'erp-mcp-gateway[web]'"
    from erp_mcp import web

    provider = web.Office(deployment=deployment, origin=web.Origin(host="127.0.0.1", port=PORT)).provider
    try:
        if provider is not None:
            provider.told()
    except GatewayError as error:
        return f"{error.summary} {error.facts.get('reason', '')} [{error.code}]"
    return ""
