"""The ffmpeg commands of the ffmpeg backend. Pure: nothing is run here.

File names inside a filter graph would need several rounds of escaping, so all of them are plain
names in a folder that ffmpeg is started in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmafx_tune.media.ffmpeg import (
    file_url,
    input_guard,
    input_options,
    node_name,
    plain_names,
    source_filters,
    stream_specifier,
)
from vmafx_tune.media.filter_chain import keeps_frames
from vmafx_tune.scoring.alignment import as_planar, conversion

if TYPE_CHECKING:
    from vmafx_tune.model import ScoreRequest, Source, VmafModel
    from vmafx_tune.scoring.alignment import EncodeFacts, ScoringPlan
    from vmafx_tune.scoring.reference_copies import ReferenceCopy

__all__ = [
    "LOG_NAME",
    "MODEL_NAME",
    "decode_arguments",
    "is_one_clip",
    "is_part",
    "model_check_arguments",
    "model_option",
    "score_arguments",
]

LOG_NAME = "vmaf.json"
"""What libvmaf's log is called in the working directory."""

MODEL_NAME = "model.json"
"""What a custom model is called there."""

# Any rate will do, as long as both clips have it: frames meet by index.
_PAIRING_TIME_BASE = "1/25"
_QUIET = ("-hide_banner", "-nostdin", "-nostats")
_TELLING = ("-v", "verbose", "-progress", "pipe:1", "-stats_period", "0.25")
_ONE_LABEL = {"range": "limited", "colorspace": "bt709"}
_CHECK_SIDE = 64
# Each thread of a decoder holds pictures. Up to 1080p they are small, and ffmpeg's own choice of
# threads makes the whole some 3 % faster.
_LIMITED_FROM_PIXELS = 1920 * 1088


def score_arguments(
    request: ScoreRequest,
    plan: ScoringPlan,
    *,
    threads: int,
    copy: ReferenceCopy | None = None,
) -> tuple[str, ...]:
    """Build the arguments that score `request`.

    At `-v verbose` ffmpeg closes with the number of frames that it decoded of each input; the
    distorted is input 0 and the reference input 1, or input 0 again where both are one file.

    Args:
        request: The clips; their paths are made absolute.
        plan: What they are converted to.
        threads: Threads of libvmaf, at least 1; and of each decoder, where the request names their
            number or pictures are over 1080p.
        copy: The reference's, to be read in its place, or to be written beside the score.
    """
    import ffmpeg

    def prepared(source: Source) -> Any:
        return _prepared(source, plan, _decoder_threads(request, source, threads))

    written: list[Any] = []
    if is_one_clip(request):
        pair = prepared(request.reference).filter_multi_output("split")
        distorted, reference = pair[0], pair[1]
    elif copy is None:
        distorted, reference = prepared(request.distorted), prepared(request.reference)
    elif copy.is_made:
        distorted, reference = prepared(request.distorted), _copied(copy.clip)
    else:
        pair = prepared(request.reference).filter_multi_output("split")
        distorted, reference = prepared(request.distorted), pair[0]
        written.append(_headerless(pair[1], file_url(copy.path)))
    scored = ffmpeg.filter(
        [distorted, reference],
        "libvmaf",
        model=model_option(request.model, plan.encode_facts),
        # Its threads come beside the filter's own, which does the work itself where there are none.
        n_threads=0 if request.threads == 1 else threads,
        n_subsample=request.subsample,
        log_fmt="json",
        log_path=LOG_NAME,
        # More frames are decoded than belong to an excerpt, so that they do not tell which clip is
        # the longer one; pairs do, if the filter makes none of a repeated frame.
        **({"shortest": 1} if is_part(request) else {}),
    )
    outputs = [scored.output("-", format="null"), *written]
    return (*_QUIET, *_TELLING, *plain_names(ffmpeg.get_args(ffmpeg.merge_outputs(*outputs))))


def is_one_clip(request: ScoreRequest) -> bool:
    """Whether a clip is compared with itself, and so is one input of ffmpeg's command."""
    reference, distorted = request.reference, request.distorted
    return (
        reference.path == distorted.path
        and reference.raw == distorted.raw
        and reference.filters == distorted.filters
        and reference.excerpt == distorted.excerpt
        and reference.stream == distorted.stream
    )


def is_part(request: ScoreRequest) -> bool:
    """Whether frames of one of the clips are left out, or made, after it is decoded."""
    return any(
        clip.excerpt is not None or not keeps_frames(clip.filters)
        for clip in (request.reference, request.distorted)
    )


def decode_arguments(source: Source, plan: ScoringPlan, name: str) -> tuple[str, ...]:
    """Build the arguments that decode and convert a clip to a headerless file.

    Args:
        source: The clip.
        plan: What it is converted to.
        name: What to call the file in the working directory.
    """
    import ffmpeg

    written = _headerless(_prepared(source, plan, None), name)
    return (*_QUIET, *_TELLING, *plain_names(ffmpeg.get_args(written)))


def model_check_arguments(model: VmafModel) -> tuple[str, ...]:
    """Build the arguments that score one blank frame, which needs the model and nothing else."""
    import ffmpeg

    side = 2 * -(-max(model.min_side, _CHECK_SIDE) // 2)
    frame = (
        ffmpeg.input(f"nullsrc=size={side}x{side * 2}:rate=25:duration=0.04", format="lavfi")
        .filter("format", "yuv420p10le" if model.min_bit_depth > 8 else "yuv420p")
        .filter_multi_output("split")
    )
    scored = ffmpeg.filter(
        [frame[0], frame[1]],
        "libvmaf",
        model=model_option(model, None),
        log_fmt="json",
        log_path=LOG_NAME,
    )
    return (*_QUIET, "-v", "error", *ffmpeg.get_args(scored.output("-", format="null")))


def model_option(model: VmafModel, facts: EncodeFacts | None) -> str:
    """Write a model the way that ffmpeg's filter and the `vmaf` tool take it.

    Args:
        model: A custom one is expected as `MODEL_NAME` in the working directory.
        facts: What CAMBI needs to know of the encode.
    """
    which = f"version={model.name}" if model.path is None else f"path={MODEL_NAME}"
    told = facts.options() if facts is not None else {}
    return ":".join([which, *(f"cambi.{name}={value}" for name, value in told.items())])


def _decoder_threads(request: ScoreRequest, source: Source, threads: int) -> int | None:
    limited = request.threads is not None or source.resolution.pixels > _LIMITED_FROM_PIXELS
    return threads if limited else None


def _prepared(source: Source, plan: ScoringPlan, threads: int | None) -> Any:
    import ffmpeg

    options = input_guard() | input_options(source)
    if threads is not None:
        options |= {"threads": threads}
    name = node_name(file_url(source.path.absolute()))
    stream = ffmpeg.input(name, **options)[stream_specifier(source)]
    stream = _paired(_through(stream, source_filters(source)))
    for name, settings in conversion(source, plan) or (as_planar(plan.pix_fmt),):
        stream = stream.filter(name, **settings)
    # Where two labels differ, ffmpeg 7 and newer would convert one clip to the other's colours.
    return stream.filter("setparams", **_ONE_LABEL)


def _through(stream: Any, chain: str) -> Any:
    """Send a stream through a chain that is written already."""
    from ffmpeg.nodes import FilterNode

    class Chain(FilterNode):  # type: ignore[misc] # ffmpeg-python has no types
        def _get_filter(self, outgoing_edges: Any) -> str:
            del outgoing_edges
            return chain

    return Chain(stream, chain).stream() if chain else stream


def _copied(clip: Source) -> Any:
    """Read what `_prepared` gave of a clip."""
    import ffmpeg

    name = node_name(file_url(clip.path))
    stream = ffmpeg.input(name, **input_guard(), **input_options(clip))["V:0"]
    return _paired(stream).filter("setparams", **_ONE_LABEL)


def _paired(stream: Any) -> Any:
    return stream.filter("settb", _PAIRING_TIME_BASE).filter("setpts", "N")


def _headerless(stream: Any, name: str) -> Any:
    return stream.output(node_name(name), format="rawvideo", fps_mode="passthrough")
