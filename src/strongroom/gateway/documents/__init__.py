"""Report, feed and Data Kiosk documents: streamed through the vault, and the addresses they are handed out under."""
