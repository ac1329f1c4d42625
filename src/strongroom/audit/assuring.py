"""The events of assets, scans, releases, suppliers and audits: a part of the catalogue [2.3, 2.5, 2.7, 3]. Pure."""

from collections.abc import Mapping
from typing import Final

from strongroom.audit.event_types import EventType
from strongroom.audit.overseeing import Described

ASSURING: Final[Mapping[EventType, Described]] = {}
