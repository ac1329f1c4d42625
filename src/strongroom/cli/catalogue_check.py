"""What the catalogue says of Amazon's models, against the models themselves: `catalogue check`. Needs no home."""

from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import EXIT_REFUSED, Session, verb
from strongroom.errors import Malformed
from strongroom.policy.catalogue import Catalogue
from strongroom.policy.catalogue.checking import Checked, Fault, Finding, check
from strongroom.policy.catalogue.published import Published, read
from strongroom.request import Json

_LARGEST_BYTES: Final = 16 * 1024 * 1024
"""A model of Amazon's has less than half a megabyte."""
_SHOWN: Final = 200


def register(group: typer.Typer) -> None:
    """Add the verb to the catalogue's."""

    @verb(group, "check", example="strongroom catalogue check selling-partner-api-models/models")
    def catalogue_check(
        session: Session,
        folder: Annotated[Path, typer.Argument(metavar="MODELS_DIR", show_default=False)],
    ) -> None:
        """Compare the catalogue with Amazon's models or notifications; exit code 1 when anything is found."""
        published, unreadable = _read(folder)
        stated = (Catalogue.load().operations, Catalogue.notifications().operations)
        checked = check((o for known in stated for o in known.values()), published)
        document = _document(checked, unreadable)
        session.say(document, _told(checked, unreadable))
        if not document["ok"]:
            raise typer.Exit(EXIT_REFUSED)


def _read(folder: Path) -> tuple[list[Published], list[str]]:
    """Return the operations of the models that can be read, and what is wrong with each other file."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise Malformed("MODELS_DIR is no folder with models", hint="its files end in .json")
    operations: list[Published] = []
    unreadable: list[str] = []
    for file in files:
        try:
            if file.stat().st_size > _LARGEST_BYTES:
                raise Malformed(f"{file.name} is too large for a model")
            operations += read(file.stem, file.read_bytes())
        except OSError:
            raise Malformed(f"{file.name} can't be read") from None
        except ValueError as exc:
            # Amazon published one that lacks its own definitions: the others are checked all the same.
            unreadable.append(_printable(f"{file.name} is no model: {exc}"))
    return operations, unreadable


def _document(checked: Checked, unreadable: list[str]) -> Json:
    return {
        "ok": not checked.findings and not unreadable,
        "unreadable": unreadable,
        "models": checked.models,
        "operations": checked.operations,
        "leaves": checked.leaves,
        "counts": {fault.name.lower(): checked.count(fault) for fault in Fault},
        "findings": [_finding(finding) for finding in checked.findings],
    }


def _finding(finding: Finding) -> Json:
    return {
        "fault": finding.fault.name.lower(),
        "operation": finding.operation,
        "part": finding.part,
        "path": finding.path,
        "detail": finding.detail,
    }


def _told(checked: Checked, unreadable: list[str]) -> str:
    counts = {"models": checked.models, "operations": checked.operations, "leaves": checked.leaves}
    counts |= {fault.value: checked.count(fault) for fault in Fault}
    counts |= {"unreadable": len(unreadable)}
    width = max(map(len, counts))
    told = [f"{name:<{width}}  {count}" for name, count in counts.items()]
    told += unreadable
    told += map(_line, checked.findings[:_SHOWN])
    if (rest := len(checked.findings) - _SHOWN) > 0:
        told.append(f"and {rest} more; --json prints all")
    return "\n".join(told)


def _printable(text: str) -> str:
    # What a model calls its members is not ours to choose: no escape sequence reaches a terminal.
    return "".join(c if c.isprintable() else "?" for c in text)


def _line(finding: Finding) -> str:
    place = " ".join(filter(None, (finding.operation, finding.part, finding.path)))
    detail = f" ({finding.detail})" if finding.detail else ""
    return _printable(f"{finding.fault}: {place}{detail}")
