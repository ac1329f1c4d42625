"""A quarter on the simulator's orders: who can read them, the review of it, day 91, and the leaver."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import NOW, TWO_YEARS_BACK, open_shop
from tests.clients.views import CommunityClient

from strongroom.errors import Denied
from strongroom.simulator import SellerAccount


@pytest.mark.clause("1.2", "1.3")
def test_access_to_pulled_orders_over_91_days(tmp_path: Path) -> None:
    with ExitStack() as stack:
        shop = open_shop(tmp_path, stack, orders=150, sellers=(SellerAccount("alpha"),))
        home = shop.home
        (labels,) = home.add_app("labels", "alpha", grants=False)
        said = {"principal": "labels", "purpose": "fulfilment", "sellers": ["alpha"], "days": 90}
        for action, categories, budget in (("reveal", ["name"], 2), ("search", ["email"], 500)):
            home.ask("grant.add", **said, action=action, categories=categories, budget=budget)
        client = shop.client(CommunityClient, "alpha")
        pages = client.pages(restricted=True, CreatedAfter=TWO_YEARS_BACK)
        pulled = [order for page in pages for order in page]
        named = (
            found["tokens"]["recipient.name"]
            for order in reversed(pulled)
            for found in home.ask(
                "find", as_=labels, purpose="fulfilment", order=order["AmazonOrderId"]
            )["records"]
            if "recipient.name" in found["tokens"]
        )
        tokens = list(islice(named, 3))
        for token in tokens[:2]:
            home.ask("reveal.token", as_=labels, token=token, purpose="fulfilment")
        with pytest.raises(Denied, match="budget_spent"):
            home.ask("reveal.token", as_=labels, token=tokens[2], purpose="fulfilment")
        home.stop()

        def on(day: float, *arguments: str, code: int = 0) -> Any:
            at = (NOW + timedelta(days=day)).isoformat()
            return home.run(*arguments, "--now", at, code=code)

        late = on(
            *(40, "grant", "add", "--principal", "labels", "--action", "reveal"),
            *("--purpose", "tax", "--categories", "name", "--seller", "alpha", "--days", "90"),
        )["id"]
        review = on(80, "review", "start")
        reads = {item["grant"]["action"]: item["reads"] for item in review["items"]}
        assert review["row_count"] == 3
        assert reads["search"] > 0
        (keep,) = (i for i in review["items"] if i["reads"] and i["grant"]["action"] == "reveal")
        assert keep["reads"] == 2
        on(80, "review", "decide", str(keep["item"]), "keep", "--days", "90")

        # The home's first grant was approved some seconds after its clock began.
        cells = on(92, "grant", "matrix")["cells"]
        assert [(cell["action"], cell["grants"]) for cell in cells] == [
            ("reveal", [keep["grant"]["id"]])
        ]
        closed = on(92, "review", "close", "1")
        assert closed["suspended"] == [late]
        on(92, "app", "end", "labels", "--yes")
        assert on(92, "user", "proof", "labels")["complete"] is True
        assert on(92, "grant", "matrix")["cells"] == []
