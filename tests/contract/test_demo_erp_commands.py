from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.demo.erp_service import Failpoint
from erp_mcp.domain.command import Command
from erp_mcp.testing import CommandContract, CommandFault, CommandSource, FixedClock
from tests.contract.erp_plant import SECRETS, ErpPlant, demo_profile
from tests.guarantees import guarantees
from tests.systems.matrix.covering import COMMAND_CONTRACT, DEMO_PLANT, covers


class DemoSource:
    """The demo ERP in process."""

    secrets = SECRETS

    def __init__(self, original: Path, folder: Path, kind: type[DemoErpCommands] = DemoErpCommands) -> None:
        self.plant = ErpPlant(original, folder)
        self.attempts = 0
        self._fault: CommandFault = "none"
        self.commands = kind.open(
            system="erp", url=str(self.plant.path), root=folder, profile=demo_profile(), clock=FixedClock(),
            failpoint=self._at,
        )  # fmt: skip

    def _at(self, point: Failpoint) -> None:
        if point == "before_commit":
            self.attempts += 1
        if (point, self._fault) in {("before_commit", "lost_before"), ("after_commit", "lost_after")}:
            raise ConnectionError("upstream broke")
        if (point, self._fault) == ("after_commit", "nonsense"):
            raise ValueError("po_item is no number")

    def good(self, operation: str) -> Command:
        return self.plant.good(operation)

    def refused(self, operation: str) -> Command:
        return self.plant.refused(operation)

    def touch(self, command: Command) -> None:
        self.plant.touch(command)

    def effects(self) -> Mapping[str, str]:
        return self.plant.effects()

    async def fault(self, how: CommandFault) -> None:
        self._fault = how
        if how == "down":
            self.plant.move_away()
        else:
            self.plant.bring_back()

    async def settle(self) -> None:
        """Each command is done when it is answered."""


@covers(COMMAND_CONTRACT, DEMO_PLANT)
@guarantees("commands.contract")
class TestDemoErp(CommandContract):
    @pytest.fixture
    def source(self, plant: DemoPlant, tmp_path: Path) -> CommandSource:
        return DemoSource(plant.erp, tmp_path)
