"""The simulator as tests hold it: started in a thread of its own, inspected and changed live."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from strongroom.simulator.book import OrderBook
from strongroom.simulator.certificates import make_context
from strongroom.simulator.config import (
    Fault,
    ReceivedRequest,
    SellerAccount,
    SimulatorConfig,
    complete_accounts,
)
from strongroom.simulator.marking import Marker
from strongroom.simulator.notices import Told
from strongroom.simulator.orders import Order, Status
from strongroom.simulator.server import TOKEN_PATH, Server
from strongroom.simulator.shapes import Json

_START_SECONDS = 30


class Simulator:
    """A running pretend SP-API. All methods may be called from any thread."""

    def __init__(self, config: SimulatorConfig) -> None:
        """Make accounts and orders; nothing listens before `start`."""
        self.config = config
        self.sellers: tuple[SellerAccount, ...] = complete_accounts(config.sellers, config.seed)
        self._book = OrderBook(config, self.sellers)
        self._server = Server(config, self.sellers, self._book)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._port = config.port
        self._ca_path = Path()

    def __enter__(self) -> Self:
        """Start and return the simulator."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the simulator."""
        self.stop()

    def start(self) -> None:
        """Listen; returns once requests are accepted. Raises: OSError if the port is taken."""
        if self._thread is not None:
            return
        directory = self.config.directory
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="simulator-")
            directory = Path(self._temporary.name)
        self._ready.clear()
        self._thread = threading.Thread(
            target=self._run, args=(directory,), name="simulator", daemon=True
        )
        self._thread.start()
        started = self._ready.wait(_START_SECONDS)
        failure, self._failure = self._failure, None
        if failure is not None or not started:
            self.stop()
            raise failure or TimeoutError("the simulator did not start")

    def stop(self) -> None:
        """Stop listening, drop open connections, remove temporary files. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            loop, stop = self._loop, self._stop
            if loop is not None and stop is not None:
                # The loop may have ended by itself between the check and the call.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(stop.set)
            thread.join(_START_SECONDS)
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    @property
    def port(self) -> int:
        """Return the port in use."""
        return self._port

    @property
    def endpoint(self) -> str:
        """Return the base URL of the SP-API."""
        return f"https://{self.config.host}:{self._port}"

    @property
    def lwa_url(self) -> str:
        """Return the URL of the token endpoint."""
        return self.endpoint + TOKEN_PATH

    @property
    def ca_path(self) -> Path:
        """Return the PEM file of the CA clients must trust."""
        return self._ca_path

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Return the requests received so far, oldest first, control requests excepted."""
        return self._server.received()

    def seller(self, name: str) -> SellerAccount:
        """Return the account of this name. Raises: KeyError."""
        for account in self.sellers:
            if account.name == name:
                return account
        raise KeyError(name)

    def consent(self, seller: str, redirect_uri: str = "") -> str:
        """Authorize the application as a selling partner; return the code of the redirect. Raises: KeyError."""
        return self._server.consent(self.seller(seller), redirect_uri)

    def orders(self, seller: SellerAccount | str | None = None) -> list[Order]:
        """Return the orders of one seller, or of all, as they stand now, newest first."""
        name = seller.name if isinstance(seller, SellerAccount) else seller
        found = (self._book.find(order_id) for order_id in self._book.ids(name))
        return [order for order in found if order is not None]

    def order_ids(self, seller: SellerAccount | str | None = None) -> list[str]:
        """Return order ids, newest first, without building the orders."""
        return self._book.ids(seller.name if isinstance(seller, SellerAccount) else seller)

    def order(self, order_id: str) -> Order:
        """Return one order as it stands now. Raises: KeyError."""
        order = self._book.find(order_id)
        if order is None:
            raise KeyError(order_id)
        return order

    def truth(self, order_id: str) -> dict[str, str | float]:
        """Return canonical slot -> value of all PII Amazon would show. Raises: KeyError."""
        return self._book.truth(order_id)

    def update_order(
        self,
        order_id: str,
        changes: Mapping[str, str | float] | None = None,
        *,
        status: Status | None = None,
        shipped_at: datetime | None = None,
        delivered_at: datetime | None = None,
    ) -> None:
        """Change slots or progress of an order and bump its LastUpdateDate. Raises: KeyError."""
        self._book.update(
            order_id, changes or {}, status=status, shipped_at=shipped_at, delivered_at=delivered_at
        )

    def markers(self) -> list[str]:
        """Return every marker that any answer may have carried."""
        return [entry.marker for entry in self.marker_entries()]

    def marker_entries(self) -> list[Marker]:
        """Return the markers with the order and slot each belongs to."""
        return [*self._book.markers(), *self._server.board.planted()]

    def plant_document(
        self,
        seller: str,
        content: bytes,
        content_type: str = "text/plain; charset=UTF-8",
        *,
        report_type: str = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING",
        packed: bool = False,
    ) -> str:
        """Keep a document as it is, with a report that names it; return its id."""
        return self._server.cabinet.plant(seller, report_type, content, content_type, packed=packed)

    def uploaded(self, document: str) -> bytes:
        """Return what was uploaded under a feed document's id. Raises: KeyError."""
        return self._server.cabinet.uploaded(document)

    def messages(self, order_id: str) -> list[Json]:
        """Return the messages that were sent to an order's buyer, oldest first."""
        return self._server.messages.sent(order_id)

    def notifications(self) -> list[Told]:
        """Take what Amazon would send to queues since the last time, oldest first."""
        return self._server.notices.take()

    def add_fault(self, fault: Fault) -> Fault:
        """Put a fault in force; returns it with the text it will plant, if any."""
        return self._server.board.add(fault)

    def clear_faults(self) -> None:
        """End every fault."""
        self._server.board.clear()

    def _run(self, directory: Path) -> None:
        try:
            asyncio.run(self._serve(directory))
        except BaseException as exc:  # noqa: BLE001 - handed to the thread that waits in start()
            self._failure = exc
        finally:
            self._ready.set()

    async def _serve(self, directory: Path) -> None:
        context, self._ca_path = make_context(directory, self.config.certificate)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        runner = web.AppRunner(
            self._server.application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.config.host, self.config.port, ssl_context=context)
            await site.start()
            self._port = runner.addresses[0][1]
            self._server.cabinet.base = self.endpoint
            self._ready.set()
            await self._stop.wait()
        finally:
            # An orderly TLS goodbye would wait for clients that may never answer.
            connections = runner.server.connections if runner.server is not None else []
            for transport in [connection.transport for connection in connections]:
                if transport is not None:
                    transport.abort()
            await runner.cleanup()
