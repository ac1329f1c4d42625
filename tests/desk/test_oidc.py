"""The client of an OpenID Connect provider, against a real one: what it asks, and whom it believes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, Provider

from strongroom.audit.entry import Reason
from strongroom.desk import oidc
from strongroom.desk.idtoken import ALGORITHMS, NotVouched

REDIRECT = "https://desk.example/sign-on/provider/answer"


def now() -> datetime:
    """The instant, asked for each time: the provider keeps its own clock, and a long run outlasts the skew allowed."""
    return datetime.now(UTC)  # noqa: TID251 - the real provider's clock is the machine's


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with Provider(tmp_path_factory.mktemp("provider")) as running:
        running.know([REDIRECT])
        yield running


def client_of(provider: Provider, **changed: object) -> oidc.Provider:
    usual: dict[str, object] = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "ca": provider.ca_path.read_text(),
    }
    return oidc.Provider(oidc.Client(**(usual | changed)))  # type: ignore[arg-type]


def brought(answer: dict[str, str]) -> oidc.Brought:
    names = ("code", "state", "iss", "error")
    return oidc.Brought(*(answer.get(name, "") for name in names))


@pytest.mark.clause("1.2")
def test_a_person_who_signs_on_there_is_vouched_for_here(provider: Provider) -> None:
    client = client_of(provider)
    begun = client.begin(REDIRECT, now())
    asked = parse_qs(urlsplit(begun.url).query)
    assert asked["scope"] == ["openid"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert begun.kept["verifier"] not in begun.url
    answer = provider.sign_on(begun.url, "anna-248289")
    assert answer["iss"] == provider.issuer
    vouched = client.finish(brought(answer), begun.kept, REDIRECT, now())
    assert (vouched.subject, vouched.second_factor) == ("anna-248289", False)
    for shown in (repr(begun), repr(vouched), repr(client), repr(brought(answer))):
        for secret in ("anna-248289", begun.kept["verifier"], answer["code"], CLIENT_SECRET):
            assert secret not in shown


@pytest.mark.clause("1.2")
def test_a_code_is_good_once_and_for_the_browser_that_asked(provider: Provider) -> None:
    client = client_of(provider)
    begun, other = client.begin(REDIRECT, now()), client.begin(REDIRECT, now())
    answer = provider.sign_on(begun.url, "anna")
    mixed = other.kept | {"state": begun.kept["state"]}
    # Another browser's verifier: PKCE has the provider refuse, and spend the code.
    with pytest.raises(NotVouched) as caught:
        client.finish(brought(answer), mixed, REDIRECT, now())
    assert caught.value.reason is Reason.WRONG_CREDENTIAL
    answer = provider.sign_on(begun.url, "anna")
    assert client.finish(brought(answer), begun.kept, REDIRECT, now()).subject == "anna"
    with pytest.raises(NotVouched):
        client.finish(brought(answer), begun.kept, REDIRECT, now())


@pytest.mark.clause("1.2")
def test_an_answer_without_our_challenge_is_refused(provider: Provider) -> None:
    """PKCE downgrade: somebody takes the challenge out of the address and injects the code (RFC 9700, 2.1.1)."""
    provider.know([REDIRECT], pkce=False)
    client = client_of(provider)
    begun = client.begin(REDIRECT, now())
    kept = [
        part
        for part in begun.url.partition("?")[2].split("&")
        if not part.startswith("code_challenge")
    ]
    stripped = begun.url.partition("?")[0] + "?" + "&".join(kept)
    answer = provider.sign_on(stripped, "anna")
    with pytest.raises(NotVouched):
        client.finish(brought(answer), begun.kept, REDIRECT, now())
    provider.know([REDIRECT])


def test_going_back_at_the_provider_signs_nobody_on(provider: Provider) -> None:
    client = client_of(provider)
    begun = client.begin(REDIRECT, now())
    answer = provider.sign_on(begun.url, "")
    assert answer["error"] == "access_denied"
    with pytest.raises(NotVouched) as caught:
        client.finish(brought(answer), begun.kept, REDIRECT, now())
    assert caught.value.reason is Reason.NOT_AUTHORIZED


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    ("amr", "trust", "counts"),
    [("pwd mfa", True, True), ("pwd otp", True, False), ("pwd mfa", False, False)],
)
def test_a_second_factor_of_the_provider_counts_only_where_the_settings_trust_it(
    provider: Provider, amr: str, trust: bool, counts: bool
) -> None:
    client = client_of(provider, trust_second_factor=trust)
    begun = client.begin(REDIRECT, now())
    assert ("max_age=43200" in begun.url) is trust
    answer = provider.sign_on(begun.url, "anna", amr=amr)
    assert client.finish(brought(answer), begun.kept, REDIRECT, now()).second_factor is counts


def test_new_keys_of_the_provider_are_found_without_a_restart(provider: Provider) -> None:
    client = client_of(provider)
    later = now()
    for subject in ("anna", "boris"):
        begun = client.begin(REDIRECT, later)
        answer = provider.sign_on(begun.url, subject)
        assert client.finish(brought(answer), begun.kept, REDIRECT, later).subject == subject
        provider.know([REDIRECT])
        later += timedelta(seconds=61)  # at once it would be strangers who make us ask


@pytest.mark.clause("1.5")
def test_a_wrong_secret_or_ca_signs_nobody_on(provider: Provider) -> None:
    client = client_of(provider, client_secret="another")
    begun = client.begin(REDIRECT, now())
    answer = provider.sign_on(begun.url, "anna")
    with pytest.raises(oidc.ProviderFailed) as caught:
        client.finish(brought(answer), begun.kept, REDIRECT, now())
    assert caught.value.reason is Reason.MISCONFIGURED
    with pytest.raises(oidc.ProviderFailed) as caught:
        client_of(provider, ca=None).begin(REDIRECT, now())
    assert caught.value.reason is Reason.UPSTREAM_TLS


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS - {"RS256"}))
def test_public_clients_and_every_algorithm_work(provider: Provider, algorithm: str) -> None:
    provider.algorithm = algorithm
    provider.know([REDIRECT], secret=False)
    client = client_of(provider, client_secret="")
    begun = client.begin(REDIRECT, now())
    answer = provider.sign_on(begun.url, "anna")
    assert client.finish(brought(answer), begun.kept, REDIRECT, now()).subject == "anna"
    provider.algorithm = "RS256"
    provider.know([REDIRECT])
