"""The home itself: `init`, `serve`, `doctor`, and the pretend SP-API."""

import os
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from strongroom import control, logs, premises
from strongroom.app import clock_from, machine_clock
from strongroom.cli import joining
from strongroom.cli.session import EXIT_REFUSED, Session, lines, secret, table, verb
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError
from strongroom.home import certificates
from strongroom.opening import initialize
from strongroom.operations.joining import shown
from strongroom.request import instant
from strongroom.serve import Face, Ready, serve
from strongroom.settings import load
from strongroom.simulator import SimulatorConfig, run
from strongroom.terms import Environment


class World(StrEnum):
    """The two environments, as options."""

    TEST = "test"
    PRODUCTION = "production"


def register(root: typer.Typer) -> None:
    """Add these verbs to the command line."""

    @verb(
        root,
        "init",
        example="strongroom init --home /srv/strongroom --environment production "
        "--passphrase-file /etc/strongroom/passphrase",
    )
    def init(
        session: Session,
        *,
        environment: Annotated[World, typer.Option(help="Bound into every key and token.")],
        passphrase_file: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Seals the root key; else the systemd credential."),
        ] = None,
        root_: Annotated[
            str | None,
            typer.Option(
                "--root",
                metavar="URI",
                help="The root key's provider: pkcs11:, aws-kms: or transit: (docs/keys.md); else a file.",
            ),
        ] = None,
        one_person: Annotated[
            bool, typer.Option("--one-person", help="Declare that one person runs this home.")
        ] = False,
    ) -> None:
        """Make a home: keys, databases, certificates and settings. Run it again if interrupted."""
        world = Environment(environment.value)
        if session.now is not None and world is Environment.PRODUCTION:
            raise Denied("a home of environment production takes its time from the machine")
        clock = machine_clock if session.now is None else clock_from(instant(session.now))
        made = initialize(
            session.home.root,
            environment=world,
            passphrase=None
            if passphrase_file is None
            else secret(passphrase_file, "--passphrase-file"),
            passphrase_file=passphrase_file,
            one_person=one_person,
            root=root_,
            clock=clock,
            os_user=control.os_user(os.geteuid()),
        )
        files = certificates.certificates(session.home)
        document = {
            "home": str(session.home.root),
            "environment": made.settings.environment.value,
            "home_id": made.settings.home_id,
            "one_person": made.settings.one_person,
            "ca": str(files.authority),
            "ca_bundle": str(files.bundle),
        }
        first = shown(made.first_link, made.site)
        session.warn(joining.ONCE)
        told = {**document, "first_sign_on": joining.told(first)}
        session.say({**document, "first_sign_on": first}, lines(told))

    @verb(root, "serve", example="strongroom serve --home /srv/strongroom --json")
    def serve_(
        session: Session,
        *,
        face: Annotated[Face, typer.Argument(metavar="[all|gateway|api|desk|witness]")] = Face.ALL,
    ) -> None:
        """Serve the home until SIGTERM; prints the addresses once it is ready."""
        logs.configure(sys.stderr)
        logs.harden(production=load(session.home.root).environment is Environment.PRODUCTION)
        starts_at = None if session.now is None else instant(session.now)

        def announce(ready: Ready) -> None:
            document = {n: str(value) for n, value in asdict(ready).items() if value is not None}
            session.say({**document, "pid": ready.pid})

        serve(session.home.root, starts_at=starts_at, passphrase=None, ready=announce, face=face)

    @verb(root, "doctor", example="strongroom doctor --json")
    def doctor_(session: Session) -> None:
        """Check the installation; exit code 1 when a check fails."""
        checks = premises.closed_checks(session.home)
        try:
            checks += [
                premises.Check(**{**check, "state": premises.State(check["state"])})
                for check in session.call("doctor")["checks"]
            ]
        except StrongroomError as exc:
            hint = exc.hint or "see the message"
            state = premises.State.WARNING if isinstance(exc, Conflict) else premises.State.FAILED
            checks.append(premises.Check("home.opens", state, exc.message, hint))
        rows = [asdict(check) for check in checks]
        failed = any(check.state == premises.State.FAILED for check in checks)
        columns = ("state", "id", "detail", "hint")
        session.say({"ok": not failed, "checks": rows}, table(rows, columns))
        if failed:
            raise typer.Exit(EXIT_REFUSED)

    @verb(root, "simulator", example="strongroom simulator --port 9443 --orders 500 --seed 1")
    def simulator(
        session: Session,
        *,
        port: Annotated[int, typer.Option(help="0 picks a free one.")] = 0,
        orders: Annotated[int, typer.Option(help="How many, over all sellers.")] = 500,
        seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 1,
    ) -> None:
        """Run the pretend SP-API alone, until SIGTERM."""
        if orders < 0 or not 0 <= port <= 65535:  # noqa: PLR2004 - ports
            raise Malformed("--orders or --port is out of range")
        clock = machine_clock if session.now is None else clock_from(instant(session.now))
        config = SimulatorConfig(orders=orders, seed=seed, port=port, clock=clock)
        run(config, json_output=session.as_json, ready_stream=sys.stdout)
