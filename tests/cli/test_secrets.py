"""The installation's own secrets, replaced while it serves: by commands, as an operator does it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from tests.support import postgres
from tests.support.client import Client as Gateway
from tests.support.home import PASSPHRASE, App, CommandError, Home
from tests.support.offline import Offline

from strongroom.errors import Conflict, Malformed, Misconfigured, Unavailable
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.request import Request
from strongroom.simulator import SellerAccount, Simulator, SimulatorConfig
from strongroom.vault.secrets import SystemSecrets

pytestmark = pytest.mark.clause("1.4", "2.5")

CLIENT = "amzn1.application-oa2-client.0123456789abcdef"
OLD, NEW = "amzn1.oa2-cs.v1.the-old-one-mark", "amzn1.oa2-cs.v1.the-next-one-mark"
REFRESH, NEXT_REFRESH = "Atzr|refresh-mark-1", "Atzr|refresh-mark-2"
ACCOUNT = SellerAccount("alpha", client_id=CLIENT, client_secret=OLD, refresh_token=REFRESH)


@dataclass
class Served:
    home: Home
    simulator: Simulator
    app: App

    def pull(self) -> int:
        with Gateway(self.home.endpoint, self.home.tls(), self.app) as gateway:
            page = next(iter(gateway.pages(CreatedAfter="2026-01-01T00:00:00Z")))
        return page.status

    def secrets_shown_to_amazon(self) -> list[str]:
        """Return the client secret of each request for a token, in order."""
        bodies = [r.body for r in self.simulator.requests if r.path == "/auth/o2/token"]
        return ["old" if OLD.encode() in body else "new" for body in bodies]

    def rotate(self, secret: str, refresh: str | None = None, code: int = 0) -> Any:
        arguments = ["--client-secret-file", str(self.home.secret(secret))]
        if refresh is not None:
            arguments += ["--refresh-token-file", str(self.home.secret(refresh))]
        return self.home.run("seller", "rotate", "alpha", *arguments, code=code)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a home whose selling partner has two client secrets at Amazon, as in the week of a rotation."""
    accounts = (
        ACCOUNT,
        replace(ACCOUNT, name="alpha-next", client_secret=NEW),
        replace(ACCOUNT, name="alpha-later", client_secret=NEW, refresh_token=NEXT_REFRESH),
    )
    directory = tmp_path_factory.mktemp("served")
    config = SimulatorConfig(orders=30, seed=3, sellers=accounts)
    with Simulator(config) as simulator, Home.make(directory) as home:
        home.start()
        home.add_seller(simulator, simulator.seller("alpha"))
        (app,) = home.add_app("erp", "alpha")
        home.read_log()
        yield Served(home, simulator, app)


def test_a_new_lwa_secret_is_tried_then_used_without_a_refused_request(served: Served) -> None:
    assert served.pull() == 200
    assert set(served.secrets_shown_to_amazon()) == {"old"}
    # One that Amazon does not know changes nothing.
    with pytest.raises(CommandError) as caught:
        served.rotate("amzn1.oa2-cs.v1.mistyped-mark")
    assert (caught.value.code, "Denied" in caught.value.output) == (1, True)
    assert "mark" not in caught.value.output
    assert served.pull() == 200

    statuses: list[int] = []
    stop = threading.Event()

    def keep_pulling() -> None:
        while not stop.is_set():
            statuses.append(served.pull())

    asking = threading.Thread(target=keep_pulling)
    asking.start()
    try:
        done = served.rotate(NEW)
    finally:
        stop.set()
        asking.join()
    assert set(statuses) == {200}
    assert (done["name"], done["age_days"], done["state"]) == ("lwa:alpha", 0, "ok")
    # The old token went with the old secret: the next call asks for one with the new one.
    before = len(served.secrets_shown_to_amazon())
    assert served.pull() == 200
    assert set(served.secrets_shown_to_amazon()[before:]) <= {"new"}
    assert served.secrets_shown_to_amazon()[-1] == "new"
    served.home.restart()
    assert served.pull() == 200
    assert served.secrets_shown_to_amazon()[-1] == "new"


def test_a_used_lwa_secret_does_not_come_back_and_a_refresh_token_may_change(
    served: Served,
) -> None:
    for secret in (OLD, NEW):
        with pytest.raises(CommandError) as caught:
            served.rotate(secret, NEXT_REFRESH)
        assert "Conflict" in caught.value.output
    (listed,) = [s for s in served.home.ask("secret.list")["secrets"] if "lwa" in s["name"]]
    assert (listed["limit_days"], listed["state"]) == (180, "ok")


def test_no_secret_is_printed_logged_or_left_in_a_file(served: Served) -> None:
    """Neither in what commands and `serve` print, nor in plain anywhere in the home."""
    told = json.dumps(
        [served.home.ask("seller.show", name="alpha"), served.home.ask("secret.list")]
    )
    told += json.dumps(served.home.ask("audit.tail", limit=200))
    told += b"".join(served.home.outputs).decode()
    for path in served.home.path.rglob("*"):
        if path.is_file():
            told += path.read_bytes().decode("latin-1")
    for secret in (OLD, NEW, REFRESH, NEXT_REFRESH, PASSPHRASE, "mistyped-mark"):
        assert secret not in told


def test_the_passphrase_is_replaced_while_the_home_is_served(served: Served) -> None:
    home = served.home
    new = home.secret("another passphrase, 4711")
    wrong = home.secret("not the one there is")
    with pytest.raises(CommandError) as caught:
        home.run(
            *("keys", "passphrase", "--passphrase-file", str(new)),
            *("--current-passphrase-file", str(wrong)),
        )
    assert caught.value.code == 78
    done = home.run("keys", "passphrase", "--passphrase-file", str(new))
    assert (done["name"], done["age_days"]) == ("root-passphrase", 0)
    passphrase = Path(done["update"].partition(":")[0])
    assert served.pull() == 200
    home.stop()
    with pytest.raises(AssertionError, match="exit 78"):
        home.start()
    passphrase.write_text("another passphrase, 4711")
    home.start()
    assert served.pull() == 200
    with pytest.raises(CommandError) as caught:
        home.run("keys", "passphrase", "--passphrase-file", str(new))
    assert "Conflict" in caught.value.output
    rotations = [
        e for e in home.ask("audit.tail", limit=400)["events"] if e["type"] == "secret.rotated"
    ]
    assert len(rotations) == 2
    assert home.verify()["ok"] is True


def test_a_passphrase_that_was_replaced_is_never_called_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who took a failure behind the replaced file for "nothing changed" would throw the only passphrase away."""
    home, new = Offline.make(tmp_path / "home").path, "another passphrase, 4711"

    def fail(*_: object) -> None:
        raise Unavailable("database: OperationalError")

    system = open_system(home)
    try:
        request = Request("keys.passphrase", {"passphrase": new})
        with monkeypatch.context() as patch:
            patch.setattr(SystemSecrets, "change", fail)
            with pytest.raises(Unavailable, match="sealed under the new passphrase") as caught:
                run(system, request, "anna")
        assert "keep the new passphrase" in str(caught.value.hint)
    finally:
        system.close()
    with pytest.raises(Misconfigured):
        open_system(home)
    # The next start finds and records it.
    with closing(open_system(home, passphrase=new)) as system:
        types = [entry.type for entry in system.audit.tail(20)]
        assert types.count("secret.rotated") == 1


# -- databases -------------------------------------------------------------------------------------


class OnPostgres(Home):
    """A home whose records are on PostgreSQL."""

    url = ""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"STRONGROOM_VAULT__URL": self.url}


def with_password(url: str, password: str, user: str = postgres.USER) -> str:
    return make_url(url).set(username=user, password=password).render_as_string(False)


def connected(url: str) -> set[str]:
    """Return the roles that are connected to a database, this question's own connection aside."""
    engine = sa.create_engine(url)
    query = sa.text(
        "SELECT usename FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    try:
        with engine.connect() as connection:
            return {row[0] for row in connection.execute(query)}
    finally:
        engine.dispose()


@pytest.fixture
def empty_database(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    """URL of a PostgreSQL database without tables, for `init` to make them."""
    with postgres_cluster.database(postgres.EMPTY) as url:
        yield url


def test_a_databases_password_is_replaced_while_the_home_is_served(
    empty_database: str, postgres_cluster: postgres.Cluster, tmp_path: Path
) -> None:
    OnPostgres.url = with_password(empty_database, "password-mark-1")
    engine = sa.create_engine(empty_database)
    with engine.begin() as tx:
        tx.execute(sa.text("CREATE ROLE next_role LOGIN IN ROLE strongroom"))
    engine.dispose()
    with OnPostgres.make(tmp_path) as home:
        home.start()
        assert connected(empty_database) == {postgres.USER}
        (before,) = [s for s in home.ask("secret.list")["secrets"] if "vault" in s["name"]]
        assert before["limit_days"] == 90
        next_url = with_password(empty_database, "password-mark-2", "next_role")
        done = home.ask("secret.rotate", name="vault-database", url=next_url)
        assert "vault.url" in done["update"]
        home.ask("user.add", name="boris")
        assert connected(empty_database) == {"next_role"}
        for url in (OnPostgres.url, next_url, postgres_cluster.url("postgres") + "&x=1"):
            with pytest.raises((Conflict, Malformed)) as caught:
                home.ask("secret.rotate", name="vault-database", url=url)
            assert "password-mark" not in str(caught.value)
        OnPostgres.url = next_url
        home.restart()
        (after,) = [s for s in home.ask("secret.list")["secrets"] if "vault" in s["name"]]
        assert after["since"] == done["since"]
        home.read_log()
        told = json.dumps([done, home.ask("audit.tail", limit=200)])
        home.stop()
        told += b"".join(home.outputs).decode()
        assert "password-mark" not in told
    engine = sa.create_engine(empty_database)
    with engine.begin() as tx:
        tx.execute(sa.text("REASSIGN OWNED BY next_role TO strongroom"))
        tx.execute(sa.text("DROP ROLE next_role"))
    engine.dispose()
