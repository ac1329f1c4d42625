"""Tells the demo's story on a terminal, or only its chapters where nobody watches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Final, TextIO

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

_WIDTH: Final = 100


class Narrator:
    """Writes to one stream; colours and a spinner only on a terminal. `brief` leaves all but titles out."""

    def __init__(self, stream: TextIO, *, brief: bool) -> None:
        self._console = Console(file=stream, highlight=False)
        if not self._console.is_terminal or self._console.width > _WIDTH:
            self._console.width = _WIDTH
        self._brief = brief
        self._chapters = 0

    @contextmanager
    def chapter(self, title: str, why: str) -> Iterator[None]:
        """Begin a chapter; a spinner turns until the block ends."""
        self._chapters += 1
        if self._brief:
            self._console.print(f"{self._chapters}. {title}", markup=False)
        else:
            self._console.print()
            self._console.print(Rule(Text(f"{self._chapters}. {title}", "bold"), align="left"))
            self._console.print(Text(why, "dim"))
        spins = self._console.is_terminal and not self._brief
        with self._console.status("working …") if spins else nullcontext():
            yield

    def say(self, text: str, style: str = "") -> None:
        """Tell one thing, on one line however long, so that a command can be copied."""
        if not self._brief:
            self._console.print(Text(text, style), soft_wrap=True)

    def command(self, *arguments: str) -> None:
        """Show a command as somebody would type it."""
        shown = " ".join(f'"{part}"' if " " in part else part for part in arguments)
        self.say(f"$ strongroom {shown}", "cyan")

    def good(self, text: str) -> None:
        """Tell a promise that held."""
        self.say(f"✓ {text}", "green")

    def bad(self, text: str) -> None:
        """Tell a promise that did not; never left out."""
        self._console.print(Text(f"✗ {text}", "bold red"))

    def check(self, text: str, *, held: bool) -> None:
        """Tell whether something holds."""
        (self.good if held else self.bad)(text)

    def table(self, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under (title, style) columns."""
        if self._brief:
            return
        titled = any(title for title, _ in columns)
        shown = Table(box=None, pad_edge=False, header_style="bold", show_header=titled)
        for number, (title, style) in enumerate(columns):
            shown.add_column(title, style=style, overflow="fold", no_wrap=number == 0)
        for row in rows:
            shown.add_row(*map(Text, row))
        self._console.print(shown)
