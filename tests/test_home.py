"""A home: made whole or finished later, open to its owner and its own keys alone."""

import json
import os
import shutil
import sqlite3
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom import opening
from strongroom.app import System
from strongroom.errors import Conflict, Denied, Malformed, Misconfigured, Tampered
from strongroom.home import Layout, certificates, layout, too_open, write_durably
from strongroom.home.certificates import AMAZON_HOSTS
from strongroom.home.transport import gateway_context, server_context
from strongroom.terms import Environment

PASSPHRASE = "correct horse battery staple"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def make(
    path: Path,
    environment: Environment = Environment.TEST,
    passphrase: str = PASSPHRASE,
    *,
    one_person: bool = False,
) -> Layout:
    opening.initialize(
        path,
        environment=environment,
        passphrase=passphrase,
        passphrase_file=None,
        one_person=one_person,
        environ={},
    )
    return layout(path)


def open_(home: Layout, passphrase: str = PASSPHRASE, **options: object) -> System:
    return opening.open_system(home.root, passphrase=passphrase, environ={}, **options)  # type: ignore[arg-type]


def events(home: Layout) -> list[str]:
    system = open_(home)
    try:
        return [entry.type for entry in system.audit.tail(100)]
    finally:
        system.close()


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was made and never opened; tests copy it."""
    return make(tmp_path_factory.mktemp("homes") / "pristine").root


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Layout:
    return layout(Path(shutil.copytree(pristine, tmp_path / "home")))


# -- making ----------------------------------------------------------------------------------------


@pytest.mark.clause("2.4")
def test_a_new_home_is_for_its_owner_alone(home: Layout) -> None:
    system = open_(home)  # with the write-ahead logs there
    try:
        modes = {
            path.relative_to(home.root).as_posix(): stat.S_IMODE(path.lstat().st_mode)
            for path in [home.root, *home.root.rglob("*")]
        }
    finally:
        system.close()
    assert modes.pop("vault.db-wal") == 0o600
    assert {modes[name] for name in (".", "tls", "log", "archive", "backups")} == {0o700}
    assert {mode for name, mode in modes.items() if (home.root / name).is_file()} == {0o600}


def test_making_a_home_is_its_first_event(home: Layout) -> None:
    assert events(home) == [
        "home.initialized",
        "signon.link.issued",
        "key.master.opened",
        "home.opened",
    ]


def test_a_home_is_not_made_over_another(home: Layout) -> None:
    with pytest.raises(Conflict, match="is a home already"):
        make(home.root)


def test_a_home_is_not_made_over_other_files(tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    (tmp_path / "h/thesis.tex").write_text("precious")
    with pytest.raises(Conflict, match="not empty"):
        make(tmp_path / "h")
    assert (tmp_path / "h/thesis.tex").read_text() == "precious"


@pytest.mark.parametrize(
    "lost",
    [
        (),
        ("tls",),
        ("keys.db", "vault.db", "tls", "log"),
    ],
)
def test_an_interrupted_init_does_not_open_and_is_finished_by_the_next(
    home: Layout, lost: tuple[str, ...]
) -> None:
    written = home.settings.read_text()
    home_id = next(line.split('"')[1] for line in written.splitlines() if "home_id" in line)
    request = {
        "environment": "test",
        "home_id": home_id,
        "one_person": False,
        "passphrase_file": None,
        "root_made": True,
    }
    write_durably(home.unfinished, json.dumps(request).encode())
    home.settings.unlink()
    for name in lost:
        path = home.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(Misconfigured, match="not finished"):
        open_(home)
    with pytest.raises(Conflict, match="environment test"):
        make(home.root, Environment.PRODUCTION)
    make(home.root)
    assert home.settings.read_text() == written
    assert not home.unfinished.exists()
    assert events(home)[0] == "home.initialized"
    assert events(home).count("home.initialized") == 1


_DIES = """
import os, sys
from pathlib import Path
from strongroom import opening
from strongroom.terms import Environment
home, left = sys.argv[1], int(sys.argv[2])
def hook(event, arguments):
    global left
    watched = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "sqlite3.connect"}
    if event in watched and home in str(arguments[0]):
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(hook)
opening.initialize(
    Path(home), environment=Environment.TEST, passphrase=sys.argv[3], passphrase_file=None,
    one_person=False, environ={},
)
"""


@pytest.mark.parametrize("steps", [1, 9, 17, 21, 29, 42])
def test_a_killed_init_is_finished_by_the_next(tmp_path: Path, steps: int) -> None:
    """It dies before one of its accesses to the home's files."""
    path = tmp_path / "home"
    command = [sys.executable, "-c", _DIES, str(path), str(steps), PASSPHRASE]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    home = layout(path)
    with pytest.raises(Misconfigured, match=r"not finished|not a home"):
        open_(home)
    make(path)
    assert events(home)[0] == "home.initialized"
    assert events(home).count("home.initialized") == 1
    assert not home.unfinished.exists()


@pytest.mark.parametrize("half", [b"", b"half a root key"])
def test_an_init_that_died_writing_the_root_key_makes_another(tmp_path: Path, half: bytes) -> None:
    home = layout(tmp_path / "h")
    home.root.mkdir(mode=0o700)
    write_durably(
        home.unfinished,
        b'{"environment":"test","home_id":"0123456789abcdef","one_person":false,'
        b'"passphrase_file":null,"root_made":false}',
    )
    write_durably(home.root / "root.key", half)
    make(home.root)
    assert events(home)[0] == "home.initialized"


def test_a_damaged_marker_is_named(tmp_path: Path) -> None:
    home = layout(tmp_path / "h")
    home.root.mkdir(mode=0o700)
    write_durably(home.unfinished, b"[]")
    with pytest.raises(Misconfigured, match=r"init\.unfinished is damaged"):
        make(home.root)


@pytest.mark.clause("1.4")
def test_a_production_passphrase_has_twelve_characters(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="12 characters"):
        make(tmp_path / "h", Environment.PRODUCTION, "short")
    make(tmp_path / "h", Environment.PRODUCTION)


# -- opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [".", "vault.db", "keys.db", "root.key", "strongroom.toml", "tls", "tls/gateway.key"]
)
def test_what_others_may_touch_stops_the_start(home: Layout, name: str) -> None:
    path = home.root / name
    path.chmod(path.stat().st_mode | 0o040)
    with pytest.raises(Misconfigured, match="open to others") as caught:
        open_(home)
    assert str(path) in str(caught.value)
    assert "chmod" in (caught.value.hint or "")
    assert [fault.path for fault in too_open(home)] == [path]


@pytest.mark.clause("2.6")
def test_a_wrong_passphrase_is_refused_and_told_to_the_log_later(home: Layout) -> None:
    for _ in range(2):
        with pytest.raises(Misconfigured, match="passphrase"):
            open_(home, "wrong")
    system = open_(home)
    (entry,) = [e for e in system.audit.tail(10) if e.type == "config.refused"]
    system.close()
    assert (entry.outcome, entry.body["n"]) == ("failure", 2)
    assert events(home).count("config.refused") == 1


@pytest.mark.clause("2.5")
def test_a_home_of_one_environment_never_opens_as_the_other(home: Layout) -> None:
    text = home.settings.read_text().replace('"test"', '"production"')
    home.settings.write_text(text)
    with pytest.raises(Misconfigured, match="made for test"):
        open_(home)


@pytest.mark.parametrize("name", ["keys.db", "vault.db", "root.key"])
def test_a_missing_file_is_named_and_not_made_anew(home: Layout, name: str) -> None:
    (home.root / name).unlink()
    with pytest.raises(Misconfigured, match=name):
        open_(home)
    assert not (home.root / name).exists()


def test_the_keystore_of_another_home_is_refused(home: Layout, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    shutil.copy(other.keys_database, home.keys_database)
    with pytest.raises(Misconfigured, match="does not open this keystore"):
        open_(home)


@pytest.mark.clause("2.4")
def test_keys_and_records_are_never_one_database(home: Layout) -> None:
    url = f"sqlite:///{home.vault_database}"
    with pytest.raises(Misconfigured, match="one database"):
        opening.open_system(
            home.root, passphrase=PASSPHRASE, environ={"STRONGROOM_KEYSTORE__URL": url}
        )


def test_one_process_has_a_home_open(home: Layout) -> None:
    system = open_(home)
    with pytest.raises(Conflict, match=f"in use by process {os.getpid()}"):
        open_(home)
    system.close()
    open_(home).close()


def test_a_home_that_did_not_open_is_not_left_locked(home: Layout) -> None:
    with pytest.raises(Misconfigured):
        open_(home, "wrong")
    open_(home).close()


@pytest.mark.clause("2.6")
def test_a_log_set_back_to_an_earlier_state_opens_for_verification_only(home: Layout) -> None:
    earlier = home.vault_database.read_bytes()
    open_(home).close()
    home.vault_database.write_bytes(earlier)
    with pytest.raises(Tampered):
        open_(home)
    system = open_(home, tolerant=True)
    assert system.audit.verify().faults
    system.close()
    with sqlite3.connect(home.vault_database) as raw:
        (count,) = raw.execute("SELECT count(*) FROM audit_event").fetchone()
    raw.close()
    assert count == 2  # what `init` recorded


def test_the_clock_is_chosen_in_homes_for_tests_only(tmp_path: Path, home: Layout) -> None:
    system = open_(home, starts_at=NOW)
    assert timedelta(0) <= system.clock() - NOW < timedelta(seconds=30)
    assert system.at(NOW) == NOW
    system.close()
    production = make(tmp_path / "production", Environment.PRODUCTION)
    with pytest.raises(Denied):
        open_(production, starts_at=NOW)
    system = open_(production)
    with pytest.raises(Denied):
        system.at(NOW)
    assert abs(system.at(None) - datetime.now(UTC)) < timedelta(seconds=30)  # noqa: TID251 - compared
    system.close()


@pytest.mark.clause("2.5")
def test_the_passphrase_comes_from_the_setting_or_from_systemd(
    home: Layout, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match="no passphrase"):
        opening.open_system(home.root, environ={})
    (tmp_path / "strongroom-passphrase").write_text(PASSPHRASE + "\n")
    opening.open_system(home.root, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}).close()
    variable = {
        "STRONGROOM_KEYSTORE__PASSPHRASE_FILE": str(tmp_path / "strongroom-passphrase"),
        "CREDENTIALS_DIRECTORY": "/nonexistent",
    }
    opening.open_system(home.root, environ=variable).close()


def test_nothing_printed_of_an_open_home_is_a_key(home: Layout) -> None:
    system = open_(home)
    shown = repr(system)
    system.close()
    assert system.api_key.hex() not in shown
    assert repr(system.api_key) not in shown


# -- certificates ----------------------------------------------------------------------------------


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Complete a TLS handshake in memory. Raises: ssl.SSLError."""
    bios = [ssl.MemoryBIO() for _ in range(4)]
    near = client.wrap_bio(bios[0], bios[1], server_hostname=name)
    far = server.wrap_bio(bios[2], bios[3], server_side=True)
    for _ in range(10):
        waiting = 0
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
            bios[2].write(bios[1].read())
            bios[0].write(bios[3].read())
        if not waiting:
            return
    raise AssertionError("the handshake does not end")


@pytest.mark.clause("1.5")
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("file", ["ca.pem", "ca-bundle.pem"])
def test_clients_that_trust_the_home_reach_its_listener(home: Layout, name: str, file: str) -> None:
    client = ssl.create_default_context(cafile=str(home.tls / file))
    _handshake(server_context(home), client, name)


@pytest.mark.clause("1.5")
def test_old_tls_and_other_names_are_refused(home: Layout) -> None:
    server = server_context(home)
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2
    client = ssl.create_default_context(cafile=str(home.tls / "ca.pem"))
    with pytest.raises(ssl.SSLError):
        _handshake(server, client, "example.com")


@pytest.mark.clause("1.1", "1.5")
def test_the_gateway_alone_stands_for_amazons_hosts_and_by_name_alone(home: Layout) -> None:
    """Its clients are led to it by a proxy or a resolver; the desk is never somebody's Amazon."""
    client = ssl.create_default_context(cafile=str(home.tls / "ca.pem"))
    gateway = gateway_context(home)
    for name in (*AMAZON_HOSTS, AMAZON_HOSTS[0].upper(), "localhost", "127.0.0.1"):
        _handshake(gateway, client, name)
    for server, name in (
        (server_context(home), AMAZON_HOSTS[0]),
        (gateway, "www.amazon.com"),
        (gateway, "example.com"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            _handshake(server, client, name)
    assert certificates.amazon_hosts(home) == frozenset(AMAZON_HOSTS)


@pytest.mark.clause("1.5")
def test_a_ca_that_knows_fewer_hosts_has_a_leaf_for_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home of an earlier version: its CA stays, and so does what its clients trust."""
    home = layout(tmp_path)
    home.tls.mkdir()
    with monkeypatch.context() as earlier:
        earlier.setattr(certificates, "AMAZON_HOSTS", AMAZON_HOSTS[:7])
        _ensure(home, bytes(32), NOW)
    for name in ("amazon.pem", "amazon.key"):
        (home.tls / name).unlink()
    authority = (home.tls / "ca.pem").read_bytes()
    assert certificates.amazon_hosts(home) == frozenset()
    assert _ensure(home, bytes(32), NOW)
    assert (home.tls / "ca.pem").read_bytes() == authority
    assert certificates.amazon_hosts(home) == frozenset(AMAZON_HOSTS[:7])
    assert not _ensure(home, bytes(32), NOW)


def _forged(home: Layout, name: str, key: ec.EllipticCurvePrivateKey, where: Path) -> Path:
    """Write a leaf for any name, signed with the home's CA key."""
    authority = x509.load_pem_x509_certificate((home.tls / "ca.pem").read_bytes())
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    try:
        subject_name: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        subject_name = x509.DNSName(name)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(authority.subject)
        .public_key(leaf_key.public_key())
        .serial_number(1)
        .not_valid_before(authority.not_valid_before_utc)
        .not_valid_after(authority.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([subject_name]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = where / "forged.pem"
    path.write_bytes(certificates._private_pem(leaf_key) + certificates._pem(leaf))
    return path


@pytest.mark.clause("1.5")
@pytest.mark.parametrize(
    ("name", "accepted"),
    [(name, True) for name in (*AMAZON_HOSTS, "127.0.0.2", "localhost")]
    + [
        (name, False)
        for name in ("www.amazon.com", "amazon.com", "bank.example", "10.0.0.1", "fe80::1")
    ],
)
def test_the_ca_can_sign_for_a_fixed_set_of_names_only(
    home: Layout, tmp_path: Path, name: str, *, accepted: bool
) -> None:
    """Even whoever had its key could not stand in for another site."""
    system = open_(home)
    key = certificates._authority_key(system.keystore.secret("ca", NOW))
    system.close()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(_forged(home, name, key, tmp_path))
    client = ssl.create_default_context(cafile=str(home.tls / "ca.pem"))
    if accepted:
        _handshake(server, client, name)
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"(permitted|excluded) subtree"):
            _handshake(server, client, name)


def test_the_ca_names_environment_and_home_and_its_constraints_are_critical(home: Layout) -> None:
    authority = x509.load_pem_x509_certificate((home.tls / "ca.pem").read_bytes())
    (unit,) = authority.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    assert unit.value == "test"
    assert authority.extensions.get_extension_for_class(x509.NameConstraints).critical
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.value.ca, basic.value.path_length) == (True, 0)


@pytest.mark.clause("2.4")
def test_the_cas_private_key_is_in_no_file(home: Layout) -> None:
    holders = [p.name for p in home.root.rglob("*") if p.is_file() and b"PRIVATE" in p.read_bytes()]
    assert sorted(holders) == ["amazon.key", "gateway.key"]
    system = open_(home)
    key = certificates._authority_key(system.keystore.secret("ca", NOW))
    system.close()
    number = key.private_numbers().private_value.to_bytes(32)
    assert not any(number in p.read_bytes() for p in home.root.rglob("*") if p.is_file())


def _ensure(home: Layout, secret: bytes, now: datetime) -> bool:
    return certificates.ensure(
        home,
        secret,
        environment=Environment.TEST,
        home_id="0123456789abcdef",
        hostname="box.example",
        machine_now=now,
    )


def test_a_leaf_is_renewed_before_its_end_and_the_ca_stays(tmp_path: Path) -> None:
    home = layout(tmp_path)
    home.tls.mkdir()
    paths = certificates.certificates(home)
    assert _ensure(home, bytes(32), NOW)
    authority, chain = paths.authority.read_bytes(), paths.chain.read_bytes()
    assert not _ensure(home, bytes(32), NOW + timedelta(days=59))
    assert paths.chain.read_bytes() == chain
    later = NOW + timedelta(days=61)
    assert _ensure(home, bytes(32), later)
    assert paths.authority.read_bytes() == authority
    assert certificates.expires_at(paths.chain) == later + certificates.LEAF_LIFETIME
    leaf = x509.load_pem_x509_certificate(paths.chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "box.example"]


def test_a_key_that_is_not_the_leafs_is_made_again(tmp_path: Path) -> None:
    home = layout(tmp_path)
    home.tls.mkdir()
    _ensure(home, bytes(32), NOW)
    other = ec.generate_private_key(ec.SECP256R1())
    write_durably(certificates.certificates(home).key, certificates._private_pem(other))
    assert _ensure(home, bytes(32), NOW)
    server_context(home)


def test_an_operators_own_certificate_is_left_alone(home: Layout, tmp_path: Path) -> None:
    foreign = layout(tmp_path / "foreign")
    foreign.tls.mkdir(parents=True)
    _ensure(foreign, b"\1" * 32, NOW)
    for name in ("gateway.pem", "gateway.key"):
        write_durably(home.tls / name, (foreign.tls / name).read_bytes())
    before = (home.tls / "gateway.pem").read_bytes()
    open_(home).close()
    assert (home.tls / "gateway.pem").read_bytes() == before
    assert certificates.amazon_hosts(home) == frozenset(AMAZON_HOSTS)


def test_a_certificate_without_its_key_is_named(tmp_path: Path) -> None:
    home = layout(tmp_path)
    home.tls.mkdir()
    with pytest.raises(Misconfigured, match=r"gateway\.pem"):
        server_context(home)
    with pytest.raises(Misconfigured, match=r"gateway\.pem"):
        certificates.expires_at(certificates.certificates(home).chain)
