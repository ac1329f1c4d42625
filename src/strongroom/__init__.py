"""Strongroom: a self-hosted vault, gateway and log for data from Amazon's Selling Partner API."""
