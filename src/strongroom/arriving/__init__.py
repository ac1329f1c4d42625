"""Brings personal data that an app already holds into the vault: reads its tables and files, writes tokens back."""
