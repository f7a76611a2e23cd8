"""Profiles as their kind of adapter sees them: what it complains about is told with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError


def check_profile(profile: Profile, folders: Sequence[Path]) -> None:
    """Refuse a profile that its kind of adapter could not read; nothing is opened.

    Args:
        profile: What `load_profile` gave.
        folders: Where it was found.

    Raises:
        ProfileFileError: `systems.bad_profile`, with `file`, `line`, `key` and `reason`.
    """
    from erp_mcp import adapters

    with placing(profile, folders):
        adapters.check_profile(profile)


@contextmanager
def placing(profile: Profile, folders: Sequence[Path]) -> Iterator[None]:
    """Give file and line to whatever an adapter says about the profile that it is opened with.

    Raises:
        ProfileFileError: `systems.bad_profile`, as the adapter raised it, with its place.
    """
    try:
        yield
    except ProfileFileError as error:
        from erp_mcp.systems.places import with_place

        raise with_place(error, profile.name, folders) from error
