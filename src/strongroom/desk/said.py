"""What a page may say first after something was done: sentences of a closed list, so that nobody can make it say more.

The name travels in a cookie from the POST to the page that its redirect leads to. Pure.
"""

from enum import StrEnum


class Said(StrEnum):
    """A notice; its sentence is in `WORDS`."""

    SIGNED_OUT = "signed-out"
    SIGN_ON_FIRST = "sign-on-first"
    SESSION_OVER = "session-over"
    STEP_OVER = "step-over"
    LINK_OVER = "link-over"
    WELCOME = "welcome"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name
    FACTOR_ADDED = "factor-added"
    FACTOR_REMOVED = "factor-removed"
    SESSION_ENDED = "session-ended"
    OTHERS_ENDED = "others-ended"
    DEVICE_KNOWN = "device-known"
    DEVICE_DISOWNED = "device-disowned"
    LOCK_LIFTED = "lock-lifted"
    LOCK_DISPOSED = "lock-disposed"
    NETWORK_ASKED = "network-asked"
    NETWORK_APPROVED = "network-approved"
    NETWORK_REJECTED = "network-rejected"
    EVIDENCE_KEPT = "evidence-kept"
    EVIDENCE_RELEASED = "evidence-released"
    EVIDENCE_RECEIVED = "evidence-received"
    EVIDENCE_DECLINED = "evidence-declined"
    EVIDENCE_DISPOSED = "evidence-disposed"
    DUTY_STATED = "duty-stated"
    DUTY_WITHDRAWN = "duty-withdrawn"
    EXCUSE_ASKED = "excuse-asked"
    EXCUSE_APPROVED = "excuse-approved"
    EXCUSE_ENDED = "excuse-ended"
    OFFICES_APPOINTED = "offices-appointed"
    OFFICES_ACCEPTED = "offices-accepted"
    CONTACT_GIVEN = "contact-given"


WORDS = {
    Said.SIGNED_OUT: "You have signed out.",
    Said.SIGN_ON_FIRST: "Sign on to see this page.",
    Said.SESSION_OVER: "Your session has ended. Sign on again to continue.",
    Said.STEP_OVER: "This sign-on took too long or was used already. Begin again.",
    Said.LINK_OVER: "Open your one-time link again, or paste its code here.",
    Said.WELCOME: "Your account is ready. You are signed on.",
    Said.PASSWORD_CHANGED: "Your password was changed. Your other sessions have ended.",
    Said.FACTOR_ADDED: "The second factor was added.",
    Said.FACTOR_REMOVED: "The second factor was removed.",
    Said.SESSION_ENDED: "The session was ended.",
    Said.OTHERS_ENDED: "All your other sessions were ended.",
    Said.DEVICE_KNOWN: "Thank you. The device is known as yours.",
    Said.DEVICE_DISOWNED: (
        "The sessions of that device were ended and your account was locked. "
        "Ask another administrator to look at it with you."
    ),
    Said.LOCK_LIFTED: "The lock was lifted.",
    Said.LOCK_DISPOSED: "What the lock was about is recorded.",
    Said.NETWORK_ASKED: "The change is asked for. It takes effect when another person approves it.",
    Said.NETWORK_APPROVED: "The change of the network list has taken effect.",
    Said.NETWORK_REJECTED: "The change of the network list was rejected.",
    Said.EVIDENCE_KEPT: "The evidence is kept. Its hash and its collection are in the log.",
    Said.EVIDENCE_RELEASED: "It is released. The other person says now whether they have it.",
    Said.EVIDENCE_RECEIVED: "It is recorded that you have it.",
    Said.EVIDENCE_DECLINED: "It is recorded that it stayed where it was.",
    Said.EVIDENCE_DISPOSED: "It was disposed of. Its hash and its custody stay.",
    Said.DUTY_STATED: "Your statement is recorded.",
    Said.DUTY_WITHDRAWN: "The statement was withdrawn. The duty counts as not kept until somebody states it.",
    Said.EXCUSE_ASKED: "The exception is asked for. It counts when another person approves it.",
    Said.EXCUSE_APPROVED: "The exception counts from now on.",
    Said.EXCUSE_ENDED: "The exception does not count any more.",
    Said.OFFICES_APPOINTED: "The person is appointed. It counts once they have accepted.",
    Said.OFFICES_ACCEPTED: "Thank you. You have taken the office on.",
    Said.CONTACT_GIVEN: "Your address is kept, sealed.",
}


_BY_NAME = {said.value: words for said, words in WORDS.items()}


def said_by(name: str | None) -> str | None:
    """Return the sentence of a name; None for any other text."""
    return _BY_NAME.get(name or "")
