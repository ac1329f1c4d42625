"""Answers sealed for one app alone, and what is refused where they can't be."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey
from tests.api.conftest import ORDER, VALUES, WHY, App, Response, Shop
from tests.vault.conftest import CONSOLE, NAME, NOW

from strongroom.crypto.message import ALGORITHMS, parse_public_key, seal_message
from strongroom.errors import Malformed

PEM = serialization.Encoding.PEM
KINDS = {
    "p256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECKey),
    "x25519": (x25519.X25519PrivateKey.generate, OKPKey),
}


def public_pem(key: object) -> str:
    public = key.public_key()  # type: ignore[attr-defined]
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(PEM, form).decode()


def private_pem(key: object) -> str:
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(PEM, form, plain).decode()  # type: ignore[attr-defined]


def register(shop: Shop, app: App, pem: str) -> None:
    jwk = parse_public_key(pem)
    shop.door.channels.set_key(app.name, jwk, caller=CONSOLE, now=NOW)


@pytest.mark.clause("1.5")
@pytest.mark.parametrize("kind", KINDS)
def test_a_registered_key_alone_opens_the_answers(shop: Shop, kind: str) -> None:
    make, importer = KINDS[kind]
    key = make()
    register(shop, shop.erp, public_pem(key))
    door, token = shop.door, shop.tokens[NAME]
    answers: list[Response] = [
        door.post(shop.erp, "/v1/reveal", token=token, **WHY),
        door.post(shop.erp, "/v1/reveal/batch", tokens=[token], **WHY),
        door.post(shop.erp, "/v1/orders/reveal", order=ORDER, seller="acme", **WHY),
        door.post(shop.erp, "/v1/search", by="order", value=ORDER, **WHY),
    ]
    for answer in answers:
        assert (answer.status, answer.headers["content-type"]) == (200, "application/jose")
        assert VALUES[NAME].encode() not in answer.body
        opened = jwe.decrypt_compact(
            answer.body, importer.import_key(private_pem(key)), algorithms=ALGORITHMS
        )
        header = opened.protected
        assert (header["alg"], header["enc"]) == ("ECDH-ES+A256KW", "A256GCM")
        assert opened.plaintext is not None
        assert json.loads(opened.plaintext)
    # A problem has nothing to hide, and whoever can't open answers can read why there is none.
    refused = door.post(shop.erp, "/v1/reveal", token=token, purpose="tax", reason="tax return")
    assert refused.kind == "denied"


@pytest.mark.clause("1.5")
def test_each_answer_has_a_key_of_its_own() -> None:
    jwk = parse_public_key(public_pem(KINDS["p256"][0]()))
    first, second = (seal_message(jwk, b"{}").split(b".") for _ in range(2))
    assert first[0] != second[0]  # the ephemeral public key
    assert first[1] != second[1]


@pytest.mark.clause("1.5")
def test_behind_somebody_elses_tls_nothing_is_said_in_plain(shop: Shop) -> None:
    app = shop.door.add_app("cloud-erp")
    shop.door.grant(app)
    shop.door.channels.declare_proxy(app.name, caller=CONSOLE, now=NOW)
    door, token = shop.door, shop.tokens[NAME]
    before = len(door.events())

    def asked() -> list[Response]:
        return [
            door.post(app, "/v1/reveal", token=token, **WHY),
            door.post(app, "/v1/reveal/batch", tokens=[token], **WHY),
            door.post(app, "/v1/orders/reveal", order=ORDER, seller="acme", **WHY),
            door.post(app, "/v1/search", by="order", value=ORDER, **WHY),
        ]

    for answer in asked():
        assert (answer.status, answer.kind) == (403, "unsealed")
    assert door.events()[before:] == [("api.request.refused", "denied", "unsealed")] * 4
    register(shop, app, public_pem(KINDS["x25519"][0]()))
    assert {answer.headers["content-type"] for answer in asked()} == {"application/jose"}
    # What is looked for would travel in plain, whatever the answer does.
    answer = door.post(app, "/v1/search", by="email", value="jane@example.com", **WHY)
    assert (answer.status, answer.kind) == (403, "unsealed")


@pytest.mark.clause("1.5", "2.5")
@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_is_refused(kind: str) -> None:
    make, importer = KINDS[kind]
    text = private_pem(make())
    jwk = json.dumps(importer.import_key(text).as_dict(private=True))
    for secret in (text, jwk):
        with pytest.raises(Malformed, match="this is a private key") as caught:
            parse_public_key(secret)
        assert secret[40:60] not in str(caught.value)


def test_other_kinds_of_key_are_refused() -> None:
    others = [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ]
    for key in others:
        with pytest.raises(Malformed):
            parse_public_key(public_pem(key))


@pytest.mark.clause("1.5")
@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_point_that_nothing_can_be_sealed_for_is_refused(point: bytes) -> None:
    """Accepted, it would fail each answer of its app, and only then."""
    x = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
    pem = x25519.X25519PublicKey.from_public_bytes(point).public_bytes(
        PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for text in (json.dumps({"kty": "OKP", "crv": "X25519", "x": x}), pem.decode()):
        with pytest.raises(Malformed, match="nothing can be sealed"):
            parse_public_key(text)


def test_jwk_and_pem_of_one_key_are_one_key() -> None:
    for make, _importer in KINDS.values():
        jwk = parse_public_key(public_pem(make()))
        assert parse_public_key(jwk) == jwk
        assert set(json.loads(jwk)) <= {"kty", "crv", "x", "y", "kid"}


@given(st.text(max_size=200) | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_what_is_no_key_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_public_key(text)


def test_a_new_key_is_recorded_by_its_pseudonyms(shop: Shop) -> None:
    pems = [public_pem(KINDS["p256"][0]()) for _ in range(2)]
    for pem in pems:
        register(shop, shop.erp, pem)
    entry = shop.door.world.audit.tail(1)[0]
    assert entry.type == "principal.changed"
    (change,) = entry.body["chg"]
    keys = [parse_public_key(pem) for pem in pems]
    told = [shop.door.world.audit.pseudonym("public_key", key) for key in keys]
    assert change == {"field": "public_key", "before": told[0], "after": told[1]}
