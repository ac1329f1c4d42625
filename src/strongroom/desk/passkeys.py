"""What passes between the pages and the browser's passkey dialogue (W3C WebAuthn): a challenge out, a form back.

The script of a page asks for a challenge by a POST that carries the form's token, and puts the answer into that form.
"""

import orjson

from strongroom.accounts.visits import Challenge
from strongroom.desk.exchange import Answer
from strongroom.desk.words import sentence, told
from strongroom.errors import StrongroomError
from strongroom.web import status_of

_JSON = "application/json"


def challenge_answer(challenge: Challenge) -> Answer:
    """Return a challenge as the script reads it."""
    options = orjson.Fragment(challenge.options)
    return Answer(200, orjson.dumps({"step": challenge.step, "options": options}), _JSON)


def failed_challenge(exc: StrongroomError) -> Answer:
    """Return why there is none; the script shows the sentence."""
    fault = " ".join(sentence(part) for part in told(exc))
    return Answer(status_of(exc), orjson.dumps({"fault": fault}), _JSON)
