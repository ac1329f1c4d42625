"""Attacks on Amazon's notices: a deletion that did not happen must not be certified, and nobody deletes alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support import tables
from tests.support.noticed import ACME, ADA, BOB, DONE, Desk, fill, save
from tests.vault.conftest import APP, NOW, World

from strongroom.crypto.note import Signer
from strongroom.db import schema
from strongroom.deletion import offline
from strongroom.deletion.certificate import canonical, sign
from strongroom.errors import Conflict, Denied, Tampered
from strongroom.policy.deletion import Scope, Selectors
from strongroom.terms import Action, Purpose

pytestmark = pytest.mark.clause("1.7")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate as it was handed out."""
    home = tmp_path_factory.mktemp("home")
    world = World(home, tables.copy_to(home / "vault.db"), tables.copy_to(home / "keys.db"))
    world.open()
    world.populate()
    tokens = fill(world, 3)
    world.grant()
    world.read(tokens[0])
    desk = Desk(world)
    number = desk.register()
    desk.whole(number)
    found = desk.notices.certificate(number, ADA, DONE)
    world.close()
    return save(found, home / "certificate")


@pytest.fixture
def certificate(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to forge."""
    copy = tmp_path / "certificate"
    copy.mkdir()
    for file in made.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def faults(directory: Path) -> list[str]:
    key = (directory / "certificate.vkey").read_text()
    return [fault.partition(":")[0] for fault in offline.check(directory, key).faults]


def resigned(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Forge the document and sign it anew, as whoever has the certificate's key alone could."""
    document = json.loads((directory / "certificate.json").read_bytes())
    change(document)
    signer = Signer("strongroom.invalid/deletion/forged", bytes(32))
    page, content = (directory / "certificate.pdf").read_bytes(), canonical(document)
    (directory / "certificate.json").write_bytes(content)
    note = sign(signer, document["notice"]["id"], content, page)
    (directory / "certificate.note").write_text(note)
    (directory / "certificate.vkey").write_text(signer.vkey)


def test_a_certificate_as_it_was_made_is_sound(certificate: Path) -> None:
    assert faults(certificate) == []


def test_a_certificate_of_another_key_is_refused(certificate: Path) -> None:
    real = (certificate / "certificate.vkey").read_text()
    resigned(certificate, lambda _document: None)
    (certificate / "certificate.vkey").write_text(real)
    assert faults(certificate) == ["note.signature"]


@pytest.mark.parametrize("name", ["certificate.json", "certificate.pdf", "certificate.note"])
def test_a_changed_byte_of_any_of_its_files_is_told(certificate: Path, name: str) -> None:
    path = certificate / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert faults(certificate) != []
    path.unlink()
    assert faults(certificate) == ["file.missing"]


def _drop_store(document: dict[str, Any]) -> None:
    document["stores"] = [one for one in document["stores"] if one["store"] != "backups"]


def _no_method(document: dict[str, Any]) -> None:
    document["stores"][0]["method"] = "moved to the bin"


def _swap_evidence(document: dict[str, Any]) -> None:
    first, second = document["stores"][:2]
    first["events"], second["events"] = second["events"], first["events"]


def _found_is_clean(document: dict[str, Any]) -> None:
    document["stores"][0]["verdict"] = "found"


def _fewer_erased(document: dict[str, Any]) -> None:
    document["records"]["erased"] = 0


def _hidden_exception(document: dict[str, Any]) -> None:
    document["records"]["held"] = 2


def _edited_entry(document: dict[str, Any]) -> None:
    entry = document["events"][0]
    entry["entry"] = entry["entry"].replace("success", "failure")


def _confirmed_by_nobody(document: dict[str, Any]) -> None:
    document["parties"][0]["confirmed_by"] = "carla"


def _no_evidence(document: dict[str, Any]) -> None:
    document["events"] = []


def _other_form(document: dict[str, Any]) -> None:
    document["stores"] = 7


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_drop_store, "store.missing"),
        (_no_method, "store.method"),
        (_swap_evidence, "event.missing"),
        (_found_is_clean, "store.found"),
        (_fewer_erased, "records.erased"),
        (_hidden_exception, "records.held"),
        (_edited_entry, "event.unproved"),
        (_confirmed_by_nobody, "event.missing"),
        (_no_evidence, "event.missing"),
        (_other_form, "document.form"),
    ],
)
def test_a_content_that_the_log_does_not_bear_out_is_refused_even_well_signed(
    certificate: Path, change: Callable[[dict[str, Any]], None], fault: str
) -> None:
    resigned(certificate, change)
    assert fault in faults(certificate)


def test_a_finding_that_was_edited_is_not_certified(sqlite_world: World) -> None:
    fill(sqlite_world, 2)
    desk = Desk(sqlite_world)
    number = desk.register()
    desk.agree(number)
    desk.run(number)
    fill(sqlite_world, 1, first=9)
    assert desk.notices.verify(number, BOB, DONE).lacks != []
    facts = schema.deletion_fact
    with sqlite_world.database.write() as tx:
        query = sa.select(facts.c.id, facts.c.content).where(facts.c.kind == "verified")
        for row in tx.execute(query).all():
            content = json.dumps(json.loads(row.content) | {"verdict": "clean"}, sort_keys=True)
            tx.execute(facts.update().where(facts.c.id == row.id).values(content=content))
    with pytest.raises(Tampered):
        desk.notices.certificate(number, ADA, DONE)


def test_an_approval_of_an_earlier_plan_does_not_bring_it_back(sqlite_world: World) -> None:
    fill(sqlite_world, 1)
    desk = Desk(sqlite_world)
    number = desk.register()
    desk.agree(number, declared=["a"])
    facts = schema.deletion_fact
    with sqlite_world.database.read() as tx:
        earlier = tx.execute(
            sa.select(facts.c.content).where(facts.c.kind == "planned")
        ).scalar_one()
    desk.notices.plan(number, (), ("b",), ADA, NOW)
    with sqlite_world.database.write() as tx:
        later = (
            sa.select(sa.func.max(facts.c.id)).where(facts.c.kind == "planned").scalar_subquery()
        )
        tx.execute(facts.update().where(facts.c.id == later).values(content=earlier))
    with pytest.raises(Tampered):
        desk.run(number)


def test_what_a_notice_names_cannot_be_exchanged(sqlite_world: World) -> None:
    fill(sqlite_world, 3)
    sqlite_world.grant(ADA, action=Action.SEARCH, purpose=Purpose.AMAZON_REQUEST)
    desk = Desk(sqlite_world)
    one, other = (
        desk.register(Scope(orders=1), Selectors(orders=(f"902-000000{n}-0000001",)))
        for n in (1, 2)
    )
    desk.agree(one)
    rows = schema.deletion_notice
    with sqlite_world.database.write() as tx:
        stolen = tx.execute(sa.select(rows.c.selectors).where(rows.c.id == other)).scalar_one()
        tx.execute(rows.update().where(rows.c.id == one).values(selectors=stolen))
    with pytest.raises(Tampered):
        desk.run(one)


def test_a_program_deletes_nothing_and_a_person_nothing_alone(sqlite_world: World) -> None:
    tokens = fill(sqlite_world, 1)
    sqlite_world.grant()
    desk = Desk(sqlite_world)
    number = desk.register()
    with pytest.raises(Denied):
        desk.notices.plan(number, (), (), APP, NOW)
    planned = desk.notices.plan(number, (), (), ADA, NOW)
    with pytest.raises(Denied):
        desk.notices.approve(number, planned.terms or "", ADA, NOW)
    with pytest.raises(Conflict):
        desk.run(number)
    desk.notices.approve(number, planned.terms or "", BOB, NOW)
    with pytest.raises(Denied):
        desk.notices.run(number, APP, NOW, req="r", progress=lambda _n: None)
    assert sqlite_world.read(tokens[0]) == "Jürgen Groß"


@pytest.mark.clause("2.6")
def test_nothing_that_a_notice_leaves_behind_names_a_buyer_or_an_order(
    sqlite_world: World, tmp_path: Path
) -> None:
    fill(sqlite_world, 2)
    sqlite_world.grant(ADA, action=Action.SEARCH, purpose=Purpose.AMAZON_REQUEST)
    desk = Desk(sqlite_world)
    number = desk.register(
        Scope(sellers=(ACME,), orders=1), Selectors(orders=("902-0000001-0000001",))
    )
    desk.whole(number)
    made = desk.notices.certificate(number, ADA, DONE)
    directory = save(made, tmp_path / "certificate")
    told = b"".join(path.read_bytes() for path in directory.iterdir())
    files = b"".join(content for _name, content in sqlite_world.database.raw_bytes())
    for value in ("902-0000001-0000001", "Jürgen Groß", "Hauptstraße 5"):
        assert value.encode() not in told + files
    assert sha256(made.document).hexdigest() in made.note
