from __future__ import annotations

import inspect

import pytest

from strongroom import errors
from strongroom.web import SECURITY_HEADERS, STATUS, status_of

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.StrongroomError) and kind is not errors.StrongroomError
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_its_status(kind: type[errors.StrongroomError]) -> None:
    assert 400 <= STATUS[kind] < 600


def test_a_subclass_has_the_status_of_its_kind() -> None:
    class Forged(errors.Denied):
        """A narrower refusal."""

    assert status_of(Forged("x")) == 403
    assert status_of(errors.StrongroomError("x")) == 500


def test_no_answer_is_kept_in_a_cache() -> None:
    assert (b"cache-control", b"no-store") in SECURITY_HEADERS
