"""What an event may hold, and the exact bytes of an entry."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit import APP, NOW

from strongroom.audit import Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.audit.entry import MAX_BYTES, MAX_CHANGES, MAX_RECORDS, Stamp, canonical, micros
from strongroom.audit.verify import _ENTRY
from strongroom.errors import Malformed
from strongroom.terms import (
    SYSTEM,
    AuthMethod,
    Caller,
    Category,
    PrincipalId,
    PrincipalKind,
    Purpose,
    SellerId,
)

HMAC = "00112233445566778899aabbccddeeff"
STAMP = Stamp(NOW, "node-1", "boot-1", 2**60, 41, bytes(range(26)))
PLAIN = Event(EventType.HOME_OPENED, Outcome.SUCCESS, SYSTEM)
FULL = Event(
    EventType.RECORD_REVEALED,
    Outcome.DENIED,
    APP,
    reason=Reason.NO_GRANT,
    op="ordersV0.getOrders",
    obj_kind=ObjKind.TOKEN,
    obj_ref="ST0123456789ABCDEFGH",
    purpose=Purpose.FULFILMENT,
    pii=(Category.NAME, Category.ADDRESS),
    n=3,
    bytes_=4096,
    changes=(Change(Field.ENDPOINT, None, HMAC), Change(Field.LWA_URL, HMAC, None)),
    decision=12,
    req="req-1",
    records=(1, 2**40 - 1),
    seller=SellerId(4),
    src_ip=HMAC,
)


def test_entries_have_exactly_the_documented_bytes():
    assert canonical(PLAIN, STAMP) == (
        b'{"actor":{"auth":"system","id":0,"kind":"system"},"boot":"boot-1",'
        b'"id":"019ca960-bc53-7000-8203-040506070809","mono_ns":"1152921504606846976",'
        b'"node":"node-1","nseq":41,"outcome":"success",'
        b'"salt":"0a0b0c0d0e0f10111213141516171819","t":"2026-03-01T12:30:15.123456Z",'
        b'"type":"home.opened","v":1}'
    )
    assert json.loads(canonical(FULL, STAMP)) == {
        "v": 1,
        "id": "019ca960-bc53-7000-8203-040506070809",
        "salt": "0a0b0c0d0e0f10111213141516171819",
        "t": "2026-03-01T12:30:15.123456Z",
        "boot": "boot-1",
        "mono_ns": "1152921504606846976",
        "node": "node-1",
        "nseq": 41,
        "type": "vault.record.revealed",
        "outcome": "denied",
        "reason": "no_grant",
        "actor": {"kind": "service", "id": 7, "auth": "access_token"},
        "src": {"ip": HMAC},
        "op": "ordersV0.getOrders",
        "obj": {"kind": "token", "ref": "ST0123456789ABCDEFGH"},
        "purpose": "fulfilment",
        "pii": ["name", "address"],
        "n": 3,
        "bytes": 4096,
        "chg": [{"field": "endpoint", "after": HMAC}, {"field": "lwa_url", "before": HMAC}],
        "dec": 12,
        "req": "req-1",
        "records": [1, 2**40 - 1],
        "seller": 4,
    }


EVENTS = st.builds(
    Event,
    st.sampled_from(EventType),
    st.sampled_from(Outcome),
    st.builds(
        Caller,
        st.integers(0, 10**6).map(PrincipalId),
        st.sampled_from(PrincipalKind),
        st.text(),
        st.sampled_from(AuthMethod),
    ),
    reason=st.none() | st.sampled_from(Reason),
    op=st.none() | st.from_regex(r"\A[A-Za-z0-9_.:/-]{1,96}\Z"),
    obj_kind=st.just(ObjKind.OPERATION),
    obj_ref=st.from_regex(r"\A[A-Za-z0-9_.:/-]{1,64}\Z"),
    purpose=st.none() | st.sampled_from(Purpose),
    pii=st.lists(st.sampled_from(Category), unique=True).map(tuple),
    n=st.none() | st.integers(0, 2**53 - 1),
    bytes_=st.none() | st.integers(0, 2**53 - 1),
    changes=st.lists(st.builds(Change, st.sampled_from(Field), st.none(), st.just(HMAC))).map(
        lambda found: tuple(found[:MAX_CHANGES])
    ),
    decision=st.none() | st.integers(0, 2**53 - 1),
    records=st.lists(st.integers(0, 2**40 - 1), max_size=MAX_RECORDS).map(tuple),
    seller=st.none() | st.integers(0, 10**6).map(SellerId),
    src_ip=st.none() | st.just(HMAC),
)


@given(EVENTS)
def test_entries_are_canonical_json_of_the_form_verification_knows(event):
    entry = canonical(event, STAMP)
    # RFC 8785 in what these entries use: sorted members, no spaces, plain ASCII, whole numbers.
    assert entry == json.dumps(
        json.loads(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode("ascii")
    assert _ENTRY.fullmatch(entry.decode())
    assert len(entry) <= MAX_BYTES


@pytest.mark.clause("2.6")
def test_the_callers_name_is_not_recorded():
    """A person's name is personal data; the number leads to it while the account exists."""
    caller = Caller(PrincipalId(3), PrincipalKind.PERSON, "Ada Lovelace", AuthMethod.CONSOLE)
    entry = canonical(replace(PLAIN, actor=caller), STAMP)
    assert b"Ada" not in entry
    assert json.loads(entry)["actor"] == {"kind": "user", "id": 3, "auth": "console"}


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(
    "fields",
    [
        {"op": "ada@example.com"},
        {"op": "two words"},
        {"op": ""},
        {"op": "x" * 97},
        {"op": "getOrders\n"},
        {"req": 'quote"'},
        {"obj_kind": ObjKind.ORDER, "obj_ref": "Ünï"},
        {"obj_ref": "1"},
        {"obj_kind": ObjKind.ORDER},
        {"src_ip": "192.0.2.1"},
        {"n": -1},
        {"bytes_": 2**53},
        {"decision": -1},
        {"records": (2**40,)},
        {"records": (-1,)},
        {"records": tuple(range(MAX_RECORDS + 1))},
        {"changes": (Change(Field.NAME),) * (MAX_CHANGES + 1)},
    ],
)
def test_fields_without_their_bounded_form_are_refused_and_not_repeated(fields):
    with pytest.raises(Malformed) as refusal:
        Event(EventType.HOME_OPENED, Outcome.SUCCESS, SYSTEM, **fields)
    for value in fields.values():
        assert str(value) not in str(refusal.value) or len(str(value)) < 3


def test_a_changed_value_is_never_recorded_itself():
    with pytest.raises(Malformed, match="change of endpoint is not given as HMAC"):
        Change(Field.ENDPOINT, "https://old.example", HMAC)


def test_free_text_in_place_of_a_word_of_the_catalogue_is_refused():
    with pytest.raises(AttributeError):
        canonical(replace(PLAIN, reason="because I said so"), STAMP)


def test_an_entry_that_would_be_too_long_is_refused():
    changes = tuple(Change(Field.RDT_ELEMENTS, HMAC * 2, HMAC * 2) for _ in range(MAX_CHANGES))
    event = replace(FULL, changes=changes, records=(2**40 - 1,) * MAX_RECORDS)
    with pytest.raises(Malformed, match="bytes is too long"):
        canonical(event, STAMP)


def test_instants_are_recorded_in_utc_to_the_microsecond():
    east = timezone(timedelta(hours=5, minutes=30))
    local = datetime(2026, 3, 1, 18, 0, 15, 123456, east)
    assert canonical(PLAIN, replace(STAMP, at=local)) == canonical(PLAIN, STAMP)
    assert micros(local) == micros(NOW) == 1772368215123456


def test_names_of_events_are_dotted_and_never_shared():
    assert all(name.count(".") >= 1 and name == name.lower() for name in EventType)
    assert len(set(EventType)) == len(EventType.__members__)
