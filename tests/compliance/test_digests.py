"""The daily mail of what is due, over a real mail server: to whom it concerns, once a day, nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.desk.conftest import ada, joined, made_for_two
from tests.desk.test_cadence import seat
from tests.support.collectors import PASSWORD, MailServer
from tests.support.pages import Member

from strongroom.compliance.digests import Digests
from strongroom.compliance.overseen import Office
from strongroom.feeds.destinations import Mail, Security
from strongroom.feeds.mail import Refused
from strongroom.feeds.targets import Role
from strongroom.terms import AuthMethod, Caller, PrincipalKind

__all__ = ["ada", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("1.6")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with MailServer(tmp_path_factory.mktemp("mail")) as found:
        yield found


def test_who_has_something_due_is_told_once_a_day(ada: Member, server: MailServer) -> None:
    home = ada.browser.home
    system = home.system
    digests = Digests(
        system.database,
        system.audit,
        rooms=system.compliance,
        targets=system.targets,
        home="home1",
        origin=lambda: "https://desk.example",
    )
    seat(home, "ada", Office.IT_ADMIN)
    system.compliance.work.state(home.console, "personal-devices", home.now, note="somebody's name")
    home.passes(days=80)
    assert digests.send(home.now) == 0  # no mail server is known
    place = Mail(
        "localhost",
        server.port,
        "strongroom@example.com",
        ("ops@example.com",),
        Security.STARTTLS,
        "strongroom",
        server.ca,
    )
    system.targets.request_add(
        Role.CHANNEL, "mail", place, home.console, home.now, password=PASSWORD
    )
    number = system.accounts.find("ada").id
    other = Caller(number, PrincipalKind.PERSON, "ada", AuthMethod.SESSION)
    system.targets.approve(Role.CHANNEL, "mail", other, home.now)

    server.refuses = "451 later"
    with pytest.raises(Refused):
        digests.send(home.now)
    server.refuses = None
    assert digests.send(home.now) == 1
    assert digests.send(home.now + timedelta(minutes=5)) == 0
    (envelope,) = server.mails
    assert envelope.rcpt_tos == ["ada@example.com"]
    text = bytes(envelope.content or b"").decode("ascii")
    assert "No Information on personal devices and removable media [2.3-d]" in text
    assert "https://desk.example/today" in text
    assert "somebody's name" not in text
    assert home.events("digest.mailed")[-1].body["obj"]["ref"] == str(number)
    assert digests.send(home.now.replace(hour=3) + timedelta(days=1)) == 0  # too early in the day
    assert digests.send(home.now + timedelta(days=1)) == 1
    system.accounts.end("ada", caller=home.console, now=home.now + timedelta(days=1))
    assert digests.send(home.now + timedelta(days=2)) == 0
