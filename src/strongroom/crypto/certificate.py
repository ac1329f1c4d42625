"""Reads a client certificate and says all that is wrong with it, before anybody relies on it [1.5].

Pure. A certificate counts by its SHA-256 thumbprint (RFC 8705, 3.1), never by the names in it, so that whoever else may
sign for a name gains nothing. A certificate authority's is refused: what it signs next is not ours to know.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from strongroom.errors import Malformed

LARGEST_BYTES: Final = 16 * 1024
_T = TypeVar("_T", bound=x509.ExtensionType)
_BEGIN: Final = "-----BEGIN "
_LEAST_RSA_BITS: Final = 2048
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_WEAK_HASHES: Final = frozenset({"md5", "sha1", "sha224"})


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """One certificate that may stand for an app or a node."""

    pem: str
    thumbprint: bytes
    """SHA-256 of its DER."""
    key: bytes
    """SHA-256 of its public key: another certificate of the same key has the same."""
    not_after: datetime


def parse_client_certificate(pem: str, now: datetime) -> ClientCertificate:
    """Return what a PEM text holds, if it is one certificate that is fit for a client.

    Raises:
        Malformed: names every fault, and repeats nothing of the text.

    """
    if len(pem) > LARGEST_BYTES or "PRIVATE KEY" in pem:
        raise Malformed(
            "the file is too large or holds a private key",
            hint="give the certificate alone: its key never leaves the client",
        )
    if pem.count(_BEGIN) != 1:
        raise Malformed("the file does not hold exactly one certificate in PEM")
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        faults = _faults(found, now)
        public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise Malformed("the file does not hold a certificate that can be read") from None
    if faults:
        raise Malformed(
            "the certificate is not fit for a client: " + "; ".join(faults),
            hint="docs/machines.md shows how to make one",
        )
    return ClientCertificate(
        # Written anew: text around the certificate, such as names, is not kept.
        found.public_bytes(Encoding.PEM).decode(),
        thumbprint(found.public_bytes(Encoding.DER)),
        sha256(public).digest(),
        found.not_valid_after_utc,
    )


def thumbprint(der: bytes) -> bytes:
    """Return the SHA-256 of a certificate's DER."""
    return sha256(der).digest()


def confirmation(thumbprint: bytes) -> str:
    """Return a thumbprint as a bound token carries it: `x5t#S256` of RFC 8705, 3.1."""
    return base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()


def key_of(pem: str) -> bytes:
    """Return the SHA-256 of the public key in a PEM that was parsed before."""
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def thumbprint_of(pem: str) -> bytes:
    """Return the thumbprint of a PEM that was parsed before; nothing of one that can't be read."""
    try:
        return thumbprint(x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER))
    except ValueError:
        return b""


def _faults(found: x509.Certificate, now: datetime) -> list[str]:
    faults = []
    if not _is_strong(found):
        faults.append("its key is weaker than P-256 or RSA with 2048 bits")
    weak = found.signature_hash_algorithm
    if weak is not None and weak.name in _WEAK_HASHES:
        faults.append("it is signed with a broken hash")
    if found.not_valid_before_utc > now:
        faults.append("it is not valid yet")
    if found.not_valid_after_utc <= now:
        faults.append("it has expired")
    constraints = _extension(found, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        faults.append("it is a certificate authority's")
    usage = _extension(found, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        faults.append("its key usage leaves out digital signatures")
    purposes = _extension(found, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        faults.append("its extended key usage leaves out client authentication")
    return faults


def _is_strong(found: x509.Certificate) -> bool:
    key = found.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _LEAST_RSA_BITS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name in _CURVES
    return isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)


def _extension(found: x509.Certificate, kind: type[_T]) -> _T | None:
    try:
        return found.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
