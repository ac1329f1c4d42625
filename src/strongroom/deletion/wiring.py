"""Puts together what a home's notices need [1.7]."""

from datetime import datetime, timedelta
from pathlib import Path

from strongroom.accounts import Accounts
from strongroom.audit import AuditLog
from strongroom.crypto.note import Signer
from strongroom.db.engine import Database
from strongroom.deletion.handing import Package
from strongroom.deletion.notice import Who
from strongroom.deletion.notices import Notices
from strongroom.deletion.stores import Copies
from strongroom.relay import Disclosures
from strongroom.terms import Environment, PrincipalId, RecordNumber
from strongroom.vault import Keystore, SellerStore, Vault
from strongroom.vault.clearing import Clearing, Held


def notices_of(  # noqa: PLR0913 - wired once, by name
    database: Database,
    keystore: Keystore,
    audit: AuditLog,
    accounts: Accounts,
    sellers: SellerStore,
    vault: Vault,
    disclosures: Disclosures,
    *,
    home: Path,
    home_id: str,
    environment: Environment,
    copy_lifetime: timedelta,
    one_person: bool,
    subject_key: bytes,
    now: datetime,
    copies: Copies | None = None,
    held: Held = lambda _records, _now: {},
) -> Notices:
    """Return the notices of a home; `copies` lists what backups, keystore copies and archives there are.

    `held` says which records a law keeps.
    """

    def who(number: PrincipalId) -> Who:
        found = accounts.find(accounts.name_of(number))
        return Who(found.name, found.kind, found.owner, ended=found.ended_at is not None)

    clearing = Clearing(
        database,
        keystore,
        audit,
        environment=environment,
        subject_key=subject_key,
        key=keystore.secret("notices", now),
        copy_lifetime=copy_lifetime,
        held=held,
        canaries=lambda numbers: (RecordNumber(n) for n in vault.canaries.owners(numbers)),
    )
    return Notices(
        database,
        audit,
        clearing,
        disclosures=disclosures,
        sweep=vault.sweep,
        copies=copies or Copies(standbys=database.standbys),
        package=Package(home / "returned"),
        signer=Signer(
            f"strongroom.invalid/deletion/{home_id}",
            keystore.secret("certificate-signer", now),
        ),
        home_id=home_id,
        environment=environment.value,
        sellers=sellers.names,
        who=who,
        one_person=one_person,
    )
