"""What the kill switch can be pressed for: the names that something of a deployment has."""

from __future__ import annotations

from typing import Final

from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import GatewayError
from erp_mcp.policy.bundle import Bundle, from_json

_OPEN: Final = (State.AWAITING_APPROVAL, State.APPROVED, State.CLAIMED)


def write_scopes(deployment: Deployment) -> list[str]:
    """Return the scopes of the kill switch beside `all`: agents, sites, systems that take writes, tools that write.

    What can't be read now is left out: a broken catalogue must not keep anybody from stopping all.
    """
    return [*_agents(deployment), *_sites(deployment), *_systems(deployment), *_tools(deployment)]


def write_sites(deployment: Deployment) -> frozenset[str]:
    """Return the sites that writes can be stopped for: those of the policy, and those that open proposals are about.

    Raises:
        GatewayError: the applied policy, or what is open, can't be read.
    """
    open_now = deployment.state.proposals.in_states(_OPEN)
    policy = _policy(deployment)
    return frozenset(policy.sites if policy else ()).union(*(one.content.about("site") for one in open_now))


def _policy(deployment: Deployment) -> Bundle | None:
    digest, text = deployment.state.bundles.active()
    return from_json(text, digest) if digest else None


def _agents(deployment: Deployment) -> list[str]:
    try:
        policy = _policy(deployment)
        return sorted(f"agent:{one}" for one in policy.agents) if policy else []
    except GatewayError:
        return []


def _sites(deployment: Deployment) -> list[str]:
    try:
        return sorted(f"site:{one}" for one in write_sites(deployment))
    except GatewayError:
        return []


def _systems(deployment: Deployment) -> list[str]:
    return sorted(f"system:{one.name}" for one in deployment.settings.systems if one.write is not None)


def _tools(deployment: Deployment) -> list[str]:
    try:
        return sorted(f"tool:{tool.name}" for tool in deployment.catalog_now() if tool.effect == "write")
    except GatewayError:
        return []
