"""A small shop's own database, as one has it that held personal data before Strongroom: made up, on either engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from strongroom.app import System, machine_clock
from strongroom.terms import SYSTEM, SellerId
from strongroom.vault import LwaCredentials

SELLER = SellerId(1)
FIELDS = {
    "ship_name": "recipient.name",
    "street": "recipient.address_line_1",
    "city": "recipient.city",
    "country": "recipient.country_code",
    "phone": "recipient.phone",
    "email": "buyer.email",
    "gift": "item.gift_message",
}
DATES = {"purchased": "bought_at", "shipped": "sent_at", "status": "state", "item": "item_id"}


@dataclass(frozen=True)
class Sale:
    """One row of the shop."""

    id: int
    order_id: str
    item_id: str
    ship_name: str
    street: str
    city: str
    country: str
    phone: str
    email: str
    gift: str | None
    note: str | None
    state: str
    bought_at: str
    sent_at: str | None

    @property
    def values(self) -> list[str]:
        """What must be nowhere in clear afterwards."""
        values = (self.ship_name, self.street, self.city, self.phone, self.email, self.gift)
        return [value for value in values if value]

    def row(self) -> dict[str, Any]:
        """Return it as a row of the table."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def order_id(number: int) -> str:
    """Return the id of an order."""
    return f"902-{number:07d}-{number:07d}"


def sale(number: int, **changed: Any) -> Sale:
    """Return one sale, told from others by its number; bought some days ago."""
    bought = machine_clock() - timedelta(days=3)
    values: dict[str, Any] = {
        "id": number,
        "order_id": order_id(number),
        "item_id": f"4400000000{number:04d}",
        "ship_name": f"Käufer Nummer{number}",
        "street": f"Ahornallee {number}",
        "city": f"Neustadt {number}",
        "country": "DE",
        "phone": f"+49 151 {20000000 + number}",
        "email": f"kunde{number}@post-versand.de",
        "gift": f"Alles Gute zum {number}. Geburtstag",
        "note": None,
        "state": "Shipped",
        "bought_at": bought.strftime("%Y-%m-%d %H:%M:%S"),
        "sent_at": None,
    }
    return Sale(**values | changed)


def add_seller(system: System) -> None:
    """Add the selling partner whose orders these are."""
    system.sellers.add(
        SYSTEM,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("amzn-client-id", "amzn-secret", "Atzr|refresh"),
        now=system.clock(),
    )


class Shop:
    """The shop's table `sales`."""

    def __init__(self, url: str, **columns: sa.types.TypeEngine[Any]) -> None:
        self.url = url
        self._engine = sa.create_engine(url)
        texts = [c for c in Sale.__dataclass_fields__ if c != "id"]
        self.table = sa.Table(
            "sales",
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True),
            *(sa.Column(name, columns.get(name, sa.String(200))) for name in texts),
        )
        self.table.metadata.create_all(self._engine)

    def add(self, *sales: Sale) -> None:
        """Add rows."""
        with self._engine.begin() as connection:
            connection.execute(self.table.insert(), [one.row() for one in sales])

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows in order."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(self.table).order_by(self.table.c.id))
            return [dict(row._mapping) for row in found]

    def count(self, condition: str) -> int:
        """Return how many rows are so."""
        with self._engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(self.table).where(sa.text(condition))
            return int(connection.execute(query).scalar_one())

    def execute(self, text: str) -> None:
        """Run a statement outside a transaction."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(text))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


@contextmanager
def shop(url: str, *sales: Sale, **columns: sa.types.TypeEngine[Any]) -> Iterator[Shop]:
    """Give a shop with these sales."""
    made = Shop(url, **columns)
    try:
        if sales:
            made.add(*sales)
        yield made
    finally:
        made.close()


def mapping(
    directory: Path,
    source: dict[str, Any],
    *,
    fields: dict[str, str] | None = None,
    order: dict[str, str] | None = None,
    head: str = "",
    seller: str = "acme",
) -> str:
    """Write a mapping file and return its path."""
    lines = [f'seller = "{seller}"', head, "[source]"]
    lines += [f"{name} = {_toml(value)}" for name, value in source.items()]
    lines += ["[order]", 'id = "order_id"']
    lines += [f'{n} = "{c}"' for n, c in (DATES if order is None else order).items()]
    lines.append("[fields]")
    lines += [f'"{c}" = "{f}"' for c, f in (FIELDS if fields is None else fields).items()]
    path = directory / "mapping.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def table_of(url: str) -> dict[str, Any]:
    """Return the source that the shop's table is."""
    return {"url": url.replace("+psycopg", ""), "table": "sales", "key": "id"}


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    text = str(value).replace("\\", "\\\\").replace("\t", "\\t")
    return f'"{text}"'
