"""Who may come in: people, apps, their credentials and their authorizations [1.2]."""

from strongroom.accounts.principals import ANONYMOUS, Accounts
from strongroom.accounts.rows import (
    Authorization,
    NewApp,
    NewAuthorization,
    NewPerson,
    Principal,
)

__all__ = [
    "ANONYMOUS",
    "Accounts",
    "Authorization",
    "NewApp",
    "NewAuthorization",
    "NewPerson",
    "Principal",
]
