"""Puts the pages of an open home together."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from strongroom.app import System
from strongroom.audit import Reason
from strongroom.desk import Desk, Rooms, create_desk
from strongroom.desk.oidc import Client, Provider
from strongroom.errors import Misconfigured, Tampered, Unavailable

CHECKPOINT_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 60.0
WATCH_SECONDS: Final = 2.0
DELIVERY_SECONDS: Final = 1.0
"""How long a notice or an entry of the log may wait before it is on its way."""
CERTIFICATE_SECONDS: Final = 2.0
"""How long a certificate that was put into `tls/`, or a client's that was registered, may wait to be used."""

_REASONS: Final = {Tampered: Reason.TAMPERED, Unavailable: Reason.UNAVAILABLE}
_RENEWAL_EVERY: Final = timedelta(hours=1)
_BACKUPS_EVERY: Final = timedelta(hours=1)
_FIRST_BACKUP: Final = timedelta(seconds=5)
_FIRST_SYNC: Final = timedelta(seconds=2)
_FIRST_DATES: Final = timedelta(minutes=10)
"""Apps come first after a start: they share Amazon's plans."""
_COLLECTIONS: Final = (50_000, 10, 20)
"""How many more new objects than dropped ones call for a collection, and of each so many the next older ones join."""


def desk_of(system: System, clock: Callable[[], datetime] | None = None) -> Desk:
    """Return the pages of an open home, as an ASGI application."""
    rooms = Rooms(
        signon=system.signon,
        joining=system.joining,
        passwords=system.passwords,
        guard=system.guard,
        networks=system.networks,
        accounts=system.accounts,
        grants=system.grants,
        sellers=system.sellers,
        identities=system.identities,
        compliance=system.compliance,
        notices=system.notices,
        subjects=system.subjects,
        clock_is_ahead=system.watch.look,
        provider=_sign_on_provider(system),
    )
    return create_desk(
        rooms,
        audit=system.audit,
        clock=clock or system.clock,
        key=system.keystore.secret("desk-forms", system.clock()),
        environment=system.settings.environment,
        witnessed=system.quorum.witnessed,
    )


def _sign_on_provider(system: System) -> Provider | None:
    """Return the OpenID Connect provider people may sign on through, None where the settings name none.

    Raises:
        Misconfigured: the settings are incomplete, or the CA cannot be read or is none.

    """
    oidc = system.settings.oidc
    if not oidc.issuer:
        return None
    if not oidc.client_id:
        raise Misconfigured("oidc.issuer is set and oidc.client_id is not")
    ca = None
    if oidc.ca is not None:
        try:
            ca = (system.home.root / oidc.ca).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            raise Misconfigured(
                "oidc.ca cannot be read", hint="it names a PEM file; a relative path is in the home"
            ) from None
    client = Client(oidc.issuer, oidc.client_id, oidc.client_secret, oidc.trust_second_factor, ca)
    return Provider(client)
