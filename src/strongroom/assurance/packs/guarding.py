"""Looks through a pack before any of it is written: personal data, credentials or a canary end the build [2.6, 3]."""

from collections.abc import Callable, Mapping
from typing import Final

from strongroom.errors import Conflict
from strongroom.leaks.report import Finding
from strongroom.leaks.scan import Scan

_HINT: Final = "nothing was written; mend what the house says there, and build it again"


def refuse_personal(files: Mapping[str, bytes], marked: Callable[[bytes], bool]) -> None:
    """Refuse files that hold what looks like personal data or a credential, or what only canaries have.

    Raises:
        Conflict: one does; the message names file, line and kind, never the value.

    """
    for name, content in files.items():
        if marked(content):
            raise Conflict(f"{name} holds what only a canary has", hint=_HINT)
        scan = Scan(None, secrets=False)
        place = Finding("", name)
        scan.stream(place, [content])
        scan.flush()
        credentials = Scan(None, secrets=True)
        credentials.stream(place, [content])
        credentials.flush()
        for found in (*scan.findings(), *credentials.findings()):
            raise Conflict(f"{name} holds {found.kind} in line {found.line}", hint=_HINT)
