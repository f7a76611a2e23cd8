"""`RestCommands`: opens what writes to a system that speaks JSON over REST, by the plans of its profile."""

from __future__ import annotations

from dataclasses import replace

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._documents.command_plans import canonical_units, key_parts_of, plans_of
from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.adapters.rest.commands_wire import RestWire
from erp_mcp.adapters.rest.grammar import read_head
from erp_mcp.adapters.rest.login import read_login
from erp_mcp.adapters.rest.settings import RestSettings
from erp_mcp.domain.profile import Profile
from erp_mcp.ports import Clock


class RestCommands:
    """What `COMMANDS` names; what it opens is a `PlannedCommands`."""

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> PlannedCommands:
        """Return the commands of a configured connection, whose account and identity are those that write.

        Where the profile says how to sign in, they sign in so, with the account that writes, and bear nothing else.

        Raises:
            ProfileFileError: `systems.bad_profile`, naming the key.
            ConfigurationError: `settings.bad_configuration`, likewise.
        """
        head = read_head(profile)
        settings, plans = RestSettings.of(connection, head), plans_of(profile)
        login = read_login(profile)
        login = login.for_writing(profile.name) if login is not None and plans else login
        reader = RestAdapter.signing_in(connection, profile, clock, login)
        egress = open_egress(replace(connection, identity=reader.identity) if reader.identity else connection)
        return PlannedCommands(
            system=connection.system,
            account=connection.account,
            plans=plans,
            wire=RestWire(connection.system, settings.root, head.headers, egress, plans.values()),
            reader=reader,
            key_parts=key_parts_of(profile),
            units=canonical_units(profile),
            options=settings.options,
        )
