"""What may be reported as defective, what is a duplicate, and that a hold is asked for and never applied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands.rows_quality import OpenNotificationRow
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import Case
from tests.unit.commands.reporting import DEFECT, LOT, NO_LOT

OPEN = OpenNotificationRow("QN1", "L1", "RM-1", "SURF", 0, "2026-03-15T05:00:00Z")


def _rule(case: Case) -> object:
    with pytest.raises(RuleRefusedError) as refused:
        case.draft()
    return refused.value.facts["rule"]


@guarantees("rules.quality_notification")
def test_a_report_on_a_lot_names_its_material_and_asks_for_the_hold() -> None:
    """What is written is what was said and what the lot is; nothing passes as applied."""
    draft = DEFECT.draft()
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "", "", "")
    assert draft.fields == {
        "site": "1000", "material_id": "RM-1", "lot_id": "L1", "defect_code": "SURF",
        "description": "Scratches on four pieces.", "hold": True,
    }  # fmt: skip
    assert Change(field="hold", before="", after="asked for") in draft.changes
    assert {one.rule: one.verdict for one in draft.checks} == {
        "R-LOT": "ok", "R-DEFECT-CODE": "ok", "R-DUPLICATE": "ok", "R-HOLD": "ok",
    }  # fmt: skip
    assert draft.effects[0].startswith("The hold is asked for, not applied")
    assert "Undo: quality closes the notification as void." in draft.effects
    assert DEFECT.given(request_hold=False).draft().effects[0] == "No hold is asked for; the goods stay usable."


@guarantees("rules.quality_notification")
def test_without_a_lot_the_material_is_enough_and_the_approver_is_told() -> None:
    """A hold has nothing to hold then."""
    assert NO_LOT.verdict("R-LOT") == "flag"
    assert NO_LOT.draft().fields["lot_id"] is None
    assert NO_LOT.given(request_hold=True).verdict("R-HOLD") == "refuse"


@guarantees("rules.quality_notification")
def test_what_is_not_there_or_not_what_was_named_is_refused() -> None:
    """A lot of another site, another material, none at all, or one that is gone since."""
    assert _rule(DEFECT.having(lots=())) == "R-LOT"
    assert _rule(DEFECT.given(site="2000")) == "R-LOT"
    assert _rule(DEFECT.given(material_id="RM-2")) == "R-LOT"
    assert DEFECT.given(material_id="RM-1").verdict("R-LOT") == "ok"
    assert _rule(DEFECT.living(lots=())) == "R-GONE"
    assert _rule(NO_LOT.given(material_id=None)) == "R-SUBJECT"
    assert _rule(NO_LOT.having(planning=())) == "R-MATERIAL"
    assert _rule(NO_LOT.living(materials=())) == "R-GONE"


@guarantees("rules.not_evaluable")
def test_what_two_systems_have_or_nobody_looked_at_is_not_judged() -> None:
    """Which of them is meant would be a guess; so would be that nobody reported it."""
    for case in (
        DEFECT.having(lots=DEFECT.rows["lots"] * 2),
        NO_LOT.having(materials=NO_LOT.rows["materials"] * 2),
        replace(DEFECT, gaps=("notifications",)),
    ):
        with pytest.raises(RuleNotEvaluableError):
            case.draft()


@guarantees("rules.duplicate")
@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (OPEN, "refuse"),
        (OPEN._replace(opened_at="2026-03-15T04:59:59Z"), "flag"),
        (OPEN._replace(defect_code="DIM"), "flag"),
        (OPEN._replace(opened_at=None), "flag"),
        (OPEN._replace(lot_id="L2"), "ok"),
        (OPEN._replace(lot_id=None), "ok"),
    ],
)
def test_the_same_defect_of_the_same_lot_within_a_day_is_a_duplicate(other: OpenNotificationRow, verdict: str) -> None:
    """It is the 16th, five o'clock; what is older or another defect is told."""
    assert DEFECT.having(notifications=(other,)).verdict("R-DUPLICATE") == verdict


@guarantees("rules.duplicate")
def test_without_a_lot_only_what_names_none_is_compared() -> None:
    """And only of the same material."""
    assert NO_LOT.having(notifications=(OPEN._replace(lot_id=None),)).verdict("R-DUPLICATE") == "refuse"
    assert NO_LOT.having(notifications=(OPEN,)).verdict("R-DUPLICATE") == "ok"
    other = OPEN._replace(lot_id=None, material_id="RM-2")
    assert NO_LOT.having(notifications=(other,)).verdict("R-DUPLICATE") == "ok"


@guarantees("rules.quality_notification")
def test_a_code_never_used_and_a_lot_that_is_held_are_told() -> None:
    """The catalogue is the system's; a second hold may be meant."""
    assert DEFECT.given(defect_code="NEW").verdict("R-DEFECT-CODE") == "flag"
    assert DEFECT.living(lots=(replace(LOT, lot_disposition="Restricted"),)).verdict("R-HOLD") == "flag"
    assert DEFECT.living(lots=(replace(LOT, lot_disposition=None),)).verdict("R-HOLD") == "flag"
    held = OPEN._replace(defect_code="DIM", hold=1)
    assert DEFECT.having(notifications=(held,)).verdict("R-HOLD") == "flag"
