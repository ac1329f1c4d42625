"""Addresses, ranges and forwarded clients: one form of each, and no guesses."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.policy.network import (
    client_address,
    parse_address,
    parse_proxies,
    parse_range,
    permits,
)

pytestmark = pytest.mark.clause("1.1")

PROXIES = parse_proxies(["10.0.0.1", "10.0.1.0/24", "2001:db8:a::/48"])


def permitted(address: str, *cidrs: str) -> bool:
    return permits(parse_address(address), [parse_range(cidr) for cidr in cidrs])


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_an_empty_list_lets_this_machine_in(address: str) -> None:
    assert permitted(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1", "2001:db8::1", "::", "fe80::1"])
def test_an_empty_list_lets_nobody_else_in(address: str) -> None:
    assert not permitted(address)


def test_a_list_says_all_and_leaves_this_machine_out_where_it_is_not_on_it() -> None:
    assert permitted("10.20.3.4", "10.20.0.0/16", "192.0.2.7")
    assert permitted("192.0.2.7", "10.20.0.0/16", "192.0.2.7")
    assert not permitted("192.0.2.8", "10.20.0.0/16", "192.0.2.7")
    assert not permitted("127.0.0.1", "10.20.0.0/16")
    assert permitted("127.0.0.1", "10.20.0.0/16", "127.0.0.0/8")


@pytest.mark.parametrize("address", ["::ffff:10.20.3.4", "::ffff:0a14:0304", "::FFFF:10.20.3.4"])
def test_an_ipv4_address_inside_an_ipv6_one_is_the_ipv4_address(address: str) -> None:
    assert str(parse_address(address)) == "10.20.3.4"
    assert permitted(address, "10.20.0.0/16")
    assert permitted("10.20.3.4", "::ffff:10.20.0.0/112")
    assert not permitted(address, "10.21.0.0/16")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 10.0.0.1",
        "10.0.0.1 ",
        "10.0.0",
        "010.0.0.1",
        "0x0a.0.0.1",
        "167772161",
        "10.0.0.1/32",
        "fe80::1%eth0",
        "fe80::1%25eth0",
        "[::1]",
        "localhost",
        "unknown",
        "\u0661\u0660.0.0.1",
        "10.0.0.1\n",
        "testclient",
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_address(text)
    assert not text.strip() or text.strip() not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.20.0.0/16", "10.20.0.0/16"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("10.0.0.0/255.255.0.0", "10.0.0.0/16"),
        ("2001:DB8::/48", "2001:db8::/48"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::ffff:10.20.0.0/112", "10.20.0.0/16"),
        ("127.0.0.0/8", "127.0.0.0/8"),
    ],
)
def test_a_range_has_one_form(text: str, canonical: str) -> None:
    assert str(parse_range(text)) == canonical


@pytest.mark.parametrize("text", ["10.20.0.1/16", "2001:db8::1/48", "::ffff:10.20.0.1/112"])
def test_bits_behind_the_prefix_are_an_error_that_says_so(text: str) -> None:
    with pytest.raises(Malformed, match="bits set behind its prefix") as refused:
        parse_range(text)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "10.0.0.0/7",
        "2000::/3",
        "2001::/31",
        "::ffff:0:0/96",
        "::ffff:8.0.0.0/103",
    ],
)
def test_no_list_lets_everybody_in_not_even_in_halves(text: str) -> None:
    with pytest.raises(Malformed, match="wider than"):
        parse_range(text)


@pytest.mark.parametrize("text", ["224.0.0.0/8", "ff02::/32", "0.0.0.0", "::", "::/64"])  # noqa: S104 - parsed, not bound
def test_what_is_no_clients_address_is_no_range(text: str) -> None:
    with pytest.raises(Malformed):
        parse_range(text)


@pytest.mark.parametrize("text", ["", "/", "10.0.0.0/33", "10.0.0.0/-1", "fe80::%eth0/64", "all"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_range(text)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_range_permits_what_the_standard_library_says(address: object, prefix: int) -> None:
    bits = 32 if ip_address(str(address)).version == 4 else 128
    network = ip_network(f"{address}/{min(prefix, bits)}", strict=False)
    try:
        range_ = parse_range(str(network))
    except Malformed:
        return
    assert permits(parse_address(str(address)), [range_])


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_address, parse_range):
        try:
            parse(text)
        except Malformed:
            continue


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        (["127.0.0.1, 198.51.100.7, 10.0.1.9"], "198.51.100.7"),
        (["garbage, 198.51.100.7"], "198.51.100.7"),
        ([" 198.51.100.7 ,\t10.0.1.9"], "198.51.100.7"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["2001:db8:b::7"], "2001:db8:b::7"),
        (["[2001:db8:b::7]:443"], "2001:db8:b::7"),
        (["[2001:db8:b::7]"], "2001:db8:b::7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 2001:db8:a::1, ::ffff:10.0.1.1"], "198.51.100.7"),
        (["10.0.1.5, 10.0.1.9"], "10.0.1.5"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_trusted_proxy(
    forwarded: list[str], client: str
) -> None:
    assert str(client_address("10.0.0.1", forwarded, PROXIES)) == client
    assert str(client_address("::ffff:10.0.0.1", forwarded, PROXIES)) == client


@pytest.mark.parametrize("peer", ["198.51.100.1", "10.0.0.2", "2001:db8:b::1", "127.0.0.1"])
def test_nobody_else_can_name_a_client(peer: str) -> None:
    for forwarded in (["127.0.0.1"], ["10.0.0.1"], ["garbage"], [], [","] * 99):
        assert str(client_address(peer, forwarded, PROXIES)) == peer


@pytest.mark.parametrize(
    "forwarded",
    [
        [],
        [""],
        ["198.51.100.7,"],
        ["198.51.100.7, unknown"],
        ["198.51.100.7, _hidden"],
        ["198.51.100.7, 10.0.1.9%eth0"],
        ["198.51.100.7:99999"],
        ["198.51.100.7:"],
        ["[2001:db8::7]x"],
        ["[2001:db8::7"],
        ["198.51.100.7;10.0.0.1"],
        ['for="198.51.100.7"'],
        ["10.0.1.1, " * 16 + "198.51.100.7"],
        ["198.51.100.7"] * 17,
    ],
)
def test_a_trusted_proxy_that_names_nobody_is_refused_and_never_taken_for_the_client(
    forwarded: list[str],
) -> None:
    with pytest.raises(Malformed):
        client_address("10.0.0.1", forwarded, PROXIES)


@given(st.lists(st.text(max_size=40), max_size=20))
def test_whatever_stands_in_the_header_a_client_is_an_address_or_refused(values: list[str]) -> None:
    try:
        found = client_address("10.0.0.1", values, PROXIES)
    except Malformed:
        return
    assert str(found) in ",".join(values).lower() or found.version == 6


def test_a_proxy_that_anybody_could_be_is_not_trusted() -> None:
    for wide in ("0.0.0.0/0", "::/0", "128.0.0.0/2"):
        with pytest.raises(Malformed):
            parse_proxies([wide])
