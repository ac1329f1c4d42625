"""Records from their arrival to their destruction, over many days."""
