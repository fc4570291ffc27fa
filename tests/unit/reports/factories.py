"""Results with realistic values, built the same way every time."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vmafx_tune import shell
from vmafx_tune.choices import CacheAction
from vmafx_tune.gate.run import gate
from vmafx_tune.model import (
    PixelFormat,
    PoolMethod,
    Probe,
    Resolution,
    ScoreSet,
    Source,
    VmafModel,
)
from vmafx_tune.options import GateOptions
from vmafx_tune.results.compare import BdPoints, BdRate, CompareResult, CompareRow, Overlap
from vmafx_tune.results.machine import (
    CacheEntry,
    CacheResult,
    DoctorCheck,
    DoctorResult,
    EncodersResult,
    EncoderStatus,
)
from vmafx_tune.results.score import RemoteScoreResult, ScoreResult
from vmafx_tune.results.search import Answer, ProbeSummary, SearchLimit, SearchResult
from vmafx_tune.scoring.pooling import pool_scores, summarize, summarize_metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmafx_tune.results.gate import GateResult
    from vmafx_tune.results.measurement import PooledScores

AnswerT = TypeVar("AnswerT", bound=Answer)

MODEL = VmafModel("vmaf_v0.6.1")
SIZE = Resolution(1280, 720)
FFMPEG = Path("/usr/bin/ffmpeg")
VERSIONS = {
    "libx264": "x264 core 165 r3223 0480cb0",
    "libx265": "x265 4.1+191-8f11c33ac",
    "libsvtav1": "SVT-AV1 v4.0.1",
}
# kb/s at quality 0 and the share of it that each step of the knob leaves.
CURVES = {"libx264": (9000.0, 0.89), "libx265": (7000.0, 0.885), "libsvtav1": (5200.0, 0.93)}
UNREACHED = "VMAF 93 is not reached; the best is 92.01 at crf 23, 423 kb/s. Lower the target."


def source(path: str = "clips/seeking.mp4", *, transfer: str = "bt709") -> Source:
    return Source(
        path=Path(path),
        resolution=SIZE,
        frame_rate=Fraction(25),
        n_frames=250,
        pixel_format=PixelFormat("yuv420p", 8, "420"),
        codec="h264",
        color_transfer=transfer,
    )


def score_set(mean: float = 93.5, *, n_frames: int = 8, subsample: int = 1) -> ScoreSet:
    frames = tuple(mean + math.sin(index) / 2 for index in range(n_frames))
    return ScoreSet(
        frames=frames,
        features={
            "integer_adm2": tuple(0.97 + index / 1000 for index in range(n_frames)),
            "integer_motion2": tuple(1.5 * index for index in range(n_frames)),
            "integer_vif_scale0": tuple(0.61 + index / 300 for index in range(n_frames)),
        },
        n_frames=n_frames * subsample,
        model=MODEL.name,
        backend="ffmpeg",
        backend_version="3.2.0",
        subsample=subsample,
    )


def remote_score_result() -> RemoteScoreResult:
    return RemoteScoreResult(
        reference="clips/reference.mp4",
        distorted="clips/distorted.mp4",
        server="scores.example:50051",
        request_id="4f2a",
        model="vmaf_v0.6.1",
        model_version="0.6.1",
        server_backend="ffmpeg",
        backend_version="3.2.0",
        n_frames=96,
        pooled=summarize([92.0, 95.0]),
        pool="mean",
        subsample=2,
        score=93.5,
        features={"integer_adm2": 0.9735, "integer_motion2": 5.25},
        wall_time_ms=1250.0,
    )


def score_result(
    reference: str = "clips/reference.mp4",
    distorted: str = "clips/distorted.mp4",
    *,
    scores: ScoreSet | None = None,
    pooled: PooledScores | None = None,
    hdr: bool = False,
) -> ScoreResult:
    scores = scores or score_set()
    pooled = pooled or summarize(scores.frames)
    return ScoreResult(
        reference=Path(reference),
        distorted=Path(distorted),
        model=MODEL.name,
        pool=PoolMethod.MEAN,
        score=pooled.mean,
        pooled=pooled,
        features={
            name: math.fsum(values) / len(values) for name, values in scores.features.items()
        },
        n_frames=scores.n_frames,
        backend=scores.backend,
        backend_version=scores.backend_version,
        display=SIZE,
        comparison=scores.comparison,
        subsample=scores.subsample,
        hdr=hdr,
        filter="",
        wall_time_ms=1234.567891,
        reference_source=source(reference),
        distorted_source=source(distorted),
        vmaf_model=MODEL,
        scores=scores,
    )


def score_result_with_metrics() -> ScoreResult:
    scores = score_set()
    n = len(scores.frames)
    cambi = [0.5 + 0.25 * index for index in range(n)]
    metrics = {"psnr": [math.inf, *[40.5] * (n - 1)], "cambi": cambi}
    return replace(
        score_result(scores=replace(scores, metrics=metrics)),
        metrics={
            name: summarize_metric(values, lower_is_better=name == "cambi")
            for name, values in metrics.items()
        },
    )


def probe(encoder: str, quality: float, path: str = "clips/seeking.mp4") -> Probe:
    start_kbps, keeps = CURVES.get(encoder, (8000.0, 0.9))
    bitrate_kbps = start_kbps * keeps**quality
    return Probe(
        quality=quality,
        bitrate_kbps=bitrate_kbps,
        size_bytes=round(bitrate_kbps * 1250),
        scores=score_set(97.8 - 0.011 * quality**2),
        encode_time_s=2.5 - 0.02 * quality,
        score_time_s=0.8,
        encoder_version=VERSIONS.get(encoder, ""),
        command=(
            "/usr/bin/ffmpeg", "-hide_banner", "-i", path, "-map", "0:v:0", "-c:v", encoder,
            "-preset", "medium", "-crf", f"{quality:g}", "-an", f"{encoder}-{quality:g}.mp4",
        ),
    )  # fmt: skip


def search_result(
    encoder: str = "libx264",
    target: float = 90.0,
    *,
    qualities: tuple[float, ...] = (20, 23, 25, 26, 27, 32),
    path: str = "clips/seeking.mp4",
    transfer: str = "bt709",
) -> SearchResult:
    """A search whose answer is the last of `qualities` to reach `target`, proven by the next."""
    probes = tuple(probe(encoder, quality, path) for quality in qualities)
    vmafs = [pool_scores(item.scores.frames, PoolMethod.MEAN) for item in probes]
    position = max((i for i, score in enumerate(vmafs) if score >= target), default=None)
    reached = position is not None
    best = position or 0
    samples = tuple(map(summary, probes, vmafs))
    limit = None if reached else SearchLimit("knob_range", "The range of crf ends at 0.")
    return SearchResult(
        **circumstances(path, transfer),
        codec=encoder,
        target_vmaf=target,
        **answer_fields(probes[best], vmafs[best]),
        next_worse=samples[best + 1] if reached and best + 1 < len(probes) else None,
        probes=probes,
        bisect_samples=samples,
        encoder_version=probes[0].encoder_version,
        ok=reached,
        error=None
        if reached
        else f"VMAF {target:g} is not reached; the best is 93.43 at crf 20, 875.1 kb/s. "
        "The range of crf ends at 0.",
        converged=True,
        proven=reached,
        limit=limit,
        new_probes=len(probes),
        wall_time_ms=19250.0,
        backend="ffmpeg",
        backend_version="3.2.0",
    )


def summary(probe: Probe, vmaf: float) -> ProbeSummary:
    return ProbeSummary(
        crf=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf_score=vmaf,
        encode_time_ms=probe.encode_time_s * 1000,
        score_time_ms=probe.score_time_s * 1000,
        size_bytes=probe.size_bytes,
    )


def answer_fields(probe: Probe, vmaf: float) -> dict[str, Any]:
    return {
        "best_crf": probe.quality,
        "bitrate_kbps": probe.bitrate_kbps,
        "encode_time_ms": probe.encode_time_s * 1000,
        "vmaf_score": vmaf,
        "encode_command": shell.join(probe.command),
        "chunk_commands": tuple(map(shell.join, probe.chunk_commands)),
        "size_bytes": probe.size_bytes,
        "vmaf_pooled": summarize(probe.scores.frames),
    }


def without_answer(found: AnswerT) -> AnswerT:
    """What is left where nothing is an answer."""
    return replace(
        found,
        best_crf=-1,
        bitrate_kbps=None,
        encode_time_ms=None,
        vmaf_score=None,
        encode_command=None,
        chunk_commands=(),
        size_bytes=None,
        vmaf_pooled=None,
    )


def circumstances(path: str, transfer: str) -> dict[str, Any]:
    clip = source(path, transfer=transfer)
    return {
        "src": Path(path),
        "source": clip,
        "model": MODEL.name,
        "pool": PoolMethod.MEAN,
        "display": SIZE,
        "comparison": None,
        "subsample": 1,
        "hdr": clip.is_hdr,
        "filter": "",
    }


def chunked_search_result() -> SearchResult:
    """A search whose encodes are made of two chunks."""
    chunks = tuple(
        shell.join(("/usr/bin/ffmpeg", "-i", "clip.mp4", f"{part}.mp4"))
        for part in ("frames0-124", "frames125-249")
    )
    joined = ("/usr/bin/ffmpeg", "-f", "concat", "-i", "data:,two chunks", "joined.mp4")
    return replace(
        search_result(),
        encode_command=shell.join(joined),
        chunk_commands=chunks,
        chunk_frames=125,
    )


def row_of(found: SearchResult, **changes: Any) -> CompareRow:
    shared = {field.name: getattr(found, field.name) for field in fields(Answer)}
    return CompareRow(**shared | {"adapter": found.codec, "ffmpeg_bin": FFMPEG} | changes)


def failed_row(encoder: str = "libx265", target: float = 90.0) -> CompareRow:
    """A row that failed after some probes."""
    found = row_of(search_result(encoder, 99.0), error=UNREACHED, error_kind="unreachable")
    return replace(without_answer(found), target_vmaf=target)


def unavailable_row(encoder: str = "h264_nvenc", target: float = 90.0) -> CompareRow:
    """A row that failed before any probe."""
    return CompareRow(
        codec=encoder,
        adapter=encoder,
        ffmpeg_bin=FFMPEG,
        target_vmaf=target,
        ok=False,
        error="h264_nvenc cannot be opened here: Cannot load libcuda.so.1.",
        error_kind="failed",
    )


def ok_row(encoder: str, target: float = 90.0, path: str = "clips/seeking.mp4") -> CompareRow:
    return row_of(search_result(encoder, target, path=path))


def compare_result(
    targets: tuple[float, ...] = (90.0,),
    *,
    rows: tuple[CompareRow, ...] | None = None,
    bd_rate: tuple[BdRate, ...] = (),
    anchor: str | None = None,
    path: str = "clips/seeking.mp4",
    transfer: str = "bt709",
) -> CompareResult:
    encoders = ("libx265", "libx264", "libsvtav1")
    rows = rows or tuple(
        ok_row(encoder, target, path) for target in targets for encoder in encoders
    )
    return CompareResult.at(
        targets,
        **circumstances(path, transfer),
        codecs=tuple(dict.fromkeys(row.codec for row in rows)),
        rows=tuple(ranked(rows)),
        bd_rate=bd_rate,
        anchor=anchor,
        new_probes=sum(row.new_probes for row in rows),
        wall_time_ms=61500.0,
        ffmpeg_version="8.0",
        backend="ffmpeg",
        backend_version="3.2.0",
    )


def ranked(rows: Iterable[CompareRow]) -> Iterator[CompareRow]:
    """Rows with their places, in their order."""
    for _, group in groupby(rows, key=lambda row: row.target_vmaf):
        for place, row in enumerate(group, start=1):
            yield replace(row, rank=place if row.ok else None)


def full_compare_result(path: str = "clips/seeking.mp4") -> CompareResult:
    """Two targets, failed rows, and BD-rates with and without a value."""
    rows = (
        ok_row("libx265", 90.0, path),
        ok_row("libx264", 90.0, path),
        unavailable_row(target=90.0),
        ok_row("libx264", 93.0, path),
        failed_row("libx265", 93.0),
        unavailable_row(target=93.0),
    )
    bd_rate = (
        BdRate(
            codec="libx265",
            anchor="libx264",
            percent=-23.456789,
            overlap=Overlap(86.54, 93.4),
            points=BdPoints(6, 6),
        ),
        BdRate(
            codec="h264_nvenc",
            anchor="libx264",
            points=BdPoints(0, 6),
            reason="h264_nvenc has 0 usable points, and BD-rate needs 4. Compare at more targets.",
        ),
    )
    return compare_result((90.0, 93.0), rows=rows, bd_rate=bd_rate, anchor="libx264", path=path)


def encoders_result() -> EncodersResult:
    x264 = EncoderStatus(
        name="libx264",
        aliases=("x264",),
        codec="h264",
        kind="software",
        knob="crf",
        lo=0.0,
        hi=51.0,
        default=23.0,
        increment=0.1,
        higher_is_better=False,
        presets=("ultrafast", "superfast", "veryfast", "medium", "slow", "placebo"),
        compiled=True,
        opens=True,
        reason=None,
        version=VERSIONS["libx264"],
    )
    nvenc = EncoderStatus(
        name="hevc_nvenc",
        aliases=(),
        codec="hevc",
        kind="nvenc",
        knob="cq",
        lo=1.0,
        hi=51.0,
        default=23.0,
        increment=1.0,
        higher_is_better=False,
        presets=("p1", "p4", "p7"),
        compiled=True,
        opens=False,
        reason="Cannot load libcuda.so.1.",
        version="",
    )
    session = EncoderStatus(
        name="hevc_videotoolbox",
        aliases=(),
        codec="hevc",
        kind="videotoolbox",
        knob="q:v",
        lo=1.0,
        hi=100.0,
        default=50.0,
        increment=1.0,
        higher_is_better=True,
        presets=(),
        compiled=False,
        opens=False,
        reason="This ffmpeg was built without it.",
        version="",
    )
    return EncodersResult(encoders=(x264, nvenc, session), ffmpeg_bin=FFMPEG, ffmpeg_version="8.0")


def doctor_result() -> DoctorResult:
    libvmaf = DoctorCheck(
        name="libvmaf",
        ok=False,
        value="",
        detail="system library: not found",
        advice="Set VMAFX_LIBVMAF to a libvmaf library, or use --backend ffmpeg.",
    )
    vmaf = DoctorCheck(
        name="vmaf",
        ok=False,
        value="",
        detail="PATH: not found",
        advice="Only --backend vmaf needs it.",
        required=False,
    )
    store = "/home/user/.cache/vmafx-tune/probes.sqlite"
    return DoctorResult.of(
        DoctorCheck(name="ffmpeg", ok=True, value="8.0", detail="/usr/bin/ffmpeg", advice=None),
        libvmaf,
        vmaf,
        DoctorCheck(name="cache", ok=True, value="12 MB", detail=store, advice=None),
    )


def gate_result() -> GateResult:
    """A score that is lower than its baseline, and one bound that it keeps."""
    found = gate(
        score_result(scores=score_set(90.0)), score_result(), limits=GateOptions(min_p5=80.0)
    )
    return replace(found, baseline=Path("baseline.json"), current=Path("score.json"))


def cache_result() -> CacheResult:
    probe = CacheEntry(
        src="clips/clip.mp4",
        codec="libx264",
        crf=26.0,
        size="1280x720",
        model=MODEL.name,
        bitrate_kbps=434.123456789,
        vmaf_score=92.3456789,
        stored_bytes=5210,
        made_at="2023-11-14T22:13:20Z",
        used_at="2023-11-15T00:13:20Z",
    )
    itself = CacheEntry(
        src="clips/clip.mp4",
        codec=None,
        crf=None,
        size="1280x720",
        model=MODEL.name,
        bitrate_kbps=None,
        vmaf_score=97.4,
        stored_bytes=4810,
        made_at="2023-11-14T22:12:19Z",
        used_at="2023-11-14T22:13:20Z",
    )
    return CacheResult(
        action=CacheAction.LIST,
        path=Path("/home/user/.cache/vmafx-tune/probes.sqlite"),
        limit_bytes=2 * 1024**3,
        size_bytes=65536,
        n_entries=2,
        n_removed=0,
        entries=(probe, itself),
        damaged=(Path("/home/user/.cache/vmafx-tune/probes.sqlite.damaged-20260101T000000"),),
    )
