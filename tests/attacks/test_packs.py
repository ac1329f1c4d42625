"""Whoever edits a pack is found; personal data, canaries and spoilt evidence never make one; who may not, gets none."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from tests.assurance.packs.conftest import (
    YEAR,
    Filled,
    before,
    build,
    damage,
    filled,
    home,
    unpacked,
)
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.pages import DeskHome, Member

from strongroom.assurance.packs import offline, pack, tables
from strongroom.assurance.packs.guarding import refuse_personal
from strongroom.assurance.packs.page import index
from strongroom.assurance.packs.report import report
from strongroom.audit import EventType
from strongroom.crypto.note import Signer
from strongroom.errors import Conflict, Denied
from strongroom.terms import AuthMethod, Caller, PrincipalKind

__all__ = ["ada", "before", "filled", "home", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("3", "2.6")


def test_one_byte_changed_anywhere_is_found(filled: Filled) -> None:
    files = unpacked(filled.pack)
    assert offline.check_files(dict(files), filled.pack.key).ok
    for name, content in files.items():
        for at in {0, len(content) // 2, len(content) - 1}:
            edited = bytearray(content)
            edited[at] ^= 1
            found = offline.check_files({**files, name: bytes(edited)}, filled.pack.key)
            assert not found.ok, (name, at)


def test_a_file_left_out_or_put_in_is_found(filled: Filled) -> None:
    files = unpacked(filled.pack)
    for name in files:
        rest = {other: content for other, content in files.items() if other != name}
        assert not offline.check_files(rest, filled.pack.key).ok, name
    assert not offline.check_files({**files, "more.txt": b""}, filled.pack.key).ok


def test_whoever_writes_the_lists_anew_lacks_the_key(filled: Filled) -> None:
    files = unpacked(filled.pack)
    files["clauses.csv"] = files["clauses.csv"].replace(b",fail,", b",pass,")
    files["SHA256SUMS"] = pack._sums(
        {
            name: content
            for name, content in files.items()
            if name not in ("SHA256SUMS", "pack.note")
        }
    )
    thief = Signer(filled.pack.key.partition("+")[0], bytes(32))
    files["pack.note"] = thief.sign(
        f"{offline.FORMAT}\n{offline.sha256(files['SHA256SUMS']).hexdigest()}\n"
    ).encode()
    found = offline.check_files(files, filled.pack.key)
    assert any("note." in fault for fault in found.faults)


def test_a_link_in_the_folder_is_no_file(filled: Filled, tmp_path: Path) -> None:
    for name, content in unpacked(filled.pack).items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "other").write_bytes((tmp_path / "pack/poam.csv").read_bytes())
    (tmp_path / "pack/poam.csv").unlink()
    (tmp_path / "pack/poam.csv").symlink_to(tmp_path / "other")
    assert not offline.check(tmp_path / "pack", filled.pack.key).ok


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ("maria.rossi@libero.it", "shape.email"),
        ("+39 333 987 6541", "shape.phone"),
        ("bWFyaWEucm9zc2lAbGliZXJvLml0", "shape.email"),
        ("amzn1.oa2-cs.v1." + sha256(b"made up").hexdigest(), "secret.lwa-client-secret"),
    ],
    ids=["mail", "phone", "in base64", "a secret"],
)
def test_what_looks_personal_is_refused_by_name_and_never_by_value(planted: str, kind: str) -> None:
    files = {"clauses.csv": f"duty,why\r\n2.1-a,seen at {planted} today\r\n".encode()}
    with pytest.raises(Conflict) as refused:
        refuse_personal(files, lambda _content: False)
    assert kind in refused.value.message
    assert "clauses.csv" in refused.value.message
    assert planted not in str(refused.value)


def test_a_canary_is_refused() -> None:
    with pytest.raises(Conflict, match="canary"):
        refuse_personal({"events.csv": b"x"}, lambda content: content == b"x")


def test_personal_data_in_what_a_room_says_ends_the_build_and_is_recorded(home: DeskHome) -> None:
    """A room that said too much, as by a fault of ours, must not reach an auditor."""
    packs = home.system.assurance.packs
    read = packs.registers.read

    class Loud:
        milestones = staticmethod(packs.registers.milestones)

        @staticmethod
        def read(now: object) -> object:
            found = dict(read(now))  # type: ignore[arg-type]
            return found | {"incidents": [{"incident": "told by maria.rossi@libero.it"}]}

    loud = replace(packs, registers=Loud())  # type: ignore[arg-type]
    with pytest.raises(Conflict, match=r"registers/incidents\.csv"):
        loud.build(home.console, home.now - YEAR, home.now, home.now)
    last = home.events(EventType.PACK_BUILT.value)[-1]
    assert (last.outcome, last.body["obj"]["ref"]) == ("failure", "none")


def test_no_cell_of_a_table_is_a_formula() -> None:
    made = tables.as_csv(("why",), [{"why": "=HYPERLINK(0)"}, {"why": "@x"}, {"why": "-1+1"}])
    cells = [row[0] for row in csv.reader(io.StringIO(made.decode()))][1:]
    assert all(one.startswith("'") for one in cells)


def test_what_is_said_is_text_on_the_page_and_in_the_report(home: DeskHome) -> None:
    packs = home.system.assurance.packs
    account = packs.reckoned(home.console, home.now)
    said = '"><script>alert(1)</script> #emph[x] *y*'
    loud = replace(account, rows=tuple(replace(row, why=said) for row in account.rows[:3]))
    page = index(loud, {"a": said}).decode()
    assert said not in page
    assert "&lt;script&gt;" in page
    # Typst would stop at markup that names what is not there; this text is data to it.
    assert report(replace(loud, rows=tuple(replace(r, why="#no-such()") for r in loud.rows)))


def test_no_member_of_the_archive_leaves_its_folder(filled: Filled) -> None:
    with zipfile.ZipFile(io.BytesIO(filled.pack.archive)) as archive:
        for one in archive.infolist():
            assert one.filename.startswith(f"{filled.pack.name}/")
            assert ".." not in one.filename.split("/")
            assert one.external_attr >> 16 == 0o600


@pytest.mark.clause("1.3")
def test_who_does_not_oversee_builds_none(home: DeskHome) -> None:
    eve = home.member("eve")
    number = home.system.accounts.find("eve").id
    caller = Caller(number, PrincipalKind.PERSON, "eve", AuthMethod.SESSION)
    with pytest.raises(Denied):
        home.system.assurance.packs.build(caller, home.now - YEAR, home.now, home.now)
    assert eve.browser.get("/packs").status == 403
    assert eve.browser.get("/packs/key").status == 403


@pytest.mark.clause("1.3")
def test_a_pack_is_built_by_its_own_form_only(ada: Member) -> None:
    days = {"since": "2025-03-10", "until": "2026-03-09"}
    assert ada.browser.post("/packs", days).status == 403
    page = ada.browser.submit(ada.browser.get("/packs"), "/packs", **days)
    assert page.header("content-type") == "application/zip"


def test_a_pack_of_spoilt_evidence_is_refused(home: DeskHome) -> None:
    damage(home, home.system.compliance.evidence.listed()[0].id)
    with pytest.raises(Conflict, match="does not match"):
        build(home)
