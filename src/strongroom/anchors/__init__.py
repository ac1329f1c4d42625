"""What binds the log outside of this machine: witnesses, timestamps and copies; and we as a witness of others [2.6]."""

from strongroom.anchors.anchors import Anchors
from strongroom.anchors.following import Following
from strongroom.anchors.quorum import Quorum
from strongroom.anchors.rows import Anchor, AnchorKind

__all__ = ["Anchor", "AnchorKind", "Anchors", "Following", "Quorum"]
