"""The shipped policies: right by every check, and as little as each role needs."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from erp_mcp.bootstrap import compile_catalog
from erp_mcp.cli import starter
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import writing
from erp_mcp.policy.bundle import Bundle, from_document
from erp_mcp.policy.decide import decide, decide_role, identify, visible
from erp_mcp.policy.grammar import ProblemCode, schema_text
from erp_mcp.policy.load import check
from erp_mcp.policy.names import KnownNames
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
FILES = sorted(POLICIES.rglob("*.yaml"))
STATUS = {"get_proposal", "list_my_proposals", "cancel_proposal", "propose_undo"}
OF_SAGA = {
    "propose_procurement",
    "propose_reserve_inventory",
    "propose_release_reservation",
    "propose_allocate_budget",
    "propose_create_purchase_order",
    "propose_cancel_purchase_order",
    "propose_create_human_task",
}
ON = {
    ("buyer", "propose_update_delivery_date"),
    ("finance", "propose_allocate_budget"),
    *(("procurement", tool) for tool in OF_SAGA),
}
WRITES = {tool for _, tool in ON} | {"propose_create_purchase_requisition"}  # those that are on, one in a comment
FINDERS = {"search_tools", "describe_tool", "call_tool"}


@pytest.fixture(scope="module")
def tools() -> Mapping[str, Tool]:
    return {tool.name: tool for tool in compile_catalog([ROOT / "tools"])}


@pytest.fixture(scope="module")
def bundle(tools: Mapping[str, Tool]) -> Bundle:
    checked = check(POLICIES, KnownNames.of(tools.values()))
    assert checked.problems == ()
    assert checked.loaded is not None
    return checked.loaded.bundle


@guarantees("policy.closed_language")
def test_every_rule_and_mask_is_proved_by_the_cases_beside_it(bundle: Bundle) -> None:
    """Loading runs the cases and refuses what none proves; that it loads is the proof."""
    assert {rule.id for rule in bundle.rules} >= {"planner-reads", "site-2000-no-expediting"}


@guarantees("P1.hidden_is_missing")
@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("planner", None),
        (
            "buyer",
            {
                "procurement",
                "inventory",
                "get_shortages_for_order",
                "list_shortages",
                "get_supplier",
                "get_material",
                "propose_update_delivery_date",
                *STATUS,
            },
        ),
        (
            "supervisor",
            {
                "production",
                "maintenance",
                "quality",
                "get_plant_briefing",
                "get_capacity_load",
                "get_shortages_for_order",
            },
        ),
        (
            "quality",
            {
                "quality",
                "get_stock",
                "list_goods_movements",
                "find_order",
                "get_material",
                "get_supplier",
                "list_wip_jobs",
            },
        ),
        ("support", {"orders", "get_customer"}),
        (
            "maintenance",
            {
                "maintenance",
                "get_oee",
                "get_downtime_pareto",
                "get_capacity_load",
                "list_production_orders",
                "get_stock",
            },
        ),
        (
            "finance",
            {
                "finance",
                "procurement",
                "inventory",
                "list_sales_orders",
                "get_sales_order",
                "list_customer_returns",
                "get_wip_ageing",
                "get_supplier",
                "get_customer",
                "get_material",
                "propose_allocate_budget",
                *STATUS,
            },
        ),
    ],
)
def test_each_demo_role_sees_what_its_work_needs(
    role: str, expected: set[str] | None, bundle: Bundle, tools: Mapping[str, Tool]
) -> None:
    """Least privilege, role by role, by toolset and by name; the planner sees every read tool and no other."""
    principal = identify(bundle, role)

    seen = {tool.name for tool in visible(bundle, principal, tools.values())}

    assert principal.owner == "demo-owner"
    reads = {tool.name for tool in tools.values() if tool.effect == "read"}
    whole = {tool.toolset for tool in tools.values()}
    wanted = {name for name in reads if expected is None or {name, tools[name].toolset} & expected}
    assert seen == wanted | FINDERS | ((expected or set()) - whole)


@guarantees("P1.hidden_is_missing", "discovery.lists")
def test_whoever_calls_no_tool_sees_none_not_even_those_that_find_others(
    bundle: Bundle, tools: Mapping[str, Tool]
) -> None:
    """An auditor reads the log on the command line."""
    assert visible(bundle, identify(bundle, "auditor"), tools.values()) == []


@guarantees("discovery.lists")
def test_every_list_shows_only_what_its_role_may_call(tools: Mapping[str, Tool]) -> None:
    """`policy check` has nothing to advise."""
    assert check(POLICIES, KnownNames.of(tools.values())).advice == ()


@guarantees("P2.one_at_a_time", "P2.evidence")
def test_two_writes_and_one_saga_are_on_each_for_one_role_and_each_names_who_accepts_it(
    bundle: Bundle, tools: Mapping[str, Tool]
) -> None:
    """The demo shows what a grant looks like, and no more; one more write is one rule away."""
    granted = list(writing.granted(bundle))

    assert {tool.name for tool in tools.values() if tool.effect == "write"} > WRITES
    assert {(write.role, write.tool, write.evidence.accepted_by) for write in granted} == {
        (role, tool, "demo-admin") for role, tool in ON
    }
    terms = decide(bundle, identify(bundle, "buyer"), tools["propose_update_delivery_date"], {}).obligations
    assert terms is not None
    assert terms.approval == Terms(rule="delivery-dates", approvers=(), needed=1, self_approval=False, valid_s=4 * 3600)
    assert [(limit.measure, limit.key, limit.maximum, limit.window_s) for limit in terms.limits] == [
        ("count", "agent", "20", 24 * 3600)
    ]


@guarantees("P2.one_at_a_time")
@pytest.mark.parametrize(
    ("rule", "role", "tool"),
    [
        ("buyer-delivery-dates", "buyer", "propose_update_delivery_date"),
        ("finance-budget", "finance", "propose_allocate_budget"),
    ],
)
def test_without_one_grant_the_shipped_policy_allows_the_same_but_that_write(
    rule: str, role: str, tool: str, bundle: Bundle, tools: Mapping[str, Tool]
) -> None:
    """Every cell of the real policy, with and without the one rule."""
    document = json.loads(bundle.text)
    elsewhere = any(one.tool == tool and one.role != role for one in writing.granted(bundle))
    kept: dict[str, Any] = {"rules": [one for one in document["rules"] if one["id"] != rule]}
    alone: dict[str, Any] = {
        "approvals": [one for one in document["approvals"] if tool not in one["tools"]],
        "limits": [one for one in document["limits"] if tool not in one["tools"]],
        "writes": {name: one for name, one in document["writes"].items() if name != tool},
    }
    without = from_document({**document, **kept, **({} if elsewhere else alone)})
    cells = [(each, one) for each in bundle.roles for one in tools.values()]

    changed = {
        (each, one.name)
        for each, one in cells
        if dataclasses.replace(decide_role(bundle, each, one, {}), bundle="")
        != dataclasses.replace(decide_role(without, each, one, {}), bundle="")
    }

    assert changed == {(role, name) for name in (tool, *STATUS)}


@guarantees("docs.agree", "P2.one_at_a_time")
def test_one_more_write_is_turned_on_as_the_readme_says(tools: Mapping[str, Tool], tmp_path: Path) -> None:
    """Take the marks away, turn one case around, name the rule where it must not apply."""
    folder = Path(shutil.copytree(POLICIES, tmp_path / "policies"))
    base, cases = folder / "base.yaml", folder / "tests" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    block = text[text.index("  # - id: buyer-requisitions") :].partition("\n\n")[0]
    base.write_text(text.replace(block, block.replace("  # ", "  ")), encoding="utf-8")
    name = "a buyer proposes no requisition"
    proved = cases.read_text(encoding="utf-8")
    start = proved.index(name)
    case = proved[start : proved.index("\n\n", start)]
    turned = re.sub(r"expect: denied\n.*", "expect: allowed\n    by: [buyer-requisitions]", case, flags=re.DOTALL)
    other = proved.replace(case, turned).replace(
        "not_by: [buyer-delivery-dates]", "not_by: [buyer-delivery-dates, buyer-requisitions]", 1
    )
    cases.write_text(other, encoding="utf-8")

    checked = check(folder, KnownNames.of(tools.values()))

    assert checked.problems == ()
    assert checked.loaded is not None
    assert {write.tool for write in writing.granted(checked.loaded.bundle)} == WRITES


@guarantees("P2.no_writes", "docs.agree")
def test_the_first_policy_of_a_deployment_grants_no_write_and_shows_how_one_is_granted(
    tools: Mapping[str, Tool], tmp_path: Path
) -> None:
    """What `init` writes is right, and so are the lines in its remarks once the marks are taken away."""
    known = KnownNames.of(tools.values())
    (tmp_path / "tests").mkdir()
    base, cases = starter.base(["1000"], "dana"), starter.cases(["1000"])

    def loaded(base: str, cases: str) -> Bundle:
        (tmp_path / "base.yaml").write_text(base, encoding="utf-8")
        (tmp_path / "tests" / "base.yaml").write_text(cases, encoding="utf-8")
        checked = check(tmp_path, known)
        assert checked.problems == ()
        assert checked.loaded is not None
        return checked.loaded.bundle

    assert loaded(base, cases).writes == frozenset()
    head = "#   - id: planner-delivery-dates"
    written = base[: base.index(head)] + re.sub(r"(?m)^# ?", "", base[base.index(head) :]).replace("NAME", "dana")
    case = (
        "  - {name: a planner proposes, role: planner, tool: propose_update_delivery_date, expect: allowed,"
        " by: [planner-delivery-dates]}\n"
    )
    proved = cases.replace("not_by: [planner-reads]", "not_by: [planner-reads, planner-delivery-dates]") + case
    assert loaded(written, proved).writes == {"propose_update_delivery_date"}


@guarantees("P1.scope")
def test_a_supervisor_of_site_1000_sees_nothing_of_site_2000(bundle: Bundle, tools: Mapping[str, Tool]) -> None:
    """The same answer as for a site that does not exist."""
    principal = identify(bundle, "supervisor")

    for site, scope in (("1000", ("1000",)), ("2000", ()), ("9999", ())):
        decision = decide(bundle, principal, tools["list_wip_jobs"], {"site": site})
        assert decision.obligations is not None
        assert decision.obligations.sites == scope


@guarantees("P8.masks")
@pytest.mark.parametrize("role", ["quality", "support", "maintenance"])
def test_roles_that_buy_nothing_see_no_prices(role: str, bundle: Bundle) -> None:
    """What is ordered, billed and valued, wherever it stands."""
    masked = {mask.field for mask in bundle.roles[role].masks}

    assert masked >= {
        "material_site.standard_price",
        "purchase_order_line.price",
        "purchase_order_line.open_value",
        "supplier_invoice.amount",
        "supplier_invoice.price",
        "supply_source.price",
    }


@guarantees("P8.masks")
@pytest.mark.parametrize("role", ["buyer", "quality", "support"])
def test_roles_that_need_no_sales_values_see_none_in_the_clear(role: str, bundle: Bundle) -> None:
    """Every field that holds a sales value is masked, not just the most obvious one."""
    masked = {mask.field for mask in bundle.roles[role].masks}

    assert masked >= {
        "sales_order.net_value",
        "sales_order_line.net_value",
        "sales_order_line.open_value",
        "customer_invoice.amount",
    }


@guarantees("docs.agree", "policy.closed_language")
def test_the_schema_for_editors_is_the_one_of_the_grammar() -> None:
    """`erp-mcp policy schema > policies/_schema.json` writes it."""
    assert (POLICIES / "_schema.json").read_text(encoding="utf-8") == schema_text()


@guarantees("docs.agree", "policy.closed_language")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(POLICIES).as_posix())
def test_each_policy_file_fits_the_schema_and_names_it(file: Path) -> None:
    """Editors show mistakes while typing only if the head line finds the schema."""
    text = file.read_text(encoding="utf-8")
    schema = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")

    assert (file.parent / schema).resolve() == POLICIES / "_schema.json"
    validator = jsonschema_rs.validator_for(json.loads(schema_text()))
    validator.validate(YAML(typ="safe", pure=True).load(text))


@guarantees("docs.agree", "input.clear_errors")
def test_every_class_of_mistake_is_documented() -> None:
    """Who sees a code finds it on the page, and the page names none that does not exist."""
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    table = page.partition("## What `policy check` refuses")[2].partition("## ")[0]
    codes = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {code for cell in codes for code in re.findall(r"`([a-z_0-9]+)`", cell)}
    fixtures = {path.stem.partition(".")[0] for path in (ROOT / "fixtures" / "policies" / "broken").glob("*.yaml")}

    assert documented == set(get_args(ProblemCode))
    assert documented - fixtures == {"no_base", "unreadable", "not_utf8", "too_large"}
