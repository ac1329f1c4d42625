"""Makes the home's own CA and the certificates of its listeners [1.5].

The CA may sign for a fixed set of names only (critical name constraints, RFC 5280 section 4.2.1.10):
this machine, and the Amazon hosts that clients with a hard-coded host are redirected for. Its private
key is computed from a key of the keystore and never stored; a leaf's key lies in `tls/`, mode 0600.
Two leaves: one for this machine's names, which an operator may replace, and one for Amazon's hosts.
Dates follow the machine's clock, because clients check them against theirs. ADR 0042, 0168.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.errors import Conflict, Misconfigured
from strongroom.home.layout import Layout, write_durably
from strongroom.terms import Environment

AMAZON_HOSTS: Final = (
    "sellingpartnerapi-na.amazon.com",
    "sellingpartnerapi-eu.amazon.com",
    "sellingpartnerapi-fe.amazon.com",
    "sandbox.sellingpartnerapi-na.amazon.com",
    "sandbox.sellingpartnerapi-eu.amazon.com",
    "sandbox.sellingpartnerapi-fe.amazon.com",
    "api.amazon.com",
    "api.amazon.co.uk",
    "api.amazon.co.jp",
)
"""Amazon's SP-API and LWA hosts; a CA that may sign for all of amazon.com would be worth stealing."""

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
LEAF_LIFETIME: Final = timedelta(days=90)
"""Mozilla's recommendation: it is renewed without a stop, so nobody has to choose a longer one."""

LONGEST_LEAF_LIFETIME: Final = timedelta(days=366)
"""What Mozilla's intermediate profile allows; an operator's own that lives longer is warned of."""

RENEW_BEFORE: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(hours=1)

_LOOPBACKS: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_ADDRESSES: Final = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_DNS_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files in `tls/`."""

    authority: Path
    bundle: Path
    chain: Path
    key: Path
    amazon_chain: Path
    """For clients that ask for a host of Amazon's: through the proxy, or because a resolver leads them here."""
    amazon_key: Path


@dataclass(frozen=True, slots=True)
class Leaf:
    """The certificate that a listener shows, as its file says."""

    thumbprint: str
    """SHA-256 of its DER, in hexadecimal."""
    issuer: str
    names: tuple[str, ...]
    key: str
    """Its kind, such as `secp256r1` or `RSA-3072`."""
    not_before: datetime
    not_after: datetime
    ours: bool
    """Whether the CA in `tls/` signed it; otherwise an operator put it there."""


def certificates(home: Layout) -> Certificates:
    """Return where the home's certificates are."""
    tls = home.tls
    return Certificates(
        tls / "ca.pem",
        tls / "ca-bundle.pem",
        tls / "gateway.pem",
        tls / "gateway.key",
        tls / "amazon.pem",
        tls / "amazon.key",
    )


def ensure(
    home: Layout,
    secret: bytes,
    *,
    environment: Environment,
    home_id: str,
    hostname: str,
    machine_now: datetime,
) -> bool:
    """Make what is missing in `tls/` and renew a leaf of ours that nears its end; True when it did.

    A chain or CA that an operator put in place of ours is left alone.
    """
    paths = certificates(home)
    key = _authority_key(secret)
    made = False
    if not paths.authority.exists():
        authority = _make_authority(key, environment, home_id, _dns_name(hostname), machine_now)
        write_durably(paths.authority, _pem(authority))
        made = True
    authority = _read_certificate(paths.authority)
    wanted_bundle = Path(certifi.where()).read_bytes() + b"\n" + _pem(authority)
    if not paths.bundle.exists() or paths.bundle.read_bytes() != wanted_bundle:
        write_durably(paths.bundle, wanted_bundle)
    if authority.public_key() != key.public_key():
        return made  # the operator's own
    for pair in _pairs(paths, authority, hostname):
        if not _usable(pair, authority, machine_now):
            _issue(pair, key, authority, machine_now)
            made = True
    return made


def rotate(home: Layout, secret: bytes, *, hostname: str, machine_now: datetime) -> None:
    """Give the listeners new keys and new certificates of the home's CA now; durable on return.

    Raises:
        Conflict: certificate or CA are the operator's own.
        Misconfigured: the CA's file is no certificate.

    """
    paths = certificates(home)
    key = _authority_key(secret)
    authority = _read_certificate(paths.authority)
    if authority.public_key() != key.public_key() or _is_foreign(paths.chain, authority):
        raise Conflict(
            "the listeners' certificate is not of the home's own CA",
            hint=f"replace {paths.chain} and {paths.key}: listeners notice it by themselves",
        )
    for pair in _pairs(paths, authority, hostname):
        _issue(pair, key, authority, machine_now)


def amazon_hosts(home: Layout) -> frozenset[str]:
    """Return the hosts of Amazon's that we have a certificate for; none where the CA is the operator's own."""
    paths = certificates(home)
    if not paths.amazon_chain.exists() or not paths.amazon_key.exists():
        return frozenset()
    return frozenset(_names(_read_certificate(paths.amazon_chain))) & frozenset(AMAZON_HOSTS)


def leaf_of(home: Layout) -> Leaf:
    """Return the certificate that lies in `tls/` for the listeners. Raises: Misconfigured."""
    paths = certificates(home)
    found = _read_certificate(paths.chain)
    return Leaf(
        found.fingerprint(hashes.SHA256()).hex(),
        found.issuer.rfc4514_string(),
        _names(found),
        _key_name(found),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        ours=found.issuer == _read_certificate(paths.authority).subject,
    )


def expires_at(path: Path) -> datetime:
    """Return when the first certificate in a file ends. Raises: Misconfigured."""
    return _read_certificate(path).not_valid_after_utc


@dataclass(frozen=True, slots=True)
class _Pair:
    """A leaf of ours with its key: where both are, and the names it is for, the first of them in its subject."""

    chain: Path
    key: Path
    names: tuple[str, ...]
    addresses: tuple[IPAddress, ...] = ()


def _pairs(paths: Certificates, authority: x509.Certificate, hostname: str) -> list[_Pair]:
    """Return the leaves that a home has, each with the names that its CA may sign for.

    A machine that was renamed since `init`, and hosts that a later version knows, are not among them.
    """
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    allowed = {
        name.value for name in permitted.permitted_subtrees or () if isinstance(name, x509.DNSName)
    }
    own = [name for name in dict.fromkeys(("localhost", _dns_name(hostname))) if name in allowed]
    pairs = [_Pair(paths.chain, paths.key, tuple(own), _ADDRESSES)]
    amazons = tuple(name for name in AMAZON_HOSTS if name in allowed)
    if amazons:
        pairs.append(_Pair(paths.amazon_chain, paths.amazon_key, amazons))
    return pairs


def _usable(pair: _Pair, authority: x509.Certificate, machine_now: datetime) -> bool:
    """Return whether a leaf is ours with its key and not near its end, or is not ours at all."""
    if not pair.chain.exists() or not pair.key.exists():
        return False
    if _is_foreign(pair.chain, authority):
        return True
    leaf = _read_certificate(pair.chain)
    try:
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    except ValueError:
        return False
    return (
        leaf.public_key() == key.public_key()
        and leaf.not_valid_after_utc - machine_now > RENEW_BEFORE
        and leaf.not_valid_before_utc <= machine_now
    )


def _is_foreign(chain: Path, authority: x509.Certificate) -> bool:
    """Return whether an operator put a certificate of another issuer in place of ours."""
    return chain.exists() and _read_certificate(chain).issuer != authority.subject


def _issue(
    pair: _Pair, key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, now: datetime
) -> None:
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = _make_leaf(leaf_key, key, authority, pair, now)
    # The key first: a crash between the two leaves a pair that does not match, and is made again.
    write_durably(pair.key, _private_pem(leaf_key))
    write_durably(pair.chain, _pem(leaf) + _pem(authority))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(str(name.value) for name in names)
    except (x509.ExtensionNotFound, ValueError):
        return ()


def _dns_name(hostname: str) -> str:
    """Return a machine's name as a certificate can hold it."""
    name = hostname.lower()
    return name if _DNS_NAME.fullmatch(name) else "localhost"


def _authority_key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the CA's key: 48 bytes reduced into the group's order (FIPS 186-5, A.2.1)."""
    wide = HKDFExpand(hashes.SHA256(), 48, b"strongroom/ca/p-256/v1").derive(secret)
    return ec.derive_private_key(int.from_bytes(wide) % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def _make_authority(
    key: ec.EllipticCurvePrivateKey,
    environment: Environment,
    home_id: str,
    hostname: str,
    now: datetime,
) -> x509.Certificate:
    subject = _subject(environment, f"Strongroom {environment} CA {home_id}")
    names = [x509.DNSName(name) for name in dict.fromkeys(("localhost", hostname, *AMAZON_HOSTS))]
    networks = [x509.IPAddress(network) for network in _LOOPBACKS]
    return (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([*names, *networks], None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _make_leaf(
    leaf_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    pair: _Pair,
    now: datetime,
) -> x509.Certificate:
    (unit,) = authority.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in pair.names]
    names += [x509.IPAddress(address) for address in pair.addresses]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    subject = _subject(Environment(str(unit.value)), pair.names[0])
    ends = min(LEAF_LIFETIME, authority.not_valid_after_utc - now)
    return (
        _builder(subject, authority.subject, leaf_key.public_key(), now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(key, hashes.SHA256())
    )


def _subject(environment: Environment, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Strongroom"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, environment.value),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
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


def _key_name(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    return type(key).__name__.removesuffix("PublicKey")


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise Misconfigured(f"{path} is not a PEM certificate") from None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
