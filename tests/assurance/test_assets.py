"""The inventory: what is seen comes in, what people and feeds say of it, and the quarter's campaign."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa

from strongroom.assurance.assets import Assets, Check, Disposal, Filter, Kind, Source, Words
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import DutyId, Finding, Office, Verdict
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Gone, Malformed
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.filled import fill
from tests.support.pages import DeskHome, Member

__all__ = ["ada", "joined", "made_for_two"]

DIGEST = "ab" * 32


def _rooms(ada: Member) -> tuple[DeskHome, Assets, Caller]:
    home = ada.browser.home
    person = home.system.accounts.find(ada.name).id
    caller = Caller(person, PrincipalKind.PERSON, ada.name, AuthMethod.SESSION)
    return home, home.system.assurance.assets, caller


def _finding(home: DeskHome, duty: str) -> Finding:
    return home.system.assurance.assets.duties.findings(home.now)[DutyId(duty)]


def _reads(home: DeskHome, who: PrincipalId, kind: PrincipalKind, name: str) -> None:
    """Have the log know that this principal opened a value."""
    caller = Caller(who, kind, name, AuthMethod.SESSION)
    event = Event(
        EventType.RECORD_REVEALED,
        Outcome.SUCCESS,
        caller,
        obj_kind=ObjKind.RECORD,
        obj_ref="1",
    )
    home.system.audit.record(event, now=home.now)


def _let_sign(home: DeskHome, caller: Caller) -> None:
    offices = home.system.compliance.offices
    offices.appoint(home.console, Office.IT_ADMIN, Part.HOLDER, caller.name, home.now)
    offices.accept(caller, Office.IT_ADMIN, Part.HOLDER, home.now, "ada@example.com")


@pytest.mark.clause("2.3", "2.3-a")
def test_what_opens_values_comes_in_by_itself_and_stays_red_until_somebody_vouches(
    ada: Member,
) -> None:
    home, assets, caller = _rooms(ada)
    fill(home, ada)
    erp = home.system.accounts.find("erp")
    # Even before the house has listed it: what is seen and not there fails.
    assert _finding(home, "2.3-a").verdict is Verdict.FAIL
    _reads(home, erp.id, PrincipalKind.APP, "erp")
    _reads(home, caller.principal, PrincipalKind.PERSON, "ada")
    assert assets.discover(home.now) == 3
    assert assets.discover(home.now) == 0
    listed = {one.words.name: one for one in assets.inventory.page(Filter.OPEN, home.now)}
    assert {one.source for one in listed.values()} == {Source.SEEN}
    assert listed["erp"].kind is Kind.SOFTWARE
    assert listed["erp"].owner == caller.principal
    assert any(one.kind is Kind.COMPUTER for one in listed.values())
    assert "labels" not in listed  # it never opened anything
    finding = _finding(home, "2.3-a")
    assert (finding.verdict, "3 assets" in finding.why) == (Verdict.FAIL, True)
    ids = [one.id for one in listed.values()]
    with pytest.raises(Conflict, match="no owner"):
        assets.inventory.confirm(caller, ids, home.now)
    assets.inventory.confirm(caller, ids, home.now, owner="ada")
    assert _finding(home, "2.3-a").verdict is Verdict.PASS
    # A new program that reads turns it red again, and so does an owner who leaves.
    labels = home.system.accounts.find("labels")
    _reads(home, labels.id, PrincipalKind.APP, "labels")
    assert _finding(home, "2.3-a").verdict is Verdict.FAIL
    assets.discover(home.now)
    (one,) = assets.inventory.page(Filter.OPEN, home.now)
    assets.inventory.confirm(caller, [one.id], home.now)
    assert _finding(home, "2.3-a").verdict is Verdict.PASS
    home.member("ben")
    assets.inventory.change(caller, one.id, Kind.SOFTWARE, one.words, home.now, owner="ben")
    assert _finding(home, "2.3-a").verdict is Verdict.PASS
    home.system.accounts.end("ben", caller=home.console, now=home.now)
    assert "without an owner" in _finding(home, "2.3-a").why


@pytest.mark.clause("2.3")
def test_a_retired_program_that_reads_again_is_open_again(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    fill(home, ada)
    erp = home.system.accounts.find("erp")
    _reads(home, erp.id, PrincipalKind.APP, "erp")
    assets.discover(home.now)
    (one,) = assets.inventory.page(Filter.ACTIVE, home.now, text="ERP")
    home.passes(hours=1)
    assets.inventory.retire(caller, one.id, Disposal.NONE_HELD, home.now)
    assets.discover(home.now)
    assert assets.inventory.show(one.id).state == "retired"
    home.passes(hours=1)
    _reads(home, erp.id, PrincipalKind.APP, "erp")
    assert _finding(home, "2.3-a").verdict is Verdict.FAIL
    assert assets.discover(home.now) == 1
    assert assets.inventory.show(one.id).state == "unconfirmed"


@pytest.mark.clause("2.3")
def test_a_device_with_personal_data_leaves_only_with_its_data_destroyed(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    words = Words("packing-3", serial="SN-1")
    id_ = assets.inventory.add(caller, Kind.COMPUTER, words, home.now, owner="ada")
    with pytest.raises(Conflict, match="handles personal data"):
        assets.inventory.retire(caller, id_, Disposal.NONE_HELD, home.now)
    assets.inventory.retire(caller, id_, Disposal.CRYPTO_ERASE, home.now, digest=DIGEST)
    (event,) = home.events("asset.retired")
    assert event.body["op"] == "crypto_erase"
    with pytest.raises(Conflict, match="retired"):
        assets.inventory.confirm(caller, [id_], home.now)


@pytest.mark.clause("2.3")
def test_an_asset_is_there_once_by_its_serial_number(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    assets.inventory.add(caller, Kind.COMPUTER, Words("a", serial="SN-1"), home.now)
    with pytest.raises(Conflict):
        assets.inventory.add(caller, Kind.COMPUTER, Words("b", serial="sn-1 "), home.now)
    with pytest.raises(Malformed):
        assets.inventory.add(caller, Kind.COMPUTER, Words("line\nbreak"), home.now)
    stranger = Caller(PrincipalId(99), PrincipalKind.PERSON, "eve", AuthMethod.SESSION)
    with pytest.raises(Denied):
        assets.inventory.add(stranger, Kind.COMPUTER, Words("c"), home.now)


@pytest.mark.clause("2.3", "2.4")
def test_no_word_of_an_asset_lies_readable_in_the_database(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    words = Words("Annas Rechner", "SER-4711", "Lager Nord", "gehört Anna")
    assets.inventory.add(caller, Kind.COMPUTER, words, home.now, owner="ada")
    with home.system.database.read() as tx:
        row = tx.execute(sa.select(schema.asset)).one()
    kept = " ".join(str(value) for value in row)
    for word in ("Anna", "4711", "Lager", "geh"):
        assert word.lower() not in kept.lower()


@pytest.mark.clause("1.1", "2.3", "1.1-c", "2.3-c")
def test_a_device_is_unknown_until_something_reports_it_and_again_when_that_ages(
    ada: Member,
) -> None:
    home, assets, caller = _rooms(ada)
    assert _finding(home, "1.1-c").verdict is Verdict.UNKNOWN
    id_ = assets.inventory.add(caller, Kind.COMPUTER, Words("pc"), home.now, owner="ada")
    for duty in ("1.1-c", "2.3-c"):
        assert _finding(home, duty).verdict is Verdict.UNKNOWN
    flags = dict.fromkeys(
        (Check.PRESENT, Check.RUNNING, Check.GUARDED, Check.DISK, Check.LOCK), True
    )
    ages = dict.fromkeys(
        (Check.SIGNATURES, Check.PATCHES, Check.SCAN), home.now - timedelta(days=2)
    )
    with pytest.raises(Malformed, match="evidence"):
        assets.inventory.state(caller, id_, flags, ages, home.now, digest="")
    assets.inventory.state(caller, id_, flags, ages, home.now, digest=DIGEST)
    for duty in ("1.1-c", "2.3-c"):
        assert _finding(home, duty).verdict is Verdict.PASS
    bad = flags | {Check.DISK: False}
    assets.inventory.state(caller, id_, bad, ages, home.now, digest=DIGEST)
    assert _finding(home, "2.3-c").verdict is Verdict.FAIL
    assert _finding(home, "1.1-c").verdict is Verdict.PASS
    assets.inventory.state(caller, id_, flags, ages, home.now, digest=DIGEST)
    home.passes(days=91)
    for duty in ("1.1-c", "2.3-c"):
        assert _finding(home, duty).verdict is Verdict.UNKNOWN


@pytest.mark.clause("2.3", "2.3-b")
def test_the_quarter_is_signed_by_the_it_administrator_when_nothing_is_open(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    assert _finding(home, "2.3-b").verdict is Verdict.FAIL
    first = assets.inventory.add(caller, Kind.COMPUTER, Words("pc"), home.now, owner="ada")
    home.passes(minutes=1)
    campaign = assets.campaigns.start(caller, home.now)
    with pytest.raises(Conflict, match="open already"):
        assets.campaigns.start(caller, home.now)
    with pytest.raises(Denied):
        assets.campaigns.close(caller, campaign.id, home.now)
    assert home.events("asset.campaign.closed")[-1].outcome == "denied"
    _let_sign(home, caller)
    with pytest.raises(Conflict, match="neither confirmed nor retired"):
        assets.campaigns.close(caller, campaign.id, home.now)
    left = assets.campaigns.unsettled(campaign, before=None, after=None, limit=50)
    assets.inventory.confirm(caller, [one.id for one in left], home.now, owner="ada")
    closed = assets.campaigns.close(caller, campaign.id, home.now)
    assert _finding(home, "2.3-b").verdict is Verdict.PASS
    row = home.system.compliance.duties.board(home.now).row(DutyId("2.3-b"))
    assert "signed" in row.findings[0].why
    # The next one says what came, went and changed.
    home.passes(days=60)
    assets.inventory.retire(caller, first, Disposal.DESTROY, home.now)
    second = assets.inventory.add(caller, Kind.MOBILE, Words("phone"), home.now, owner="ada")
    own = next(
        one for one in assets.inventory.page(Filter.ACTIVE, home.now) if one.key == "own:strongroom"
    )
    words = Words("Strongroom", place="rack 2")
    assets.inventory.change(caller, own.id, Kind.SOFTWARE, words, home.now, owner="ada")
    home.passes(days=35)
    assert _finding(home, "2.3-b").verdict is Verdict.FAIL  # older than a quarter
    console = home.console  # access that nobody reviewed for a quarter counts no more
    next_ = assets.campaigns.start(console, home.now)
    difference = assets.campaigns.difference(next_)
    assert difference.added == ((second, "phone"),)
    assert difference.gone == ((first, "pc"),)
    assert difference.changed == ((own.id, "Strongroom"),)
    left = assets.campaigns.unsettled(next_, before=None, after=None, limit=50)
    assert second in [one.id for one in left]  # nobody has seen it for this quarter
    assets.inventory.confirm(console, [one.id for one in left], home.now)
    assets.campaigns.close(caller, next_.id, home.now)
    assert _finding(home, "2.3-b").verdict is Verdict.PASS
    content = orjson.loads(assets.campaigns.content(assets.campaigns.show(closed.id)))
    assert {one["name"] for one in content} == {"pc", "Strongroom"}


FLEET = {
    "hosts": [
        {
            "display_name": "mac-1",
            "hardware_serial": "C02X1",
            "platform": "darwin",
            "seen_time": "2026-03-10T08:00:00.123456789Z",
            "disk_encryption_enabled": True,
            "primary_user": "ada@example.com",
            "policies": [
                {"name": "Antivirus healthy (macOS)", "response": "pass"},
                {"name": "Screen lock enabled (macOS)", "response": "pass"},
                {"name": "Operating system up to date (macOS)", "response": "pass"},
                {"name": "Tamper protection enabled", "response": "pass"},
                {"name": "Full scan in the last week", "response": "fail"},
            ],
            "software": [{"name": "Firefox", "version": "140.0"}],
        },
        {"hostname": "shelf", "platform": "ubuntu", "seen_time": "2026-01-01T00:00:00Z"},
    ]
}


@pytest.mark.clause("2.3", "1.1-c", "2.3-c")
def test_hosts_of_fleet_are_imported_and_the_same_file_changes_nothing(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    content = orjson.dumps(FLEET)
    waiting = assets.imports.preview(caller, "fleet", content, home.now)
    assert waiting.counts == {"created": 2, "changed": 0, "untouched": 0, "unseen": 0, "bad": 0}
    assert not assets.inventory.page(Filter.EVERY, home.now)
    assets.imports.apply(caller, waiting.id, home.now)
    with pytest.raises(Conflict, match="already"):
        assets.imports.apply(caller, waiting.id, home.now)
    by_name = {one.words.name: one for one in assets.inventory.page(Filter.EVERY, home.now)}
    mac, shelf = by_name["mac-1"], by_name["shelf"]
    assert (mac.kind, mac.owner, mac.state) == (Kind.COMPUTER, caller.principal, "unconfirmed")
    row = {
        check: cell.state.value for check, cell in assets.inventory.posture(mac, home.now).items()
    }
    assert row["disk"] == row["running"] == row["lock"] == row["guarded"] == "pass"
    assert row["scan"] == "fail"
    silent = assets.inventory.posture(shelf, home.now)
    assert silent[Check.PRESENT].state.value == silent[Check.DISK].state.value == "unknown"
    bom = assets.inventory.bom(mac.id)
    assert bom is not None
    assert (bom.format, bom.components) == ("osquery", 1)
    assert _finding(home, "1.1-c").verdict is Verdict.FAIL
    again = assets.imports.preview(caller, "fleet", content, home.now)
    assert again.counts == {"created": 0, "changed": 0, "untouched": 2, "unseen": 0, "bad": 0}
    assets.imports.apply(caller, again.id, home.now)
    assert len(assets.inventory.page(Filter.EVERY, home.now)) == 2
    # Mended, and seen a day later under another name: one changed, one not seen any more.
    home.passes(days=1)
    host = dict(FLEET["hosts"][0], display_name="mac-2", seen_time="2026-03-11T08:00:00Z")
    host["policies"] = [dict(p, response="pass") for p in host["policies"]]  # type: ignore[arg-type]
    third = assets.imports.preview(caller, "fleet", orjson.dumps([host]), home.now)
    assert third.counts == {"created": 0, "changed": 1, "untouched": 0, "unseen": 1, "bad": 0}
    assets.imports.apply(caller, third.id, home.now)
    assert assets.inventory.show(mac.id).words.name == "mac-2"
    assert _finding(home, "1.1-c").verdict is Verdict.PASS
    # A device that says nothing for thirty days is unknown, not good.
    home.passes(days=31)
    assert _finding(home, "1.1-c").verdict is Verdict.UNKNOWN


@pytest.mark.clause("2.3")
def test_an_old_export_does_not_overwrite_what_was_reported_since(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    new = b"name,disk,seen_at\npc,no,2026-03-10\n"
    old = b"name,disk,seen_at\npc,yes,2026-03-01\n"
    for content in (new, old):
        waiting = assets.imports.preview(caller, "own", content, home.now)
        assets.imports.apply(caller, waiting.id, home.now)
    (one,) = assets.inventory.page(Filter.EVERY, home.now)
    assert one.kind is Kind.OTHER
    assets.inventory.change(caller, one.id, Kind.COMPUTER, one.words, home.now, owner="ada")
    one = assets.inventory.show(one.id)
    assert assets.inventory.posture(one, home.now)[Check.DISK].state.value == "fail"


@pytest.mark.clause("2.3")
def test_rows_that_cannot_be_read_are_named_by_number_and_nothing_is_half_imported(
    ada: Member,
) -> None:
    home, assets, caller = _rooms(ada)
    lines = [
        "Device name,Serial number,OS,Primary user UPN,Last check-in,Encrypted",
        "pc-1,S1,Windows,ada@example.com,2026-03-09T10:00:00Z,Yes",
        ",,Windows,,,",
        "pc-2,S2,Windows,,never ever,Yes",
        "pc-3,S1,Windows,,,No",
        "pc-4,S4",
        "x" * 200 + ",S5,Windows,,,",
    ]
    content = "\ufeff" + "\r\n".join(lines)
    waiting = assets.imports.preview(caller, "intune", content.encode("utf-8"), home.now)
    assert waiting.counts["created"] == 1
    assert [fault.row for fault in waiting.faults] == [3, 4, 5, 6, 7]
    assert not any("pc-" in fault.why or "ever" in fault.why for fault in waiting.faults)
    with pytest.raises(Conflict, match="5 rows"):
        assets.imports.apply(caller, waiting.id, home.now)
    assert not assets.inventory.page(Filter.EVERY, home.now)
    done = assets.imports.apply(caller, waiting.id, home.now, leave_out=True)
    assert done.applied_at == home.now
    (one,) = assets.inventory.page(Filter.EVERY, home.now)
    assert (one.words.name, one.owner) == ("pc-1", caller.principal)
    utf16 = assets.imports.preview(caller, "intune", content[1:].encode("utf-16"), home.now)
    assert utf16.counts["untouched"] == 1
    home.passes(hours=25)
    with pytest.raises(Gone):
        assets.imports.apply(caller, utf16.id, home.now, leave_out=True)


@pytest.mark.clause("2.3")
def test_a_mapping_of_ones_own_reads_what_ours_do_not(ada: Member) -> None:
    home, assets, caller = _rooms(ada)
    mapping = b"""
otherwise = "server"
[columns]
name = ["Rechner"]
place = "Standort"
[flags]
disk = "Platte"
"""
    content = b"Rechner;Standort;Platte\nsrv-1;Halle 2;yes\n"
    waiting = assets.imports.preview(caller, "lansweeper", content, home.now, mapping=mapping)
    assets.imports.apply(caller, waiting.id, home.now)
    (one,) = assets.inventory.page(Filter.EVERY, home.now, text="SRV-1")
    assert (one.kind, one.words.place, one.feed) == (Kind.SERVER, "Halle 2", "lansweeper")
    for broken in (b"[", b"{}", b'{"columns": {"name": 3}}', b'{"colours": {}}', b"\xff\xfe{"):
        with pytest.raises(Malformed):
            assets.imports.preview(caller, "lansweeper", content, home.now, mapping=broken)
