"""The TLS of listeners: what they speak, how they take a new certificate, whose client certificate they take."""

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.support import certificates as made_by_clients

from strongroom.app import machine_clock
from strongroom.errors import Conflict, Misconfigured
from strongroom.home import Layout, certificates, layout, write_durably
from strongroom.home.transport import Refused, Taken, Transport, server_context
from strongroom.terms import Environment

pytestmark = pytest.mark.clause("1.5")

NOW = machine_clock()
SECRET = bytes(32)


def make_home(path: Path, name: str = "0123456789abcdef") -> Layout:
    """Return a home that has certificates and nothing else."""
    home = layout(path)
    home.tls.mkdir(parents=True)
    ensure(home, name)
    return home


def ensure(home: Layout, name: str = "0123456789abcdef") -> None:
    certificates.ensure(
        home,
        SECRET,
        environment=Environment.TEST,
        home_id=name,
        hostname="box.example",
        machine_now=NOW,
    )


@pytest.fixture
def home(tmp_path: Path) -> Layout:
    return make_home(tmp_path / "home")


@pytest.fixture
def foreign(tmp_path: Path) -> Layout:
    """Another home, whose pair stands for one that an operator bought."""
    return make_home(tmp_path / "foreign", "fedcba9876543210")


def give(home: Layout, foreign: Layout, *names: str) -> None:
    """Put another home's files in place of this one's."""
    for name in names:
        write_durably(home.tls / name, (foreign.tls / name).read_bytes())


def rotate(home: Layout) -> None:
    certificates.rotate(home, SECRET, hostname="box.example", machine_now=NOW)


def write_pair(home: Layout, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """Write a certificate over this key that signed itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    write_durably(home.tls / "gateway.pem", certificate.public_bytes(serialization.Encoding.PEM))
    write_durably(home.tls / "gateway.key", key_bytes(key, serialization.NoEncryption()))


def key_bytes(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    encryption: serialization.KeySerializationEncryption,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def client(
    home: Layout, shown: made_by_clients.Made | None = None, where: Path | None = None
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(home.tls / "ca.pem"))
    if shown is not None and where is not None:
        context.load_cert_chain(*shown.files(where))
    return context


def meet(server: ssl.SSLContext, visitor: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Complete a handshake in memory and return the client's side and the server's.

    Raises:
        ssl.SSLError: one of them refuses the other.

    """
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = visitor.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = {near, far}
    for _ in range(10):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.discard(side)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            return near, far
    raise AssertionError("the handshake does not end")


def thumbprint(side: ssl.SSLObject) -> str:
    der = side.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex()


# -- what is spoken --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "cipher", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLS_AES_256_GCM_SHA384", "TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2"),
    ],
)
def test_clients_choose_among_what_is_strong(
    home: Layout, version: ssl.TLSVersion, cipher: str, spoken: str
) -> None:
    visitor = client(home)
    visitor.minimum_version = visitor.maximum_version = version
    if version is ssl.TLSVersion.TLSv1_2:
        # The order is theirs: a phone without AES in hardware asks for ChaCha20 first.
        rest = "ECDHE-ECDSA-AES256-GCM-SHA384"
        visitor.set_ciphers(f"{cipher}:{rest}")
    near, _ = meet(server_context(home), visitor)
    assert near.cipher() == (cipher, spoken, 128 if "128" in cipher else 256)


# -- certificates ----------------------------------------------------------------------------------


def test_a_rotated_certificate_is_shown_to_new_connections_and_old_ones_go_on(
    home: Layout,
) -> None:
    transport = Transport(home)
    near, far = meet(transport.plain, client(home))
    before = transport.leaf.thumbprint
    assert thumbprint(near) == before
    assert transport.refresh(NOW) is None

    rotate(home)
    taken = transport.refresh(NOW)
    assert isinstance(taken, Taken)
    assert taken.leaf.ours
    assert transport.refresh(NOW) is None
    for listener in (transport.plain, transport.mutual):
        shown, _ = meet(listener, client(home))
        assert thumbprint(shown) == taken.leaf.thumbprint != before
    far.write(b"still here")
    assert near.read(20) == b"still here"


def test_an_operators_pair_is_taken_however_slowly_it_is_copied(
    home: Layout, foreign: Layout
) -> None:
    """The moment between the two files is no fault."""
    transport = Transport(home)
    give(home, foreign, "gateway.pem")
    assert transport.refresh(NOW) is None
    assert transport.fault(NOW) is None
    give(home, foreign, "gateway.key")
    taken = transport.refresh(NOW)
    assert isinstance(taken, Taken)
    assert not taken.leaf.ours
    meet(transport.plain, client(foreign))


def break_chain(home: Layout) -> None:
    write_durably(home.tls / "gateway.pem", b"not a certificate")


def break_key(home: Layout) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    write_durably(home.tls / "gateway.key", key_bytes(other, serialization.NoEncryption()))


def lock_key(home: Layout) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    write_pair(home, key)
    locked = serialization.BestAvailableEncryption(b"secret")
    write_durably(home.tls / "gateway.key", key_bytes(key, locked))


def weaken(home: Layout) -> None:
    write_pair(home, rsa.generate_private_key(65537, 1024))  # noqa: S505 - too short is the point


def remove(home: Layout) -> None:
    (home.tls / "gateway.pem").unlink()
    (home.tls / "gateway.key").unlink()


def open_key(home: Layout) -> None:
    """As a plain `cp` leaves it: the next start would refuse the home."""
    write_pair(home, ec.generate_private_key(ec.SECP256R1()))
    (home.tls / "gateway.key").chmod(0o644)


def open_chain(home: Layout) -> None:
    write_pair(home, ec.generate_private_key(ec.SECP256R1()))
    (home.tls / "gateway.pem").chmod(0o644)


@pytest.mark.parametrize(
    "spoil", [break_chain, break_key, lock_key, weaken, remove, open_key, open_chain]
)
def test_a_pair_that_cannot_be_used_leaves_the_old_one_in_place_and_is_told_once(
    home: Layout, spoil: Callable[[Layout], None]
) -> None:
    transport = Transport(home)
    before = transport.leaf
    spoil(home)
    assert transport.refresh(NOW) is None
    assert isinstance(transport.refresh(NOW), Refused)
    assert transport.refresh(NOW) is None
    assert transport.fault(NOW) is not None
    assert transport.leaf == before
    near, _ = meet(transport.plain, client(home))
    assert thumbprint(near) == before.thumbprint

    for name in ("gateway.pem", "gateway.key"):
        (home.tls / name).unlink(missing_ok=True)
    ensure(home)
    assert isinstance(transport.refresh(NOW), Taken)
    assert transport.fault(NOW) is None


@pytest.mark.parametrize("later", [-timedelta(days=2), certificates.LEAF_LIFETIME])
def test_a_certificate_that_is_over_or_not_begun_is_not_taken(
    home: Layout, foreign: Layout, later: timedelta
) -> None:
    transport = Transport(home)
    give(home, foreign, "gateway.pem", "gateway.key")
    assert transport.refresh(NOW + later) is None
    assert isinstance(transport.refresh(NOW + later), Refused)
    assert transport.leaf.ours


def test_a_certificate_that_ends_while_it_is_shown_is_a_fault(home: Layout) -> None:
    transport = Transport(home)
    assert transport.fault(NOW + certificates.LEAF_LIFETIME - timedelta(seconds=1)) is None
    assert transport.fault(NOW + certificates.LEAF_LIFETIME) == "the certificate has ended"


def test_rotating_leaves_an_operators_own_pair_alone(home: Layout, foreign: Layout) -> None:
    give(home, foreign, "gateway.pem", "gateway.key")
    before = (home.tls / "gateway.pem").read_bytes()
    with pytest.raises(Conflict):
        rotate(home)
    assert (home.tls / "gateway.pem").read_bytes() == before


def test_a_certificate_lives_no_longer_than_mozilla_recommends(home: Layout) -> None:
    leaf = certificates.leaf_of(home)
    assert leaf.not_after - NOW <= timedelta(days=90)
    assert leaf.names == ("localhost", "box.example", "127.0.0.1", "::1")
    assert (leaf.key, leaf.ours) == ("secp256r1", True)


# -- client certificates ---------------------------------------------------------------------------


def test_a_registered_certificate_is_told_and_a_client_without_one_gets_on(
    home: Layout, tmp_path: Path
) -> None:
    erp = made_by_clients.make()
    transport = Transport(home, lambda: [erp.pem])
    near, far = meet(transport.mutual, client(home, erp, tmp_path / "erp"))
    assert far.getpeercert(binary_form=True) == erp.der
    del near
    _, far = meet(transport.mutual, client(home))
    assert far.getpeercert(binary_form=True) is None


def test_only_the_listener_that_takes_certificates_asks_for_them(
    home: Layout, tmp_path: Path
) -> None:
    erp = made_by_clients.make()
    transport = Transport(home, lambda: [erp.pem])
    _, far = meet(transport.plain, client(home, erp, tmp_path / "erp"))
    assert far.getpeercert(binary_form=True) is None


def test_a_certificate_made_by_oneself_in_the_same_name_is_refused(
    home: Layout, tmp_path: Path
) -> None:
    erp, forged = made_by_clients.make("erp"), made_by_clients.make("erp")
    transport = Transport(home, lambda: [erp.pem])
    with pytest.raises(ssl.SSLError, match=r"(?i)verify|unknown"):
        meet(transport.mutual, client(home, forged, tmp_path / "forged"))


def test_a_registered_leaf_signs_for_nobody(home: Layout, tmp_path: Path) -> None:
    """It is an anchor of the handshake, and still no certificate authority."""
    erp = made_by_clients.make("erp")
    signed = made_by_clients.make("other", issuer=erp)
    transport = Transport(home, lambda: [erp.pem])
    with pytest.raises(ssl.SSLError, match=r"(?i)verify|unknown"):
        meet(transport.mutual, client(home, signed, tmp_path / "signed"))


def test_a_certificate_counts_from_its_registration_to_its_end(
    home: Layout, tmp_path: Path
) -> None:
    """No anchor of an earlier set is left behind in the next one."""
    erp, shop = made_by_clients.make("erp"), made_by_clients.make("shop")
    registered: list[str] = []
    transport = Transport(home, lambda: registered)
    visitor = client(home, erp, tmp_path / "erp")
    _, far = meet(transport.mutual, visitor)
    assert far.getpeercert(binary_form=True) is None
    registered[:] = [erp.pem]
    assert transport.refresh(NOW) is None
    _, far = meet(transport.mutual, visitor)
    assert far.getpeercert(binary_form=True) == erp.der
    registered[:] = [shop.pem]
    assert transport.refresh(NOW) is None
    with pytest.raises(ssl.SSLError, match=r"(?i)verify|unknown"):
        meet(transport.mutual, visitor)


def test_what_is_no_certificate_stops_the_start(home: Layout) -> None:
    with pytest.raises(Misconfigured, match="registered client certificate"):
        server_context(home, ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])


def test_nothing_is_read_again_while_nothing_changes(home: Layout) -> None:
    """A look every two seconds costs two calls of stat."""
    transport = Transport(home)
    plain = transport.plain._current
    rotate(home)
    assert transport.refresh(NOW) is not None
    assert transport.plain._current is not plain
    plain = transport.plain._current
    assert transport.refresh(NOW) is None
    assert transport.plain._current is plain
