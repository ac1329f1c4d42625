"""What a destination may be, where it may be, and what may go there."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from strongroom.errors import Malformed
from strongroom.feeds.destinations import dump, load
from strongroom.feeds.parties import Answers, Party, pin
from strongroom.policy.grants import DenyReason
from strongroom.terms import Category, Purpose, SellerId

pytestmark = pytest.mark.clause("1.1", "1.3", "1.5")


def party(**changes: Any) -> Party:
    given: dict[str, Any] = {
        "host": "api.parcels.example",
        "port": 443,
        "prefix": "/v1",
        "categories": (Category.NAME,),
        "purposes": (Purpose.FULFILMENT,),
        "sellers": (SellerId(1),),
    }
    return Party(**{**given, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"prefix": "v1"},
        {"prefix": "/v1/"},
        {"prefix": "/v1/../v2"},
        {"prefix": "/v1?x=1"},
        {"categories": ()},
        {"purposes": ()},
        {"sellers": ()},
        {"answer_bytes": 10},
        {"answer_bytes": 10**9},
        {"per_minute": 0},
        {"networks": ("10.0.0.0/7",)},
        {"networks": ("::/0",)},
        {"networks": ("10.0.0.1/8",)},
        {"networks": ("somewhere",)},
        {"pins": ("0" * 64,) * 9},
    ],
)
def test_a_destination_that_is_too_much_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        party(**changes)


def test_what_is_sealed_is_what_was_approved() -> None:
    whole = party(
        pins=("ab" * 32,), ca="PEM", networks=("10.1.0.0/16",), answers=Answers.STRICT, per_minute=7
    )
    for one in (whole, party(sellers=None)):
        assert load(dump(one)) == one
        assert dump(load(dump(one))) == dump(one)


PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
NEVER = ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "fe80::1%eth0", "x"]  # noqa: S104 - refused
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.1.2.3",
    "::ffff:127.0.0.1",
    "64:ff9b::a01:203",
    "2002:a01:203::1",
    "::10.1.2.3",
    "198.18.0.1",
    "192.88.99.1",
    "fec0::1",
    "::ffff:0:a01:203",
    "240.0.0.1",
    "255.255.255.255",
]


def test_only_public_addresses_are_connected_to_without_more() -> None:
    assert all(party().may_be_at(address) for address in PUBLIC)
    for address in NEVER + PRIVATE:
        assert not party().may_be_at(address), address


def test_a_network_of_its_own_lets_in_that_network_alone() -> None:
    own = party(networks=("10.1.0.0/16",))
    assert own.may_be_at("10.1.2.3")
    assert own.may_be_at("::ffff:10.1.2.3")
    for address in [*NEVER, "10.2.0.1", "127.0.0.1", "fd00::1"]:
        assert not own.may_be_at(address), address


def test_where_clouds_keep_credentials_no_network_leads() -> None:
    own = party(networks=("fd00::/32", "fd00:ec2::/32", "100.64.0.0/10", "168.0.0.0/8"))
    for address in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:100.100.100.200"):
        assert not own.may_be_at(address), address
    assert own.may_be_at("100.100.100.201")
    assert not party().may_be_at("168.63.129.16")


@pytest.mark.parametrize(
    "path",
    [
        "../v2",
        "a/../../v2",
        "a//b",
        "/a",
        "a/.",
        "a\\b",
        "a%2e",
        "a;b",
        "a?b",
        "a#b",
        "a b",
        "é",
        "x" * 201,
    ],
)
def test_no_path_leads_out_of_the_prefix(path: str) -> None:
    with pytest.raises(Malformed):
        party().target(path)


def test_a_path_goes_below_the_prefix() -> None:
    assert party().target("labels/7") == "/v1/labels/7"
    assert party().target("") == "/v1"
    assert party(prefix="/").target("labels") == "/labels"
    assert party(prefix="/").target("") == "/"


def test_a_value_goes_where_two_people_said() -> None:
    assert party().refuses(SellerId(1), Category.NAME) is None
    assert party().refuses(SellerId(2), Category.NAME) is DenyReason.WRONG_SELLER
    assert party().refuses(SellerId(1), Category.EMAIL) is DenyReason.WRONG_CATEGORY
    assert party(sellers=None).refuses(SellerId(9), Category.NAME) is None


def test_a_pin_is_taken_as_tools_write_it() -> None:
    raw = bytes(range(32))
    text = base64.b64encode(raw).decode()
    for written in (text, f"sha256/{text}", f"sha256//{text}", raw.hex()):
        assert pin(written) == raw.hex()
    for wrong in ("", "sha256/", text[:-4], "zz" * 32, "sha1/" + text):
        with pytest.raises(Malformed):
            pin(wrong)
