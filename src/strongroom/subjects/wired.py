"""The parts of the room, put together once for a home."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.subjects.extending import Extensions
from strongroom.subjects.package import Packages
from strongroom.subjects.permits import Permits
from strongroom.subjects.requests import Requests
from strongroom.terms import Environment, PrincipalId
from strongroom.vault import Vault


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subject requests of one home, the copies made for them, and the exceptions to what they restrict."""

    requests: Requests
    packages: Packages
    permits: Permits
    extensions: Extensions

    @classmethod
    def wired(
        cls,
        database: Database,
        audit: AuditLog,
        vault: Vault,
        key: bytes,
        environment: Environment,
        *,
        administrators: Callable[[datetime], frozenset[PrincipalId]],
        one_person: bool,
        most_days: int = 0,
    ) -> Self:
        """Return the parts, wired; `most_days` as in `Law.due`."""
        requests = Requests(
            database,
            audit,
            vault,
            key,
            environment,
            administrators=administrators,
            most_days=most_days,
        )
        return cls(
            requests,
            Packages(database, vault, requests),
            Permits(database, audit, one_person=one_person),
            Extensions(database, audit),
        )
