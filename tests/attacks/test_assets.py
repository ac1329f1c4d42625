"""What somebody tries with the inventory: files that are bombs, names that are programs, another's word [1.1, 2.3]."""

from __future__ import annotations

import csv
import io
import threading
import time

import orjson
import pytest
import sqlalchemy as sa
from tests.assurance.conftest import Stock, make_world, sqlite_world, stock, world
from tests.assurance.test_assets import DIGEST
from tests.attacks.test_desk import _rooms
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.pages import Member
from tests.vault.conftest import CONSOLE, NOW

from strongroom.assurance.assets import Check, Disposal, Filter, Kind, Words
from strongroom.assurance.assets.reading import MOST_BYTES
from strongroom.assurance.assets.sbom import read_bom
from strongroom.assurance.assets.written import as_csv
from strongroom.compliance.overseen import DutyId, Verdict
from strongroom.db import schema
from strongroom.db.group import Failed
from strongroom.desk.pages import asset_rounds, assets
from strongroom.desk.routes import all_routes
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError, Tampered
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

__all__ = ["ada", "joined", "made_for_two", "make_world", "sqlite_world", "stock", "world"]

pytestmark = pytest.mark.clause("2.3")

NASTY = '"><script>alert(1)</script>'
SECRET = "Mrs-Example-4711"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"hosts": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"hosts": 3}',
        b'{"hosts": [' + b"{}," * 30_000 + b"{}]}",
        b"\xff\xfe\x00",
        b"\x00" * 1000,
        b"",
        b'{"hosts": [{"display_name": "x", "seen_time": NaN}]}',
    ],
)
def test_json_that_is_a_bomb_is_refused_and_says_nothing_of_itself(
    stock: Stock, content: bytes
) -> None:
    began = time.perf_counter()
    with pytest.raises(Malformed) as refused:
        stock.imports.preview(CONSOLE, "fleet", content, NOW)
    assert time.perf_counter() - began < 5
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "content",
    [
        b'name\n"' + b"x" * 2_000_000,
        b"name," * 100_000 + b"\nx",
        b"name\n" + b"x" * 200_000 + b"\n",
        b"name\n" + b"x\n" * 30_000,
        b"name,name\na,b\n",
        b"nothing\nx\n",
        "name\nx\u0000y\n".encode(),
        b"name\n\xe9\xe8\n",
        b"PK\x03\x04" + b"\x00" * 1000,
    ],
)
def test_csv_that_is_a_bomb_is_refused(stock: Stock, content: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        stock.imports.preview(CONSOLE, "own", content, NOW)
    assert len(str(refused.value)) < 200
    assert not stock.imports.listed(NOW)


def test_a_file_beyond_its_limit_is_never_read(ada: Member) -> None:
    fields = ada.browser.form_fields("/assets/imports") | {"feed": "own", "name": ""}
    page = ada.browser.upload("/assets/imports", fields, "a.csv", b"x" * (MOST_BYTES + 200_000))
    assert page.status == 413


@pytest.mark.parametrize(
    "cells",
    [f"{SECRET}\x07,,", f"{'y' * 200}{SECRET},,", f"{SECRET},,someday", f"{SECRET},extra,,,"],
)
def test_a_row_that_cannot_be_read_is_named_by_its_number_alone(stock: Stock, cells: str) -> None:
    content = f"name,serial,seen_at\n{cells}\n".encode()
    found = stock.imports.preview(CONSOLE, "own", content, NOW)
    assert [fault.row for fault in found.faults] == [2]
    assert SECRET not in repr(found)
    with pytest.raises(Conflict) as refused:
        stock.imports.apply(CONSOLE, found.id, NOW)
    assert SECRET not in str(refused.value)
    assert not stock.inventory.page(Filter.EVERY, NOW)


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\u00a0=x", "=cmd|' /C calc'!A0"]
)
def test_an_export_runs_no_formula(stock: Stock, name: str) -> None:
    stock.inventory.add(CONSOLE, Kind.COMPUTER, Words(name, place=name, note=name), NOW)
    content = as_csv(stock.inventory.export(CONSOLE, NOW), {})
    for row in csv.reader(io.StringIO(content.decode())):
        assert not any(cell.strip().startswith(("=", "+", "-", "@")) for cell in row)


def test_what_is_typed_or_imported_is_text_on_every_page(ada: Member) -> None:
    page = ada.browser.get("/assets/new")
    given = {"kind": "medium", "owner": "ada", "pii": "yes"}
    page = ada.browser.submit(
        page, "/assets/new", name=NASTY, serial=NASTY, place=NASTY, note=NASTY, **given
    )
    path = page.path
    lines = io.StringIO()
    csv.writer(lines).writerows(
        [["name", "serial", "kind", "place", "owner"], [NASTY + "2", "", "computer", NASTY, NASTY]]
    )
    fields = ada.browser.form_fields("/assets/imports") | {"feed": "own", "name": ""}
    content = lines.getvalue().encode()
    shown = ada.browser.upload("/assets/imports", fields, "a.csv", content)
    ada.browser.submit(shown, f"{shown.path}/apply")
    page = ada.browser.submit(ada.browser.get("/assets/campaigns"), "/assets/campaigns")
    for where in (
        path,
        page.path,
        "/assets",
        "/assets?show=open&q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/assets/posture",
        "/assets/media",
        "/assets/imports",
        "/assets/campaigns",
    ):
        body = ada.browser.get(where).body
        assert "<script>alert" not in body, where
    fields = ada.browser.form_fields("/assets/imports") | {"feed": NASTY, "name": NASTY}
    refused = ada.browser.upload("/assets/imports", fields, "a.csv", b"x")
    assert (refused.status, "<script>alert" in refused.body) == (400, False)


def test_nothing_is_done_without_the_forms_token_or_by_who_does_not_oversee(ada: Member) -> None:
    ben = ada.browser.home.member("ben")
    posts = {
        route.path.replace("{id}", "1")
        for file in (assets, asset_rounds)
        for route in file.routes(_rooms())
        if route.method == "POST" and not route.path.startswith("/assets/mine")
    }
    assert len(posts) > 12
    for path in sorted(posts):
        assert ada.browser.post(path, {"token": "0" * 64}).status == 403, path
        form = ben.browser.form_fields("/profile")
        assert ben.browser.post(path, form).status == 403, path
        elsewhere = ada.browser.post(
            path, ada.browser.form_fields("/assets"), origin="https://evil.example"
        )
        assert elsewhere.status == 403, path
    for route in all_routes(_rooms()):
        if route.path.startswith("/assets") and route.method == "GET" and route.needs:
            path = route.path.replace("{id}", "1")
            assert ben.browser.get(path).status == 403, path


def test_nobody_states_for_a_device_of_somebody_else(ada: Member) -> None:
    home = ada.browser.home
    home.member("ben")
    home.member("eve")
    inventory = home.system.assurance.assets.inventory

    def person(name: str) -> Caller:
        id_ = home.system.accounts.find(name).id
        return Caller(id_, PrincipalKind.PERSON, name, AuthMethod.SESSION)

    id_ = inventory.add(person("ada"), Kind.COMPUTER, Words("pc"), home.now, owner="ben")
    flags = {Check.DISK: True}
    inventory.state(person("ben"), id_, flags, {}, home.now, digest=DIGEST)
    for name in ("eve",):
        with pytest.raises(Denied):
            inventory.state(person(name), id_, flags, {}, home.now, digest=DIGEST)
    app = Caller(PrincipalId(90), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    for act in (
        lambda: inventory.confirm(app, [id_], home.now),
        lambda: inventory.retire(app, id_, Disposal.DESTROY, home.now),
        lambda: home.system.assurance.assets.campaigns.close(app, 1, home.now),
    ):
        with pytest.raises(Denied):
            act()
    # Who has left states nothing, though the asset is theirs still.
    gone = person("ben")
    home.system.accounts.end("ben", caller=home.console, now=home.now)
    with pytest.raises(Denied):
        inventory.state(gone, id_, flags, {}, home.now, digest=DIGEST)


@pytest.mark.clause("2.3-b")
def test_an_inventory_that_was_edited_or_put_there_counts_for_nothing(stock: Stock) -> None:
    duty = DutyId("2.3-b")
    stock.inventory.add(CONSOLE, Kind.COMPUTER, Words("pc"), NOW, owner="ada")
    campaign = stock.campaigns.start(CONSOLE, NOW)
    stock.campaigns.close(CONSOLE, campaign.id, NOW)
    assert stock.duties.findings(NOW)[duty].verdict is Verdict.PASS
    table = schema.asset_campaign
    with stock.world.database.write() as tx:
        row = dict(tx.execute(sa.select(table)).one()._mapping)
        tx.execute(table.update().values(digest="0" * 64))
    assert stock.duties.findings(NOW)[duty].verdict is Verdict.FAIL
    with pytest.raises(Conflict):
        stock.campaigns.content(stock.campaigns.show(campaign.id))
    with stock.world.database.write() as tx:
        tx.execute(table.delete())
        tx.execute(table.insert().values(row | {"id": 77}))
    assert stock.duties.findings(NOW)[duty].verdict is Verdict.FAIL


def test_words_of_one_asset_do_not_open_as_those_of_another(stock: Stock) -> None:
    first = stock.inventory.add(CONSOLE, Kind.COMPUTER, Words("a"), NOW)
    second = stock.inventory.add(CONSOLE, Kind.COMPUTER, Words("b"), NOW)
    table = schema.asset
    with stock.world.database.write() as tx:
        words = tx.execute(sa.select(table.c.words).where(table.c.id == first)).scalar()
        tx.execute(table.update().where(table.c.id == second).values(words=words))
    with pytest.raises(Tampered):
        stock.inventory.show(second)


def test_an_import_is_applied_once_whoever_hurries(stock: Stock) -> None:
    content = b"name\n" + b"".join(b"d%d\n" % n for n in range(50))
    waiting = stock.imports.preview(CONSOLE, "own", content, NOW)
    ends: list[str] = []

    def apply() -> None:
        try:
            stock.imports.apply(CONSOLE, waiting.id, NOW)
            ends.append("done")
        except StrongroomError as exc:
            ends.append(type(exc).__name__)

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["Conflict", "Conflict", "Conflict", "done"]
    assert len(stock.inventory.page(Filter.EVERY, NOW, limit=100)) == 50


def test_a_crash_in_the_middle_of_an_import_leaves_nothing_of_it(stock: Stock) -> None:
    content = b"name,disk,seen_at\n" + b"".join(b"d%d,yes,2026-03-09\n" % n for n in range(20))
    waiting = stock.imports.preview(CONSOLE, "own", content, NOW)
    with stock.world.database.write() as tx:
        tx.execute(sa.text("ALTER TABLE asset_posture RENAME TO asset_posture_away"))
    with pytest.raises(Failed):
        stock.imports.apply(CONSOLE, waiting.id, NOW)
    with stock.world.database.write() as tx:
        tx.execute(sa.text("ALTER TABLE asset_posture_away RENAME TO asset_posture"))
    assert not stock.inventory.page(Filter.EVERY, NOW)
    assert stock.imports.show(waiting.id, NOW).waits
    stock.imports.apply(CONSOLE, waiting.id, NOW)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"{}",
        b'{"bomFormat": "CycloneDX", "specVersion": "9.9"}',
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": 3}',
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [3]}',
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "'
        + b"x" * 10_000
        + b'"}]}',
        orjson.dumps({"bomFormat": "CycloneDX", "specVersion": {"a": 1}}),
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><bom/>",
    ],
)
def test_a_bill_of_materials_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_bom(content)
