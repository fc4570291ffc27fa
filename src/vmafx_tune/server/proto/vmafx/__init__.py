"""Package `vmafx` of the gRPC contract."""
