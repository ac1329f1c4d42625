"""Everything a command does to an open home, by name, with JSON for arguments and results.

Each file registers the operations of its nouns. A result may hold a revealed value or a credential
shown once; an error never does.
"""

from strongroom.operations import (
    alarms,
    anchors,
    arriving,
    canaries,
    catalogue,
    channels,
    data,
    destinations,
    epochs,
    evidence,
    exports,
    feeds,
    grants,
    identities,
    joining,
    keeping,
    leaks,
    locks,
    machines,
    networks,
    notices,
    paper,
    posture,
    principals,
    reviews,
    secrets,
    sync,
    transport,
)
from strongroom.operations.registry import (
    Leaving,
    begin,
    names,
    run,
)

__all__ = [
    "Leaving",
    "begin",
    "names",
    "run",
]

_REGISTERED = (
    alarms,
    channels,
    anchors,
    arriving,
    canaries,
    catalogue,
    data,
    destinations,
    epochs,
    evidence,
    exports,
    feeds,
    grants,
    identities,
    joining,
    keeping,
    leaks,
    locks,
    machines,
    networks,
    notices,
    paper,
    posture,
    principals,
    reviews,
    secrets,
    sync,
    transport,
)
