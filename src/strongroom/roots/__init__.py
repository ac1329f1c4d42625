"""Root keys outside a home's own file: in a token (PKCS#11), in AWS KMS, in a transit engine (OpenBao, Vault) [2.4]."""

from strongroom.roots.address import parse, provider_of, secret_file
from strongroom.roots.opening import make_root, open_root

__all__ = [
    "make_root",
    "open_root",
    "parse",
    "provider_of",
    "secret_file",
]
