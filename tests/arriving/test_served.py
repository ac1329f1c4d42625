"""An import while `serve` has the home: the command asks it, and tells people what it came to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.home import COMMAND, Home
from tests.support.shop import mapping, sale, shop, table_of

from strongroom.crypto.token import looks_like_token

pytestmark = pytest.mark.clause("2.4")


def test_a_home_that_is_served_takes_the_import_in(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    # Control characters grow sixfold on the way, and still fit one request.
    sales = [sale(1), sale(2, gift="\x01" * 60_000), sale(3, note="x@post-versand.de")]
    with shop(url, *sales, sale(4, bought_at="2020-01-01")) as made:
        with Home.make(tmp_path / "served") as home:
            home.start()
            home.ask(
                "seller.add",
                name="acme",
                region="eu",
                marketplaces=["A1PA6795UKMFR9"],
                client_id="id",
                client_secret="secret",
            )
            command = [
                str(COMMAND),
                "import",
                mapping(tmp_path, table_of(url)),
                "--home",
                str(home.path),
            ]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
        assert (done.returncode, done.stderr) == (1, "")
        lines = done.stdout.splitlines()
        assert lines[0] == "ship_name (recipient.name): 4 filled, 0 tokens already, 3 replaced"
        assert "1 rows are past their day; --past-due erase destroys their values: 4" in lines
        assert lines[-1] == "4 rows read, 3 now with tokens, 1 left as they are"
        assert "post-versand" not in done.stdout
        assert [looks_like_token(row["gift"]) for row in made.rows()] == [True, True, True, False]
