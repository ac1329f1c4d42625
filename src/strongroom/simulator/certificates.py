"""A throwaway CA and the server certificates it signs, good ones and deliberately bad ones.

Keys are made afresh for each simulator and never leave its directory.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.simulator.config import CertificateKind

# Fixed dates: clients check against the machine's clock, whatever clock the simulator has.
_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
_BEFORE_THAT: Final = datetime(2021, 1, 1, tzinfo=UTC)
_FAR_AWAY: Final = datetime(2049, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make_context(directory: Path, kind: CertificateKind) -> tuple[ssl.SSLContext, Path]:
    """Return the server's TLS context and the CA file clients are told to trust."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    trusted = _make_authority("Simulator CA")
    signer = _make_authority("Another CA") if kind == "other_ca" else trusted
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _make_leaf(key, None if kind == "self_signed" else signer, kind)
    ca_path = directory / "simulator-ca.pem"
    chain_path = directory / "simulator-server.pem"
    ca_path.write_bytes(trusted.certificate.public_bytes(serialization.Encoding.PEM))
    chain_path.touch(mode=0o600)
    chain_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain_path)
    return context, ca_path


def _make_authority(name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(subject, subject, key.public_key(), _FAR_AWAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Authority(key, certificate)


def _make_leaf(
    key: ec.EllipticCurvePrivateKey, signer: _Authority | None, kind: CertificateKind
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    issuer = subject if signer is None else signer.certificate.subject
    signing_key = key if signer is None else signer.key
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    if kind == "wrong_host":
        names = [x509.DNSName("elsewhere.example")]
    ends = _BEFORE_THAT if kind == "expired" else _FAR_AWAY
    public = key.public_key()
    return (
        _builder(subject, issuer, public, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
        .sign(signing_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_LONG_AGO)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
