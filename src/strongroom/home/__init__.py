"""A home's files: where they are, how they come to be, and the certificates among them."""

from strongroom.home.layout import (
    Layout,
    TooOpen,
    check_modes,
    layout,
    locked,
    too_open,
    write_durably,
)

__all__ = [
    "Layout",
    "TooOpen",
    "check_modes",
    "layout",
    "locked",
    "too_open",
    "write_durably",
]
