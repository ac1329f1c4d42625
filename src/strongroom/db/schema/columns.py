"""How every table is declared: its database, and a column with its class [2.2]."""

from typing import Any, Final

import sqlalchemy as sa

vault: Final = sa.MetaData()
keystore: Final = sa.MetaData()

Id: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite: only INTEGER is the row's own number."""


def column(
    name: str,
    kind: type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any],
    class_: str,
    *rest: sa.ForeignKey,
    **options: Any,  # noqa: ANN401 - passed on as they are
) -> sa.Column[Any]:
    """Return a column that says what it may hold: SQLAlchemy's own arguments, and the class."""
    return sa.Column(name, kind, *rest, info={"class": class_}, **{"nullable": False, **options})
