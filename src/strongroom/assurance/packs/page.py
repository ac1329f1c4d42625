"""Writes the page of a pack for a browser: one file, no script, exceptions first, links to all others [3]. Pure."""

from collections.abc import Mapping
from typing import Final

import jinja2

from strongroom.assurance.packs.account import Account, written
from strongroom.assurance.packs.tables import clause

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("strongroom.assurance.packs", "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def index(account: Account, files: Mapping[str, str]) -> bytes:
    """Return the page; `files` says of each file what it is."""
    text = _TEMPLATES.get_template("index.html").render(
        account=account,
        rows=[clause(row) | {"blocks": row.blocks} for row in account.rows],
        files=files,
        written=written,
    )
    return text.encode()
