"""A file that one process has open twice, as a server that answers and synchronises, beside processes that come and go.

SQLite's locks are POSIX locks where there are such: closing any descriptor of the file drops all that a process holds.
The next process to leave would then believe that it is the last one, and take the log away from under the others.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from erp_mcp.audit.verify import verify
from erp_mcp.store.read_model.reader import ReadModelReader
from erp_mcp.store.read_model.writer import ReadModelWriter
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_state, an_entry

ROOT = Path(__file__).parents[3]
BRIEF_WRITER = """
import sys
from pathlib import Path
from erp_mcp.store.read_model.writer import ReadModelWriter
writer = ReadModelWriter(Path(sys.argv[1]))
writer.derive()
writer.close()
"""


def come_and_go(*command: str) -> None:
    """Let another process open the file, write and leave."""
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True, timeout=60)


@guarantees("P10.survives", "P5.tamper_evident", "P4.one_effect")
def test_no_record_is_lost_when_a_process_that_has_the_state_open_twice_sees_others_leave(tmp_path: Path) -> None:
    """Approvals, workers and second servers end while a server runs; what it writes afterwards must be there."""
    answering, synchronising = a_state(tmp_path), a_state(tmp_path)
    for number in range(3):
        synchronising.audit.append(an_entry(actor="sync", rows=number))
        come_and_go("-m", "tests.unit.store.state.worker", str(tmp_path), "other", "1")
        answering.audit.append(an_entry(rows=number))
    come_and_go("-m", "tests.unit.store.state.worker", str(tmp_path), "other", "1")

    newcomer = a_state(tmp_path)
    report = verify(newcomer.audit.read_all())
    for state in (answering, synchronising, newcomer):
        state.close()
    assert report.intact
    assert report.records == 10


@guarantees("P10.survives", "P7.sync_exact")
async def test_a_reader_goes_on_when_its_process_has_a_writer_too_and_another_process_leaves(tmp_path: Path) -> None:
    """The log is still there for both, so the reader sees what is written next."""
    path = tmp_path / "read_model.sqlite"
    ReadModelWriter(path).close()
    reader = ReadModelReader(path)
    await reader.states()
    writer = ReadModelWriter(path)
    come_and_go("-c", BRIEF_WRITER, str(path))

    assert path.with_name("read_model.sqlite-wal").exists()
    reader.close()
    writer.close()
