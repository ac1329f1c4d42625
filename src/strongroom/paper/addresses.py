"""Puts an order's address together in the lines of an envelope [2.3]. Pure."""

from collections.abc import Mapping
from typing import Final

_CITY_FIRST: Final = frozenset({"US", "CA", "AU", "GB", "IE", "IN", "JP", "CN", "KR"})
"""Countries that write the postal code after the city, of those where Amazon sells."""


def lines_of(values: Mapping[str, str], whose: str) -> list[str]:
    """Return the lines of `recipient` or `ship_from`, from the values of an order by slot; empty without a street."""

    def get(name: str) -> str:
        return " ".join(values.get(f"{whose}.{name}", "").split())

    street = [get(f"address_line_{n}") for n in (1, 2, 3)]
    if not any(street):
        # Brazil's addresses come in parts.
        street = [_joined(get("street_name"), get("street_number")), get("complement")]
    if not any(street):
        return []
    country = get("country_code").upper()
    city, state, code = get("city") or get("municipality"), get("state"), get("postal_code")
    if country in _CITY_FIRST:
        town = [", ".join(filter(None, (city, _joined(state, code))))]
    else:
        town = [_joined(code, city), state]
    district = get("neighborhood") or get("district") or get("district_or_county")
    found = [get("name"), get("company"), *street, district, *town, get("county"), country]
    return [line for line in found if line]


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))
