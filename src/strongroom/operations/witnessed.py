"""Which operations answer only once witnesses saw them, where `log.synchronous` asks for it (ADR 0122) [2.6].

Exports, what is done with keys and secrets, and administration that gives somebody something. What takes rights away
is never held up: whoever cuts the way to the witnesses must not keep an app from being ended.
"""

from typing import Final

WITNESSED: Final = frozenset(
    {
        "alarm.mute",
        "audit.export",
        "audit.witness.remove",
        "audit.timestamp.remove",
        "audit.copy.remove",
        "erase.seller",
        "keys.compromise",
        "keys.passphrase",
        "keys.copy",
        "keys.rewrap",
        "keys.rotate_master",
        "keys.rotate_root",
        "place.add",
        "place.approve",
        "secret.rotate",
        "seller.add",
        "seller.rotate",
        "tls.rotate",
        "app.add",
        "app.authorize",
        "app.certificate",
        "app.key",
        "app.rotate",
        "consent.approve",
        "node.add",
        "node.certificate",
        "node.rotate",
        "user.add",
        "user.credential",
        "user.invite",
        "user.link",
        "user.unlock",
        "user.identity.link",
        "role.set",
        "grant.add",
        "grant.add_role",
        "grant.approve",
        "grant.break_glass",
        "network.allow",
        "network.approve",
    }
)
