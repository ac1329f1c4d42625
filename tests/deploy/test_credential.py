"""A passphrase that systemd gave to the process that serves is not missed by `doctor`, which is another process."""

from __future__ import annotations

import re

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

from strongroom.home import layout, locked
from strongroom.premises import State, closed_checks

__all__ = ["made_home", "offline"]


@pytest.mark.clause("2.4")
def test_a_credential_counts_while_the_home_is_open_and_is_asked_for_otherwise(
    offline: Offline,
) -> None:
    home = layout(offline.path)
    settings = home.root / "strongroom.toml"
    settings.write_text(re.sub(r"(?m)^passphrase_file.*$", "", settings.read_text()))

    def check() -> tuple[State, str | None]:
        (found,) = [one for one in closed_checks(home) if one.id == "keys.passphrase_file"]
        return found.state, found.hint

    with locked(home):
        assert check() == (State.OK, None)
    state, hint = check()
    assert state is State.FAILED
    assert "strongroom-passphrase" in str(hint)
