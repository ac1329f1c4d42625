"""Guessing, spraying, sessions in impossible places, tired second factors, new devices, lockouts [1.2].

Pure. The guard of sign-ons (`accounts/guard.py`) slows down and locks by itself; this tells people, and sees what
spreads over more than one name or address.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import Known, Tally, seconds
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import PrincipalId

_SENSITIVE: Final = frozenset(
    {
        EventType.GRANT_REQUESTED,
        EventType.GRANT_APPROVED,
        EventType.GRANT_GLASS_BROKEN,
        EventType.ROLE_CHANGED,
        EventType.PRINCIPAL_ADDED,
        EventType.CREDENTIAL_ISSUED,
        EventType.AUTHORIZATION_ISSUED,
        EventType.CONSENT_OPENED,
        EventType.CONSENT_APPROVED,
        EventType.CERTIFICATE_REGISTERED,
        EventType.FACTOR_ADDED,
        EventType.FACTOR_REMOVED,
        EventType.RECOVERY_CODES_ISSUED,
        EventType.PASSWORD_CHANGED,
        EventType.IDENTITY_LINKED,
        EventType.NETWORK_CHANGE_REQUESTED,
        EventType.NETWORK_CHANGE_APPROVED,
        EventType.LOCK_LIFTED,
        EventType.LOG_EXPORT_STARTED,
        EventType.LOG_READ,
        EventType.SELLER_ADDED,
        EventType.ALARM_CHANGED,
    }
)
_FACTOR: Final = frozenset({Reason.WRONG_FACTOR, Reason.REPLAYED})
_COPIED: Final = frozenset({Reason.WRONG_DEVICE, Reason.WRONG_NETWORK})
_EVERYBODY: Final = "everybody"


class SignOnAnomaly:
    """Locks and what led to them, told by severity; and what no lock sees."""

    name: ClassVar[str] = "sign_on_anomaly"
    kind: ClassVar[AlarmKind] = AlarmKind.SIGN_ON_ANOMALY
    types: ClassVar[frozenset[EventType] | None] = _SENSITIVE | {
        EventType.LOCK_SET,
        EventType.SIGNON_FAILED,
        EventType.SIGNON_SUCCEEDED,
        EventType.SIGNON_THROTTLED,
        EventType.SESSION_REFUSED,
        EventType.DEVICE_NEW_SEEN,
        EventType.RECOVERY_CODE_USED,
    }
    LOCKED: ClassVar = Case(
        kind,
        "locked",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a person is locked after ten failures in a row (`too_many_failures`)",
    )
    HAS_PASSWORD: ClassVar = Case(
        kind,
        "has_password",
        Severity.HIGH,
        Response.NOTIFY,
        "a person is locked after right passwords without, or with wrong, second factors (`factor_fatigue`, "
        "`wrong_factor`): somebody has the password",
    )
    SPRAYING: ClassVar = Case(
        kind,
        "spraying",
        Severity.HIGH,
        Response.NOTIFY,
        "an address is locked for failing for many names (`spraying`), or `names_failed` different names failed within "
        "`names_window` from any addresses",
    )
    IMPOSSIBLE: ClassVar = Case(
        kind,
        "impossible_places",
        Severity.HIGH,
        Response.STEP_UP,
        "a person acts from more addresses at once than a person has (`impossible_concurrency`)",
    )
    DISOWNED: ClassVar = Case(
        kind,
        "disowned",
        Severity.CRITICAL,
        Response.SUSPEND,
        "a person says of a sign-on that it was not theirs (`wrong_device`)",
    )
    PUT_OFF: ClassVar = Case(
        kind,
        "put_off",
        Severity.MEDIUM,
        Response.NOTIFY,
        "`put_off` tries to sign on are put off within `refusals_window`",
    )
    FACTORS: ClassVar = Case(
        kind,
        "factors_then_success",
        Severity.HIGH,
        Response.STEP_UP,
        "`factors_failed` wrong second factors of a person within `factors_window`, and then a sign-on",
    )
    COPIED: ClassVar = Case(
        kind,
        "copied_session",
        Severity.HIGH,
        Response.NOTIFY,
        "a session's cookie came from another browser or network and was ended",
    )
    NEW_DEVICE: ClassVar = Case(
        kind,
        "new_device",
        Severity.MEDIUM,
        Response.STEP_UP,
        "within `device_sensitive` of a new device, not their first, a person does something sensitive",
    )
    RECOVERY: ClassVar = Case(
        kind, "recovery_code", Severity.LOW, Response.NOTIFY, "a recovery code was used"
    )
    cases: ClassVar[tuple[Case, ...]] = (
        LOCKED,
        HAS_PASSWORD,
        SPRAYING,
        IMPOSSIBLE,
        DISOWNED,
        PUT_OFF,
        FACTORS,
        COPIED,
        NEW_DEVICE,
        RECOVERY,
    )
    _LOCKS: ClassVar = {
        Reason.TOO_MANY_FAILURES: LOCKED,
        Reason.FACTOR_FATIGUE: HAS_PASSWORD,
        Reason.WRONG_FACTOR: HAS_PASSWORD,
        Reason.SPRAYING: SPRAYING,
        Reason.IMPOSSIBLE_CONCURRENCY: IMPOSSIBLE,
        Reason.WRONG_DEVICE: DISOWNED,
    }

    def __init__(self, parameters: Parameters) -> None:
        most = parameters.principals_most
        self._parameters = parameters
        self._names = Tally()
        self._put_off = Tally()
        self._factors = Known(most, Tally, Tally.of)
        self._devices = Known[list[int]](most, list, list)
        """When a new device was last seen, which entry, and whether it was told; empty: only the first device."""

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Take one event of signing on, or something sensitive."""
        match seen.type:
            case EventType.LOCK_SET:
                return self._locked(seen)
            case EventType.SIGNON_FAILED:
                return list(self._failed(seen))
            case EventType.SIGNON_SUCCEEDED:
                return self._succeeded(seen)
            case EventType.SIGNON_THROTTLED:
                return self._throttled(seen)
            case EventType.DEVICE_NEW_SEEN:
                return self._new_device(seen)
            case _:
                return self._other(seen)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {
            "names": self._names.state(),
            "put_off": self._put_off.state(),
            "factors": self._factors.state(Tally.state),
            "devices": self._devices.state(list),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._names = Tally.of(state["names"])
        self._put_off = Tally.of(state["put_off"])
        self._factors.restore(state["factors"])
        self._devices.restore(state["devices"])

    def _locked(self, seen: Seen) -> Iterable[Signal]:
        case = None if seen.reason is None else self._LOCKS.get(seen.reason)
        if case is None:
            return ()
        # `lock.person.7`: the actor is the service, which locked.
        person = (seen.op or "").rpartition(".")[2]
        principal = PrincipalId(int(person)) if person.isdecimal() else None
        signal = case.signal(
            seen.at,
            principal=principal,
            target=seen.src_ip or seen.obj_ref,
            evidence=(seen.seq,),
        )
        return (signal,)

    def _failed(self, seen: Seen) -> Iterator[Signal]:
        p, at = self._parameters, seconds(seen.at)
        if seen.obj_ref is not None:
            self._names.add(at, p.names_window, seen.seq, about=seen.obj_ref)
            if self._names.tells_objects(p.names_failed):
                yield self.SPRAYING.signal(
                    seen.at,
                    target=_EVERYBODY,
                    count=self._names.objects,
                    evidence=self._names.evidence,
                )
            is_account = seen.obj_kind == ObjKind.PRINCIPAL.value and seen.obj_ref.isdecimal()
            if seen.reason in _FACTOR and is_account:
                self._factors.get(seen.obj_ref).add(at, p.factors_window, seen.seq)

    def _succeeded(self, seen: Seen) -> Iterable[Signal]:
        p, key = self._parameters, str(seen.principal)
        tally = self._factors.find(key)
        if tally is None:
            return ()
        count = tally.count(seconds(seen.at), p.factors_window)
        evidence = [*tally.evidence, seen.seq]
        self._factors.forget(key)
        if count < p.factors_failed:
            return ()
        signal = self.FACTORS.signal(
            seen.at, principal=seen.principal, target=seen.src_ip, count=count, evidence=evidence
        )
        return (signal,)

    def _throttled(self, seen: Seen) -> Iterable[Signal]:
        p = self._parameters
        count = self._put_off.add(seconds(seen.at), p.refusals_window, seen.seq, seen.n or 1)
        if not self._put_off.tells(count, p.put_off):
            return ()
        signal = self.PUT_OFF.signal(
            seen.at, target=_EVERYBODY, count=count, evidence=self._put_off.evidence
        )
        return (signal,)

    def _new_device(self, seen: Seen) -> Iterable[Signal]:
        known = self._devices.find(str(seen.principal)) is not None
        device = self._devices.get(str(seen.principal))
        if known:
            # The first one comes with the account, or before this rule looked.
            device[:] = [seconds(seen.at), seen.seq, 0]
        return ()

    def _other(self, seen: Seen) -> Iterable[Signal]:
        if seen.type is EventType.SESSION_REFUSED:
            copied = seen.outcome is Outcome.FAILURE and seen.reason in _COPIED
            return (self._signal(self.COPIED, seen),) if copied else ()
        if seen.type is EventType.RECOVERY_CODE_USED:
            used = seen.outcome is Outcome.SUCCESS
            return (self._signal(self.RECOVERY, seen),) if used else ()
        return self._sensitive(seen)

    def _sensitive(self, seen: Seen) -> Iterable[Signal]:
        device = self._devices.find(str(seen.principal))
        if not device or device[2] or seen.outcome is not Outcome.SUCCESS:
            return ()
        if seconds(seen.at) - device[0] > self._parameters.device_sensitive.total_seconds():
            return ()
        device[2] = 1
        signal = self.NEW_DEVICE.signal(
            seen.at, principal=seen.principal, evidence=(device[1], seen.seq)
        )
        return (signal,)

    @staticmethod
    def _signal(case: Case, seen: Seen) -> Signal:
        return case.signal(
            seen.at,
            principal=seen.principal,
            target=seen.obj_ref or seen.src_ip,
            evidence=(seen.seq,),
        )
