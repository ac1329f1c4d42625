"""What people ask about their own data: `request` [2.2]. Nothing that names them is an argument."""

import base64
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json

request = typer.Typer(
    help="What people ask about their own data, and by when they get an answer.",
    no_args_is_help=True,
)

Number = Annotated[int, typer.Argument(metavar="REQUEST", show_default=False)]
PermitNumber = Annotated[int, typer.Argument(metavar="PERMIT", show_default=False)]
OutOption = Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")]

_COLUMNS: Final = ("request", "kind", "law", "state", "due_at", "handler", "verified_at", "outcome")
_RECORDS: Final = ("record", "seller", "people", "erased_at")
_LONGEST: Final = 64 * 1024
_SHOWN_ONCE = "the passphrase is shown this once; send it by another way than the file"


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(request, name="request")


@verb(
    request, "open", example="strongroom request open --kind access --law gdpr --named-in asks.json"
)
def request_open(
    session: Session,
    *,
    kind: Annotated[
        str, typer.Option(help="access, portability, rectify, erase, restrict or object.")
    ],
    named_in: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help='What they are found by, as JSON: {"email": "…", "phone": "…", "order": "…", '
            '"name": "…", "person": "buyer"}; - is standard input.',
        ),
    ],
    law: Annotated[str, typer.Option(help="`request register` lists them.")] = "gdpr",
    received: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it came; else now.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take a request in; you handle it until you assign it."""
    try:
        sought = orjson.loads(_read(named_in))
    except orjson.JSONDecodeError:
        raise Malformed("the file of --named-in is no JSON") from None
    found = session.call(
        "request.open",
        as_name=as_name,
        credential_file=credential_file,
        kind=kind,
        law=law,
        sought=sought,
        received_at=received,
    )
    session.say(found)


@verb(request, "assign", example="strongroom request assign 3 --to clara")
def request_assign(
    session: Session,
    *,
    number: Number,
    to: Annotated[str, typer.Option(metavar="NAME", help="Who handles it from now on.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Hand a request to another person: for who handles it, and administrators."""
    _say(session, _asking(session, "request.assign", as_name, credential_file, number)(handler=to))


@verb(request, "verify", example="strongroom request verify 3 --method message_answered")
def request_verify(
    session: Session,
    *,
    number: Number,
    method: Annotated[
        str,
        typer.Option(
            help="message_answered, order_details, document_seen, in_person, agent_authorized or "
            "electronic_id."
        ),
    ],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record that they proved who they are, and how; before it, nothing is done for them."""
    ask = _asking(session, "request.verify", as_name, credential_file, number)
    session.say(ask(method=method))


@verb(request, "find", example="strongroom request find 3 --as clara --credential-file clara.json")
def request_find(
    session: Session,
    *,
    number: Number,
    seller: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="Whose records; repeatable; else every partner's."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Find their records by what they named; shows numbers, no values."""
    ask = _asking(session, "request.find", as_name, credential_file, number)
    found = ask(sellers=seller or None)
    session.say(found, table(found["records"], _RECORDS))


@verb(request, "list", example="strongroom request list")
def request_list(session: Session) -> None:
    """List the requests, those first that are due first."""
    found = session.call("request.list")
    session.say(found, table(found["requests"], _COLUMNS))


@verb(request, "show", example="strongroom request show 3")
def request_show(session: Session, *, number: Number) -> None:
    """Show one: its records, who was given the data, what was done."""
    _say(session, session.call("request.show", request=number))


@verb(
    request,
    "export",
    example="strongroom request export 3 --out answer.age --as clara --credential-file clara.json",
)
def request_export(
    session: Session,
    *,
    number: Number,
    out: OutOption,
    recipient: Annotated[
        str | None,
        typer.Option(metavar="age1…", help="Their age key; else a passphrase is made for it."),
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write all that is kept of them, as JSON and PDF, sealed with age."""
    ask = _asking(session, "request.export", as_name, credential_file, number)
    found = _write(out, lambda: ask(recipient=recipient))
    session.say({key: value for key, value in found.items() if value is not None})
    if found["passphrase"] is not None:
        session.warn(_SHOWN_ONCE)


@verb(
    request,
    "rectify",
    example="strongroom request rectify 3 --record 1024 --field recipient.city --value-file city.txt",
)
def request_rectify(
    session: Session,
    *,
    number: Number,
    record: Annotated[int, typer.Option(metavar="N", help="Which of their records.")],
    field: Annotated[str, typer.Option(metavar="NAME", help="Such as recipient.city.")],
    value_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The right value, one line; - is standard input."),
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Let Amazon's value count again.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Put a value right; it stays so whatever Amazon goes on sending."""
    if lift == (value_file is not None):
        raise Malformed("name --value-file, or --lift")
    value = None if value_file is None else _text(_read(value_file))
    ask = _asking(session, "request.rectify", as_name, credential_file, number)
    _say(session, ask(record=record, field=field, value=value))


@verb(request, "erase", example="strongroom request erase 3 --yes")
def request_erase(
    session: Session,
    *,
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="Erase: there is no way back.")] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Erase what was found, but for what a legal hold keeps; lists who has to be told."""
    if not yes:
        raise Malformed("erasing has no way back", hint="say --yes")
    _say(session, _asking(session, "request.erase", as_name, credential_file, number)())


def _stopping(name: str, says: str) -> None:
    def call(
        session: Session,
        *,
        number: Number,
        as_name: AsOption = None,
        credential_file: CredentialOption = None,
    ) -> None:
        _say(session, _asking(session, "request.stop", as_name, credential_file, number)())

    call.__doc__ = says
    verb(request, name, example=f"strongroom request {name} 3")(call)


_stopping("restrict", "Keep what was found, and let nothing of it out any more.")
_stopping("object", "End the processing they object to: nothing of what was found comes out.")


@verb(request, "told", example="strongroom request told 3 --destination parcels")
def request_told(
    session: Session,
    *,
    number: Number,
    destination: Annotated[str | None, typer.Option(metavar="NAME", help="A third party.")] = None,
    principal: Annotated[
        str | None, typer.Option(metavar="NAME", help="A person or app of ours.")
    ] = None,
    impossible: Annotated[
        bool, typer.Option("--impossible", help="They can't be told, or only with undue effort.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Record that somebody who was given the data was told."""
    ask = _asking(session, "request.told", as_name, credential_file, number)
    _say(session, ask(destination=destination, principal=principal, impossible=impossible))


@verb(
    request,
    "permit",
    example="strongroom request permit 3 --principal erp --ground legal_claims --days 7",
)
def request_permit(
    session: Session,
    *,
    number: Number,
    principal: Annotated[str, typer.Option(metavar="NAME", help="Who may read all the same.")],
    ground: Annotated[
        str,
        typer.Option(help="legal_claims, another_persons_rights, public_interest or consent."),
    ],
    days: Annotated[int, typer.Option(help="For how long, at most 30.")] = 7,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Ask that somebody may read what is restricted; another person approves."""
    ask = _asking(session, "request.permit", as_name, credential_file, number)
    session.say(ask(principal=principal, ground=ground, days=days))


@verb(
    request,
    "approve",
    example="strongroom request approve 2 --terms 3f2a90c417be55d1 --as boris "
    "--credential-file boris.json",
)
def request_approve(
    session: Session,
    *,
    permit: PermitNumber,
    terms: Annotated[str, typer.Option(help="As they were printed: what you read is what counts.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Approve a permit that somebody else asked for."""
    session.say(
        session.call(
            "request.approve",
            as_name=as_name,
            credential_file=credential_file,
            permit=permit,
            terms=terms,
        )
    )


@verb(request, "reject", example="strongroom request reject 2")
def request_reject(
    session: Session,
    *,
    permit: PermitNumber,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Reject a permit, or end one."""
    session.say(
        session.call(
            "request.reject", as_name=as_name, credential_file=credential_file, permit=permit
        )
    )


@verb(request, "lift", example="strongroom request lift 3")
def request_lift(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """End a restriction, after `request reply --lifting` told them."""
    session.say(_asking(session, "request.lift", as_name, credential_file, number)())


@verb(request, "reply", example="strongroom request reply 3 granted --out letter.pdf")
def request_reply(
    session: Session,
    *,
    number: Number,
    outcome: Annotated[
        str | None,
        typer.Argument(
            metavar="granted|partly|nothing_found|identity_unproved|refused", show_default=False
        ),
    ] = None,
    ground: Annotated[
        str | None,
        typer.Option(
            help="Why it is refused: unfounded, excessive, legal_duty, legal_claims, others_rights "
            "or compelling_grounds."
        ),
    ] = None,
    lifting: Annotated[
        bool, typer.Option("--lifting", help="Tell them that their restriction ends.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the letter as PDF, a new file.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write the letter, with places for name, address and reasons."""
    asking = _asking(session, "request.reply", as_name, credential_file, number)

    def ask() -> Json:
        return asking(outcome=outcome, ground=ground, lifting=lifting, pdf=out is not None)

    found = ask() if out is None else _write(out, ask)
    session.say(found, found["letter"])


@verb(request, "extend", example="strongroom request extend 3 --ground complex --out letter.pdf")
def request_extend(
    session: Session,
    *,
    number: Number,
    ground: Annotated[str, typer.Option(help="complex, or many: they asked a lot at once.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the letter as PDF, a new file.")
    ] = None,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Take the longer time that the law gives, once, and write the letter that tells them within its first day."""
    asking = _asking(session, "request.extend", as_name, credential_file, number)

    def ask() -> Json:
        return asking(ground=ground, pdf=out is not None)

    found = ask() if out is None else _write(out, ask)
    session.say(found, found["letter"])


@verb(request, "close", example="strongroom request close 3")
def request_close(
    session: Session,
    *,
    number: Number,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Close what was answered; what they named is removed, a restriction stays."""
    session.say(_asking(session, "request.close", as_name, credential_file, number)())


@verb(request, "register", example="strongroom request register --json")
def request_register(session: Session) -> None:
    """Show the record of processing, a row for each field, and the laws that give people rights."""
    found = session.call("request.register")
    columns = ("field", "category", "person", "purposes", "used_by", "shared_with", "disposed")
    session.say(found, table(found["fields"], columns))


def _asking(
    session: Session,
    operation: str,
    as_name: str | None,
    credential_file: Path | None,
    number: int,
) -> Callable[..., Json]:
    def ask(**arguments: object) -> Json:
        return session.call(
            operation,
            as_name=as_name,
            credential_file=credential_file,
            request=number,
            **arguments,
        )

    return ask


def _say(session: Session, found: Json) -> None:
    plain = {k: v for k, v in found.items() if not isinstance(v, list)}
    plain["records"] = len(found["records"])
    waiting = [one for one in found["recipients"] if one["told_at"] is None]
    session.say(found if session.as_json else plain)
    if not session.as_json and waiting:
        sys.stdout.write(f"to be told: {', '.join(sorted(one['name'] for one in waiting))}\n")


def _read(path: Path) -> bytes:
    try:
        with (
            contextlib.nullcontext(sys.stdin.buffer) if path == Path("-") else path.open("rb") as f
        ):
            content = f.read(_LONGEST + 1)
    except OSError as exc:
        raise Malformed(f"the file can't be read: {os.strerror(exc.errno or 0)}") from None
    if len(content) > _LONGEST:
        raise Malformed("the file is too long")
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise Malformed("the file of --value-file is not valid Unicode") from None


def _write(out: Path, ask: Callable[[], Json]) -> Json:
    """Ask, and write the file: it is made first, so that nothing is opened that can't be written."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise Malformed(f"the file of --out can't be made: {os.strerror(exc.errno or 0)}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            found = ask()
            file.write(base64.b64decode(found.pop("file")))
    except BaseException:
        with contextlib.suppress(OSError):
            out.unlink()
        raise
    return found
