"""Coming in, on the command line: what `init`, `user link` and `user invite` print, and when they refuse."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from tests.support.joining import BETTER, GOOD
from tests.support.offline import PASSPHRASE, Offline

from strongroom import logs
from strongroom.accounts.links import LinkRefused
from strongroom.accounts.visits import Visit
from strongroom.app import System
from strongroom.cli.commands import run
from strongroom.compliance.joining import Joined
from strongroom.opening import open_system

pytestmark = pytest.mark.clause("1.2")

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT = ["--now", NOW.isoformat()]
HERE = Visit("127.0.0.1", None, "Firefox on Linux")


@pytest.fixture(scope="module")
def initialized(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A home of two people as `init --json` makes it, and its first link."""
    directory = tmp_path_factory.mktemp("initialized")
    passphrase = directory / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE)
    home = Offline(directory / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STRONGROOM_HOME", raising=False)
        patch.setattr(logs, "harden", lambda **_: None)
        told = home.command(
            "init", "--environment", "test", "--passphrase-file", str(passphrase), *AT
        )
    return home.path, told["first_sign_on"]


@pytest.fixture
def made(
    initialized: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Offline, dict[str, str]]:
    """A copy of that home, and its first link."""
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    path, first = initialized
    shutil.copytree(path, tmp_path / "home")
    return Offline(tmp_path / "home"), first


@contextmanager
def opened(home: Offline) -> Iterator[System]:
    system = open_system(home.path, starts_at=NOW, environ={})
    try:
        yield system
    finally:
        system.close()


def join(home: Offline, code: str, name: str | None, password: str = GOOD) -> Joined:
    """Use a link as its holder does on the desk's pages."""
    with opened(home) as system:
        offer = system.signon.joining_totp_offer(code, name or "somebody", NOW)
        shown = pyotp.TOTP(offer.secret).at(NOW)
        factor = system.signon.joining_totp(code, offer.step, "phone", shown, NOW)
        return system.joining.finish(
            code, name=name, password=password, factor=factor, visit=HERE, now=NOW
        )


def people(*arguments: str, home: Offline) -> tuple[str, str]:
    """Run a command without --json."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert run([*arguments, *AT, "--home", str(home.path)]) == 0
    return out.getvalue(), err.getvalue()


def test_a_home_from_init_to_its_second_person(
    made: tuple[Offline, dict[str, str]], tmp_path: Path
) -> None:
    home, first = made
    assert first["url"] == f"https://localhost:8445/welcome#{first['code']}"
    expires_at = datetime.fromisoformat(first["expires_at"])
    assert timedelta(hours=23, minutes=59) < expires_at - NOW < timedelta(hours=24, minutes=1)

    # The link of init was lost: a new one ends it.
    again = home.command("user", "link", *AT)["first_sign_on"]
    with pytest.raises(LinkRefused):
        join(home, first["code"], "maria")
    joined = join(home, again["code"], "maria")
    assert joined.signed_on is not None

    # From now on there is no other first administrator.
    code, _, error = home.attempt("user", "link", *AT)
    assert (code, error["error"]["kind"]) == (1, "Conflict")
    grant, reading = home.command("grant", "list", *AT)["grants"]
    assert (reading["principal"], reading["action"]) == ("maria", "audit")
    assert (grant["principal"], grant["action"], grant["state"]) == (
        "maria",
        "administer",
        "active",
    )
    assert (grant["first_administrator"], grant["break_glass"]) == (True, False)
    assert (grant["requested_by"], grant["sellers"]) == ("strongroom", None)

    # She invites from the command line with a credential of her own; others may not.
    credential = tmp_path / "maria.json"
    credential.write_text(json.dumps(home.command("user", "credential", "maria", *AT)))
    as_maria = ["--as", "maria", "--credential-file", str(credential), *AT]
    invited = home.command("user", "invite", "robert", *as_maria)
    assert (invited["name"], invited["made"]) == ("robert", True)
    assert join(home, invited["code"], None, BETTER).grant is None
    code, _, error = home.attempt("user", "invite", "maria", *as_maria)
    assert (code, error["error"]["kind"]) == (1, "Denied")
    assert home.command("audit", "verify", *AT)["ok"]


def test_people_read_one_line_and_are_told_that_it_is_shown_once(
    made: tuple[Offline, dict[str, str]],
) -> None:
    home, _ = made
    out, err = people("user", "link", home=home)
    assert out.startswith("https://localhost:8445/welcome#")
    assert out.count("\n") == 1
    assert "2026-03-03" in out
    assert "shown this once" in err
    out, err = people("user", "invite", "anna", home=home)
    assert "/welcome#" in out
    assert "shown this once" in err


def test_where_the_port_is_picked_later_the_code_stands_alone(
    made: tuple[Offline, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = made
    monkeypatch.setenv("STRONGROOM_DESK__PORT", "0")
    link = home.command("user", "link", *AT)["first_sign_on"]
    assert link["url"] is None
    assert len(link["code"]) == 43
    monkeypatch.setenv("STRONGROOM_DESK__URL", "https://desk.example.com")
    link = home.command("user", "link", *AT)["first_sign_on"]
    assert link["url"] == f"https://desk.example.com/welcome#{link['code']}"


def test_no_code_is_left_in_the_home_or_its_log(
    made: tuple[Offline, dict[str, str]],
) -> None:
    home, first = made
    code = first["code"].encode()
    for path in sorted(home.path.rglob("*")):
        if path.is_file():
            assert code not in path.read_bytes(), path.name


@pytest.mark.parametrize("name", ["admin", "root", "test1", "x", "A B"])
def test_a_name_that_will_not_do_is_not_repeated(
    made: tuple[Offline, dict[str, str]], name: str
) -> None:
    home, _ = made
    code, _, error = home.attempt("user", "invite", name, *AT)
    assert code in {1, 2}
    assert error["error"]["kind"] in {"Denied", "Malformed"}
