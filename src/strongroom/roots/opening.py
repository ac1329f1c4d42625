"""Opens or makes the root key behind an address, whichever provider has it."""

from collections.abc import Callable
from pathlib import Path

from strongroom.crypto.root import RootProvider, root_for
from strongroom.roots.address import FILE, KmsAddress, Pkcs11Address, parse, provider_of
from strongroom.roots.kms import KmsRoot
from strongroom.roots.tokens import TokenRoot
from strongroom.roots.transit import TransitRoot
from strongroom.terms import Environment


def open_root(
    uri: str,
    environment: Environment,
    home_id: str,
    *,
    passphrase: Callable[[], str],
    home: Path | None = None,
) -> RootProvider:
    """Return the root behind an address; `passphrase` is asked for a file alone, which may be meant within `home`.

    A provider elsewhere is asked nothing yet.

    Raises:
        Misconfigured: the address has no known form, or as `open_file_root`.
        Tampered: as `open_file_root`.

    """
    if provider_of(uri) == FILE:
        return root_for(uri, environment, passphrase=passphrase(), home=home)
    match parse(uri):
        case Pkcs11Address() as address:
            return TokenRoot(uri, address)
        case KmsAddress() as address:
            return KmsRoot(uri, address, environment, home_id)
        case address:
            return TransitRoot(uri, address)


def make_root(uri: str, environment: Environment, home_id: str) -> RootProvider:
    """Return the root behind an address that is no file, its key made where that is ours to do: in a token.

    Keys of KMS and of a transit engine are made by whoever runs these: a service that may use a key and no more cannot
    be used to make or to delete one.

    Raises:
        Misconfigured, Unavailable: as the provider's `wrap`.

    """
    match parse(uri):
        case Pkcs11Address() as address:
            root = TokenRoot(uri, address)
            root.make()
            return root
        case KmsAddress() as address:
            return KmsRoot(uri, address, environment, home_id)
        case address:
            return TransitRoot(uri, address)
