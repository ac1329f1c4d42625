"""Who may come in: people, apps, their credentials and their authorizations [1.2]."""

from strongroom.accounts.certificates import Anchors, CertificateRefused, Certificates, Shown
from strongroom.accounts.channels import Channel, Channels
from strongroom.accounts.clients import ClientGuard
from strongroom.accounts.guard import Disposition, Guard, Lock
from strongroom.accounts.identities import Identities, Identity
from strongroom.accounts.links import LinkRefused, Links, NewLink
from strongroom.accounts.networks import NetworkRange, Networks, WrongNetwork
from strongroom.accounts.nodes import Nodes
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.principals import ANONYMOUS, Accounts
from strongroom.accounts.registered import Certificate
from strongroom.accounts.requests import KeyReused, RequestKeys
from strongroom.accounts.rows import (
    Authorization,
    Holdings,
    NewApp,
    NewAuthorization,
    NewPerson,
    Principal,
    Secret,
)
from strongroom.accounts.signon import SignOn
from strongroom.accounts.standing import Suspended
from strongroom.accounts.visits import Session, Site, Visit

__all__ = [
    "ANONYMOUS",
    "Accounts",
    "Anchors",
    "Authorization",
    "Certificate",
    "CertificateRefused",
    "Certificates",
    "Channel",
    "Channels",
    "ClientGuard",
    "Disposition",
    "Guard",
    "Holdings",
    "Identities",
    "Identity",
    "KeyReused",
    "LinkRefused",
    "Links",
    "Lock",
    "NetworkRange",
    "Networks",
    "NewApp",
    "NewAuthorization",
    "NewLink",
    "NewPerson",
    "Nodes",
    "Passwords",
    "Principal",
    "RequestKeys",
    "Secret",
    "Session",
    "Shown",
    "SignOn",
    "Site",
    "Suspended",
    "Visit",
    "WrongNetwork",
]
