"""The letters that answer a request: by what was asked, how it was answered, and the law it was asked by [2.2].

Pure. Nothing of a letter is personal data: who it goes to stands as a place to be filled in by whoever sends it.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from strongroom.policy.laws import Law, Longer, Outcome, Refusal, RequestKind


def letter(  # noqa: PLR0913 - all that a letter speaks of
    number: int,
    kind: RequestKind,
    law: Law,
    outcome: Outcome,
    *,
    received_at: datetime,
    now: datetime,
    records: int,
    told: int,
    ground: Refusal | None = None,
) -> str:
    """Return the reply; `records` is how many it speaks of, `told` how many others were told of it.

    `ground` is why it is refused, where it is.
    """
    words = _words()
    others = ""
    if law.told and told:
        others = f"Those who were given the data were told ({law.told}); ask, and we name them."
    text = "\n\n".join(
        (words["opening"].strip(), words[outcome.value][kind.value], words["closing"].strip())
    )
    return _filled(
        text,
        number=number,
        received=f"{received_at:%Y-%m-%d}",
        today=f"{now:%Y-%m-%d}",
        law=law.title,
        part=law.rights[kind],
        authority=law.authority,
        asked=words["asked"][kind.value],
        records=records,
        told=others,
        why="" if ground is None else words["refused_because"][ground.value],
    )


def lifting_letter(number: int, law: Law, *, received_at: datetime, now: datetime) -> str:
    """Return what tells somebody, beforehand, that the restriction they asked for ends."""
    words = _words()
    parts = (
        "[Name]\n[Address]\n\nDear [Name],",
        words["lifting"].strip(),
        words["closing"].strip(),
    )
    return _filled(
        "\n\n".join(parts),
        number=number,
        received=f"{received_at:%Y-%m-%d}",
        today=f"{now:%Y-%m-%d}",
        authority=law.authority,
    )


def longer_letter(
    number: int,
    kind: RequestKind,
    law: Law,
    why: Longer,
    *,
    received_at: datetime,
    until: datetime,
    now: datetime,
) -> str:
    """Return what tells somebody, within the law's first day, that the answer takes longer, and why."""
    words = _words()
    parts = (
        "[Name]\n[Address]\n\nDear [Name],",
        words["longer"].strip(),
        words["closing"].strip(),
    )
    return _filled(
        "\n\n".join(parts),
        number=number,
        received=f"{received_at:%Y-%m-%d}",
        today=f"{now:%Y-%m-%d}",
        until=f"{until:%Y-%m-%d}",
        law=law.title,
        more=law.more,
        authority=law.authority,
        asked=words["asked"][kind.value],
        why=words["longer_because"][why.value],
    )


@lru_cache(1)
def _words() -> Mapping[str, Any]:
    text = files("strongroom.subjects").joinpath("letters.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _filled(text: str, **values: object) -> str:
    lines = text.format(**values).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"
