"""Bills of materials: of this installation, from what is installed, and of other software, from a file [2.3, 2.5].

Ours is CycloneDX 1.6, the same bytes for the same packages: it carries no instant, and its number is made of its
content. Nothing is fetched.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any, Final

import orjson

from strongroom.errors import Malformed

MOST_BYTES: Final = 8 * 1024 * 1024
MOST_COMPONENTS: Final = 50_000
_LONGEST: Final = 512
_VERSIONS: Final = frozenset({"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"})
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS: Final = re.compile(r"[-_.]+")
_EXTRA: Final = re.compile(r"\bextra\s*==")
_ROOT: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "sbom.strongroom.invalid")


@dataclass(frozen=True, slots=True)
class Part:
    """One component: its name and version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What a file says that something is made of."""

    format: str
    components: tuple[Part, ...]


def own_bom(root: str = "strongroom") -> bytes:
    """Return the bill of materials of a package that is installed, and of all it needs (CycloneDX 1.6, JSON)."""
    found: dict[str, Distribution] = {}
    needs: dict[str, list[str]] = {}
    waiting = [_normal(root)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        needs[name] = sorted(set(_required(found[name].requires or ())))
        waiting += needs[name]
    refs = {name: f"pkg:pypi/{name}@{one.version}" for name, one in found.items()}
    first = _normal(root)
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {**_component(first, found[first], refs), "type": "application"},
            "lifecycles": [{"phase": "operations"}],
        },
        "components": [
            _component(name, found[name], refs) for name in sorted(found) if name != first
        ],
        "dependencies": [
            {"ref": refs[name], "dependsOn": [refs[one] for one in needs[name] if one in refs]}
            for name in sorted(found)
        ],
    }
    content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_ROOT, content.decode())}"
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def read_bom(content: bytes) -> Parts:
    """Return what a CycloneDX file in JSON lists. Raises: Malformed: it is none, or too large."""
    if len(content) > MOST_BYTES:
        raise Malformed(f"a bill of materials has up to {MOST_BYTES // 1024 // 1024} MiB")
    try:
        # orjson stops at a depth of its own: no nesting makes it run out of stack.
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Malformed("the bill of materials is no JSON") from None
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise Malformed("the bill of materials is no CycloneDX in JSON")
    version = document.get("specVersion")
    if not isinstance(version, str) or version not in _VERSIONS:
        raise Malformed("the bill of materials is of a version that is not known")
    listed = document.get("components", [])
    if not isinstance(listed, list) or len(listed) > MOST_COMPONENTS:
        raise Malformed(f"a bill of materials lists up to {MOST_COMPONENTS:,} components")
    return Parts(
        f"cyclonedx-{version}", tuple(_part(number, one) for number, one in enumerate(listed, 1))
    )


def _part(number: int, one: object) -> Part:
    if not isinstance(one, dict):
        raise Malformed(f"component {number} is none")
    name, version = one.get("name"), one.get("version", "")
    if not isinstance(name, str) or not isinstance(version, str) or not name:
        raise Malformed(f"component {number} has no name or version")
    if len(name) > _LONGEST or len(version) > _LONGEST:
        raise Malformed(f"component {number} has too long a name or version")
    return Part(name, version)


def _component(name: str, one: Distribution, refs: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": refs[name],
        "name": name,
        "version": one.version,
        "purl": refs[name],
    }
    licences = _licences(one)
    if licences:
        found["licenses"] = licences
    return found


def _licences(one: Distribution) -> list[dict[str, Any]]:
    """Return the licence a package states; an expression only where it says that it is one."""
    metadata = one.metadata
    expressions = metadata.get_all("License-Expression")
    if expressions:
        return [{"expression": expressions[0]}]
    stated = [
        text.rpartition("::")[2].strip()
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License :: ")
    ]
    return [{"license": {"name": name}} for name in sorted(set(stated)) if name]


def _required(lines: Iterable[str]) -> Iterable[str]:
    """Yield the names of what a package needs without its extras."""
    for line in lines:
        match = _NAME.match(line)
        if match is not None and not _EXTRA.search(line):
            yield _normal(match[0])


def _normal(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
