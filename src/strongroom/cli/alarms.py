"""What is wrong, who looks into it, and whether anybody would hear: `alarm` [1.6, 2.6]."""

import time
from typing import Annotated, Final

import typer

from strongroom.cli import channels
from strongroom.cli.session import (
    EXIT_REFUSED,
    AsOption,
    CredentialOption,
    Session,
    lines,
    table,
    verb,
)

alarm = typer.Typer(
    help="Alarms, the investigations they open, and who is suspended.", no_args_is_help=True
)
channels.register(alarm)

Alarm = Annotated[int, typer.Argument(metavar="ALARM", show_default=False)]

Kind = Annotated[str, typer.Argument(metavar="KIND", show_default=False)]

_EVERY_SECONDS: Final = 2.0


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(alarm, name="alarm")


@verb(alarm, "list", example="strongroom alarm list --all")
def alarm_list(
    session: Session,
    *,
    every: Annotated[bool, typer.Option("--all", help="Closed ones and drills too.")] = False,
) -> None:
    """List the alarms that nobody closed yet; who is suspended is told beside it."""
    found = session.call("alarm.list", every=every)
    for row in found["suspended"]:
        what = "frozen" if row["frozen"] else "suspended"
        session.warn(f"{row['name']} is {what} since {row['since']}: {row['why']}")
    for row in found["muted"]:
        session.warn(f"{row['kind']} is muted until {row['until']}, by {row['by']}")
    columns = ("id", "state", "severity", "kind", "about", "count", "last_at", "acted", "owner")
    session.say(found, table(found["alarms"], columns))


@verb(alarm, "show", example="strongroom alarm show 3")
def alarm_show(session: Session, *, number: Alarm) -> None:
    """Show one alarm: its clocks, the entries of the log it rests on, who is asked to act."""
    session.say(session.call("alarm.show", alarm=number))


@verb(alarm, "assign", example="strongroom alarm assign 3 --to anna")
def alarm_assign(
    session: Session,
    *,
    number: Alarm,
    to: Annotated[str, typer.Option("--to", metavar="PERSON", help="Who looks into it.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Make a person the owner. Assigned to oneself, it is taken up."""
    session.say(
        session.call(
            "alarm.assign", as_name=as_name, credential_file=credential_file, alarm=number, to=to
        )
    )


@verb(alarm, "close", example="strongroom alarm close 3 --disposition benign --note 'yearly audit'")
def alarm_close(
    session: Session,
    *,
    number: Alarm,
    disposition: Annotated[
        str,
        typer.Option(
            metavar="D",
            help="What it was: true_positive, false_positive, benign or duplicate.",
        ),
    ],
    note: Annotated[
        str | None, typer.Option(help="What was found, naming no person and no order.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say what it was. Never by whom it is about; whoever is suspended stays so until `lift`."""
    session.say(
        session.call(
            "alarm.close",
            as_name=as_name,
            credential_file=credential_file,
            alarm=number,
            disposition=disposition,
            note=note,
        )
    )


@verb(alarm, "lift", example="strongroom alarm lift label-printer")
def alarm_lift(
    session: Session,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let a suspended, frozen or slowed person, app or node go on. Another person who may administer does."""
    session.say(
        session.call("alarm.lift", as_name=as_name, credential_file=credential_file, name=name)
    )


@verb(
    alarm,
    "mute",
    example="strongroom alarm mute request_rate --until 2026-12-04 --reason 'load test'",
)
def alarm_mute(
    session: Session,
    *,
    kind: Kind,
    until: Annotated[str, typer.Option("--until", metavar="INSTANT", help="Seven days at most.")],
    reason: Annotated[str, typer.Option(help="Why, naming no person and no order.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Tell nobody of one kind of alarm for a while; raised, acted upon and recorded it is all the same."""
    session.say(
        session.call(
            "alarm.mute",
            as_name=as_name,
            credential_file=credential_file,
            kind=kind,
            until=until,
            reason=reason,
        )
    )


@verb(alarm, "unmute", example="strongroom alarm unmute request_rate")
def alarm_unmute(
    session: Session,
    *,
    kind: Kind,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Tell people of such alarms again."""
    session.say(
        session.call("alarm.unmute", as_name=as_name, credential_file=credential_file, kind=kind)
    )


@verb(alarm, "drill", example="strongroom alarm drill canary_touched")
def alarm_drill(
    session: Session,
    *,
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND]...", show_default=False)
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Try alarms, all or some kinds, without harm: made-up entries, real rules, real notices marked as a drill."""
    found = session.call(
        "alarm.drill", as_name=as_name, credential_file=credential_file, kinds=kinds or []
    )
    columns = ("kind", "passed", "alarm", "raised_seconds", "noticed_seconds")
    session.say(found, table(found["drills"], columns))
    if not found["ok"]:
        raise typer.Exit(EXIT_REFUSED)


@verb(alarm, "status", example="strongroom alarm status")
def alarm_status(session: Session) -> None:
    """Show how far the watch is, what is open, and the last drill of each alarm."""
    found = session.call("alarm.status")
    told = {**found, "drills": [f"{one['kind']} {one['at'][:10]}" for one in found["drills"]]}
    session.say(found, lines(told))


@verb(alarm, "watch", example="strongroom alarm watch --once")
def alarm_watch(
    session: Session,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Look once; without it until interrupted.")
    ] = False,
) -> None:
    """Hold the log against the rules now. `serve` does so every few seconds by itself."""
    while True:
        session.say(session.call("alarm.watch"))
        if once:
            return
        time.sleep(_EVERY_SECONDS)
