"""How commands reach the process that has the home open: one line of JSON each way, over a socket in the home.

`ControlServer` is in `control.server`: a command that only asks needs nothing of what answers.
"""

from strongroom.control.asking import ask, describe, is_served, os_user

__all__ = ["ask", "describe", "is_served", "os_user"]
