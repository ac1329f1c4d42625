"""Tries to open a file of records with every key the home still has, past the vault's door.

It is what somebody can do who has the machine, the passphrase and a copy of the data; it counts and shows
nothing. The home must not be served meanwhile.
"""

from contextlib import closing
from pathlib import Path

from strongroom import settings as settings_file
from strongroom.app import database_urls
from strongroom.db.engine import Database
from strongroom.home import layout
from strongroom.roots import open_root
from strongroom.vault import Keystore, Openable, count_openable


def try_every_key(home: Path, passphrase: Path, data: Path) -> Openable:
    """Return how many records of the database `data` the home's keys open."""
    settings = settings_file.load(home, {})
    root = open_root(
        settings.keystore.root,
        settings.environment,
        settings.home_id,
        passphrase=lambda: settings_file.read_secret(passphrase, "the passphrase"),
        home=home,
    )
    _, keys_url = database_urls(layout(home), settings)
    with closing(Database(keys_url)) as keys, closing(Database(f"sqlite:///{data}")) as records:
        keystore = Keystore(keys, root, settings.environment, settings.home_id)
        keystore.open()
        return count_openable(records, keystore, settings.environment)
