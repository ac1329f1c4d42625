"""A pretend SP-API over TLS for the demo and the tests; it shares nothing with the rest.

It serves Amazon's token endpoint and over synthetic orders the operations of Tokens, Orders, Sellers, Reports, Feeds,
labels (Merchant Fulfillment, Shipping v2, Easy Ship, Vendor Direct Fulfillment), Fulfillment Outbound, Messaging and
Notifications that real flows need, with usage plans and faults that can be switched on.
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
from strongroom.simulator.notices import Told
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
    "Told",
    "run",
]
