"""What a client will be able to do as an agent: told before it is installed, from the policy in force."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import NotAllowedError
from erp_mcp.policy import decide
from erp_mcp.policy.bundle import from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What one agent may do now.

    `reads` and `writes` are tools by name, `listed` how many tools the client is shown at once. `sites` is `None` where
    the role sees all. `known` are the agents of the policy in force; without a policy everything is empty.
    """

    agent: str
    role: str = ""
    owner: str = ""
    known: tuple[str, ...] = ()
    reads: tuple[Tool, ...] = ()
    writes: tuple[Tool, ...] = ()
    listed: int = 0
    sites: tuple[str, ...] | None = ()
    systems: tuple[tuple[str, str], ...] = ()  # name, profile
    takes_writes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the policy in force knows the agent."""
        return bool(self.role)

    @property
    def toolsets(self) -> tuple[str, ...]:
        """The toolsets of the reads, sorted."""
        return tuple(sorted({tool.toolset for tool in self.reads}))


def outlook(deployment: Deployment, agent: str) -> Outlook:
    """Return what an agent, empty for that of the configuration, may do under the policy in force."""
    systems = tuple((one.name, one.profile) for one in deployment.settings.systems)
    principal = deployment.principal(agent)
    digest, text = deployment.state.bundles.active()
    if not digest:
        return Outlook(agent=principal.agent, systems=systems)
    bundle = from_json(text, digest)
    known = tuple(bundle.agents)
    try:
        principal = decide.identify(bundle, principal.agent)
    except NotAllowedError:
        return Outlook(agent=principal.agent, known=known, systems=systems)
    tools = decide.visible(bundle, principal, deployment.catalog)
    return Outlook(
        agent=principal.agent,
        role=principal.role,
        owner=principal.owner,
        known=known,
        reads=tuple(tool for tool in tools if tool.effect == "read"),
        writes=tuple(tool for tool in tools if tool.effect == "write"),
        listed=len(deployment.gateway.tools(principal)),
        sites=bundle.roles[principal.role].sites,
        systems=systems,
        takes_writes=tuple(sorted(name for name, takes in deployment.writable.items() if takes)),
    )
