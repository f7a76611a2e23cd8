"""`ODataCommands`: opens what writes to a system that speaks OData, V2 or V4, by the plans of its profile."""

from __future__ import annotations

from collections.abc import Mapping

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._documents.command_plans import canonical_units, key_parts_of, plans_of
from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.adapters.odata.commands_session import WriteSession
from erp_mcp.adapters.odata.commands_wire import ODataWire
from erp_mcp.adapters.odata.grammar import read_head
from erp_mcp.adapters.odata.service import Services
from erp_mcp.adapters.odata.settings import ODataSettings
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.write_plan import Plan
from erp_mcp.errors import ProfileFileError
from erp_mcp.ports import Clock


class ODataCommands:
    """What `COMMANDS` names; what it opens is a `PlannedCommands`."""

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> PlannedCommands:
        """Return the commands of a configured connection, whose account and identity are those that write.

        Raises:
            ProfileFileError: `systems.bad_profile`, naming the key.
            ConfigurationError: `settings.bad_configuration`, likewise.
        """
        settings = ODataSettings.of(connection, read_head(profile))
        egress = open_egress(connection)
        services = Services(settings, egress)
        session, plans = WriteSession(settings, services, egress), plans_of(profile)
        _check_forms(profile, settings, plans)
        return PlannedCommands(
            system=connection.system,
            account=connection.account,
            plans=plans,
            wire=ODataWire(connection.system, services, session, plans.values()),
            reader=ODataAdapter.open(connection, profile, clock),
            key_parts=key_parts_of(profile),
            units=canonical_units(profile),
            options={},
        )


def _check_forms(profile: Profile, settings: ODataSettings, plans: Mapping[str, Plan]) -> None:
    """Refuse what the service's version does not know: a form of change set, or to be told later.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    for name, plan in plans.items():
        if plan.write.batch == "json" and settings.versions.get(plan.write.place.service) == 2:
            key, reason = f"commands.operations.{name}.write.batch", "json is V4's; a V2 service takes `true`"
            raise ProfileFileError(profile=profile.name, key=key, reason=reason)
        told_later = plan.accepted is not None and (plan.accepted.respond_async or not plan.accepted.ask.state)
        if told_later and settings.versions.get(plan.write.place.service) == 2:
            key = f"commands.operations.{name}.accepted"
            reason = "V2 has no `respond_async` and no address that gives the last answer; ask a set by `state`"
            raise ProfileFileError(profile=profile.name, key=key, reason=reason)
