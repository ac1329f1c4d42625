"""Client certificates and nodes in the wrong hands: what was bound, revoked, copied, made up, or asked for too much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from tests.api.conftest import FORM, ORDER, WHY, App, Door, Response, Shop, open_shop
from tests.support.certificates import Made, make
from tests.vault.conftest import CONSOLE, NAME, NOW, World

from strongroom.api import ApiLimits
from strongroom.db import schema
from strongroom.errors import Unauthenticated

pytestmark = pytest.mark.clause("1.2", "1.5")


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Iterator[Shop]:
    door = Door(make_world("api"), ApiLimits())
    yield open_shop(door)
    door.close()


def register(shop: Shop, app: App, made: Made) -> int:
    door = shop.door
    return door.certificates.register(app.name, made.pem, caller=CONSOLE, now=door.now).id


def reveal(shop: Shop, made: Made | None, bearer: str | None = None) -> Response:
    """Ask for a value over a connection with this certificate."""
    shop.door.peer = None if made is None else made.der
    headers = {"content-type": "application/json"}
    if bearer is not None:
        headers["authorization"] = f"Bearer {bearer}"
    body = {"token": shop.tokens[NAME], **WHY}
    return shop.door.call("POST", "/v1/reveal", headers, body)


def bound_token(shop: Shop, app: App, made: Made) -> str:
    shop.door.peer = made.der
    return shop.door.token(app)


def test_a_certificate_stands_for_its_app_and_the_log_says_how(api: Shop) -> None:
    mine = make()
    register(api, api.erp, mine)
    assert reveal(api, mine).status == 200
    (entry,) = api.door.world.audit.tail(1)
    assert entry.body["actor"]["auth"] == "certificate"
    assert entry.body["actor"]["id"] == api.erp.principal
    # One more proof than was asked for does no harm.
    assert reveal(api, mine, bound_token(api, api.erp, mine)).status == 200


def test_a_bound_token_is_worth_nothing_without_its_certificate(api: Shop) -> None:
    """RFC 8705, 3: stolen from a log or a proxy, it lacks the key."""
    mine, next_, others = make(), make(), make()
    register(api, api.erp, mine)
    register(api, api.erp, next_)
    register(api, api.other, others)
    token = bound_token(api, api.erp, mine)
    before = len(api.door.events())
    for made in (None, next_, others, make()):
        answer = reveal(api, made, token)
        assert (answer.status, answer.kind) == (401, "unauthenticated")
    refused = ("api.request.refused", "failure", "wrong_credential")
    assert api.door.events()[before:] == [refused] * 4
    assert reveal(api, mine, token).status == 200
    api.door.peer = None
    free = api.door.token(api.erp)
    assert reveal(api, None, free).status == 200


@pytest.mark.parametrize("how", ["revoked", "expired", "ended", "planned"])
def test_a_dead_certificate_lets_nobody_in_whatever_else_is_shown(api: Shop, how: str) -> None:
    """Also on a connection that was opened while it was good, and beside a token that is."""
    mine = make()
    number = register(api, api.erp, mine)
    token = bound_token(api, api.erp, mine)
    api.door.peer = None
    free = api.door.token(api.erp)
    assert reveal(api, mine).status == 200
    accounts = api.door.accounts
    if how == "revoked":
        api.door.certificates.revoke(api.erp.name, number, caller=CONSOLE, now=NOW)
    elif how == "expired":
        api.door.now += timedelta(days=90)
    elif how == "ended":
        accounts.end(api.erp.name, caller=CONSOLE, now=NOW)
    else:
        accounts.end(api.erp.name, caller=CONSOLE, now=NOW, at=NOW + timedelta(minutes=5))
        api.door.now += timedelta(minutes=5)
    for bearer in (None, token, free):
        assert reveal(api, mine, bearer).status == 401
    reason = "expired_credential" if how == "expired" else "revoked"
    assert api.door.events()[-1] == ("api.request.refused", "failure", reason)
    # It gets no new token either.
    api.door.peer = mine.der
    assert api.door.login(api.erp).status == 401


def test_certificates_of_two_apps_do_not_mix(api: Shop) -> None:
    mine, theirs = make(), make()
    register(api, api.erp, mine)
    register(api, api.other, theirs)
    free = api.door.token(api.erp)
    assert reveal(api, theirs, free).status == 401
    # The other app's certificate is the other app: it holds no grant.
    assert reveal(api, theirs).status == 403
    api.door.peer = theirs.der
    assert api.door.login(api.erp).status == 401
    assert api.door.world.events()[-1][:2] == ("token.issued", "denied")
    assert api.door.login(api.other).status == 200


def test_a_certificate_of_the_same_name_or_of_a_registered_ones_making_is_a_strangers(
    api: Shop,
) -> None:
    """Names prove nothing, and a leaf vouches for nobody, even where a handshake would take its word."""
    mine = make(api.erp.name)
    register(api, api.erp, mine)
    for stranger in (make(api.erp.name), make(api.erp.name, issuer=mine)):
        answer = reveal(api, stranger)
        assert (answer.status, answer.kind) == (401, "unauthenticated")
        assert api.door.events()[-1] == ("api.request.refused", "failure", "wrong_credential")
        api.door.peer = stranger.der
        assert api.door.login(api.erp).status == 401


def test_no_header_stands_for_a_certificate(api: Shop) -> None:
    """What a proxy would say of its client, anybody can say."""
    mine = make()
    register(api, api.erp, mine)
    one_line = mine.pem.replace("\n", "%0A")
    for name in ("x-client-cert", "x-ssl-cert", "x-forwarded-client-cert", "client-cert"):
        answer = api.door.call("GET", "/v1/principal", {name: one_line})
        assert answer.status == 401
    register(api, api.erp, make())
    api.door.peer = mine.der
    twice = {"authorization": ""}
    assert api.door.call("GET", "/v1/principal", twice).status == 401


@pytest.mark.parametrize("what", ["principal", "added", "pem"])
def test_an_edited_row_lets_nobody_in(api: Shop, what: str) -> None:
    """Who can write to the database can not make a certificate of theirs an app's."""
    theirs, own = make(), make()
    register(api, api.other, theirs)
    table = schema.client_certificate
    with api.door.world.database.write() as tx:
        if what == "principal":
            tx.execute(table.update().values(principal_id=api.erp.principal))
        elif what == "pem":
            tx.execute(table.update().values(certificate=own.pem))
        else:
            row = dict(tx.execute(sa.select(table)).mappings().one())
            del row["id"]
            row |= {"principal_id": api.erp.principal, "certificate": own.pem}
            thumbprint = bytes.fromhex(own.thumbprint)
            tx.execute(table.insert().values(**{**row, "thumbprint": thumbprint}))
    api.door.certificates._book = None
    for made in (theirs, own):
        known = what == "added" and made is theirs
        assert reveal(api, made).status == (403 if known else 401)
    assert own.pem not in api.door.certificates.anchors(NOW).pems


@pytest.mark.clause("1.4")
def test_a_revoked_certificate_is_not_revived_and_an_old_one_not_made_young_by_its_row(
    api: Shop,
) -> None:
    """Whoever holds a revoked key and can write to the database has gained nothing."""
    revoked, old = make(), make()
    number = register(api, api.erp, revoked)
    register(api, api.erp, old)
    api.door.certificates.revoke(api.erp.name, number, caller=CONSOLE, now=NOW)
    api.door.now += timedelta(days=90)
    table = schema.client_certificate
    with api.door.world.database.write() as tx:
        tx.execute(table.update().values(revoked_at=None, created_at=api.door.now))
    api.door.certificates._book = None
    for made in (revoked, old):
        assert reveal(api, made).status == 401
        assert api.door.events()[-1] == ("api.request.refused", "failure", "tampered")
    assert api.door.certificates.anchors(api.door.now).pems == ()


# -- nodes -----------------------------------------------------------------------------------------


@pytest.fixture
def node(api: Shop) -> tuple[App, Made]:
    made = make()
    new = api.door.nodes.add("depot-1", "ada", made.pem, caller=CONSOLE, now=NOW)
    return App("depot-1", new.app.id, new.client_id, new.client_secret), made


BEYOND: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/reveal", {"token": "ST000001000800000000", **WHY}),
    ("POST", "/v1/reveal/batch", {"tokens": ["ST000001000800000000"], **WHY}),
    ("POST", "/v1/orders/reveal", {"order": ORDER, "seller": "acme", **WHY}),
    ("POST", "/v1/search", {"by": "order", "value": ORDER, **WHY}),
    ("GET", "/v1/records/1024", {}),
    ("GET", "/v1/grants", {}),
    ("GET", "/v1/principal/", {}),
    ("GET", "/v1/nothing", {}),
]


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(("method", "path", "body"), BEYOND, ids=lambda v: str(v)[:20])
def test_a_node_learns_who_it_is_and_nothing_else(
    api: Shop, node: tuple[App, Made], method: str, path: str, body: dict[str, Any]
) -> None:
    """Even with a grant that somebody gave it: the door refuses before the vault is asked."""
    app, made = node
    api.door.grant(app)
    token = bound_token(api, app, made)
    for headers in ({}, {"authorization": f"Bearer {token}"}):
        who = api.door.call("GET", "/v1/principal", headers).json
        assert (who["id"], who["kind"], who["owner"]) == (app.principal, "node", "ada")
        answer = api.door.call(
            method, path, {**headers, "content-type": "application/json"}, body or b""
        )
        assert (answer.status, answer.kind) == (403, "denied")
        assert api.door.events()[-1] == ("api.request.refused", "denied", "not_authorized")


def test_a_nodes_secret_is_worth_nothing_without_its_certificate(
    api: Shop, node: tuple[App, Made]
) -> None:
    app, made = node
    register(api, api.erp, others := make())
    for peer in (None, others.der, make().der):
        api.door.peer = peer
        answer = api.door.login(app)
        assert (answer.status, answer.json) == (401, {"error": "invalid_client"})
    api.door.peer = made.der
    token = api.door.token(app)
    api.door.peer = None
    answer = api.door.call("GET", "/v1/principal", {"authorization": f"Bearer {token}"})
    assert answer.status == 401
    with pytest.raises(Unauthenticated):
        api.door.accounts.check_credential("depot-1", app.client_secret, NOW)


def test_a_nodes_certificate_is_no_apps(api: Shop, node: tuple[App, Made]) -> None:
    """Not beside an app's token, and not to get one."""
    _app, made = node
    free = api.door.token(api.erp)
    assert reveal(api, made, free).status == 401
    api.door.peer = made.der
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": api.erp.client_id,
            "client_secret": api.erp.client_secret,
        }
    ).encode()
    assert api.door.call("POST", "/v1/token", {"content-type": FORM}, form).status == 401
