"""The house's own documents on the command line, from draft to a file to be published."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("1.6", "2.2", "2.7")


def test_a_document_from_draft_to_publication(offline: Offline, tmp_path: Path) -> None:
    listed = offline.command("document", "list")["documents"]
    assert [one["state"] for one in listed] == ["none"] * 5
    draft = offline.command("document", "draft", "privacy-policy", "--fill", "company=Example Ltd")
    assert draft["lacks"][0].startswith("fill in address")
    number = str(draft["version"])
    code, _, error = offline.attempt("document", "submit", number)
    assert (code, error["error"]["kind"]) == (2, "Malformed")
    text = offline.command("document", "show", "privacy-policy")["text"]
    assert "Example Ltd" in text
    for name in draft["lacks"][0].removeprefix("fill in ").split(", "):
        text = text.replace(f"{{{{{name}}}}}", "words")
    file = tmp_path / "policy.md"
    file.write_text(text)
    draft = offline.command("document", "draft", "privacy_policy", "--from", str(file))
    assert draft["lacks"] == []
    assert offline.command("document", "submit", number)["state"] == "submitted"
    assert offline.command("document", "return", number)["state"] == "draft"
    offline.command("document", "submit", number)
    digest = sha256(text.encode()).hexdigest()
    assert draft["sha256"] == digest
    assert offline.attempt("document", "approve", number, "--digest", "0" * 64)[0] == 1
    held = offline.command("document", "approve", number, "--digest", digest)
    assert held["state"] == "current"
    read = offline.command("document", "acknowledge", "privacy-policy", "--digest", digest)
    assert read["acknowledged_at"]
    listed = offline.command("document", "list")["documents"]
    assert [one["acknowledged"] for one in listed if one["state"] == "current"] == ["1/1"]
    for form, start in (("md", b"# Privacy"), ("html", b"<!doctype html>"), ("pdf", b"%PDF-")):
        out = tmp_path / f"out.{form}"
        arguments = ("export", "privacy-policy", "--form", form, "--out", str(out))
        offline.command("document", *arguments)
        assert out.read_bytes().startswith(start)
        assert offline.attempt("document", *arguments)[0] == 2, "only a new file"
    code, _, error = offline.attempt("document", "compare")
    assert (code, "documents.privacy_url" in error["error"]["hint"]) == (1, True)


def test_what_changed_is_shown_and_what_is_wrong_is_refused(offline: Offline) -> None:
    assert offline.attempt("document", "show", "cookbook")[0] == 2
    assert offline.attempt("document", "draft", "incident-plan", "--fill", "company")[0] == 2
    draft = offline.command("document", "draft", "incident-plan")
    assert offline.attempt("document", "draft", "incident-plan", "--template")[0] == 2
    dropped = offline.command("document", "drop", str(draft["version"]))
    assert dropped["state"] == "dropped"
    shown = offline.command("document", "show", "incident-plan", "--compared")
    assert [one["state"] for one in shown["versions"]] == ["dropped"]
