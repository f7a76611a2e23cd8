"""What may be reported of an asset, who must have seen a breakdown, and what is a duplicate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands.rows_maintenance import AssetRow, CenterRefRow, NoticeRow
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.maintaining import MALFUNCTION

WAITING = NoticeRow("MN1", "AST-1", 0, "open")
BROKEN = MALFUNCTION.given(breakdown=True, witnessed_by="shift lead")


@guarantees("rules.maintenance")
def test_a_report_names_asset_centre_and_site_and_plans_nothing() -> None:
    """The asset says the centre, the centre says the site."""
    draft = MALFUNCTION.draft()
    assert (draft.system, draft.key, draft.version_token) == ("erp", "", "")
    assert draft.fields == {
        "site": "1000", "work_center_id": "CNC", "asset_id": "AST-1", "breakdown": False, "priority": "medium",
        "description": "Spindle vibrates.", "witnessed_by": None,
    }  # fmt: skip
    assert {one.verdict for one in draft.checks} == {"ok"}
    assert draft.effects[0].startswith("Nothing is repaired, ordered or planned by it")
    by_centre = MALFUNCTION.given(asset_id=None, work_center_id="CNC").draft()
    assert by_centre.fields == draft.fields


@guarantees("rules.maintenance")
def test_a_breakdown_needs_somebody_on_site_who_saw_it() -> None:
    """An agent sees no machine; the approver is told on whom it rests."""
    assert MALFUNCTION.given(breakdown=True).verdict("R-WITNESS") == "refuse"
    assert MALFUNCTION.given(breakdown=True, witnessed_by="  ").verdict("R-WITNESS") == "refuse"
    assert BROKEN.verdict("R-WITNESS") == "flag"
    assert BROKEN.draft().effects[0].endswith("the machine itself is neither stopped nor started by it.")


@guarantees("rules.maintenance")
def test_what_is_not_there_or_not_clear_is_refused() -> None:
    """With the assets to choose from, where there are several."""
    two = (AssetRow("AST-1", "CNC"), AssetRow("AST-2", "CNC"))
    several = MALFUNCTION.given(asset_id=None, work_center_id="CNC").having(assets=two)
    for case, rule in (
        (MALFUNCTION.given(asset_id=None), "R-ASSET"),
        (MALFUNCTION.given(asset_id="AST-9"), "R-ASSET"),
        (MALFUNCTION.given(work_center_id="MIL"), "R-ASSET"),
        (MALFUNCTION.having(centers=()), "R-ASSET"),
        (several, "R-ASSET"),
        (MALFUNCTION.living(centers=()), "R-GONE"),
    ):
        with pytest.raises(RuleRefusedError) as refused:
            case.draft()
        assert refused.value.facts["rule"] == rule
    assert several.given(asset_id="AST-2").draft().fields["asset_id"] == "AST-2"
    moved = MALFUNCTION.having(
        assets=(AssetRow("AST-1", "CNC"), AssetRow("AST-1", "MIL")),
        centers=(*MALFUNCTION.rows["centers"], CenterRefRow("erp", "MIL", "MIL", "1000")),
    )
    with pytest.raises(RuleNotEvaluableError):
        moved.draft()


@guarantees("rules.duplicate")
@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (WAITING, "refuse"),
        (WAITING._replace(order_state="in_process"), "flag"),
        (WAITING._replace(breakdown=1), "flag"),
        (WAITING._replace(asset_id="AST-2"), "ok"),
    ],
)
def test_what_waits_already_is_a_duplicate(other: NoticeRow, verdict: str) -> None:
    """What is taken up, or is of another kind, is told."""
    assert MALFUNCTION.having(notices=(other,)).verdict("R-DUPLICATE") == verdict


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize("gap", ["assets", "notices"])
def test_what_nobody_looked_at_refuses(gap: str) -> None:
    """Nobody reported it, as far as anybody looked, is no answer."""
    with pytest.raises(RuleNotEvaluableError):
        replace(MALFUNCTION, gaps=(gap,)).draft()
