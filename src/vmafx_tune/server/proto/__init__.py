"""The gRPC contract, and what `nox -s generated` makes of it."""
