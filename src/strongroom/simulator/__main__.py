"""`python -m strongroom.simulator`: the simulator alone, without the rest of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from strongroom.simulator.config import SellerAccount, SimulatorConfig
from strongroom.simulator.runner import run


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, serve until stopped, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m strongroom.simulator",
        description="Serve a pretend SP-API over TLS with synthetic orders.",
        epilog="example: python -m strongroom.simulator --port 8450 --orders 500 --seed 7 --json",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one")
    parser.add_argument("--orders", type=int, default=500, help="how many orders to make up")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same orders")
    parser.add_argument("--json", action="store_true", help="announce readiness in one JSON line")
    parser.add_argument(
        "--throttle", type=_throttle, default="off", help="real, off, or a factor such as 10"
    )
    parser.add_argument(
        "--markers", action="store_true", help="put a unique marker in every personal value"
    )
    parser.add_argument("--directory", type=Path, help="where the CA certificate is written")
    parser.add_argument("--seller", action="append", help="a seller's name; may be repeated")
    options = parser.parse_args(arguments)
    config = SimulatorConfig(
        orders=options.orders,
        seed=options.seed,
        port=options.port,
        markers=options.markers,
        throttle=options.throttle,
        directory=options.directory,
        sellers=tuple(SellerAccount(name) for name in options.seller or ["demo-seller"]),
    )
    run(config, json_output=options.json, ready_stream=sys.stdout)
    return 0


def _throttle(text: str) -> Literal["real", "off"] | float:
    if text == "real":
        return "real"
    if text == "off":
        return "off"
    return float(text)


if __name__ == "__main__":
    raise SystemExit(main())
