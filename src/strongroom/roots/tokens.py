"""A root key that never leaves a token: AES-256 in an HSM or smart card, reached by PKCS#11 (v2.40, OASIS).

The key is made in the token, sensitive and never extractable, and a key that is neither is refused. It wraps by
CKM_AES_GCM (SP 800-38D): the one mechanism with integrity that binds associated data, so that environment and home are
part of what is opened; CKM_AES_KEY_WRAP_KWP binds nothing, and SoftHSM has it not. Reasons in ADR 0257.

A PIN comes from a file and goes to C_Login alone. A PIN that was refused is not tried again, and the last try that a
token allows is never spent: a locked token is an outage that nobody at the machine can end.
"""

import contextlib
import hmac
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from strongroom.crypto.derive import KEY_BYTES, aad
from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.roots.address import Pkcs11Address
from strongroom.roots.private import read_private
from strongroom.roots.wrapped import Kind, pack, unpack

if TYPE_CHECKING:
    from pkcs11 import SecretKey, Session

_LABEL: Final = "strongroom/root/pkcs11/v1"
_NONCE_BYTES: Final = 12
_TAG_BITS: Final = 128
_ID_BYTES: Final = 16
_ONE_BY_ONE: Final = threading.RLock()
"""A library is one for the process: whoever begins it anew ends the sessions of all."""

_T = TypeVar("_T")


class TokenRoot:
    """The root of a `pkcs11:` address. Safe between threads; a session that ended is opened again, once a call."""

    def __init__(self, uri: str, address: Pkcs11Address) -> None:
        self.uri: Final = uri
        self._address = address
        self._token = address.token or (address.serial or b"").decode(errors="replace")
        self._session: Session | None = None
        self._key: SecretKey | None = None
        self._refused = b""
        self._seen = os.urandom(KEY_BYTES)
        """Keys the digest of a PIN that was refused."""

    @property
    def key_id(self) -> str:
        """The token and the object in it."""
        return f"{self._token}/{self._address.object}"

    def make(self) -> None:
        """Make the key in the token where it has none of this name; durable on return.

        Raises:
            Misconfigured, Unavailable: as `wrap`.

        """
        with _ONE_BY_ONE, self._told():
            session = self._opened(rw=True)
            if self._found(session) is None:
                self._generate(session)
            self._forget()

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped in the token, once the token has shown that it gives it back.

        Raises:
            Misconfigured: the PIN, the module or the key are not what they should be.
            Unavailable: the token is not there, or does not answer.

        """
        from pkcs11 import GCMParams, Mechanism  # noqa: PLC0415 - an extra that few homes install

        # Random, and read back afterwards: some tokens put a nonce of their own in its place.
        nonce = os.urandom(_NONCE_BYTES)
        bound = aad(_LABEL, context)

        def seal(root: Any) -> bytes:  # noqa: ANN401 - a SecretKey; its mixins are not typed
            taken = GCMParams(nonce, bound, _TAG_BITS)
            return bytes(root.encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=taken))

        sealed = self._run(seal)
        made = pack(Kind.PKCS11, self.key_id, nonce + sealed)
        if not hmac.compare_digest(self.unwrap(made, context), key):
            raise Unavailable(f"token {self._token} does not give back what it wrapped")
        return made

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that `wrap` wrapped in the same context.

        Raises:
            Tampered: the bytes or the context are others, or another key wrapped it.
            Misconfigured, Unavailable: as `wrap`.

        """
        from pkcs11 import GCMParams, Mechanism  # noqa: PLC0415 - as above

        body = unpack(Kind.PKCS11, wrapped).body
        nonce, sealed = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        if len(sealed) != KEY_BYTES + _TAG_BITS // 8:
            raise Tampered("the wrapped master key has another length")
        bound = aad(_LABEL, context)

        def open_(root: Any) -> bytes:  # noqa: ANN401 - as above
            taken = GCMParams(nonce, bound, _TAG_BITS)
            return bytes(root.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=taken))

        # Tokens have one word for "not what I sealed" and for "broken" (SoftHSM: CKR_GENERAL_ERROR): only one that is
        # well before and after is believed, and one that just came back is asked again.
        for _ in range(2):
            try:
                return self._run(open_)
            except Unavailable:
                if not self._is_well():
                    raise
        raise Tampered("the key under the root is not what the token wrapped")

    def __repr__(self) -> str:
        return f"<root in token {self.key_id}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    # -- private ---------------------------------------------------------------------------------

    def _is_well(self) -> bool:
        """Tell whether the token seals and opens something of now."""
        from pkcs11 import GCMParams, Mechanism  # noqa: PLC0415 - as above

        probe, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)

        def both(root: Any) -> bytes:  # noqa: ANN401 - as above
            taken = GCMParams(nonce, b"", _TAG_BITS)
            sealed = root.encrypt(probe, mechanism=Mechanism.AES_GCM, mechanism_param=taken)
            taken = GCMParams(nonce, b"", _TAG_BITS)
            return bytes(root.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=taken))

        try:
            return hmac.compare_digest(self._run(both), probe)
        except StrongroomError:
            return False

    def _run(self, work: Callable[["SecretKey"], _T]) -> _T:
        """Do it in the session at hand; where that fails, once more in a new one: a token that restarted forgot it."""
        errors = _errors()
        with _ONE_BY_ONE, self._told():
            try:
                return work(self._key or self._entered())
            except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange, errors.PinLocked):
                raise
            except errors.PKCS11Error:
                self._forget()
            return work(self._entered())

    def _entered(self) -> "SecretKey":
        """Return the key in a new session. Raises: Misconfigured, and what the token raises."""
        key = self._found(self._opened(rw=False))
        if key is None:
            raise Misconfigured(
                f"token {self._token} holds no key {self._address.object}",
                hint="`strongroom init` and `keys rotate root --to` make one",
            )
        self._refuse_soft(key)
        self._key = key
        return key

    def _opened(self, *, rw: bool) -> "Session":
        """Return a session that is logged in."""
        errors = _errors()
        token = self._library().get_token(
            **{
                name: value
                for name, value in (
                    ("token_label", self._address.token),
                    ("token_serial", self._address.serial),
                )
                if value is not None
            }
        )
        pin = read_private(self._address.pin_file, "the token's PIN")
        self._refuse_known(token, pin)
        try:
            self._session = token.open(rw=rw, user_pin=pin)
        except errors.UserAlreadyLoggedIn:
            self._session = token.open(rw=rw)
        except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange):
            self._refused = self._digest(pin)
            raise
        self._refused = b""
        return self._session

    def _refuse_known(self, token: Any, pin: str) -> None:  # noqa: ANN401 - a Token
        from pkcs11 import TokenFlag  # noqa: PLC0415 - as above

        if self._refused and hmac.compare_digest(self._refused, self._digest(pin)):
            self._refuse_pin()
        if token.flags & TokenFlag.USER_PIN_LOCKED:
            raise Misconfigured(
                f"token {self._token} is locked after wrong PINs",
                hint="its security officer sets a new PIN",
            )
        if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
            raise Misconfigured(
                f"token {self._token} allows one more PIN, which is not spent here",
                hint="log in by hand with the right PIN first: that resets its count",
            )

    def _refuse_pin(self) -> NoReturn:
        raise Misconfigured(
            f"token {self._token} does not take the PIN in {self._address.pin_file}",
            hint="put the right PIN there; this one is not tried again, because a token locks itself",
        )

    def _digest(self, pin: str) -> bytes:
        return hmac.digest(self._seen, pin.encode(), "sha256")

    def _library(self) -> Any:  # noqa: ANN401 - a lib
        try:
            import pkcs11  # noqa: PLC0415 - as above
        except ModuleNotFoundError:
            raise Misconfigured(
                "this Strongroom was installed without PKCS#11",
                hint="pip install 'strongroom[pkcs11]'",
            ) from None
        if not self._address.module.is_file():
            raise Misconfigured(f"there is no PKCS#11 module at {self._address.module}")
        try:
            return pkcs11.lib(str(self._address.module))
        except (OSError, RuntimeError):
            raise Misconfigured(
                f"{self._address.module} cannot be loaded as a PKCS#11 module",
                hint="is it built for this system, and set up (SoftHSM: SOFTHSM2_CONF)?",
            ) from None

    def _found(self, session: "Session") -> "SecretKey | None":
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415 - as above

        wanted: dict[Any, Any] = {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.LABEL: self._address.object,
        }
        if self._address.id is not None:
            wanted[Attribute.ID] = self._address.id
        found: list[Any] = list(session.get_objects(wanted))
        if len(found) > 1:
            raise Misconfigured(
                f"token {self._token} holds more than one key {self._address.object}",
                hint="name one by id=%XX in the address",
            )
        return found[0] if found else None

    def _generate(self, session: "Session") -> None:
        from pkcs11 import Attribute, KeyType  # noqa: PLC0415 - as above

        session.generate_key(
            KeyType.AES,
            KEY_BYTES * 8,
            label=self._address.object,
            id=self._address.id or os.urandom(_ID_BYTES),
            store=True,
            template={
                Attribute.PRIVATE: True,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.MODIFIABLE: False,
                Attribute.ENCRYPT: True,
                Attribute.DECRYPT: True,
                Attribute.WRAP: False,
                Attribute.UNWRAP: False,
                Attribute.SIGN: False,
                Attribute.VERIFY: False,
            },
        )

    def _refuse_soft(self, key: "SecretKey") -> None:
        """Refuse a key that somebody could have read or can. Raises: Misconfigured."""
        from pkcs11 import Attribute  # noqa: PLC0415 - as above

        held: Any = key
        kept = (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE)
        if not all(held[one] for one in kept) or held[Attribute.VALUE_LEN] != KEY_BYTES:
            raise Misconfigured(
                f"key {self.key_id} could have left its token, or has not 256 bits",
                hint="let Strongroom make one, under another name",
            )

    def _forget(self) -> None:
        """Let go of the session, and begin the library anew: only then does it look for its tokens again."""
        self._session, self._key = None, None
        with contextlib.suppress(_errors().PKCS11Error, StrongroomError):
            self._library().reinitialize()

    @contextlib.contextmanager
    def _told(self) -> Any:  # noqa: ANN401 - a generator
        """Raise what went wrong in the token's words as ours; nothing of an error's text is repeated."""
        errors = _errors()
        try:
            yield
        except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange):
            self._refuse_pin()
        except errors.PinLocked:
            raise Misconfigured(
                f"token {self._token} is locked after wrong PINs",
                hint="its security officer sets a new PIN",
            ) from None
        except errors.MechanismInvalid:
            raise Misconfigured(f"token {self._token} has no CKM_AES_GCM") from None
        except (
            errors.NoSuchToken,
            errors.TokenNotPresent,
            errors.DeviceRemoved,
            errors.SlotIDInvalid,
        ):
            self._forget()
            raise Unavailable(
                f"token {self._token} is not there", hint="is it plugged in, and its service up?"
            ) from None
        except errors.MultipleTokensReturned:
            raise Misconfigured(
                f"more than one token is called {self._token}", hint="name its serial"
            ) from None
        except errors.PKCS11Error as exc:
            self._forget()
            raise Unavailable(
                f"token {self._token} does not do what it is asked: {type(exc).__name__}"
            ) from None


def _errors() -> Any:  # noqa: ANN401 - a module of an extra
    try:
        from pkcs11 import exceptions  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise Misconfigured(
            "this Strongroom was installed without PKCS#11", hint="pip install 'strongroom[pkcs11]'"
        ) from None
    return exceptions
