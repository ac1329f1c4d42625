"""Looks at what can be reached, by whom, and over what: listeners, lists, firewall, TLS [1.1, 1.5]."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.app import System, machine_clock
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    MINUTES,
    Check,
    Look,
    count,
    duties,
    failed,
    passed,
    some,
    unknown,
)
from strongroom.compliance.overseen import Finding
from strongroom.db import schema
from strongroom.errors import Misconfigured
from strongroom.home import certificates
from strongroom.policy.network import LISTENERS
from strongroom.posture import State, Surroundings, faces, listening, targets, transport
from strongroom.posture.finding import Finding as Seen
from strongroom.posture.firewall import firewall
from strongroom.posture.listening import Bound

_STRANGERS: Final = ("192.0.2.77", "2001:db8::77")
"""Addresses that RFC 5737 and RFC 3849 keep for documents: nobody's."""

_RENEWED_BEFORE: Final = timedelta(days=7)


def lists(system: System, now: datetime) -> Finding:
    """Ask every listener's list about addresses that are nobody's, and hold the lists against their approvals."""
    del now
    edited = system.networks.drift()
    if edited:
        why = f"{count(len(edited), 'line')} not what was approved; they let nobody in"
        return failed(why, "`strongroom network list`, and find out who writes to the database")
    let_in = [
        name
        for name in LISTENERS
        if any(system.networks.permits_listener(name, address) for address in _STRANGERS)
    ]
    if let_in:
        why = f"whoever comes is let in: {some(let_in)}"
        return failed(why, "`strongroom network remove`, and name the networks that need it")
    rows = [row for row in system.networks.listed() if row.in_effect]
    waiting = [row for row in system.networks.listed() if row.state in {"pending", "leaving"}]
    return passed(
        f"{count(len(LISTENERS), 'listener')} refuse an address that nobody listed",
        f"{count(len(rows), 'line')} as approved, {len(waiting)} waiting for another person",
    )


def listening_on(sockets: Callable[[], list[Bound]] = listening.bound) -> Look:
    """Return what looks whether this process listens where the settings say and nowhere else."""

    def look(system: System, now: datetime) -> Finding:
        del now
        there = sockets()
        found = listening.matched(there, faces(system))
        control = str(system.home.control)
        seen = listening.findings(there, found, {}, control)
        everywhere = {f"listener.{name}" for name, one in found.items() if one.everywhere}
        return _told([one for one in seen if one.id in {"listeners.expected", *everywhere}])

    return look


def denying(surroundings: Surroundings) -> Look:
    """Return what looks whether the machine's firewall denies what no rule allows."""

    def look(system: System, now: datetime) -> Finding:
        del now
        exposed = any(
            not one.local for one in listening.matched(listening.bound(), faces(system)).values()
        )
        return _told([firewall(surroundings, exposed=exposed)])

    return look


def served(clock: Callable[[], datetime] = machine_clock) -> Look:
    """Return what greets each listener of this process as a client does, in TLS and in TLS 1.1."""

    def look(system: System, now: datetime) -> Finding:
        del now
        hosts = {face.name: face.host for face in faces(system)}
        ports = {name: port for name, port in system.listening.items() if name != "proxy"}
        if not ports:
            return unknown("nothing of ours listens in this process", "start `strongroom serve`")
        authority = system.home.tls / "ca.pem"
        return _told(
            [
                transport.listener(name, hosts[name], port, authority, clock())
                for name, port in ports.items()
            ]
        )

    return look


def certificate(clock: Callable[[], datetime] = machine_clock) -> Look:
    """Return what reads the certificate that listeners show: whose it is, until when, for how long."""

    def look(system: System, now: datetime) -> Finding:
        del now
        try:
            leaf = certificates.leaf_of(system.home)
        except Misconfigured as exc:
            return failed(exc.message, exc.hint or "`strongroom tls rotate`")
        left = leaf.not_after - clock()
        proof = f"thumbprint {leaf.thumbprint[:16]}…, {leaf.key}"
        if left < _RENEWED_BEFORE:
            why = f"the certificate is good until {leaf.not_after:%Y-%m-%d}"
            return failed(why, "`strongroom tls rotate`, or your own new one", proof)
        if leaf.not_after - leaf.not_before > certificates.LONGEST_LEAF_LIFETIME:
            why = f"the certificate lives for {(leaf.not_after - leaf.not_before).days} days"
            return failed(why, "a shorter one: Mozilla's profile forbids more than 366", proof)
        return passed(f"the certificate is good until {leaf.not_after:%Y-%m-%d}", proof)

    return look


def endpoints(clock: Callable[[], datetime] = machine_clock) -> Look:
    """Return what greets every place that we send to; one that does not answer is unknown."""

    def look(system: System, now: datetime) -> Finding:
        del now
        listed = targets(system)
        if not listed:
            return passed("nothing is sent anywhere", "0 endpoints")
        return _told(transport.endpoints(listed, clock()))

    return look


def sealed(system: System, now: datetime) -> Finding:
    """See that each app behind somebody else's TLS has a key that its answers are sealed for."""
    channel, people = schema.app_channel.c, schema.principal.c
    query = (
        sa.select(channel.principal_id, channel.public_key)
        .join(schema.principal, people.id == channel.principal_id)
        .where(channel.behind_proxy, people.ended_at.is_(None) | (people.ended_at > now))
    )
    with system.database.read() as tx:
        behind = tx.execute(query).all()
    bare = [row.principal_id for row in behind if row.public_key is None]
    if bare:
        why = f"{count(len(bare), 'app')} behind a proxy without a key of its own"
        return failed(why, "`strongroom app key`: until then its answers are refused", some(bare))
    return passed(f"{count(len(behind), 'app')} behind a proxy, each answered under its own key")


def _told(seen: list[Seen]) -> Finding:
    """Return one finding for what posture saw: a warning is no pass."""
    bad = [one for one in seen if one.state in (State.FAILED, State.WARNING)]
    blind = [one for one in seen if one.state is State.UNKNOWN]
    for group, make in ((bad, failed), (blind, unknown)):
        if group:
            why = "; ".join(f"{one.id}: {one.seen}" for one in group[:3])
            remedy = next((one.remedy for one in group if one.remedy), "docs/networks.md")
            return make(why, remedy, *(one.id for one in group))
    return passed(
        f"{count(len(seen), 'place')}: {seen[0].seen}", *(f"{o.id}: {o.seen}" for o in seen)
    )


CHECKS: Final = (
    Check(
        "network.listening",
        duties("1.1-a"),
        MINUTES,
        "the sockets of this process, against the settings",
        "nothing else listens, and nothing on every address of the machine",
        listening_on(),
    ),
    Check(
        "network.firewall",
        duties("1.1-a"),
        HOURLY,
        "nftables, iptables or ufw of the machine",
        "what no rule allows is denied, in IPv4 and IPv6",
        denying(Surroundings()),
    ),
    Check(
        "network.lists",
        duties("1.1-b"),
        MINUTES,
        "every listener's list, asked about addresses that are nobody's",
        "each refuses them, and each line is as two people agreed",
        lists,
    ),
    Check(
        "tls.listeners",
        duties("1.5-a"),
        HOURLY,
        "a handshake with each listener of ours, and one in TLS 1.1",
        "TLS 1.2 or newer with a certificate that is trusted; TLS 1.1 is refused",
        served(),
    ),
    Check(
        "tls.certificate",
        duties("1.5-a"),
        HOURLY,
        "the certificate in `tls/`",
        "it is good for a week more, and for no longer than a year in all",
        certificate(),
    ),
    Check(
        "tls.endpoints",
        duties("1.5-b"),
        DAILY,
        "a handshake with every place that we send to: Amazon, carriers, channels, collectors",
        "each proves to be it, in TLS 1.2 or newer",
        endpoints(),
    ),
    Check(
        "channels.sealed",
        duties("1.5-c"),
        HOURLY,
        "apps whose TLS somebody else ends, and the keys they have",
        "each has a key that its answers are sealed for",
        sealed,
    ),
)
