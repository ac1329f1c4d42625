"""Builds the log of a home: of the epoch its database is at, or of one that begins [2.6]."""

import re
import secrets
import socket
import time
from datetime import datetime

from strongroom.audit import AuditLog, Earlier, stored_epoch
from strongroom.crypto.note import Signer, Verifier
from strongroom.db.engine import Database
from strongroom.home.layout import Layout
from strongroom.settings import Settings
from strongroom.vault import Keystore


class Logs:
    """Builds the log of a home: of the epoch its database is at, or of one that begins."""

    def __init__(
        self,
        home: Layout,
        settings: Settings,
        keystore: Keystore,
        database: Database,
        now: datetime,
    ) -> None:
        self._home = home
        self._keystore = keystore
        self._database = database
        self._key = keystore.secret("audit-signer", now)
        self._pseudonym_key = keystore.secret("log-pseudonym", now)
        self._prefix = f"strongroom.invalid/audit/{settings.home_id}/"
        self._boot = secrets.token_hex(8)
        self._node = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:64] or "node"

    def current(self) -> AuditLog:
        """Return the log at the newest epoch that the database holds."""
        newest = max(self._remembered(), default=1)
        return self._of(stored_epoch(self._database) or newest)

    def next(self) -> AuditLog:
        """Return it as an epoch that nobody has signed anything of yet."""
        return self._of(max(self._remembered(), default=1) + 1)

    def _of(self, epoch: int) -> AuditLog:
        signer = Signer(f"{self._prefix}{epoch}", self._key)
        remembered = self._remembered()
        newest = max(remembered, default=epoch)
        return AuditLog(
            self._database,
            signer=signer,
            verifier=Verifier(signer.vkey),
            memory=self._keystore.signer_memory(signer.name),
            node=self._node,
            boot=self._boot,
            pseudonym_key=self._pseudonym_key,
            monotonic=time.monotonic_ns,
            entropy=secrets.token_bytes,
            checkpoint_path=self._home.logs / "checkpoint",
            epoch=epoch,
            earlier=[known for number, known in sorted(remembered.items()) if number < epoch],
            later=newest if newest > epoch else None,
        )

    def _remembered(self) -> dict[int, Earlier]:
        """Return every epoch the signer vouched for, with what it vouched for last."""
        found = {}
        for origin in self._keystore.signed_origins():
            prefix, _, number = origin.rpartition("/")
            last = self._keystore.signer_memory(origin).last()
            if f"{prefix}/" == self._prefix and last is not None:
                verifier = Verifier(Signer(origin, self._key).vkey)
                found[int(number)] = Earlier(int(number), verifier, last)
        return found
