"""Rows: opening a database, its tables, and their migrations."""
