"""Puts the pages and the API of an open home together."""

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.metadata import version as installed_version

from strongroom.accounts.people import People
from strongroom.api import Api, ApiLimits, create_api
from strongroom.app import System
from strongroom.compliance.digests import Digests
from strongroom.compliance.log_pages import LogPages
from strongroom.compliance.usage import used
from strongroom.desk import Desk, Rooms, create_desk
from strongroom.desk.installation import Checks, Installation, Setting, Shown
from strongroom.desk.oidc import Client, Provider
from strongroom.errors import Misconfigured
from strongroom.home.certificates import leaf_of
from strongroom.settings import effective
from strongroom.vault.drift import seen_drift
from strongroom.vault.grants_listed import GrantsListed


def desk_of(
    system: System,
    clock: Callable[[], datetime] | None = None,
    checks: Checks = lambda _now: (),
) -> Desk:
    """Return the pages of an open home, as an ASGI application; `checks` are the doctor's."""
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
        assurance=system.assurance,
        notices=system.notices,
        reviews=system.reviews,
        vault=system.vault,
        keystore=system.keystore,
        backups=system.backups,
        copies=system.copies,
        subjects=system.subjects,
        clock_is_ahead=system.watch.look,
        dates=system.dates,
        alarms=system.alarms,
        targets=system.targets,
        outbox=system.outbox,
        audit=system.audit,
        people=People(system.database),
        grants_listed=GrantsListed(system.database),
        roles=system.roles,
        used=partial(used, system.database),
        places=system.backups.places,
        disclosures=system.disclosures,
        drift=partial(seen_drift, system.database),
        installation=_installation(system, checks),
        log=LogPages(system.database, system.audit, system.log_readers),
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


def _installation(system: System, checks: Checks) -> Installation:
    settings = system.settings

    def shown() -> list[Setting]:
        return [Setting(*one) for one in effective(settings, system.home.root, os.environ)]

    def certificate() -> Shown:
        leaf = leaf_of(system.home)
        return Shown(
            leaf.names,
            leaf.issuer,
            leaf.key,
            leaf.thumbprint,
            leaf.not_before,
            leaf.not_after,
            leaf.ours,
        )

    return Installation(
        installed_version("strongroom"),
        settings.home_id,
        settings.environment.value,
        shown,
        lambda: system.listening,
        certificate,
        checks,
    )


def api_of(system: System) -> Api:
    """Return `/v1` of an open home, as an ASGI application."""
    limits = system.settings.api
    return create_api(
        vault=system.vault,
        accounts=system.accounts,
        channels=system.channels,
        networks=system.networks,
        guard=system.guard.clients,
        certificates=system.certificates,
        sellers=system.sellers,
        grants=system.grants,
        audit=system.audit,
        database=system.database,
        relay=system.relay,
        paper=system.paper,
        clock=system.clock,
        ticket_key=system.api_key,
        environment=system.settings.environment,
        limits=ApiLimits(limits.requests_per_second, limits.burst, limits.records_per_day),
    )


def mail_digests(system: System) -> int:
    """Tell people by mail what is due and theirs, who were not told today; return how many."""
    digests = Digests(
        system.database,
        system.audit,
        rooms=system.compliance,
        targets=system.targets,
        home=system.settings.home_id,
        origin=lambda: system.signon.site.origin,
    )
    return digests.send(system.clock())


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
