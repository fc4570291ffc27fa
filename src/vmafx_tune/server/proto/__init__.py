"""The gRPC contract, and what is generated from it; `generate` makes it again."""
