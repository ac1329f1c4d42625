"""Mail servers' passwords among the installation's own secrets: how old each is [1.4]."""

from datetime import datetime

from strongroom.db.engine import Transaction
from strongroom.feeds.targets import Role, Target, Targets, Told
from strongroom.policy.secrets import SMTP
from strongroom.terms import Caller
from strongroom.vault.secrets import SystemSecrets


def mail_passwords(targets: Targets) -> dict[str, bytes]:
    """Return each password that is in use, by the name it is listed under."""
    return {
        SMTP + channel.name: channel.password.encode()
        for channel in targets.in_effect(Role.CHANNEL)
        if channel.password is not None
    }


def follow(secrets: SystemSecrets) -> Told:
    """Return what has a channel's password listed from the day the channel is used, and no longer."""

    def told(tx: Transaction, target: Target, done: str, caller: Caller, now: datetime) -> None:
        if target.role is not Role.CHANNEL or target.password is None:
            return
        name = SMTP + target.name
        if done == "add.approved":
            secrets.begin(tx, caller, name, target.password.encode(), now)
        elif done == "remove.approved":
            secrets.end(name)

    return told
