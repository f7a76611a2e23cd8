"""What the kill switch can be pressed for: the names that something of a deployment has."""

from __future__ import annotations

from erp_mcp.bootstrap import Deployment
from erp_mcp.errors import GatewayError
from erp_mcp.policy.bundle import from_json


def write_scopes(deployment: Deployment) -> list[str]:
    """Return the scopes of the kill switch beside `all`: agents, systems that take writes, tools that write.

    What can't be read now is left out: a broken catalogue must not keep anybody from stopping all.
    """
    return [*_agents(deployment), *_systems(deployment), *_tools(deployment)]


def _agents(deployment: Deployment) -> list[str]:
    try:
        digest, text = deployment.state.bundles.active()
        return sorted(f"agent:{one}" for one in from_json(text, digest).agents) if digest else []
    except GatewayError:
        return []


def _systems(deployment: Deployment) -> list[str]:
    return sorted(f"system:{one.name}" for one in deployment.settings.systems if one.write is not None)


def _tools(deployment: Deployment) -> list[str]:
    try:
        return sorted(f"tool:{tool.name}" for tool in deployment.catalog_now() if tool.effect == "write")
    except GatewayError:
        return []
