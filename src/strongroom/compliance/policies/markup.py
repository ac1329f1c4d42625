"""What a document's Markdown becomes: HTML without anything that runs or loads, parts for paper, plain words. Pure.

HTML in the text stays text, pictures are not drawn, and a link leads to HTTPS, to a mail address or into our own pages
and nowhere else: whoever writes a document puts nothing else into anybody's browser [1.1].
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_LINKS: Final = re.compile(r"(?:https://|mailto:)[!-~]+|/(?![/\\])[!-~]*|#[!-~]*", re.ASCII)
_DUTY: Final = re.compile(r"\[(\d(?:\.\d{1,2})?-[a-z]{1,16})\]")
_WORD: Final = re.compile(r"\w+")
_UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "head", "title"})
_DEEPEST: Final = 12


class _Links(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return _LINKS.fullmatch(url) is not None


def _reader() -> MarkdownIt:
    made = _Links("commonmark", {"html": False, "linkify": False, "maxNesting": _DEEPEST})
    return made.enable("table").disable("image")


_READER: Final = _reader()


@lru_cache(64)
def html(text: str, led_to: frozenset[str] = frozenset()) -> str:
    """Return a document as HTML, without its title, its headings from the second level on.

    The numbers of the duties in `led_to` lead to their pages.
    """
    tokens = _body(_READER.parse(text))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            # One h1 a page, and that is the page's.
            token.tag = f"h{min(max(int(token.tag[1]), 2), 4)}"
        elif token.type == "th_open":
            token.attrs = {"scope": "col"}
        elif token.type == "td_open":
            token.attrs = {}
    made = str(_READER.renderer.render(tokens, _READER.options, {}))
    # In no attribute: an address has its brackets encoded.
    return _DUTY.sub(lambda found: _number(found[1], is_led_to=found[1] in led_to), made)


def _number(duty: str, *, is_led_to: bool) -> str:
    if is_led_to:
        return f'<a class="duty" href="/clauses/{duty}">[{duty}]</a>'
    return f'<span class="duty">[{duty}]</span>'


def title(text: str) -> str | None:
    """Return the title that a document gives itself; None where it has none."""
    tokens = _READER.parse(text)
    if len(tokens) > 1 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return _plain(tokens[1])
    return None


def parts(text: str) -> list[tuple[str, list[str]]]:
    """Return a document for paper: headings, each with its lines."""
    found: list[tuple[str, list[str]]] = [("", [])]
    cells: list[str] | None = None
    bullet: list[str] = []
    tokens = iter(_body(_READER.parse(text)))
    for token in tokens:
        match token.type:
            case "heading_open":
                found.append((_plain(next(tokens)), []))
            case "tr_open":
                cells = []
            case "tr_close":
                found[-1][1].append("   ".join(cells or ()))
                cells = None
            case "bullet_list_open" | "ordered_list_open":
                bullet.append("•" if token.type.startswith("bullet") else "1")
            case "bullet_list_close" | "ordered_list_close":
                bullet.pop()
            case "inline" if cells is not None:
                cells.append(_plain(token))
            case "inline":
                mark = ""
                if bullet:
                    mark = f"{bullet[-1]}  " if bullet[-1] == "•" else f"{bullet[-1]}. "
                    if bullet[-1] != "•":
                        bullet[-1] = str(int(bullet[-1]) + 1)
                found[-1][1].extend(f"{mark}{line}" for line in _plain(token).splitlines())
            case "fence" | "code_block":
                found[-1][1].extend(token.content.splitlines())
            case _:
                pass
    return [(heading, lines) for heading, lines in found if heading or lines]


def words(page: str) -> list[str]:
    """Return what a person reads of an HTML page or of a Markdown text, word by word, in lower case."""
    reader = _Reading()
    reader.feed(page)
    reader.close()
    return _WORD.findall(unicodedata.normalize("NFKC", "".join(reader.said)).casefold())


def holds(page: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether the words of a page have others in them, one after the other, with nothing between."""
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(page)} "


def _body(tokens: list[Token]) -> list[Token]:
    is_title = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return tokens[3:] if is_title else tokens


def _plain(inline: Token) -> str:
    said = []
    for token in inline.children or ():
        if token.type in {"text", "code_inline"}:
            said.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            said.append(" ")
    return "".join(said)


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._unseen += tag in _UNSEEN
        self.said.append(" " if tag not in {"a", "b", "i", "em", "strong", "code", "span"} else "")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        self.said.append(" " if tag not in {"a", "b", "i", "em", "strong", "code", "span"} else "")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.said.append(data)
