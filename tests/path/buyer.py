"""What a buyer's agent proposes on the demo plant, and what an administrator does for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal

DATE_TOOL: Final = "propose_update_delivery_date"
REQUISITION_TOOL: Final = "propose_create_purchase_requisition"
NEW_DATE: Final[dict[str, JsonValue]] = {
    "purchase_order_id": "4500000640",
    "line": "00010",
    "new_date": "2026-04-02",
    "reason": "The supplier wrote that the truck leaves three weeks later.",
    "idempotency_key": "mail-7f3a91:date",
}
REQUISITION: Final[dict[str, JsonValue]] = {
    "material_id": "RM-013",
    "site": "1000",
    "qty": "60",
    "uom": "EA",
    "delivery_date": "2026-06-15",
    "reason": "Planned consumption of summer is not covered by anything open.",
    "idempotency_key": "plan-2026-24:RM-013",
}


def shown(answer: Any, table: str = "proposal") -> dict[str, Any]:
    """Return the first row of a table of an answer or of its structured form."""
    found = answer["tables"][table] if isinstance(answer, dict) else answer.tables[table]
    columns, rows = (found["columns"], found["rows"]) if isinstance(found, dict) else (found.columns, found.rows)
    return dict(zip(columns, rows[0], strict=True))


def kept(deployment: Deployment) -> list[Proposal]:
    """Return all proposals of a deployment, oldest first."""
    return deployment.state.proposals.in_states(tuple(State), limit=1000)


def run(directory: Path, *arguments: str) -> str:
    """Run a command of the command line on a plant and return its output; it must succeed."""
    result = CliRunner().invoke(main, [*arguments, "--demo-dir", str(directory)])
    assert result.exit_code == 0, result.output
    return result.output


def allow_requisitions(directory: Path) -> None:
    """Turn the second write on for buyers, as the page of the policies says."""
    base, cases = directory / "policies" / "base.yaml", directory / "policies" / "tests" / "base.yaml"
    before, rule = base.read_text(encoding="utf-8").split("  # - id: buyer-requisitions\n")
    commented, rest = rule.split("\n\n", 1)
    lines = [line.replace("  # ", "  ", 1) for line in commented.splitlines()]
    base.write_text("\n".join([f"{before}  - id: buyer-requisitions", *lines, "", rest]), encoding="utf-8")
    text = cases.read_text(encoding="utf-8")
    head, case = text.split("- name: a buyer proposes no requisition\n")
    changed = case.replace("expect: denied", "expect: allowed", 1)
    changed = changed.replace(
        "    reason: default_deny\n    not_by: [buyer-delivery-dates]\n", "    by: [buyer-requisitions]\n", 1
    )
    changed = changed.replace("not_by: [buyer-delivery-dates]", "not_by: [buyer-delivery-dates, buyer-requisitions]", 1)
    cases.write_text(f"{head}- name: a buyer proposes a requisition\n{changed}", encoding="utf-8")
    run(directory, "policy", "apply", "--yes", "--as", "demo-admin")
