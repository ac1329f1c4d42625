"""Finds what must not be where it is [2.6]: known values in a home of ours, and leaked ones anywhere.

`search_tree` looks for values it is told; `Scan` cuts out what may be personal data or a
credential and has it looked up.
"""

from strongroom.leaks.needles import SHORTEST_BYTES, Hit, Needles, Stream
from strongroom.leaks.outside import is_dsn
from strongroom.leaks.report import Allowance, Finding, parse_allowances, sarif, sift
from strongroom.leaks.repository import install_hook
from strongroom.leaks.scan import MOST_FINDINGS, Answer, Scan
from strongroom.leaks.search import FileHit, search_tree
from strongroom.leaks.targets import State, scan_path, scan_postgres, scan_staged, size_of

__all__ = [
    "MOST_FINDINGS",
    "SHORTEST_BYTES",
    "Allowance",
    "Answer",
    "FileHit",
    "Finding",
    "Hit",
    "Needles",
    "Scan",
    "State",
    "Stream",
    "install_hook",
    "is_dsn",
    "parse_allowances",
    "sarif",
    "scan_path",
    "scan_postgres",
    "scan_staged",
    "search_tree",
    "sift",
    "size_of",
]
