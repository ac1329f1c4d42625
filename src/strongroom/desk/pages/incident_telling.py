"""What is told about a case: the notification to Amazon, looked at and sent by a person, and every other word [1.6]."""

from strongroom.alarms.clocks import REPORT_WITHIN
from strongroom.compliance.evidence import MOST_BYTES
from strongroom.compliance.incidents import GUARDED, RULE, Attached, Recipient
from strongroom.compliance.incidents.clock import AUTHORITY_WITHIN
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.pages.incidents import LONGEST, REFUSALS, moment
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Malformed, StrongroomError

RECIPIENTS = {
    Recipient.AMAZON: "Amazon",
    Recipient.AUTHORITY: "An authority",
    Recipient.CUSTOMER: "A customer",
    Recipient.SELLER: "A selling partner",
    Recipient.POLICE: "The police",
    Recipient.INSURER: "An insurer",
    Recipient.PROVIDER: "A service provider",
    Recipient.OTHER: "Somebody else",
}


def routes(rooms: Rooms) -> list[Route]:
    """Return the page and what it does."""
    pages = _TellingPages(rooms)
    path = "/incidents/{id}/notify"
    return [
        Route("GET", path, pages.show, needs=OVERSEES),
        Route("POST", path, pages.send, needs=OVERSEES, proved="incidents"),
        Route(
            "POST", f"{path}/otherwise", pages.otherwise, needs=OVERSEES, upload_bytes=MOST_BYTES
        ),
        Route("POST", f"{path}/register", pages.register, needs=OVERSEES, upload_bytes=MOST_BYTES),
        Route("POST", f"{path}/decide", pages.decide, needs=OVERSEES),
    ]


class _TellingPages:
    def __init__(self, rooms: Rooms) -> None:
        self._incidents = rooms.compliance.incidents
        self._telling = rooms.compliance.incidents.telling
        self._accounts = rooms.accounts

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def send(self, exchange: Exchange) -> Answer:
        """Send what the person wrote: nothing else ever sends."""
        form = exchange.form
        try:
            self._telling.send(
                exchange.id,
                form.word("subject"),
                form.text("text", longest=LONGEST),
                exchange.person.caller,
                exchange.now,
            )
        except REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/incidents/{exchange.id}", Said.INCIDENT_SENT)

    def otherwise(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            sent_at = moment(form.word("sent_at"))
            if sent_at is None:
                raise Malformed("say when it was sent")
            self._telling.sent_otherwise(
                exchange.id,
                _file(exchange, "file", "what was sent"),
                sent_at,
                exchange.person.caller,
                exchange.now,
            )
        except REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/incidents/{exchange.id}", Said.INCIDENT_TOLD)

    def register(self, exchange: Exchange) -> Answer:
        form = exchange.form
        recipient = next((one for one in Recipient if one.value == form.text("recipient")), None)
        try:
            if recipient is None or recipient is Recipient.AMAZON:
                raise Malformed("choose whom it goes to")
            permission = form.file("permission")
            self._telling.register(
                exchange.id,
                recipient,
                form.word("channel"),
                _file(exchange, "file", "what is told"),
                exchange.person.caller,
                exchange.now,
                law=form.word("law"),
                permission=None
                if permission is None
                else Attached(permission.content, permission.name, permission.media_type),
            )
        except REFUSALS as exc:
            return self._page(exchange, exc)
        said = Said.INCIDENT_WAITS if recipient in GUARDED else Said.INCIDENT_CHANGED
        return exchange.go(f"/incidents/{exchange.id}/notify", said)

    def decide(self, exchange: Exchange) -> Answer:
        """Say of a message that waits: agreed, withdrawn; of a mail nobody knows the fate of: sent, not sent."""
        form, who, now = exchange.form, exchange.person.caller, exchange.now
        number = form.word("message")
        try:
            if not number.isdigit():
                raise Malformed("no message is named")
            entry = int(number[:12])
            match form.text("word"):
                case "agree":
                    self._telling.approve(exchange.id, entry, who, now)
                case "withdraw":
                    self._telling.withdraw(exchange.id, entry, who, now)
                case "sent":
                    self._telling.settle(exchange.id, entry, who, now, sent=True)
                case "not-sent":
                    self._telling.settle(exchange.id, entry, who, now, sent=False)
                case _:
                    raise Malformed("say what becomes of it")
        except REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/incidents/{exchange.id}/notify", Said.INCIDENT_CHANGED)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        shown = self._incidents.cases.show(exchange.id)
        form = exchange.form
        subject, text = self._telling.draft(shown, exchange.now)
        return exchange.form_page(
            "incident_notify.html",
            exc,
            shown=shown,
            case=shown.case,
            name=self._accounts.name_of,
            within=REPORT_WITHIN,
            authority_within=AUTHORITY_WITHIN,
            address=self._telling.address,
            can_send=self._telling.can_send,
            subject=form.text("subject") or subject,
            text=form.text("text", longest=LONGEST) or text,
            messages=shown.of("message"),
            recipients=RECIPIENTS,
            guarded=GUARDED,
            rule=RULE,
            most=MOST_BYTES // 1024 // 1024,
            proved=exchange.person.proved_lately(exchange.now),
        )


def _file(exchange: Exchange, name: str, what: str) -> Attached:
    found = exchange.form.file(name)
    if found is None:
        raise Malformed(f"choose the file with {what}")
    return Attached(found.content, found.name, found.media_type)
