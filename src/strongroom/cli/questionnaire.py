"""Amazon's questionnaire: `questionnaire` [3]."""

from typing import Annotated, Final

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, table, verb

questionnaire = typer.Typer(
    help="Questionnaire: answers drafted from evidence, written and approved by people.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)]
_COLUMNS: Final = ("question", "form", "answer", "state", "stands_on")


def register(root: typer.Typer) -> None:
    """Add this noun to the command line."""
    root.add_typer(questionnaire, name="questionnaire")


@verb(questionnaire, "list", example="strongroom questionnaire list")
def questionnaire_list(
    session: Session, *, as_name: AsOption = None, credential_file: CredentialOption = None
) -> None:
    """List every question with its answer, and what it stands on."""
    found = session.call("questionnaire.list", as_name=as_name, credential_file=credential_file)
    session.say(found, table(found["questions"], _COLUMNS))


@verb(questionnaire, "show", example="strongroom questionnaire show at-rest")
def questionnaire_show(
    session: Session,
    *,
    name: Name,
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Show one question, the draft, and what was written."""
    session.say(
        session.call(
            "questionnaire.show", as_name=as_name, credential_file=credential_file, question=name
        )
    )


@verb(questionnaire, "write", example="strongroom questionnaire write at-rest --text yes")
def questionnaire_write(
    session: Session,
    *,
    name: Name,
    text: Annotated[str, typer.Option(help="yes or no, or up to 500 characters.")],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Write an answer; yes is refused while a duty it stands on is not kept."""
    found = session.call(
        "questionnaire.write",
        as_name=as_name,
        credential_file=credential_file,
        question=name,
        text=text,
    )
    session.say(found)


@verb(questionnaire, "approve", example="strongroom questionnaire approve at-rest 4 --as clara")
def questionnaire_approve(
    session: Session,
    *,
    name: Name,
    answer: Annotated[int, typer.Argument(metavar="ANSWER", show_default=False)],
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Approve the newest answer: another person than wrote it."""
    found = session.call(
        "questionnaire.approve",
        as_name=as_name,
        credential_file=credential_file,
        question=name,
        answer=answer,
    )
    session.say(found)


@verb(questionnaire, "export", example="strongroom questionnaire export --form csv > answers.csv")
def questionnaire_export(
    session: Session,
    *,
    form: Annotated[str, typer.Option(help="csv, md or json.")] = "csv",
    as_name: AsOption = None,
    credential_file: CredentialOption = None,
) -> None:
    """Print all answers with what they stand on; recorded."""
    found = session.call(
        "questionnaire.export", as_name=as_name, credential_file=credential_file, form=form
    )
    session.say(found, found["text"].rstrip("\n") if "text" in found else None)
