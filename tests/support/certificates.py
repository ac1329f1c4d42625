"""Client certificates as somebody makes them with a tool of theirs: good ones, and every way to be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Before the tests' own clocks, and before the machine's."""


@dataclass(frozen=True)
class Made:
    """A certificate and its key; `files` writes both."""

    certificate: x509.Certificate
    key: Any = field(repr=False)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def key_pem(self) -> str:
        raw: bytes = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return raw.decode()

    def files(self, directory: Path) -> tuple[str, str]:
        """Write certificate and key, mode 0600, and return both paths."""
        directory.mkdir(exist_ok=True)
        paths = directory / "client.pem", directory / "client.key"
        for path, text in zip(paths, (self.pem, self.key_pem), strict=True):
            path.touch(mode=0o600)
            path.write_text(text)
        return str(paths[0]), str(paths[1])


def make(
    name: str = "erp",
    *,
    key: Any = None,
    issuer: Made | None = None,
    since: datetime = SINCE,
    until: datetime | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> Made:
    """Return a certificate of a new P-256 key, good for two years, that signed itself unless `issuer` did."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until or since + timedelta(days=730))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = issuer.key if issuer else key
    hash_ = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Made(builder.sign(signer, hash_), key)
