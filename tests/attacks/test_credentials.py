"""Credentials, access tokens, restricted tokens and cursors in the wrong hands or the wrong place."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from tests.gateway.conftest import (
    CONSOLE,
    MARKETPLACES,
    ORDERS,
    SEARCH,
    App,
    MakeDoor,
    Response,
    Shop,
    open_shop,
)

from strongroom.db import schema

pytestmark = pytest.mark.clause("1.2", "1.3")

REFUSED = "gateway.request.refused"
FORM = {"content-type": "application/json"}


def issue(shop: Shop, **changes: str) -> Response:
    """Ask the token endpoint with the app's form, changed."""
    return shop.door.call("POST", "/auth/o2/token", FORM, {**shop.app.form, **changes})


def upstream(shop: Shop) -> int:
    return len(shop.simulator.requests)


def refused(shop: Shop, answer: Response, since: int, reason: str) -> None:
    """Check that an answer is Amazon's 403 and that exactly one refusal was recorded for it."""
    assert answer.status == 403
    assert answer.json["errors"][0]["code"] == "Unauthorized"
    ((type_, outcome, told),) = shop.door.gateway_events(since)
    # A proof fails, a decision denies; either way it is no success.
    assert (type_, told, outcome in ("denied", "failure")) == (REFUSED, reason, True)


# -- at the token endpoint -------------------------------------------------------------------------


def test_credentials_of_two_apps_do_not_mix(shop: Shop) -> None:
    """One app's client with another's refresh token, and every other mixture."""
    for mixed in (
        ["refresh_token"],
        ["client_id"],
        ["client_secret"],
        ["client_id", "client_secret"],
    ):
        before = shop.door.count()
        answer = issue(shop, **{name: getattr(shop.other, name) for name in mixed})
        assert answer.status in (400, 401)
        assert answer.json["error"] in ("invalid_grant", "invalid_client")
        assert b"access_token" not in answer.body
        (event,) = shop.door.events(before)
        assert (event["type"], event["outcome"]) == ("credential.checked", "failure")


def test_an_unknown_client_and_a_wrong_secret_look_the_same(shop: Shop) -> None:
    """Whether a client exists is nothing to ask the token endpoint about."""
    unknown = issue(shop, client_id="amzn1.application-oa2-client." + "0" * 32)
    wrong = issue(shop, client_secret="amzn1.oa2-cs.v1." + "0" * 64)
    assert (unknown.status, unknown.body) == (wrong.status, wrong.body)


def test_a_persons_credential_is_no_clients(shop: Shop) -> None:
    """Only apps come in through the gateway."""
    clock = shop.door.clock
    person = shop.door.accounts.add_person("grace", caller=CONSOLE, now=clock(), credential=True)
    assert person.client_id
    assert person.client_secret
    answer = issue(shop, client_id=person.client_id, client_secret=person.client_secret)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_amazons_own_credentials_open_nothing_here(shop: Shop) -> None:
    """Somebody who has the selling partner's real credentials still needs an app of ours."""
    real = shop.simulator.seller("acme")
    answer = issue(
        shop,
        client_id=real.client_id,
        client_secret=real.client_secret,
        refresh_token=real.refresh_token,
    )
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


# -- access tokens ---------------------------------------------------------------------------------


def test_an_access_token_shows_no_other_selling_partner(shop: Shop) -> None:
    """App and selling partner are in the token: an order id of another partner changes nothing."""
    foreign = shop.simulator.order_ids("globex")[0]
    answer = shop.door.get(shop.app, f"{ORDERS}/{foreign}")
    assert answer.status in (403, 404)
    assert all(r.seller in ("acme", "") for r in shop.simulator.requests[-1:])
    assert foreign.encode() not in answer.body


def test_a_revoked_apps_living_access_token_is_refused_at_once(shop: Shop) -> None:
    token = shop.door.token(shop.app)
    assert shop.door.get(shop.app, SEARCH, token).status == 200
    shop.door.accounts.end("erp", caller=CONSOLE, now=shop.door.clock())
    before, calls = shop.door.count(), upstream(shop)
    refused(shop, shop.door.get(shop.app, SEARCH, token), before, "revoked")
    assert upstream(shop) == calls


def test_a_living_access_token_ends_with_its_authorization(shop: Shop) -> None:
    """Authorizing an app anew ends what its earlier authorization gave out."""
    token = shop.door.token(shop.app)
    shop.door.accounts.authorize("erp", shop.app.seller, caller=CONSOLE, now=shop.door.clock())
    before = shop.door.count()
    refused(shop, shop.door.get(shop.app, SEARCH, token), before, "revoked")


def test_an_access_token_of_another_home_is_refused(shop: Shop, make_door: MakeDoor) -> None:
    """Same environment, same numbers of app, partner and authorization, another home."""
    elsewhere = open_shop(make_door(), shop.simulator)
    assert elsewhere.app.principal == shop.app.principal
    foreign = elsewhere.door.token(elsewhere.app)
    before = shop.door.count()
    refused(shop, shop.door.get(shop.app, SEARCH, foreign), before, "wrong_credential")


def test_an_edited_access_token_is_refused(shop: Shop) -> None:
    """In its prefix, version, day, nonce, body and end; cut short and drawn out."""
    token = shop.door.token(shop.app)
    forged = {token[:-8], token + "AAAA", token[:-1], ""}
    for at in (0, 5, 8, 16, 40, len(token) - 2):
        forged.add(token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :])
    for text in forged:
        before = shop.door.count()
        answer = shop.door.call("GET", SEARCH, {"x-amz-access-token": text})
        refused(shop, answer, before, "wrong_credential")


def test_kinds_of_ticket_do_not_stand_in_for_each_other(shop: Shop) -> None:
    """A cursor or restricted token under an access token's prefix, and the other way round."""
    rdt = shop.door.rdt(shop.app, ORDERS, "buyerInfo")
    access = shop.door.token(shop.app)
    (cursor,) = cursors(shop, shop.app)
    for forged in (
        "Atza|" + rdt.removeprefix("Atz.sprdt|"),
        "Atz.sprdt|" + access.removeprefix("Atza|"),
        "Atza|" + cursor,
        "Atz.sprdt|" + cursor,
        cursor,
    ):
        before = shop.door.count()
        refused(shop, shop.door.get(shop.app, SEARCH, forged), before, "wrong_credential")


def test_amazons_real_token_opens_nothing_here(shop: Shop) -> None:
    shop.door.get(shop.app, SEARCH)
    real = shop.simulator.requests[-1].headers["x-amz-access-token"]
    assert real.startswith("Atza|")
    before = shop.door.count()
    refused(shop, shop.door.get(shop.app, SEARCH, real), before, "wrong_credential")


# -- restricted tokens -----------------------------------------------------------------------------


def test_a_restricted_token_opens_only_what_it_was_made_for(shop: Shop) -> None:
    """Another path, order or method, and the same one an hour later."""
    first, second = shop.simulator.order_ids("acme")[:2]
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{first}/address")
    headers = {"x-amz-access-token": rdt}
    calls = upstream(shop)
    for method, path in (
        ("GET", f"{ORDERS}/{first}/buyerInfo"),
        ("GET", f"{ORDERS}/{second}/address"),
        ("GET", SEARCH),
        ("POST", f"{ORDERS}/{first}/shipment"),
    ):
        before = shop.door.count()
        refused(shop, shop.door.call(method, path, headers), before, "wrong_path")
    shop.door.clock.advance(hours=1)
    before = shop.door.count()
    late = shop.door.call("GET", f"{ORDERS}/{first}/address", headers)
    refused(shop, late, before, "expired_credential")
    assert upstream(shop) == calls


def test_a_restricted_token_acts_for_the_app_that_asked_for_it_and_ends_with_it(
    shop: Shop,
) -> None:
    """It names its app itself, so that another app presenting it gains and hides nothing."""
    rdt = shop.door.rdt(shop.app, ORDERS, "buyerInfo")
    before = shop.door.count()
    assert shop.door.get(shop.other, SEARCH, rdt).status == 200
    actors = {event["actor"]["id"] for event in shop.door.events(before)}
    sellers = {event.get("seller") for event in shop.door.events(before)}
    assert (actors, sellers) == ({shop.app.principal}, {shop.app.seller})
    shop.door.accounts.end("erp", caller=CONSOLE, now=shop.door.clock())
    before = shop.door.count()
    refused(shop, shop.door.get(shop.other, SEARCH, rdt), before, "revoked")


# -- cursors ---------------------------------------------------------------------------------------


def cursors(shop: Shop, app: App) -> list[str]:
    """Return the cursor of an app's first page."""
    page: dict[str, Any] = shop.door.get(app, f"{SEARCH}&MaxResultsPerPage=10").json["payload"]
    return [page["NextToken"]]


def refused_cursor(shop: Shop, app: App, target: str) -> None:
    before, calls = shop.door.count(), upstream(shop)
    answer = shop.door.get(app, target)
    assert answer.status == 400
    assert upstream(shop) == calls
    (type_, outcome, reason) = shop.door.gateway_events(before)[-1]
    assert (type_, reason) == (REFUSED, "wrong_credential")
    assert outcome != "success"


def test_a_cursor_of_another_app_or_selling_partner_is_refused(shop: Shop) -> None:
    (cursor,) = cursors(shop, shop.app)
    target = f"{ORDERS}?{MARKETPLACES}&NextToken={cursor}"
    assert shop.door.get(shop.app, target).status == 200
    # Another app of another partner, another app of the same partner, the same app for another.
    twin = shop.door.add_app("reports", shop.app.seller)
    permit = shop.door.accounts.authorize(
        "erp", shop.other.seller, caller=CONSOLE, now=shop.door.clock()
    )
    both = App(
        "erp",
        shop.app.principal,
        shop.other.seller,
        shop.app.client_id,
        shop.app.client_secret,
        permit.refresh_token,
    )
    for app in (shop.other, twin, both):
        refused_cursor(shop, app, target)


def test_a_cursor_of_another_operation_is_refused(shop: Shop) -> None:
    (cursor,) = cursors(shop, shop.app)
    order = shop.simulator.order_ids("acme")[0]
    refused_cursor(shop, shop.app, f"{ORDERS}/{order}/orderItems?NextToken={cursor}")
    refused_cursor(shop, shop.app, f"/orders/2026-01-01/orders?paginationToken={cursor}")


def test_a_cursor_of_another_home_of_amazon_or_of_yesterday_is_refused(
    shop: Shop, make_door: MakeDoor
) -> None:
    elsewhere = open_shop(make_door(), shop.simulator)
    (foreign,) = cursors(elsewhere, elsewhere.app)
    (cursor,) = cursors(shop, shop.app)
    for text in (foreign, cursor[:-4] + "AAAA", "eyJwYWdlIjoyfQ", cursor + cursor):
        refused_cursor(shop, shop.app, f"{ORDERS}?{MARKETPLACES}&NextToken={text}")
    shop.door.clock.advance(hours=25)
    refused_cursor(shop, shop.app, f"{ORDERS}?{MARKETPLACES}&NextToken={cursor}")


# -- rows ------------------------------------------------------------------------------------------


def test_a_credential_of_another_home_copied_into_the_database_is_no_use(
    shop: Shop, make_door: MakeDoor
) -> None:
    """Secrets are stored as HMACs under a key of the keystore: a row alone lets nobody in."""
    elsewhere = open_shop(make_door(), shop.simulator)
    for table, column in (
        (schema.credential, "secret_hash"),
        (schema.authorization, "refresh_hash"),
    ):
        with elsewhere.door.database.read() as tx:
            rows = tx.execute(sa.select(table)).mappings().all()
        with shop.door.database.write() as tx:
            for row in rows:
                changes = {column: row[column]}
                if "client_id" in row:
                    changes["client_id"] = row["client_id"]
                tx.execute(table.update().where(table.c.id == row["id"]).values(**changes))
    answer = shop.door.call("POST", "/auth/o2/token", FORM, elsewhere.app.form)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("column", ["principal_id", "seller_id"])
def test_an_authorization_edited_for_another_app_or_partner_lets_nobody_in(
    shop: Shop, column: str
) -> None:
    """Who writes to the database cannot lead an app's refresh token to another selling partner."""
    mine, theirs = shop.app, shop.other
    value = theirs.seller if column == "seller_id" else theirs.principal
    table = schema.authorization
    with shop.door.database.write() as tx:
        mine_alone = table.c.principal_id == mine.principal
        tx.execute(table.update().where(mine_alone).values({column: value}))
    form = {**(mine if column == "seller_id" else theirs).form, "refresh_token": mine.refresh_token}
    before = shop.door.count()
    answer = shop.door.call("POST", "/auth/o2/token", FORM, form)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    (event,) = shop.door.events(before)
    assert (event["type"], event["reason"]) == ("credential.checked", "tampered")


def test_a_credential_given_to_another_principal_lets_nobody_in(shop: Shop) -> None:
    table = schema.credential
    with shop.door.database.write() as tx:
        mine = table.c.principal_id == shop.app.principal
        tx.execute(table.update().where(mine).values(principal_id=shop.other.principal))
    answer = issue(shop)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
