"""What people approved under one policy is sent under the next one only where its rules are no stricter."""

from __future__ import annotations

import json
from typing import Final

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.writes import test_prices as prices
from tests.writes.desk import ADMIN, WriteDesk, passphrase_of

MOST: Final = "price_step_most_pct"
TOLD: Final = "price_step_told_pct"
PRICE: Final = "SELECT price FROM source_list WHERE mat_no = 'RM-002' AND vendor_no = 'S0014'"


def apply(desk: WriteDesk, **values: int) -> None:
    """Apply the policy of the desk with these parameters for purchase prices."""
    file = desk.directory / "policies" / "base.yaml"
    base: dict[str, JsonValue] = json.loads(file.read_text(encoding="utf-8"))
    base["parameters"] = [{"id": "prices", "tools": [prices.BUY], "values": {**values}}]
    file.write_text(json.dumps(base), encoding="utf-8")
    admin = Signing(approver_id=ADMIN, passphrase=passphrase_of(desk.directory, ADMIN))
    administration.apply_policy(desk.deployment, applied_by="tests", signing=admin)


def risen(desk: WriteDesk, percent: int) -> dict[str, JsonValue]:
    """Return a call that raises the price by so many per cent."""
    ((now,),) = desk.erp(PRICE)
    return {**prices.BOUGHT, "new_price": f"{float(now) * (100 + percent) / 100:.4f}"}


def ends(desk: WriteDesk, proposal: Proposal) -> tuple[str, str]:
    """Let a worker do what is due and say where the proposal stands."""
    desk.work()
    after = desk.proposal(proposal.content.proposal_id)
    return str(after.state), after.reason


@guarantees("policy.parameters", "rules.price")
def test_an_agent_is_held_to_what_policy_says_of_prices(desk: WriteDesk) -> None:
    """Thirty per cent pass by the default, and not by twenty; the refusal says what would."""
    apply(desk, **{MOST: 20})

    refused = desk.refusal(prices.BUY, **risen(desk, 30))

    assert (refused.code, refused.facts["rule"]) == ("rule.refused", "R-PRICE-CHANGE")
    assert "No more than 20 %" in str(refused.facts["message"])
    found = desk.propose(prices.BUY, **risen(desk, 20))
    assert found.content.parameters == {TOLD: 10, MOST: 20}


@guarantees("policy.parameters", "P3.not_stricter", "rules.price")
@pytest.mark.parametrize(
    ("values", "stands"),
    [
        ({MOST: 29}, ("DENIED", "rule_refused")),
        ({MOST: 40}, ("DENIED", "parameters_stricter")),
        ({TOLD: 9}, ("DENIED", "parameters_stricter")),
        ({MOST: 50, TOLD: 10}, ("COMMITTED", "")),
        ({MOST: 80, TOLD: 90}, ("COMMITTED", "")),
    ],
    ids=["passes no more", "stricter, would pass", "told earlier", "as it was", "looser"],
)
def test_what_was_approved_is_sent_only_under_rules_that_are_no_stricter(
    values: dict[str, int], stands: tuple[str, str], desk: WriteDesk
) -> None:
    """People said yes to a rise of thirty per cent by the defaults; the policy of the day of sending decides again."""
    approved = desk.approve(desk.propose(prices.BUY, **risen(desk, 30)))
    before = desk.erp(PRICE)
    apply(desk, **values)

    assert ends(desk, approved) == stands
    assert (desk.erp(PRICE) == before) == (stands[0] == "DENIED")
