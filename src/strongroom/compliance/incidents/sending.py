"""Writes and sends one mail of a case through the home's own mail channel, when a person presses send [1.6]."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from strongroom.errors import Conflict, Malformed
from strongroom.feeds import mail
from strongroom.feeds.destinations import Mail
from strongroom.feeds.targets import Role, Target, Targets

_LONGEST_SUBJECT = 200


class Sending:
    """The mail server of the first mail channel in effect, asked for one mail."""

    def __init__(self, targets: Targets, home: str, entropy: Callable[[int], bytes]) -> None:
        self._targets = targets
        self._home = home
        self._entropy = entropy

    @property
    def is_there(self) -> bool:
        """Whether there is a mail channel to send by."""
        return self._channel() is not None

    @property
    def inside(self) -> tuple[str, ...]:
        """The addresses that the channel's own notices go to."""
        channel = self._channel()
        return () if channel is None else channel[1].recipients

    def compose(
        self, recipients: tuple[str, ...], subject: str, text: str, now: datetime
    ) -> tuple[str, bytes]:
        """Return a mail's id and its bytes as they would leave. Raises: Malformed, Conflict: no channel."""
        channel = self._channel()
        if channel is None:
            raise Conflict(
                "there is no mail channel to send by",
                hint="`strongroom alarm channel add`, or send it yourself and upload what you sent",
            )
        place = replace(channel[1], recipients=recipients)
        line = " ".join(subject.split())
        if not line or len(line) > _LONGEST_SUBJECT or not line.isprintable() or not text.strip():
            raise Malformed("a mail has a subject of one line and a text")
        id_ = f"<{self._entropy(16).hex()}@{self._home}.strongroom.invalid>"
        message = EmailMessage(policy=SMTP)
        message["From"] = place.sender
        message["To"] = ", ".join(recipients)
        message["Subject"] = line
        message["Date"] = format_datetime(now)
        message["Message-ID"] = id_
        message.set_content(text.replace("\r\n", "\n"), cte="quoted-printable")
        return id_, message.as_bytes()

    def deliver(self, recipients: tuple[str, ...], content: bytes) -> None:
        """Hand a mail to the server. Raises: Unreachable, Refused, Conflict."""
        channel = self._channel()
        if channel is None:
            raise Conflict("there is no mail channel to send by")
        target, place = channel
        mail.deliver(replace(place, recipients=recipients), target.password, content)

    def _channel(self) -> tuple[Target, Mail] | None:
        for target in self._targets.in_effect(Role.CHANNEL):
            if isinstance(target.destination, Mail):
                return target, target.destination
        return None
