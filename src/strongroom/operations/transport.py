"""What commands ask of the listeners' TLS [1.5]."""

import socket

from strongroom.app import machine_clock
from strongroom.home import certificates
from strongroom.home.transport import GROUPS, server_context
from strongroom.operations.registry import Call, operation
from strongroom.request import Json


@operation("tls.show")
def _tls_show(call: Call) -> Json:
    home = call.system.home
    leaf = certificates.leaf_of(home)
    context = server_context(home)
    return {
        "certificate": str(certificates.certificates(home).chain),
        "thumbprint": leaf.thumbprint,
        "issuer": leaf.issuer,
        "ours": leaf.ours,
        "names": list(leaf.names),
        "key": leaf.key,
        "not_before": leaf.not_before.isoformat(),
        "not_after": leaf.not_after.isoformat(),
        "days_left": max(0, (leaf.not_after - machine_clock()).days),
        "authority_not_after": certificates.expires_at(
            certificates.certificates(home).authority
        ).isoformat(),
        "protocols": ["TLSv1.2", "TLSv1.3"],
        "ciphers": sorted(cipher["name"] for cipher in context.get_ciphers()),
        "groups": list(GROUPS),
    }


@operation("tls.rotate")
def _tls_rotate(call: Call) -> Json:
    system = call.system
    certificates.rotate(
        system.home,
        system.keystore.secret("ca", call.now),
        hostname=socket.gethostname(),
        machine_now=machine_clock(),
    )
    # After the files: the log never names a certificate that was not made.
    system.record_certificate("tls.rotated", call.caller, call.now)
    return _tls_show(call)
