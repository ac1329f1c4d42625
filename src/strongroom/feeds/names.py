"""What a channel or a feed may be called. Pure."""

import re
from typing import Final

from strongroom.errors import Malformed

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)


def canonical(name: str) -> str:
    """Return the name in lower case, the only form that is stored. Raises: Malformed."""
    lowered = name.lower()
    if not _NAME.fullmatch(lowered):
        raise Malformed(
            "a name is 1 to 40 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
        )
    return lowered
