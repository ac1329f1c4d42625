"""The TLS of our listeners: what they speak, and how a new certificate takes over while they run [1.5].

Mozilla's intermediate profile (5.7) or narrower: TLS 1.2 and 1.3, forward secrecy and AEAD only, no
tickets, no compression, no renegotiation. A context that is in use is never changed: a new one is
built beside it, and only if that works do new connections get it. Connections that exist keep the one
they began with. ADR 0100.
"""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from strongroom.errors import Misconfigured
from strongroom.home.certificates import Leaf, amazon_hosts, certificates, leaf_of
from strongroom.home.layout import Layout, too_open

CIPHERS: Final = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are OpenSSL's default, which are Mozilla's. Level 2 refuses keys of less than 112 bits of
strength, an operator's own too. `ECDHE` brings RSA certificates as well, which an operator may have."""

GROUPS: Final = ("prime256v1",)
"""The groups of the key exchange. One: Python before 3.15 can name one or none, and none would be OpenSSL's five. This
one every client of TLS 1.2 and 1.3 has (RFC 8446, 9.1)."""

_PATIENCE: Final = 2
"""How often a pair must be found wanting before that is told: its two files are replaced one after the other."""


def server_context(home: Layout, anchors: Iterable[str] = ()) -> ssl.SSLContext:
    """Return what a listener speaks, with the certificate of the home.

    `anchors` are client certificates as PEM: where there are some, clients are asked for one, and it
    has to be one of them or signed by one of them. A client that has none to show gets on without.

    Raises:
        Misconfigured: certificate and key are missing, too weak, encrypted, or do not belong together.

    """
    paths = certificates(home)
    context = _context(paths.chain, paths.key)
    wanted = "\n".join(anchors)
    if wanted:
        try:
            context.load_verify_locations(cadata=wanted)
        except ssl.SSLError:
            raise Misconfigured("a registered client certificate is none") from None
        # A registered leaf vouches for itself: nobody registers the CA that signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def gateway_context(home: Layout) -> ssl.SSLContext:
    """Return what the gateway speaks: to who asks for a host of Amazon's, with the certificate for those.

    Raises:
        Misconfigured: as `server_context`.

    """
    context, hosts = server_context(home), amazon_hosts(home)
    if not hosts:
        return context
    paths = certificates(home)
    amazon = _context(paths.amazon_chain, paths.amazon_key)

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is not None and name.lower() in hosts:
            connection.context = amazon

    context.sni_callback = choose
    return context


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    try:
        # Without a password of ours, OpenSSL would ask a terminal for an encrypted key's.
        context.load_cert_chain(chain, key, password="")
    except (OSError, ssl.SSLError):
        raise Misconfigured(
            f"{chain} and {key} are no certificate with its key",
            hint="remove both, and the next start makes new ones",
        ) from None
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # Tickets are sealed with one key for the life of a context: who takes that reads what was recorded before.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    # All that is left is strong, so the client picks what its processor does best.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    context.set_ecdh_curve(*GROUPS)
    context.set_alpn_protocols(["http/1.1"])


class LiveContext(ssl.SSLContext):
    """What a listener holds: each new connection is made by the context that is current then."""

    _current: ssl.SSLContext

    def __new__(cls, current: ssl.SSLContext) -> Self:
        """Return one that begins with `current`."""
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self._current = current
        # Nobody makes a connection from the outer context itself; if somebody did, it would be no weaker.
        _harden(self)
        return self

    def replace(self, current: ssl.SSLContext) -> None:
        """Make new connections with another context from now on."""
        self._current = current

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:  # noqa: ANN401 - as its parent
        """Begin a connection of an event loop."""
        return self._current.wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:  # noqa: ANN401 - as its parent
        """Begin a connection over a socket."""
        return self._current.wrap_socket(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Taken:
    """What lies in `tls/` was taken into use, and is shown from now on."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Refused:
    """What lies in `tls/` cannot be used; what was shown before still is."""

    why: str


class Transport:
    """The TLS of one process's listeners, kept as `tls/` and the registered client certificates say.

    Not for two threads at once; connections may be made meanwhile.
    """

    def __init__(
        self, home: Layout, anchors: Callable[[], Iterable[str]] = tuple[str, ...]
    ) -> None:
        """Take what lies in `tls/` now; `anchors` gives the client certificates that count.

        Raises:
            Misconfigured: certificate and key are missing or do not belong together.

        """
        self._home = home
        self._read_anchors = anchors
        self._anchors = frozenset(anchors())
        self._seen = self._state()
        self.leaf = leaf_of(home)
        """The certificate that new connections are shown."""
        self.plain = LiveContext(server_context(home))
        """For listeners that ask for no client certificate."""
        self.mutual = LiveContext(server_context(home, self._anchors))
        """For the listener that takes client certificates."""
        self.gateway = LiveContext(gateway_context(home))
        """For the gateway, which also stands for Amazon's hosts."""
        self.hosts = amazon_hosts(home)
        """Those hosts."""
        self._refused: str | None = None
        self._looks = 0

    def fault(self, machine_now: datetime) -> str | None:
        """Return what is wrong with what is shown, or with what lies there to be shown."""
        if self._refused is not None and self._looks >= _PATIENCE:
            return self._refused
        return "the certificate has ended" if self.leaf.not_after <= machine_now else None

    def refresh(self, machine_now: datetime) -> Taken | Refused | None:
        """Look whether files or client certificates changed, and use them if they can be.

        Returns:
            None where there is nothing new to tell. A pair that cannot be used is told once, when it
            still lies there at the second look.

        """
        state, anchors = self._state(), frozenset(self._read_anchors())
        if state == self._seen and anchors == self._anchors:
            return None if self._refused is None else self._told_again(self._refused)
        changed = state != self._seen
        try:
            leaf = leaf_of(self._home)
            _refuse_out_of_date(leaf, machine_now)
            _refuse_open(self._home)
            plain, mutual = server_context(self._home), server_context(self._home, anchors)
            gateway, hosts = gateway_context(self._home), amazon_hosts(self._home)
        except Misconfigured as exc:
            self._seen, self._anchors = state, anchors
            self._refused, self._looks = exc.message, 1
            return None
        if self._state() != state:
            # Replaced while it was read: key, chain and description may be of different pairs.
            return None
        self.plain.replace(plain)
        self.mutual.replace(mutual)
        self.gateway.replace(gateway)
        self.hosts = hosts
        shown, self.leaf = self.leaf, leaf
        self._seen, self._anchors, self._refused = state, anchors, None
        return Taken(leaf) if changed and leaf.thumbprint != shown.thumbprint else None

    def _told_again(self, why: str) -> Refused | None:
        self._looks += 1
        return Refused(why) if self._looks == _PATIENCE else None

    def _state(self) -> tuple[tuple[int, ...], ...]:
        """Return what changes whenever somebody writes or replaces one of the files."""
        found: list[tuple[int, ...]] = []
        paths = certificates(self._home)
        for path in (paths.chain, paths.key, paths.amazon_chain, paths.amazon_key):
            try:
                status = path.stat()
            except OSError:
                found.append(())
            else:
                found.append(
                    (
                        status.st_dev,
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                    )
                )
        return tuple(found)


def _refuse_out_of_date(leaf: Leaf, machine_now: datetime) -> None:
    if not leaf.not_before <= machine_now < leaf.not_after:
        raise Misconfigured("the certificate in tls/ is not valid today")


def _refuse_open(home: Layout) -> None:
    """Refuse files that others may read: the next start would, and then nothing is left to show."""
    paths = certificates(home)
    for fault in too_open(home):
        if fault.path in (paths.chain, paths.key, paths.amazon_chain, paths.amazon_key):
            raise Misconfigured(f"{fault.path} is open to others than its owner", hint=fault.remedy)
