"""What commands do to selling partners, apps and people [1.2]."""

from datetime import timedelta

import orjson

from strongroom.accounts import NewPerson, Principal
from strongroom.crypto.message import parse_public_key
from strongroom.errors import Malformed
from strongroom.gateway import try_credentials
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant
from strongroom.terms import PrincipalKind
from strongroom.vault import LwaCredentials, Seller

# -- selling partners ------------------------------------------------------------------------------


@operation("seller.add")
def _seller_add(  # noqa: PLR0913 - the contract's options
    call: Call,
    *,
    name: str,
    region: str,
    marketplaces: list[str],
    client_id: str,
    client_secret: str,
    refresh_token: str | None = None,
    endpoint: str | None = None,
    lwa_url: str | None = None,
    upstream_ca: str | None = None,
) -> Json:
    if refresh_token == "":
        raise Malformed("the refresh token is empty", hint="leave it out to wait for a consent")
    return _seller(
        call.system.sellers.add(
            call.caller,
            name=name,
            region=region,
            marketplaces=tuple(marketplaces),
            credentials=LwaCredentials(client_id, client_secret, refresh_token or ""),
            now=call.now,
            endpoint=endpoint,
            lwa_url=lwa_url,
            upstream_ca=upstream_ca,
        )
    )


@operation("seller.list")
def _seller_list(call: Call) -> Json:
    return {"sellers": [_seller(seller) for seller in call.system.sellers.all()]}


@operation("seller.show")
def _seller_show(call: Call, *, name: str) -> Json:
    return _with_held(call, call.system.sellers.by_name(name))


# -- apps and people -------------------------------------------------------------------------------


@operation("app.add")
def _app_add(call: Call, *, name: str, owner: str, behind_proxy: bool = False) -> Json:
    added = call.system.accounts.add_app(name, owner, caller=call.caller, now=call.now)
    if behind_proxy:
        # Before anybody has seen the credential: there is no app yet that could ask.
        call.system.channels.declare_proxy(added.app.name, caller=call.caller, now=call.now)
    return {
        **_principal(added.app),
        "owner_registered": added.owner_registered,
        "client_id": added.client_id,
        "client_secret": added.client_secret,
    }


@operation("app.key")
def _app_key(call: Call, *, name: str, public_key: str) -> Json:
    key = parse_public_key(public_key)
    call.system.channels.set_key(name, key, caller=call.caller, now=call.now)
    return {"app": name.lower(), "key": orjson.loads(key)}


@operation("app.authorize")
def _app_authorize(call: Call, *, name: str, seller: str) -> Json:
    partner = call.system.sellers.by_name(seller)
    made = call.system.accounts.authorize(name, partner.id, caller=call.caller, now=call.now)
    return {
        "app": name.lower(),
        "seller": partner.name,
        "authorization": made.id,
        "refresh_token": made.refresh_token,
    }


@operation("consent.open")
def _consent_open(call: Call, *, app: str, seller: str) -> Json:
    partner = call.system.sellers.by_name(seller)
    opened = call.system.accounts.consents.open(app, partner.id, caller=call.caller, now=call.now)
    return {
        "consent": opened.id,
        "app": app.lower(),
        "seller": partner.name,
        "state": opened.state,
        "expires_at": opened.expires_at.isoformat(),
    }


@operation("consent.approve")
def _consent_approve(call: Call, *, seller: str, consent: int) -> Json:
    sellers = call.system.sellers
    candidate = sellers.held(sellers.by_name(seller).id, consent, call.now)
    # Before anything is changed, and outside of any transaction.
    try_credentials(candidate)
    one_person = call.system.grants.one_person
    after = sellers.approve(call.caller, candidate, consent, call.now, one_person=one_person)
    return _with_held(call, after)


@operation("consent.reject")
def _consent_reject(call: Call, *, seller: str, consent: int) -> Json:
    sellers = call.system.sellers
    partner = sellers.by_name(seller)
    return _with_held(call, sellers.reject(call.caller, partner.id, consent, call.now))


@operation("app.list")
def _app_list(call: Call) -> Json:
    sellers = {seller.id: seller.name for seller in call.system.sellers.all()}
    apps = []
    for app in call.system.accounts.listed(PrincipalKind.APP):
        living = call.system.accounts.authorizations(app.name)
        apps.append(
            {
                **_principal(app),
                "sellers": sorted({sellers[a.seller] for a in living}),
                "secrets": _secrets(call, app.name),
            }
        )
    return {"apps": apps}


@operation("app.end")
def _app_end(call: Call, *, name: str, at: str | None = None) -> Json:
    return _end(call, name, PrincipalKind.APP, at)


@operation("app.rotate")
def _app_rotate(call: Call, *, name: str, overlap_days: int = 7) -> Json:
    made = call.system.accounts.rotate(
        name, caller=call.caller, now=call.now, overlap=timedelta(days=overlap_days)
    )
    return {
        **_principal(made.app),
        "client_id": made.client_id,
        "client_secret": made.client_secret,
        "secrets": _secrets(call, made.app.name),
    }


@operation("user.add")
def _user_add(call: Call, *, name: str) -> Json:
    accounts = call.system.accounts
    return _new_person(accounts.add_person(name, caller=call.caller, now=call.now, credential=True))


@operation("user.credential")
def _user_credential(call: Call, *, name: str) -> Json:
    return _new_person(
        call.system.accounts.renew_credential(name, caller=call.caller, now=call.now)
    )


@operation("user.list")
def _user_list(call: Call) -> Json:
    people = call.system.accounts.listed(PrincipalKind.PERSON)
    return {"users": [_principal(person) for person in people]}


@operation("user.end")
def _user_end(call: Call, *, name: str, at: str | None = None) -> Json:
    return _end(call, name, PrincipalKind.PERSON, at)


# -- private ---------------------------------------------------------------------------------------


def _end(call: Call, name: str, kind: PrincipalKind, at: str | None) -> Json:
    accounts = call.system.accounts
    if accounts.find(name).kind is not kind:
        raise Malformed(f"this is no {kind}")
    when = None if at is None else instant(at)
    return _principal(accounts.end(name, caller=call.caller, now=call.now, at=when))


def _secrets(call: Call, app: str) -> list[Json]:
    """Return an app's secrets that still work, oldest first: their age, never what they prove [1.4]."""
    return [
        {
            "credential": secret.id,
            "age_days": (call.now - secret.created_at).days,
            "ends_at": secret.ends_at.isoformat(),
        }
        for secret in call.system.accounts.holdings(app).secrets
        if secret.works(call.now)
    ]


def _principal(principal: Principal) -> Json:
    return {
        "id": principal.id,
        "name": principal.name,
        "kind": principal.kind.value,
        "owner": principal.owner,
        "created_at": principal.created_at.isoformat(),
        "ended_at": iso(principal.ended_at),
    }


def _new_person(made: NewPerson) -> Json:
    return {
        **_principal(made.person),
        "client_id": made.client_id,
        "client_secret": made.client_secret,
    }


def _with_held(call: Call, seller: Seller) -> Json:
    """Return a selling partner with what a consent brought and nobody has approved yet; never a token."""
    held = seller.held
    if held is None or held.ends_at <= call.now:
        return {**_seller(seller), "held": None}
    return {
        **_seller(seller),
        "held": {
            "consent": held.consent,
            "app": call.system.accounts.name_of(held.app),
            "opened_by": call.system.accounts.name_of(held.opened_by),
            "ends_at": iso(held.ends_at),
        },
    }


def _seller(seller: Seller) -> Json:
    elements = seller.rdt_elements
    return {
        "id": seller.id,
        "name": seller.name,
        "region": seller.region,
        "marketplaces": list(seller.marketplaces),
        "endpoint": seller.endpoint,
        "lwa_url": seller.lwa_url,
        "own_ca": seller.upstream_ca is not None,
        "consented": bool(seller.credentials.refresh_token),
        "rdt_elements": None if elements is None else sorted(elements),
    }
