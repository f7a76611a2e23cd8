"""A process of its own that appends to a state file: `worker.py DIRECTORY NAME COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.store.state.fakes import a_state, an_entry

if __name__ == "__main__":
    state = a_state(Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        state.audit.append(an_entry(actor=sys.argv[2], rows=number))
    print(state.bundles.active_digest())
