"""A toy kind of adapter as a package of a third party: what it says of its system is written into its module."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from erp_mcp.cli.app import main
from tests.unit.cli.third_party import install

MODULE: Final = """
from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.command import RetryContract, Unknown
from erp_mcp.domain.introspection import EntityBinding, Introspection
from erp_mcp.errors import SystemRefusedError, SystemTimeoutError, SystemUnreachableError


class Toy(MemoryAdapter):
    @classmethod
    def open(cls, connection, profile, clock):
        {opens}
        return cls(connection.system, list(profile.entities), clock)

    async def probe(self):
        {probe}
        return {{"product": "Toy", "version": "1", "account": "reader"}}

    async def introspect(self):
        {introspect}
        told = {{"paging": "by number", "replica lag": "2 s"}}
        return Introspection(entities=({entities}), excess=({excess}), revoke=({revoke}), told=told)


class ToyCommands:
    def __init__(self, system):
        self.system = system
        self.operations = {{}}

    @classmethod
    def open(cls, connection, profile, clock):
        return cls(connection.system)

    async def probe(self):
        return {{"account": "writer", "purchase_requisition.create": "verified: by number"}}

    async def introspect(self):
        return Introspection(excess=({write_excess}))

    async def close(self):
        pass
"""
PROFILE: Final = """\
# A toy that holds materials. For tests.
profile: toy
version: 1
kind: toy
level: 4
zone: UTC
verified: protocol
{more}
entities:
  material: {{fields: {{material_id: id, base_uom: unit}}}}
  stock: {{fields: {{material_id: a, site: b, storage_location_id: c, stock_type: d, qty: e, uom: f}}}}
commands:
  operations:
    purchase_requisition.create: {{contract: readback, settle_s: 5}}
"""


def toy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    more: str = "",
    system: str = "url: toy://here",
    **says: str,
) -> Path:
    """Install the toy and return the configuration of a deployment that has it as the system `toy`.

    Args:
        tmp_path: Where everything lies.
        monkeypatch: Takes the package away again.
        more: Lines at the top of its profile.
        system: Keys of the system beside its profile.
        says: What the module says: `opens`, `probe`, `introspect` (statements), `entities`, `excess`, `revoke`,
            `write_excess`.
    """
    empty = {
        "opens": "pass",
        "probe": "pass",
        "introspect": "pass",
        "entities": "",
        "excess": "",
        "revoke": "",
        "write_excess": "",
    }
    install(
        monkeypatch,
        tmp_path / "site",
        "toyshop",
        files={
            "toyshop/__init__.py": "",
            "toyshop/toys.py": MODULE.format(**{**empty, **says}),
            "toyshop/profiles/__init__.py": "",
            "toyshop/profiles/toy.yaml": PROFILE.format(more=more),
        },
        entry_points={
            "erp_mcp.adapters": {"toy": "toyshop.toys:Toy"},
            "erp_mcp.commands": {"toy": "toyshop.toys:ToyCommands"},
            "erp_mcp.profiles": {"toy": "toyshop.profiles"},
        },
    )
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d"), "--no-approver"]).exit_code == 0
    file = tmp_path / "d" / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("systems: {}", f"systems:\n  toy: {{profile: toy, {system}}}"), encoding="utf-8")
    return file
