"""Holds and archives on the command line: two people, a sweep, and somebody offline who opens what was sealed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import Offline

from strongroom.crypto.age import new_identity

pytestmark = pytest.mark.clause("2.1")

PLACE = (
    "hold", "place", "--law", "DE-USTG-14B", "--reference", "14b.1", "--reason", "tax_retention",
    "--categories", "name,address", "--purchased-from", "2026-01-01", "--purchased-to", "2026-12-31",
    "--until", "2034-12-31",
)  # fmt: skip
AT = ("--now", "2026-03-10T12:00:00Z")


def file(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Offline, tuple[str, ...]]:
    """A home of two people, and how the second proves who that is."""
    directory = tmp_path_factory.mktemp("several")
    home = Offline.make(directory / "made", one_person=False)
    boris = file(directory / "boris.json", json.dumps(home.command("user", "add", "boris", *AT)))
    return home, ("--as", "boris", "--credential-file", boris)


@pytest.fixture(autouse=True)
def _unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)


def test_two_people_agree_on_recipients_and_on_a_hold(
    made: tuple[Offline, tuple[str, ...]], tmp_path: Path
) -> None:
    home, proof = made
    _identity, recipient = new_identity()
    asked = home.command(
        "archive", "recipients", "set", file(tmp_path / "r.txt", f"# ours\n{recipient}\n"), *AT
    )
    assert asked["state"] == "pending"
    assert home.command("archive", "recipients", "show", *AT)["recipients"] == []
    approve = ("archive", "recipients", "approve", str(asked["change"]), "--terms", asked["terms"])
    code, _result, error = home.attempt(*approve, *AT)
    assert (code, error["error"]["kind"]) == (1, "Denied")
    home.command(*approve, *proof, *AT)
    assert home.command("archive", "recipients", "show", *AT)["recipients"] == [recipient]

    change = home.command(*PLACE, "--country", "de", *AT)
    assert (change["countries"], change["categories"]) == (["DE"], ["address", "name"])
    listed = home.command("hold", "list", *AT)
    assert (listed["holds"], listed["waiting"][0]["change"]) == ([], change["change"])
    home.command("hold", "approve", str(change["change"]), "--terms", change["terms"], *proof, *AT)
    (hold,) = home.command("hold", "list", *AT)["holds"]
    assert hold["in_effect"]
    number = str(hold["hold"])
    assert home.command("hold", "show", number, *AT)["archives"] == []
    assert home.command("hold", "review", number, *AT)["hold"] == hold["hold"]
    release = home.command("hold", "release", number, *AT)
    home.command("hold", "reject", str(release["change"]), *proof, *AT)
    assert home.command("hold", "show", number, *AT)["in_effect"]
    assert home.command("archive", "verify", *AT) == {"ok": True, "faults": []}
    assert home.command("archive", "expire", *AT)["destroyed"] == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--law", "DE-NONE"),
        ("--reference", "Jürgen Groß"),
        ("--reference", "0171-2345-6789"),
        ("--reason", "because"),
        ("--categories", "phone"),
        ("--until", "2035-01-01"),
        ("--until", "soon"),
        ("--purchased-to", "2027-12-31"),
        ("--country", "XX"),
    ],
)
def test_what_no_law_can_mean_is_refused_without_repeating_it(
    made: tuple[Offline, tuple[str, ...]], option: str, value: str
) -> None:
    code, _result, error = made[0].attempt(*PLACE, *AT, option, value)
    assert code == 2
    assert value not in json.dumps(error, ensure_ascii=False)


def test_the_laws_can_be_listed(made: tuple[Offline, tuple[str, ...]]) -> None:
    laws = {law["code"]: law for law in made[0].command("hold", "laws")["laws"]}
    assert laws["DE-USTG-14B"]["years"] == 8
    assert {law["country"] for law in laws.values()} >= {"DE", "FR", "GB", "IT", "US", "JP"}


def sealed(tmp_path: Path) -> tuple[Path, str]:
    """An archive with its manifest, as the service writes them, and the identity's file."""
    from strongroom.crypto.age import Recipients  # noqa: PLC0415 - beside what it makes
    from strongroom.vault import cold  # noqa: PLC0415 - as above

    identity, recipient = new_identity()
    name = cold.new_name(3, 45)
    about: dict[str, Any] = {
        "archive": name, "environment": "test", "hold": 3, "law": "DE-USTG-14B", "reference": "14b.1",
        "source": "…", "categories": ("name",), "seller": 1, "purchased_from": "2026-01-01",
        "purchased_to": "2026-12-31", "sealed_at": "2026-04-08T00:00:00+00:00", "keep_until": "2034-12-31",
    }  # fmt: skip
    place = tmp_path / "away"
    place.mkdir()
    directory = cold.Directory(place)
    recipients = Recipients([recipient])
    value = b'{"record":1,"slot":"recipient.name","category":"name","value":"Zoe"}\n'
    written = directory.write(name, recipients, [cold.header(about), value])
    manifest = cold.Manifest(
        **about, records=1, size_bytes=written.bytes, sha256=written.sha256,
        proof_sha256=written.proof_sha256, recipients=recipients.names,
    )  # fmt: skip
    directory.write_manifest(manifest)
    return place / f"{name}.age", file(tmp_path / "identity.txt", identity + "\n")


def test_an_archive_opens_with_an_identity_and_no_home(tmp_path: Path) -> None:
    archive, identity = sealed(tmp_path)
    nowhere = Offline(tmp_path / "no-home")
    proved = nowhere.command("archive", "open", str(archive), "--identity", identity, "--prove")
    assert sorted(path.name for path in archive.parent.iterdir()) == [
        archive.name,
        archive.with_suffix(".json").name,
    ]
    out = tmp_path / "opened"
    out.mkdir()
    opened = nowhere.command(
        "archive", "open", str(archive), "--identity", identity, "--out", str(out)
    )
    assert opened["digest"] == proved["digest"]
    (written,) = out.iterdir()
    assert (written.stat().st_mode & 0o777, b'"Zoe"' in written.read_bytes()) == (0o600, True)
    code, _result, error = nowhere.attempt(
        "archive", "open", str(archive), "--identity", identity, "--out", str(out)
    )
    assert (code, error["error"]["kind"]) == (1, "Conflict")


def test_a_changed_archive_writes_nothing(tmp_path: Path) -> None:
    archive, identity = sealed(tmp_path)
    out = tmp_path / "opened"
    out.mkdir()
    nowhere = Offline(tmp_path / "no-home")
    opening = ("archive", "open", str(archive), "--identity", identity)
    archive.write_bytes(archive.read_bytes()[:-1])
    for more in (("--out", str(out)), ("--prove",)):
        code, _result, error = nowhere.attempt(*opening, *more)
        assert (code, error["error"]["kind"]) == (1, "Tampered")
    archive.with_suffix(".json").unlink()
    code, _result, error = nowhere.attempt(*opening, "--out", str(out))
    assert (code, error["error"]["kind"]) == (1, "Tampered")
    assert list(out.iterdir()) == []
    assert nowhere.attempt(*opening)[0] == 2
