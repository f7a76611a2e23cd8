"""What the records tell of a proposal, looked at before anything is done on the word of its row.

A signature says what may be written, not where that stands. A row that says so without records that lead there was put
there by somebody, and nothing is sent, begun or taken back by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from erp_mcp.audit.verify import unproved
from erp_mcp.committing.held_back import HeldBackError
from erp_mcp.domain.proposal import Proposal
from erp_mcp.ports import Proposals


def check_recorded(proposals: Proposals, proposal: Proposal, parts: Sequence[Proposal] = ()) -> None:
    """Refuse to go on with what its records do not lead to: of a saga and its parts all, of anything else its own.

    Args:
        proposals: Where they are kept.
        proposal: A saga or a proposal by itself, as it was read.
        parts: Its parts that were begun, as they were read.

    Raises:
        HeldBackError: `hand_over`, where rows and records disagree; `postpone`, where one of them has moved meanwhile.
    """
    rows, told = proposals.recorded(proposal.content.proposal_id)
    found = unproved(told, rows)
    if found:
        raise HeldBackError("hand_over", "records_disagree", {"found": found[0].code, "record": found[0].seq})
    read = {(one.content.proposal_id, str(one.state)) for one in (proposal, *parts)}
    if read != {(row.proposal_id, row.state) for row in rows}:
        raise HeldBackError("postpone", "moved_meanwhile")
