"""Nodes and client certificates on the command line, and what doctor says of them and of our own secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import make
from tests.support.offline import Offline

from strongroom import logs

pytestmark = pytest.mark.clause("1.2", "1.4")

NOW = datetime.now(UTC)  # noqa: TID251 - a home is as old as the machine says
MARK = "jane.roe+mark@example.com"


class Shop:
    """One home, and commands on a day counted from now."""

    def __init__(self, home: Offline, directory: Path) -> None:
        self.home = home
        self._directory = directory
        self._written = 0

    def on(self, day: int, *arguments: str) -> Any:
        code, result, error = self.attempt(day, *arguments)
        assert code == 0, (arguments, error)
        return result

    def attempt(self, day: int, *arguments: str) -> tuple[int, Any, Any]:
        now = (NOW + timedelta(days=day)).isoformat()
        return self.home.attempt(*arguments, "--now", now)

    def file(self, text: str) -> str:
        self._written += 1
        path = self._directory / f"file-{self._written}"
        path.write_text(text)
        return str(path)

    def certificate(self, name: str = "depot") -> str:
        return self.file(make(name).pem)

    def check(self, day: int, id_: str) -> tuple[str, str]:
        _code, result, _error = self.attempt(day, "doctor")
        (found,) = [check for check in result["checks"] if check["id"] == id_]
        return found["state"], found["hint"] or ""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    return Shop(Offline.make(tmp_path / "made"), tmp_path)


def test_a_node_from_its_first_day_to_its_last(shop: Shop) -> None:
    first = shop.certificate()
    made = shop.on(
        *(0, "node", "add", "depot-1", "--owner", "anna", "--certificate-file", first),
    )
    assert (made["kind"], made["owner"], made["owner_registered"]) == ("node", "anna", True)
    assert made["client_secret"].startswith("amzn1.oa2-cs")
    code, _, error = shop.attempt(
        *(0, "grant", "add", "--principal", "depot-1", "--action", "reveal", "--all-sellers"),
        *("--purpose", "fulfilment", "--categories", "name", "--days", "30"),
    )
    assert (code, error["error"]["kind"]) == (1, "Denied")
    (listed,) = shop.on(0, "node", "list")["nodes"]
    assert "client_secret" not in listed
    assert len(listed["secrets"]) == len(listed["certificates"]) == 1
    # Two weeks before the quarter is over doctor asks for the next ones, by node.
    assert shop.check(60, "apps.secrets")[0] == "ok"
    assert shop.check(80, "apps.secrets") == ("warning", "strongroom node rotate depot-1")
    state, hint = shop.check(80, "apps.certificates")
    assert (state, "node certificate depot-1" in hint) == ("warning", True)
    assert shop.check(91, "apps.certificates")[0] == "failed"
    shop.on(80, "node", "rotate", "depot-1", "--overlap-days", "1")
    next_ = shop.certificate()
    shop.on(80, "node", "certificate", "depot-1", "--certificate-file", next_)
    assert shop.check(91, "apps.secrets")[0] == "ok"
    assert shop.check(91, "apps.certificates")[0] == "ok"
    (code, _, error) = shop.attempt(91, "node", "certificate-revoke", "depot-1", "2")
    assert (code, "--yes" in error["error"]["hint"]) == (2, True)
    gone = shop.on(91, "node", "certificate-revoke", "depot-1", "2", "--yes")
    assert (gone["works"], gone["node"]) == (False, "depot-1")
    assert shop.check(91, "apps.certificates")[0] == "failed"
    # The person who answers for it can't leave before it.
    assert shop.attempt(91, "user", "end", "anna", "--yes")[0] == 1
    assert shop.attempt(91, "app", "end", "depot-1", "--yes")[0] == 2
    shop.on(91, "node", "end", "depot-1", "--yes")
    proof = shop.on(91, "user", "proof", "depot-1")
    assert {held["kind"] for held in proof["held"]} == {"credential", "certificate"}
    assert all(held["dead"] for held in proof["held"])
    shop.on(91, "user", "end", "anna", "--yes")
    held = shop.on(91, "user", "proof", "anna")["held"]
    assert [(one["kind"], one["dead"]) for one in held] == [("node", True)]


def test_an_apps_certificates(shop: Shop) -> None:
    shop.on(0, "app", "add", "erp", "--owner", "anna")
    made = shop.on(0, "app", "certificate", "erp", "--certificate-file", shop.certificate())
    assert (made["app"], made["certificate"], made["works"]) == ("erp", 1, True)
    shop.on(0, "app", "certificate-revoke", "erp", "1", "--yes")
    (listed,) = shop.on(0, "app", "certificates", "erp")["certificates"]
    assert (listed["works"], listed["thumbprint"]) == (False, made["thumbprint"])
    # An app goes back to its secret alone; nothing is late.
    assert shop.check(0, "apps.certificates")[0] == "ok"
    for kind, name in (("node", "erp"), ("app", "anna"), ("app", "nobody")):
        code, _, error = shop.attempt(
            *(0, kind, "certificate", name, "--certificate-file", shop.certificate())
        )
        assert (code in (1, 2), error["error"]["kind"] in ("Malformed", "NotFound")) == (True, True)


def test_a_file_that_is_no_certificate_is_not_repeated(shop: Shop) -> None:
    shop.on(0, "app", "add", "erp", "--owner", "anna")
    for text in (MARK, make().key_pem, make(MARK).pem.replace("A", "B")):
        code, result, error = shop.attempt(
            *(0, "app", "certificate", "erp", "--certificate-file", shop.file(text)),
        )
        assert (code, result, error["error"]["kind"]) == (2, None, "Malformed")
        assert "mark" not in str(error)
        assert "PRIVATE" not in str(error)


def test_doctor_asks_for_a_new_passphrase_and_fails_when_it_is_late(shop: Shop) -> None:
    (listed,) = shop.on(1, "secret", "list")["secrets"]
    assert (listed["name"], listed["limit_days"]) == ("root-passphrase", 90)
    assert "keys passphrase" in listed["rotate"]
    states = [shop.check(day, "secrets.age")[0] for day in (1, 80, 91)]
    assert states == ["ok", "warning", "failed"]
    new = shop.file("another passphrase, 4711")
    done = shop.on(91, "keys", "passphrase", "--passphrase-file", new)
    Path(done["update"].partition(":")[0]).write_text("another passphrase, 4711")
    assert shop.check(92, "secrets.age")[0] == "ok"


@pytest.mark.clause("2.5")
def test_no_secret_is_taken_as_an_argument(shop: Shop) -> None:
    """What stands in argv is seen by every user of the machine."""
    for arguments in (
        ("seller", "rotate", "acme", "--client-secret", MARK),
        ("seller", "rotate", "acme", "--refresh-token", MARK),
        ("keys", "passphrase", "--passphrase", MARK),
        ("secret", "rotate", "vault-database", "--url", MARK),
        ("secret", "rotate", "vault-database", MARK),
    ):
        code, result, error = shop.attempt(0, *arguments)
        assert (code, result) == (2, None)
        assert MARK not in str(error)


def test_only_secrets_that_there_are_can_be_rotated(shop: Shop) -> None:
    url = shop.file(f"postgresql+psycopg://u:{MARK}@/vault?host=/tmp")
    for name, kind in (("root-passphrase", "Malformed"), (MARK, "Malformed")):
        code, _, error = shop.attempt(0, "secret", "rotate", name, "--url-file", url)
        assert (code, error["error"]["kind"]) == (2, kind)
        assert "mark" not in str(error)
    # The records of this home are in a file.
    code, _, error = shop.attempt(0, "secret", "rotate", "vault-database", "--url-file", url)
    assert (code, error["error"]["kind"]) == (1, "Conflict")
    assert "mark" not in str(error)
