"""Secrets that stand in the settings: listed with their age, and a change is seen at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.offline import Offline

from strongroom.opening import open_system
from strongroom.policy.secrets import OIDC_CLIENT

pytestmark = pytest.mark.clause("1.4")


def listed(home: Offline, secret: str) -> list[str]:
    """Open the home with this client secret and return what is listed."""
    environ = {
        "STRONGROOM_OIDC__ISSUER": "https://provider.example.com",
        "STRONGROOM_OIDC__CLIENT_ID": "strongroom",
        **({"STRONGROOM_OIDC__CLIENT_SECRET": secret} if secret else {}),
    }
    system = open_system(home.path, environ=environ)
    try:
        rotated = [e for e in system.audit.tail(50) if e.type == "secret.rotated"]
        names = [age.name for age in system.secrets.ages()]
        return names + [e.body["obj"]["ref"] for e in rotated]
    finally:
        system.close()


def test_the_providers_client_secret_is_listed_and_its_change_recorded(tmp_path: Path) -> None:
    home = Offline.make(tmp_path / "made")
    assert OIDC_CLIENT not in listed(home, "")
    assert listed(home, "client-secret-one").count(OIDC_CLIENT) == 1, "listed, and nothing changed"
    assert listed(home, "client-secret-two").count(OIDC_CLIENT) == 2, "listed and recorded"
    assert listed(home, "client-secret-two").count(OIDC_CLIENT) == 2
    stored = (home.path / "vault.db").read_bytes()
    assert b"client-secret" not in stored
