"""Takes out of a report what a reader outside has no business with: hosts, accounts, paths, names of people.

A report is made of figures and of our own words. This is the second line of defence, for what slips into a message.
"""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from erp_mcp.domain.call import JsonValue
from erp_mcp.settings import Settings, SystemSettings

_SHORTEST: Final = 3  # shorter words are parts of others
_TOLD: Final = frozenset({"name", "profile", "owns", "kind", "client_auth", "algorithm", "zone", "mount"})
_URL: Final = re.compile(r"(?<![a-z0-9+.-])[a-z0-9+.-]+://[^\s\"'<>]+", re.IGNORECASE)
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+")
_PARTS: Final = re.compile(r"[/\\:#]")
_ADDRESS: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_LONG_ADDRESS: Final = re.compile(r"(?<![\w:.])[0-9a-f:.]{2,60}(?![\w:])", re.IGNORECASE)
# An absolute path, or what follows a place that is hidden already: names of files tell as much as names of hosts.
_PATH: Final = re.compile(
    r"(?:(?P<known><[a-z ]+>)|(?<![\w/:.<>~-]))(?:[A-Za-z]:)?"
    r"(?:[\\/](?:<[^<>]*>|[^\s\\/'\"`<>|;,()])+)+[\\/]?"
)


class Redactor:
    """Replaces known words by what they stand for, and everything that looks like an address or a path."""

    def __init__(
        self, known: Mapping[str, str], *, parts: Mapping[str, str] | None = None, with_hosts: bool = False
    ) -> None:
        """Take words and what is shown instead of them; with hosts, addresses stay.

        Args:
            known: Hidden wherever they stand.
            parts: Hidden where they stand alone: names of files and the like, which may be parts of other words.
            with_hosts: Leave hosts in; of an address, no more than scheme, host and port.
        """
        usable = {word: told for word, told in {**(parts or {}), **known}.items() if len(word) >= _SHORTEST}
        self._told = {word.casefold(): told for word, told in usable.items()}
        ordered = sorted(usable, key=len, reverse=True)
        patterns = (re.escape(word) if word in known else rf"(?<!\w){re.escape(word)}(?!\w)" for word in ordered)
        self._words = re.compile("|".join(patterns), re.IGNORECASE) if ordered else None
        self._with_hosts = with_hosts

    def value(self, value: JsonValue) -> JsonValue:
        """Return JSON with every text in it redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(one) for key, one in value.items()}
        return value

    def text(self, text: str) -> str:
        """Return a text without what is hidden."""
        if self._with_hosts:
            text = _URL.sub(lambda found: origin_of(found[0]) or "<url>", text)
        if self._words is not None:
            text = self._words.sub(lambda found: self._told[found[0].casefold()], text)
        if not self._with_hosts:
            text = _ADDRESS.sub("<address>", _URL.sub("<url>", text))
            text = _LONG_ADDRESS.sub(_without_address, text)
        text = _MAIL.sub("<mail address>", text)
        return _PATH.sub(lambda found: f"{found['known']}/…" if found["known"] else "<path>", text)


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, without account, path and query; empty where it has no host."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{port}" if host else ""


def hidden_words(settings: Settings, people: Mapping[str, str], *, with_hosts: bool = False) -> dict[str, str]:
    """Return what must not leave a deployment, and what is shown instead.

    Args:
        settings: Of the deployment: addresses, accounts, databases, paths, references of secrets.
        people: Names of people, and what is shown instead of each.
        with_hosts: Leave the hosts of systems in.
    """
    shown = {one.name for one in settings.systems}
    shown |= {one.profile for one in settings.systems if is_shipped(one, settings)}
    found = {**people, **{one.profile: f"<hidden, profile of {one.name}>" for one in settings.systems}}
    for system in settings.systems:
        for word in _leaves(asdict(system)):
            found.setdefault(word, f"<hidden, system {system.name}>")
        for word, told in _places(system.url, system.name):
            found[word] = told
            if with_hosts and told.startswith("<host"):
                del found[word]
                found.pop(system.url, None)
    for word in _leaves(asdict(settings.vault) if settings.vault is not None else {}):
        found.setdefault(word, "<hidden, vault>")
    if settings.state is not None:
        where = {name: word for name, word in asdict(settings.state).items() if name != "schema"}
        for word in _leaves(where):
            found.setdefault(word, "<hidden, state>")
        found |= dict(_places(settings.state.url, "state"))
    for word in _leaves(asdict(settings.notices) if settings.notices is not None else {}):
        found.setdefault(word, "<hidden, notices>")
    found |= {settings.deployment: "<deployment>", str(settings.state_dir): "<state directory>"}
    found |= machine_words(settings.file)
    return {word: told for word, told in found.items() if word not in shown}


def hidden_parts(words: Mapping[str, str]) -> dict[str, str]:
    """Return what messages quote of hidden words: their last parts, such as the name of a secret's file."""
    named = {word: told for word, told in words.items() if told.startswith("<hidden") and "://" not in word}
    parts = {_PARTS.split(word)[-1]: told for word, told in named.items()}
    return {part: told for part, told in parts.items() if part not in words}


def is_shipped(system: SystemSettings, settings: Settings) -> bool:
    """Whether the profile of a system is one of ours; the name of any other is its owner's."""
    return (settings.profiles[0] / f"{system.profile}.yaml").is_file()


def machine_words(file: Path) -> dict[str, str]:
    """Return what of a machine and its account is hidden, for a configuration file that may not even open."""
    return {
        _account(): "<account>",
        platform.node(): "<machine>",
        str(Path.home()): "<home>",
        str(file.resolve().parent): "<deployment directory>",
    }


def _leaves(value: object) -> Iterator[str]:
    """Yield every text of the settings but words of our own."""
    if isinstance(value, Path):
        yield str(value)
    elif isinstance(value, str):
        yield value
        yield from filter(None, [value.partition(":")[2]] if "://" not in value else [])
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key not in _TOLD:
                yield from _leaves(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)


def _places(url: str, system: str) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return
    yield from ((word, f"<hidden, system {system}>") for word in (parts.username, parts.password) if word)
    if host:
        yield host, f"<host of {system}>"


def _without_address(found: re.Match[str]) -> str:
    try:
        ip_address(found[0].strip("."))
    except ValueError:
        return found[0]
    return "<address>"


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
