"""Compares what Amazon sent with what the app got, leaf by leaf. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strongroom.crypto.token import find_tokens
from strongroom.leaks import Needles


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a document, and where it stands."""

    path: str
    value: str | float


def leaves(document: Any, path: str = "") -> Iterator[Leaf]:  # noqa: ANN401 - any JSON
    """Yield every text and number of a document, in its order."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, path)
    elif isinstance(document, str | float | int) and not isinstance(document, bool):
        yield Leaf(path, document)


def count_personal(document: Any, needles: Needles) -> int:  # noqa: ANN401 - any JSON
    """Return how many leaves hold one of the known personal values."""
    return sum(bool(needles.search(str(leaf.value).encode())) for leaf in leaves(document))


def tokens_in(document: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """Return every token in a document, in capitals."""
    found: set[str] = set()
    for leaf in leaves(document):
        if isinstance(leaf.value, str):
            found.update(map(str.upper, find_tokens(leaf.value)))
    return found


def side_by_side(sent: Any, got: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - any JSON
    """Return (path, sent, got) of the values that differ; what was left out shows as a dash."""
    theirs, ours = _by_path(sent), _by_path(got)
    rows = []
    for path, values in theirs.items():
        others = ours.get(path, [])
        for number, value in enumerate(values):
            other = others[number] if number < len(others) else "-"
            if value != other:
                rows.append((path, value, other))
    return rows


def order_in(pages: Any, order_id: str) -> Any:  # noqa: ANN401 - any JSON
    """Return one order of the pages of getOrders. Raises: KeyError."""
    for page in pages:
        for order in page["Orders"]:
            if order["AmazonOrderId"] == order_id:
                return order
    raise KeyError(order_id)


def count_orders(pages: Any) -> int:  # noqa: ANN401 - any JSON
    """Return how many different orders the pages of getOrders hold."""
    return len({order["AmazonOrderId"] for page in pages for order in page["Orders"]})


def _by_path(document: Any) -> dict[str, list[str]]:  # noqa: ANN401 - any JSON
    found: dict[str, list[str]] = {}
    for leaf in leaves(document):
        found.setdefault(leaf.path, []).append(str(leaf.value))
    return found
