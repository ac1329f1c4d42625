"""What the home's own secrets are right now, as far as their age has to be known [1.4].

Values are for a keyed digest and for nothing else. A database without a password in its URL (a local socket) has no
secret to grow old, and the passphrase shows as the file that it seals: the file is another one after every change.
"""

from collections.abc import Mapping

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from strongroom.crypto.root import root_file
from strongroom.errors import Malformed, Misconfigured
from strongroom.home.layout import Layout
from strongroom.policy.secrets import (
    KEYSTORE_DATABASE,
    OIDC_CLIENT,
    PASSPHRASE,
    VAULT_DATABASE,
)
from strongroom.settings import Settings


def present(home: Layout, settings: Settings) -> Mapping[str, bytes]:
    """Return each secret that is in use, by name."""
    found = {}
    if settings.keystore.root.startswith("file:"):
        found[PASSPHRASE] = root_file(settings.keystore.root, home.root).read_bytes()
    for name, url in (
        (VAULT_DATABASE, settings.vault.url),
        (KEYSTORE_DATABASE, settings.keystore.url),
    ):
        if url and make_url(url).password is not None:
            found[name] = of_url(url)
    if settings.oidc.issuer and settings.oidc.client_secret:
        found[OIDC_CLIENT] = settings.oidc.client_secret.encode()
    return found


def of_url(url: str) -> bytes:
    """Return what a database's URL proves itself with.

    Raises:
        Malformed: it is no URL, or holds no password.

    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Its own message repeats the URL, password included.
        raise Malformed("the file holds no database URL") from None
    if parsed.password is None:
        raise Malformed("the URL holds no password", hint="postgresql+psycopg://USER:PASSWORD@…")
    return f"{parsed.username}\0{parsed.password}".encode()


def seal_of(home: Layout, settings: Settings) -> bytes:
    """Return the sealed root as it lies in its file. Raises: Misconfigured where it lies elsewhere."""
    if not settings.keystore.root.startswith("file:"):
        raise Misconfigured("the root key is not in a file, so it has no passphrase of ours")
    return root_file(settings.keystore.root, home.root).read_bytes()
