"""Looks at TLS as a client does: of our own listeners, and of every place that we send secrets to [1.5]."""

import os
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from strongroom.outbound import client_context
from strongroom.posture.finding import Finding, State

_SECONDS: Final = 5.0
_AT_ONCE: Final = 8
_ENDS_SOON: Final = timedelta(days=14)
_HANDSHAKE: Final = b"\x16"

_OURS_WHY: Final = (
    "clients trust the chain, and clause 1.5 asks for TLS 1.2 or newer on every way in"
)
_THEIRS_WHY: Final = (
    "credentials and answers go there: only to who proves to be it, in TLS 1.2 or newer (1.5)"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A place to look at; `pem` are the only authorities to trust, None for the public ones."""

    id: str
    host: str
    port: int
    pem: str | None


@dataclass(frozen=True, slots=True)
class _Seen:
    version: str
    cipher: str
    ends_at: datetime


def target(id_: str, url: str, pem: str | None) -> Target:
    """Return the place that a URL leads to."""
    parts = urlsplit(url)
    return Target(id_, parts.hostname or "", parts.port or 443, pem)


def endpoints(targets: Iterable[Target], now: datetime) -> list[Finding]:
    """Return what each place shows us. One that several share is asked once; none is waited for longer than 5 s."""
    targets = list(targets)
    places = {(one.host, one.port, one.pem) for one in targets}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = dict(zip(places, pool.map(lambda place: _ask(*place), places), strict=True))
    return [_endpoint(one, asked[one.host, one.port, one.pem], now) for one in targets]


def listener(name: str, host: str, port: int, authority: Path, now: datetime) -> Finding:
    """Return what a listener of ours shows its clients, and whether it greets what is too old."""
    id_ = f"tls.{name}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not bound
    context = _ours(authority)
    try:
        seen = _handshake(host, port, context, "localhost")
    except OSError:
        seen = "does not answer"
    if isinstance(seen, str):
        remedy = "`strongroom tls show` tells which certificate is used"
        return Finding(id_, State.FAILED, seen, _OURS_WHY, remedy)
    if _greets_tls_1_1(host, port):
        return Finding(id_, State.FAILED, "answers TLS 1.1", _OURS_WHY, "this is a fault of ours")
    return _judged(id_, seen, now, _OURS_WHY, "`strongroom tls rotate`, or your own new one")


def _ask(host: str, port: int, pem: str | None) -> _Seen | str | None:
    """Return what was seen, what was wrong with it, or None where nobody answered."""
    try:
        context = client_context(pem)
    except (ssl.SSLError, ValueError):
        return "its CA cannot be read"
    try:
        return _handshake(host, port, context, host)
    except OSError:
        return None


def _endpoint(one: Target, seen: _Seen | str | None, now: datetime) -> Finding:
    if seen is None:
        remedy = "ask from a machine that can reach it"
        return Finding(one.id, State.UNKNOWN, "does not answer now", _THEIRS_WHY, remedy)
    if isinstance(seen, str):
        remedy = "until that is mended nothing is sent there; never turn verification off"
        return Finding(one.id, State.FAILED, seen, _THEIRS_WHY, remedy)
    return _judged(one.id, seen, now, _THEIRS_WHY, "whoever runs it has to renew it")


def _judged(id_: str, seen: _Seen, now: datetime, why: str, remedy: str) -> Finding:
    left = seen.ends_at - now
    told = f"{seen.version}, {seen.cipher}, certificate good for {max(left.days, 0)} days"
    if left <= timedelta(0):
        return Finding(id_, State.FAILED, told, why, remedy)
    if left < _ENDS_SOON:
        return Finding(id_, State.WARNING, told, why, remedy)
    return Finding(id_, State.OK, told, why)


def _handshake(host: str, port: int, context: ssl.SSLContext, name: str) -> _Seen | str:
    """Return what a verified handshake showed, or why it was refused. Raises: OSError where nobody answered."""
    try:
        with (
            socket.create_connection((host, port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            shown, cipher = secured.getpeercert(binary_form=True), secured.cipher()
            version = secured.version()
    except ssl.SSLCertVerificationError as exc:
        return f"its certificate is not trusted: {exc.verify_message}"
    except ssl.SSLError:
        return "no handshake in TLS 1.2 or newer"
    if shown is None or cipher is None or version is None:
        return "it showed no certificate"
    ends_at = x509.load_der_x509_certificate(shown).not_valid_after_utc
    return _Seen(version, cipher[0], ends_at)


def _ours(authority: Path) -> ssl.SSLContext:
    """Return what our clients trust. An operator's own certificate may be for any name, so none is asked for."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=authority)
    return context


def _greets_tls_1_1(host: str, port: int) -> bool:
    """Tell whether a greeting that knows nothing newer than TLS 1.1 is answered with a handshake.

    Sent by hand: OpenSSL, as most systems build it, refuses to speak so old a version itself.
    """
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as plain:
            plain.sendall(_old_greeting())
            return plain.recv(1) == _HANDSHAKE
    except OSError:
        return False


def _old_greeting() -> bytes:
    """Return a ClientHello of TLS 1.1 (RFC 4346, 7.4.1.2) with suites, curves and formats of its time."""
    suites = bytes.fromhex("c009c013c00ac014002f0035")
    extensions = bytes.fromhex("000a000400020017" + "000b00020100")
    body = b"\x03\x02" + os.urandom(32) + b"\x00" + len(suites).to_bytes(2, "big") + suites
    body += b"\x01\x00" + len(extensions).to_bytes(2, "big") + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
