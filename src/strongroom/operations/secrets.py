"""What commands do to this installation's own secrets: how old they are, and the next one in their place [1.4, 2.5]."""

from pathlib import Path

from strongroom.app import passphrase_path
from strongroom.crypto.root import reseal_file_root, root_file
from strongroom.db import schema
from strongroom.errors import Conflict, Malformed, Misconfigured, StrongroomError, Unavailable
from strongroom.feeds import mail
from strongroom.feeds.destinations import Mail
from strongroom.feeds.targets import Role
from strongroom.gateway import try_credentials
from strongroom.home import making
from strongroom.home.secrets import of_url, seal_of
from strongroom.operations.registry import Call, operation
from strongroom.policy.secrets import (
    KEYSTORE_DATABASE,
    LWA,
    OIDC_CLIENT,
    PASSPHRASE,
    SMTP,
    VAULT_DATABASE,
    SecretAge,
)
from strongroom.request import Json
from strongroom.settings import read_secret
from strongroom.terms import Environment
from strongroom.vault.secrets import lwa_name

_HOW = {
    PASSPHRASE: "strongroom keys passphrase --passphrase-file NEW",
    VAULT_DATABASE: f"strongroom secret rotate {VAULT_DATABASE} --url-file NEW",
    KEYSTORE_DATABASE: f"strongroom secret rotate {KEYSTORE_DATABASE} --url-file NEW",
    OIDC_CLIENT: "oidc.client_secret in the settings, then a restart",
}
_SETTING = {VAULT_DATABASE: "vault.url", KEYSTORE_DATABASE: "keystore.url"}


@operation("secret.list")
def _secret_list(call: Call) -> Json:
    return {"secrets": [_shown(call, age) for age in call.system.secrets.ages()]}


@operation("secret.rotate")
def _secret_rotate(
    call: Call, *, name: str, url: str | None = None, password: str | None = None
) -> Json:
    if name.startswith(SMTP):
        return _rotate_mail(call, name, password)
    setting = _SETTING.get(name)
    if setting is None or url is None:
        raise Malformed("no such secret has a URL", hint=f"one of {', '.join(_SETTING)}")
    system, value = call.system, of_url(url)
    system.secrets.refuse_known(name, value)
    if name == VAULT_DATABASE:
        system.database.switch(url, schema.vault.tables)
    else:
        system.keystore.switch_database(url)
    system.secrets.change(call.caller, name, value, call.now)
    return {
        **_named(call, name),
        "update": f"{setting} in strongroom.toml, or the variable or file that it comes from: "
        "the next start reads it there",
    }


@operation("seller.rotate")
def _seller_rotate(
    call: Call, *, name: str, client_secret: str, refresh_token: str | None = None
) -> Json:
    sellers = call.system.sellers
    seller = sellers.succeed(sellers.by_name(name).id, client_secret, refresh_token)
    call.system.secrets.refuse_known(lwa_name(seller.id), client_secret.encode())
    # Before anything is changed, and outside of any transaction.
    try_credentials(seller)
    sellers.rotate(call.caller, seller, call.system.secrets, call.now)
    return {"seller": seller.name, **_named(call, LWA + seller.name)}


@operation("keys.passphrase")
def _keys_passphrase(call: Call, *, passphrase: str, current: str | None = None) -> Json:
    system = call.system
    settings, home = system.settings, system.home
    seal_of(home, settings)  # a root that lies elsewhere has no passphrase
    shortest = making.SHORTEST_PASSPHRASE
    if settings.environment is Environment.PRODUCTION and len(passphrase) < shortest:
        raise Malformed(f"the passphrase is shorter than {shortest} characters [1.4]")
    path = passphrase_path(settings)
    path_of_root = root_file(settings.keystore.root, home.root)
    reseal_file_root(path_of_root, _current(current, path), passphrase, settings.environment)
    try:
        system.secrets.change(call.caller, PASSPHRASE, seal_of(home, settings), call.now)
    except StrongroomError as exc:
        # The next start records it. What must not happen is that somebody takes it for undone.
        raise Unavailable(
            "the root key is sealed under the new passphrase, but that is not recorded yet",
            hint="keep the new passphrase: nothing else opens the home; then restart",
        ) from exc
    where = "where the passphrase comes from" if path is None else str(path)
    return {
        **_named(call, PASSPHRASE),
        "update": f"{where}: put the new passphrase there now, or the home does not open again",
        "destroy": f"old copies of {path_of_root}: they still open with the passphrase before",
    }


# -- private ---------------------------------------------------------------------------------------


def _rotate_mail(call: Call, name: str, password: str | None) -> Json:
    """Put a mail server's new password in place of the one before, once the server takes it."""
    if password is None:
        raise Malformed("a mail server has a password", hint="give --password-file")
    system = call.system
    channel = system.targets.by_name(Role.CHANNEL, name.removeprefix(SMTP))
    place = channel.destination
    if not isinstance(place, Mail) or place.user is None:
        raise Malformed(f"channel {channel.name} has no password")
    if not channel.in_effect:
        raise Conflict(f"channel {channel.name} is not in effect")
    named = SMTP + channel.name
    system.secrets.refuse_known(named, password.encode())
    # Before anything is changed, and outside of any transaction.
    mail.log_in(place, password)
    with system.database.write() as tx:
        system.targets.set_password(tx, channel, password)
        event = system.secrets.change_in(tx, call.caller, named, password.encode(), call.now)
        system.audit.append(tx, event, now=call.now)
    system.targets.forget()
    return _named(call, named)


def _current(given: str | None, path: Path | None) -> str:
    if given is not None:
        return given
    if path is None:
        raise Misconfigured(
            "the present passphrase is not at hand", hint="give --current-passphrase-file"
        )
    return read_secret(path, "the passphrase")


def _named(call: Call, name: str) -> Json:
    return next(_shown(call, age) for age in call.system.secrets.ages() if age.name == name)


def _shown(call: Call, age: SecretAge) -> Json:
    """Return a secret's age: never what it is."""
    return {
        "name": age.name,
        "since": age.since.isoformat(),
        "age_days": (call.now - age.since).days,
        "limit_days": age.lifetime.days,
        "ends_at": age.ends_at.isoformat(),
        "state": age.state(call.now).value,
        "rotate": _how(age.name),
    }


def _how(name: str) -> str:
    if name.startswith(SMTP):
        return f"strongroom secret rotate {name} --password-file NEW"
    seller = name.removeprefix(LWA)
    return _HOW.get(name, f"strongroom seller rotate {seller} --client-secret-file NEW")
