"""What commands do to nodes, and to the client certificates of apps and nodes [1.2, 1.5]."""

from datetime import timedelta

from strongroom.accounts import Certificate, NewApp, Principal
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant
from strongroom.terms import PrincipalKind


@operation("node.add")
def _node_add(call: Call, *, name: str, owner: str, certificate: str) -> Json:
    made = call.system.nodes.add(name, owner, certificate, caller=call.caller, now=call.now)
    return {**_issued(call, made), "owner_registered": made.owner_registered}


@operation("node.list")
def _node_list(call: Call) -> Json:
    nodes = call.system.accounts.listed(PrincipalKind.NODE)
    return {"nodes": [_node(call, node) for node in nodes]}


@operation("node.rotate")
def _node_rotate(call: Call, *, name: str, overlap_days: int = 7) -> Json:
    overlap = timedelta(days=overlap_days)
    made = call.system.nodes.rotate(name, caller=call.caller, now=call.now, overlap=overlap)
    return _issued(call, made)


@operation("node.end")
def _node_end(call: Call, *, name: str, at: str | None = None) -> Json:
    _refuse_other(call, name, PrincipalKind.NODE)
    when = None if at is None else instant(at)
    ended = call.system.accounts.end(name, caller=call.caller, now=call.now, at=when)
    return _node(call, ended)


@operation("node.certificate")
def _node_certificate(call: Call, *, name: str, certificate: str) -> Json:
    return _register(call, name, PrincipalKind.NODE, certificate)


@operation("node.certificate.revoke")
def _node_certificate_revoke(call: Call, *, name: str, number: int) -> Json:
    return _revoke(call, name, PrincipalKind.NODE, number)


@operation("app.certificate")
def _app_certificate(call: Call, *, name: str, certificate: str) -> Json:
    return _register(call, name, PrincipalKind.APP, certificate)


@operation("app.certificate.list")
def _app_certificate_list(call: Call, *, name: str) -> Json:
    _refuse_other(call, name, PrincipalKind.APP)
    return {"certificates": _certificates(call, name, dead=True)}


@operation("app.certificate.revoke")
def _app_certificate_revoke(call: Call, *, name: str, number: int) -> Json:
    return _revoke(call, name, PrincipalKind.APP, number)


# -- private ---------------------------------------------------------------------------------------


def _refuse_other(call: Call, name: str, kind: PrincipalKind) -> None:
    if call.system.accounts.find(name).kind is not kind:
        raise Malformed(f"this is no {kind}")


def _register(call: Call, name: str, kind: PrincipalKind, pem: str) -> Json:
    _refuse_other(call, name, kind)
    made = call.system.certificates.register(name, pem, caller=call.caller, now=call.now)
    return {kind.value: name.lower(), **_certificate(call, made)}


def _revoke(call: Call, name: str, kind: PrincipalKind, number: int) -> Json:
    _refuse_other(call, name, kind)
    ended = call.system.certificates.revoke(name, number, caller=call.caller, now=call.now)
    return {kind.value: name.lower(), **_certificate(call, ended)}


def _issued(call: Call, made: NewApp) -> Json:
    return {
        **_node(call, made.app),
        "client_id": made.client_id,
        "client_secret": made.client_secret,
    }


def _node(call: Call, node: Principal) -> Json:
    secrets = call.system.accounts.holdings(node.name).secrets
    return {
        "id": node.id,
        "name": node.name,
        "kind": node.kind.value,
        "owner": node.owner,
        "created_at": node.created_at.isoformat(),
        "ended_at": iso(node.ended_at),
        "secrets": [
            {
                "credential": secret.id,
                "age_days": (call.now - secret.created_at).days,
                "ends_at": secret.ends_at.isoformat(),
            }
            for secret in secrets
            if secret.works(call.now)
        ],
        "certificates": _certificates(call, node.name),
    }


def _certificates(call: Call, name: str, *, dead: bool = False) -> list[Json]:
    """Return the certificates that work, oldest first; with `dead` the others as well."""
    return [
        _certificate(call, certificate)
        for certificate in call.system.certificates.listed(name)
        if dead or certificate.works(call.now)
    ]


def _certificate(call: Call, certificate: Certificate) -> Json:
    return {
        "certificate": certificate.id,
        "thumbprint": certificate.thumbprint,
        "works": certificate.works(call.now),
        "not_after": certificate.not_after.isoformat(),
        "ends_at": certificate.ends_at.isoformat(),
        "revoked_at": iso(certificate.revoked_at),
    }
