"""What agents have read that outsiders wrote, how long it counts, and a person's word that it is of no concern."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp import administration
from erp_mcp.approval import taint
from erp_mcp.errors import (
    BadPassphraseError,
    BusyError,
    DeniedError,
    InvalidArgumentError,
    NotTaintedError,
    SignInAgainError,
    TooManyTriesError,
)
from erp_mcp.web.proving import Account, account_of
from erp_mcp.web.times import local, until
from erp_mcp.web.visit import Answer, GoTo, Shown, Visit

_MAX_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An agent whose proposals take one more person now; `may_clear` is of the person who looks."""

    agent: str
    since: str
    ago: str
    left: str
    fields: tuple[str, ...]
    may_clear: bool
    account: Account | None


def show(visit: Visit) -> Answer:
    """Show the agents for which what they read counts now."""
    return _page(visit)


def clear(visit: Visit) -> Answer:
    """Sign that what an agent has read is of no concern; what it reads after that counts again."""
    office, who, agent = visit.office, visit.person, visit.form.get("agent", "")
    if visit.form.get("since", "") not in {one.since for one in administration.tainted(office.deployment)}:
        return _page(visit, "It has read more since this page was made. Look again.", 409)
    try:
        reason = visit.text("reason", least=1, most=_MAX_REASON, label="reason")
        with office.sessions.proving(who, visit.form.get("passphrase", "")[:1024]) as signing:
            administration.clear_taint(office.deployment, agent, signing, reason)
    except BadPassphraseError:
        return _page(visit, "That is not your passphrase; nothing was signed.", 403)
    except SignInAgainError:
        return _page(visit, "Sign in once more for this. Nothing was signed.", 403)
    except TooManyTriesError as slow:
        wait = slow.facts["retry_after_s"]
        return _page(visit, f"Wrong several times in a row: wait {wait} seconds. Nothing was signed.", 429)
    except BusyError:
        return _page(visit, "Too many people sign at this moment. Nothing was signed: try again.", 503)
    except InvalidArgumentError:
        return _page(visit, "Say why: whoever looks at what this agent did later will want to know.", 400)
    except (NotTaintedError, DeniedError) as refusal:
        return _page(visit, refusal.summary, 409 if isinstance(refusal, NotTaintedError) else 403)
    return GoTo(address="/taint")


def _page(visit: Visit, problem: str = "", status: int = 200) -> Shown:
    deployment, zone = visit.office.deployment, visit.office.zone
    principals = administration.agents(deployment)
    rows = [
        (
            Row(
                agent=one.agent,
                since=local(one.since, zone),
                ago=until(one.since, visit.now),
                left=until(one.until, visit.now),
                fields=one.fields,
                may_clear=taint.may_clear(visit.person.approver, principals[one.agent]),
                account=account_of(visit, taint.asked_for(one.agent)),
            ),
            one.since,
        )
        for one in administration.tainted(deployment)
    ]
    facts = {"rows": rows, "clear": visit.form_token("/taint"), "problem": problem}
    return Shown(template="outsiders.html", facts=facts, status=status)
