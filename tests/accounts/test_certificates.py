"""Client certificates and nodes: what may be registered, whom a certificate stands for, and when it ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.audit import Bench
from tests.support.certificates import Made, make

from strongroom.accounts import Accounts, CertificateRefused, Certificates, Nodes
from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Unauthenticated
from strongroom.terms import SYSTEM, AuthMethod, Environment, PrincipalKind

pytestmark = pytest.mark.clause("1.2", "1.5")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class House:
    """A home with two apps of one owner."""

    database: Database
    audit: AuditLog
    accounts: Accounts
    certificates: Certificates
    nodes: Nodes

    def register(self, made: Made, name: str = "erp", now: datetime = NOW) -> int:
        return self.certificates.register(name, made.pem, caller=SYSTEM, now=now).id

    def events(self) -> list[str]:
        return [entry.type for entry in self.audit.tail(100)]

    def reason(self, made: Made, now: datetime = NOW) -> str:
        with pytest.raises(CertificateRefused) as caught:
            self.certificates.check(made.der, now)
        assert self.certificates.find(made.der, now) is None
        return caught.value.reason.value


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    database = Database(database_url)
    audit = Bench(database, tmp_path / "checkpoint").start()
    key, world = bytes(32), Environment.TEST
    accounts = Accounts(database, key, audit, world)
    certificates = Certificates(database, key, accounts, world)
    nodes = Nodes(accounts, certificates, key, world)
    for name in ("erp", "labels"):
        accounts.add_app(name, "anna", caller=SYSTEM, now=NOW)
    yield House(database, audit, accounts, certificates, nodes)
    database.close()


def test_a_certificate_stands_for_the_app_it_was_registered_for(house: House) -> None:
    mine, theirs = make("same name"), make("same name")
    house.register(mine)
    house.register(theirs, "labels")
    shown = house.certificates.check(mine.der, NOW)
    assert (shown.caller.name, shown.caller.kind) == ("erp", PrincipalKind.APP)
    assert shown.caller.auth is AuthMethod.CERTIFICATE
    found = house.certificates.find(theirs.der, NOW)
    assert found is not None
    assert found.name == "labels"
    assert house.events()[-2:] == ["certificate.registered"] * 2
    assert house.reason(make("same name")) == "wrong_credential"
    assert house.reason(Made(mine.certificate, mine.key), NOW + 90 * DAY) == "expired_credential"


@pytest.mark.clause("1.4")
def test_a_certificate_works_a_quarter_and_no_longer_than_it_says_itself(house: House) -> None:
    long, short = make(), make(until=NOW + 10 * DAY)
    house.register(long)
    house.register(short)
    ends = [c.ends_at for c in house.certificates.listed("erp")]
    assert ends == [NOW + 90 * DAY, NOW + 10 * DAY]
    assert house.certificates.find(short.der, NOW + 10 * DAY - timedelta(seconds=1))
    assert house.reason(short, NOW + 10 * DAY) == "expired_credential"
    assert house.certificates.find(long.der, NOW + 90 * DAY - timedelta(seconds=1))


@pytest.mark.clause("1.4")
def test_two_certificates_work_at_once_and_the_next_needs_a_new_key(house: House) -> None:
    first, second, third = make(), make(), make()
    house.register(first)
    with pytest.raises(Conflict, match="before"):
        house.register(first, "labels")
    with pytest.raises(Conflict, match="before"):
        house.register(make("renewed", key=first.key))
    number = house.register(second)
    with pytest.raises(Conflict, match="two certificates"):
        house.register(third)
    house.certificates.revoke("erp", number, caller=SYSTEM, now=NOW)
    house.register(third)
    assert house.reason(second) == "revoked"
    assert house.events()[-2:] == ["certificate.revoked", "certificate.registered"]
    with pytest.raises(Conflict):
        house.certificates.revoke("erp", number, caller=SYSTEM, now=NOW)
    for name, error in (("labels", NotFound), ("anna", NotFound), ("nobody", NotFound)):
        with pytest.raises(error):
            house.certificates.revoke(name, number, caller=SYSTEM, now=NOW)


def test_the_end_of_an_account_is_the_end_of_its_certificates(house: House) -> None:
    now_ended, later = make(), make()
    house.register(now_ended)
    house.register(later, "labels")
    house.accounts.end("erp", caller=SYSTEM, now=NOW)
    assert house.events()[-3:] == ["credential.revoked", "certificate.revoked", "principal.ended"]
    house.accounts.end("labels", caller=SYSTEM, now=NOW, at=NOW + DAY)
    assert house.reason(now_ended) == "revoked"
    assert house.certificates.find(later.der, NOW)
    assert house.reason(later, NOW + DAY) == "revoked"
    with pytest.raises(Conflict):
        house.register(make())


def test_anchors_are_what_works_and_change_with_every_change(house: House) -> None:
    first, second = make(), make()
    before = house.certificates.anchors(NOW)
    assert before.pems == ()
    number = house.register(first)
    house.register(second, "labels")
    both = house.certificates.anchors(NOW)
    assert set(both.pems) == {first.pem, second.pem}
    assert both.generation == house.certificates.generation != before.generation
    house.certificates.revoke("erp", number, caller=SYSTEM, now=NOW)
    after = house.certificates.anchors(NOW)
    assert (after.pems, after.generation == both.generation) == ((second.pem,), False)
    assert house.certificates.anchors(NOW + 90 * DAY).pems == ()


CA = x509.BasicConstraints(ca=True, path_length=None)
SERVER_ONLY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
BOTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def unfit() -> dict[str, tuple[str, str]]:
    """Return texts that are refused, each with a word of the reason."""
    good = make()
    signing = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the point of it
    return {
        "authority": (make(extensions=(CA,)).pem, "authority"),
        "server": (make(extensions=(SERVER_ONLY,)).pem, "client authentication"),
        "usage": (make(extensions=(signing,)).pem, "digital signatures"),
        "weak": (make(key=weak).pem, "weaker"),
        "small curve": (make(key=ec.generate_private_key(ec.SECP224R1())).pem, "weaker"),
        "other curve": (make(key=ec.generate_private_key(ec.SECP256K1())).pem, "weaker"),
        "old": (make(since=NOW - 9 * DAY, until=NOW).pem, "expired"),
        "early": (make(since=NOW + DAY).pem, "not valid yet"),
        "key": (good.pem + good.key_pem, "private key"),
        "two": (good.pem + make().pem, "exactly one"),
        "none": ("jane.roe+mark@example.com", "exactly one"),
        "cut": (good.pem[:200] + "\n-----END CERTIFICATE-----\n", "can be read"),
        "large": ("x" * 20_000, "too large"),
    }


def test_what_is_not_fit_for_a_client_is_refused_without_being_repeated(house: House) -> None:
    for what, (pem, why) in unfit().items():
        with pytest.raises(Malformed) as caught:
            house.certificates.register("erp", pem, caller=SYSTEM, now=NOW)
        assert why in caught.value.message, what
        assert "jane" not in str(caught.value)
    assert house.certificates.listed("erp") == []
    for key in (rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()):
        house.register(make(key=key, extensions=(BOTH,)))


def test_people_and_strangers_hold_no_certificates(house: House) -> None:
    for name in ("anna", "nobody"):
        with pytest.raises(NotFound):
            house.register(make(), name)


def test_a_node_is_somebodys_and_comes_with_its_certificate(house: House) -> None:
    made = make()
    new = house.nodes.add("depot-1", "anna", made.pem, caller=SYSTEM, now=NOW)
    assert (new.app.kind, new.app.owner, new.owner_registered) == (
        PrincipalKind.NODE,
        "anna",
        False,
    )
    assert new.client_secret not in repr(new)
    assert house.events()[-3:] == [
        "principal.added",
        "credential.issued",
        "certificate.registered",
    ]
    shown = house.certificates.check(made.der, NOW)
    assert (shown.caller.principal, shown.caller.kind) == (new.app.id, PrincipalKind.NODE)
    with pytest.raises(Conflict, match="owns"):
        house.accounts.end("anna", caller=SYSTEM, now=NOW)
    house.accounts.end("depot-1", caller=SYSTEM, now=NOW)
    assert house.reason(made) == "revoked"


def test_without_a_fit_certificate_there_is_no_node(house: House) -> None:
    for pem, error in ((make(extensions=(CA,)).pem, Malformed), ("", Malformed)):
        with pytest.raises(error):
            house.nodes.add("depot-1", "anna", pem, caller=SYSTEM, now=NOW)
    with pytest.raises(Denied, match="generic"):
        house.nodes.add("service", "anna", make().pem, caller=SYSTEM, now=NOW)
    with pytest.raises(Conflict, match="can own no node"):
        house.nodes.add("depot-1", "erp", make().pem, caller=SYSTEM, now=NOW)
    assert house.accounts.listed(PrincipalKind.NODE) == []


@pytest.mark.clause("1.4")
def test_a_nodes_secret_is_rotated_like_an_apps_and_refused_when_late(house: House) -> None:
    nodes = frozenset({PrincipalKind.NODE})
    first = house.nodes.add("depot-1", "anna", make().pem, caller=SYSTEM, now=NOW)
    second = house.nodes.rotate("depot-1", caller=SYSTEM, now=NOW + DAY, overlap=2 * DAY)
    with pytest.raises(Conflict, match="two secrets"):
        house.nodes.rotate("depot-1", caller=SYSTEM, now=NOW + DAY)
    for new, last in ((first, NOW + 3 * DAY), (second, NOW + 91 * DAY)):
        pair = new.client_id, new.client_secret
        early = house.accounts.check_client(*pair, last - timedelta(seconds=1), kinds=nodes)
        assert early.kind is PrincipalKind.NODE
        with pytest.raises(Unauthenticated):
            house.accounts.check_client(*pair, last, kinds=nodes)
    with pytest.raises(NotFound):
        house.nodes.rotate("erp", caller=SYSTEM, now=NOW)


def test_a_nodes_secret_alone_opens_nothing(house: House) -> None:
    """Neither the doors of apps nor a command take it: nothing there sees the certificate."""
    new = house.nodes.add("depot-1", "anna", make().pem, caller=SYSTEM, now=NOW)
    with pytest.raises(Unauthenticated):
        house.accounts.check_client(new.client_id, new.client_secret, NOW)
    with pytest.raises(Unauthenticated):
        house.accounts.check_credential("depot-1", new.client_secret, NOW)
