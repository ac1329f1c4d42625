"""The pages that people sign on to, and see and change their own access [1.2, 1.4]."""

from strongroom.desk.door import Desk
from strongroom.desk.rooms import Rooms
from strongroom.desk.routes import create_desk

__all__ = ["Desk", "Rooms", "create_desk"]
