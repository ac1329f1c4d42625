"""What surrounds the home: `posture`."""

import typer

from strongroom.cli.session import EXIT_REFUSED, Session, verb
from strongroom.request import Json


def register(root: typer.Typer) -> None:
    """Add the verb to the command line."""

    @verb(root, "posture", example="strongroom posture --json")
    def posture(session: Session) -> None:
        """Check listeners, firewall, TLS, clock, disk and memory, and explain; exit code 1 when one fails."""
        found = session.call("posture")
        session.say(found, "\n".join(map(_told, found["findings"])))
        if not found["ok"]:
            raise typer.Exit(EXIT_REFUSED)


def _told(finding: Json) -> str:
    lines = [
        f"{finding['state']:<8} {finding['id']}: {finding['seen']}",
        f"         {finding['why']}",
    ]
    if finding["remedy"] is not None:
        lines.append(f"         -> {finding['remedy']}")
    return "\n".join(lines)
