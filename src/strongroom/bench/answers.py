"""Measures the API from outside: values revealed over TLS, one after the other and several at a time."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import orjson

from strongroom.app import machine_clock
from strongroom.bench.figures import Part, Row, percentile
from strongroom.bench.page import order_id
from strongroom.bench.stage import Stage, register
from strongroom.client import Client
from strongroom.policy.catalogue.slots import number_of
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import Action, Category, Purpose

AT_ONCE: Final = 4
_RECORDS: Final = 200
_NAME: Final = number_of("recipient.name") or 0
_LIMITS: Final = {"REQUESTS_PER_SECOND": "100000", "BURST": "100000"}


def measure(stage: Stage, *, reveals: int) -> list[Row]:
    """Return the rows of revealing values over the API, each with its durable event."""
    with stage.system() as system:
        seller, console, app = register(system, "https://127.0.0.1:1", None)
        now = machine_clock()
        caller = system.accounts.check_client(app.client_id, app.client_secret, now)
        system.grants.add(
            console,
            principal=caller.principal,
            action=Action.REVEAL,
            purpose=Purpose.FULFILMENT,
            categories=frozenset(Category),
            sellers=frozenset({seller}),
            lifetime=timedelta(days=1),
            now=now,
        )
        facts = SightedFacts(Progress.UNSHIPPED, int(now.timestamp()) - 86_400)
        sightings = [
            Sighting("order", order_id(n).decode(), {_NAME: "a name of some length"}, facts)
            for n in range(_RECORDS)
        ]
        placed = system.vault.put(
            seller, sightings, caller=caller, op="ordersV0.getOrders", now=now
        )
        tokens = [one.token(_NAME) for one in placed]
    served = stage.start(
        ["-c", "from strongroom.cli import main; main()", "serve", "api", "--json"],
        {
            "STRONGROOM_HOME": str(stage.home),
            "STRONGROOM_API__PORT": "0",
            "STRONGROOM_DESK__PORT": "0",
            "STRONGROOM_HEALTH__PORT": "0",
            **{f"STRONGROOM_API__{name}": value for name, value in _LIMITS.items()},
        },
    )
    with Client(
        orjson.loads(served.told)["api"],
        app.client_id,
        app.client_secret,
        ca_file=str(stage.authority()),
    ) as client:
        _reveal(client, tokens[:AT_ONCE])
        wanted = [tokens[n % len(tokens)] for n in range(reveals)]
        times = _reveal(client, wanted)
        began = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = [wanted[n::AT_ONCE] for n in range(AT_ONCE)]
            for done in [pool.submit(_reveal, client, part) for part in parts]:
                done.result()
        rate = len(wanted) / (time.perf_counter() - began)
    rows = [
        Row(
            Part.REVEAL,
            f"reveal one value over the API with its durable event, p{percent}",
            "ms",
            percentile(times, percent) * 1000,
            "",
            None,
            target,
        )
        for percent, target in ((50, 3.0), (99, None))
    ]
    work = f"reveal values over the API, {AT_ONCE} at a time"
    return [*rows, Row(Part.REVEAL, work, "/s", rate, "", None, None)]


def _reveal(client: Client, tokens: Sequence[str]) -> list[float]:
    """Reveal each token and return the seconds each took."""
    found = []
    for token in tokens:
        began = time.perf_counter()
        client.reveal(token, purpose="fulfilment", reason="benchmark")
        found.append(time.perf_counter() - began)
    return found
