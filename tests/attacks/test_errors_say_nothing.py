"""Errors are provoked in every layer with a marked value; nothing that is printed or logged repeats it.

What may be repeated is a plain identifier of ours: a path that was named, a token's own characters,
an option's name, a query parameter's name where it is one plain word.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.conftest import ORDERS, SEARCH, Shop
from tests.support.home import Home
from tests.support.offline import Offline

from strongroom import logs
from strongroom.cli.commands import run
from strongroom.simulator import Fault, FaultKind

pytestmark = pytest.mark.clause("2.6")

MARK = "Zarathustra-Mustermann-4711"
PERSON = "Zarathustra Mustermann 4711"


def silent(text: str | bytes) -> None:
    """Check that a text repeats no part of the marked value."""
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    # Not the digits: a hash may hold them.
    assert "arathustra" not in told.lower()
    assert "ustermann" not in told.lower()


# -- the command line ------------------------------------------------------------------------------

COMMANDS = [
    ["reveal", MARK, "--purpose", "fulfilment"],
    ["reveal", MARK],
    ["reveal", "ST000000000000000000", "--purpose", MARK],
    ["reveal", "ST000000000000000000", "--purpose", "tax", "--reason", PERSON],
    ["reveal", "--order", MARK, "--seller", MARK, "--purpose", "tax"],
    ["reveal", MARK, PERSON, "--purpose", "tax"],
    ["find", "--email", f"{MARK}@example.com", "--purpose", "fulfilment"],
    ["find", "--email", MARK, "--phone", MARK, "--purpose", "fulfilment"],
    ["find", "--phone", PERSON, "--purpose", "fulfilment"],
    ["find", "--order", MARK, "--purpose", "fulfilment"],
    ["find", "--order", MARK, "--purpose", "fulfilment", "--seller", MARK],
    ["find", "--order", MARK, "--purpose", "fulfilment", "--as", MARK],
    ["seller", "add", PERSON, "--region", "eu"],
    ["seller", "show", MARK],
    ["seller", MARK],
    [MARK],
    ["app", "add", PERSON, "--owner", "ada"],
    ["app", "add", "erp", "--owner", PERSON],
    ["app", "authorize", MARK, "--seller", MARK],
    ["app", "end", MARK],
    ["user", "add", PERSON],
    ["user", "credential", MARK],
    ["grant", "add", "--principal", MARK, "--action", "reveal", "--purpose", "tax",
     "--categories", "name", "--days", "3"],
    ["grant", "add", "--principal", "ada", "--action", MARK, "--purpose", MARK,
     "--categories", MARK, "--days", "3"],
    ["grant", "add", "--principal", "ada", "--action", "reveal", "--purpose", "tax",
     "--categories", "name", "--days", MARK],
    ["grant", "approve", MARK],
    ["audit", "tail", "--lines", MARK],
    ["app", "list", "--now", MARK],
    ["catalogue", "show", MARK],
    ["app", "list", PERSON],
    ["simulator", "--port", MARK],
]  # fmt: skip


def test_no_command_repeats_what_was_typed(offline: Offline) -> None:
    """Wrong, unknown or in the wrong place: a name in the history of a terminal is one too many."""
    for arguments in COMMANDS:
        code, result, told = offline.attempt(*arguments)
        assert code in (0, 1, 2), arguments
        silent(json.dumps([result, told]))


def test_no_command_repeats_it_in_words_either(
    offline: Offline, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same without --json, where usage errors have another printer."""
    # Those that fail before a home is opened, and a few that do not.
    for arguments in COMMANDS[::4]:
        run([*arguments, "--home", str(offline.path)])
        printed = capsys.readouterr()
        silent(printed.out + printed.err)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STRONGROOM_GATEWAY__PORT", MARK),
        ("STRONGROOM_ENVIRONMENT", MARK),
        ("STRONGROOM_VAULT__URL", f"postgresql+psycopg://ada:{MARK}@127.0.0.1:1/x"),
        ("STRONGROOM_VAULT__URL", f"mysql://ada:{MARK}@127.0.0.1/x"),
        ("STRONGROOM_VAULT__URL", MARK),
        ("STRONGROOM_KEYSTORE__URL", f"sqlite:///{MARK}/keys.db?x={MARK}"),
        ("STRONGROOM_KEYSTORE__ROOT", f"vault:{MARK}"),
        ("STRONGROOM_GATEWAY", f'{{"port": "{MARK}"}}'),
    ],
)
def test_no_setting_is_repeated(
    offline: Offline, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A database's URL may carry a password, and any setting may hold the wrong thing."""
    monkeypatch.setenv(variable, value)
    code, result, told = offline.attempt("app", "list")
    assert code in (1, 78)
    # A file's path is named: without it nobody could mend it.
    if not value.startswith("sqlite:"):
        silent(json.dumps([result, told]))


def test_no_line_of_a_settings_file_is_repeated(offline: Offline) -> None:
    path = offline.path / "strongroom.toml"
    good = path.read_text()
    for bad in (f"{MARK} = ", f'home = "{MARK}', f'[gateway]\nhost = "{PERSON}"', f"[{MARK}"):
        path.write_text(f"{good}\n{bad}\n")
        code, result, told = offline.attempt("app", "list")
        assert code == 78
        silent(json.dumps([result, told]))


def test_no_secret_file_is_repeated(offline: Offline, tmp_path: Path) -> None:
    for content in (PERSON.encode(), b"{" + MARK.encode(), MARK.encode() + b"\xff", b""):
        file = tmp_path / "credential"
        file.write_bytes(content)
        who = ("--as", "ada", "--credential-file", str(file))
        code, result, told = offline.attempt("find", "--order", "1", "--purpose", "tax", *who)
        assert code in (1, 2)
        silent(json.dumps([result, told]))


# -- the gateway -----------------------------------------------------------------------------------


def test_no_answer_of_the_gateway_repeats_a_request(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the path, the query, headers, forms and bodies; and nothing of it is in the log."""
    said: list[object] = []
    monkeypatch.setattr(logs, "say_error", lambda *given, **named: said.append((given, named)))
    access = {"x-amz-access-token": shop.door.token(shop.app)}
    json_type = {"content-type": "application/json"}
    order = shop.simulator.order_ids("acme")[0]
    attempts: list[tuple[str, str, dict[str, str], Any]] = [
        ("GET", f"/{MARK}", access, b""),
        ("GET", f"{ORDERS}/{MARK}", access, b""),
        ("GET", f"{ORDERS}/{MARK}%20x/address", access, b""),
        ("GET", f"{SEARCH}&{MARK}=1", access, b""),
        ("GET", f"{SEARCH}&BuyerEmail={MARK}%ff", access, b""),
        ("GET", f"{SEARCH}&NextToken={MARK}", access, b""),
        ("GET", f"{SEARCH}&OrderStatuses={MARK}", access, b""),
        ("GET", SEARCH, {"x-amz-access-token": f"Atza|{MARK}"}, b""),
        ("GET", SEARCH, {"x-amz-access-token": MARK}, b""),
        ("GET", SEARCH, {**access, "x-strongroom-purpose": MARK}, b""),
        (MARK.upper().replace("-", ""), SEARCH, access, b""),
        ("POST", "/auth/o2/token", json_type, {"grant_type": MARK}),
        ("POST", "/auth/o2/token", json_type, {**shop.app.form, "client_id": MARK}),
        ("POST", "/auth/o2/token", json_type, {**shop.app.form, "client_secret": MARK}),
        ("POST", "/auth/o2/token", json_type, {**shop.app.form, "refresh_token": MARK}),
        ("POST", "/auth/o2/token", json_type, f"{{{MARK}".encode()),
        ("POST", "/auth/o2/token", {"content-type": MARK}, f"{MARK}={MARK}".encode()),
        ("POST", "/tokens/2021-03-01/restrictedDataToken", access,
         {"restrictedResources": [{"method": "GET", "path": f"/{MARK}"}]}),
        ("POST", "/tokens/2021-03-01/restrictedDataToken", access,
         {"restrictedResources": [{"method": MARK, "path": ORDERS, "dataElements": [MARK]}]}),
        ("POST", f"{ORDERS}/{order}/shipmentConfirmation", access, f"[{MARK}".encode()),
        ("POST", f"{ORDERS}/{order}/shipmentConfirmation", access, {MARK: {MARK: MARK}}),
    ]  # fmt: skip
    for method, target, headers, body in attempts:
        answer = shop.door.call(method, target, headers, body)
        assert answer.status >= 400, (method, target)
        silent(answer.body + repr(answer.headers).encode())
    log = b"".join(json.dumps(body).encode() for body in shop.door.events())
    silent(log)
    silent(repr(said))


def test_no_error_of_amazons_comes_through(shop: Shop) -> None:
    """Message, details and even a code that says too much stay behind."""
    shop.door.token(shop.app)
    codes = ("InvalidInput", PERSON, f"{MARK}@example.com")
    for status, code in zip((400, 403, 404, 429, 500, 503), codes * 2, strict=True):
        shop.simulator.add_fault(
            Fault(
                FaultKind.ERROR,
                operation="getOrders",
                status=status,
                code=code,
                message=f"Unknown buyer {MARK}",
                details=PERSON,
                count=2,
            )
        )
        answer = shop.door.get(shop.app, SEARCH)
        assert answer.status >= 400
        silent(answer.body + repr(answer.headers).encode())
        shop.simulator.clear_faults()
    silent(json.dumps(shop.door.events()))


def test_a_spoilt_answer_of_amazons_comes_through_nowhere(shop: Shop) -> None:
    for body in (f'{{"payload": "{MARK}"', f'"{MARK}"', f'{{"{MARK}": 1', MARK):
        fault = Fault(FaultKind.BODY, operation="getOrders", body=body.encode(), count=1)
        shop.simulator.add_fault(fault)
        answer = shop.door.get(shop.app, SEARCH)
        assert answer.status == 502
        silent(answer.body)
    silent(json.dumps(shop.door.events()))


# -- a served home ---------------------------------------------------------------------------------


def test_a_served_home_prints_nothing_of_what_it_is_asked(tmp_path: Path) -> None:
    """Standard output, standard error and the log of the real process, after all kinds of trouble."""
    with Home.make(tmp_path) as home:
        home.start()
        host = urllib.parse.urlsplit(home.endpoint).netloc
        for method, target, headers in (
            ("GET", f"/{MARK}?{MARK}", {"x-amz-access-token": MARK}),
            ("POST", "/auth/o2/token", {"Content-Type": MARK, "X-Name": MARK}),
            ("GET", "/a b c", {"X-Name": MARK}),
        ):
            connection = http.client.HTTPSConnection(host, context=home.tls(), timeout=10)
            try:
                connection.putrequest(method, target.replace(" ", "%20"))
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders()
                silent(connection.getresponse().read())
            finally:
                connection.close()
        for arguments in COMMANDS[:2]:
            done = home.try_run(*arguments)
            silent(done.stdout + done.stderr)
        # A table that is gone: the database's own words would hold a statement and its values.
        with closing(sqlite3.connect(home.path / "vault.db")) as connection:
            connection.execute("ALTER TABLE access_grant RENAME TO somewhere_else")
            connection.commit()
        done = home.try_run("find", "--order", MARK, "--purpose", "fulfilment")
        assert done.returncode == 1
        silent(done.stdout + done.stderr)
        home.stop()
        printed = b"".join(home.outputs)
        silent(printed)
        for file in (home.path / "log").iterdir():
            silent(file.read_bytes())
