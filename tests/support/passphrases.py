"""Opening files that age sealed under a passphrase, also on a busy machine."""

import pyrage

_TRIES = 8


def unsealed(content: bytes, passphrase: str) -> bytes:
    """Return what is sealed.

    The library measures for a moment how fast this machine is and refuses a file that would take it much longer than a
    second. A moment in which others have the processor says nothing of the file.
    """
    for _again in range(_TRIES):
        try:
            return bytes(pyrage.passphrase.decrypt(content, passphrase))
        except pyrage.DecryptError as exc:
            if "work parameter" not in str(exc):
                raise
    return bytes(pyrage.passphrase.decrypt(content, passphrase))
