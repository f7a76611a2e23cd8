"""The steps of a saga fit their tools, and everything before the last can be taken back; else nobody may propose it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog.load import Finding, inspect
from erp_mcp.catalog.steps import arguments_of
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.tool import SagaStep
from tests.guarantees import guarantees

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = (ROOT / "docs" / "sagas.md").read_text(encoding="utf-8")
NAME: Final = "propose_reserve_and_order"
# What can only be said of a saga beside the tools that it calls.
OF_SAGAS: Final = ("saga.unknown_tool", "saga.no_command", "saga.risk")
STOCK: Final = "    reserve_stock:\n"
ORDER: Final = "    create_order:\n"


def example() -> str:
    """Return the tool file that docs/sagas.md teaches."""
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def found(folder: Path, text: str, *, without: str = "") -> list[Finding]:
    """Return what the linter says of a saga among the shipped tools, but one of them."""
    tools = folder / "tools"
    for name in ("inventory", "procurement", "finance", "work"):
        shutil.copytree(ROOT / "tools" / name, tools / name)
    if without:
        next(tools.glob(f"*/{without}.yaml")).unlink()
    own = tools / "custom" / f"{NAME}.yaml"
    own.parent.mkdir()
    own.write_text(text, encoding="utf-8")
    return [one for one in inspect([tools], ANALYSES, OPERATIONS)[1] if one.file.startswith("custom/")]


@guarantees("docs.agree", "P10.saga")
def test_the_saga_that_the_page_teaches_is_in_order(tmp_path: Path) -> None:
    """People copy it."""
    assert found(tmp_path, example()) == []


@guarantees("catalog.lint", "P10.saga")
@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("saga.unknown_tool", "tool: propose_create_purchase_order", "tool: propose_create_purchase"),
        ("saga.no_command", "tool: propose_create_purchase_order", "tool: propose_procurement"),
        ("saga.no_command", "tool: propose_create_purchase_order", "tool: list_purchase_orders"),
        ("saga.risk", "risk: W3", "risk: W2"),
        ("saga.arguments", "qty: qty, uom: uom", "qty: uom, uom: qty"),  # of another type
        ("saga.arguments", "qty: qty, uom: uom", "lot_id: qty, uom: uom"),  # one that the step needs is not given
        ("saga.arguments", "qty: qty, uom: uom", "qty: qty, uom: uom, much: qty"),  # one that the step does not have
        ("saga.arguments", "uom: {type: code, required: true}\n  demand", "uom: {type: code}\n  demand"),
        ("saga.arguments", "site: {type: code, site: true, required: true}", "site: {type: code, required: true}"),
        ("saga.arguments", "      price: {type: money}\n", ""),  # a table with other columns
        ("examples.invalid", 'qty: "30", uom: KGM, delivery_date', 'qty: "99999999", uom: KGM, delivery_date'),
    ],
)
def test_steps_that_do_not_fit_are_refused_with_rule_and_line(
    rule: str, before: str, after: str, tmp_path: Path
) -> None:
    """Whoever writes a saga sees where to mend it."""
    text = example()
    assert before in text
    findings = found(tmp_path, text.replace(before, after, 1))
    assert rule in {one.rule for one in findings}
    assert all(one.line > 1 and one.detail for one in findings)


@guarantees("catalog.lint", "P10.saga")
def test_a_step_that_cannot_be_taken_back_may_only_come_last(tmp_path: Path) -> None:
    """A task for a person is done or not: nothing takes it back, so nothing that may fail comes behind it."""
    told = (
        "    tell_requester:\n      tool: propose_create_human_task\n"
        "      arguments: {site: site, instructions: message, subject_id: demand_id}\n"
        "      values: {role: planner, title: Stock is reserved}\n"
    )
    text = example().replace("  lines:\n", "  message: {type: text, required: true}\n  lines:\n", 1)
    text = text.replace("reason:", 'message: "It is reserved for you.", reason:', 1)
    last = text.replace("examples:", f"{told}examples:", 1)
    before = text.replace(ORDER, told + ORDER, 1)
    assert found(tmp_path / "last", last) == []
    assert [one.rule for one in found(tmp_path / "before", before)] == ["saga.irreversible_not_last"]


@guarantees("catalog.lint", "P10.saga")
def test_one_step_alone_is_no_saga(tmp_path: Path) -> None:
    """One change is proposed by its own tool."""
    text = example()
    alone = text[: text.index("  supplier_id:")] + text[text.index("binding:") : text.index(ORDER)]
    alone += re.sub(r" supplier_id: .*?\], ", " ", text[text.index("examples:") :])
    assert "saga.too_few_steps" in {one.rule for one in found(tmp_path, alone)}


@guarantees("catalog.lint", "P10.saga")
def test_what_takes_a_step_back_must_be_there_as_well(tmp_path: Path) -> None:
    """A deployment without the tool that frees stock could never compensate."""
    findings = found(tmp_path, example(), without="propose_release_reservation")
    assert [one.rule for one in findings] == ["saga.unknown_tool"]
    assert "propose_release_reservation" in findings[0].detail


@guarantees("P10.saga")
def test_a_step_is_called_with_what_the_saga_was_given_and_nothing_else() -> None:
    """Reason and key are shared; what is absent stays absent, and the arguments of other steps stay away."""
    step = SagaStep(name="s", tool="t", arguments=(("qty", "much"), ("lot_id", "lot")), values=(("why", "project"),))
    given = {"much": "5", "other": "x", "reason": "because of that", "idempotency_key": "key-0001"}
    assert arguments_of(step, given) == {
        "qty": "5",
        "why": "project",
        "reason": "because of that",
        "idempotency_key": "key-0001",
    }
