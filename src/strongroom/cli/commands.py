"""Puts the commands together and runs one: `main`."""

import os
import re
import resource
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version as installed_version
from typing import Annotated, Final

import typer

from strongroom.cli.session import (
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    Common,
    HomeOption,
    JsonOption,
    NowOption,
    fail,
    fail_unexpectedly,
    fail_usage,
)
from strongroom.errors import StrongroomError

_OPTION: Final = re.compile(r"--?[a-z][a-z-]{0,30}")

MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "installation": ("init", "serve", "doctor", "simulator"),
    "access": ("seller", "app", "user", "consent"),
    "grants": ("grant", "role"),
    "reviews": ("review",),
    "offices": ("office",),
    "cadence": ("cadence",),
    "registers": ("register",),
    "networks": ("network",),
    "firewall": ("network",),
    "posture": ("posture",),
    "checks": ("duty",),
    "duties": ("duty",),
    "data": ("reveal", "find"),
    "paper": ("label", "slip"),
    "subjects": ("request",),
    "incidents": ("incident",),
    "evidence_items": ("evidence",),
    "policies": ("document",),
    "processing": ("processing",),
    "releases": ("release",),
    "findings": ("finding",),
    "changes": ("change",),
    "assets": ("asset",),
    "assessments": ("assessment",),
    "suppliers": ("supplier",),
    "staff": ("staff",),
    "questionnaire": ("questionnaire",),
    "sync": ("sync",),
    "erasing": ("erase",),
    "retention": ("retention",),
    "evidence": ("keys",),
    "catalogue": ("catalogue",),
    "log": ("audit",),
    "alarms": ("alarm",),
    "feeds": ("feed",),
    "destinations": ("destination",),
    "deletions": ("notice",),
    "anchors": ("witness",),
    "transport": ("tls",),
    "machines": ("node", "app"),
    "secrets": ("secret", "seller", "keys"),
    "backups": ("backup", "keys"),
    "restoring": ("restore",),
    "rotating": ("keys",),
    "scan": ("scan",),
    "arriving": ("import",),
    "canaries": ("canary",),
    "holding": ("hold",),
    "archives": ("archive",),
    "measure": ("bench",),
    "demo": ("demo",),
}
"""The modules of commands in the order of `--help`, each with the nouns it has verbs of, and its single verbs."""


def main() -> None:
    """Run the command of this process and exit with its code."""
    # Whatever is made is for its owner alone, and no crash writes memory to a disk.
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code = command_line(arguments)(arguments, prog_name="strongroom", standalone_mode=False)
    except typer.Exit as exc:
        return exc.exit_code
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - a message may repeat what was typed
        return _failed(exc, as_json="--json" in arguments)
    return code if isinstance(code, int) else 0


def command_line(arguments: list[str]) -> typer.Typer:
    """Return the command line, as far as these arguments can need it: every module named costs a start its time."""
    app = typer.Typer(
        name="strongroom",
        help="Keeps Amazon SP-API personal data in a vault, and lets your software work with tokens.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_common)
    nouns = {noun for named in MODULES.values() for noun in named}
    first = next((a for a in arguments if a in nouns or a == "--help"), "--help")
    for module, named in MODULES.items():
        # Help, and the error for a noun that does not exist, know them all.
        if first == "--help" or not set(named).isdisjoint(arguments):
            import_module(f"strongroom.cli.{module}").register(app)
    return app


def _failed(error: BaseException, *, as_json: bool) -> int:
    match error:
        case StrongroomError():
            return fail(error, as_json=as_json)
        case typer.TyperException():
            return _fail_usage(error, as_json=as_json)
        case typer.Abort() | KeyboardInterrupt():
            return EXIT_INTERRUPTED
        case BrokenPipeError():
            # The reader went away; Python would say so once more when it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_REFUSED
        case _:
            return fail_unexpectedly(error, as_json=as_json)


def _fail_usage(error: typer.TyperException, *, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.format_message() + "\n")
        return error.exit_code
    return fail_usage(_without_values(error), as_json=as_json)


def _without_values(error: typer.TyperException) -> str:
    """Return what is wrong with the command line, by option and never by value."""
    kind = type(error).__name__
    if isinstance(error, typer.BadParameter):
        parameter = error.param
        name = "an argument" if parameter is None else parameter.get_error_hint().strip("'\"")
        return f"{name} is missing" if kind == "MissingParameter" else f"{name} has a wrong value"
    option = str(getattr(error, "option_name", None) or "")
    if kind == "NoSuchOption":
        shown = option if _OPTION.fullmatch(option) else "of that name"
        return f"there is no option {shown}"
    if kind == "BadOptionUsage" and _OPTION.fullmatch(option):
        return f"{option} needs a value, or takes none"
    return "there is no such command, or it takes fewer arguments"


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"strongroom {installed_version('strongroom')}\n")
        raise typer.Exit


def _common(  # the options that may also stand first
    context: typer.Context,
    home: HomeOption = None,
    as_json: JsonOption = False,
    now: NowOption = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    del version
    context.obj = Common(home, as_json, now)
