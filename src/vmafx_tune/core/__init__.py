"""Pure functions: search, curves, pooling, BD-rate, choosing rungs. No I/O, clock or subprocess."""
