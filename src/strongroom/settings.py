"""What an operator sets: `strongroom.toml` in the home, then the environment, read once and frozen.

Every setting is also `STRONGROOM_…`, with `__` between section and name; where it may hold a
secret, `…_FILE` names a file that does [2.5]. A name nobody knows stops the start, because a
misspelt setting that is ignored protects nothing. No message here repeats a value. docs/settings.md lists them all.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from strongroom.errors import Misconfigured
from strongroom.policy.limits import KEYSTORE_COPY_LIFETIME, LONGEST_KEYSTORE_COPY_LIFETIME
from strongroom.terms import Environment

FILE_NAME: Final = "strongroom.toml"
PREFIX: Final = "STRONGROOM_"

_FROM_FILES: Final = frozenset({"vault__url", "keystore__url", "oidc__client_secret"})
"""Settings that may hold a secret: a database's URL may carry its password."""

_NOT_SETTINGS: Final = re.compile(r"STRONGROOM_(HOME|TEST_\w+)")
"""Where the home is, and what the project's own tests are told."""

_MAX_SECRET_BYTES: Final = 64 * 1024

Port = Annotated[int, Field(ge=0, le=65535)]
Mailbox = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,64}@[a-z0-9.-]{3,253}$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class GatewaySettings(_Section):
    """The listener that apps use in place of Amazon's endpoint."""

    host: Host = Field("127.0.0.1", description="address to listen on; loopback by default [1.1]")
    port: Port = Field(8443, description="port; 0 picks a free one")
    allow_unknown: tuple[
        Annotated[str, StringConstraints(pattern=r"^[A-Z]{3,6} /[!-~]{1,500}$")], ...
    ] = Field(
        (),
        description="operations that pass although the catalogue does not know them, such as "
        "`GET /new/v1/things/{thingId}`: every string of their answers becomes a token [1.3]",
    )


class ApiSettings(_Section):
    """The listener on which apps ask for values, and how much one of them may ask for."""

    host: Host = Field("127.0.0.1", description="address to listen on; loopback by default [1.1]")
    port: Port = Field(8444, description="port; 0 picks a free one")
    requests_per_second: Annotated[int, Field(ge=1, le=100_000)] = Field(
        50, description="what one app may ask for in the long run [1.3]"
    )
    burst: Annotated[int, Field(ge=1, le=100_000)] = Field(
        200, description="how many requests of one app may come at once"
    )
    records_per_day: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        10_000, description="different records that one app may see values of from midnight UTC on"
    )


class DeskSettings(_Section):
    """The listener of the pages that people sign on to."""

    host: Host = Field("127.0.0.1", description="address to listen on; loopback by default [1.1]")
    port: Port = Field(8445, description="port; 0 picks a free one")
    url: Annotated[str, StringConstraints(pattern=r"^(https://[A-Za-z0-9.:\[\]-]{1,253})?$")] = (
        Field(
            "",
            description="the address people type, such as `https://desk.example.com`; empty: "
            "`https://localhost:PORT`. Passkeys are bound to it",
        )
    )


class AccessSettings(_Section):
    """How people sign on."""

    profile: Literal["baseline", "current"] = Field(
        "current",
        description="which revision's password rules hold: `baseline` (8 characters, four classes, "
        "quarterly) or `current` (12, history of ten, a second factor for all) [1.4]",
    )


class ComplianceSettings(_Section):
    """Against which text of the policy the duties are held."""

    revision: Literal["baseline", "current"] = Field(
        "current",
        description="which numbers rule: `baseline` (the text of 2021) or `current` (the strictest of all "
        "known revisions); what checks and dates are held against it, passwords against "
        "`access.profile` [3]",
    )


class OidcSettings(_Section):
    """Sign-on through an OpenID Connect provider; off while `issuer` is empty."""

    issuer: Annotated[str, StringConstraints(pattern=r"^(https://[!-~]{1,500})?$")] = Field(
        "", description="the provider's issuer URL"
    )
    client_id: Annotated[str, StringConstraints(max_length=500)] = Field(
        "", description="this installation's client id at the provider"
    )
    client_secret: str = Field("", repr=False, description="its client secret there")
    ca: Path | None = Field(
        None,
        description="PEM with the provider's certificate authority; the public roots otherwise",
    )
    trust_second_factor: bool = Field(
        default=False,
        description="whether `amr` of the provider that says `mfa` stands for our second factor",
    )


class NetworkSettings(_Section):
    """What stands between us and the client."""

    trusted_proxies: tuple[
        Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:/]{2,49}$")], ...
    ] = Field(
        (),
        description="addresses or CIDR ranges of proxies whose `X-Forwarded-For` counts; nobody else's does [1.1]",
    )


class NoticeSettings(_Section):
    """How alarms reach people."""

    heartbeat_hours: Annotated[int, Field(ge=0, le=7 * 24)] = Field(
        24, description="how often each alarm channel is tried with a heartbeat; 0: never [1.6]"
    )
    amazon_address: Mailbox = Field("security@amazon.com", description="hears of incidents [1.6]")


class HealthSettings(_Section):
    """The listener for monitoring."""

    host: Host = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8446, description="port; 0 picks a free one")


class WitnessSettings(_Section):
    """The listener on which other logs ask us to cosign; it listens while one is followed."""

    host: Host = Field("127.0.0.1", description="address to listen on; loopback by default [1.1]")
    port: Port = Field(8447, description="port; 0 picks a free one")


class ProxySettings(_Section):
    """The forward proxy for clients whose host is hard-coded: it leads to the gateway, and nowhere else."""

    enabled: bool = Field(
        default=False, description="whether `CONNECT` to a host of Amazon's leads to the gateway"
    )
    host: Host = Field("127.0.0.1", description="address to listen on; loopback by default [1.1]")
    port: Port = Field(8448, description="port; 0 picks a free one")


Every = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,3}[mh])?$")]
"""A span such as `15m` or `2h`; empty: never."""


class SyncSettings(_Section):
    """What is pulled from Amazon without an app's asking; off while no `…_every` is set."""

    app: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$")] = Field(
        "", description="the app that syncs run as: its authorizations and its grant to sync"
    )
    orders_every: Every = Field(
        "",
        description="how often `serve` pulls changed orders, such as `15m` or `2h`; empty: never",
    )
    dates_every: Every = Field(
        "6h",
        description="how often `serve` looks itself at how far orders are, for every selling partner with a refresh "
        "token; empty: never",
    )
    notifications_every: Every = Field(
        "", description="how often `serve` empties the queue of notifications; empty: never"
    )
    queue: Annotated[str, StringConstraints(pattern=r"^(https://[!-~]{1,500})?$")] = Field(
        "", description="the queue that Amazon sends notifications to"
    )
    notifications_to: Annotated[str, StringConstraints(pattern=r"^((https:/)?/[!-~]{1,500})?$")] = (
        Field("", description="where they go: a directory or another queue; empty: sealed, no more")
    )
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,40}$")] = Field(
        "", description="the queues' region, where their URL does not say it"
    )

    @property
    def orders_span(self) -> timedelta | None:
        """How often orders are pulled; None: never."""
        return _span(self.orders_every) if self.app else None

    @property
    def dates_span(self) -> timedelta | None:
        """How often the house itself looks at orders' dates; None: never."""
        return _span(self.dates_every)

    @property
    def notifications_span(self) -> timedelta | None:
        """How often the queue is emptied; None: never."""
        return _span(self.notifications_every) if self.app and self.queue else None


def _span(text: str) -> timedelta | None:
    if not text:
        return None
    number = int(text[:-1])
    return timedelta(hours=number) if text[-1] == "h" else timedelta(minutes=number)


class RequestSettings(_Section):
    """How soon people who ask about their own data are answered."""

    most_days: Annotated[int, Field(ge=0, le=60)] = Field(
        0,
        description="days to an answer that the house allows itself, where the law gives more; "
        "0: the law's [2.2]",
    )


class DocumentSettings(_Section):
    """Where the house's own documents are published."""

    privacy_url: Annotated[str, StringConstraints(pattern=r"^(https://[!-~]{1,500})?$")] = Field(
        "",
        description="the page of your own site that has the privacy policy; `serve` looks each day whether it is "
        "there, word for word as approved [2.2]",
    )
    privacy_ca: Path | None = Field(None, description="PEM with that site's CA; else public roots")


class LogSettings(_Section):
    """Who outside has to have seen the log."""

    witnesses_needed: Annotated[int, Field(ge=0, le=32)] = Field(
        0, description="how many witnesses a checkpoint needs to count as witnessed"
    )
    synchronous: bool = Field(
        default=False,
        description="whether exports, operations on keys and administration answer only once as "
        "many witnesses, at least one, saw them [2.6]",
    )


class BackupSettings(_Section):
    """How often backups are taken and how many are kept; `strongroom backup place` says who opens them."""

    every_hours: Annotated[int, Field(ge=0, le=7 * 24)] = Field(
        24,
        description="how often `serve` takes a backup once a recipient is in effect; 0: never. "
        "Two such spans without one raise an alarm",
    )
    keep: Annotated[int, Field(ge=1, le=10_000)] = Field(
        35, description="how many backups each place keeps"
    )
    keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        35,
        description="for how long each place keeps one; what is due in it dies with its key anyway [2.1]",
    )
    drill_days: Annotated[int, Field(ge=0, le=366)] = Field(
        90, description="how often a restore is to be tried out with `backup drill`; 0: never"
    )

    @property
    def every(self) -> timedelta | None:
        """How often backups are taken; None: never."""
        return timedelta(hours=self.every_hours) if self.every_hours else None

    @property
    def drill_every(self) -> timedelta | None:
        """How often a restore is to be tried out; None: never."""
        return timedelta(days=self.drill_days) if self.drill_days else None


class ArchiveSettings(_Section):
    """Where archives that a law requires are written."""

    directory: Path | None = Field(
        None,
        description="where archives lie, the same for every node; without it, `archive` in the home",
    )


class VaultSettings(_Section):
    """Where the records are."""

    url: str = Field(
        "",
        repr=False,
        description="`sqlite:///PATH` or `postgresql+psycopg://…`; empty: `vault.db` in the home",
    )


def _hours(span: timedelta) -> int:
    return span // timedelta(hours=1)


class KeystoreSettings(_Section):
    """Where the keys are: never in the records' database [2.4]."""

    url: str = Field(
        "",
        repr=False,
        description="as for the vault, and another database; empty: `keys.db` in the home",
    )
    root: str = Field(
        "file:root.key",
        description="the root key's provider: `file:PATH` (a relative path is in the home), `pkcs11:…`, `aws-kms:…` "
        "or `transit:https://…` ([keys.md](keys.md))",
    )
    passphrase_file: Path | None = Field(
        None,
        description="file with the passphrase of the root key; without it, the systemd credential "
        "`strongroom-passphrase`",
    )
    root_grace_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] = Field(
        240,
        description="how long a root key's provider may not answer before the keys are put away and nothing is "
        "revealed until it does; 0: for ever",
    )
    copy_lifetime_hours: Annotated[int, Field(ge=0, le=_hours(LONGEST_KEYSTORE_COPY_LIFETIME))] = (
        Field(
            _hours(KEYSTORE_COPY_LIFETIME),
            description="longest life of a keystore copy; taken off every date of disposal [2.1]",
        )
    )


class Settings(BaseSettings):
    """All settings of one home."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
    )

    environment: Environment = Field(
        description="`test` or `production`; at `init` bound into keys, tokens and certificates [2.5]"
    )
    home_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{8,32}$")] = Field(
        description="the home's own name in its log and certificates; made at `init`"
    )
    one_person: bool = Field(
        default=False,
        description="declared at `init`: one person runs this home, so grants need no second one",
    )
    gateway: GatewaySettings = GatewaySettings()
    api: ApiSettings = ApiSettings()
    desk: DeskSettings = DeskSettings()
    health: HealthSettings = HealthSettings()
    witness: WitnessSettings = WitnessSettings()
    proxy: ProxySettings = ProxySettings()
    sync: SyncSettings = SyncSettings()
    requests: RequestSettings = RequestSettings()
    compliance: ComplianceSettings = ComplianceSettings()
    documents: DocumentSettings = DocumentSettings()
    log: LogSettings = LogSettings()
    access: AccessSettings = AccessSettings()
    oidc: OidcSettings = OidcSettings()
    network: NetworkSettings = NetworkSettings()
    notices: NoticeSettings = NoticeSettings()
    backup: BackupSettings = BackupSettings()
    archive: ArchiveSettings = ArchiveSettings()
    vault: VaultSettings = VaultSettings()
    keystore: KeystoreSettings = KeystoreSettings()


def load(
    home: Path,
    environ: Mapping[str, str] | None = None,
    *,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings of a home; `environ` is the process's own unless another is given.

    `defaults` stand in for a `strongroom.toml` that is not written yet.

    Raises:
        Misconfigured: no such file, or malformed; an unknown name; a value that is not allowed.

    """
    variables = dict(os.environ if environ is None else environ)
    document = _read_document(home / FILE_NAME) if defaults is None else dict(defaults)
    variables = _with_secrets(variables)
    _refuse_unknown(variables)

    class _Sources(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del env_settings, dotenv_settings, file_secret_settings
            return _GivenEnvironment(settings_cls, variables), init_settings

    try:
        return _Sources(**document)
    except ValidationError as exc:
        raise Misconfigured(_faults(exc), hint="docs/settings.md lists the settings") from None
    except ValueError:
        # pydantic-settings, about a section given as one variable that is not JSON.
        raise Misconfigured("a STRONGROOM_ variable holds no value of its setting") from None


def names() -> dict[str, str]:
    """Return every setting as `section.name`, with what it is for."""
    found = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            for inner, inner_field in section.model_fields.items():
                found[f"{name}.{inner}"] = inner_field.description or ""
        else:
            found[name] = field.description or ""
    return found


def effective(
    settings: Settings, home: Path, environ: Mapping[str, str]
) -> list[tuple[str, str, str, str]]:
    """Return name, value, source and purpose of every setting; of one that may hold a secret only whether it is set.

    Raises:
        Misconfigured: the file cannot be read any more.

    """
    written = _read_document(home / FILE_NAME)
    found = []
    for name, about in names().items():
        section, _, inner = name.partition(".")
        value = getattr(settings, section)
        in_file = section in written
        if inner:
            value = getattr(value, inner)
            in_file = in_file and inner in written[section]
        variable = PREFIX + name.replace(".", "__").upper()
        given = variable in environ or f"{variable}_FILE" in environ
        source = "environment" if given else "file" if in_file else "standard"
        hidden = name.replace(".", "__") in _FROM_FILES
        found.append((name, _whether(value) if hidden else _shown(value), source, about))
    return found


def _whether(value: object) -> str:
    return "set, not shown" if value else "not set"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value) or "none"
    # What follows in a URI may be a PIN, or be meant as one.
    return str(value).partition("?")[0] if value not in (None, "") else "none"


def document(settings: Mapping[str, object]) -> str:
    """Return a `strongroom.toml` with these settings, one level of sections deep."""
    lines = [f"{name} = {_toml(v)}" for name, v in settings.items() if not isinstance(v, Mapping)]
    for section, inner in settings.items():
        if isinstance(inner, Mapping):
            lines += ["", f"[{section}]", *(f"{name} = {_toml(v)}" for name, v in inner.items())]
    return "\n".join(lines) + "\n"


def without_secrets(path: Path) -> str:
    """Return a home's `strongroom.toml` without the settings that may hold a secret. Raises: Misconfigured."""
    found = _read_document(path)
    for name in _FROM_FILES:
        section, _, inner = name.partition("__")
        if isinstance(found.get(section), dict):
            found[section].pop(inner, None)
    return document(found)


class _GivenEnvironment(EnvSettingsSource):
    """The environment as it was handed to `load`."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items()}
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._variables)


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(
            f"{path.parent} is not a home: it has no {FILE_NAME}",
            hint="make one with `strongroom init --home DIR`",
        ) from None
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as exc:
        place = re.search(r"at line \d+, column \d+|at end of document", str(exc))
        raise Misconfigured(f"{path} is not TOML {place[0] if place else ''}".rstrip()) from None


def _with_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with each secret's `_FILE` replaced by what the file holds."""
    found = dict(variables)
    for name in _FROM_FILES:
        plain = PREFIX + name.upper()
        path = found.pop(f"{plain}_FILE", None)
        if path is None:
            continue
        if plain in found:
            raise Misconfigured(f"{plain} and {plain}_FILE are both set")
        found[plain] = read_secret(Path(path), f"{plain}_FILE")
    return found


def read_secret(path: Path, what: str) -> str:
    """Return the text of a secret's file without the line end; `what` names it in the errors.

    Raises:
        Misconfigured: the file cannot be read, is empty, too long, or no text.

    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_SECRET_BYTES + 1)
        text = raw.decode()
    except OSError as exc:
        raise Misconfigured(f"{what}: {path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{what}: {path} is not UTF-8") from None
    if len(raw) > _MAX_SECRET_BYTES:
        raise Misconfigured(f"{what}: {path} is longer than {_MAX_SECRET_BYTES} bytes")
    text = text.rstrip("\r\n")
    if not text:
        raise Misconfigured(f"{what}: {path} is empty")
    return text


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    known = {PREFIX + name.replace(".", "__").upper() for name in names()}
    for name in sorted(variables):
        if name.startswith(PREFIX) and name not in known and not _NOT_SETTINGS.fullmatch(name):
            raise Misconfigured(
                f"{name} is not a setting", hint="docs/settings.md lists the settings"
            )


def _faults(exc: ValidationError) -> str:
    faults = []
    for error in exc.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            faults.append(f"{name} is not a setting")
        elif error["type"] == "missing":
            faults.append(f"{name} is missing")
        else:
            faults.append(f"{name}: {error['msg'].lower()}")
    return "; ".join(faults)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    # A basic string's escapes are JSON's for everything a path or an identifier holds.
    escaped = "".join(f"\\u{ord(c):04x}" if c < " " or c in '"\\\x7f' else c for c in text)
    return f'"{escaped}"'
