"""Delivers notices: by mail and webhook, each channel in a thread of its own [1.6].

A delivery that was not recorded happens again with the same id: at least once, never silently not at all.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from importlib import resources
from typing import Final

from strongroom.errors import Conflict, Denied, Malformed, StrongroomError
from strongroom.feeds import mail, signed, wording
from strongroom.feeds.destinations import Mail, Webhook
from strongroom.feeds.faults import trouble_of
from strongroom.feeds.notice import Notice, Step
from strongroom.feeds.outbox import NoticeOutbox, Waiting
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.feeds.templates import parse
from strongroom.feeds.workers import Workers
from strongroom.outbound import Unreachable

BUNDLED: Final = ("generic", "slack", "pagerduty")
STOP_SECONDS: Final = 5.0


def bundled(name: str) -> str:
    """Return a payload that comes with the package. Raises: Malformed."""
    if name not in BUNDLED:
        raise Malformed("no such template", hint=f"a file, or one of {', '.join(BUNDLED)}")
    return (resources.files("strongroom.feeds") / "payloads" / f"{name}.json").read_text("utf-8")


class Courier:
    """Takes notices from the outbox to where they belong. `clock` says when that was."""

    def __init__(
        self,
        outbox: NoticeOutbox,
        targets: Targets,
        home: str,
        clock: Callable[[], datetime],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._home = home
        self._clock = clock
        self._workers = Workers(failed)

    def tick(self) -> None:
        """Start what is due; returns at once."""
        self._outbox.beat(self._clock())
        for channel in self._targets.in_effect(Role.CHANNEL):
            self._workers.start(channel.id, lambda channel=channel: self._deliver(channel))  # type: ignore[misc] # bound now, not when it runs

    def wait(self, seconds: float) -> bool:
        """Return whether what runs ended within this time."""
        return self._workers.wait(seconds)

    def stop(self) -> None:
        """Start nothing more, and give what runs a moment."""
        self._workers.stop(STOP_SECONDS)

    def send(self, channel: Target, notice: Notice, message: str) -> int:
        """Send one notice now and return how many recipients have it.

        Raises:
            Unreachable: the other side can't be used; its fault says why.
            Denied: it does not take it.

        """
        now = self._clock()
        match channel.destination:
            case Mail() as place:
                content = mail.compose(
                    place,
                    subject=wording.subject(notice, self._home),
                    text=wording.text(notice, self._home),
                    message=message,
                    home=self._home,
                    at=notice.at,
                )
                return mail.deliver(place, channel.password, content)
            case Webhook() as place:
                template = parse(place.template or bundled("generic"))
                values = wording.values(notice, self._home, message, place.key)
                body = template.fill(values)
                signed.post(place, body, "application/json", message, now)
                return 1
        raise Malformed(f"channel {channel.name} has no way to send")

    def at_once(self, notice: Notice) -> None:
        """Send a notice to every channel now, because it cannot be kept: once, and whatever becomes of the others."""
        for channel in self._targets.in_effect(Role.CHANNEL):
            with suppress(StrongroomError):
                self.send(channel, notice, self._outbox.message())

    def test(self, channel: Target, message: str) -> int:
        """Send a heartbeat now. Raises: Conflict: the channel is not in effect; else as `send`."""
        if channel.id not in {c.id for c in self._targets.in_effect(Role.CHANNEL)}:
            raise Conflict(f"channel {channel.name} is not in effect")
        return self.send(
            channel, Notice(Step.HEARTBEAT, "heartbeat", "low", self._clock()), message
        )

    def _deliver(self, channel: Target) -> None:
        while True:
            due = self._outbox.due(channel, self._clock())
            for waiting in due:
                if self._workers.stopping():
                    return
                try:
                    reached = self.send(channel, waiting.notice, waiting.message)
                except (Unreachable, Denied) as exc:
                    self._failed(channel, waiting, exc)
                    return
                if self._workers.stopping():
                    # The home may be closed already; it is delivered once more.
                    return
                self._outbox.delivered(channel, waiting, reached, self._clock())
            if not due:
                return

    def _failed(self, channel: Target, waiting: Waiting, error: StrongroomError) -> None:
        if not self._workers.stopping():
            self._outbox.failed(channel, waiting, trouble_of(error), self._clock())
