"""The command line: `strongroom <noun> <verb>`, thin verbs over the operations."""

from strongroom.cli.commands import main

__all__ = ["main"]
