"""A selling partner's consent is renewed in a home that serves: opened, brought, shown, approved, by commands."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from tests.support.home import App, CommandError, Home

from strongroom.simulator import SellerAccount, Simulator, SimulatorConfig

pytestmark = pytest.mark.clause("1.3", "2.5")


def bring(home: Home, simulator: Simulator, app: App) -> int:
    """Open a consent and bring a code with it; return the consent's number."""
    opened = home.run("consent", "open", "--app", "erp", "--seller", "alpha")
    form = {
        "grant_type": "authorization_code",
        "code": simulator.consent("alpha"),
        "state": opened["state"],
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    asked = Request(f"{home.endpoint}/auth/o2/token", urlencode(form).encode())
    with urlopen(asked, context=home.tls()) as answer:
        assert json.load(answer)["token_type"] == "bearer"
    number: int = opened["consent"]
    return number


def test_a_renewed_consent_is_shown_rejected_or_approved(tmp_path: Path) -> None:
    config = SimulatorConfig(orders=30, seed=3, sellers=(SellerAccount("alpha"),))
    with Simulator(config) as simulator, Home.make(tmp_path) as home:
        home.start()
        home.add_seller(simulator, simulator.seller("alpha"))
        (app,) = home.add_app("erp", "alpha")
        assert home.run("seller", "show", "alpha")["held"] is None
        first = bring(home, simulator, app)
        held = home.run("seller", "show", "alpha")["held"]
        assert (held["consent"], held["app"]) == (first, "erp")
        assert sorted(held) == ["app", "consent", "ends_at", "opened_by"]
        rejected = home.run("consent", "reject", "alpha", "--consent", str(first))
        assert rejected["held"] is None
        second = bring(home, simulator, app)
        with pytest.raises(CommandError) as caught:
            home.run("consent", "approve", "alpha", "--consent", str(first))
        assert "Conflict" in caught.value.output
        before = len(simulator.requests)
        approved = home.run("consent", "approve", "alpha", "--consent", str(second))
        assert (approved["held"], approved["consented"]) == (None, True)
        # It was tried at Login with Amazon first.
        assert [request.path for request in simulator.requests[before:]] == ["/auth/o2/token"]
