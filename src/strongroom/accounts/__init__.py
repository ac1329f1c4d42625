"""Who may come in: people, apps, their credentials and their authorizations [1.2]."""

from strongroom.accounts.channels import Channel, Channels
from strongroom.accounts.networks import NetworkRange, Networks
from strongroom.accounts.principals import ANONYMOUS, Accounts
from strongroom.accounts.rows import (
    Authorization,
    Holdings,
    NewApp,
    NewAuthorization,
    NewPerson,
    Principal,
    Secret,
)

__all__ = [
    "ANONYMOUS",
    "Accounts",
    "Authorization",
    "Channel",
    "Channels",
    "Holdings",
    "NetworkRange",
    "Networks",
    "NewApp",
    "NewAuthorization",
    "NewPerson",
    "Principal",
    "Secret",
]
