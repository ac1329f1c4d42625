"""Invents buyers, addresses and texts for three countries, hard cases included.

Own tables rather than a library: ten thousand orders must take a blink, and the awkward
values (quotes, markup, combining marks, characters beyond the BMP) are chosen on purpose.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """The raw material of one country's people and addresses."""

    code: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    family_first: bool
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str, str], ...]  # city, state or region, first digits of the code
    phone_prefix: str
    latitude: tuple[int, int]
    longitude: tuple[int, int]
    companies: tuple[str, ...]
    tax_prefix: str


UNITED_STATES = Country(
    code="US",
    given=(
        "Mary",
        "José",
        "Siobhán",
        "D'Angelo",
        "Mary Ann",
        "Zoë",
        "Nguyễn",
        "Xóchitl",
        "Li",
        "Робер",
        "محمد",
    ),
    family=(
        "O'Brien",
        "Smith-Jones",
        "Muñoz",
        "Tran",
        "van der Berg",
        'McDonald "Mac"',
        "Okonkwo",
        "Żółkiewski",
        "St. John",
        "N\u0303andu\u0301",
    ),
    family_first=False,
    streets=(
        "Main St",
        "W 42nd St Apt 3B",
        "Martin Luther King Jr Blvd",
        "Old Mill Rd",
        "County Road 7 & Elm",
        "PO Box",
    ),
    cities=(
        ("Seattle", "WA", "981"),
        ("New York", "NY", "100"),
        ("San José", "CA", "951"),
        ("Austin", "TX", "787"),
        ("Coeur d'Alene", "ID", "838"),
    ),
    phone_prefix="+1 ",
    latitude=(30, 47),
    longitude=(-122, -71),
    companies=(
        "Acme Tooling LLC",
        "Fischer & Sons, Inc.",
        "Blue <Heron> Labs",
        "Übermorgen Partners LP",
    ),
    tax_prefix="EIN",
)

GERMANY = Country(
    code="DE",
    given=(
        "Jürgen",
        "Anneliese",
        "Björn",
        "Käthe",
        "Maximilian Ludwig",
        "Ayşe",
        "Łukasz",
        "Ngọc",
        "Renée",
        "Зоя",
    ),
    family=(
        "Müller",
        "Weiß",
        "Freiherr von und zu Guttenberg-Hohenlohe",
        "Öztürk",
        "Schön-Großmann",
        "D’Hondt",
        "Yılmaz",
        "Szczęsny",
        "Ba",
    ),
    family_first=False,
    streets=(
        "Große Straße",
        "Unter den Linden",
        "Königsbrücker Straße",
        "Am Mühlbach",
        "Straße des 17. Juni",
        "Ölmühlenweg",
    ),
    cities=(
        ("München", "Bayern", "80"),
        ("Köln", "Nordrhein-Westfalen", "50"),
        ("Berlin", "Berlin", "10"),
        ("Görlitz", "Sachsen", "02"),
        ("Rüsselsheim am Main", "Hessen", "65"),
    ),
    phone_prefix="+49 ",
    latitude=(48, 54),
    longitude=(7, 14),
    companies=(
        "Bäckerei Süß GmbH & Co. KG",
        "Großhandel Öder e.K.",
        "Zahnarztpraxis Dr. Fuß",
        "Vereinigte Prüfwerke AG",
    ),
    tax_prefix="DE",
)

JAPAN = Country(
    code="JP",
    given=("太郎", "さくら", "健一", "美咲", "蓮", "ジョン", "陽菜", "翔太", "ゆり子"),
    family=("山田", "佐藤", "𠮷野", "髙橋", "長谷川", "渡邉", "マクドナルド", "李", "五十嵐"),
    family_first=True,
    streets=(
        "銀座4丁目",
        "大通西1丁目",
        "梅田2-5",
        "博多駅前3丁目",
        "祇園町南側",
        "みなとみらい2丁目",
    ),
    cities=(
        ("東京都中央区", "東京都", "104"),
        ("札幌市", "北海道", "060"),
        ("大阪市", "大阪府", "530"),
        ("福岡市", "福岡県", "812"),
        ("京都市", "京都府", "605"),
    ),
    phone_prefix="+81 ",
    latitude=(33, 43),
    longitude=(130, 141),
    companies=("株式会社山田製作所", "有限会社さくら", "合同会社テクノロジー", "㈱髙橋商店"),
    tax_prefix="T",
)

_GIFTS = (
    "Happy birthday, with love from all of us! 🎂🎉",
    "Alles Gute zum Geburtstag, liebe Oma!\nDeine Enkel Finn & Jörg",
    "お誕生日おめでとうございます。\nいつまでもお元気で。",
    "Congratulations on the new home </b><script>alert('hi')</script>",
    "Feliz Navidad; call me at the usual number",
    "מזל טוב! عيد ميلاد سعيد",
)
_INSTRUCTIONS = (
    "Ring twice, the bell is broken",
    "Code 4711# am Seiteneingang, Hund ist freundlich",
    "宅配ボックスに入れてください",
    "Leave with neighbour at no. 12, side gate",
)
_DROP_OFFS = ("Front door", "Garage", "Neighbour", "Receptionist", "玄関前")
_CUSTOMERS_WORDS = (
    "please",
    "bitte",
    "お願いします",
    "careful",
    "fragile",
    "vorsichtig",
    "thanks",
    "danke",
)


def person_name(rng: random.Random, country: Country) -> str:
    """Return a full name in the country's order of parts."""
    given, family = rng.choice(country.given), rng.choice(country.family)
    return f"{family} {given}" if country.family_first else f"{given} {family}"


def street_line(rng: random.Random, country: Country) -> str:
    """Return a first address line, now and then far longer than a form expects."""
    number = rng.randint(1, 9999)
    street = rng.choice(country.streets)
    line = f"{street} {number}" if country.code != "US" else f"{number} {street}"
    if rng.random() < 0.02:
        line += ", " + long_text(rng, 150)
    return line


def city_region_postcode(rng: random.Random, country: Country) -> tuple[str, str, str]:
    """Return city, state or region, and postal code that belong together."""
    city, region, prefix = rng.choice(country.cities)
    if country.code == "US":
        code = f"{prefix}{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"
    elif country.code == "DE":
        code = f"{prefix}{rng.randint(100, 999)}"
    else:
        code = f"{prefix}-{rng.randint(1000, 9999)}"
    return city, region, code


def phone_number(rng: random.Random, country: Country) -> str:
    """Return a phone number in international form."""
    return f"{country.phone_prefix}{rng.randint(200, 989)}-555-{rng.randint(1000, 9999)}"


def gift_text(rng: random.Random) -> str:
    """Return a gift message, sometimes of the greatest length Amazon takes."""
    text = rng.choice(_GIFTS)
    if rng.random() < 0.1:
        return f"{text} {long_text(rng, 230 - len(text))}"
    return text


def delivery_instruction(rng: random.Random) -> str:
    """Return what a buyer tells the driver."""
    text = rng.choice(_INSTRUCTIONS)
    return f"{text}; {long_text(rng, 180)}" if rng.random() < 0.1 else text


def drop_off_place(rng: random.Random) -> str:
    """Return where a buyer wants the parcel left."""
    return rng.choice(_DROP_OFFS)


def long_text(rng: random.Random, length: int) -> str:
    """Return words of about `length` characters, never more."""
    words: list[str] = []
    size = 0
    while size < length:
        word = rng.choice(_CUSTOMERS_WORDS)
        words.append(word)
        size += len(word) + 1
    return " ".join(words)[: max(length, 0)].strip()


def tax_id(rng: random.Random, country: Country) -> str:
    """Return a tax number of the country's look."""
    return f"{country.tax_prefix}{rng.randint(10**8, 10**9 - 1)}"
