"""What commands do to the feeds by which the log reaches collectors [2.6]."""

import ssl
from pathlib import Path

from strongroom.errors import Malformed
from strongroom.feeds.destinations import (
    FeedPlace,
    Format,
    Lines,
    Posted,
    Syslog,
    Webhook,
    host_and_port,
)
from strongroom.feeds.targets import Role, Target
from strongroom.operations.channels import about, checked_ca
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.outbound import client_context
from strongroom.request import Json


@operation("feed.add.jsonl")
def _feed_add_jsonl(call: Call, *, name: str, path: str, format: str) -> Json:  # noqa: A002 - the option's name
    place = Lines(path, _format(format))
    # Our own files are written by nobody else.
    if Path(path).resolve().is_relative_to(call.system.home.root.resolve()):
        raise Malformed("the file lies inside the home", hint="choose another directory")
    return _add(call, name, place)


@operation("feed.add.syslog")
def _feed_add_syslog(
    call: Call,
    *,
    name: str,
    server: str,
    format: str,  # noqa: A002 - the option's name
    ca: str | None = None,
    certificate: str | None = None,
    certificate_key: str | None = None,
) -> Json:
    host, port = host_and_port(server)
    place = Syslog(host, port, _format(format), checked_ca(ca), certificate, certificate_key)
    if certificate is not None:
        try:
            client_context(place.ca).load_cert_chain(certificate, certificate_key)
        except (OSError, ssl.SSLError, ValueError):
            raise Malformed("certificate and key can't be read, or do not fit") from None
    return _add(call, name, place)


@operation("feed.add.webhook")
def _feed_add_webhook(
    call: Call,
    *,
    name: str,
    url: str,
    format: str,  # noqa: A002 - the option's name
    secret: str | None = None,
    ca: str | None = None,
) -> Json:
    webhook = Webhook(url, secret=secret, ca=checked_ca(ca))
    return _add(call, name, Posted(webhook, _format(format)))


@operation("feed.list")
def _feed_list(call: Call) -> Json:
    return {"feeds": [_shown(call, feed) for feed in call.system.targets.listed(Role.FEED)]}


@operation("feed.approve")
def _feed_approve(call: Call, *, name: str, terms: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.approve(Role.FEED, name, call.caller, call.now, terms=terms))


@operation("feed.reject")
def _feed_reject(call: Call, *, name: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.reject(Role.FEED, name, call.caller, call.now))


@operation("feed.remove")
def _feed_remove(call: Call, *, name: str) -> Json:
    targets = call.system.targets
    return _shown(call, targets.request_removal(Role.FEED, name, call.caller, call.now))


@operation("feed.test")
def _feed_test(call: Call, *, name: str) -> Json:
    feed = call.system.targets.by_name(Role.FEED, name)
    return {"name": feed.name, "sent": call.system.pump.test(feed)}


@operation("feed.pause")
def _feed_pause(call: Call, *, name: str) -> Json:
    call.system.targets.refuse_program(call.caller, "feed.pause", call.now)
    feed = call.system.targets.by_name(Role.FEED, name)
    call.system.pump.pause(feed, call.caller, call.now)
    return _shown(call, feed)


@operation("feed.resume")
def _feed_resume(call: Call, *, name: str) -> Json:
    call.system.targets.refuse_program(call.caller, "feed.resume", call.now)
    feed = call.system.targets.by_name(Role.FEED, name)
    call.system.pump.resume(feed, call.caller, call.now)
    return _shown(call, feed)


def _format(name: str) -> Format:
    return member(Format, name, "format")


def _add(call: Call, name: str, place: FeedPlace) -> Json:
    # A feed shows every entry: whoever may not read the log has it read by nobody else either.
    call.system.log_readers.admit(call.caller, "feed.add", call.now)
    feed = call.system.targets.request_add(Role.FEED, name, place, call.caller, call.now)
    return _shown(call, feed)


def _shown(call: Call, feed: Target) -> Json:
    state = call.system.pump.state(feed)
    place = feed.destination
    return {
        **about(call, feed),
        "format": place.format.value if isinstance(place, (Lines, Posted, Syslog)) else None,
        "cursor": state.cursor,
        "lag": state.lag,
        "sent": state.sent,
        "skipped": state.skipped,
        "paused": state.paused,
        "fault": state.fault,
        "failing_since": iso(state.failing_since),
        "stopped_since": iso(state.stopped_since),
        "delivered_at": iso(state.delivered_at),
    }
