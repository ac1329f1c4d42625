"""What commands do to the links between people and the OpenID Connect provider [1.2]."""

from strongroom.accounts import Identity
from strongroom.errors import Conflict
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json


@operation("user.identity.link")
def _link(call: Call, *, name: str, subject: str) -> Json:
    issuer = call.system.settings.oidc.issuer
    if not issuer:
        raise Conflict("no provider is set up", hint="set oidc.issuer; see docs/signing-on.md")
    linked = call.system.identities.link(name, issuer, subject, caller=call.caller, now=call.now)
    return _identity(call, linked)


@operation("user.identity.list")
def _list(call: Call, *, name: str | None = None) -> Json:
    found = call.system.identities.listed(name)
    return {"identities": [_identity(call, identity) for identity in found]}


@operation("user.identity.unlink")
def _unlink(call: Call, *, identity: int) -> Json:
    ended = call.system.identities.unlink(identity, caller=call.caller, now=call.now)
    return _identity(call, ended)


def _identity(call: Call, identity: Identity) -> Json:
    return {
        "id": identity.id,
        "name": identity.name,
        "issuer": identity.issuer,
        # A link to another provider than the one set up now lets nobody in.
        "live": identity.ended_at is None and identity.issuer == call.system.settings.oidc.issuer,
        "created_at": identity.created_at.isoformat(),
        "ended_at": iso(identity.ended_at),
    }
