"""Everything a command does to an open home, by name, with JSON for arguments and results.

Each file registers the operations of its nouns. A result may hold a revealed value or a credential
shown once; an error never does.
"""

from strongroom.operations import (
    data,
    epochs,
    evidence,
    exports,
    grants,
    identities,
    joining,
    keeping,
    leaks,
    locks,
    machines,
    networks,
    posture,
    principals,
    reviews,
    secrets,
    transport,
)
from strongroom.operations.registry import (
    EPOCH,
    TOLERANT,
    VERIFY,
    Json,
    Progress,
    Request,
    instant,
    names,
    run,
)

__all__ = ["EPOCH", "TOLERANT", "VERIFY", "Json", "Progress", "Request", "instant", "names", "run"]

_REGISTERED = (
    data,
    epochs,
    evidence,
    exports,
    grants,
    identities,
    joining,
    keeping,
    leaks,
    locks,
    machines,
    networks,
    posture,
    principals,
    reviews,
    secrets,
    transport,
)
