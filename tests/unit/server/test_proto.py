"""The gRPC contract: numbers that clients have compiled in, and what is generated from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmafx_tune.server import proto
from vmafx_tune.server.proto import vmafx_pb2
from vmafx_tune.server.streams import PIXEL_FORMATS

FIELDS = {
    "ScoreRequest": {"reference": 1, "distorted": 2, "model": 3, "pool": 4, "subsample": 5},
    "ScoreResponse": {
        "score": 1, "features": 2, "model": 3, "backend": 4, "backend_version": 5, "n_frames": 6,
        "pooled": 7, "model_version": 8, "pool": 9, "subsample": 10,
    },
    "ScoreStreamRequest": {"config": 1, "frame_pair": 2},
    "ScoreStreamResponse": {"frame_score": 1, "aggregate": 2},
    "StreamConfig": {
        "width": 1, "height": 2, "pixel_format": 3, "model": 4, "frame_count_hint": 5,
        "pool": 6, "subsample": 7,
    },
    "FramePair": {"frame_index": 1, "raw_reference": 2, "raw_distorted": 3},
    "FrameScore": {"frame_index": 1, "score": 2, "features": 3},
    "AggregateScore": {
        "frames_processed": 1, "score": 2, "features": 3, "elapsed_ms": 4, "model": 5, "backend": 6,
        "backend_version": 7, "n_frames": 8, "pooled": 9, "model_version": 10, "pool": 11,
        "subsample": 12,
    },
    "HealthRequest": {},
    "HealthResponse": {"ok": 1, "message": 2},
}  # fmt: skip


@pytest.mark.parametrize(("message", "fields"), FIELDS.items(), ids=FIELDS)
def test_the_numbers_of_fields_stay_as_they_are(message: str, fields: dict[str, int]) -> None:
    descriptor = vmafx_pb2.DESCRIPTOR.message_types_by_name[message]
    assert {field.name: field.number for field in descriptor.fields} == fields


def test_the_service_has_three_methods_of_which_one_streams() -> None:
    service = vmafx_pb2.DESCRIPTOR.services_by_name["VmafxScoring"]
    assert service.full_name == "vmafx.v1.VmafxScoring"
    streams = {method.name: method.client_streaming for method in service.methods}
    assert streams == {"Score": False, "ScoreStream": True, "Health": False}


def test_pixel_formats_have_the_places_that_the_server_gives_them() -> None:
    names = vmafx_pb2.PixelFormat.keys()[1:]
    assert tuple(name.removeprefix("PIXEL_FORMAT_").lower() for name in names) == PIXEL_FORMATS
    assert vmafx_pb2.PixelFormat.values() == list(range(7))


def test_the_contract_itself_is_packed_beside_what_is_generated() -> None:
    folder = Path(proto.__file__).parent
    packed = [path for path in folder.rglob("vmafx*") if path.is_file() and path.suffix != ".pyc"]
    assert {str(path.relative_to(folder)) for path in packed} == {
        "vmafx/v1/vmafx.proto", "vmafx_pb2.py", "vmafx_pb2.pyi", "vmafx_pb2_grpc.py",
    }  # fmt: skip
