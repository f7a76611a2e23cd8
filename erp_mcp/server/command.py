"""What `erp-mcp serve` serves: the session of one agent in one deployment."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import TYPE_CHECKING

from erp_mcp.server.session import Load, Session
from erp_mcp.server.sparing import built_when_used

if TYPE_CHECKING:
    from erp_mcp.domain.proposal import Proposal
    from erp_mcp.server.start import Run


def prepare(*, demo_dir: str, config: str, agent: str) -> Run:
    """Import what serving needs and return the server; a broken set-up shows when it loads, not here."""
    with contextlib.suppress(Exception):  # raised again, and told, by `load`
        importlib.import_module("erp_mcp.bootstrap")
    with built_when_used():
        from erp_mcp.server import app
    return functools.partial(app.run, session_of(demo_dir=demo_dir, config=config, agent=agent))


def session_of(*, demo_dir: str, config: str, agent: str) -> Load:
    """Return how to get the session for an agent (empty: the deployment's default) of the deployment named."""

    async def load() -> Session:
        from erp_mcp import answers, bootstrap, settings

        deployment = bootstrap.open_deployment(settings.find_file(config=config, demo_dir=demo_dir))

        def proposal(proposal_id: str) -> Proposal:
            return deployment.state.proposals.get(proposal_id)  # opened by the first who needs it

        def link(proposal_id: str) -> str:
            from erp_mcp.notices.composing import link_to

            notices = deployment.settings.notices
            return link_to(notices.page if notices is not None else "", proposal_id)

        async def close() -> None:
            await deployment.disconnect()
            deployment.close()

        return Session(
            gateway=deployment.gateway,
            principal=deployment.principal(agent),
            ids=deployment.ids,
            structured=answers.structured,
            text=answers.text,
            proposals=proposal,
            link=link,
            task_key=deployment.task_key,
            background=functools.partial(bootstrap.synchronise_beside, deployment.settings.file),
            close=close,
        )

    return load
