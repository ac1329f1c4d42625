"""Releases: a gate that a commit passes with complete scans and tests, and a record another person approves [2.7]."""

from strongroom.assurance.releases.overseeing import Deployed, ReleasesOverseen, deployed
from strongroom.assurance.releases.releases import Judged, Release, Releases

__all__ = ["Deployed", "Judged", "Release", "Releases", "ReleasesOverseen", "deployed"]
