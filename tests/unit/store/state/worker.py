"""A process of its own that appends to a state: `worker.py DIRECTORY NAME COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.store.state.fakes import an_entry
from tests.unit.store.state.stores import opened

if __name__ == "__main__":
    state = opened(Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        state.audit.append(an_entry(actor=sys.argv[2], rows=number))
    print(state.bundles.active_digest())
