"""One file for each page: it reads the form, asks a room, and chooses what is shown. No rule and no SQL is here."""
