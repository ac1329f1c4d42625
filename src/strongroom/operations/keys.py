"""What commands do to the keys of an open home: list, put new ones in their place, declare one compromised [2.4]."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from strongroom.app import passphrase_path
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance import administrators
from strongroom.compliance.key_ages import LIFETIMES, USES, in_use_since
from strongroom.crypto.root import (
    STANDARD_COST,
    RootProvider,
    cost_for,
    create_file_root,
    open_file_root,
    root_file,
    succeed_file_root,
)
from strongroom.db.suspensions import suspend
from strongroom.errors import Conflict, Denied, Malformed, Misconfigured
from strongroom.home import making
from strongroom.home.secrets import seal_of
from strongroom.operations.registry import Call, operation
from strongroom.policy.limits import KEY_ENDS_SOON
from strongroom.policy.secrets import PASSPHRASE
from strongroom.request import Json
from strongroom.roots import make_root, provider_of
from strongroom.settings import read_secret
from strongroom.terms import Caller, Environment, PrincipalKind

_HERE: Final = "this home's process"
_FILE, _PKCS11 = "file", "pkcs11"
_RENEWABLE: Final = ("api-tickets", "desk-forms", "gateway-tickets")
"""Service keys that nothing stored depends on: what they made is good for a day at most."""
_WHAT: Final = ("root", "master", "period", "service", "app")


@operation("keys.inventory")
def _keys_inventory(call: Call) -> Json:
    found = call.system.keystore.inventory()
    rows = [_aged(call, name) for name in LIFETIMES]
    rows[0] |= _provider(call)
    rows.extend(
        _row(call, name, since, use="docs/cryptography.md", due=None)
        for name, since in found.services
    )
    for seller in call.system.sellers.all():
        periods = call.system.keystore.periods(seller=seller.id, live=True)
        if periods:
            oldest = min(period.created_at for period in periods)
            use = f"{len(periods)} period keys: wrap the DEKs of {seller.name}"
            rows.append(_row(call, f"periods:{seller.id}", oldest, use=use, due=None))
    pending = found.roots[-1] if len(found.roots) > 1 else None
    return {"keys": rows, "root": found.root, "root_to_come": pending, **_standing(call)}


@operation("keys.rotate_root")
def _keys_rotate_root(call: Call, *, passphrase: str | None = None, to: str | None = None) -> Json:
    """Put a new root in place of the one in its file; or, with `to`, let another in beside it."""
    return _rotate_root(call, passphrase, to)


@operation("keys.rotate_master")
def _keys_rotate_master(call: Call) -> Json:
    return {"rotated": "master", "wrapped": _rotate_master(call)}


@operation("keys.rewrap")
def _keys_rewrap(call: Call, *, seller: str | None = None, dry_run: bool = False) -> Json:
    return {"dry_run": dry_run, **_rewrap(call, seller, dry=dry_run)}


@operation("keys.compromise")
def _keys_compromise(
    call: Call,
    *,
    what: str,
    seller: str | None = None,
    app: str | None = None,
    passphrase: str | None = None,
    approver: str | None = None,
    credential: str | None = None,
    dry_run: bool = False,
) -> Json:
    """Rotate all that a stolen key could open, from the top down; what cannot be rotated is told."""
    if what not in _WHAT:
        raise Malformed("no such kind of key", hint=f"one of {', '.join(_WHAT)}")
    if (what == "app") != (app is not None):
        raise Malformed("--app names the app whose credential is compromised")
    if app is not None and call.system.accounts.find(app).kind is PrincipalKind.PERSON:
        raise Malformed(f"{app} is a person", hint="strongroom user end, or user credential")
    steps = _steps(what)
    if dry_run:
        return {
            "dry_run": True,
            "what": what,
            "steps": [say for _, say in steps],
            "left": _left(call, what),
        }
    people = _people(call, what, approver, credential)
    for person in people:
        agreed = what if person is people[0] else f"{what}.agreed"
        _record(call, EventType.KEY_COMPROMISED, person, agreed, what, outcome=Outcome.FAILURE)
    done: list[Json] = []
    for step, say in steps:
        match step:
            case "freeze":
                told: Json = _freeze(call, app or "")
            case "root":
                told = _compromised_root(call, passphrase)
            case "master":
                told = {"wrapped": _rotate_master(call)}
            case "services":
                for name in _RENEWABLE:
                    call.system.keystore.secret(name, call.now)
                    call.system.keystore.renew_secret(name, call.now)
                    _record(call, EventType.KEY_ROTATED, call.caller, "service", name)
                told = {"renewed": list(_RENEWABLE)}
            case _:
                told = _rewrap(call, seller, dry=False)
        done.append({"step": say, **told})
    return {"dry_run": False, "what": what, "steps": done, "left": _left(call, what)}


# -- private ---------------------------------------------------------------------------------------


def _steps(what: str) -> list[tuple[str, str]]:
    """Return what is done, in order: whatever wraps comes before what it wraps."""
    words = {
        "freeze": "freeze the app",
        "root": "a new root key",
        "master": "a new master key, and every key under it wrapped anew",
        "services": "new keys for tickets and forms",
        "periods": "a new period key for every one that lives, and records moved",
    }
    order = {
        "app": ("freeze",),
        "period": ("periods",),
        "service": ("services",),
        "master": ("master", "services", "periods"),
        "root": ("root", "master", "services", "periods"),
    }
    return [(step, words[step]) for step in order[what]]


def _left(call: Call, what: str) -> list[str]:
    """Return what no command of this kind can do."""
    elsewhere = (
        []
        if what != "root" or provider_of(call.system.settings.keystore.root) == _FILE
        else [
            "strongroom keys rotate root --to ANOTHER, restart, and destroy the old key at its provider"
        ]
    )
    restart = "restart, so that tickets and forms of the old keys end"
    amazon = (
        "strongroom seller rotate, for every selling partner: its credentials may have been read"
    )
    apps = "strongroom app rotate, for every app and node"
    copies = (
        "destroy every copy of keys.db and of the root key; they still open what they are copies of"
    )
    incident = "docs/runbooks/key-compromise.md: tell Amazon within 24 hours [1.6]"
    return {
        "app": ["strongroom app rotate or app end, then strongroom alarm lift", incident],
        "period": [copies, incident],
        "service": [restart, amazon, apps, incident],
        "master": [restart, amazon, apps, copies, incident],
        "root": [*elsewhere, restart, amazon, apps, copies, incident],
    }[what]


def _rotate_root(call: Call, passphrase: str | None, to: str | None) -> Json:
    here = call.system.settings.keystore.root
    target = here if to is None else to
    if provider_of(target) != _FILE:
        return _admit_elsewhere(call, target) if target != here else _wrap_anew(call)
    given = _new_passphrase(call, passphrase)
    return _succeed(call, given, passphrase) if target == here else _admit(call, target, given)


def _new_passphrase(call: Call, passphrase: str | None) -> str:
    """Return what is to seal a new root in a file. Raises: Misconfigured, Malformed."""
    settings = call.system.settings
    path = passphrase_path(settings)
    if passphrase is None and path is None:
        raise Misconfigured("the passphrase is not at hand", hint="give --passphrase-file")
    given = passphrase if passphrase is not None else read_secret(path, "the passphrase")  # type: ignore[arg-type]
    if settings.environment is Environment.PRODUCTION and len(given) < making.SHORTEST_PASSPHRASE:
        raise Malformed(
            f"the passphrase is shorter than {making.SHORTEST_PASSPHRASE} characters [1.4]"
        )
    return given


def _succeed(call: Call, given: str, passphrase: str | None) -> Json:
    """Put another root into the file of the present one."""
    system = call.system
    keystore, settings, home = system.keystore, system.settings, system.home
    path, uri = passphrase_path(settings), settings.keystore.root
    made = succeed_file_root(
        root_file(uri, home.root),
        given,
        settings.environment,
        admit=lambda root: keystore.admit_root(root, call.now),
        cost=cost_for(root_file(uri, home.root), settings.environment),
        uri=uri,
    )
    keystore.use_root(made)
    # From here on the next opening would finish it too.
    _record(call, EventType.KEY_ROTATED, call.caller, "root", "root")
    keystore.retire_roots()
    if passphrase is None:
        return {"rotated": "root", "update": None}
    system.secrets.change(call.caller, PASSPHRASE, seal_of(home, settings), call.now)
    where = "where the passphrase comes from" if path is None else str(path)
    return {
        "rotated": "root",
        "update": f"{where}: put the new passphrase there now, or the home does not open again",
    }


def _compromised_root(call: Call, passphrase: str | None) -> Json:
    """Put another root in a file's place; what a provider elsewhere has is for who runs it, and told as left."""
    if provider_of(call.system.settings.keystore.root) == _FILE:
        return _rotate_root(call, passphrase, None)
    return {"rotated": None}


def _admit(call: Call, to: str, passphrase: str) -> Json:
    system = call.system
    path, environment = root_file(to, system.home.root), system.settings.environment
    present, cost = system.settings.keystore.root, STANDARD_COST
    if provider_of(present) == _FILE:
        cost = cost_for(root_file(present, system.home.root), environment)
    root: RootProvider
    try:
        root = create_file_root(path, passphrase, environment, cost=cost, uri=to)
    except Conflict:
        # Made before, by a run that was killed; the passphrase says whether it is ours.
        root = open_file_root(path, passphrase, environment, uri=to)
    return _admitted(call, root, "keystore.root and keystore.passphrase_file")


def _admit_elsewhere(call: Call, to: str) -> Json:
    """Let the root of another provider in; in a token its key is made first, or found where a kill left it."""
    settings = call.system.settings
    return _admitted(call, make_root(to, settings.environment, settings.home_id), "keystore.root")


def _admitted(call: Call, root: RootProvider, settings: str) -> Json:
    call.system.keystore.admit_root(root, call.now)
    _record(call, EventType.KEY_ROTATED, call.caller, "root.admitted", "root")
    return {
        "rotated": None,
        "update": f"{settings} in strongroom.toml, then restart: "
        "the first start with the new root destroys what the old one wraps",
    }


def _wrap_anew(call: Call) -> Json:
    """Wrap the master by the newest version that the provider has of the same key."""
    keystore = call.system.keystore
    if provider_of(keystore.provider.uri) == _PKCS11:
        raise Malformed(
            "a key in a token has no versions", hint="name another object: --to pkcs11:…;object=NEW"
        )
    keystore.admit_root(keystore.provider, call.now)
    _record(call, EventType.KEY_ROTATED, call.caller, "root", "root")
    keystore.retire_roots()
    return {"rotated": "root", "update": None}


def _provider(call: Call) -> Json:
    """Return who has the root, by the provider's own name for it."""
    provider = call.system.keystore.provider
    kind = provider_of(provider.uri)
    words = {
        _FILE: f"whoever has the passphrase of {provider.uri}",
        _PKCS11: f"token {provider.key_id}, and whoever has its PIN",
        "aws-kms": f"AWS KMS: {provider.key_id}",
        "transit": f"transit engine: {provider.key_id}",
    }
    return {"custodian": words[kind], "provider": kind, "key_id": provider.key_id}


def _standing(call: Call) -> Json:
    standing = call.system.root_watch.standing()
    return {"root_fault": standing.fault, "put_away": standing.shut}


def _rotate_master(call: Call) -> int:
    count = call.system.keystore.rotate_master(call.now, call.progress)
    _record(call, EventType.KEY_ROTATED, call.caller, "master", "master", count)
    return count


def _rewrap(call: Call, seller: str | None, *, dry: bool) -> Json:
    number = None if seller is None else call.system.sellers.by_name(seller).id
    rewrapping = call.system.vault.rewrapping
    if dry:
        periods, records = rewrapping.count(number)
        return {"periods": periods, "records": records}
    done = asdict(rewrapping.run(call.caller, call.now, number, call.progress))
    return {"periods": done["replaced_periods"], "records": done["moved"]}


def _freeze(call: Call, name: str) -> Json:
    system = call.system
    found = system.accounts.find(name)
    with system.database.write() as tx:
        fresh = suspend(tx, found.id, why="key_compromised", frozen=True, now=call.now)
        event = Event(
            EventType.PRINCIPAL_SUSPENDED,
            Outcome.SUCCESS,
            call.caller,
            op="freeze",
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(found.id),
        )
        if fresh:
            system.audit.append(tx, event, now=call.now)
    return {"frozen": name}


def _people(call: Call, what: str, approver: str | None, credential: str | None) -> list[Caller]:
    """Return who asks and who agrees: people who administer, two unless the home has one. Raises: Denied, recorded."""
    system = call.system
    may = administrators(system.accounts, system.grants, call.now)
    people = [call.caller]
    if approver is not None:
        people.append(system.accounts.check_credential(approver, credential or "", call.now))
    enough = system.settings.one_person or len({person.principal for person in people}) > 1
    if enough and (system.settings.one_person or {p.principal for p in people} <= may):
        return people
    _record(call, EventType.KEY_COMPROMISED, call.caller, what, what, outcome=Outcome.DENIED)
    raise Denied(
        "to declare a key compromised takes two people who administer",
        hint="--as NAME --credential-file F --approver NAME --approver-credential-file F",
    )


def _record(
    call: Call,
    type_: EventType,
    who: Caller,
    op: str,
    ref: str,
    n: int | None = None,
    *,
    outcome: Outcome = Outcome.SUCCESS,
) -> None:
    reason = Reason.NOT_AUTHORIZED if outcome is Outcome.DENIED else None
    event = Event(type_, outcome, who, reason=reason, op=op, obj_kind=ObjKind.KEY, obj_ref=ref, n=n)
    call.system.audit.record(event, now=call.now)


def _aged(call: Call, name: str) -> dict[str, Any]:
    since = in_use_since(call.system.keystore, call.system.audit, name)
    return _row(call, name, since, use=USES[name], due=since + LIFETIMES[name])


def _row(
    call: Call, name: str, since: datetime, *, use: str, due: datetime | None
) -> dict[str, Any]:
    state = "ok"
    if due is not None and due - call.now <= KEY_ENDS_SOON:
        state = "late" if due <= call.now else "soon"
    return {
        "key": name,
        "state": state,
        "since": since.isoformat(),
        "age_days": (call.now - since).days,
        "use": use,
        "custodian": _HERE,
        "due_at": None if due is None else due.isoformat(),
    }
