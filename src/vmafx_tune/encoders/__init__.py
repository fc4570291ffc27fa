"""The encoder registry and everything that turns one of its rows into an encode."""
