"""Destinations, drift and settings on the desk: a second person, no value of anybody's, no secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.support.pages import DeskHome, Member

from strongroom.db import schema
from strongroom.feeds.destinations import Webhook
from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role
from strongroom.settings import effective
from strongroom.terms import Category, Purpose

EVIL = '"><script>alert(1)</script>'


def _party(home: DeskHome, member: Member) -> int:
    caller = home.system.accounts.console("olga", home.now)
    party = Party(
        "labels.example",
        443,
        "/v1",
        (Category.NAME, Category.ADDRESS),
        (Purpose.FULFILMENT,),
    )
    assert member.name == "ada"
    target = home.system.targets.request_add(Role.PARTY, "labels", party, caller, home.now)
    return target.id


@pytest.mark.clause("1.3")
def test_a_third_party_is_approved_by_the_terms_that_were_shown(ada: Member) -> None:
    home = ada.browser.home
    empty = ada.browser.get("/destinations")
    assert "No third party is told anything" in empty.text
    number = _party(home, ada)
    path = f"/destinations/{number}"
    page = ada.browser.get(path)
    assert "labels.example/v1" in page.text
    assert "name, address" in page.text
    form = page.form(f"{path}/approve")
    other = ada.browser.post(f"{path}/approve", form | {"terms": EVIL})
    assert other.status == 409
    assert "<script>alert" not in other.body
    done = ada.browser.post(f"{path}/approve", form)
    assert done.said == "The change has taken effect."
    assert "labels" in done.text
    leaving = ada.browser.submit(ada.browser.get(path), f"{path}/remove")
    assert leaving.said.startswith("Its end is asked for")
    own = ada.browser.get(path)
    assert f"{path}/approve" not in own.actions
    refused = ada.browser.post(
        f"{path}/approve", ada.browser.form_fields(path) | {"terms": form["terms"]}
    )
    assert refused.status >= 400
    (target,) = home.system.targets.listed(Role.PARTY)
    assert target.state == "leaving"


@pytest.mark.clause("1.3")
def test_a_row_that_somebody_edited_is_named(ada: Member) -> None:
    home = ada.browser.home
    caller = home.system.accounts.console("olga", home.now)
    place = Webhook("https://alarms.example/hook", None, None, '{"text": "${text}"}', None)
    home.system.targets.request_add(Role.CHANNEL, "hook", place, caller, home.now)
    with home.system.database.write() as tx:
        tx.execute(sa.update(schema.delivery_target).values(approved_by=1, approved_at=home.now))
    assert "differ from the log" in ada.browser.get("/destinations").text
    assert "channel 1" in ada.browser.get("/destinations").text


@pytest.mark.clause("2.2")
def test_drift_shows_places_and_never_values(ada: Member) -> None:
    home = ada.browser.home
    assert "Nothing differs" in ada.browser.get("/drift").text
    with home.system.database.write() as tx:
        tx.execute(
            sa.insert(schema.drift).values(
                operation="getOrders",
                path="Orders[].Gift",
                kind="unknown_leaf",
                count=3,
                first_seen_at=home.now - timedelta(days=1),
                last_seen_at=home.now,
            )
        )
    page = ada.browser.get("/drift?kind=unknown_leaf")
    assert "Orders[].Gift" in page.text
    assert "Nothing differs" in ada.browser.get("/drift?kind=wrong_type").text
    assert ada.browser.get("/drift?kind=x").status == 400


@pytest.mark.clause("2.5")
def test_settings_name_their_source_and_hold_no_secret(ada: Member) -> None:
    home = ada.browser.home
    page = ada.browser.get("/settings")
    assert page.status == 200
    assert "gateway.port" in page.text
    assert "SHA-256" in page.text
    given = {"STRONGROOM_OIDC__CLIENT_SECRET": "hush", "STRONGROOM_GATEWAY__PORT": "1"}
    found = {
        name: (value, source)
        for name, value, source, _about in effective(
            home.system.settings, home.system.home.root, given
        )
    }
    assert found["oidc.client_secret"] == ("not set", "environment")
    assert found["gateway.port"][1] == "environment"
    assert found["environment"] == ("test", "file")
    assert found["vault.url"][0] in ("not set", "set, not shown")
    assert ada.browser.get("/settings/checks").status == 200


@pytest.mark.clause("1.3")
def test_who_does_not_administer_sees_no_settings(ada: Member) -> None:
    eve = ada.browser.home.member("eve")
    for path in ("/settings", "/settings/checks", "/destinations", "/destinations/1", "/drift"):
        assert eve.browser.get(path).status == 403
    assert ada.browser.get("/destinations/99").status == 404
    assert ada.browser.get("/destinations/places/99").status == 404
