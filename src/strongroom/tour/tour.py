"""The tour: an app pulls orders through Strongroom, and every promise made about them is tried.

It uses what users use: the command line and `serve` as processes of their own, and the unmodified
python-amazon-sp-api. Amazon alone is pretended, so that each personal value is known and can be
looked for. It judges by what the processes printed and by the files they left, nothing else.
"""

import base64
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

import orjson

from strongroom.accounts import names
from strongroom.app import machine_clock
from strongroom.control import os_user
from strongroom.errors import Malformed, NotFound
from strongroom.leaks import Needles, search_tree
from strongroom.simulator import Order, Simulator, SimulatorConfig
from strongroom.tour import documents
from strongroom.tour.attack import try_every_key
from strongroom.tour.house import furnish
from strongroom.tour.narrator import Narrator
from strongroom.tour.stage import Json, Outcome, Served, Stage
from strongroom.tour.verdict import Summary, as_json, broken_promises

DEFAULT_ORDERS: Final = 300
FEWEST_ORDERS: Final = 60
"""With fewer, no order may be open that has all that is shown."""

_SEED: Final = 7
_LATER: Final = timedelta(days=31)
_GRANT_DAYS: Final = 60
"""Longer than the orders live, so that the refusal in the end is for their sake."""

_PRINTER: Final = "label-printer"
_DRILLED: Final = ("slow_drain", "unauthorized_calls", "canary_touched")
_RESTRICTED: Final = "getOrders with a restricted data token"
_SHOWN: Final = ("recipient.name", "recipient.address_line_1", "recipient.city")


def run(
    *,
    once: bool,
    json_output: bool,
    home: Path | None,
    stream: TextIO,
    orders: int = DEFAULT_ORDERS,
) -> int:
    """Run the tour and return its exit code: 0 when every promise held, else 1.

    The story goes to `stream`; with `json_output` one line of JSON goes there and the chapters' titles to
    standard error. Without `once` the home is served on until SIGINT or SIGTERM.

    Raises:
        Conflict: `home` exists.
        Malformed: too few orders.
        Misconfigured: the app's library is not installed.
        Unavailable: a process of the tour failed.

    """
    if orders < FEWEST_ORDERS:
        raise Malformed(f"--orders is at least {FEWEST_ORDERS}")
    began = time.monotonic()
    stage = Stage(home or Path(tempfile.mkdtemp(prefix="strongroom-demo-")) / "home")
    # Otherwise SIGTERM would end this process and leave its children.
    signal.signal(signal.SIGTERM, _end)
    narrator = Narrator(sys.stderr if json_output else stream, brief=json_output)
    config = SimulatorConfig(
        orders=orders, seed=_SEED, markers=True, directory=stage.amazon, clock=machine_clock
    )
    with Simulator(config) as amazon:
        tour = _Tour(stage, amazon, narrator)
        tour.play()
        summary = tour.summary(round(time.monotonic() - began, 1))
        broken = broken_promises(summary)
        if json_output:
            stream.write(orjson.dumps(as_json(summary)).decode() + "\n")
            stream.flush()
        tour.tell_end(summary, broken)
        if not once:
            tour.serve_on()
    return 1 if broken else 0


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@dataclass(slots=True)
class _Found:
    """What the tour saw so far."""

    sent: Json = field(default_factory=dict, repr=False)
    got: Json = field(default_factory=dict, repr=False)
    pii_fields: int = 0
    pii_in_app_data: int = 0
    pii_in_files: int = 0
    files: set[Path] = field(default_factory=set)
    planted_found: bool = False
    reveals: int = 0
    reveals_wrong: int = 0
    denials: int = 0
    denials_wanted: int = 0
    found_by_email: bool = False
    readable_before: int = 0
    destroyed: int = 0
    readable_after: int = 0
    gone: bool = False
    log_verified: bool = False
    log_events: int = 0


class _Tour:
    """One tour, chapter by chapter."""

    def __init__(self, stage: Stage, amazon: Simulator, narrator: Narrator) -> None:
        self._stage = stage
        self._amazon = amazon
        self._tell = narrator
        self._found = _Found()
        self._needles = Needles(amazon.markers())
        self._order = _worth_showing(amazon)
        self._truth = amazon.truth(self._order.order_id)
        self._account = amazon.sellers[0]
        self._app: Json = {}
        self._printer: tuple[str, ...] = ()
        self._token = ""

    def play(self) -> None:
        """Play every chapter; raises where a process fails, not where a promise is broken."""
        self._ask_amazon()
        self._make_home()
        with self._stage.serving() as served:
            self._admit(served)
            self._ask_strongroom(served)
            self._reveal()
            self._refuse()
            self._find()
            # While it runs, logs and write-ahead logs are at their fullest.
            self._search("home while served", self._stage.home)
        self._destroy(machine_clock() + _LATER)
        self._verify()
        self._look_for_leaks()

    def summary(self, seconds: float) -> Summary:
        """Return the figures."""
        found = self._found
        return Summary(
            orders=documents.count_orders(found.got["getOrders"]),
            orders_wanted=self._amazon.config.orders,
            pii_fields=found.pii_fields,
            tokens=len(documents.tokens_in(found.got)),
            pii_in_app_data=found.pii_in_app_data,
            pii_in_files=found.pii_in_files,
            files_searched=len(found.files),
            planted_found=found.planted_found,
            reveals=found.reveals,
            reveals_wrong=found.reveals_wrong,
            denials=found.denials,
            denials_wanted=found.denials_wanted,
            found_by_email=found.found_by_email,
            readable_before_destruction=found.readable_before,
            destroyed=found.destroyed,
            readable_after_destruction=found.readable_after,
            gone_after_destruction=found.gone,
            log_verified=found.log_verified,
            log_events=found.log_events,
            seconds=seconds,
            home=str(self._stage.home),
        )

    def tell_end(self, summary: Summary, broken: list[str]) -> None:
        """Say whether all is well, and where everything is."""
        with self._tell.chapter("Where everything is", f"after {summary.seconds} seconds"):
            rows = [
                (str(self._stage.home), "the home: vault, keystore, log, certificates"),
                (str(self._stage.copy), "the copied vault, which no key opens any more"),
                (str(self._stage.app), "the app: its settings and everything it got"),
                (str(self._stage.beside / "output"), "what every process printed"),
            ]
            self._tell.table((("", "cyan"), ("", "")), rows)
        for promise in broken:
            self._tell.bad(f"broken: {promise}")
        if not broken:
            self._tell.good("every promise held")

    def serve_on(self) -> None:
        """Serve the home until somebody ends it."""
        try:
            with self._stage.serving() as served:
                command = self._stage.tell_app({**self._app, "endpoint": served.gateway})
                self._lead_to_desk(served)
                self._tell.say(f"\nstill serving on {served.gateway}; Ctrl-C ends it", "bold")
                self._tell.say(f"pull again:  {command}")
                self._tell.say(f"look inside: strongroom audit tail --home {self._stage.home}")
                served.process.wait()
        except KeyboardInterrupt:
            self._tell.say("stopped")

    def _lead_to_desk(self, served: Served) -> None:
        """Put what a working day brings beside what the tour left, and say how to come in."""
        stage = self._stage
        stage.ask("alarm.drill", kinds=list(_DRILLED))
        stage.ask(
            "destination.add",
            name="parcel-labels",
            host="labels.example",
            categories=["name", "address"],
            purposes=["fulfilment"],
        )
        self._tell.say("\nfilling the desk with what a house keeps on it", "dim")
        furnish(stage.ask, names.of_console(os_user(os.geteuid())), machine_clock())
        link = stage.ask("user.link")["first_sign_on"]
        self._tell.say(
            f"the desk is at {served.desk}, full of what you saw; come in by this link, once:"
        )
        self._tell.say(link["url"] or link["code"], "bold")
        self._tell.say(f"its certificate is signed by {served.ca}: have the browser trust it")
        self._tell.say("look first at Today: clocks that run, and what an audit would find")
        self._tell.say("then at Clauses: open any of the 99 duties to see why it stands as it does")

    # -- chapters --------------------------------------------------------------------------------

    def _ask_amazon(self) -> None:
        with self._tell.chapter(
            "An app asks Amazon directly",
            "Amazon is pretended, its orders are invented, and every personal value carries a mark that "
            "occurs nowhere else. The app is an ordinary one on python-amazon-sp-api, unmodified.",
        ):
            account = self._account
            self._found.sent = self._stage.pull(
                {
                    "endpoint": self._amazon.endpoint,
                    "ca": str(self._amazon.ca_path),
                    "client_id": account.client_id,
                    "client_secret": account.client_secret,
                    "refresh_token": account.refresh_token,
                    **self._query(),
                },
                keep=False,
            )
            self._found.pii_fields = documents.count_personal(self._found.sent, self._needles)
        count = documents.count_orders(self._found.sent["getOrders"])
        self._tell.say(
            f"it gets {count} orders and {self._found.pii_fields} fields with personal data"
        )

    def _make_home(self) -> None:
        stage = self._stage
        with self._tell.chapter(
            "A home for Strongroom",
            "Keys, databases, log and certificates, in one directory. A home for tests, of one person, "
            "so that grants need no second one.",
        ):
            self._tell.command("init", "--environment", "test", "--one-person", "…")
            passphrase = str(stage.passphrase)
            stage.must(
                *("init", "--environment", "test", "--one-person", "--passphrase-file", passphrase)
            )
        self._tell.say(f"made {stage.home}")

    def _admit(self, served: Served) -> None:
        """Give Strongroom the seller's real credentials, and two apps credentials of ours."""
        stage, account = self._stage, self._account
        with self._tell.chapter(
            "The seller and two apps",
            "The seller's real credentials go into the vault. Each app gets its own, which are worth "
            "nothing at Amazon. One app pulls orders, the other prints labels.",
        ):
            self._tell.command("seller", "add", account.name, "--region", "eu", "…")
            stage.ask(
                "seller.add",
                name=account.name,
                region="eu",
                marketplaces=list(account.marketplace_ids),
                client_id=account.client_id,
                client_secret=account.client_secret,
                refresh_token=account.refresh_token,
                endpoint=self._amazon.endpoint,
                lwa_url=self._amazon.lwa_url,
                upstream_ca=self._amazon.ca_path.read_text(),
            )
            self._tell.command("app", "add", "shop", "--owner", "anna")
            shop = stage.ask("app.add", name="shop", owner="anna")
            self._tell.command("app", "authorize", "shop", "--seller", account.name)
            permit = stage.ask("app.authorize", name="shop", seller=account.name)
            self._app = {
                "endpoint": served.gateway,
                "ca": str(served.ca),
                "client_id": shop["client_id"],
                "client_secret": shop["client_secret"],
                "refresh_token": permit["refresh_token"],
                **self._query(),
            }
            self._tell.command("app", "add", _PRINTER, "--owner", "anna")
            printer = stage.ask("app.add", name=_PRINTER, owner="anna")
            credential = stage.secret(_PRINTER, printer["client_secret"])
            self._printer = ("--as", _PRINTER, "--credential-file", str(credential))
            self._grant("reveal", ["name", "address", "phone"])
            self._grant("search", ["email"])
            self._let_read_log()

    def _grant(self, action: str, categories: list[str]) -> None:
        self._tell.command(
            *("grant", "add", "--principal", _PRINTER, "--action", action),
            *("--purpose", "fulfilment", "--categories", ",".join(categories), "…"),
        )
        self._stage.ask(
            "grant.add",
            principal=_PRINTER,
            action=action,
            purpose="fulfilment",
            categories=categories,
            sellers=[self._account.name],
            days=_GRANT_DAYS,
        )

    def _let_read_log(self) -> None:
        """Let whoever runs the demo look at the log: that takes a grant, too."""
        me = names.of_console(os_user(os.geteuid()))
        self._tell.command(
            *("grant", "add", "--role", "auditor", "--principal", me, "--all-sellers", "…")
        )
        self._stage.ask("grant.add_role", principal=me, role="auditor", days=_GRANT_DAYS)

    def _ask_strongroom(self, served: Served) -> None:
        with self._tell.chapter(
            "The same app, pointed at Strongroom",
            "Only its endpoint and credentials change. What was personal comes as tokens; an order past "
            "its day is not even stored.",
        ):
            self._found.got = self._stage.pull(self._app, keep=True)
        orders = [
            documents.order_in(found[_RESTRICTED], self._order.order_id)
            for found in (self._found.sent, self._found.got)
        ]
        self._token = orders[1]["ShippingAddress"]["Name"]
        rows = documents.side_by_side(*orders)
        shown = [row for row in rows if row[0].startswith(("ShippingAddress", "BuyerInfo"))]
        columns = (("field", "dim"), ("what Amazon sent", "red"), ("what the app got", "green"))
        self._tell.table(columns, shown)
        self._tell.say(f"and {len(rows) - len(shown)} more fields of this order", "dim")
        count = documents.count_orders(self._found.got["getOrders"])
        tokens = len(documents.tokens_in(self._found.got))
        self._tell.say(f"{count} orders through {served.gateway}: {tokens} different tokens")

    def _reveal(self) -> None:
        """Reveal one token, then the order's address; compare with what Amazon holds."""
        seller, order = self._account.name, self._order.order_id
        with self._tell.chapter(
            "A label needs the address",
            "The label printer's grant covers it, for fulfilment. Each reveal is recorded before "
            "anything is decrypted.",
        ):
            one = ("reveal", self._token, "--purpose", "fulfilment", "--reason", "label 4711")
            self._tell.command(*one, "--as", _PRINTER, "…")
            # What is revealed on purpose is the one output that is not kept.
            values = [self._stage.must(*one, *self._printer, keep=False)]
            whole = ("reveal", "--order", order, "--seller", seller, "--categories", "name,address")
            self._tell.command(*whole, "--purpose", "fulfilment", "…")
            purpose = ("--purpose", "fulfilment", "--reason", "label 4711")
            values += self._stage.must(*whole, *purpose, *self._printer, keep=False)["values"]
        known = [value for value in values if value["slot"] in self._truth]
        missing = set(_SHOWN) - {value["slot"] for value in known}
        wrong = sum(value["value"] != self._truth[value["slot"]] for value in known)
        self._found.reveals = len(known)
        self._found.reveals_wrong = wrong + len(missing)
        rows = [(str(v["slot"]), str(v["value"])) for v in known if v["slot"].startswith("recip")]
        self._tell.table((("", "dim"), ("", "")), rows[1:])
        self._tell.check("it is what Amazon holds", held=self._found.reveals_wrong == 0)

    def _refuse(self) -> None:
        with self._tell.chapter(
            "Anything else is refused", "And recorded: who asked, for what, and why not."
        ):
            # The shop proves who it is as well; it has no grant.
            secret = self._stage.secret("shop", self._app["client_secret"])
            shop = ("--as", "shop", "--credential-file", str(secret))
            other = "0" if self._token[-1] != "0" else "1"
            attempts = {
                "another purpose": (self._token, "tax", self._printer),
                "an app without a grant": (self._token, "fulfilment", shop),
                "a token somebody made up": (self._token[:-1] + other, "fulfilment", self._printer),
            }
            with ThreadPoolExecutor() as together:
                outcomes = list(
                    together.map(lambda asked: self._attempt(*asked), attempts.values())
                )
        for what, (token, purpose, who), outcome in zip(
            attempts, attempts.values(), outcomes, strict=True
        ):
            self._tell.command("reveal", token, "--purpose", purpose, *who[:2], "…")
            refused = _is_refused(outcome, "Denied")
            self._found.denials_wanted += 1
            self._found.denials += refused
            self._tell.check(f"{what}: refused", held=refused)

    def _attempt(self, token: str, purpose: str, who: tuple[str, ...]) -> Outcome:
        return self._stage.run("reveal", token, "--purpose", purpose, *who)

    def _find(self) -> None:
        with self._tell.chapter(
            "An order is found by its buyer's e-mail",
            "By a keyed index that dies with the data; the answer holds tokens. The address comes on "
            "standard input, where no list of processes shows it.",
        ):
            asked = ("find", "--email", "-", "--purpose", "fulfilment")
            self._tell.command(*asked, "--as", _PRINTER, "…")
            email = str(self._truth["buyer.email"])
            found = self._stage.run(*asked, *self._printer, typed=f"{email}\n").result
        ids = [record["order"] for record in found.get("records", [])]
        self._found.found_by_email = ids == [self._order.order_id]
        self._tell.check(f"found: {', '.join(ids) or 'nothing'}", held=self._found.found_by_email)

    def _destroy(self, later: datetime) -> None:
        stage, found = self._stage, self._found
        live = stage.home / "vault.db"
        with self._tell.chapter(
            "Somebody copies the vault; thirty-one days pass",
            "Each order's key dies with its day: thirty days after delivery, or after it was last seen "
            "undelivered. Every key that is left is tried on every record, past the door.",
        ):
            copy = stage.copy_vault()
            before = try_every_key(stage.home, stage.passphrase, copy)
            at = later.isoformat(timespec="seconds")
            self._tell.command("retention", "sweep", "--now", at)
            stage.must("retention", "sweep", "--now", at)
            live_after = try_every_key(stage.home, stage.passphrase, live)
            copy_after = try_every_key(stage.home, stage.passphrase, copy)
            gone = stage.run(
                *("reveal", self._token, "--purpose", "fulfilment", "--now", at), *self._printer
            )
        found.readable_before = before.opened
        found.readable_after = live_after.opened + copy_after.opened
        found.destroyed = before.opened - copy_after.opened
        found.gone = _is_refused(gone, "Gone")
        columns = (("", ""), ("records", ""), ("open before", "red"), ("open after", "green"))
        rows = [
            ("the live vault", str(live_after.sealed), "", str(live_after.opened)),
            ("the copy", str(copy_after.sealed), str(before.opened), str(copy_after.opened)),
        ]
        self._tell.table(columns, rows)
        self._tell.check("nothing opens any more", held=found.readable_after == 0)
        self._tell.check("the door says: gone", held=found.gone)

    def _verify(self) -> None:
        with self._tell.chapter(
            "The log of all this is whole",
            "Every event is a leaf of a Merkle tree whose heads are signed; changing or cutting one shows.",
        ):
            self._tell.command("audit", "verify")
            report = self._stage.run("audit", "verify").result
        self._found.log_verified = report.get("ok") is True
        self._found.log_events = int(report.get("events", 0))
        held = self._found.log_verified
        self._tell.check(f"{self._found.log_events} events, each as it was written", held=held)

    def _look_for_leaks(self) -> None:
        stage, found = self._stage, self._found
        with self._tell.chapter(
            "Looking for what must not be there",
            f"{len(self._amazon.markers())} marks in every file, as they are and in capitals, base64, "
            "hex, JSON, URL and UTF-16. First a few are planted, to see that the search finds them.",
        ):
            found.planted_found = self._finds_what_is_planted()
            self._search("the home", stage.home)
            for path in (
                stage.copy,
                stage.amazon,
                stage.beside / "output",
                stage.beside / "secrets",
            ):
                self._search(path.name, path)
            hits = search_tree(stage.app, self._needles)
            found.files |= _files(stage.app)
            found.pii_in_app_data = len(hits)
        self._tell.check("what was planted is found", held=found.planted_found)
        held = found.pii_in_app_data == 0
        self._tell.check(f"{found.pii_in_app_data} in what the app got", held=held)
        text = f"{found.pii_in_files} in {len(found.files)} files"
        self._tell.check(text, held=found.pii_in_files == 0)

    # -- private ---------------------------------------------------------------------------------

    def _query(self) -> Json:
        return {
            "marketplaces": list(self._account.marketplace_ids),
            "created_after": (machine_clock() - timedelta(days=800)).isoformat(timespec="seconds"),
        }

    def _search(self, what: str, directory: Path) -> None:
        hits = search_tree(directory, self._needles)
        self._found.files |= _files(directory)
        self._found.pii_in_files += len(hits)
        for hit in hits[:5]:
            self._tell.bad(f"{what}: mark {hit.hit.index} as {hit.hit.encoding} in {hit.path.name}")

    def _finds_what_is_planted(self) -> bool:
        marks = self._amazon.markers()
        planted = {
            0: marks[0].encode(),
            1: base64.b64encode(b"x" + marks[1].encode() + b"y"),
            2: marks[2].upper().encode("utf-8"),
            3: marks[3].encode("utf-16-le"),
        }
        path = self._stage.beside / "output" / "planted"
        try:
            path.write_bytes(b"\n\n".join(planted.values()))
            hits = {hit.hit.index for hit in search_tree(path.parent, self._needles)}
        finally:
            path.unlink(missing_ok=True)
        return planted.keys() <= hits


def _worth_showing(amazon: Simulator) -> Order:
    """Return an open order that has what the tour shows; a German one if there is one."""
    orders = [amazon.order(id_) for id_ in amazon.order_ids()]
    wanted = {*_SHOWN, "buyer.email", "recipient.postal_code"}
    fit = [o for o in orders if o.status == "Unshipped" and wanted <= o.slots.keys()]
    if not fit:
        raise NotFound("no invented order is open and complete", hint="take more --orders")
    return max(fit, key=lambda order: (order.country_code == "DE", len(order.slots)))


def _is_refused(outcome: Outcome, kind: str) -> bool:
    return outcome.code == 1 and outcome.error == kind and not outcome.result


def _files(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if path.is_file()}
