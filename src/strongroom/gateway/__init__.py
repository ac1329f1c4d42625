"""The door that seller's apps use instead of Amazon: personal data stays here, tokens pass [1.3, 2.4]."""

from collections.abc import Callable, Iterable
from datetime import datetime

from strongroom.accounts import Accounts, ClientGuard, Networks
from strongroom.audit.log import AuditLog
from strongroom.errors import Misconfigured
from strongroom.gateway.proxy import Gateway
from strongroom.gateway.trial import try_credentials
from strongroom.gateway.upstream import UpstreamLimits
from strongroom.policy.catalogue import Catalogue
from strongroom.terms import Environment
from strongroom.vault import SellerStore, Vault

__all__ = ["Gateway", "UpstreamLimits", "catalogue_with", "create_gateway", "try_credentials"]


def create_gateway(  # noqa: PLR0913 - the objects that app.py wires, by name
    *,
    catalogue: Catalogue,
    vault: Vault,
    accounts: Accounts,
    networks: Networks,
    guard: ClientGuard,
    sellers: SellerStore,
    audit: AuditLog,
    clock: Callable[[], datetime],
    token_key: bytes,
    environment: Environment,
    limits: UpstreamLimits = UpstreamLimits(),  # noqa: B008 - frozen
) -> Gateway:
    """Return the gateway as an ASGI callable; `token_key` (32 bytes) seals its tickets and nothing else."""
    return Gateway(
        catalogue=catalogue,
        vault=vault,
        accounts=accounts,
        networks=networks,
        guard=guard,
        sellers=sellers,
        audit=audit,
        clock=clock,
        token_key=token_key,
        environment=environment,
        limits=limits,
    )


def catalogue_with(allowed: Iterable[str]) -> Catalogue:
    """Return the catalogue with the operations that an operator lets pass [1.3]. Raises: Misconfigured."""
    try:
        return Catalogue.load().allowing(allowed)
    except ValueError as exc:
        raise Misconfigured(
            "gateway.allow_unknown has a line that names no operation, or one the catalogue knows",
            hint="a line reads `GET /new/v1/things/{thingId}`",
        ) from exc
