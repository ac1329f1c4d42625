"""Where a feed to Amazon may hold personal data: the vocabulary of `feeds.toml`, resolved.

No I/O beyond the package's own file; a category that does not exist raises ValueError and the service does not start.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from strongroom.policy.catalogue.reports import plain_name
from strongroom.terms import Category


@dataclass(frozen=True, slots=True)
class FeedPlaces:
    """The places, by name or by the two innermost names."""

    places: Mapping[str, Category]

    @classmethod
    def load(cls) -> "FeedPlaces":
        """Return what the package's own file says. Raises: ValueError."""
        text = resources.files(__package__).joinpath("feeds.toml").read_text(encoding="utf-8")
        found = tomllib.loads(text)["places"].items()
        return cls({_key(name.split("/")): Category(category) for name, category in found})

    def category(self, names: Sequence[str]) -> Category | None:
        """Return what may stand at a place, by its names, outermost first; None where no personal data may."""
        found = self.places.get(_key(names[-2:]))
        return self.places.get(_key(names[-1:])) if found is None else found


def _key(names: Sequence[str]) -> str:
    return "/".join(map(plain_name, names))
