"""Hands a batch of entries to a collector and returns when the collector has it: to a file, by syslog, by webhook.

What "has it" means: the file was flushed to the disk; the syslog collector read everything up to our end of the
connection and ended its own; the webhook said 2xx. Anything else raises, and the batch goes again [2.6].
"""

import os
import socket
import ssl
import stat
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.errors import Unavailable
from strongroom.feeds.destinations import FeedPlace, Lines, Posted, Syslog
from strongroom.feeds.lines import Line, framed, syslog
from strongroom.feeds.signed import post
from strongroom.outbound import Fault, Unreachable, client_context

STEP_SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 60.0
CONTENT_TYPE: Final = "application/x-ndjson"


def send(place: FeedPlace, batch: Sequence[Line], key: str, now: datetime) -> None:
    """Hand a batch over. `key` is the same whenever this batch is sent.

    Raises:
        Unreachable: no connection, no trust, too slow, or too much.
        Denied: the collector does not take it.
        Unavailable: the file can't be written.

    """
    match place:
        case Lines():
            append(Path(place.path), b"".join(line.content + b"\n" for line in batch))
        case Syslog():
            transmit(place, b"".join(framed(syslog(line)) for line in batch))
        case Posted():
            body = b"".join(line.content + b"\n" for line in batch)
            post(place.webhook, body, CONTENT_TYPE, key, now)


def append(path: Path, content: bytes) -> None:
    """Add whole lines to a file for its owner alone, durably.

    Opened anew each time: a file that was moved away is followed by a new one of its name. A line that a crash cut
    short is ended first, so that it spoils none of ours.

    Raises:
        Unavailable: it cannot be written, or is no plain file of ours.

    """
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags | os.O_NONBLOCK, 0o600)
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
                raise Unavailable("the feed's file is no plain file of ours")
            if stat.S_IMODE(about.st_mode) & 0o077:
                os.fchmod(handle, 0o600)
            if about.st_size and os.pread(handle, 1, about.st_size - 1) != b"\n":
                content = b"\n" + content
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if not about.st_size:
            _sync_directory(path.parent)
    except OSError as exc:
        raise Unavailable(f"the feed's file cannot be written: {exc.strerror}") from None


def transmit(
    place: Syslog,
    content: bytes,
    *,
    step_seconds: float = STEP_SECONDS,
    whole_seconds: float = WHOLE_SECONDS,
) -> None:
    """Send frames to a syslog collector, end the connection, and wait until the collector has ended it too.

    Syslog has no acknowledgement, and what was written to a socket may be lost with it. But a receiver that closes
    with something unread resets the connection: one that ends it in order after our end has read everything.

    Raises:
        Unreachable: no connection, no trust, too slow, or the connection did not end in order.

    """
    until = time.monotonic() + whole_seconds
    try:
        context = client_context(place.ca)
        if place.certificate is not None:
            context.load_cert_chain(place.certificate, place.certificate_key)
        with (
            socket.create_connection((place.host, place.port), timeout=step_seconds) as plain,
            context.wrap_socket(plain, server_hostname=place.host) as connection,
        ):
            view = memoryview(content)
            while view:
                _refuse_late(until)
                view = view[connection.send(view[:65536]) :]
            _end(connection)
    except TimeoutError:
        raise Unreachable(Fault.TIMEOUT) from None
    except ssl.SSLError:
        raise Unreachable(Fault.TLS) from None
    except (OSError, ValueError):
        raise Unreachable(Fault.FAILED) from None


def _end(connection: ssl.SSLSocket) -> None:
    """Say that nothing more comes, and wait until the other side has said so too."""
    try:
        connection.unwrap().close()
    except ssl.SSLEOFError:
        # It ended TCP without a last word of TLS, as rsyslog does: in order all the same.
        return


def _refuse_late(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
