"""Puts together what a home's notices need [1.7]."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from strongroom.accounts import Accounts
from strongroom.audit import AuditLog
from strongroom.backups import Backups, KeystoreCopies
from strongroom.crypto.note import Signer
from strongroom.db.engine import Database
from strongroom.deletion.handing import Package
from strongroom.deletion.notice import Who
from strongroom.deletion.notices import Notices
from strongroom.deletion.stores import Copies, Copy
from strongroom.policy.deletion import HeldBy
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
    copies: Copies,
    held: Held,
) -> Notices:
    """Return the notices of a home; `copies` lists what there is outside its database, `held` what a law keeps."""

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
        copies=copies,
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


def held_by(vault: Vault) -> Held:
    """Return what says which records a law keeps, each by the hold that keeps it longest."""

    def held(records: Sequence[RecordNumber], now: datetime) -> dict[RecordNumber, HeldBy]:
        found = vault.rights.held(records, now)
        longest = {n: max(holds, key=lambda hold: hold.until) for n, holds in found.items()}
        return {n: HeldBy(hold.terms.law, hold.until) for n, hold in longest.items()}

    return held


def copies_of(
    database: Database, vault: Vault, backups: Backups, keystore: KeystoreCopies
) -> Copies:
    """Return what lists the copies of a home: its backups, the copies of its keystore, its archives, its standbys."""

    def archives() -> list[Copy]:
        holds = {hold.id: hold for hold in vault.archive.holds.all()}
        found = []
        for file in vault.archive.files():
            hold = holds.get(file.hold)
            law, until = (None, None) if hold is None else (hold.terms.law, hold.ends_at)
            found.append(Copy(file.name, file.sealed_at, file.destroyed_at, law, until))
        return found

    return Copies(
        lambda: [Copy(one.backup.name, one.backup.taken_at) for one in backups.listed()],
        lambda: [
            Copy(str(one.id), one.created_at, one.destroyed_at)
            for one in keystore.listed(destroyed=True)
        ],
        archives,
        database.standbys,
    )
