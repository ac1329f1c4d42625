"""Subject requests on the command line: what names somebody comes by files, answers go to new ones."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline
from tests.support.passphrases import unsealed

from strongroom.accounts.names import of_console
from strongroom.control import os_user

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("2.2")


@pytest.fixture
def desk(offline: Offline, tmp_path: Path) -> Offline:
    me = of_console(os_user(os.geteuid()))
    offline.command(
        "grant", "add", "--principal", me, "--role", "privacy-desk", "--all-sellers", "--days", "30"
    )
    (tmp_path / "client").touch(mode=0o600)
    (tmp_path / "client").write_text("secret")
    offline.command(
        "seller", "add", "acme", "--region", "eu", "--marketplace", "A1PA6795UKMFR9",
        "--client-id", "id", "--client-secret-file", str(tmp_path / "client"),
        "--refresh-token-file", str(tmp_path / "client"),
    )  # fmt: skip
    return offline


def named(path: Path, **sought: str) -> str:
    path.write_text(json.dumps(sought))
    return str(path)


def test_a_request_from_receipt_to_close(desk: Offline, tmp_path: Path) -> None:
    asks = named(tmp_path / "asks.json", email="j.gross@example.net", name="Jürgen Groß")
    opened = desk.command("request", "open", "--kind", "access", "--named-in", asks)
    assert (opened["state"], opened["law"]) == ("unverified", "gdpr")
    number = str(opened["request"])
    out = tmp_path / "answer.age"
    code, _, error = desk.attempt("request", "export", number, "--out", str(out))
    assert (code, error["error"]["kind"]) == (1, "Denied")
    assert not out.exists()
    desk.command("request", "verify", number, "--method", "message_answered")
    assert desk.command("request", "find", number)["records"] == []
    made = desk.command("request", "export", number, "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    archive = unsealed(out.read_bytes(), made["passphrase"])
    with zipfile.ZipFile(io.BytesIO(archive)) as opened_file:
        assert json.loads(opened_file.read("data.json"))["records"] == []
    assert desk.attempt("request", "export", number, "--out", str(out))[0] == 2, "only a new file"
    letter = tmp_path / "letter.pdf"
    said = desk.command("request", "reply", number, "nothing_found", "--out", str(letter))
    assert "Article 15" in said["letter"]
    assert "[Name]" in said["letter"]
    assert letter.read_bytes().startswith(b"%PDF-")
    assert desk.command("request", "close", number)["state"] == "closed"
    shown = desk.command("request", "show", number)
    assert [step["step"] for step in shown["steps"]][-2:] == ["replied", "closed"]
    assert desk.command("request", "list")["requests"][0]["outcome"] == "nothing_found"


def test_no_error_repeats_what_a_file_names(desk: Offline, tmp_path: Path) -> None:
    for sought in ({"mail": "secret@example.net"}, {"email": "x" * 400}, {"order": "902-secret"}):
        asks = named(tmp_path / "asks.json", **sought)
        code, _, error = desk.attempt("request", "open", "--kind", "erase", "--named-in", asks)
        assert (code, error["error"]["kind"]) == (2, "Malformed")
        assert "secret" not in json.dumps(error)
    assert desk.attempt("request", "erase", "1")[0] == 2, "wants --yes"
    assert desk.attempt("request", "rectify", "1", "--record", "1", "--field", "x")[0] == 2


def test_the_record_of_processing_has_a_row_for_each_field(desk: Offline) -> None:
    found = desk.command("request", "register")
    fields = {row["field"]: row for row in found["fields"]}
    city = fields["recipient.city"]
    assert city["purposes"] == ["fulfilment", "invoicing", "tax"]
    assert "getOrderAddress" in " ".join(city["collected_by"])
    assert city["used_by"], "the privacy desk may read it"
    assert all(row["stored"] and row["disposed"] for row in fields.values())
    assert {law["law"] for law in found["laws"]} >= {"gdpr", "uk_gdpr", "ccpa", "lgpd"}
