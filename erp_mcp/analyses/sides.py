"""Comparing ERP and shop floor needs both: what to say where one of them was never read."""

from __future__ import annotations

from erp_mcp.domain.analysis import Facts


def unread_sides(facts: Facts, *, erp: str, floor: str) -> tuple[str, ...]:
    """Return a warning where a comparison has only one side, none where it has both.

    Args:
        facts: What the comparison was given.
        erp: The entity without which the ERP's side is unknown.
        floor: The same of the shop floor.

    Returns:
        One sentence that says which side it is and what to do; empty where both were read.
    """
    unread = [side for side, entity in (("ERP", erp), ("shop floor (MES)", floor)) if entity in facts.missing]
    if not unread:
        return ()
    said = (
        f"Nothing was compared: no data of the {' and the '.join(unread)} was read. Connect such a system, or run "
        "`erp-mcp sync` where one is connected; `erp-mcp doctor` tells which."
    )
    return (said,)
