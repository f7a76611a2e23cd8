from __future__ import annotations

from pathlib import Path

from erp_mcp.adapters import Connection, open_adapter
from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.settings import SystemSettings
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

PROFILE = Profile(
    name="p", version=1, kind="memory", level=4, zone="UTC", identity={}, states={}, entities={"material": {}}
)


@guarantees("adapter.contract")
async def test_it_opens_empty_with_what_the_profile_names(tmp_path: Path) -> None:
    """An example or a test fills it by `put`."""
    one = open_adapter(SystemSettings(name="erp", profile="p", url="-"), PROFILE, clock=FixedClock(), root=tmp_path)
    assert isinstance(one, MemoryAdapter)
    assert one.system == "erp"
    assert one.entities == {"material"}
    assert not one.records("material")


@guarantees("P8.no_leaks")
def test_a_connection_never_shows_its_secret() -> None:
    """Tracebacks and logs show what `repr` gives."""
    assert "s3cret" not in repr(Connection(system="erp", url="x", secret="s3cret"))
