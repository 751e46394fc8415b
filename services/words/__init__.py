"""What the hub says to people, whatever they read it on: one set of words and sentences for all rooms."""
