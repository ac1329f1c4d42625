"""Runs a simulator in the foreground until SIGTERM or SIGINT; the body of the CLI verb."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TextIO

import orjson

from strongroom.simulator.config import SimulatorConfig
from strongroom.simulator.shapes import Json
from strongroom.simulator.simulator import Simulator


def run(config: SimulatorConfig, *, json_output: bool, ready_stream: TextIO) -> None:
    """Serve until told to stop; tell `ready_stream` once, in one JSON line or in words.

    Must be called in the main thread, which alone may handle signals. Raises: OSError.
    """
    stop = threading.Event()

    def _stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with Simulator(config) as simulator:
            ready_stream.write(_announcement(simulator, json_output=json_output))
            ready_stream.flush()
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _announcement(simulator: Simulator, *, json_output: bool) -> str:
    if json_output:
        return orjson.dumps(_description(simulator)).decode() + "\n"
    lines = [
        f"simulator ready at {simulator.endpoint} with {simulator.config.orders} orders",
        f"  token endpoint  {simulator.lwa_url}",
        f"  CA certificate  {simulator.ca_path}",
    ]
    for account in simulator.sellers:
        # Synthetic credentials of a pretend API: showing them is the point.
        lines += [f"  seller {account.name}", f"    client id      {account.client_id}"]
        lines += [
            f"    client secret  {account.client_secret}",
            f"    refresh token  {account.refresh_token}",
        ]
    return "\n".join(lines) + "\n"


def _description(simulator: Simulator) -> Json:
    return {
        "endpoint": simulator.endpoint,
        "lwa_url": simulator.lwa_url,
        "ca": str(simulator.ca_path),
        "sellers": [
            {
                "name": account.name,
                "selling_partner_id": account.selling_partner_id,
                "client_id": account.client_id,
                "client_secret": account.client_secret,
                "refresh_token": account.refresh_token,
                "marketplace_ids": list(account.marketplace_ids),
            }
            for account in simulator.sellers
        ],
        "orders": simulator.config.orders,
        "seed": simulator.config.seed,
    }
