"""Settings: read once, frozen, complete in the documents, and silent about their values."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from strongroom import settings
from strongroom.errors import Misconfigured
from strongroom.terms import Environment

BASE = 'environment = "test"\nhome_id = "0123456789abcdef"\n'
SECRET = "hunter2hunter2"
PAGE = Path(__file__).parent.parent / "docs/settings.md"


def load(home: Path, text: str = BASE, **variables: str) -> settings.Settings:
    (home / settings.FILE_NAME).write_text(text)
    return settings.load(home, variables)


def test_a_home_without_more_has_the_documented_defaults(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert found.environment is Environment.TEST
    assert (found.gateway.host, found.gateway.port, found.health.port) == ("127.0.0.1", 8443, 8446)
    assert found.keystore.root == "file:root.key"
    assert found.keystore.copy_lifetime_hours == 24
    assert found.one_person is False


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = BASE + "[gateway]\nport = 1\n"
    assert load(tmp_path, text).gateway.port == 1
    assert load(tmp_path, text, STRONGROOM_GATEWAY__PORT="2").gateway.port == 2
    found = load(tmp_path, text, STRONGROOM_KEYSTORE__PASSPHRASE_FILE="/run/p")
    assert found.keystore.passphrase_file == Path("/run/p")


def test_settings_are_frozen(tmp_path: Path) -> None:
    found = load(tmp_path)
    with pytest.raises(ValidationError):
        found.one_person = True  # type: ignore[misc]
    with pytest.raises(ValidationError):
        found.gateway.port = 1  # type: ignore[misc]


@pytest.mark.clause("2.5")
def test_a_secret_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://strongroom:{SECRET}@db/strongroom"
    (tmp_path / "url").write_text(url + "\n")
    found = load(tmp_path, STRONGROOM_VAULT__URL_FILE=str(tmp_path / "url"))
    assert found.vault.url == url
    assert SECRET not in repr(found)
    assert SECRET not in str(found)
    with pytest.raises(Misconfigured, match="both set"):
        load(
            tmp_path,
            STRONGROOM_VAULT__URL=url,
            STRONGROOM_VAULT__URL_FILE=str(tmp_path / "url"),
        )


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_secrets_file_that_holds_none_stops_the_start(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "url"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="STRONGROOM_VAULT__URL_FILE"):
        load(tmp_path, STRONGROOM_VAULT__URL_FILE=str(path))


@pytest.mark.parametrize(
    "name",
    [
        "STRONGROOM_GATEWY__PORT",
        "STRONGROOM_GATEWAY__PROT",
        "STRONGROOM_GATEWAY",
        "STRONGROOM_GATEWAY__PORT_FILE",
        "STRONGROOM_PASSPHRASE",
    ],
)
def test_an_unknown_variable_stops_the_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match=f"{name} is not a setting") as caught:
        load(tmp_path, **{name: SECRET})
    assert SECRET not in str(caught.value)


def test_other_variables_are_left_alone(tmp_path: Path) -> None:
    load(tmp_path, HOME="/root", STRONGROOM_HOME="/srv", STRONGROOM_TEST_PG_BIN="/usr/lib")


@pytest.mark.clause("2.5")
@pytest.mark.parametrize(
    "text",
    [
        f'{BASE}passphrase = "{SECRET}"\n',
        f'{BASE}[gateway]\nport = "{SECRET}"\n',
        f'{BASE}[gateway]\nhost = "{SECRET} "\n',
        f'{BASE}[keystore]\ncopy_lifetime_hours = "{SECRET}"\n',
        f'{BASE}gateway = "{SECRET}"\n',
        f'environment = "{SECRET}"\nhome_id = "0123456789abcdef"\n',
        f'environment = "test"\nhome_id = "{SECRET}!"\n',
        f"environment = {SECRET}\n",
        f'environment = "{SECRET}\n',
    ],
)
def test_a_wrong_value_is_named_and_never_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrong_variable_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"gateway\.port") as caught:
        load(tmp_path, STRONGROOM_GATEWAY__PORT=SECRET)
    assert SECRET not in str(caught.value)


def test_a_directory_without_settings_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="not a home"):
        settings.load(tmp_path, {})


def test_a_written_document_reads_back(tmp_path: Path) -> None:
    odd = '/a "quoted" \\ path\nwith é\x7f'
    text = settings.document(
        {
            "environment": "test",
            "home_id": "0123456789abcdef",
            "one_person": True,
            "keystore": {"passphrase_file": odd, "copy_lifetime_hours": 12},
        }
    )
    found = load(tmp_path, text)
    assert str(found.keystore.passphrase_file) == odd
    assert found.keystore.copy_lifetime_hours == 12
    assert found.one_person is True


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(settings.names())
    assert len(documented) == len(set(documented))


def test_documented_variables_are_those_that_are_read() -> None:
    shown = set(re.findall(r"`(STRONGROOM_[A-Z_]+)`", PAGE.read_text()))
    known = {"STRONGROOM_" + name.replace(".", "__").upper() for name in settings.names()}
    files = {
        "STRONGROOM_VAULT__URL_FILE",
        "STRONGROOM_KEYSTORE__URL_FILE",
        "STRONGROOM_OIDC__CLIENT_SECRET_FILE",
    }
    assert known <= shown
    assert shown - known <= files | {"STRONGROOM_HOME"}
