"""Reads off an open home who may come to it and where it goes, for the rules of a firewall [1.1].

What docs/networks.md says under "Who speaks with whom", as this home has it. Nothing is asked of the network.
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from strongroom.anchors import AnchorKind
from strongroom.anchors.bucket import Bucket
from strongroom.app import System
from strongroom.backups import PlaceKind
from strongroom.errors import Conflict
from strongroom.feeds.destinations import Lines, Mail, Posted, Syslog, Webhook
from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role, Target
from strongroom.policy.network import NetworkScope
from strongroom.policy.ruleset import Opening, Plan, Way, opening
from strongroom.posture.listening import Face
from strongroom.roots import parse, provider_of
from strongroom.roots.address import KmsAddress, TransitAddress
from strongroom.settings import Settings

_CREDENTIALS_OF_MACHINES = ("169.254.169.254", "169.254.170.2", "169.254.170.23")
_PORTS = {"https": 443, "http": 80, "postgresql+psycopg": 5432}


def plan(system: System) -> Plan:
    """Return what this home's firewall has to let in and out.

    Raises:
        Conflict: a listener that others may reach has no fixed port.

    """
    return Plan(
        system.settings.home_id,
        tuple(_openings(system)),
        tuple(dict.fromkeys(_ways(system))),
    )


def _openings(system: System) -> Iterator[Opening]:
    settings, lists = system.settings, _lists(system)
    faces = [
        Face(name, section.host, section.port)
        for name, section in (
            ("gateway", settings.gateway),
            ("api", settings.api),
            ("desk", settings.desk),
            ("health", settings.health),
        )
    ]
    if system.following.listed():
        faces.append(Face("witness", settings.witness.host, settings.witness.port))
    if settings.proxy.enabled:
        faces.append(Face("proxy", settings.proxy.host, settings.proxy.port))
    for face in faces:
        networks = lists.get(face.name, [])
        if networks:
            # Packets of a client behind a proxy come from the proxy.
            networks = [*networks, *settings.network.trusted_proxies]
        found = opening(face.name, face.host, face.port, networks)
        if found is None:
            continue
        if not found.port:
            raise Conflict(
                f"{face.name} has another port at each start, which no rule can name",
                hint=f"set {face.name}.port",
            )
        yield found


def _lists(system: System) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    tampered = set(system.networks.drift())
    for row in system.networks.listed():
        if row.in_effect and row.scope is NetworkScope.LISTENER and row.id not in tampered:
            lists.setdefault(row.target, []).append(row.cidr)
    return lists


def _ways(system: System) -> Iterator[Way]:
    for seller in system.sellers.all():
        yield _to(f"seller {seller.name}", seller.endpoint)
        yield _to(f"seller {seller.name}", seller.lwa_url)
    settings = system.settings
    if settings.oidc.issuer:
        yield _to("oidc", settings.oidc.issuer)
    if settings.documents.privacy_url:
        yield _to("privacy policy", settings.documents.privacy_url)
    for role in Role:
        for one in system.targets.listed(role):
            yield from _target(one)
    for anchor, sound in system.anchors.listed(*AnchorKind):
        # Whoever edited a row chooses no way out.
        if sound and anchor.place.startswith(("https:", "s3:")):
            yield _to(f"{anchor.kind.value} {anchor.id}", anchor.place)
    for place in system.backups.places.of(PlaceKind.TARGET):
        if place.value.startswith("s3:"):
            yield _to(f"backup target {place.id}", place.value)
    yield from _cloud(settings)
    for what, url in (("vault", settings.vault.url), ("keystore", settings.keystore.url)):
        if url.startswith("postgresql"):
            yield from _database(what, url)


def _target(one: Target) -> Iterator[Way]:
    what, to = f"{one.role} {one.name}", one.destination
    match to:
        case Party() | Syslog() | Mail():
            yield Way(what, to.host.strip("[]"), to.port)
        case Webhook():
            yield _to(what, to.url)
        case Posted():
            yield _to(what, to.webhook.url)
        case Lines():
            return


def _cloud(settings: Settings) -> Iterator[Way]:
    machine_proves_itself = False
    if provider_of(settings.keystore.root) != "file":
        match parse(settings.keystore.root):
            case KmsAddress(endpoint=endpoint):
                machine_proves_itself = True
                yield _to("root key", endpoint)
            case TransitAddress(base=base):
                yield _to("root key", base)
            case _:
                pass
    for url in (settings.sync.queue, settings.sync.notifications_to):
        if url.startswith("https:"):
            machine_proves_itself = True
            yield _to("queue", url)
    if machine_proves_itself:
        for host in _CREDENTIALS_OF_MACHINES:
            yield Way("credentials of this machine", host, 80, aws_itself=True)


def _database(what: str, url: str) -> Iterator[Way]:
    parts = urlsplit(url)
    hosts = parse_qs(parts.query).get("host", [parts.hostname or ""])
    for host in ",".join(hosts).split(","):
        # A path is a Unix socket.
        if host and not host.startswith("/"):
            yield Way(what, host, parts.port or _PORTS["postgresql+psycopg"])


def _to(what: str, url: str) -> Way:
    if url.startswith("s3:"):
        url = Bucket.parse(url).address
    parts = urlsplit(url)
    return Way(what, parts.hostname or "", parts.port or _PORTS[parts.scheme])
