"""A root key in AWS KMS: against moto, and at the wire where moto is kinder than Amazon [2.4].

moto lets a disabled key decrypt, and denies access where Amazon says that it is another key's; what Amazon says then is
put on the wire as it is documented.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from tests.support import bucket, transit
from tests.support.bucket import KEY as ACCESS_KEY
from tests.support.bucket import SECRET, Pretend
from tests.support.kms import address, make_key, point
from tests.support.transit import Engine

from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.roots.address import KmsAddress, parse
from strongroom.roots.kms import KmsRoot
from strongroom.roots.wrapped import Kind, pack
from strongroom.terms import Environment

pytestmark = pytest.mark.clause("2.4")

REFUSED = (Tampered, Misconfigured)
"""Of a ciphertext of another key: Amazon says IncorrectKeyException, moto AccessDeniedException."""

KEY, CONTEXT = bytes(range(32)), b"environment and home"
ARN = "arn:aws:kms:eu-central-1:111122223333:key/0b1f0d4c-1b9c-4c1a-8d6e-0d6a5a3f7c11"


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretend]:
    with bucket.serving(tmp_path_factory.mktemp("kms")) as server:
        yield server


@pytest.fixture(scope="module")
def arn(kms: Pretend) -> str:
    return make_key(kms, "alias/strongroom")


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with transit.serving(tmp_path_factory.mktemp("wire")) as server:
        yield server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def opened(uri: str, home: str = "home1", environment: Environment = Environment.TEST) -> KmsRoot:
    found = parse(uri)
    assert isinstance(found, KmsAddress)
    return KmsRoot(uri, found, environment, home, wait=lambda _seconds: None)


def at_the_wire(wire: Engine, status: int, body: object) -> KmsRoot:
    wire.asked.clear()
    wire.status = status
    wire.body = json.dumps(body).encode()
    return opened(f"aws-kms:{ARN}?endpoint={wire.base}&ca-file={wire.ca}")


def test_what_a_key_wraps_it_opens_for_this_home_alone(kms: Pretend, arn: str) -> None:
    for key in (arn, "alias/strongroom", arn.rpartition(":")[0] + ":alias/strongroom"):
        uri = address(kms, key)
        wrapped = opened(uri).wrap(KEY, CONTEXT)
        assert KEY not in wrapped
        assert arn.encode() in wrapped
        assert opened(uri).unwrap(wrapped, CONTEXT) == KEY
        for root in (opened(uri, "home2"), opened(uri, environment=Environment.PRODUCTION)):
            with pytest.raises(Tampered):
                root.unwrap(wrapped, CONTEXT)
        with pytest.raises(Tampered):
            opened(uri).unwrap(wrapped, b"another context")


def test_another_key_and_changed_bytes_open_nothing(kms: Pretend, arn: str) -> None:
    wrapped = opened(address(kms, arn)).wrap(KEY, CONTEXT)
    second = make_key(kms, "alias/other")
    with pytest.raises(REFUSED):
        opened(address(kms, second)).unwrap(wrapped, CONTEXT)
    for place in (0, 1, 3, 10, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(REFUSED):
            opened(address(kms, arn)).unwrap(bytes(changed), CONTEXT)
    # An alias that leads elsewhere by now.
    wrapped = opened(address(kms, "alias/other")).wrap(KEY, CONTEXT)
    point(kms, "alias/other", arn)
    with pytest.raises(REFUSED):
        opened(address(kms, "alias/other")).unwrap(wrapped, CONTEXT)
    assert opened(address(kms, second)).unwrap(wrapped, CONTEXT) == KEY


def test_a_key_that_is_not_there_is_told(kms: Pretend) -> None:
    with pytest.raises(Misconfigured, match="no KMS key"):
        opened(address(kms, "alias/absent")).wrap(KEY, CONTEXT)


def test_no_credentials_are_told(kms: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Misconfigured, match="no AWS credentials"):
        opened(address(kms, "alias/strongroom")).wrap(KEY, CONTEXT)


def test_a_call_says_for_whom_and_is_signed(wire: Engine) -> None:
    blob = base64.b64encode(b"sealed").decode()
    root = at_the_wire(wire, 200, {"CiphertextBlob": blob, "KeyId": ARN})
    root.wrap(KEY, CONTEXT)
    (method, path, headers, body) = wire.asked[0]
    sent = json.loads(body)
    assert (method, path) == ("POST", "/")
    assert headers["x-amz-target"] == "TrentService.Encrypt"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA")
    assert "/eu-central-1/kms/aws4_request" in headers["authorization"]
    assert sent["KeyId"] == ARN
    bound = sent["EncryptionContext"]
    assert (bound["strongroom:environment"], bound["strongroom:home"]) == ("test", "home1")


@pytest.mark.parametrize(
    ("status", "word", "kind", "calls"),
    [
        (400, "DisabledException", Misconfigured, 1),
        (400, "KMSInvalidStateException", Misconfigured, 1),
        (400, "NotFoundException", Misconfigured, 1),
        (400, "AccessDeniedException", Misconfigured, 1),
        (400, "ExpiredTokenException", Misconfigured, 1),
        (400, "InvalidCiphertextException", Tampered, 1),
        (400, "com.amazonaws.kms#IncorrectKeyException", Tampered, 1),
        (400, "ThrottlingException", Unavailable, 3),
        (500, "KMSInternalException", Unavailable, 3),
        (503, "", Unavailable, 3),
        (400, "SomethingNew", Misconfigured, 1),
    ],
)
def test_a_refusal_is_bounded_and_nothing_of_it_is_repeated(
    wire: Engine, status: int, word: str, kind: type[StrongroomError], calls: int
) -> None:
    secret = "a text that nobody may see"
    root = at_the_wire(wire, status, {"__type": word, "message": secret, "Plaintext": secret})
    with pytest.raises(kind) as told:
        root.unwrap(pack(Kind.AWS_KMS, ARN, b"sealed"), CONTEXT)
    assert secret not in str(told.value)
    assert len(wire.asked) == calls


@pytest.mark.parametrize(
    "body", [[], {}, {"KeyId": ARN}, {"KeyId": ARN, "Plaintext": 1}, {"Plaintext": "AAAA"}]
)
def test_an_answer_of_another_form_is_no_key(wire: Engine, body: object) -> None:
    with pytest.raises((Unavailable, Misconfigured)):
        at_the_wire(wire, 200, body).unwrap(pack(Kind.AWS_KMS, ARN, b"sealed"), CONTEXT)


@pytest.mark.parametrize(
    ("key", "named"), [(bytes(31), ARN), (bytes(32), "arn:aws:kms:eu-central-1:1:key/other")]
)
def test_a_key_of_another_length_or_name_is_refused(wire: Engine, key: bytes, named: str) -> None:
    """Whoever answers in KMS's place, or points us to a key of their own, gets no home opened."""
    root = at_the_wire(wire, 200, {"KeyId": named, "Plaintext": base64.b64encode(key).decode()})
    with pytest.raises(Tampered):
        root.unwrap(pack(Kind.AWS_KMS, ARN, b"sealed"), CONTEXT)
