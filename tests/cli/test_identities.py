"""`user identity`: who signs on through the provider, said on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.cli.commands import run
from strongroom.opening import initialize
from strongroom.terms import Environment

ISSUER = "https://login.example.com"
SUBJECT = "248289761001"


@pytest.mark.clause("1.2")
def test_people_are_linked_listed_and_unlinked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    passphrase.write_text("a passphrase of the tests, 42")
    initialize(
        home,
        environment=Environment.TEST,
        passphrase=passphrase.read_text(),
        passphrase_file=passphrase,
        one_person=True,
        environ={},
    )

    def command(*arguments: str, code: int = 0) -> Any:
        assert run(["--home", str(home), "user", *arguments, "--json"]) == code
        printed = capsys.readouterr()
        return json.loads(printed.out or printed.err)

    command("add", "anna")
    refused = command("identity", "link", "anna", "--subject", SUBJECT, code=1)
    assert refused["error"]["kind"] == "Conflict"
    with (home / "strongroom.toml").open("a") as settings:
        settings.write(f'[oidc]\nissuer = "{ISSUER}"\nclient_id = "desk"\n')
    linked = command("identity", "link", "anna", "--subject", SUBJECT)
    assert set(linked) == {"id", "name", "issuer", "live", "created_at", "ended_at"}
    assert (linked["name"], linked["issuer"], linked["live"]) == ("anna", ISSUER, True)
    assert command("identity", "list", "anna") == {"identities": [linked]}
    ended = command("identity", "unlink", str(linked["id"]))
    assert ended["live"] is False
    assert ended["ended_at"]
    assert command("identity", "list") == {"identities": [ended]}
    assert SUBJECT not in json.dumps([refused, linked, ended])
