"""Pages of evidence, and files that forms bring along."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.support.pages import Member

from strongroom.compliance.evidence import MOST_BYTES
from strongroom.desk.forms import read_upload
from strongroom.errors import Malformed

_ONE = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
NASTY = '"><script>alert(1)</script>'


def _kept(ada: Member, name: str = "first.eml", content: bytes = b"hello", **fields: str) -> str:
    form = ada.browser.form_fields("/evidence") | {"said": "", "thing": ""} | fields
    page = ada.browser.upload("/evidence", form, name, content)
    assert page.status == 200, page.text
    return page.path


@pytest.mark.clause("1.6")
def test_a_file_is_uploaded_downloaded_and_exported(ada: Member) -> None:
    empty = ada.browser.get("/evidence")
    assert "Nothing is kept yet" in empty.text
    content = bytes(range(256)) * 2000 + b"\r\n--\r\n"
    path = _kept(ada, content=content, said="from the mail server")
    page = ada.browser.get(path)
    assert page.h1 == "first.eml"
    assert "from the mail server" in page.text
    taken = ada.browser.submit(page, f"{path}/open", why="investigation")
    assert taken.raw == content
    assert taken.header("content-type") == "application/octet-stream"
    assert taken.header("content-disposition").startswith('attachment; filename="first.eml"')
    assert taken.header("x-content-type-options") == "nosniff"
    package = ada.browser.submit(ada.browser.get(path), f"{path}/export", why="amazon_request")
    with zipfile.ZipFile(io.BytesIO(package.raw)) as archive:
        assert archive.read("item/first.eml") == content
    assert "opened it" in ada.browser.get(path).text
    refused = ada.browser.submit(ada.browser.get(path), f"{path}/open", why="curiosity")
    assert refused.status == 400


@pytest.mark.clause("1.6")
def test_a_thing_is_kept_and_goes_to_the_other_person(ada: Member) -> None:
    form = ada.browser.form_fields("/evidence") | {"thing": "laptop 4471", "said": "in the safe"}
    page = ada.browser.post("/evidence", form)
    assert page.h1 == "laptop 4471"
    assert "There is nobody else to hand it to" in page.text or "Release it" in page.text
    ended = ada.browser.submit(page, f"{page.path}/dispose", said="shredded")
    assert ended.said.startswith("It was disposed of")


@pytest.mark.clause("1.5")
def test_nothing_is_kept_without_the_forms_token_or_from_another_site(ada: Member) -> None:
    form = {"token": "0" * 64, "said": "", "thing": ""}
    assert ada.browser.upload("/evidence", form, "a.txt", b"x").status == 403
    good = ada.browser.form_fields("/evidence") | {"said": "", "thing": ""}
    assert (
        ada.browser.upload("/evidence", good, "a.txt", b"x", sec_fetch_site="cross-site").status
        == 403
    )
    assert ada.browser.home.system.compliance.evidence.listed() == []


@pytest.mark.clause("1.6")
def test_a_file_beyond_the_limit_is_refused_while_it_comes(ada: Member) -> None:
    form = ada.browser.form_fields("/evidence") | {"said": "", "thing": ""}
    page = ada.browser.upload("/evidence", form, "a.bin", bytes(MOST_BYTES + 100_000))
    assert page.status == 413
    page = ada.browser.upload("/evidence", form, "a.bin", bytes(MOST_BYTES + 1))
    assert page.status == 400
    assert ada.browser.home.system.compliance.evidence.listed() == []


@pytest.mark.clause("1.2")
def test_strangers_bring_no_large_file_into_memory(ada: Member) -> None:
    stranger = ada.browser.home.visitor()
    page = stranger.upload("/evidence", {}, "a.bin", bytes(200_000))
    assert page.status == 413
    small = stranger.upload("/evidence", {}, "a.bin", b"x")
    assert small.path == "/sign-on"


@pytest.mark.clause("1.6")
def test_names_and_notes_are_shown_as_text(ada: Member) -> None:
    path = _kept(ada, name="'><script>alert(1)</script>.html", content=b"<script>", said=NASTY)
    for page in (ada.browser.get(path), ada.browser.get("/evidence")):
        assert "<script>alert" not in page.body
    taken = ada.browser.submit(ada.browser.get(path), f"{path}/open", why="review")
    assert taken.header("content-type") == "application/octet-stream"
    assert taken.header("content-disposition").startswith("attachment;")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/form-data"),
        (b"preamble\r\n--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (
            b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n',
            "multipart/form-data; boundary=x",
        ),
        (
            _ONE + _ONE + b"--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"a=1", "text/plain"),
    ],
)
def test_a_form_with_files_is_read_strictly(body: bytes, content_type: str) -> None:
    with pytest.raises(Malformed):
        read_upload(body, content_type)


def test_a_form_with_files_says_nothing_of_itself() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="secret.txt"\r\n'
        b"Content-Type: text/html\r\n\r\n\x00\r\n--y\xff\r\n--x--\r\n"
    )
    form = read_upload(body, 'multipart/form-data; boundary="x"')
    found = form.file("file")
    assert found is not None
    assert form.text("a") == "v"
    assert "secret" not in repr(form) + repr(found)
    none = b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--x--'
    assert read_upload(none, "multipart/form-data; boundary=x").file("file") is None
