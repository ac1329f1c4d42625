"""Rules of a firewall say what was configured, and nothing wider."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from strongroom.errors import Malformed
from strongroom.policy import ruleset
from strongroom.policy.ruleset import MACHINE, Opening, Plan, Way, opening

pytestmark = pytest.mark.clause("1.1")


@pytest.mark.parametrize(
    ("host", "networks", "expected"),
    [
        ("127.0.0.1", ["10.20.0.0/16"], None),
        ("::1", ["fd00::/32"], None),
        ("0.0.0.0", [], None),  # noqa: S104 - said, not bound
        ("0.0.0.0", ["127.0.0.0/8", "::1"], None),  # noqa: S104 - as above
        ("0.0.0.0", ["10.20.0.0/16", "fd00::/32"], (None, ("10.20.0.0/16",))),  # noqa: S104 - as above
        ("::", ["10.20.0.0/16", "fd00::/32"], (None, ("10.20.0.0/16", "fd00::/32"))),
        ("192.0.2.1", ["10.20.0.0/16", "fd00::/32"], ("192.0.2.1", ("10.20.0.0/16",))),
        ("192.0.2.1", ["fd00::/32"], None),
        ("vault.example", ["10.20.0.9", "10.20.0.8"], (None, ("10.20.0.8/31",))),
    ],
)
def test_a_listener_is_open_to_its_networks_where_others_can_reach_it(
    host: str, networks: list[str], expected: tuple[str | None, tuple[str, ...]] | None
) -> None:
    found = opening("gateway", host, 8443, networks)
    assert (found and (found.address, found.networks)) == expected


def test_nobody_is_everybody() -> None:
    for wide in ("0.0.0.0/0", "::/0", "10.0.0.0/7"):
        with pytest.raises(Malformed):
            opening("gateway", "192.0.2.1", 8443, [wide])


PLAN = Plan(
    "0123456789abcdef",
    (Opening("gateway", "192.0.2.1", 8443, ("10.20.0.0/16",)),),
    (
        Way("seller acme", "api.example", 443),
        Way("seller other", "api.example", 443),
        Way("channel ops", "mail.example", 587),
        Way("vault", "127.0.0.1", 5432),
        Way(MACHINE, "192.0.2.200", 123, "udp"),
        Way("resolver", "192.0.2.53", 53, "udp", aws_itself=True),
    ),
    ("52.92.0.0/15", "2600:1fa0::/32"),
)
ADDRESSES = {"api.example": ["203.0.113.7", "2001:db8::7"], "mail.example": ["203.0.113.8"]}


def test_a_plan_comes_back_from_json() -> None:
    assert Plan.of(json.loads(json.dumps(asdict(PLAN)))) == PLAN
    assert PLAN.names == ("api.example", "mail.example")


def test_everything_is_dropped_but_what_is_listed() -> None:
    text = ruleset.nftables(PLAN, ADDRESSES, account="strongroom")
    assert text.count("policy drop;") == 3
    accepts = [line.strip() for line in text.splitlines() if "comment" in line]
    assert accepts == [
        'ip daddr 192.0.2.1 ip saddr { 10.20.0.0/16 } tcp dport 8443 ct state new accept comment "gateway"',
        'meta skuid "strongroom" ip daddr { 203.0.113.7 } tcp dport 443 accept comment "seller acme"',
        'meta skuid "strongroom" ip6 daddr { 2001:db8::7 } tcp dport 443 accept comment "seller acme"',
        'meta skuid "strongroom" ip daddr { 203.0.113.7 } tcp dport 443 accept comment "seller other"',
        'meta skuid "strongroom" ip6 daddr { 2001:db8::7 } tcp dport 443 accept comment "seller other"',
        'meta skuid "strongroom" ip daddr { 203.0.113.8 } tcp dport 587 accept comment "channel ops"',
        'ip daddr { 192.0.2.200 } udp dport 123 accept comment "asked for"',
        'ip daddr { 192.0.2.53 } udp dport 53 accept comment "resolver"',
        'meta skuid "strongroom" ip daddr @documents_ipv4 tcp dport 443 accept comment "documents of Amazon"',
        'meta skuid "strongroom" ip6 daddr @documents_ipv6 tcp dport 443 accept comment "documents of Amazon"',
    ]


def test_a_group_has_each_rule_once_and_none_for_what_aws_passes_by_itself() -> None:
    found = ruleset.egress(PLAN, ADDRESSES, ["pl-6da54004"])
    told = [
        (one["FromPort"], range_.get("CidrIp", range_.get("CidrIpv6")))
        for one in found
        for range_ in [*one.get("IpRanges", []), *one.get("Ipv6Ranges", [])]
    ]
    assert told == [
        (443, "203.0.113.7/32"),
        (443, "2001:db8::7/128"),
        (587, "203.0.113.8/32"),
        (123, "192.0.2.200/32"),
    ]
    assert found[-1]["PrefixListIds"][0]["PrefixListId"] == "pl-6da54004"


def test_a_group_that_would_not_take_all_is_not_written() -> None:
    many = tuple(f"10.{n}.0.0/16" for n in range(0, 122, 2))
    with pytest.raises(Malformed):
        ruleset.ingress(Plan("x", (Opening("gateway", None, 8443, many),), ()))


def test_storage_is_taken_from_the_list_that_aws_publishes() -> None:
    said = {
        "prefixes": [
            {"ip_prefix": "52.92.0.0/16", "service": "S3"},
            {"ip_prefix": "52.93.0.0/16", "service": "CLOUDFRONT"},
            {"ip_prefix": "3.5.0.0/16", "service": "EC2"},
        ],
        "ipv6_prefixes": [{"ipv6_prefix": "2600:1fa0::/32", "service": "S3"}],
    }
    assert ruleset.documents(json.dumps(said)) == ("52.92.0.0/15", "2600:1fa0::/32")
    for wrong in ("", "{}", json.dumps({"prefixes": [], "ipv6_prefixes": []})):
        with pytest.raises(Malformed):
            ruleset.documents(wrong)
    said["prefixes"].append({"ip_prefix": "0.0.0.0/0", "service": "S3"})
    with pytest.raises(Malformed):
        ruleset.documents(json.dumps(said))
