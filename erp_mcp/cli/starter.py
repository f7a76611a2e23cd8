"""The policy that `erp-mcp init` writes: one planner, all reads, no write, the sites named; read at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

PLACEHOLDER: Final = "YOUR-SITE"

_BASE: Final = """\
# yaml-language-server: $schema=_schema.json
# Who may call what. Nothing is allowed unless a rule permits it, and a forbid wins over every permit.
# After a change: erp-mcp policy check, then erp-mcp policy apply. A saved file alone changes nothing.
version: 1

boundary:
  isa95_levels: [3, 4]

{remark}sites: {sites}

agents:
  # An agent is what a client says it is (erp-mcp serve --as planner), the owner is the person it acts for.
  planner: {{role: planner, owner: {owner}}}

roles:
  planner:
    description: Plans orders and material.
    sites: {scope}
    # What its list shows, about a dozen tools; the others that its rules permit are found by search_tools.
    shows:
      - get_plant_briefing
      - explain_late_order
      - find_order
      - list_sales_orders
      - get_stock
      - check_availability
      - get_supply_demand
      - get_shortages_for_order
      - list_shortages

  guest:
    description: Calls nothing. Start your next role here, give it a rule and an agent.
    sites: {scope}

rules:
  - id: planner-reads
    effect: permit
    roles: [planner]
    tools:
      - orders/*
      - procurement/*
      - inventory/*
      - planning/*
      - production/*
      - quality/*
      - maintenance/*
      - finance/*
      - master_data/*
      - exceptions/*

# No agent may write anything: `toolset/*` stands for reads alone. A write is turned on one tool and one role at a time,
# by a rule that says what earned it. What an agent gets with it is to propose; an enrolled approver decides about each
# proposal. To turn one on: take `# ` away from the lines below, put in who answers for it, add a case under `by:` and
# one under `not_by:` to tests/base.yaml, then run erp-mcp policy check and erp-mcp policy apply.
#
#   - id: planner-delivery-dates
#     effect: permit
#     roles: [planner]
#     tools: [propose_update_delivery_date]
#     evidence: {{accepted_by: NAME, reason: why this is right without a report}}
#     left_to_people: [R-PENALTY]   # nothing here knows contract penalties: whoever approves looks
#
# approvals:
#   - {{id: delivery-dates, tools: [propose_update_delivery_date], approvers: any, needed: 1, expires_h: 4}}
#
# limits:
#   - id: delivery-dates-a-day
#     tools: [propose_update_delivery_date]
#     measure: count
#     key: agent
#     window_h: 24
#     max: "20"
"""
_REMARK: Final = f"""\
# {PLACEHOLDER} is a placeholder: name your sites here. After `erp-mcp sync` the command `erp-mcp doctor` says which
# there are. Until then the roles below see all of them (sites: all); list sites there to narrow a role.
"""
_CASES: Final = """\
# yaml-language-server: $schema=../_schema.json
# Every rule and every mask stands under `by:` in a case where it applies and under `not_by:` in one where it does not.
version: 1

cases:
  - name: a planner explains a late order
    role: planner
    tool: explain_late_order
    expect: allowed
    sites: {scope}
    by: [planner-reads]

  - name: a planner who names a site gets that site
    role: planner
    tool: list_sales_orders
    arguments: {{site: {one}}}
    expect: allowed
    sites: [{one}]

  - name: a guest calls nothing
    role: guest
    tool: list_sales_orders
    expect: denied
    reason: default_deny
    not_by: [planner-reads]
"""


def base(sites: Sequence[str], owner: str) -> str:
    """Return `base.yaml` for these sites; without any, for all that the systems have, with a placeholder to fill in."""
    listed = _listed(sites or [PLACEHOLDER])
    return _BASE.format(
        sites=listed, scope=listed if sites else "all", owner=json.dumps(owner), remark="" if sites else _REMARK
    )


def cases(sites: Sequence[str]) -> str:
    """Return `tests/base.yaml`, the cases that prove it."""
    one = json.dumps((sites or [PLACEHOLDER])[0])
    return _CASES.format(scope=_listed(sites) if sites else "all", one=one)


def _listed(sites: Sequence[str]) -> str:
    """Return a YAML list; a site is text also where it looks like a number."""
    return json.dumps(list(sites))
