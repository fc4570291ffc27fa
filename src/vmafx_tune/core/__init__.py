"""Pure functions: search, curves, pooling, BD-rate. No I/O, no clock, no subprocess."""
