"""python-amazon-sp-api redeems an authorization code at the gateway as it does at Amazon."""

from __future__ import annotations

import urllib.parse
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sp_api.auth import AccessTokenClient
from tests.clients.conftest import Shop
from tests.clients.views import CommunityClient

pytestmark = pytest.mark.clause("2.5")


def test_the_client_redeems_a_code_and_works_on_with_our_token(shop: Shop) -> None:
    """It has no place for a state, which goes in front of the code; a second try ends as at Amazon."""

    class TokenClient(AccessTokenClient):
        host = urllib.parse.urlsplit(shop.home.endpoint).netloc

    app = shop.apps["beta"]
    state = shop.home.ask("consent.open", app="erp", seller="beta")["state"]
    client = TokenClient(
        credentials=SimpleNamespace(lwa_app_id=app.client_id, lwa_client_secret=app.client_secret),
        refresh_token="none yet",
        verify=shop.home.tls(),
    )
    shop.stack.callback(client._transport.close)
    answer = client.authorize_auth_code(f"{state}.{shop.simulator.consent('beta')}")
    assert answer["refresh_token"] not in (
        app.refresh_token,
        shop.simulator.seller("beta").refresh_token,
    )
    shop.apps["beta"] = replace(app, refresh_token=answer["refresh_token"])
    assert shop.client(CommunityClient, "beta") is not None
    with pytest.raises(Exception, match="invalid grant parameter : code"):
        client.authorize_auth_code(f"{state}.{shop.simulator.consent('beta')}")
