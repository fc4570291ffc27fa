"""What each command returns: frozen results that reports render, JSON holds and API users read."""
