"""Prints every table and column with its class, as `docs/data-inventory.md` holds it [2.2].

`python -m strongroom.db.inventory > docs/data-inventory.md` renews the page; a test holds it equal.
"""

import sys
from typing import Final

from strongroom.db import schema

CLASSES: Final = {
    "key": "a wrapped key or the keyed hash of a secret",
    "sealed": "ciphertext under a key that lies elsewhere",
    "reference": "a keyed hash, a random or running number; says nothing without its key",
    "business": "no personal data",
    "public": "published, or made to be",
}
"""What a column may hold. None of them is personal data in clear, by construction."""

_HEAD: Final = """# Data inventory

Every column of both databases and what it may hold [2.2, 2.4]. Generated from `src/strongroom/db/schema/`;
personal data stands only inside columns of the class *sealed*.

"""


def render() -> str:
    """Return the page."""
    lines = [f"* **{name}**: {meaning}\n" for name, meaning in CLASSES.items()]
    for title, metadata in (("Vault", schema.vault), ("Keystore", schema.keystore)):
        lines.append(f"\n## {title}\n")
        for table in sorted(metadata.tables.values(), key=lambda table: table.name):
            lines.append(f"\n### {table.name}\n\n| Column | Class |\n|---|---|\n")
            lines.extend(
                f"| {column.name} | {column.info['class']} |\n" for column in table.columns
            )
    return _HEAD + "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render())
