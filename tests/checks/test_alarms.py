"""Whether somebody would hear: each check red and green for the right reason."""

from __future__ import annotations

import pytest

from strongroom.alarms import AlarmKind
from strongroom.audit.deliveries import reconcile_since_last
from strongroom.compliance.overseen import Verdict
from tests.checks.looking import House

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@pytest.mark.clause("2.6-h")
def test_a_watch_that_stopped_is_red_until_it_has_seen_what_waits(house: House) -> None:
    watch = house.system.alarms.watch
    watch.run(lambda: house.now)
    assert house.verdict("alarms.watch") is PASS
    house.app()
    assert house.verdict("alarms.watch") is PASS
    house.passes(minutes=6)
    assert house.verdict("alarms.watch") is FAIL
    watch.run(lambda: house.now)
    assert house.verdict("alarms.watch") is PASS


@pytest.mark.clause("2.6-i", "2.6-j", "2.6-l")
def test_alarms_that_nobody_tried_this_quarter_are_red(house: House) -> None:
    checks = ("alarms.drill", "alarms.drill_volume", "egress.drill")
    assert {house.verdict(check) for check in checks} == {FAIL}
    house.ask("alarm.drill", kinds=["request_rate", "boundary_crossed"])
    assert house.look("alarms.drill_volume").why.startswith("3 of 4 alarms not tried")
    assert house.look("egress.drill").why.startswith("1 of 2 alarms not tried")
    house.ask("alarm.drill", kinds=[kind.value for kind in AlarmKind])
    assert {house.verdict(check) for check in checks} == {PASS}
    house.passes(days=91)
    assert {house.verdict(check) for check in checks} == {FAIL}


@pytest.mark.clause("2.6-i", "2.6-l", "2.3-d")
def test_a_channel_that_nobody_approved_is_red_and_so_is_none(house: House) -> None:
    assert house.look("alarms.channels").why == "no alarm reaches anybody"
    house.ask("channel.add.webhook", name="pager", url="https://localhost:9/hook")
    assert house.verdict("alarms.channels") is PASS
    assert house.verdict("egress.boundary") is PASS
    house.edit("UPDATE delivery_target SET name = 'elsewhere'")
    house.system.targets.forget()
    assert house.verdict("alarms.channels") is FAIL
    assert (
        house.look("egress.boundary").why == "1 destination not what was approved, and sent nothing"
    )
    house.edit("UPDATE delivery_target SET name = 'pager'")
    house.system.targets.forget()
    assert house.verdict("alarms.channels") is PASS
    assert house.verdict("egress.boundary") is PASS


@pytest.mark.clause("2.6-k")
def test_a_canary_that_is_gone_is_red_and_so_is_a_touch_nobody_tried(house: House) -> None:
    assert house.verdict("canaries.present") is FAIL
    house.ask("canary.plant", seller="acme")
    assert house.verdict("canaries.present") is PASS
    assert house.verdict("canaries.told") is FAIL
    house.ask("canary.check", seller="acme")
    assert house.verdict("canaries.told") is PASS
    # What was touched counts no more.
    assert house.verdict("canaries.present") is FAIL
    house.ask("canary.plant", seller="acme")
    assert house.verdict("canaries.present") is PASS
    with house.system.database.read() as tx:
        query = "SELECT max(number) FROM record"
        number = tx.exec_driver_sql(query).scalar_one()
    house.edit("CREATE TABLE away AS SELECT * FROM record WHERE number = ?", number)
    house.edit("DELETE FROM record WHERE number = ?", number)
    found = house.look("canaries.present")
    assert (found.verdict, found.why) == (FAIL, "1 canary record gone before its day")
    house.edit("INSERT INTO record SELECT * FROM away")
    house.edit("DROP TABLE away")
    assert house.verdict("canaries.present") is PASS
    house.passes(days=40)
    assert house.verdict("canaries.told") is FAIL


@pytest.mark.clause("2.6-l")
def test_a_read_that_never_left_is_red_and_so_are_days_without_a_look(house: House) -> None:
    def reconcile() -> None:
        house.passes(minutes=10)
        reconcile_since_last(house.system.audit, house.system.database, house.now)

    assert house.verdict("egress.reconciled") is FAIL
    reconcile()
    assert house.verdict("egress.reconciled") is PASS
    app = house.app()
    house.grant(app)
    token = house.order()
    # Through the vault's door itself, with no answer that ever left.
    house.system.vault.reveal(app, token, purpose=house.purpose, now=house.now, req="1-2-3")
    reconcile()
    found = house.look("egress.reconciled")
    assert (found.verdict, found.why[:16]) == (FAIL, "1 record opened ")
    reconcile()
    assert house.verdict("egress.reconciled") is PASS
    house.passes(days=3)
    assert house.verdict("egress.reconciled") is FAIL


@pytest.mark.clause("2.6-m")
def test_an_alarm_that_nobody_explains_for_a_day_is_red(house: House) -> None:
    house.system.alarms.watch.run(lambda: house.now)
    house.ask("canary.plant", seller="acme")
    app = house.app()
    house.grant(app)
    order, _record = house.system.vault.canaries.order_to_touch(house.seller) or ("", 0)
    house.touch(app, order)
    house.system.alarms.watch.run(lambda: house.now)
    alarms = house.ask("alarm.list", every=False)["alarms"]
    (alarm,) = [one for one in alarms if one["kind"] == "canary_touched"]
    for one in alarms:
        if one is not alarm:
            house.ask("alarm.close", alarm=one["id"], disposition="benign")
    assert house.verdict("alarms.waiting") is PASS
    house.passes(hours=25)
    found = house.look("alarms.waiting")
    assert (found.verdict, found.proof) == (FAIL, (f"alarms {alarm['id']}",))
    house.ask("alarm.close", alarm=alarm["id"], disposition="benign")
    assert house.verdict("alarms.waiting") is PASS
