"""What a person or an app may be called: one name each, none that several could share [1.2].

Pure: text in, the canonical name out, or an error that does not repeat the text.
"""

import re
from typing import Final

from strongroom.errors import Denied, Malformed

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")

GENERIC: Final = frozenset(
    (  # noqa: SIM905 - a list of words reads as words
        "admin administrator anonymous any console default everybody everyone generic guest info "
        "it login mail nobody none office operator ops owner person postmaster public root sales "
        "service shared staff strongroom superuser support sysadmin system team temp temporary "
        "test unknown user users webmaster"
    ).split()
)
"""Names of a role, not of who it is; the policy forbids generic, shared and default accounts."""

_TRAILING: Final = re.compile(r"[._-]?[0-9]+$")


def canonical(name: str) -> str:
    """Return the name in lower case, the only form that is stored.

    Raises:
        Malformed: it has the wrong form.
        Denied: it is generic (`admin`, also with a number: `user2`).

    """
    lowered = name.lower()
    if not _NAME.fullmatch(lowered):
        raise Malformed(
            "a name is 2 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
        )
    if lowered in GENERIC or _TRAILING.sub("", lowered) in GENERIC:
        raise Denied(
            "a generic name is refused: no account may be shared [1.2]",
            hint="name the one person or app that it stands for",
        )
    return lowered


def of_console(os_user: str) -> str:
    """Return the name under which commands of this operating system user are recorded.

    A user called `root` says no more than that: it becomes `console-root`.
    """
    lowered = re.sub(r"[^a-z0-9._-]", "-", os_user.lower()).lstrip("._-")[:55]
    if not _NAME.fullmatch(lowered) or lowered in GENERIC:
        return f"console-{lowered}" if lowered else "console"
    return lowered
