"""Reads pip-audit's JSON. It leaves out what its service does not know and still ends well: that is no pass. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from strongroom.assurance.scans.parsed import UNSAID, Declared, Hit, Parsed
from strongroom.assurance.scans.reading import part, rows, text
from strongroom.assurance.scans.scan import Details, ScanKind


def matches(said: object) -> bool:
    """Tell whether a document is one of pip-audit's."""
    return isinstance(said, dict) and {"dependencies", "fixes"} <= said.keys()


def read(said: Mapping[str, Any], declared: Declared) -> Parsed:
    """Return the report; it names neither its day nor that of its advisories, nor how grave anything is."""
    del declared
    packages = rows(said.get("dependencies"))
    skipped = sum("skip_reason" in row for row in packages)
    return Parsed(
        "pip-audit",
        ScanKind.DEPENDENCIES,
        tuple(hit for row in packages for hit in _hits(row)),
        looked_at=len(packages) - skipped,
        left_out=f"{skipped} of {len(packages)} packages were skipped" if skipped else "",
    )


def _hits(package: Mapping[str, Any]) -> Iterator[Hit]:
    for found in rows(package.get("vulns")):
        part(found)
        details = Details(
            text(found.get("id"), 100),
            text(found.get("description")),
            package=text(package.get("name"), 200),
            version=text(package.get("version"), 100),
            fixed_in=", ".join(text(one, 60) for one in _list(found.get("fix_versions"))),
            aliases=tuple(text(one, 60) for one in _list(found.get("aliases"))),
        )
        yield Hit(details, UNSAID)


def _list(value: object) -> list[object]:
    return value[:20] if isinstance(value, list) else []
