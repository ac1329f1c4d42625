"""Hands one mail to a mail server: over verified TLS, bounded in time and in what it answers [1.5, 1.6].

STARTTLS is asked for and never done without: a server that does not offer it gets neither the mail nor a password.
The password is sent after the handshake only. Sources: RFC 5321, RFC 3207, RFC 4954, RFC 3834.
"""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from io import BufferedReader
from typing import Final

from strongroom.errors import Denied
from strongroom.feeds.destinations import Mail, Security
from strongroom.outbound import Fault, Unreachable, client_context

STEP_SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 45.0
ANSWER_BYTES: Final = 64 * 1024


class Refused(Denied):
    """The server is there and does not take it: a wrong password, sender, recipient or content."""


def compose(
    place: Mail, *, subject: str, text: str, message: str, home: str, at: datetime
) -> bytes:
    """Return a mail in plain text. `message` is the same for every try, so that a reader shows it once."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = place.sender
    mail["To"] = ", ".join(place.recipients)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message}@{home}.strongroom.invalid>"
    # Nobody's holiday answers it.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, cte="7bit")
    return mail.as_bytes()


def deliver(
    place: Mail,
    password: str | None,
    mail: bytes,
    *,
    step_seconds: float = STEP_SECONDS,
    whole_seconds: float = WHOLE_SECONDS,
) -> int:
    """Hand over a mail and return how many recipients the server took it for; at least one.

    Raises:
        Unreachable: no connection, no trust, too slow, or too much.
        Refused: the server says no.

    """
    with _connected(place, password, step_seconds, whole_seconds) as server:
        refused = server.sendmail(place.sender, list(place.recipients), mail)
        return len(place.recipients) - len(refused)


def log_in(place: Mail, password: str | None) -> None:
    """Connect and show the password, and send nothing. Raises: Unreachable, Refused."""
    with _connected(place, password, STEP_SECONDS, WHOLE_SECONDS) as server:
        server.noop()


@contextmanager
def _connected(
    place: Mail, password: str | None, step_seconds: float, whole_seconds: float
) -> Iterator[smtplib.SMTP]:
    server: _Plain | _Tls | None = None
    late = threading.Event()

    def end() -> None:
        # A server that answers a byte at a time would otherwise keep us for good.
        late.set()
        if server is not None and server.sock is not None:
            _shut(server.sock)

    timer = threading.Timer(whole_seconds, end)
    timer.daemon = True
    timer.start()
    try:
        context = client_context(place.ca)
        # By this name smtplib would otherwise ask the resolver, for as long as that takes.
        name = socket.gethostname()
        if place.security is Security.TLS:
            server = _Tls(local_hostname=name, timeout=step_seconds, context=context)
        else:
            server = _Plain(local_hostname=name, timeout=step_seconds)
        _open(server, place, password, context)
        yield server
        # What was taken is taken, however the server says good-bye.
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    except smtplib.SMTPNotSupportedError:
        fault = Fault.TLS if place.security is Security.STARTTLS else Fault.FAILED
        raise Unreachable(fault) from None
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError) as exc:
        raise Unreachable(_fault(exc, late=late.is_set())) from None
    except (smtplib.SMTPException, Refused):
        # What was cut off looks like an answer that says no.
        if late.is_set():
            raise Unreachable(Fault.TIMEOUT) from None
        # The library's texts repeat addresses and whatever the server said.
        raise Refused("the mail server refuses it") from None
    except (OSError, ValueError) as exc:
        raise Unreachable(_fault(exc, late=late.is_set())) from None
    finally:
        timer.cancel()
        if server is not None:
            server.close()


def _open(server: smtplib.SMTP, place: Mail, password: str | None, context: ssl.SSLContext) -> None:
    """Connect, have TLS, and prove who we are, in this order."""
    # The name that the certificate is held against; the constructor sets it only where it connects, unbounded.
    server._host = place.host  # type: ignore[attr-defined] # noqa: SLF001 - there is no other way to it
    code, _said = server.connect(place.host, place.port)
    if code != 220:  # noqa: PLR2004 - ready, RFC 5321 section 4.2.3
        raise Refused("the mail server is not ready")
    server.ehlo_or_helo_if_needed()
    if place.security is Security.STARTTLS:
        # `starttls` refuses where the server does not offer it, or says no.
        server.starttls(context=context)
        server.ehlo()
    if place.user is not None and password is not None:
        _prove(server, place.user, password)


def _prove(server: smtplib.SMTP, user: str, password: str) -> None:
    """Show the password, over TLS; smtplib's own choice would be CRAM-MD5."""
    offered = server.esmtp_features.get("auth", "").upper().split()
    server.user, server.password = user, password
    if "PLAIN" in offered:
        server.auth("PLAIN", server.auth_plain)
    elif "LOGIN" in offered:
        server.auth("LOGIN", server.auth_login)
    else:
        raise Refused("the mail server takes no password")


def _fault(exc: BaseException, *, late: bool) -> Fault:
    if late:
        return Fault.TIMEOUT
    found: BaseException | None = exc
    while found is not None:
        match found:
            case ssl.SSLError():
                return Fault.TLS
            case TimeoutError():
                return Fault.TIMEOUT
            case _TooMuchError():
                return Fault.TOO_LARGE
        found = found.__cause__ or found.__context__
    return Fault.FAILED


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _TooMuchError(OSError):
    """The server answers more than a mail server has to say."""


class _Bounded:
    """What a server answers, up to a bound: smtplib collects the lines of one answer without any."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._left = ANSWER_BYTES

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise _TooMuchError
        return line

    def close(self) -> None:
        self._file.close()


class _Plain(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        # `starttls` drops this file, and with it whatever came before the handshake.
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


class _Tls(smtplib.SMTP_SSL):
    getreply = _Plain.getreply
