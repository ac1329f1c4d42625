"""Coming from somewhere else: a claimed address, a stolen credential, a list changed alone or behind our back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import WHY
from tests.api.conftest import Door as ApiDoor
from tests.api.conftest import open_shop as open_api
from tests.gateway.conftest import CONSOLE, SEARCH, Shop
from tests.support import tables
from tests.support.home import Home
from tests.support.joining import NOW as JOINING
from tests.support.joining import VISIT as CAME_FROM
from tests.support.joining import entrance
from tests.support.listening import drained
from tests.support.offline import Offline
from tests.support.people import PASSWORD, House, Person
from tests.vault.conftest import World

from strongroom.accounts import Networks, Visit
from strongroom.accounts.strangers import Strangers
from strongroom.api import ApiLimits
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Misconfigured, Unauthenticated
from strongroom.opening import open_system
from strongroom.perimeter import Perimeter
from strongroom.policy.network import NetworkScope
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("1.1")

ABROAD = "203.0.113.9"
OFFICE = "198.51.100.0/24"
PROXY = "10.0.0.1"


# -- a claimed address -----------------------------------------------------------------------------


class Inside:
    """An application that says whose request it got, behind a perimeter."""

    def __init__(self, shop: Shop, trusted: tuple[str, ...] = ()) -> None:
        self.shop = shop
        self.seen: list[tuple[str, list[tuple[bytes, bytes]]]] = []
        door = shop.door
        self.strangers = Strangers(door.audit)
        self.perimeter = Perimeter(
            self._application, "api", door.networks, self.strangers, door.clock, trusted
        )

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        del receive
        self.seen.append((scope["client"][0], scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})

    def ask(self, peer: str | None, *forwarded: str, **headers: str) -> tuple[int, bytes]:
        """Send one request from a peer; return the status and every byte of the answer."""
        pairs = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
        pairs += [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
        client = None if peer is None else (peer, 40_000)
        scope = {"type": "http", "method": "GET", "path": "/", "headers": pairs, "client": client}
        sent: list[Any] = []

        async def receive() -> Any:
            raise AssertionError("a stranger's body was read")

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.perimeter(scope, receive, send))
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize(
    "forwarded",
    [
        ("127.0.0.1",),
        ("127.0.0.1, 127.0.0.1",),
        ("127.0.0.1", "127.0.0.1"),
        (" 127.0.0.1 ",),
        ("::1",),
        ("[::1]:443",),
        ("::ffff:127.0.0.1",),
        ("127.0.0.1:80",),
        ("",),
        (),
    ],
)
def test_a_stranger_cannot_say_to_be_this_machine(shop: Shop, forwarded: tuple[str, ...]) -> None:
    """No proxy is trusted, so no header is looked at."""
    inside = Inside(shop)
    claims = {"forwarded": "for=127.0.0.1", "x_real_ip": "127.0.0.1", "client_ip": "127.0.0.1"}
    assert inside.ask(ABROAD, *forwarded, **claims) == (403, b"")
    assert inside.ask(f"::ffff:{ABROAD}", *forwarded, **claims) == (403, b"")
    assert inside.seen == []


@pytest.mark.parametrize(
    "forwarded",
    [
        (f"127.0.0.1, {ABROAD}",),
        ("127.0.0.1", ABROAD),
        (f"127.0.0.1, 127.0.0.1,{ABROAD}",),
        (f"127.0.0.1,\t {ABROAD} ",),
        (f"127.0.0.1, ::ffff:{ABROAD}",),
        (f"127.0.0.1, {ABROAD}:4711",),
        (f"127.0.0.1, {ABROAD}, {PROXY}",),
        ("::1, 2001:db8::9",),
        ("::1", "[2001:db8::9]:443"),
    ],
)
def test_what_a_client_wrote_before_the_proxy_counts_for_nothing(
    shop: Shop, forwarded: tuple[str, ...]
) -> None:
    """A proxy appends: only the right end is its word."""
    inside = Inside(shop, (PROXY,))
    assert inside.ask(PROXY, *forwarded) == (403, b"")
    assert inside.seen == []


@pytest.mark.parametrize(
    "forwarded",
    [
        (),
        ("",),
        ("127.0.0.1, unknown",),
        ("127.0.0.1,",),
        ("127.0.0.1, ::1%lo",),
        ("127.0.0.1, 127.1",),
        ("127.0.0.1, 0177.0.0.1",),
        ("127.0.0.1, \xb9\xb2\xb7.0.0.1",),
        ("127.0.0.1;127.0.0.1",),
        (", ".join(["127.0.0.1"] * 50),),
    ],
)
def test_a_trusted_proxy_that_names_nobody_lets_nobody_in(
    shop: Shop, forwarded: tuple[str, ...]
) -> None:
    """Its own address would stand for everybody behind it, though the list of this listener lets it in."""
    inside = Inside(shop, (PROXY, "127.0.0.1"))
    for proxy in (PROXY, "127.0.0.1", "::ffff:127.0.0.1"):
        assert inside.ask(proxy, *forwarded) == (403, b"")
    assert inside.seen == []


def test_the_application_sees_the_client_and_no_claim_of_another(shop: Shop) -> None:
    shop.door.networks.request_add(NetworkScope.LISTENER, "api", OFFICE, CONSOLE, shop.door.clock())
    inside = Inside(shop, (PROXY,))
    status, _body = inside.ask(
        PROXY,
        "127.0.0.1, 198.51.100.7",
        x_forwarded_host="evil.example",
        x_forwarded_proto="http",
        forwarded="for=127.0.0.1",
        x_real_ip="127.0.0.1",
        true_client_ip="127.0.0.1",
        accept="text/plain",
    )
    assert status == 200
    assert inside.seen == [("198.51.100.7", [(b"accept", b"text/plain")])]


def test_a_connection_without_an_address_is_a_stranger(shop: Shop) -> None:
    inside = Inside(shop)
    assert inside.ask(None) == (403, b"")
    assert inside.ask("not an address") == (403, b"")


def test_a_proxy_that_anybody_could_be_stops_the_start(shop: Shop) -> None:
    for wide in ("0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy"):
        with pytest.raises(Misconfigured, match="trusted_proxies") as refused:
            Inside(shop, (wide,))
        assert wide not in str(refused.value)


def test_a_refused_stranger_is_recorded_once_a_minute_and_never_by_address(shop: Shop) -> None:
    inside = Inside(shop)
    before = shop.door.count()
    for _ in range(200):
        inside.ask(ABROAD)
    recorded = shop.door.audit.tail(100)[-1]
    assert shop.door.count() == before + 1
    assert (recorded.type, recorded.outcome, recorded.body["op"]) == (
        "network.refused",
        "denied",
        "api",
    )
    assert ABROAD not in str(recorded.body)


# -- a credential from elsewhere -------------------------------------------------------------------


@pytest.mark.clause("1.2", "1.3")
def test_a_gateway_token_is_worth_nothing_from_another_network(shop: Shop) -> None:
    token = shop.door.token(shop.app)
    calls = len(shop.simulator.requests)
    shop.door.address = ABROAD
    answer = shop.door.call("GET", SEARCH, {"x-amz-access-token": token})
    wrong = shop.door.call("GET", SEARCH, {"x-amz-access-token": "Atza|wrong"})
    assert (answer.status, answer.body) == (wrong.status, wrong.body) == (403, wrong.body)
    assert len(shop.simulator.requests) == calls, "Amazon was not asked"
    reasons = [entry.body["reason"] for entry in shop.door.audit.tail(2)]
    assert reasons == ["wrong_network", "wrong_credential"]


@pytest.mark.clause("1.2", "1.3")
def test_the_right_secret_from_elsewhere_looks_like_a_wrong_one(shop: Shop) -> None:
    def login(form: dict[str, str]) -> Any:
        headers = {"content-type": "application/json"}
        return shop.door.call("POST", "/auth/o2/token", headers, form)

    shop.door.address = ABROAD
    right = login(shop.app.form)
    assert shop.door.audit.tail(1)[-1].body["reason"] == "wrong_network"
    wrong = login({**shop.app.form, "client_secret": "amzn1.oa2-cs.v1.wrong"})
    assert (right.status, right.body) == (wrong.status, wrong.body)
    assert right.status == 401


@pytest.mark.clause("1.2", "1.3")
def test_an_apps_own_network_does_not_let_in_another_app(shop: Shop) -> None:
    door = shop.door
    door.networks.request_add(NetworkScope.PRINCIPAL, "erp", OFFICE, CONSOLE, door.clock())
    mine, others = door.token, shop.other
    door.address = "198.51.100.7"
    assert door.call("GET", SEARCH, {"x-amz-access-token": mine(shop.app)}).status == 200
    assert door.call("POST", "/auth/o2/token", {}, others.form).status != 200
    door.address = "127.0.0.1"
    stolen = door.token(others)
    door.address = "198.51.100.7"
    assert door.call("GET", SEARCH, {"x-amz-access-token": stolen}).status == 403


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Iterator[Any]:
    door = ApiDoor(make_world("api"), ApiLimits())
    yield open_api(door)
    door.close()


@pytest.mark.clause("1.2", "1.3")
def test_an_api_token_is_worth_nothing_from_another_network(api: Any) -> None:
    door = api.door
    headers = {
        "authorization": f"Bearer {door.token(api.erp)}",
        "content-type": "application/json",
    }
    body = {"token": "ST000001000800000000", **WHY}
    assert door.call("POST", "/v1/reveal", headers, body).status != 401
    door.address = ABROAD
    for address in (ABROAD, "", "::1%lo", "10.0.0.1"):
        door.address = address
        answer = door.call("POST", "/v1/reveal", headers, body)
        wrong = door.call("POST", "/v1/reveal", {**headers, "authorization": "Bearer x"}, body)
        assert (answer.status, answer.body) == (401, wrong.body)
    right = door.login(api.erp)
    assert (right.status, right.json) == (401, {"error": "invalid_client"})
    last = door.world.audit.tail(1)[-1].body
    assert (last["reason"], last["actor"]["id"]) == ("wrong_network", api.erp.principal)


# -- a person from elsewhere -----------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A home whose people may come from one office and nowhere else."""
    database = Database(tables.copy_to(tmp_path / "test.db"))
    house = House.make(database, tmp_path)
    house.networks = Networks(database, house.audit, one_person=True)
    house.start()
    yield house
    database.close()


def employed(house: House, name: str = "anna") -> Person:
    person = house.person(name, passkey=True)
    house.networks.request_add(NetworkScope.PRINCIPAL, name, OFFICE, SYSTEM, house.now)
    return person


AT_WORK = Visit("198.51.100.7", None, "Firefox on Linux")
AWAY = Visit(ABROAD, None, "Firefox on Linux")


@pytest.mark.clause("1.2")
def test_a_stolen_password_tells_nothing_from_another_network(house: House) -> None:
    """Same words, same count of work as a wrong one, and the right one says no more."""
    anna = employed(house)
    for password in (PASSWORD, "another password, 77 A"):
        with pytest.raises(Unauthenticated) as refused:
            house.signon.begin(anna.name, password, AWAY, house.now)
        assert refused.value.message == "the name or what was shown is not valid"
    reasons = [reason for _type, _outcome, reason in house.events("signon.failed")]
    assert reasons == ["wrong_network", "wrong_credential"]
    assert house.sign_on(anna, AT_WORK).session.caller.principal == anna.id


@pytest.mark.clause("1.2")
def test_a_second_factor_and_a_passkey_alone_hold_from_their_persons_network_only(
    house: House,
) -> None:
    anna = employed(house)
    assert anna.passkey is not None
    house.later(minutes=1)
    step = house.pending(anna, AT_WORK).step
    with pytest.raises(Unauthenticated):
        house.signon.prove_totp(step, house.code(anna), AWAY, house.now)
    asked = house.signon.passkey_challenge(None, house.now)
    answer = anna.passkey.get(asked.options)
    with pytest.raises(Unauthenticated):
        house.signon.prove_passkey(asked.step, answer, AWAY, house.now)
    with pytest.raises(Unauthenticated):
        house.signon.identified(house.linked(anna), AWAY, house.now, second_factor=True)
    assert house.events("signon.succeeded") == []
    assert [r for _t, _o, r in house.events("signon.failed")] == ["wrong_network"] * 3


@pytest.mark.clause("1.2")
def test_a_copied_session_ends_when_it_shows_up_elsewhere(house: House) -> None:
    """Cookies of session and device both copied: the network is another all the same."""
    anna = employed(house)
    done = house.sign_on(anna, AT_WORK)
    at_work = Visit(AT_WORK.address, done.device, AT_WORK.agent)
    house.check(done, at_work)
    with pytest.raises(Unauthenticated):
        house.check(done, Visit(ABROAD, done.device, AT_WORK.agent))
    with pytest.raises(Unauthenticated):
        house.check(done, at_work)
    assert ("session.refused", "failure", "wrong_network") in house.events()


@pytest.mark.clause("1.2")
def test_a_session_ends_with_the_network_it_came_from(house: House) -> None:
    anna = employed(house)
    done = house.sign_on(anna, AT_WORK)
    (line,) = house.networks.listed()
    house.networks.request_removal(line.id, SYSTEM, house.now)
    with pytest.raises(Unauthenticated):
        house.check(done, Visit(AT_WORK.address, done.device, AT_WORK.agent))


@pytest.mark.clause("1.2")
def test_a_stolen_link_is_worth_nothing_from_another_network(tmp_path: Path) -> None:
    """It stays unused, so that whoever it was meant for can still come in from where they work."""
    with entrance(tables.copy_to(tmp_path / "join.db"), tmp_path) as home:
        networks = Networks(home.database, home.audit, one_person=True)
        home.signon._networks = networks
        code = home.joining.invite("maria", home.console, JOINING).link.code
        with pytest.raises(Unauthenticated):
            home.finish(code, now=JOINING)
        assert home.audit.tail(1)[-1].body["reason"] == "wrong_network"
        networks.request_add(
            NetworkScope.PRINCIPAL, "maria", CAME_FROM.address, home.console, JOINING
        )
        assert home.finish(code, now=JOINING).signed_on is not None


# -- lists changed ---------------------------------------------------------------------------------


@pytest.mark.clause("1.3")
def test_nobody_opens_a_listener_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    asked = home.command("network", "allow", "--listener", "gateway", OFFICE)
    assert asked["state"] == "pending"
    code, _result, error = home.attempt("network", "approve", str(asked["id"]))
    assert (code, error["error"]["kind"]) == (1, "Denied")
    (row,) = home.command("network", "list")["networks"]
    assert (row["state"], row["approved_by"]) == ("pending", None)


def test_a_list_edited_in_the_database_is_found_and_lets_nobody_in(offline: Offline) -> None:
    made = offline.command("network", "allow", "--principal", _app(offline), OFFICE)
    system = open_system(offline.path)
    try:
        with system.database.write() as tx:
            tx.execute(schema.network_range.update().values(cidr="203.0.113.0/24"))
    finally:
        system.close()
    code, found, _error = offline.attempt("network", "list")
    assert (code, found["tampered"]) == (1, [made["id"]])
    (check,) = [c for c in _doctor(offline) if c["id"] == "network.lists"]
    assert check["state"] == "failed"
    system = open_system(offline.path)
    try:
        erp = system.accounts.find("erp")
        assert not system.networks.permits_principal(erp.id, "erp", ABROAD)
        assert not system.networks.permits_principal(erp.id, "erp", "198.51.100.7")
    finally:
        system.close()


def _app(offline: Offline) -> str:
    name: str = offline.command("app", "add", "erp", "--owner", "anna")["name"]
    return name


def _doctor(offline: Offline) -> Any:
    return offline.attempt("doctor")[1]["checks"]


# -- on the wire -----------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Home]:
    home = Home.make(tmp_path)
    home.start(extra={"STRONGROOM_NETWORK__TRUSTED_PROXIES": '["127.0.0.1"]'})
    try:
        yield home
    finally:
        home.kill()


def test_every_listener_asks_whose_request_it_is(served: Home) -> None:
    """Behind a proxy on the same machine nobody comes in as the machine, on any listener."""
    urls = [str(value) for value in served.ready.values() if str(value).startswith("https://")]
    ports = {int(url.split("/")[2].rpartition(":")[2]) for url in urls}
    assert len(ports) >= 3
    for port in ports:
        for line in ("X-Real-IP: 127.0.0.1", f"X-Forwarded-For: 127.0.0.1, {ABROAD}"):
            answer = raw(served, port, line)
            assert is_refused(answer), answer
            assert b"connection: close" in answer.lower()
        assert not is_refused(raw(served, port, "X-Forwarded-For: 127.0.0.1"))
    served.ask("network.allow", listener="health", cidr=f"{ABROAD}/32")
    health = int(served.ready["health"].split("/")[2].rpartition(":")[2])
    assert b" 200 " in raw(served, health, f"X-Forwarded-For: 127.0.0.1, {ABROAD}")[:20]
    assert b" 403 " in raw(served, health, "X-Forwarded-For: 127.0.0.1")[:20]
    assert served.stop() == 0
    served.read_log()
    types = [event["type"] for event in served.run("audit", "tail", "-n", "40")["events"]]
    assert types.count("network.refused") >= 2 * len(ports)


def is_refused(answer: bytes) -> bool:
    """Tell the perimeter's bare answer from a 403 of what lies inside."""
    return answer.startswith(b"HTTP/1.1 403 ") and answer.endswith(b"\r\n\r\n")


def raw(home: Home, port: int, *lines: str) -> bytes:
    """Send one request for /health and return all that comes back."""
    head = "\r\n".join(["GET /health HTTP/1.1", "Host: localhost", "Connection: close", *lines])
    context = ssl.create_default_context(cafile=str(home.ca_path))
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(head.encode() + b"\r\n\r\n")
        return drained(connection)
