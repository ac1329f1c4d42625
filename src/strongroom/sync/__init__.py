"""Pulls orders, reports and notifications for those who have no app of their own [1.3, 2.1]."""

from strongroom.sync.runs import Sync, Wanted
from strongroom.sync.told import Run, State

__all__ = ["Run", "State", "Sync", "Wanted"]
