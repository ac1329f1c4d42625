"""Tickets come back to the box that sealed them, in time, and to no other."""

import base64
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.envelope import new_key
from strongroom.crypto.ticket import TicketBox, TicketKind
from strongroom.errors import Unauthenticated
from strongroom.terms import Environment

NOW = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = bytes(range(32))


@pytest.fixture
def box() -> TicketBox:
    return TicketBox(KEY, TicketKind.ACCESS, Environment.TEST)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-9, 9)))
def test_a_ticket_gives_its_payload_back(payload: dict[str, int]) -> None:
    box = TicketBox(KEY, TicketKind.CURSOR, Environment.TEST)
    assert box.open(box.seal(payload, expires_at=NOW + HOUR), NOW) == payload


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("access", "Atza|"), ("rdt", "Atz.sprdt|"), ("cursor", ""), ("document", "")],
)
def test_a_ticket_looks_like_amazons(kind: str, prefix: str) -> None:
    ticket = TicketBox(KEY, kind, Environment.TEST).seal({}, expires_at=NOW)
    assert ticket.startswith(prefix)
    rest = ticket.removeprefix(prefix)
    assert rest.replace("-", "").replace("_", "").isalnum()


def test_two_tickets_of_one_payload_differ(box: TicketBox) -> None:
    assert box.seal({"app": 1}, expires_at=NOW) != box.seal({"app": 1}, expires_at=NOW)


@pytest.mark.clause("1.4")
def test_a_ticket_is_good_until_its_second_and_not_longer(box: TicketBox) -> None:
    ticket = box.seal({"app": 1}, expires_at=NOW + HOUR)
    assert box.open(ticket, NOW + HOUR - timedelta(microseconds=1)) == {"app": 1}
    for late in (timedelta(0), timedelta(seconds=1), timedelta(days=400)):
        with pytest.raises(Unauthenticated, match=r"^the access token has expired$"):
            box.open(ticket, NOW + HOUR + late)


def test_a_ticket_opens_in_a_process_that_did_not_seal_it(box: TicketBox) -> None:
    other = TicketBox(KEY, TicketKind.ACCESS, Environment.TEST)
    for days in (0, 1, 2, 400, 3, 5, 0):
        ticket = box.seal({"days": days}, expires_at=NOW + timedelta(days=days, hours=1))
        assert other.open(ticket, NOW) == box.open(ticket, NOW) == {"days": days}


@pytest.mark.clause("2.5")
@pytest.mark.parametrize(
    "other",
    [
        TicketBox(KEY, TicketKind.RDT, Environment.TEST),
        TicketBox(KEY, TicketKind.ACCESS, Environment.PRODUCTION),
        TicketBox(bytes(32), TicketKind.ACCESS, Environment.TEST),
    ],
    ids=["kind", "environment", "key"],
)
def test_a_ticket_of_another_box_is_not_valid(box: TicketBox, other: TicketBox) -> None:
    ticket = box.seal({"app": 1}, expires_at=NOW + HOUR)
    prefix = other.seal({}, expires_at=NOW).partition("|")[0]
    for text in (ticket, f"{prefix}|{ticket.partition('|')[2]}"):
        with pytest.raises(Unauthenticated, match=r"is not valid$"):
            other.open(text, NOW)


def test_a_changed_ticket_is_not_valid_even_when_its_day_is_over(box: TicketBox) -> None:
    ticket = box.seal({"app": 1}, expires_at=NOW + HOUR)
    raw = base64.urlsafe_b64decode(ticket[5:] + "=" * (-len(ticket[5:]) % 4))
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        text = "Atza|" + base64.urlsafe_b64encode(changed).decode().rstrip("=")
        for now in (NOW, NOW + timedelta(days=30)):
            with pytest.raises(Unauthenticated, match=r"^the access token is not valid$"):
                box.open(text, now)


@pytest.mark.parametrize("text", ["", "Atza|", "Atza|\u00e9", "Atza|A", "Atza|AQ+/", "x" * 100_000])
def test_anything_else_is_not_valid(box: TicketBox, text: str) -> None:
    with pytest.raises(Unauthenticated, match=r"^the access token is not valid$") as caught:
        box.open(text, NOW)
    assert caught.value.__cause__ is None


@given(st.text(max_size=120))
def test_no_random_text_is_a_ticket(text: str) -> None:
    box = TicketBox(KEY, TicketKind.CURSOR, Environment.TEST)
    with pytest.raises(Unauthenticated):
        box.open(text, NOW)


def test_a_naive_instant_is_a_programming_error(box: TicketBox) -> None:
    with pytest.raises(ValueError, match="time zone"):
        box.seal({}, expires_at=NOW.replace(tzinfo=None))


def test_threads_that_seal_for_many_days_do_not_mix_their_keys() -> None:
    box = TicketBox(new_key(), TicketKind.CURSOR, Environment.TEST)
    wrong = []

    def work(first: int) -> None:
        for turn in range(150):
            expires_at = NOW + timedelta(days=(first + turn) % 9, hours=1)
            try:
                box.open(box.seal({}, expires_at=expires_at), NOW)
            except Unauthenticated as exc:
                wrong.append(exc)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_secret_is_printed_or_pickled(box: TicketBox) -> None:
    assert repr(box) == "<ticket box for access>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        box.__reduce__()


def test_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="refresh"):
        TicketBox(KEY, "refresh", Environment.TEST)
