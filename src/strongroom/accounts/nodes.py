"""Nodes: processes of this installation on other machines, each somebody's responsibility [1.2].

A node is kept as an app is, and shows more: its secret is worth nothing without its client certificate. It holds no
authorization and no grant; what it may call is the API's to say.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from strongroom.accounts import entries
from strongroom.accounts.certificates import Certificates
from strongroom.accounts.credentials import Credentials
from strongroom.accounts.digests import Digests
from strongroom.accounts.principals import Accounts
from strongroom.accounts.rows import NewApp
from strongroom.policy.limits import APP_SECRET_OVERLAP
from strongroom.terms import Caller, Environment, PrincipalKind


class Nodes:
    """The nodes of one home. Changes are durable on return, with their event. Safe between threads."""

    def __init__(
        self,
        accounts: Accounts,
        certificates: Certificates,
        key: bytes,
        environment: Environment,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._accounts = accounts
        self._certificates = certificates
        self._credentials = Credentials(Digests(key, environment), entropy)

    def __repr__(self) -> str:
        return "<nodes>"

    def add(self, name: str, owner: str, pem: str, *, caller: Caller, now: datetime) -> NewApp:
        """Register a node that `owner` answers for, with its certificate; an unknown owner becomes a person.

        Raises:
            Malformed: a name's form, or the certificate is not fit for a client.
            Denied: a generic name [1.2].
            Conflict: the name or the certificate's key was ever used, or the owner can own no node.

        """
        with self._accounts.changes(caller, now) as change:
            node, registered = entries.add_owned(change, name, PrincipalKind.NODE, owner)
            issued = self._credentials.issue(change, node)
            self._certificates.add(change, node, pem)
        return NewApp(node, *issued, owner_registered=registered)

    def rotate(
        self, name: str, *, caller: Caller, now: datetime, overlap: timedelta = APP_SECRET_OVERLAP
    ) -> NewApp:
        """Give a node a second secret, shown this once; the one before stays good for `overlap` [1.4].

        Raises:
            Malformed: the overlap is longer than a week.
            NotFound: no such node.
            Conflict: the node has ended, or two of its secrets are good already.

        """
        with self._accounts.changes(caller, now) as change:
            node = entries.living(change, name, PrincipalKind.NODE)
            issued = self._credentials.succeed(change, node, overlap)
        return NewApp(node, *issued, owner_registered=False)
