"""Mail servers: STARTTLS with a password, TLS at once, and what goes wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.audit import NOW
from tests.support.collectors import PASSWORD, USER, MailServer

from strongroom.feeds.destinations import Mail, Security
from strongroom.feeds.mail import Refused, compose, deliver, log_in

pytestmark = pytest.mark.clause("1.5", "1.6")


def place(server: MailServer, security: Security = Security.STARTTLS, **other: object) -> Mail:
    values: dict[str, object] = {"user": USER, "ca": server.ca, **other}
    recipients = ("ops@example.com",)
    return Mail("localhost", server.port, "from@example.com", recipients, security, **values)  # type: ignore[arg-type]


def content(where: Mail) -> bytes:
    return compose(
        where, subject="It works", text="one\ntwo\n", message="ab12", home="home1", at=NOW
    )


def test_a_mail_arrives_with_an_id_that_stays(tmp_path: Path) -> None:
    with MailServer(tmp_path) as server:
        where = place(server)
        assert deliver(where, PASSWORD, content(where)) == 1
        (envelope,) = server.mails
        text = bytes(envelope.content or b"").decode()
        assert "Message-ID: <ab12@home1.strongroom.invalid>" in text
        assert "Date: Sun, 01 Mar 2026 12:30:15 +0000" in text
        assert server.shown == [PASSWORD.encode()]


@pytest.mark.clause("1.4")
def test_a_wrong_password_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with MailServer(tmp_path) as server:
        where = place(server)
        with pytest.raises(Refused) as caught:
            log_in(where, "another-password-mark")
        assert "mark" not in repr(caught.value)
        log_in(where, PASSWORD)
        assert server.mails == []


def test_what_the_server_refuses_is_said_to_be_refused(tmp_path: Path) -> None:
    with MailServer(tmp_path, refuses="554 no, ops@example.com is not welcome") as server:
        where = place(server)
        with pytest.raises(Refused) as caught:
            deliver(where, PASSWORD, content(where))
        assert "example.com" not in str(caught.value)


def test_without_tls_only_to_this_machine(tmp_path: Path) -> None:
    with MailServer(tmp_path, starttls=False, asks_password=False) as server:
        where = Mail(
            "127.0.0.1", server.port, "from@example.com", ("ops@example.com",), Security.PLAIN
        )
        assert deliver(where, None, content(where)) == 1
        assert len(server.mails) == 1
