"""What commands do to the channels by which alarms reach people [1.6]."""

import ssl
from datetime import datetime

from strongroom.errors import Conflict, Malformed
from strongroom.feeds.courier import bundled
from strongroom.feeds.destinations import (
    Mail,
    Security,
    Webhook,
    host_and_port,
    kind_of,
    place_of,
)
from strongroom.feeds.targets import Role, Target
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.outbound import client_context
from strongroom.policy.secrets import SMTP
from strongroom.request import Json
from strongroom.terms import PrincipalId


@operation("channel.add.smtp")
def _channel_add_smtp(  # noqa: PLR0913 - one for each thing to know of a mail server
    call: Call,
    *,
    name: str,
    server: str,
    sender: str,
    recipients: list[str],
    security: str = Security.STARTTLS,
    user: str | None = None,
    password: str | None = None,
    ca: str | None = None,
) -> Json:
    if (user is None) != (password is None):
        raise Malformed("--user and --password-file go together")
    host, port = host_and_port(server)
    kept = member(Security, security, "way to keep a connection private")
    place = Mail(host, port, sender, tuple(recipients), kept, user, checked_ca(ca))
    if password is not None:
        call.system.secrets.refuse_known(f"{SMTP}{name.lower()}", password.encode())
    channel = call.system.targets.request_add(
        Role.CHANNEL, name, place, call.caller, call.now, password=password
    )
    return _shown(call, channel)


@operation("channel.add.webhook")
def _channel_add_webhook(
    call: Call,
    *,
    name: str,
    url: str,
    template: str | None = None,
    payload: str = "generic",
    secret: str | None = None,
    key: str | None = None,
    ca: str | None = None,
) -> Json:
    """`template` is the text of one, `payload` the name of one that comes with us."""
    place = Webhook(url, secret, key, template or bundled(payload), checked_ca(ca))
    channel = call.system.targets.request_add(Role.CHANNEL, name, place, call.caller, call.now)
    return _shown(call, channel)


@operation("channel.list")
def _channel_list(call: Call) -> Json:
    rows = [_shown(call, channel) for channel in call.system.targets.listed(Role.CHANNEL)]
    return {"channels": rows}


@operation("channel.approve")
def _channel_approve(call: Call, *, name: str, terms: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.approve(Role.CHANNEL, name, call.caller, call.now, terms=terms))


@operation("channel.reject")
def _channel_reject(call: Call, *, name: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.reject(Role.CHANNEL, name, call.caller, call.now))


@operation("channel.remove")
def _channel_remove(call: Call, *, name: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.request_removal(Role.CHANNEL, name, call.caller, call.now))


@operation("channel.test")
def _channel_test(call: Call, *, name: str) -> Json:
    system = call.system
    channel = system.targets.by_name(Role.CHANNEL, name)
    message = system.outbox.message()
    return {"name": channel.name, "reached": system.courier.test(channel, message), "id": message}


@operation("channel.dead")
def _channel_dead(call: Call, *, name: str) -> Json:
    channel = call.system.targets.by_name(Role.CHANNEL, name)
    rows = [
        {
            "id": waiting.message,
            "step": waiting.notice.step.value,
            "kind": waiting.notice.kind,
            "severity": waiting.notice.severity,
            "at": iso(waiting.notice.at),
            "alarm": waiting.notice.alarm,
            "tries": waiting.tries,
            "fault": waiting.fault,
            "dead_at": iso(waiting.dead_at),
        }
        for waiting in call.system.outbox.dead(channel)
    ]
    return {"dead": rows}


@operation("channel.retry")
def _channel_retry(call: Call, *, name: str) -> Json:
    channel = call.system.targets.by_name(Role.CHANNEL, name)
    if channel.state not in ("active", "leaving"):
        raise Conflict(f"channel {channel.name} is {channel.state}")
    return {"retried": call.system.outbox.retry(channel, call.caller, call.now)}


def checked_ca(pem: str | None) -> str | None:
    """Return a PEM that holds certificates. Raises: Malformed."""
    if pem is not None:
        try:
            client_context(pem)
        except (ssl.SSLError, ValueError):
            raise Malformed("the file of --ca holds no certificate") from None
    return pem


def about(call: Call, target: Target) -> Json:
    """Return who asked for a destination and who approved it; nothing that is sealed."""
    return {
        "name": target.name,
        "kind": kind_of(target.destination),
        "place": place_of(target.destination),
        "state": target.state,
        "terms": call.system.targets.terms(target),
        "requested_by": _name(call, target.requested_by),
        "requested_at": iso(target.requested_at),
        "approved_by": _name(call, target.approved_by),
        "approved_at": iso(target.approved_at),
        "removal_by": _name(call, target.removal_by),
    }


def _shown(call: Call, channel: Target) -> Json:
    state = call.system.outbox.state(channel, call.now)
    return {
        **about(call, channel),
        "health": _health(channel, state.down_since, state.delivered_at),
        "down_since": iso(state.down_since),
        "fault": state.fault,
        "delivered_at": iso(state.delivered_at),
        "waiting": state.waiting,
        "dead": state.dead,
    }


def _health(channel: Target, down_since: datetime | None, delivered_at: datetime | None) -> str:
    if not channel.in_effect:
        return "unused"
    if down_since is not None:
        return "down"
    return "untried" if delivered_at is None else "up"


def _name(call: Call, id_: PrincipalId | None) -> str | None:
    return None if id_ is None else call.system.accounts.name_of(id_)
