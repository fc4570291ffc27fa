"""Names in the metadata of gRPC calls, for the server and its clients."""

from __future__ import annotations

__all__ = ["AUTHORIZATION", "ERROR_DOMAIN", "REQUEST_ID", "STATUS_DETAILS"]

REQUEST_ID = "x-request-id"
"""What a call is called, from the client or, where it does not say, from the server."""

AUTHORIZATION = "authorization"
"""`Bearer TOKEN`."""

STATUS_DETAILS = "grpc-status-details-bin"
"""A `google.rpc.Status`, as Google's richer error model has it."""

ERROR_DOMAIN = "vmafx-tune"
"""Domain of the reasons in `google.rpc.ErrorInfo`; each is the name of an error, as
`BUSY` is that of `BusyError`."""
