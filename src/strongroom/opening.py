"""Makes a home and opens it: by one process at a time, with keys made for it and its environment, or not at all.

What is refused before the log can be written is counted in the home and recorded at the next opening [2.6].
"""

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from strongroom import settings as settings_file
from strongroom.accounts import NewLink, Site
from strongroom.app import (
    Clock,
    System,
    clock_from,
    machine_clock,
    passphrase_path,
    refuse_chosen_time,
    wire,
)
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.audit.approvals import ONE_PERSON
from strongroom.crypto.root import STANDARD_COST, Cost
from strongroom.errors import Misconfigured, Tampered
from strongroom.feeds.passwords import mail_passwords
from strongroom.home import check_modes, layout, locked, making, refusals
from strongroom.home.secrets import present as present_secrets
from strongroom.roots import open_root
from strongroom.settings import Settings
from strongroom.terms import SYSTEM, Environment


@dataclass(frozen=True, slots=True)
class Made:
    """A home just made, and the link by which its first administrator comes in: shown this once."""

    settings: Settings
    first_link: NewLink
    site: Site
    """Where the link leads."""


def initialize(  # noqa: PLR0913 - what a home is made of, by name
    path: Path,
    *,
    environment: Environment,
    passphrase: str | None,
    passphrase_file: Path | None,
    one_person: bool,
    root: str | None = None,
    clock: Clock = machine_clock,
    environ: Mapping[str, str] | None = None,
    os_user: str | None = None,
    cost: Cost = STANDARD_COST,
) -> Made:
    """Make a home, or finish making one that was interrupted, and return its settings and first link.

    `root` is the root key's address where it is not the home's own file. `passphrase_file` is remembered, so that the
    home opens by itself. `os_user` sits at the console: the first link is recorded as made by them, else by the service
    itself. `cost` is that of a guess at the passphrase; a production home takes no lower one. Durable on return.

    Raises:
        Conflict: there is a home already, or something else.
        Malformed, Misconfigured: the passphrase or a setting is not usable.

    """
    home = layout(path)
    making.make_root_directory(home)
    with locked(home):
        request = making.begin(
            home,
            making.Request(
                environment,
                secrets.token_hex(8),
                one_person,
                None if passphrase_file is None else str(passphrase_file.absolute()),
                root=root,
            ),
        )
        chosen = {} if request.root is None else {"keystore": {"root": request.root}}
        settings = settings_file.load(
            path,
            environ,
            defaults={
                "environment": request.environment,
                "home_id": request.home_id,
                "one_person": request.one_person,
                **chosen,
            },
        )
        provider, request = making.make_root(
            home,
            request,
            settings.keystore.root,
            lambda: passphrase if passphrase is not None else _passphrase(settings, environ),
            cost,
        )
        with ExitStack() as resources:
            system = wire(home, settings, provider, clock, resources, fresh=True)
            if not system.audit.tail(1):
                mode = ONE_PERSON if request.one_person else None
                system.record(EventType.HOME_INITIALIZED, clock(), mode)
            now = clock()
            # There is no default account and no default password: a link is all that leads in [1.2].
            console = SYSTEM if os_user is None else system.accounts.console(os_user, now)
            link = system.joining.first_link(console, now)
            system.audit.checkpoint(clock())
        making.finish(home, request)
    return Made(settings_file.load(path, environ), link, system.signon.site)


def open_system(
    path: Path,
    *,
    starts_at: datetime | None = None,
    passphrase: str | None = None,
    environ: Mapping[str, str] | None = None,
    tolerant: bool = False,
) -> System:
    """Open a home and lock it; `starts_at` sets the clock of a home made for tests.

    `tolerant` opens a home whose log was tampered with too, so that it can be verified.

    Raises:
        Conflict: another process has it open.
        Denied: `starts_at` is given for a production home.
        Misconfigured: it is no home, others may touch it, its keys are missing or belong to another
            home or environment, or the passphrase is wrong; or the root key's provider refuses.
        Unavailable: the root key's provider does not answer: nothing is opened without it.
        Tampered: its log is not the one its signer vouched for.

    """
    home = layout(path)
    making.refuse_unfinished(home)
    settings = settings_file.load(home.root, environ)
    if starts_at is not None:
        refuse_chosen_time(settings.environment)
    clock = machine_clock if starts_at is None else clock_from(starts_at)
    check_modes(home)
    with ExitStack() as resources:
        resources.enter_context(locked(home))
        try:
            root = open_root(
                settings.keystore.root,
                settings.environment,
                settings.home_id,
                passphrase=lambda: (
                    passphrase if passphrase is not None else _passphrase(settings, environ)
                ),
                home=home.root,
            )
            system = wire(home, settings, root, clock, resources, fresh=False)
            if not tolerant:
                refuse_other_mode(system)
        except (Misconfigured, Tampered):
            refusals.add(home, clock())
            raise
        system = replace(system, sound=_record_opening(system, clock(), tolerant=tolerant))
        if system.sound:
            system.keep_certificate()
            # A password that was changed in the settings shows here.
            system.secrets.observe(
                {**present_secrets(home, settings), **mail_passwords(system.targets)},
                system.keystore.made_at(),
                clock(),
            )
        return replace(system, _resources=resources.pop_all())


def _record_opening(system: System, now: datetime, *, tolerant: bool) -> bool:
    """Record that the keys and the home were opened, and how often they were refused before."""
    refused = refusals.count(system.home)
    events = [
        Event(
            EventType.MASTER_KEY_OPENED,
            Outcome.SUCCESS,
            SYSTEM,
            obj_kind=ObjKind.KEY,
            obj_ref="master",
        ),
        Event(
            EventType.HOME_OPENED,
            Outcome.SUCCESS,
            SYSTEM,
            obj_kind=ObjKind.HOME,
            obj_ref=system.settings.home_id,
        ),
    ]
    if refused:
        events.insert(
            0,
            Event(
                EventType.CONFIG_REFUSED,
                Outcome.FAILURE,
                SYSTEM,
                reason=Reason.MISCONFIGURED,
                obj_kind=ObjKind.HOME,
                obj_ref=system.settings.home_id,
                n=refused,
            ),
        )
    retired = system.keystore.retire_roots()
    if retired:
        # What a change of root left for the first opening with the new one.
        events.append(
            Event(
                EventType.KEY_ROTATED,
                Outcome.SUCCESS,
                SYSTEM,
                op="root.retired",
                obj_kind=ObjKind.KEY,
                obj_ref="root",
                n=retired,
            )
        )
    try:
        system.audit.record(*events, now=now)
    except Tampered:
        if not tolerant:
            raise
        return False
    refusals.clear(system.home)
    return True


def refuse_other_mode(system: System) -> None:
    """Refuse settings that do without the second person where `init` did not declare it. Raises: Misconfigured."""
    if not system.settings.one_person:
        return
    try:
        events = system.audit.events()
        made = next((e for e in events if e.type == EventType.HOME_INITIALIZED.value), None)
    except ValueError:  # an entry that is no JSON any more
        made = None
    if made is None or made.body.get("op") != ONE_PERSON:
        raise Misconfigured(
            "the settings say one_person, but the home was made for more than one",
            hint="remove one_person from strongroom.toml and the environment",
        )


def _passphrase(settings: Settings, environ: Mapping[str, str] | None) -> str:
    path = passphrase_path(settings, environ)
    if path is None:
        raise Misconfigured(
            "no passphrase for the root key",
            hint="set keystore.passphrase_file, or the systemd credential strongroom-passphrase",
        )
    return settings_file.read_secret(path, "the passphrase")
