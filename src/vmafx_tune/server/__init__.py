"""The scorer as a service: gRPC and HTTP in one process, on one event loop.

`run` starts and drains it. `service` does the work and knows no transport; `grpc_app` and
`http_server` are its two transports.
"""
