"""A provider that lies, a forged token, a swapped answer: the client of a provider believes none of them."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from tests.support.liar import Liar

from strongroom.audit.entry import Reason
from strongroom.desk import oidc
from strongroom.desk.idtoken import NotVouched
from strongroom.errors import Misconfigured, Throttled
from strongroom.simulator.config import CertificateKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
REDIRECT = "https://desk.example/sign-on/provider/answer"
CLIENT_ID = "desk"
CODE = "a code of the tests"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OWN = RSAKey.generate_key(2048, {"kid": "one"})
"""The attacker's."""

pytestmark = pytest.mark.clause("1.2")


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[Liar]:
    with Liar(tmp_path, key=KEY) as running:
        yield running


def client_of(liar: Liar, **changed: Any) -> oidc.Provider:
    usual = {"issuer": liar.issuer, "client_id": CLIENT_ID, "client_secret": "s", "ca": liar.ca}
    return oidc.Provider(oidc.Client(**(usual | changed)))


def claims_of(liar: Liar, nonce: str, **changed: Any) -> dict[str, Any]:
    """Return the claims of a good token, with some changed; None takes one away."""
    good: dict[str, Any] = {
        "iss": liar.issuer,
        "sub": "anna",
        "aud": CLIENT_ID,
        "exp": AT + 60,
        "iat": AT,
        "nonce": nonce,
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(liar: Liar, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, liar.key)


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def finish(
    liar: Liar,
    token_of: Callable[[str], Any],
    *,
    client: oidc.Provider | None = None,
    **changed: str,
) -> oidc.Vouched:
    """Begin, have the liar answer with the token that `token_of` makes for our nonce, and finish."""
    client = client or client_of(liar)
    begun = client.begin(REDIRECT, NOW)
    liar.token = {"id_token": token_of(begun.kept["nonce"]), "token_type": "Bearer"}
    answer = {"code": CODE, "state": begun.kept["state"], "iss": liar.issuer, "error": ""}
    return client.finish(oidc.Brought(**(answer | changed)), begun.kept, REDIRECT, NOW)


def refused(liar: Liar, token_of: Callable[[str], Any], **options: Any) -> Reason:
    with pytest.raises(NotVouched) as caught:
        finish(liar, token_of, **options)
    assert "anna" not in str(caught.value)
    return caught.value.reason


def test_the_good_token_of_these_tests_is_good(liar: Liar) -> None:
    """What each attack changes is what it is refused for."""
    assert finish(liar, lambda nonce: signed(liar, claims_of(liar, nonce))).subject == "anna"
    listed = {"aud": [CLIENT_ID], "azp": CLIENT_ID, "nbf": AT}
    found = finish(liar, lambda nonce: signed(liar, claims_of(liar, nonce, **listed)))
    assert found.subject == "anna"
    paths = [path for path, _ in liar.asked]
    assert paths.count("/.well-known/openid-configuration") == 2
    (_, form) = liar.asked[-2] if liar.asked[-1][0] == "/jwks" else liar.asked[-1]
    assert form["code"] == CODE


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://localhost"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, CLIENT_ID]},
        {"aud": {CLIENT_ID: 1}},
        {"azp": "another"},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
    ],
)
def test_a_token_for_or_from_somebody_else_is_refused(liar: Liar, changed: Any) -> None:
    found = refused(liar, lambda nonce: signed(liar, claims_of(liar, nonce, **changed)))
    assert found is Reason.FORGED_TOKEN


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": AT - 61},
        {"exp": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": 1e400},
        {"iat": AT - 661},
        {"iat": AT + 61},
        {"iat": None},
        {"nbf": AT + 61},
        {"nbf": "now"},
    ],
)
def test_a_token_of_another_time_is_refused(liar: Liar, changed: Any) -> None:
    found = refused(liar, lambda nonce: signed(liar, claims_of(liar, nonce, **changed)))
    assert found is Reason.TOO_OLD


@pytest.mark.parametrize("nonce", [None, "", "another", 5, ["x"]])
def test_a_token_of_another_sign_on_is_refused(liar: Liar, nonce: Any) -> None:
    """Replay: good in every other way, but issued for another browser's sign-on."""
    found = refused(liar, lambda mine: signed(liar, claims_of(liar, mine) | {"nonce": nonce}))
    assert found is Reason.REPLAYED


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, ["anna"]])
def test_a_token_without_a_usable_subject_is_refused(liar: Liar, subject: Any) -> None:
    found = refused(liar, lambda nonce: signed(liar, claims_of(liar, nonce, sub=subject)))
    assert found is Reason.MALFORMED_UPSTREAM


def _unsigned(liar: Liar, nonce: str) -> str:
    return raw({"alg": "none"}, claims_of(liar, nonce))


def _unsigned_in_capitals(liar: Liar, nonce: str) -> str:
    return raw({"alg": "nOnE", "kid": "one"}, claims_of(liar, nonce))


def _signature_taken_away(liar: Liar, nonce: str) -> str:
    return signed(liar, claims_of(liar, nonce)).rpartition(".")[0] + "."


def _claims_changed(liar: Liar, nonce: str) -> str:
    head, _, signature = signed(liar, claims_of(liar, nonce, sub="boris")).split(".")
    return f"{head}.{raw({}, claims_of(liar, nonce)).split('.')[1]}.{signature}"


def _another_key(liar: Liar, nonce: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims_of(liar, nonce), OWN)


def _public_key_as_hmac_secret(liar: Liar, nonce: str) -> str:
    # By hand: no library of today makes one.
    body = raw({"alg": "HS256", "kid": "one"}, claims_of(liar, nonce)).rpartition(".")[0]
    made = hmac.digest(liar.key.as_pem(private=False), body.encode(), "sha256")
    return body + "." + base64.urlsafe_b64encode(made).decode().rstrip("=")


def _key_in_the_header(liar: Liar, nonce: str) -> str:
    header = {"alg": "RS256", "jwk": OWN.as_dict(private=False)}
    registry = jws.JWSRegistry(strict_check_header=False)
    registry.max_header_length = 4096
    return jwt.encode(header, claims_of(liar, nonce), OWN, registry=registry)


def _key_at_an_address(liar: Liar, nonce: str) -> str:
    header = {"alg": "RS256", "kid": "two", "jku": "https://localhost/jwks"}
    return jwt.encode(header, claims_of(liar, nonce), OWN)


def _unknown_must(liar: Liar, nonce: str) -> str:
    header = {"alg": "RS256", "kid": "one", "crit": ["exp-new"], "exp-new": 1}
    body = raw(header, claims_of(liar, nonce)).rpartition(".")[0]
    made = jws.JWSRegistry.algorithms["RS256"].sign(body.encode(), liar.key)
    return body + "." + base64.urlsafe_b64encode(made).decode().rstrip("=")


def _no_token(liar: Liar, nonce: str) -> str:
    return "anna"


def _deeply_nested(liar: Liar, nonce: str) -> str:
    header = base64.urlsafe_b64encode(b"[" * 6000).decode().rstrip("=")
    return f"{header}.e30.e30"


def _not_text(liar: Liar, nonce: str) -> str:
    return "\u00e4.\u00f6.\u00fc"


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _unsigned_in_capitals,
        _signature_taken_away,
        _claims_changed,
        _another_key,
        _public_key_as_hmac_secret,
        _key_in_the_header,
        _key_at_an_address,
        _unknown_must,
        _no_token,
        _deeply_nested,
        _not_text,
    ],
)
def test_a_forged_token_is_refused(liar: Liar, forge: Callable[[Liar, str], str]) -> None:
    assert refused(liar, lambda nonce: forge(liar, nonce)) is Reason.FORGED_TOKEN
    assert {path for path, _ in liar.asked} <= {
        "/.well-known/openid-configuration",
        "/jwks",
        "/token",
    }


def test_keys_that_could_be_anybodys_are_not_used(liar: Liar) -> None:
    mine = liar.key.as_dict(private=False)
    sets: list[Any] = [
        {"keys": [mine, OWN.as_dict(private=False)]},  # one name, two keys
        {"keys": [mine | {"use": "enc"}]},
        {"keys": [mine | {"alg": "RS512"}]},
        {"keys": [mine | {"kty": "EC"}]},
        {"keys": [mine | {"n": "AQAB"}]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]},
        {"keys": ["one", 5, None, {}]},
        {"keys": {}},
        {"other": []},
    ]
    for jwks in sets:
        liar.jwks = jwks
        with pytest.raises(NotVouched) as caught:
            finish(liar, lambda nonce: signed(liar, claims_of(liar, nonce)))
        assert caught.value.reason is Reason.FORGED_TOKEN
    # Without a name a token is believed where there is one key it can be of, and no other.
    nameless = {name: value for name, value in mine.items() if name != "kid"}
    elliptic = ECKey.generate_key("P-256").as_dict(private=False)
    liar.jwks = {"keys": [nameless, elliptic]}
    good = lambda nonce: jwt.encode({"alg": "RS256"}, claims_of(liar, nonce), liar.key)  # noqa: E731
    assert finish(liar, good).subject == "anna"
    liar.jwks = {"keys": [nameless, OWN.as_dict(private=False)]}
    assert refused(liar, good) is Reason.FORGED_TOKEN


def test_a_key_too_short_to_be_safe_is_not_used(liar: Liar) -> None:
    """Its signature is right, and could be anybody's."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the attack
    number = short.public_key().public_numbers().n.to_bytes(128, "big")
    encoded = base64.urlsafe_b64encode(number).decode().rstrip("=")
    liar.jwks = {"keys": [{"kty": "RSA", "kid": "one", "e": "AQAB", "n": encoded}]}

    def forge(nonce: str) -> str:
        body = raw({"alg": "RS256", "kid": "one"}, claims_of(liar, nonce)).rpartition(".")[0]
        made = short.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
        return body + "." + base64.urlsafe_b64encode(made).decode().rstrip("=")

    assert refused(liar, forge) is Reason.FORGED_TOKEN


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"state": ""}, Reason.CROSS_SITE),
        ({"state": "another"}, Reason.CROSS_SITE),
        ({"iss": ""}, Reason.CROSS_SITE),
        ({"iss": "https://attacker.example"}, Reason.CROSS_SITE),
        ({"error": "access_denied"}, Reason.NOT_AUTHORIZED),
        ({"code": ""}, Reason.MALFORMED_REQUEST),
        ({"code": "x" * 2049}, Reason.MALFORMED_REQUEST),
    ],
)
def test_an_answer_for_somebody_else_goes_nowhere(
    liar: Liar, changed: dict[str, str], reason: Reason
) -> None:
    """Cross-site request forgery and mix-up: the code never reaches a token endpoint (RFC 9700, 4.4 and 4.7)."""
    assert refused(liar, lambda nonce: signed(liar, claims_of(liar, nonce)), **changed) is reason
    assert "/token" not in [path for path, _ in liar.asked]


def test_an_answer_names_its_issuer_correctly_or_not_at_all(liar: Liar) -> None:
    """A provider that does not know RFC 9207 may leave it out; it may still not name another."""
    liar.metadata = {"authorization_response_iss_parameter_supported": None}
    good = lambda nonce: signed(liar, claims_of(liar, nonce))  # noqa: E731
    assert finish(liar, good, iss="").subject == "anna"
    assert refused(liar, good, iss="https://attacker.example") is Reason.CROSS_SITE


def test_what_was_begun_at_another_provider_is_not_finished_here(liar: Liar) -> None:
    begun = client_of(liar, client_id="another").begin(REDIRECT, NOW)
    answer = oidc.Brought(CODE, begun.kept["state"], liar.issuer, "")
    with pytest.raises(NotVouched):
        client_of(liar).finish(answer, begun.kept, REDIRECT, NOW)


def test_the_code_and_its_verifier_go_to_the_token_endpoint_alone(liar: Liar) -> None:
    begun = client_of(liar).begin(REDIRECT, NOW)
    for secret in (begun.kept["verifier"], "client_secret"):
        assert secret not in begun.url
    liar.token_status, liar.token = 307, {}
    client = client_of(liar)
    begun = client.begin(REDIRECT, NOW)
    answer = oidc.Brought(CODE, begun.kept["state"], liar.issuer, "")
    with pytest.raises(oidc.ProviderFailed):
        client.finish(answer, begun.kept, REDIRECT, NOW)
    assert "/elsewhere" not in [path for path, _ in liar.asked]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"issuer": "https://attacker.example"}, Reason.MISCONFIGURED),
        ({"issuer": None}, Reason.MISCONFIGURED),
        ({"token_endpoint": "http://localhost/token"}, Reason.MALFORMED_UPSTREAM),
        ({"token_endpoint": None}, Reason.MALFORMED_UPSTREAM),
        ({"jwks_uri": "file:///etc/passwd"}, Reason.MALFORMED_UPSTREAM),
        ({"jwks_uri": ["https://localhost"]}, Reason.MALFORMED_UPSTREAM),
        ({"authorization_endpoint": "javascript:alert(1)"}, Reason.MALFORMED_UPSTREAM),
        ({"authorization_endpoint": "https://a:b@localhost/"}, Reason.MALFORMED_UPSTREAM),
        ({"authorization_endpoint": "https://[::1/"}, Reason.MALFORMED_UPSTREAM),
        ({"id_token_signing_alg_values_supported": ["none", "HS256"]}, Reason.MISCONFIGURED),
        ({"filler": "x" * 300_000}, Reason.MALFORMED_UPSTREAM),
    ],
)
def test_a_provider_that_says_it_is_another_is_not_asked(
    liar: Liar, metadata: dict[str, Any], reason: Reason
) -> None:
    liar.metadata = metadata
    with pytest.raises(oidc.ProviderFailed) as caught:
        client_of(liar).begin(REDIRECT, NOW)
    assert caught.value.reason is reason


def test_a_compressed_answer_is_not_unpacked(liar: Liar) -> None:
    """A few kilobytes could become gigabytes; nobody asked for any."""
    liar.metadata, liar.compresses = {"filler": " " * 100_000}, True
    with pytest.raises(oidc.ProviderFailed) as caught:
        client_of(liar).begin(REDIRECT, NOW)
    assert caught.value.reason is Reason.MALFORMED_UPSTREAM


@pytest.mark.parametrize(
    "token",
    [b"", b"<html>", b"[]", b'{"id_token": 5}', b"{}", b'{"error": "server_error"}', b"[" * 9999],
)
def test_a_token_endpoint_that_answers_nonsense_is_a_failure_and_no_sign_on(
    liar: Liar, token: bytes
) -> None:
    client = client_of(liar)
    begun = client.begin(REDIRECT, NOW)
    liar.token = token
    answer = oidc.Brought(CODE, begun.kept["state"], liar.issuer, "")
    with pytest.raises(oidc.ProviderFailed):
        client.finish(answer, begun.kept, REDIRECT, NOW)


@pytest.mark.parametrize("age", [None, AT - 12 * 3600 - 61, AT + 61, "lately"])
def test_a_second_factor_proved_long_ago_does_not_count(liar: Liar, age: Any) -> None:
    client = client_of(liar, trust_second_factor=True)
    changed = {"amr": ["mfa"], "auth_time": age}
    found = refused(
        liar, lambda nonce: signed(liar, claims_of(liar, nonce, **changed)), client=client
    )
    assert found is Reason.TOO_OLD


@pytest.mark.parametrize("amr", ["mfa", {"mfa": 1}, [["mfa"]], ["MFA"], None])
def test_only_the_word_mfa_in_a_list_is_a_second_factor(liar: Liar, amr: Any) -> None:
    client = client_of(liar, trust_second_factor=True)
    changed = {"amr": amr, "auth_time": AT}
    vouched = finish(
        liar, lambda nonce: signed(liar, claims_of(liar, nonce, **changed)), client=client
    )
    assert vouched.second_factor is False


@pytest.mark.clause("1.5")
@pytest.mark.parametrize("kind", ["wrong_host", "expired", "other_ca", "self_signed"])
def test_a_provider_without_a_good_certificate_hears_nothing(
    tmp_path: Path, kind: CertificateKind
) -> None:
    with Liar(tmp_path, certificate=kind) as liar:
        with pytest.raises(oidc.ProviderFailed) as caught:
            client_of(liar).begin(REDIRECT, NOW)
        assert caught.value.reason is Reason.UPSTREAM_TLS
        assert liar.asked == []


def test_a_ca_that_is_none_stops_the_start(liar: Liar) -> None:
    with pytest.raises(Misconfigured):
        client_of(liar, ca="no PEM")


def test_a_slow_provider_gets_a_few_threads_and_no_more(liar: Liar) -> None:
    """The others serve apps: whoever signs on meanwhile is put off at once."""
    liar.gate = threading.Event()
    client = client_of(liar)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(client.begin, REDIRECT, NOW) for _ in range(8)]
        for _ in waiting:
            assert liar.arrived.acquire(timeout=10)
        with pytest.raises(Throttled):
            client.begin(REDIRECT, NOW)
        liar.gate.set()
        assert all(one.result().url for one in waiting)
    assert client.begin(REDIRECT, NOW).url
    assert len(liar.asked) == 8


def test_strangers_can_not_have_the_keys_read_all_day(liar: Liar) -> None:
    client = client_of(liar)
    for _ in range(3):
        refused(liar, lambda nonce: _another_key_name(liar, nonce), client=client)
    assert [path for path, _ in liar.asked].count("/jwks") <= 2


def _another_key_name(liar: Liar, nonce: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": "unknown"}, claims_of(liar, nonce), OWN)
