"""The house's own documents, from draft to acknowledgement: `document` [1.6, 2.2, 2.7]."""

import base64
import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb
from strongroom.errors import Malformed
from strongroom.request import Json

document = typer.Typer(
    help="The house's own policies and plans: written, approved, acknowledged, published.",
    no_args_is_help=True,
)

Document = Annotated[
    str,
    typer.Argument(
        metavar="DOCUMENT",
        show_default=False,
        help="privacy-policy, data-handling, incident-plan, acceptable-use or vulnerability-plan.",
    ),
]
Version = Annotated[int, typer.Argument(metavar="VERSION", show_default=False)]
VersionOption = Annotated[
    int | None, typer.Option("--version-number", metavar="VERSION", help="Else what holds.")
]
DigestOption = Annotated[
    str, typer.Option("--digest", metavar="SHA256", help="Of the text you read, as it was printed.")
]

_COLUMNS: Final = (
    "document",
    "state",
    "number",
    "approved_at",
    "review_by",
    "acknowledged",
    "open",
)
_VERSIONS: Final = ("version", "number", "state", "approved_by", "approved_at", "sha256")
_LONGEST: Final = 256 * 1024
_MARKS: Final = {"added": "+ ", "removed": "- ", "skipped": "… "}


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(document, name="document")


@verb(document, "list", example="strongroom document list")
def document_list(session: Session) -> None:
    """List the documents: what holds, until when, and how many have acknowledged it."""
    found = session.call("document.list")
    session.say(found, table(found["documents"], _COLUMNS))


@verb(document, "show", example="strongroom document show incident-plan --compared")
def document_show(
    session: Session,
    *,
    name: Document,
    version: VersionOption = None,
    compared: Annotated[
        bool, typer.Option("--compared", help="Show what changed since the version before.")
    ] = False,
) -> None:
    """Show a document's text, or what changed in it; --json has its versions too."""
    found = session.call("document.show", document=name, version=version, compared=compared)
    if compared and "compared" in found:
        lines = (f"{_MARKS.get(one['how'], '  ')}{one['line']}" for one in found["compared"])
        session.say(found, "\n".join(lines) or "nothing changed")
    else:
        versions = table(found["versions"], _VERSIONS)
        session.say(found, found["text"].rstrip() if "text" in found else versions)
    if not session.as_json and found.get("lacks"):
        session.warn(f"it lacks something: {'; '.join(found['lacks'])}")


@verb(
    document,
    "draft",
    example='strongroom document draft incident-plan --fill company="Example Ltd"',
)
def document_draft(
    session: Session,
    *,
    name: Document,
    text_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The text, as Markdown; - is standard input."),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(metavar="BLANK=TEXT", help="Fill in a blank; repeatable."),
    ] = None,
    template: Annotated[
        bool, typer.Option("--template", help="Begin from our own text, not from what holds.")
    ] = False,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Begin a draft, or write on at the one there is; says what it lacks to be submitted."""
    found = session.call(
        "document.draft",
        as_name=as_name,
        credential_file=credential_file,
        document=name,
        text=None if text_file is None else _read(text_file),
        fill=dict(_pair(one) for one in fill or ()),
        template=template,
    )
    session.say(found)


def _step(name: str, says: str) -> None:
    def call(
        session: Session,
        *,
        version: Version,
        as_name: AsOption = None,
        credential_file: CredentialOption = None,
    ) -> None:
        found = session.call(
            f"document.{name}",
            as_name=as_name,
            credential_file=credential_file,
            version=version,
        )
        session.say(found)

    call.__doc__ = says
    verb(document, name, example=f"strongroom document {name} 3")(call)


_step("submit", "Put a draft before another person; its text stays as it is from then on.")
_step("return", "Make a draft again of what was submitted.")
_step("drop", "Give a draft up.")


@verb(
    document,
    "approve",
    example="strongroom document approve 3 --digest 9f86d0… --as boris --credential-file boris.json",
)
def document_approve(
    session: Session,
    *,
    version: Version,
    digest: DigestOption,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Let a version hold that somebody else wrote and submitted."""
    session.say(
        session.call(
            "document.approve",
            as_name=as_name,
            credential_file=credential_file,
            version=version,
            digest=digest,
        )
    )


@verb(
    document,
    "acknowledge",
    example="strongroom document acknowledge acceptable-use --digest 9f86d0… --as clara "
    "--credential-file clara.json",
)
def document_acknowledge(
    session: Session,
    *,
    name: Document,
    digest: DigestOption,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Say that you read what holds and will keep to it; for yourself alone."""
    session.say(
        session.call(
            "document.acknowledge",
            as_name=as_name,
            credential_file=credential_file,
            document=name,
            digest=digest,
        )
    )


@verb(
    document, "export", example="strongroom document export privacy-policy --form html --out p.html"
)
def document_export(
    session: Session,
    *,
    name: Document,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it, a new file.")],
    form: Annotated[str, typer.Option(help="md, html (to publish) or pdf.")] = "pdf",
    version: VersionOption = None,
) -> None:
    """Write a version as a file."""
    found = session.call("document.export", document=name, version=version, form=form)
    content = base64.b64decode(found.pop("file"))
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as exc:
        raise Malformed(f"the file of --out can't be made: {os.strerror(exc.errno or 0)}") from None
    session.say(found)


@verb(document, "compare", example="strongroom document compare")
def document_compare(session: Session) -> None:
    """Look whether the approved privacy policy stands where it is published; 1 where it does not."""
    found: Json = session.call("document.compare")
    session.say(found)
    if found["found"] != "same":
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    name, is_pair, value = text.partition("=")
    if not is_pair:
        raise Malformed("a blank is filled in as NAME=TEXT")
    return name.strip(), value


def _read(path: Path) -> str:
    try:
        with (
            contextlib.nullcontext(sys.stdin.buffer)
            if path == Path("-")
            else path.open("rb") as file
        ):
            content = file.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise Malformed("the file is too long")
        return content.decode()
    except OSError as exc:
        raise Malformed(f"the file can't be read: {os.strerror(exc.errno or 0)}") from None
    except UnicodeDecodeError:
        raise Malformed("the file of --from is not valid Unicode") from None
