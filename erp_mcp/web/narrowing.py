"""Saying yes to less: work a smaller change out, see all of it as a proposal, and say yes to that one in its place."""

from __future__ import annotations

import asyncio

from erp_mcp import administration
from erp_mcp.administration import Narrowed
from erp_mcp.bootstrap import open_deployment
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import CallerError, DeniedError, FormNotOursError, GatewayError, NotSmallerError, RuleRefusedError
from erp_mcp.web import deciding, proposal
from erp_mcp.web.visit import Answer, GoTo, Visit
from erp_mcp.web.words import NOT_LOOKED, to_look_at


def work_out(visit: Visit) -> Answer:
    """Show the smaller change that the form asks for; nothing is stored by it."""
    deployment, who = visit.office.deployment, visit.person
    shown = deciding.shown(visit)
    administration.may_decide(deployment, shown, who.id, "approve")
    parts = administration.narrowable(shown.content)
    wanted = {one.path: visit.form.get(f"size {one.path}", one.value).strip() for one in parts if one.kind == "size"}
    sizes = {one.path: wanted[one.path] for one in parts if one.path in wanted and wanted[one.path] != one.value}
    gone = [one.path for one in parts if one.kind == "row" and visit.form.get(f"leave {one.path}") == "yes"]
    sizes = {path: size for path, size in sizes.items() if not any(path.startswith(f"{row}.") for row in gone)}
    try:
        made = asyncio.run(_worked_out(visit, shown, sizes, gone))
    except NotSmallerError as larger:
        return proposal.page(visit, f"{larger.summary} Nothing was changed.", 400)
    except RuleRefusedError as rule:
        told = str(rule.facts.get("message") or rule.summary)
        return proposal.page(visit, f"A rule refuses the smaller change: {told}", 400)
    except (CallerError, DeniedError) as wrong:
        return proposal.page(visit, f"{wrong.summary} {', '.join(_facts(wrong))}".strip(), 400)
    visit.office.drafts.keep(who.session.token_hash, made)
    return proposal.draft(visit, made)


def approve(visit: Visit) -> Answer:
    """Say yes to the smaller change that was shown; the larger one is rejected by that, in one act."""
    who = visit.person
    made = visit.office.drafts.of(who.session.token_hash, visit.form.get("digest", ""))
    if made is None or made.original.content.proposal_id != visit.path["id"]:
        raise FormNotOursError
    if (what := to_look_at(made.content, "you")) and visit.form.get("looked") != "yes":
        return proposal.draft(visit, made, NOT_LOOKED % what, 400)

    def act(signing: administration.Signing, words: str) -> Proposal:
        return administration.narrow(visit.office.deployment, made, signing, words)

    def again(problem: str, status: int) -> Answer:
        return proposal.draft(visit, made, problem, status)

    done = deciding.signed(visit, act, again, "comment")
    if not isinstance(done, Proposal):
        return done
    deciding.wait_for_receipt(visit, done)
    return GoTo(address=f"/proposals/{done.content.proposal_id}")


async def _worked_out(visit: Visit, shown: Proposal, sizes: dict[str, str], gone: list[str]) -> Narrowed:
    """Work it out on connections of its own: those that read belong to the thread and the loop that opened them."""
    own = open_deployment(visit.office.deployment.settings.file)
    try:
        return await administration.narrowed(own, shown, sizes, gone)
    finally:
        await own.disconnect()
        own.close()


def _facts(error: GatewayError) -> list[str]:
    return [f"{name}: {fact}" for name, fact in error.json_facts.items() if isinstance(fact, str) and fact]
