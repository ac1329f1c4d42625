"""A quarter of a two-person home on the command line: grants, matrix, review, suspension, off-boarding."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import Offline, audit_grant
from tests.vault.conftest import order

from strongroom.opening import open_system
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("1.2", "1.3")

DAY_0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ORDER = "902-1000001-0000001"


class Quarter:
    """One home, and the people and apps that act in it on a day of their choice."""

    def __init__(self, home: Offline, directory: Path) -> None:
        self.home = home
        self._directory = directory

    def on(self, day: float, *arguments: str, by: str | None = None) -> Any:
        """Run a command that must succeed."""
        code, result, error = self.attempt(day, *arguments, by=by)
        assert code == 0, (arguments, error)
        return result

    def attempt(self, day: float, *arguments: str, by: str | None = None) -> tuple[int, Any, Any]:
        now = (DAY_0 + timedelta(days=day)).isoformat()
        proof = ["--as", by, "--credential-file", str(self._file(by))] if by else []
        return self.home.attempt(*arguments, *proof, "--now", now)

    def refused(self, day: float, *arguments: str, by: str | None = None) -> str:
        """Run a command that must be refused; return what it said."""
        code, _result, error = self.attempt(day, *arguments, by=by)
        assert code == 1, arguments
        message: str = error["error"]["message"]
        return message

    def keep(self, name: str, shown: Any) -> None:
        path = self._file(name)
        path.touch(mode=0o600)
        path.write_text(json.dumps(shown))

    def read_log(self, day: float) -> None:
        """Have who sits at the console ask to read the log, and clara approve it."""
        (asked,) = self.on(day, "grant", "add", *audit_grant())["grants"]
        self.on(day, "grant", "approve", str(asked["id"]), by="clara")

    def put(self, day: float) -> str:
        """Put an order into the vault as the gateway does; return the token of its buyer's name."""
        now = DAY_0 + timedelta(days=day)
        system = open_system(self.home.path, starts_at=now)
        try:
            seller = system.sellers.by_name("acme").id
            seen = order(ORDER, purchased=now - timedelta(days=1))
            (placed,) = system.vault.put(seller, [seen], caller=SYSTEM, op="ordersV0.x", now=now)
            return placed.token(next(iter(seen.slots)))
        finally:
            system.close()

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.json"


@pytest.fixture
def quarter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quarter:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    made = Quarter(Offline.make(tmp_path / "made", one_person=False), tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("lwa")
    made.on(
        *(0, "seller", "add", "acme", "--region", "eu", "--marketplace", "A1PA6795UKMFR9"),
        *("--client-id", "amzn1.application-oa2-client.0", "--client-secret-file", str(secret)),
        *("--refresh-token-file", str(secret)),
    )
    made.keep("boris", made.on(0, "user", "add", "boris"))
    made.keep("erp", made.on(0, "app", "add", "erp", "--owner", "anna"))
    made.keep("bi", made.on(0, "app", "add", "bi", "--owner", "anna"))
    return made


def grant(
    quarter: Quarter, day: float, principal: str, days: int, *more: str, by: str = "boris"
) -> int:
    """Ask for a grant from the console and have it approved; return its number."""
    asked = quarter.on(
        *(day, "grant", "add", "--principal", principal, "--action", "reveal"),
        *("--purpose", "fulfilment", "--categories", "name,phone", "--seller", "acme"),
        *("--days", str(days), *more),
    )
    assert asked["state"] == "pending"
    approved = quarter.on(day, "grant", "approve", str(asked["id"]), by=by)
    assert approved["state"] == "active"
    return int(asked["id"])


def marks(review: Any) -> dict[int, list[str]]:
    return {item["grant"]["id"]: item["marks"] for item in review["items"]}


def states(quarter: Quarter, day: float) -> dict[int, str]:
    return {g["id"]: g["state"] for g in quarter.on(day, "grant", "list")["grants"]}


def checks(quarter: Quarter, day: float) -> set[tuple[str, str]]:
    """Return what `doctor` says on a day: each check's id and state."""
    return {(check["id"], check["state"]) for check in quarter.attempt(day, "doctor")[1]["checks"]}


def item(review: Any, number: int) -> str:
    (found,) = [str(i["item"]) for i in review["items"] if i["grant"]["id"] == number]
    return found


def test_a_quarter_of_reviews(quarter: Quarter) -> None:
    """The clock runs over 91 days: what was confirmed lives, what nobody confirmed is suspended."""
    why = ("--budget", "5", "--reason", "labels for the depot")
    kept = grant(quarter, 0, "erp", 88, *why)
    idle = grant(quarter, 30, "bi", 90)
    late = grant(quarter, 40, "bi", 90)
    token = quarter.put(79)
    reveal = ("reveal", token, "--purpose", "fulfilment", "--reason", "label")
    assert quarter.on(79, *reveal, by="erp")["value"] == "Jürgen Groß"

    cells = quarter.on(80, "grant", "matrix")["cells"]
    assert [(c["principal"], c["seller"], c["categories"], c["grants"]) for c in cells] == [
        ("erp", "acme", ["name", "phone"], [kept]),
        ("bi", "acme", ["name", "phone"], [idle]),
    ]
    assert cells[0]["last_used_at"].startswith("2026-05-20")
    assert cells[0]["why"][0]["approved_by"] == "boris"
    assert (cells[0]["why"][0]["budget"], cells[0]["why"][0]["used_today"]) == (5, 0)
    assert cells[0]["why"][0]["reason"] == "labels for the depot"

    assert checks(quarter, 80) >= {("access.review", "warning"), ("apps.secrets", "warning")}
    # The population: by a query, with its count and hash; reads are the log's.
    review = quarter.on(80, "review", "start")
    assert (review["row_count"], review["state"]) == (3, "open")
    assert "access_grant" in review["query"]
    assert len(review["population_sha256"]) == 64
    assert marks(review) == {
        kept: ["new"],
        idle: ["new", "unused", "dormant"],
        late: ["new", "unused", "dormant"],
    }
    assert [i["reads"] for i in review["items"]] == [1, 0, 0]
    assert quarter.refused(80, "review", "start") == "a campaign is open"
    assert "wait for a decision" in quarter.refused(80, "review", "close", "1")

    decide = ("review", "decide")
    quarter.on(81, *decide, item(review, kept), "keep", "--days", "90", by="boris")
    code, *_ = quarter.attempt(81, *decide, item(review, idle), "change", "--days", "90")
    assert code == 2
    quarter.on(81, *decide, item(review, idle), "revoke")
    assert "is decided" in quarter.refused(81, *decide, item(review, idle), "keep")

    # Day 91: nobody decided about one grant. Nothing ran; it counts no more.
    assert states(quarter, 90.9) == {kept: "active", idle: "revoked", late: "active"}
    assert states(quarter, 91) == {kept: "active", idle: "revoked", late: "suspended"}
    cells = quarter.on(91, "grant", "matrix")["cells"]
    assert [cell["principal"] for cell in cells] == ["erp"]
    fresh = quarter.on(91, "app", "rotate", "bi")
    quarter.keep("bi", fresh)
    assert "grant_suspended" in quarter.refused(91, *reveal, by="bi")

    closed = quarter.on(91, "review", "close", "1")
    assert closed["decided"] == {"keep": 1, "change": 0, "revoke": 1}
    assert (closed["proved"], closed["suspended"]) == ([idle], [late])
    shown = quarter.on(91, "review", "show", "1")
    assert shown["population_sha256"] == review["population_sha256"]
    assert [i["proved_at"] is not None for i in shown["items"]] == [False, True, False]

    # Against the list that the review left: what is new, and nothing that was not recorded.
    quarter.keep("boris", quarter.on(92, "user", "credential", "boris"))
    new = grant(quarter, 92, "erp", 10)
    drift = quarter.on(92, "grant", "drift")
    assert (drift["ok"], drift["baseline"], drift["tampered"]) == (True, 1, [])
    assert drift["added"] == [late, new]
    assert quarter.on(92, "audit", "verify")["ok"] is True


def test_somebody_leaves(quarter: Quarter) -> None:
    """The end is a date: at that instant credential, grants and reviews of theirs are over."""
    asked = quarter.on(
        *(0, "grant", "add", "--principal", "boris", "--role", "customer-care"),
        *("--seller", "acme", "--days", "30", "--reason", "answers buyers"),
    )["grants"]
    assert [g["action"] for g in asked] == ["search", "reveal"]
    assert {g["budget"] for g in asked} == {100}
    quarter.keep("clara", quarter.on(0, "user", "add", "clara"))
    for one in asked:
        assert "another person" in quarter.refused(
            0, "grant", "approve", str(one["id"]), by="boris"
        )
        quarter.on(0, "grant", "approve", str(one["id"]), by="clara")
    end = DAY_0 + timedelta(days=4)
    quarter.on(1, "user", "end", "boris", "--at", end.isoformat(), "--yes")
    token = quarter.put(3.5)
    reveal = ("reveal", token, "--purpose", "fulfilment")
    assert quarter.on(3.99, *reveal, by="boris")["value"] == "Jürgen Groß"
    code, proof, _ = quarter.attempt(3.99, "user", "proof", "boris")
    assert (code, proof["complete"]) == (1, False)

    assert "credential is not valid" in quarter.refused(4, *reveal, by="boris")
    proof = quarter.on(4, "user", "proof", "boris")
    assert proof["complete"] is True
    assert [(h["kind"], h["dead"]) for h in proof["held"]] == [
        ("credential", True),
        ("grant", True),
        ("grant", True),
    ]
    assert quarter.on(4, "grant", "matrix")["cells"] == []
    quarter.read_log(4)
    events = [e["type"] for e in quarter.on(4, "audit", "tail", "--lines", "40")["events"]]
    assert "principal.end.planned" in events
    assert "principal.end.proved" in events


def test_the_glass_is_broken_for_hours_and_waits_for_a_reviewer(quarter: Quarter) -> None:
    token = quarter.put(0)
    glass = ("grant", "break-glass", "--seller", "acme", "--purpose", "incident")
    glass += ("--categories", "name", "--reason", "labels show wrong names", "--hours")
    reveal = ("reveal", token, "--purpose", "incident")
    # A person of no office may not; at the console, or with a grant to administer, one may.
    assert "may not break" in quarter.refused(0, *glass, "2", by="boris")
    operator = quarter.on(
        *(0, "grant", "add", "--principal", "boris", "--role", "operator"),
        *("--seller", "acme", "--days", "30"),
    )["grants"][0]["id"]
    quarter.keep("clara", quarter.on(0, "user", "add", "clara"))
    quarter.on(0, "grant", "approve", str(operator), by="clara")
    assert "may not read" in quarter.refused(0, *reveal, by="boris")
    assert quarter.attempt(0, *glass, "5", by="boris")[0] == 2
    broken = quarter.on(0, *glass, "2", by="boris")
    assert (broken["break_glass"], broken["state"]) == (True, "active")
    assert quarter.on(0.08, *reveal, by="boris")["value"] == "Jürgen Groß"
    assert "grant_expired" in quarter.refused(0.09, *reveal, by="boris")

    (waiting,) = quarter.on(1, "review", "show")["break_glass"]
    assert ("access.broken_glass", "failed") in checks(quarter, 3)
    decide = ("review", "decide", str(waiting["item"]), "keep")
    assert "their own" in quarter.refused(1, *decide, by="boris")
    # Nobody looked at it yet: it keeps its person from the next one.
    assert "their own" in quarter.refused(1, *decide[:-1], "revoke", by="boris")
    assert "review_overdue" in quarter.refused(1, *glass, "1", by="boris")
    assert "review_overdue" in quarter.refused(3, *glass, "1", by="boris")
    assert quarter.on(3, *decide, by="clara")["decision"] == "keep"
    quarter.on(3, *glass, "1", by="boris")


def test_roles_on_the_command_line(quarter: Quarter, tmp_path: Path) -> None:
    names = [role["name"] for role in quarter.on(0, "role", "list")["roles"]]
    assert "label-printing" in names
    text = tmp_path / "packing.toml"
    text.write_text(
        'title = "Pack"\n[[lines]]\naction = "reveal"\npurpose = "fulfilment"\n'
        'categories = ["name"]\nbudget = 10\n'
    )
    made = quarter.on(0, "role", "set", "packing", "--file", str(text))
    assert (made["revision"], made["lines"][0]["budget"]) == (1, 10)
    assert "says that already" in quarter.refused(0, "role", "set", "packing", "--file", str(text))
    asked = quarter.on(
        *(0, "grant", "add", "--principal", "erp", "--role", "packing", "--seller", "acme"),
        *("--days", "5"),
    )["grants"][0]
    assert asked["role"] == made["stamp"]
    rejected = quarter.on(0, "grant", "reject", str(asked["id"]), by="boris")
    assert rejected["state"] == "rejected"
    text.write_text("not = [toml")
    assert quarter.attempt(0, "role", "set", "packing", "--file", str(text))[0] == 2
    both = ("--role", "packing", "--action", "reveal", "--seller", "acme", "--days", "5")
    assert quarter.attempt(0, "grant", "add", "--principal", "erp", *both)[0] == 2
