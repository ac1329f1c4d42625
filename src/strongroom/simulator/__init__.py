"""A pretend SP-API over TLS for the demo and the tests; it shares nothing with the rest.

It serves Amazon's token endpoint, the Tokens, Orders v0, Orders 2026-01-01 and Sellers
operations over synthetic orders, with usage plans and faults that can be switched on.
"""

from strongroom.simulator.config import (
    CertificateKind,
    Fault,
    FaultKind,
    ReceivedRequest,
    Role,
    SellerAccount,
    SimulatorConfig,
)
from strongroom.simulator.marking import Marker
from strongroom.simulator.orders import Order
from strongroom.simulator.runner import run
from strongroom.simulator.simulator import Simulator

__all__ = [
    "CertificateKind",
    "Fault",
    "FaultKind",
    "Marker",
    "Order",
    "ReceivedRequest",
    "Role",
    "SellerAccount",
    "Simulator",
    "SimulatorConfig",
    "run",
]
