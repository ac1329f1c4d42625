"""Every kind of place that a home speaks to is a way out of its firewall."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.offline import Offline

from strongroom.opening import open_system
from strongroom.posture import reach
from strongroom.settings import load

pytestmark = pytest.mark.clause("1.1")

SETTINGS = {
    "STRONGROOM_OIDC__ISSUER": "https://sign-on.example/realm",
    "STRONGROOM_OIDC__CLIENT_ID": "strongroom",
    "STRONGROOM_DOCUMENTS__PRIVACY_URL": "https://www.example/privacy",
    "STRONGROOM_SYNC__QUEUE": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    "STRONGROOM_PROXY__ENABLED": "true",
    "STRONGROOM_PROXY__HOST": "192.0.2.1",
}


def test_each_kind_of_place_is_found(offline: Offline, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.touch(mode=0o600)
    bucket.write_text("AKIAIOSFODNN7EXAMPLE:a-secret-of-a-bucket-that-is-none")
    offline.read_log()
    hook = tmp_path / "hook"
    hook.touch(mode=0o600)
    hook.write_text("https://hooks.example:8080/mark")
    for command in (
        ("alarm", "channel", "add", "ops", "--webhook", str(hook)),
        ("feed", "add", "siem", "--syslog", "logs.example:6514"),
        ("feed", "add", "posted", "--webhook", "https://collector.example/mark"),
        ("destination", "add", "parcels", "--host", "api.parcels.example", "--categories", "name",
         "--purposes", "fulfilment"),
        ("audit", "copy", "add", "s3://copies/log?region=eu-west-1&days=400", "--token-file", str(bucket)),
        ("backup", "place", "add", "target", "s3://far/home?region=eu-north-1&days=35", "--token-file", str(bucket)),
        ("network", "allow", "--listener", "proxy", "10.20.0.0/16"),
    ):  # fmt: skip
        offline.command(*command)
    system = open_system(offline.path, environ=SETTINGS)
    try:
        found = reach.plan(system)
    finally:
        system.close()
    assert [(one.name, one.address, one.port) for one in found.openings] == [
        ("proxy", "192.0.2.1", 8448)
    ]
    assert {(one.host, one.port) for one in found.ways} == {
        ("sign-on.example", 443),
        ("www.example", 443),
        ("sqs.eu-west-1.amazonaws.com", 443),
        ("hooks.example", 8080),
        ("logs.example", 6514),
        ("collector.example", 443),
        ("api.parcels.example", 443),
        ("copies.s3.eu-west-1.amazonaws.com", 443),
        ("far.s3.eu-north-1.amazonaws.com", 443),
        ("169.254.169.254", 80),
        ("169.254.170.2", 80),
        ("169.254.170.23", 80),
    }
    assert "mark" not in json.dumps([(one.what, one.host) for one in found.ways])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"STRONGROOM_KEYSTORE__ROOT": "aws-kms:alias/root?region=eu-west-1"},
            [("kms.eu-west-1.amazonaws.com", 443), ("169.254.169.254", 80)],
        ),
        (
            {"STRONGROOM_KEYSTORE__ROOT": "transit:https://bao.example:8200/transit/root?token-file=/t"},
            [("bao.example", 8200)],
        ),
        (
            {"STRONGROOM_KEYSTORE__ROOT": "pkcs11:token=T;object=O?module-path=/m&pin-source=file:/p"},
            [],
        ),
    ],
)  # fmt: skip
def test_the_root_key_s_provider_is_a_way_out(
    tmp_path: Path, variables: dict[str, str], expected: list[tuple[str, int]]
) -> None:
    (tmp_path / "strongroom.toml").write_text(
        'environment = "test"\nhome_id = "0123456789abcdef"\n'
    )
    found = [(one.host, one.port) for one in reach._cloud(load(tmp_path, variables))]
    assert found[: len(expected)] == expected
    assert bool(found) is bool(expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+psycopg://u:mark@db.example/vault", [("db.example", 5432)]),
        ("postgresql+psycopg://u@db.example:6000/vault", [("db.example", 6000)]),
        ("postgresql+psycopg://u@/vault?host=/run/postgresql", []),
        ("postgresql+psycopg://u@/vault?host=a.example,b.example", [("a.example", 5432), ("b.example", 5432)]),
    ],
)  # fmt: skip
def test_a_database_elsewhere_is_a_way_out(url: str, expected: list[tuple[str, int]]) -> None:
    assert [(one.host, one.port) for one in reach._database("vault", url)] == expected
