"""Checks the files and the machine of a home, which need not open; `doctor.py` asks an open one."""

import resource
import socket
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from strongroom import settings as settings_file
from strongroom.app import database_urls, machine_clock, passphrase_path
from strongroom.errors import Conflict, Misconfigured, StrongroomError
from strongroom.home import Layout, certificates, locked, making, too_open
from strongroom.home.transport import server_context
from strongroom.roots import parse, provider_of, secret_file
from strongroom.settings import Settings
from strongroom.terms import Environment

RENEW_CERTIFICATE: Final = timedelta(days=14)
_WAL_RESET_FIXED: Final = (3, 51, 3)


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its id, how it ended, what was seen, and what to do where it is not well."""

    id: str
    state: State
    detail: str
    hint: str | None = None


def closed_checks(home: Layout) -> list[Check]:
    """Return what can be told of a home without opening it."""
    checks = [_core_dumps(), _sqlite()]
    try:
        making.refuse_unfinished(home)
        settings = settings_file.load(home.root)
    except Misconfigured as exc:
        return [*checks, Check("settings.valid", State.FAILED, exc.message, exc.hint)]
    checks.append(Check("settings.valid", State.OK, f"environment {settings.environment}"))
    checks += [_modes(home), _owner(home), _separation(home, settings)]
    checks += [_root_secret(home, settings), _certificate(home), *_ports(home, settings)]
    return checks


def _core_dumps() -> Check:
    soft, _hard = resource.getrlimit(resource.RLIMIT_CORE)
    if soft == 0:
        return Check("process.core_dumps", State.OK, "off")
    return Check("process.core_dumps", State.FAILED, "memory may reach a disk", "ulimit -c 0")


def _sqlite() -> Check:
    detail = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _WAL_RESET_FIXED:
        detail += ", safe because one connection alone writes (WAL-reset bug up to 3.51.2)"
    return Check("sqlite.version", State.OK, detail)


def _modes(home: Layout) -> Check:
    faults = too_open(home)
    if not faults:
        return Check("home.modes", State.OK, "for its owner alone")
    return Check(
        "home.modes", State.FAILED, f"{faults[0].path} is open to others", faults[0].remedy
    )


def _owner(home: Layout) -> Check:
    if home.root.stat().st_uid == 0:
        hint = "run it as a user of its own, so that the log names who did what [1.2]"
        return Check("home.owner", State.WARNING, "belongs to root", hint)
    return Check("home.owner", State.OK, "a user of its own")


def _separation(home: Layout, settings: Settings) -> Check:
    try:
        vault_url, keys_url = database_urls(home, settings)
    except Misconfigured as exc:
        return Check("keys.separate", State.FAILED, exc.message, exc.hint)
    if vault_url.startswith("sqlite:") and keys_url.startswith("sqlite:"):
        detail = "two files in one home: a backup must never take both"
        return Check("keys.separate", State.OK, detail)
    if not keys_url.startswith("sqlite:"):
        # Its files and log keep a destroyed key's wrapped bytes until they are reused.
        return Check(
            "keys.separate",
            State.WARNING,
            "the keystore is on PostgreSQL, whose files keep old rows for a while [2.1]",
            "a cluster of its own without WAL archiving or backups, or a SQLite file",
        )
    return Check("keys.separate", State.OK, "two databases")


def _root_secret(home: Layout, settings: Settings) -> Check:
    """Tell whether what opens the root key is there, for its owner alone, and apart from what it opens."""
    name = "keys.root_secret"
    try:
        if provider_of(settings.keystore.root) == "file":
            return _secret_file(
                home, settings, passphrase_path(settings), "keys.passphrase_file", "passphrase"
            )
        path = secret_file(parse(settings.keystore.root))
    except Misconfigured as exc:
        return Check(name, State.FAILED, exc.message, exc.hint)
    if path is None:
        return Check(name, State.OK, "credentials of the environment, the profile or the machine")
    return _secret_file(home, settings, path, name, "PIN or token")


def _secret_file(
    home: Layout, settings: Settings, path: Path | None, name: str, what: str
) -> Check:
    serious = settings.environment is Environment.PRODUCTION
    bad = State.FAILED if serious else State.WARNING
    if path is None and what == "passphrase" and _is_in_use(home):
        # systemd gives a credential to the process that serves, and shows it to no other.
        return Check(name, State.OK, "given to the process that has the home open")
    if path is None or not path.exists():
        hint = "docs/keys.md"
        if what == "passphrase":
            hint = "set keystore.passphrase_file, or give the unit the credential strongroom-passphrase"
        return Check(name, State.FAILED, f"no {what} file", hint)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Check(name, bad, f"{path} is open to others", f"chmod 600 {path}")
    if path.resolve().is_relative_to(home.root.resolve()):
        return Check(name, bad, f"{path} lies beside the keys it opens", "keep it elsewhere [2.4]")
    return Check(name, State.OK, str(path))


def _is_in_use(home: Layout) -> bool:
    try:
        with locked(home):
            return False
    except Conflict:
        return True
    except StrongroomError:
        return False


def _certificate(home: Layout) -> Check:
    """Tell whether what the listeners show is valid, and for no longer than a profile allows [1.5]."""
    name, paths = "tls.certificate", certificates.certificates(home)
    try:
        leaf = certificates.leaf_of(home)
        ends = min(leaf.not_after, certificates.expires_at(paths.authority))
        server_context(home)
    except Misconfigured as exc:
        return Check(name, State.FAILED, exc.message, exc.hint or "a start makes a new one")
    hint = "`serve` renews it by itself" if leaf.ours else f"replace {paths.chain} and its key"
    left = ends - machine_clock()
    detail = f"valid until {ends:%Y-%m-%d}"
    if left <= timedelta(0):
        return Check(name, State.FAILED, detail, hint)
    if left < RENEW_CERTIFICATE:
        return Check(name, State.WARNING, detail, hint)
    if leaf.not_after - leaf.not_before > certificates.LONGEST_LEAF_LIFETIME:
        longest = certificates.LONGEST_LEAF_LIFETIME.days
        detail = f"{detail}; it lives longer than {longest} days, which Mozilla's profile forbids"
        return Check(name, State.WARNING, detail, hint)
    return Check(name, State.OK, detail)


def _ports(home: Layout, settings: Settings) -> Iterator[Check]:
    try:
        with locked(home):
            pass
    except Conflict:
        yield Check("ports.free", State.OK, "the home is being served")
        return
    except StrongroomError as exc:
        yield Check("ports.free", State.FAILED, exc.message, exc.hint)
        return
    listeners = (
        ("gateway", settings.gateway.host, settings.gateway.port),
        ("api", settings.api.host, settings.api.port),
        ("health", settings.health.host, settings.health.port),
    )
    for section, host, port in listeners:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as exc:
                detail = f"{section}: port {port}: {exc.strerror}"
                yield Check(f"ports.{section}", State.FAILED, detail, f"set {section}.port")
            else:
                yield Check(f"ports.{section}", State.OK, f"port {port}")


# -- open ------------------------------------------------------------------------------------------
