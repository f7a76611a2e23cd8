"""The approvers under fire, in a process of their own: `python -m tests.crash.signing PLANT`, until its input ends.

They say yes to what waits, as many as are needed, and no to every ninth proposal.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.approval.envelope import Choice
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import (
    AuditUnavailableError,
    DecidedAlreadyError,
    PassphraseNeededError,
    ProposalMovedError,
    StateUnavailableError,
)
from tests.crash.furnishing import CONFIGURATION
from tests.writes.desk import APPROVERS, passphrase_of

_LOOK_S: Final = 0.2
_REJECTED: Final = 9
# Looked at again at the next round; a decision whose answer was lost may count already.
_LATER: Final = (ProposalMovedError, StateUnavailableError, AuditUnavailableError, DecidedAlreadyError)


def is_rejected(idempotency_key: str) -> bool:
    """Return whether the approvers say no, which they know by the key alone: the same in each run."""
    return sha256(idempotency_key.encode("utf-8")).digest()[0] % _REJECTED == 0


def decide(deployment: Deployment, people: Mapping[Signing, Signing], proposal: Proposal) -> None:
    """Let each say what they say until the proposal waits no longer; by their passphrase where it is asked for."""
    choice: Choice = "reject" if is_rejected(proposal.content.idempotency_key) else "approve"
    for opened, sealed in people.items():
        with suppress(*_LATER):
            try:
                proposal = administration.decide(deployment, proposal, opened, choice)
            except PassphraseNeededError:
                proposal = administration.decide(deployment, proposal, sealed, choice)
        if proposal.state is not State.AWAITING_APPROVAL:
            return


def main() -> None:
    """Decide until nobody is there to ask."""
    plant, over = Path(sys.argv[1]), threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    deployment = open_deployment(plant / CONFIGURATION)
    people: dict[Signing, Signing] = {}
    for one in APPROVERS:  # a passphrase is slow to try on purpose
        sealed = Signing(approver_id=one, passphrase=passphrase_of(plant, one))
        while len(people) <= APPROVERS.index(one) and not over.wait(_LOOK_S):
            with suppress(StateUnavailableError):  # the server of the state may be away just now
                key = administration.opened_key(deployment, sealed)
                people[Signing(approver_id=one, passphrase="", key=key)] = sealed
    while not over.wait(_LOOK_S):
        for proposal in waiting(deployment):
            decide(deployment, people, proposal)
    deployment.close()


def waiting(deployment: Deployment) -> list[Proposal]:
    """Return what waits for people; nothing where the store is busy just now."""
    try:
        return deployment.state.proposals.in_states((State.AWAITING_APPROVAL,))
    except StateUnavailableError:
        return []


if __name__ == "__main__":
    main()
