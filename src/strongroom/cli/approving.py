"""The verbs by which one person asks and another decides, the same for every noun that has them [1.3]."""

from typing import Annotated, Any

import typer

from strongroom.cli.session import AsOption, CredentialOption, Session, verb


def decisions(  # noqa: PLR0913 - a sentence for each verb
    group: typer.Typer,
    place: str,
    *,
    named: Any,  # noqa: ANN401 - an annotation of Typer's
    argument: str,
    example: str,
    remove: str | None = None,
    approve: str | None = None,
    reject: str | None = None,
    terms: bool = False,
    operations: str | None = None,
) -> None:
    """Give a noun `remove`, `approve` and `reject`, as far as there is a sentence that says what each does.

    With `terms` an approval names those that it holds for, as they were shown.

    `place` is the noun as it is typed; its last word begins the operations' names, which take `argument`, where
    `operations` names no other.
    """
    noun = operations or place.rpartition(" ")[2]
    another = " --as boris --credential-file boris.json"
    for name, says, who in (
        ("remove", remove, ""),
        ("approve", approve, another),
        ("reject", reject, another),
    ):
        if says is not None:
            on_terms = terms and name == "approve"
            calling = _calling_on_terms if on_terms else _calling
            call = calling(f"{noun}.{name}", argument, named)
            call.__doc__ = says
            what = f"{example} --terms 3f2a90c417be55d1" if on_terms else example
            verb(group, name, example=f"strongroom {place} {name} {what}{who}")(call)


def _calling(operation: str, argument: str, named: Any) -> Any:  # noqa: ANN401 - a function that Typer reads
    def call(
        session: Session,
        which: Any,  # noqa: ANN401 - as `named` says
        *,
        as_name: AsOption = None,
        credential_file: CredentialOption = None,
    ) -> None:
        wanted = {argument: which}
        session.say(
            session.call(operation, as_name=as_name, credential_file=credential_file, **wanted)
        )

    call.__annotations__["which"] = named
    return call


def _calling_on_terms(operation: str, argument: str, named: Any) -> Any:  # noqa: ANN401 - as above
    def call(
        session: Session,
        which: Any,  # noqa: ANN401 - as `named` says
        *,
        terms: Annotated[
            str, typer.Option(help="As they were printed: what you read is what counts.")
        ],
        as_name: AsOption = None,
        credential_file: CredentialOption = None,
    ) -> None:
        wanted = {argument: which, "terms": terms}
        session.say(
            session.call(operation, as_name=as_name, credential_file=credential_file, **wanted)
        )

    call.__annotations__["which"] = named
    return call
