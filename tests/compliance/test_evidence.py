"""The evidence store: what is kept stays what it was, and every hand it goes through stands in the log."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.anchors import Authority
from tests.vault.conftest import CONSOLE, NOW, REVIEWER, World

from strongroom.compliance import evidence_offline
from strongroom.compliance.custody import Act, Why, clean_name
from strongroom.compliance.evidence import Belongs, EvidenceStore
from strongroom.compliance.overseen import Verdict
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Gone, Malformed, Tampered
from strongroom.terms import PrincipalId

CASE = Belongs("incident", "7")
MAIL = b"From: a\r\n\r\nMrs. Example called\r\n"


def store(
    world: World,
    *,
    refuse: Callable[[object, datetime], None] = lambda _caller, _now: None,
    stamp: Callable[[str], tuple[bytes, datetime, str] | None] = lambda _text: None,
) -> EvidenceStore:
    return EvidenceStore(
        world.database,
        world.audit,
        Writings(bytes(range(32)), world.environment),
        refuse_strangers=refuse,
        is_active=lambda person, _now: person in (1, 2),
        stamp=stamp,
    )


def names(person: PrincipalId) -> str:
    return {1: "ada", 2: "bob"}[person]


def put(kept: EvidenceStore, content: bytes = MAIL) -> int:
    return kept.put(
        content, "C:\\mail\\first.eml", "message/rfc822", CASE, CONSOLE, NOW, said="inbox"
    ).id


@pytest.mark.clause("1.6")
def test_a_file_is_kept_sealed_and_handed_out_for_a_stated_purpose(world: World) -> None:
    kept = store(world)
    content = MAIL * 80_000  # more than two pieces
    number = put(kept, content)
    with world.database.read() as tx:
        stored = tx.execute(sa.select(schema.evidence_piece.c.content)).scalars().all()
    assert len(stored) == 3
    assert not any(b"Example" in piece for piece in stored)
    item, opened = kept.open(number, Why.INVESTIGATION, CONSOLE, NOW)
    assert (item.name, opened) == ("first.eml", content)
    _item, steps = kept.show(number)
    assert [(step.link.act, step.link.by) for step in steps] == [
        (Act.COLLECTED, 1),
        (Act.VIEWED, 1),
    ]
    assert json.loads(steps[0].said)["said"] == "inbox"
    assert kept.listed(CASE) == [item]
    assert kept.listed(Belongs("incident", "8")) == []


@pytest.mark.clause("1.6")
def test_who_keeps_no_records_of_compliance_gets_nothing(world: World) -> None:
    number = put(store(world))

    def refuse(_caller: object, _now: datetime) -> None:
        raise Denied("this is for people who oversee")

    other = store(world, refuse=refuse)
    with pytest.raises(Denied):
        other.open(number, Why.REVIEW, REVIEWER, NOW)
    with pytest.raises(Denied):
        put(other)


@pytest.mark.clause("1.6")
def test_a_handover_needs_both_people(world: World) -> None:
    kept = store(world)
    number = put(kept)
    with pytest.raises(Denied):
        kept.release(number, PrincipalId(1), REVIEWER, NOW)
    with pytest.raises(Conflict):
        kept.release(number, PrincipalId(9), CONSOLE, NOW)  # nobody who could take it
    kept.release(number, PrincipalId(2), CONSOLE, NOW, said="by hand")
    assert [due.person for due in kept.dues(NOW)] == [2]
    with pytest.raises(Denied):
        kept.answer(number, CONSOLE, NOW, accepts=True)
    with pytest.raises(Conflict):
        kept.dispose(number, CONSOLE, NOW, said="done")
    kept.answer(number, REVIEWER, NOW, accepts=True)
    assert kept.dues(NOW) == []
    with pytest.raises(Denied):
        kept.dispose(number, CONSOLE, NOW, said="not mine any more")
    kept.dispose(number, REVIEWER, NOW, said="the case is closed")
    with pytest.raises(Gone):
        kept.open(number, Why.REVIEW, REVIEWER, NOW)
    assert kept.check(NOW) == {}


@pytest.mark.clause("1.6")
def test_a_thing_is_described_and_handed_over_like_a_file(world: World) -> None:
    kept = store(world)
    with pytest.raises(Malformed):
        kept.put_thing("laptop", CASE, CONSOLE, NOW, said=" ")
    number = kept.put_thing("laptop 4471", CASE, CONSOLE, NOW, said="in the safe").id
    kept.release(number, PrincipalId(2), CONSOLE, NOW)
    kept.answer(number, REVIEWER, NOW, accepts=False)
    with pytest.raises(Gone):
        kept.open(number, Why.REVIEW, CONSOLE, NOW)
    assert kept.check(NOW) == {}


@pytest.mark.clause("1.6")
def test_the_nightly_look_turns_red_for_a_changed_byte_and_green_when_it_is_back(
    world: World,
) -> None:
    kept = store(world)
    assert kept.findings(NOW)["1.6-k"].verdict is Verdict.UNKNOWN
    number = put(kept)
    kept.tend(NOW)
    assert kept.findings(NOW)["1.6-k"].verdict is Verdict.PASS
    pieces = schema.evidence_piece
    with world.database.write() as tx:
        before = tx.execute(sa.select(pieces.c.content)).scalar_one()
        tx.execute(pieces.update().values(content=before[:-1] + bytes([before[-1] ^ 1])))
    kept.tend(NOW + timedelta(hours=23))
    assert kept.findings(NOW)["1.6-k"].verdict is Verdict.PASS, "a day between looks"
    kept.tend(NOW + timedelta(days=1))
    found = kept.findings(NOW + timedelta(days=1))["1.6-k"]
    assert found.verdict is Verdict.FAIL
    assert found.seen_at == NOW + timedelta(days=1)
    assert kept.listed()[0].fault is not None
    faulted = [e for e in world.audit.events() if e.type == "evidence.faulted"]
    assert [(e.body["reason"], e.body["obj"]["ref"]) for e in faulted] == [
        ("tampered", str(number))
    ]
    with world.database.write() as tx:
        tx.execute(pieces.update().values(content=before))
    kept.tend(NOW + timedelta(days=2))
    assert kept.findings(NOW + timedelta(days=2))["1.6-k"].verdict is Verdict.PASS
    stale = kept.findings(NOW + timedelta(days=5))["1.6-k"]
    assert stale.verdict is Verdict.UNKNOWN


@pytest.mark.clause("1.6")
def test_a_package_proves_itself_with_the_logs_key_alone(world: World, tmp_path: Path) -> None:
    kept = store(world)
    number = put(kept)
    kept.release(number, PrincipalId(2), CONSOLE, NOW, said="by hand")
    kept.answer(number, REVIEWER, NOW, accepts=True)
    _name, package = kept.export(number, Why.AMAZON_REQUEST, REVIEWER, NOW, names)
    path, key = tmp_path / "package.zip", tmp_path / "key"
    path.write_bytes(package)
    with world.audit.prover() as prover:
        key.write_text(prover.vkey)
    report = evidence_offline.check(path, key.read_text())
    assert report.faults == []
    assert report.said["custody"] == "4 links"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files["item/first.eml"] == MAIL
    assert evidence_offline.main([str(path), "--key", str(key)]) == 0

    def spoilt(**changed: bytes | None) -> list[str]:
        kept_files = {k: v for k, v in (files | changed).items() if v is not None}
        if "SHA256SUMS" not in changed:
            from strongroom.compliance.evidence_package import sums  # noqa: PLC0415 - the forger's tool

            kept_files.pop("SHA256SUMS")
            kept_files["SHA256SUMS"] = sums(kept_files)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in kept_files.items():
                archive.writestr(name, content)
        path.write_bytes(out.getvalue())
        return evidence_offline.check(path, key.read_text()).faults

    custody = json.loads(files["custody.json"])
    assert spoilt() == []
    assert spoilt(**{"item/first.eml": MAIL + b"x"}) == ["item.edited: another hash"]
    assert spoilt(**{"custody.json": json.dumps(custody[:-1]).encode()}) == [
        "custody.unrecorded: the log has other links"
    ]
    assert spoilt(**{"custody.json": json.dumps(custody[:1] + custody[2:]).encode()})
    edited = [custody[0] | {"by": 2}, *custody[1:]]
    assert spoilt(**{"custody.json": json.dumps(edited).encode()}) == ["custody.edited: link 0"]
    assert spoilt(**{"../evil": b"x"}) == ["package.names: a file would lie elsewhere"]
    assert spoilt(**{"item/../../evil": b"x"}) == ["package.names: a file would lie elsewhere"]
    assert evidence_offline.check(path, "other+00000000+AAAA").faults


@pytest.mark.clause("1.6")
def test_an_authoritys_timestamp_is_kept_with_the_item(world: World, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "tsa")
    asked: list[str] = []

    def stamp(text: str) -> tuple[bytes, datetime, str]:
        asked.append(text)
        return b"answer", NOW, authority.roots

    kept = store(world, stamp=stamp)
    number = put(kept)
    kept.tend(NOW)
    kept.tend(NOW)
    item, steps = kept.show(number)
    assert item.stamped_at == NOW
    assert asked == [steps[0].link.digest]
    _name, package = kept.export(number, Why.REVIEW, CONSOLE, NOW, names)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.read("timestamp.tsr") == b"answer"
        assert archive.read("timestamp.txt").decode() == asked[0]


@pytest.mark.clause("1.6")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\report.pdf", "report.pdf"),
        (".htaccess", "htaccess"),
        ("a\r\nb\x00c.txt", "abc.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("..", "file"),
        ("", "file"),
        ('"><script>.html', "script_.html"),
        ("x" * 300 + ".pdf", "x" * 111 + ".pdf"),
    ],
)
def test_a_name_holds_no_folder_and_no_trick(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.clause("1.6")
def test_what_is_edited_in_the_database_is_handed_out_to_nobody(world: World) -> None:
    """A link removed or rewritten, another hash, an item put there by hand: the log says otherwise."""
    kept = store(world)
    number = put(kept)
    kept.open(number, Why.REVIEW, CONSOLE, NOW)
    links, items = schema.evidence_custody, schema.evidence_item
    with world.database.write() as tx:
        last = tx.execute(sa.select(links).where(links.c.number == 1)).mappings().one()
        tx.execute(links.delete().where(links.c.number == 1))
    with pytest.raises(Tampered, match="the log has other links"):
        kept.open(number, Why.REVIEW, CONSOLE, NOW)
    with world.database.write() as tx:
        tx.execute(links.insert().values(dict(last) | {"by_id": 2}))
    assert kept.check(NOW) == {number: "a link was changed"}
    with world.database.write() as tx:
        tx.execute(links.delete().where(links.c.number == 1))
        tx.execute(links.insert().values(dict(last)))
    assert kept.check(NOW) == {}
    with world.database.write() as tx:
        tx.execute(items.update().values(belongs_ref="8"))
    assert kept.check(NOW) == {number: "its description was changed"}
    with world.database.write() as tx:
        tx.execute(items.update().values(belongs_ref="7"))
        tx.execute(schema.evidence_piece.delete())
        tx.execute(links.delete())
        tx.execute(items.delete())
    assert kept.check(NOW) == {number: "it is gone"}
