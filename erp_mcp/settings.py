"""One frozen tree of settings, read once from one YAML file; unknown keys are errors, secrets are references.

Which file: `--config`, else `DIR/erp-mcp.yaml` of `--demo-dir`, else `$ERP_MCP_CONFIG`, else `erp-mcp.yaml` in the
working directory (commands of a person; a client starts `serve` in anybody's directory, so it never looks there), else
`erp-mcp.yaml` in the user's configuration directory. Relative paths in it are relative to the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from erp_mcp.credentials import grammar
from erp_mcp.credentials.oidc import Oidc, OidcSettings
from erp_mcp.credentials.settings import AuthSettings, TlsSettings, VaultSettings
from erp_mcp.domain import human_task
from erp_mcp.domain.notice import (
    MailEncryption,
    MailSettings,
    NoticeSettings,
    WebhookSettings,
    WebhookShape,
)
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import ConfigurationError
from erp_mcp.strict_yaml import Document, read_model

FILE_NAME: Final = "erp-mcp.yaml"
ENVIRONMENT_VARIABLE: Final = "ERP_MCP_CONFIG"
Environment = Literal["demo", "development", "production"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """The account that may write, apart from the one that reads; only the worker resolves its `secret` reference.

    Both are empty where a system asks for neither, as the demo plant's ERP. Without `auth` or `tls`, the
    system's hold.
    """

    account: str = ""
    secret: str = ""
    auth: AuthSettings | None = None
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSettings:
    """One configured system of record.

    `secret` is a reference (see `credentials.references`), resolved when it is needed, never kept here. Time-outs are
    in seconds. `owns` names the entities for which this system is the source of truth; empty means all that it offers.
    Where `write` is `None`, nothing is ever written to the system. `auth` is how requests are signed in; `None` leaves
    it to the kind of adapter. `networks` (CIDR) are those that the address may lead to beside public ones.
    """

    name: str
    profile: str
    url: str
    database: str = ""
    account: str = ""
    secret: str = ""
    id_prefix: str = ""
    zone: str = ""
    timeout_s: int = 30
    page_rows: int = 2000
    owns: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    write: WriteSettings | None = None
    auth: AuthSettings | None = None
    networks: tuple[str, ...] = ()
    limits: TrafficLimits = field(default_factory=TrafficLimits)
    tls: TlsSettings = field(default_factory=TlsSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlSettings:
    """A schema on PostgreSQL that holds the state in place of a file; secrets are references.

    `account` serves from it. `owner_account` owns it, and nothing but its preparation signs in as it. `ca_file` (an
    absolute path) vouches for the server; without it the machine's own certificates do, and on this machine nobody.
    """

    url: str
    schema: str
    account: str
    secret: str
    owner_account: str
    owner_secret: str
    ca_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything one deployment needs to know; absolute paths.

    `clock` is empty for the time of day, or the instant at which the plant clock stands still (demo).
    """

    file: Path
    deployment: str
    environment: Environment
    zone: str
    clock: str
    default_agent: str
    state_dir: Path
    read_model: Path
    policies: Path
    tools: tuple[Path, ...]
    profiles: tuple[Path, ...]
    freshness: Path
    systems: tuple[SystemSettings, ...]
    deadline_s: int
    vault: VaultSettings | None = None
    state: PostgresqlSettings | None = None
    notices: NoticeSettings | None = None
    oidc: OidcSettings | None = None


def data_root() -> Path:
    """Return the folder that holds the shipped `tools/` and `policies/`: `_data` in a wheel, else the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_data"
    return installed if installed.is_dir() else package.parent


def find_file(
    *, config: str = "", demo_dir: str = "", environ: Mapping[str, str] | None = None, working: Path | None = None
) -> Path:
    """Return the configuration file that applies; it may not exist.

    Args:
        config: Named by an option.
        demo_dir: Directory named by an option.
        environ: The environment; this process's by default.
        working: Directory to look in when nothing is named, before the user's own; `None` leaves it out.
    """
    if config:
        return Path(config).expanduser().resolve()
    if demo_dir:
        return (Path(demo_dir).expanduser() / FILE_NAME).resolve()
    named = (os.environ if environ is None else environ).get(ENVIRONMENT_VARIABLE, "")
    if named:
        return Path(named).expanduser().resolve()
    if working is not None and (working / FILE_NAME).is_file():
        return (working / FILE_NAME).resolve()
    return user_directory("config") / FILE_NAME


def user_directory(kind: Literal["config", "state", "data"]) -> Path:
    """Return this user's directory for configuration, state or data, as the platform has it."""
    import platformdirs  # only where a default is needed

    directory = {
        "config": platformdirs.user_config_path,
        "state": platformdirs.user_state_path,
        "data": platformdirs.user_data_path,
    }[kind]
    return directory("erp-mcp", appauthor=False)


def load(path: Path) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: `settings.bad_configuration`, with `file`, `line`, `key` and `reason`.
    """
    if not path.is_file():
        raise ConfigurationError(file=str(path), line=0, key="", reason=_no_file())
    form, document = read_model(path, _File, ConfigurationError)
    root = path.resolve().parent
    for key, folders in (("tools", form.tools), ("profiles", form.profiles)):
        for index, folder in enumerate(folders):
            if not (root / Path(folder).expanduser()).is_dir():
                raise document.error((key, index), f"there is no folder {folder}")
    _check_together(form, document)
    shipped = data_root()

    def at(value: str, default: Path) -> Path:
        return (root / Path(value).expanduser()).resolve() if value else default

    state_dir = at(form.state_dir, user_directory("state") / form.deployment)
    return Settings(
        file=path.resolve(),
        deployment=form.deployment,
        environment=form.environment,
        zone=form.plant.zone,
        clock=form.plant.clock,
        default_agent=form.default_agent,
        state_dir=state_dir,
        read_model=at(form.read_model, state_dir / "read_model.sqlite"),
        policies=at(form.policies, shipped / "policies"),
        tools=(shipped / "tools", *(at(folder, root) for folder in form.tools)),
        profiles=(Path(__file__).resolve().parent / "systems", *(at(folder, root) for folder in form.profiles)),
        freshness=at(form.freshness, Path(__file__).resolve().parent / "systems" / "freshness.yaml"),
        systems=tuple(one.settings(name, root) for name, one in form.systems.items()),
        deadline_s=form.deadline_s,
        vault=form.vault.settings(root) if form.vault is not None else None,
        state=form.state.postgresql.settings(root) if form.state is not None else None,
        notices=form.notices.settings(root) if form.notices is not None else None,
        oidc=form.web.oidc.settings(root) if form.web is not None else None,
    )


def _check_together(form: _File, document: Document) -> None:
    """Refuse what is right by itself and wrong together, with the line of the key to mend."""
    for name, system in form.systems.items():
        if name == human_task.SYSTEM:
            raise document.error(("systems", name), "this name is that of the gateway's own records; choose another")
        for key, reason in system.problems(has_vault=form.vault is not None):
            raise document.error(("systems", name, *key.split(".")), reason)
    for key, reason in form.notices.problems() if form.notices is not None else ():
        raise document.error(("notices", *key.split(".")), reason)
    for key, reason in form.web.oidc.problems(has_vault=form.vault is not None) if form.web is not None else ():
        raise document.error(("web", "oidc", *key.split(".")), reason)
    for key, reason in form.vault.problems() if form.vault is not None else ():
        raise document.error(("vault", *key.split(".")), reason)


def _no_file() -> str:
    """Say how a deployment is named and made; the demo plant where it stands, since most people start with it."""
    demo = user_directory("data") / "demo"
    stands = f" (one stands in {demo})" if (demo / FILE_NAME).is_file() else " (`erp-mcp demo` builds one)"
    return f"no such file; name a deployment: --config FILE (`erp-mcp init DIR` writes one) or --demo-dir DIR{stands}"


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as failure:
        raise ValueError("no such time zone") from failure
    return value


def _instant(value: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        raise ValueError("must be a UTC instant such as 2026-03-16T05:00:00Z")
    datetime.fromisoformat(value)
    return value


_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
_Zone = Annotated[str, AfterValidator(_zone)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Plant(_Form):
    zone: _Zone
    clock: Annotated[str, AfterValidator(lambda value: _instant(value) if value else value)] = ""


class _Limits(_Form):
    requests_per_s: Annotated[float, Field(ge=0.01, le=1000)] = TrafficLimits().requests_per_s
    burst: Annotated[int, Field(ge=1, le=1000)] = TrafficLimits().burst
    concurrent: Annotated[int, Field(ge=1, le=100)] = TrafficLimits().concurrent
    waiting: Annotated[int, Field(ge=0, le=10_000)] = TrafficLimits().waiting
    failures: Annotated[int, Field(ge=1, le=100)] = TrafficLimits().failures
    window: Annotated[int, Field(ge=1, le=100)] = TrafficLimits().window
    rest_s: Annotated[float, Field(ge=0.1, le=3600)] = TrafficLimits().rest_s
    longest_rest_s: Annotated[float, Field(ge=0.1, le=86_400)] = TrafficLimits().longest_rest_s

    def problems(self) -> Iterator[grammar.Problem]:
        """Yield what does not fit together."""
        if self.failures > self.window:
            yield "limits.failures", f"of {self.window} requests looked at (window), {self.failures} can't fail"
        if self.rest_s > self.longest_rest_s:
            yield "limits.longest_rest_s", f"must be at least rest_s ({self.rest_s:g})"


class _Write(_Form):
    account: Annotated[str, Field(max_length=200)] = ""
    secret: Annotated[str, AfterValidator(grammar.reference)] = ""
    auth: grammar.Auth | None = None
    tls: grammar.Tls | None = None

    def settings(self, root: Path) -> WriteSettings:
        """Return the frozen form."""
        return WriteSettings(
            account=self.account,
            secret=self.secret,
            auth=self.auth.settings(root) if self.auth is not None else None,
            tls=self.tls.settings(root) if self.tls is not None else None,
        )


class _System(_Form):
    profile: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(min_length=1, max_length=500)]
    database: str = ""
    account: str = ""
    secret: Annotated[str, AfterValidator(grammar.reference)] = ""
    id_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,8}$")] = ""
    zone: Annotated[str, AfterValidator(lambda value: _zone(value) if value else value)] = ""
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 30
    page_rows: Annotated[int, Field(ge=1, le=10_000)] = 2000
    owns: list[str] = []
    options: dict[str, str] = {}
    write: _Write | None = None
    auth: grammar.Auth | None = None
    networks: Annotated[list[grammar.Network], Field(max_length=50)] = []
    limits: _Limits = _Limits()
    tls: grammar.Tls = grammar.Tls()

    def settings(self, name: str, root: Path) -> SystemSettings:
        """Return the frozen form."""
        plain = self.model_dump(exclude={"owns", "write", "auth", "networks", "limits", "tls"})
        return SystemSettings(
            name=name,
            **plain,
            owns=tuple(self.owns),
            write=self.write.settings(root) if self.write is not None else None,
            auth=self.auth.settings(root) if self.auth is not None else None,
            networks=tuple(self.networks),
            limits=TrafficLimits(**self.limits.model_dump()),
            tls=self.tls.settings(root),
        )

    def problems(self, *, has_vault: bool) -> Iterator[grammar.Problem]:
        """Yield what does not fit together."""
        yield from self.limits.problems()
        yield from self.tls.problems()
        if self.auth is not None:
            yield from self.auth.problems(self.account, self.secret)
        if self.write is not None:
            yield from self._write_problems(self.write)
        if not has_vault:
            yield from self._without_vault()

    def _write_problems(self, write: _Write) -> Iterator[grammar.Problem]:
        auth = write.auth or self.auth
        if auth is not None:
            yield from ((f"write.{key}", reason) for key, reason in auth.problems(write.account, write.secret))
        if write.tls is not None:
            yield from ((f"write.{key}", reason) for key, reason in write.tls.problems())

    def _without_vault(self) -> Iterator[grammar.Problem]:
        write = self.write or _Write()
        for key, value in (
            ("secret", self.secret),
            ("tls.key", self.tls.key),
            ("auth.subject_token", self.auth.subject_token if self.auth else ""),
            ("write.secret", write.secret),
            ("write.tls.key", write.tls.key if write.tls else ""),
            ("write.auth.subject_token", write.auth.subject_token if write.auth else ""),
        ):
            if value.startswith(("vault:", "vault-db:")):
                yield key, "there is no vault: at the top of this file that says where the vault is"


def _database(value: str) -> str:
    if not re.fullmatch(r"postgresql://[^\s/@?#]+/[^\s/@?#]+", value):
        raise ValueError("must be postgresql://HOST:PORT/DATABASE, without user, password, `?` and `#`")
    return value


def _own_reference(value: str) -> str:
    if value.startswith("vault"):
        raise ValueError("the secret of the state is one of this machine: keyring:, file: or env:")
    return grammar.reference(value)


class _Postgresql(_Form):
    url: Annotated[str, Field(max_length=500), AfterValidator(_database)]
    schema_: Annotated[str, Field(alias="schema", pattern=r"^[a-z_][a-z0-9_]{0,62}$")] = "erp_mcp"
    account: Annotated[str, Field(min_length=1, max_length=200)]
    secret: Annotated[str, AfterValidator(_own_reference)] = ""
    owner_account: Annotated[str, Field(max_length=200)] = ""
    owner_secret: Annotated[str, AfterValidator(_own_reference)] = ""
    ca_file: str = ""

    def settings(self, root: Path) -> PostgresqlSettings:
        """Return the frozen form."""
        return PostgresqlSettings(
            url=self.url,
            schema=self.schema_,
            account=self.account,
            secret=self.secret,
            owner_account=self.owner_account,
            owner_secret=self.owner_secret,
            ca_file=str((root / Path(self.ca_file).expanduser()).resolve()) if self.ca_file else "",
        )


class _State(_Form):
    postgresql: _Postgresql


class _Web(_Form):
    oidc: Oidc


_Address = Annotated[str, Field(max_length=254, pattern=r"^[^\s@<>,;:\"]+@[^\s@<>,;:\"]+$")]
_Kinds = Annotated[list[Literal["approval_waits", "person_needed"]], Field(min_length=1)]  # an alarm is always sent


def _page(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", value):
        raise ValueError("must be the address of the page, https://HOST/PATH, without user, `?` and `#`")
    return value.rstrip("/")


def _secret_url(value: str) -> str:
    if value.startswith(("http:", "https:")):
        raise ValueError("whoever knows this address may post there, so keep it as a secret and refer to it")
    return _own_reference(value)


class _Mail(_Form):
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    encryption: MailEncryption = "starttls"
    sender: _Address
    account: Annotated[str, Field(max_length=200)] = ""
    secret: Annotated[str, AfterValidator(_own_reference)] = ""
    ca_file: str = ""
    people: dict[_Name, _Address] = {}
    operators: Annotated[list[_Address], Field(max_length=50)] = []
    tells: _Kinds = ["approval_waits", "person_needed"]

    def problems(self) -> Iterator[grammar.Problem]:
        """Yield what does not fit together."""
        if self.encryption == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            yield "mail.encryption", "without encryption, mail is handed over on this machine alone"
        if self.encryption == "none" and self.account:
            yield "mail.encryption", "a password is sent over an encrypted connection alone"
        if bool(self.account) != bool(self.secret):
            yield "mail.account", "account and secret go together"
        if not self.people and not self.operators:
            yield "mail", "name somebody: people (addresses by approver id), or operators"

    def settings(self, root: Path) -> MailSettings:
        """Return the frozen form."""
        return MailSettings(
            host=self.host,
            port=self.port,
            encryption=self.encryption,
            sender=self.sender,
            account=self.account,
            secret=self.secret,
            ca_file=str((root / Path(self.ca_file).expanduser()).resolve()) if self.ca_file else "",
            people=dict(self.people),
            operators=tuple(self.operators),
            kinds=tuple(self.tells),
        )


class _Webhook(_Form):
    url: Annotated[str, AfterValidator(_secret_url)]
    shape: WebhookShape
    tells: _Kinds = ["approval_waits", "person_needed"]
    networks: Annotated[list[grammar.Network], Field(max_length=10)] = []


class _Notices(_Form):
    page: Annotated[str, Field(max_length=300), AfterValidator(lambda value: _page(value) if value else value)] = ""
    mail: _Mail | None = None
    webhooks: Annotated[dict[_Name, _Webhook], Field(max_length=10)] = {}

    def problems(self) -> Iterator[grammar.Problem]:
        """Yield what does not fit together."""
        if self.mail is None and not self.webhooks:
            yield "mail", "name a way to tell people: mail, or webhooks"
        if "mail" in self.webhooks:
            yield "webhooks.mail", "this name is that of mail"
        if self.mail is not None:
            yield from self.mail.problems()

    def settings(self, root: Path) -> NoticeSettings:
        """Return the frozen form."""
        return NoticeSettings(
            page=self.page,
            mail=self.mail.settings(root) if self.mail is not None else None,
            webhooks=tuple(
                WebhookSettings(
                    name=name, url=one.url, shape=one.shape, kinds=tuple(one.tells), networks=tuple(one.networks)
                )
                for name, one in self.webhooks.items()
            ),
        )


class _File(_Form):
    version: Literal[1]
    deployment: _Name
    environment: Environment
    plant: _Plant
    default_agent: str = ""
    state_dir: str = ""
    read_model: str = ""
    policies: str = ""
    tools: list[str] = []
    profiles: list[str] = []
    freshness: str = ""
    deadline_s: Annotated[int, Field(ge=1, le=60)] = 10
    systems: dict[_Name, _System] = {}
    vault: grammar.Vault | None = None
    state: _State | None = None
    notices: _Notices | None = None
    web: _Web | None = None
