"""Makes the pages: Jinja templates with every value escaped and every name known, and the files they load.

A file's URL holds the digest of its content, so that browsers may keep it for good while pages are never kept [1.5].
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from strongroom.desk import paging, words
from strongroom.desk.exchange import Answer
from strongroom.desk.navigation import sections_for
from strongroom.desk.said import said_by
from strongroom.policy.limits import SESSION_IDLE
from strongroom.terms import Environment

_HERE: Final = Path(__file__).parent
_FOR_GOOD: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

CLAUSES: Final = {
    "1.1": "Network protection",
    "1.2": "Access management",
    "1.3": "Least privilege",
    "1.4": "Credential management",
    "1.5": "Encryption in transit",
    "1.6": "Incident response plan",
    "1.7": "Request for deletion",
    "2.1": "Data retention",
    "2.2": "Data governance",
    "2.3": "Asset management",
    "2.4": "Encryption at rest",
    "2.5": "Secure coding practices",
    "2.6": "Logging and monitoring",
    "2.7": "Vulnerability management",
    "3": "Audit and assessment",
}
"""The clauses of the Data Protection Policy that pages name in their foot."""


class Static:
    """The style sheet, the scripts and the icon, read once."""

    def __init__(self, directory: Path = _HERE / "static") -> None:
        self._answers: dict[str, Answer] = {}
        self._urls: dict[str, str] = {}
        for path in sorted(directory.iterdir()):
            media_type = _TYPES.get(path.suffix)
            if media_type is None:
                continue
            content = path.read_bytes()
            url = f"/static/{hashlib.sha256(content).hexdigest()[:16]}/{path.name}"
            self._urls[path.name] = url
            self._answers[url] = Answer(200, content, media_type, (_FOR_GOOD,))

    def url(self, name: str) -> str:
        """Return where a file is. Raises: KeyError."""
        return self._urls[name]

    def answer(self, path: str) -> Answer | None:
        """Return a file; None for any other path."""
        return self._answers.get(path)


class Pages:
    """The templates of the desk."""

    def __init__(
        self,
        static: Static,
        environment: Environment,
        origin: Callable[[], str],
    ) -> None:
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters |= {
            "instant": _instant,
            "day": _day,
            "sentence": words.sentence,
            "method": words.method,
            "span": words.span,
            "words": _words,
            "groups": _groups,
            "origin": _origin,
            "coded": _coded,
        }
        self._jinja.globals |= {
            "static": static.url,
            "clauses": CLAUSES,
            "environment": environment.value,
            "origin": origin,
            "sections": sections_for,
            "chip": words.chip,
            "urgency": words.urgency,
            "page_link": paging.link,
            "idle_seconds": int(SESSION_IDLE.total_seconds()),
        }

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the page."""
        return self._jinja.get_template(name).render(
            {**values, "said": said_by(values.get("said"))}
        )


def _instant(at: datetime) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), f"{at:%Y-%m-%d %H:%M} UTC"
    )


def _day(at: datetime) -> Markup:
    return Markup('<time datetime="{0}">{0}</time>').format(f"{at:%Y-%m-%d}")


def _words(name: str) -> str:
    """Return a short name of the rooms as a page writes it: `subject_request` is `subject request`."""
    return name.replace("_", " ")


def _origin(said: str) -> str:
    """Return where evidence comes from, of what its first link binds."""
    return str(json.loads(said)["said"])


def _coded(text: str) -> Markup:
    """Return a sentence whose parts between backticks are shown as code."""
    parts = text.split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def _groups(secret: str) -> str:
    """Return a secret in groups of four, as people type it."""
    return " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
