"""The runbooks are typed as they stand: upgrading, going back by a restore, and leaving with everything destroyed."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.home import CATEGORIES
from tests.support.offline import PASSPHRASE, Offline
from tests.support.walked import commands, typed

from strongroom import logs
from strongroom.accounts.names import of_console
from strongroom.app import machine_clock
from strongroom.control import os_user
from strongroom.crypto.age import Identities, new_identity
from strongroom.db.migrate import Schema

__all__ = ["made_home", "offline"]

NAMES = ("Élodie Durand-Marke", "Zoltán Nagy-Marke")
ORDERS = ("902-1000001-0000001", "902-1000002-0000002")


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def soft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in this process, which other tests want to look into."""
    monkeypatch.setattr(logs, "harden", lambda **_: None)


@pytest.fixture
def home(offline: Offline, tmp_path: Path) -> Offline:
    """A home with two orders in it, whose console may read its log."""
    secret = private(tmp_path / "secret", "a secret that nobody uses, 42")
    offline.command(
        "seller", "add", "acme", "--region", "eu", "--marketplace", "A1PA6795UKMFR9",
        "--client-id", "amzn1.application-oa2-client.1", "--client-secret-file", str(secret),
        "--refresh-token-file", str(secret),
    )  # fmt: skip
    offline.read_log()
    day = machine_clock().date().isoformat()
    rows = "\n".join(f"{order},{name},{day}" for order, name in zip(ORDERS, NAMES, strict=True))
    (tmp_path / "orders.csv").write_text(f"id,name,day\n{rows}\n")
    (tmp_path / "map.toml").write_text(
        f'seller = "acme"\n[source]\nfile = "{tmp_path}/orders.csv"\n[order]\nid = "id"\n'
        'purchased = "day"\n'
        '[fields]\nname = "recipient.name"\n'
    )
    # It ends with 1, because the old file is still there.
    _, told, _ = offline.attempt("import", str(tmp_path / "map.toml"))
    assert told["replaced_rows"] == len(ORDERS), told
    return offline


def identity(path: Path) -> str:
    """Write an identity to a file and return its recipient."""
    text, recipient = new_identity()
    private(path, text + "\n")
    return recipient


def opened(package: Path, key: Path) -> list[dict[str, Any]]:
    """Open what was sealed to a recipient, as `age` would."""
    target = io.BytesIO()
    Identities([key.read_text().strip()]).open(io.BytesIO(package.read_bytes()), target)
    return [json.loads(one) for one in target.getvalue().splitlines()]


def period_keys(home: Offline) -> set[bytes]:
    """Return the wrapped keys there are."""
    with sqlite3.connect(home.path / "keys.db") as keys:
        rows = keys.execute("SELECT wrapped FROM period_key WHERE wrapped IS NOT NULL").fetchall()
    keys.close()
    return {row[0] for row in rows if row[0]}


def answered(line: str, names: dict[str, str], home: Offline) -> None:
    """Answer for each store that can't be read from here, after a look that found nothing anywhere else."""
    _, found, _ = home.attempt("notice", "verify", "1")
    verdicts = {one["store"]: one["verdict"] for one in found["stores"]}
    assert set(verdicts.values()) <= {"clean", "unknown"}, verdicts
    for store in [one for one, verdict in verdicts.items() if verdict == "unknown"]:
        typed(line, {**names, "STORE": store}, home.path)


@pytest.mark.clause("1.7", "2.1")
def test_a_home_is_left_with_everything_out_and_provably_destroyed(
    home: Offline, tmp_path: Path
) -> None:
    recipient = identity(tmp_path / "recipient.identity")
    usb = tmp_path / "usb"
    usb.mkdir()
    names = {
        "/media/usb": str(usb),
        "LOGKEY": str(usb / "log/key"),
        "NAME": of_console(os_user(os.geteuid())),
        "CATEGORIES": CATEGORIES,
        "RECIPIENT": recipient,
    }
    before = period_keys(home)
    assert before
    for heading in ("1. Nothing new comes in", "2. The log goes out"):
        for line in commands("leaving.md", heading):
            typed(line, names, home.path)
    for line in commands("leaving.md", "3. The data goes out"):
        if "approve" in line:
            # One person runs this home: that two do is tested with the notices.
            names["TERMS"] = home.command("notice", "show", "1")["terms"]
            with pytest.raises(AssertionError, match="was approved already"):
                typed(line, names, home.path)
        elif line.startswith("age "):
            out = opened(home.path / "returned/notice-1.age", tmp_path / "recipient.identity")
        else:
            typed(line.replace("returned/", f"{home.path}/returned/"), names, home.path)
    assert {one["subject"]: one["values"]["recipient.name"] for one in out} == dict(
        zip(ORDERS, NAMES, strict=True)
    )
    for line in commands("leaving.md", "4. It is proved"):
        if "STORE" in line:
            answered(line, names, home)
        elif "notice verify" not in line:  # it ends with 1 while somebody has to answer for a store
            typed(line, names, home.path)
    assert home.command("notice", "show", "1")["state"] == "closed"
    assert (usb / "certificate/certificate.pdf").exists()

    # Whatever was ever copied of the vault was sealed under keys that are gone, and so are their bytes.
    assert not before & period_keys(home)
    kept = b"".join(path.read_bytes() for path in home.path.glob("keys.db*"))
    assert not [key for key in before if key in kept]

    names["HOME"] = str(home.path)
    names["/etc/credstore.encrypted/strongroom-passphrase"] = str(
        private(tmp_path / "passphrase", PASSPHRASE)
    )
    for line in commands("leaving.md", "5. The home ends"):
        if not line.startswith("systemctl"):
            typed(line, names, home.path)
    assert not home.path.exists()
    # Nothing but what was carried out is needed to check it.
    check = (str(usb / "certificate"), "--key-file", str(usb / "deletion.vkey"))
    typed(f"strongroom notice certificate --verify {' '.join(check)}", {}, tmp_path / "none")


@pytest.mark.clause("2.7", "2.1")
def test_an_upgrade_is_gone_through_and_taken_back(home: Offline, tmp_path: Path) -> None:
    """The link is changed, the program is the same: what a migration does has tests of its own."""
    copies = tmp_path / "copies"
    copies.mkdir()
    for kind, name in (("recipient", "backup"), ("recovery", "recovery")):
        value = identity(tmp_path / f"{name}.identity")
        home.command("backup", "place", "add", kind, value)
    home.command("backup", "place", "add", "keys", str(copies))
    new, old = tmp_path / "opt/strongroom-new", tmp_path / "opt/strongroom"
    (new / "bin").mkdir(parents=True)
    (new / "bin/strongroom").write_text("#!/bin/sh\necho 'strongroom 9.9.9'\n")
    (new / "bin/strongroom").chmod(0o755)
    names = {"/opt/": f"{tmp_path}/opt/"}

    for line in commands("upgrading.md", "Before"):
        typed(line, names, home.path)
    for line in commands("upgrading.md", "Change over"):
        if not line.startswith("systemctl"):
            typed(line, names, home.path)
    assert old.resolve() == new

    (backup,) = (home.path / "backups").glob("*.age")
    (copy,) = copies.glob("keys-*.age")
    restored = tmp_path / "restored"
    names = {
        "BACKUP": str(backup),
        "KEYS": str(copy),
        "OLDHOME": str(home.path),
        "NEWHOME": str(restored),
        " passphrase ": f" {private(tmp_path / 'passphrase', PASSPHRASE)} ",
        "backup.identity": str(tmp_path / "backup.identity"),
        "recovery.identity": str(tmp_path / "recovery.identity"),
    }
    for line in commands("upgrading.md", "Going back"):
        if not line.startswith("systemctl"):
            typed(line, names, home.path)
    found = Offline(restored).command("retention", "status")
    assert found == home.command("retention", "status")


@pytest.mark.clause("2.7")
def test_an_older_program_refuses_a_newer_home_as_the_page_says(offline: Offline) -> None:
    page = (Path(__file__).parents[2] / "docs/upgrading.md").read_text()
    with sqlite3.connect(offline.path / "vault.db") as vault:
        vault.execute("UPDATE alembic_version SET version_num = '9999'")
    vault.close()
    code, _, error = offline.attempt("doctor")
    assert code != 0
    said = json.dumps(error) + json.dumps(offline.attempt("seller", "list"))
    promised = re.search(r"says `(at a revision[^`]+)`", page)
    assert promised
    assert promised[1] in said
    with sqlite3.connect(offline.path / "vault.db") as vault:
        assert vault.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    vault.close()
    assert Schema.VAULT.newest < "9999"


@pytest.mark.clause("2.1", "2.4")
def test_a_lost_home_is_restored(home: Offline, tmp_path: Path) -> None:
    """By one person; that two people agree is tested with the commands, a bucket with a server for it."""
    recipients = {name: identity(tmp_path / f"{name}.identity") for name in ("backup", "recovery")}
    apart, copies, lost = tmp_path / "other-site", tmp_path / "keys-only", tmp_path / "old-home"
    apart.mkdir()
    copies.mkdir()
    names = {"/mnt/other-site": str(apart), "/mnt/keys-only": str(copies)}
    for line in commands("backup.md", "Set up, once"):
        kind = "recovery" if "recovery" in line else "backup"
        if line.startswith("strongroom") and "s3:" not in line and "approve" not in line:
            typed(line, {**names, "age1…": recipients[kind]}, home.path)
    home.command("backup", "run")
    for line in commands("backup.md", "Copies of the keystore")[:2]:
        typed(line, {}, home.path)
    drill = {"/media/usb/": f"{tmp_path}/"}
    for line in commands("backup.md", "Drill"):
        typed(line, drill, home.path)

    home.path.rename(lost)
    (backup,) = apart.glob("*.age")
    (copy,) = copies.glob("keys-*.age")
    names = {
        "keys-….age": str(copy),
        "NAME.age": str(backup),
        "backup.identity": str(tmp_path / "backup.identity"),
        "recovery.identity": str(tmp_path / "recovery.identity"),
        "-file passphrase ": f"-file {private(tmp_path / 'passphrase', PASSPHRASE)} ",
        "/srv/new": str(tmp_path / "new"),
        "/mnt/old-home": str(lost),
        " --checkpoint witnessed-checkpoint": "",
        " --as anna --credential-file anna.json --approver boris --approver-credential-file boris.json": "",
    }
    for line in commands("backup.md", "It is lost: restore"):
        typed(re.sub(r" {2,}", " ", line), names, tmp_path / "none")
    assert Offline(tmp_path / "new").command("seller", "list")["sellers"][0]["name"] == "acme"
