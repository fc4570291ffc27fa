"""ffmpeg's libvmaf filter: the commands that run it, and what ffmpeg prints of a run.

File names inside a filter graph would need several rounds of escaping, so all of them are plain
names in a folder that ffmpeg is started in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import (
    MetricUnavailableError,
    ModelNotFoundError,
    OutputError,
    ScoringError,
    ToolError,
    ToolNotFoundError,
    UnreadableSourceError,
    VmafxTuneError,
)
from vmafx_tune.frozen import frozen
from vmafx_tune.media.ffmpeg import is_disk_full
from vmafx_tune.media.filter_chain import keeps_frames
from vmafx_tune.media.inputs import (
    file_url,
    input_guard,
    input_options,
    node_name,
    plain_names,
    source_filters,
    stream_specifier,
)
from vmafx_tune.media.process import describe_exit
from vmafx_tune.scoring.alignment import as_planar, conversion
from vmafx_tune.scoring.metrics import blank_side, extractors_of, filter_only, title_of_extractor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.media.process import Completed
    from vmafx_tune.model import ScoreRequest, Source, VmafModel
    from vmafx_tune.scoring.alignment import EncodeFacts, ScoringPlan
    from vmafx_tune.scoring.reference_copies import ReferenceCopy

__all__ = [
    "LOG_NAME",
    "MODEL_NAME",
    "XPSNR_LOG_NAME",
    "DecodedInput",
    "check_run",
    "decode_arguments",
    "decoded_inputs",
    "explain_failure",
    "is_one_clip",
    "is_part",
    "libvmaf_complaint",
    "model_check_arguments",
    "model_option",
    "score_arguments",
    "shows_damage",
    "still_arguments",
    "written_frames",
]

LOG_NAME = "vmaf.json"
"""What libvmaf's log is called in the working directory."""

MODEL_NAME = "model.json"
"""What a custom model is called there."""

XPSNR_LOG_NAME = "xpsnr.log"
"""What the log of ffmpeg's xpsnr filter is called there."""

# Any rate will do, as long as both clips have it: frames meet by index.
_PAIRING_TIME_BASE = "1/25"
_QUIET = ("-hide_banner", "-nostdin", "-nostats")
_VERBOSE = ("-v", "verbose", "-progress", "pipe:1", "-stats_period", "0.25")
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
    # More frames are decoded than belong to an excerpt, so their number does not show which clip is
    # longer; that of pairs does, if the filters make none of a repeated frame.
    ends = {"shortest": 1} if is_part(request) else {}
    if filter_only(request.metrics):
        # It passes its first input on as it is, so that libvmaf sees what it would without.
        pair = distorted.filter_multi_output("split")
        distorted = pair[0]
        reference = ffmpeg.filter([reference, pair[1]], "xpsnr", stats_file=XPSNR_LOG_NAME, **ends)
    scored = ffmpeg.filter(
        [distorted, reference],
        "libvmaf",
        model=model_option(request.model, plan.encode_facts),
        **_feature_option(request.metrics),
        # Its threads come beside the filter's own, which does the work itself where there are none.
        n_threads=0 if request.threads == 1 else threads,
        n_subsample=request.subsample,
        log_fmt="json",
        log_path=LOG_NAME,
        **ends,
    )
    outputs = [scored.output("-", format="null"), *written]
    return (*_QUIET, *_VERBOSE, *plain_names(ffmpeg.get_args(ffmpeg.merge_outputs(*outputs))))


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
    return (*_QUIET, *_VERBOSE, *plain_names(ffmpeg.get_args(written)))


def still_arguments(
    request: ScoreRequest, plan: ScoringPlan, frames: Sequence[int], names: Sequence[str], gain: int
) -> tuple[str, ...]:
    """Build the arguments that write some pairs of frames, as they are compared, as pictures.

    Args:
        request: The clips.
        plan: What they are converted to.
        frames: Numbers of the pairs, ascending.
        names: What to call the pictures of the reference, of the distorted clip and of the
            difference of their luma; each with `%d` for their number, from 1.
        gain: Factor of the difference.
    """
    import ffmpeg

    def prepared(source: Source) -> Any:
        stream = _prepared(source, plan, _decoder_threads(request, source, 1), frames)
        return stream.filter_multi_output("split")

    reference = prepared(request.reference)
    distorted = reference if is_one_clip(request) else prepared(request.distorted)
    places = (0, 1, 2, 3) if is_one_clip(request) else (0, 1, 0, 1)
    lumas = [
        clip[place].filter("extractplanes", "y").filter("format", "gray")
        for clip, place in zip((reference, distorted), places[1::2], strict=True)
    ]
    difference = ffmpeg.filter(lumas, "blend", all_mode="difference")
    pictures = (
        _labelled(reference[places[0]], plan),
        _labelled(distorted[places[2]], plan),
        difference.filter("lut", y=f"min(val*{gain},255)"),
    )
    written = [
        picture.output(name, format="image2", fps_mode="passthrough", **{"frames:v": len(frames)})
        for picture, name in zip(pictures, names, strict=True)
    ]
    return (*_QUIET, *_VERBOSE, *plain_names(ffmpeg.get_args(ffmpeg.merge_outputs(*written))))


def _labelled(stream: Any, plan: ScoringPlan) -> Any:
    """Convert pictures to RGB by the range and matrix that they were brought to."""
    labels = {
        "range": plan.comparison.range or "unspecified",
        "colorspace": plan.comparison.matrix or "unknown",
    }
    return stream.filter("setparams", **labels).filter("format", "rgb24")


def model_check_arguments(model: VmafModel, metrics: Sequence[str] = ()) -> tuple[str, ...]:
    """Build the arguments that score one blank frame, which needs the model and the metrics."""
    import ffmpeg

    side = 2 * -(-max(model.min_side, blank_side(metrics), _CHECK_SIDE) // 2)
    frame = (
        ffmpeg.input(f"nullsrc=size={side}x{side * 2}:rate=25:duration=0.04", format="lavfi")
        .filter("format", "yuv420p10le" if model.min_bit_depth > 8 else "yuv420p")
        .filter_multi_output("split")
    )
    reference = frame[1]
    if filter_only(metrics):
        pair = frame[1].filter_multi_output("split")
        reference = ffmpeg.filter([pair[0], pair[1]], "xpsnr", stats_file=XPSNR_LOG_NAME)
    scored = ffmpeg.filter(
        [frame[0], reference],
        "libvmaf",
        model=model_option(model, None),
        **_feature_option(metrics),
        log_fmt="json",
        log_path=LOG_NAME,
    )
    return (*_QUIET, "-v", "error", *ffmpeg.get_args(scored.output("-", format="null")))


def _feature_option(metrics: Sequence[str]) -> dict[str, str]:
    extractors = extractors_of(metrics)
    return {"feature": "|".join(f"name={name}" for name in extractors)} if extractors else {}


def model_option(model: VmafModel, facts: EncodeFacts | None) -> str:
    """Write a model the way that ffmpeg's filter and the `vmaf` tool take it.

    Args:
        model: A custom one is expected as `MODEL_NAME` in the working directory.
        facts: What CAMBI needs to know of the encode.
    """
    which = f"version={model.name}" if model.path is None else f"path={MODEL_NAME}"
    options = facts.options() if facts is not None else {}
    return ":".join([which, *(f"cambi.{name}={value}" for name, value in options.items())])


def _decoder_threads(request: ScoreRequest, source: Source, threads: int) -> int | None:
    limited = request.threads is not None or source.resolution.pixels > _LIMITED_FROM_PIXELS
    return threads if limited else None


def _prepared(
    source: Source, plan: ScoringPlan, threads: int | None, frames: Sequence[int] = ()
) -> Any:
    """Read a clip as it is compared: all of its frames, or only those of some numbers."""
    import ffmpeg

    options = input_guard() | input_options(source)
    if threads is not None:
        options |= {"threads": threads}
    name = node_name(file_url(source.path.absolute()))
    stream = ffmpeg.input(name, **options)[stream_specifier(source)]
    stream = _paired(_through(stream, source_filters(source)))
    if frames:
        stream = stream.filter("select", "+".join(f"eq(n,{frame})" for frame in frames))
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


_DECODED = re.compile(
    r"Input stream #(?P<file>\d+):\d+ \(video\):[^\n]*?; (?P<frames>\d+) frames decoded"
    r"(?:; (?P<errors>\d+) decode errors)?"
)
_CHANGED = re.compile(r"Reconfiguring filter graph because video parameters changed")
_WRITTEN = re.compile(r"Output stream #0:0 \(video\): (?P<frames>\d+) frames encoded")
_DAMAGE = re.compile(
    r"corrupt decoded frame|CRC mismatch|\berror count: \d|[1-9]\d* decode errors"
    r"|Error (?:while decoding stream|submitting packet to decoder)"
)
_MODEL_REFUSED = re.compile(r"could not load libvmaf model|no such built-in model")
_FEATURE_REFUSED = re.compile(r"problem during vmaf_use_feature: (?P<name>\w+)")
_NO_XPSNR = re.compile(r"No such filter: '?xpsnr")
_NO_FILTER = re.compile(r"No such filter: '?libvmaf|Filter not found")
# Since ffmpeg 6.1: the name and the reason on lines of their own; before, on one.
_INPUT_NAME = re.compile(r"Error opening input file (?:file:)?(?P<name>.+)\.$", re.MULTILINE)
_INPUT_REASON = re.compile(r"Error opening input(?: files)?: (?P<reason>.+)")
# These two are held to the beginnings of lines: tried at each letter of a line of a megabyte, they
# would take hours.
_INPUT_REFUSED = re.compile(
    r"^[^/\n]*(?P<name>/.*): (?P<reason>Invalid data found when processing input"
    r"|No such file or directory|Permission denied|Is a directory)",
    re.MULTILINE,
)
_NO_VIDEO = re.compile(r"^.*(?:matches no streams|does not contain any stream).*", re.MULTILINE)
_LIBVMAF = re.compile(
    r"libvmaf ERROR (?P<own>.*)|\[Parsed_libvmaf\S* @ \S+\] (?P<filter>problem .*)"
)


@frozen
class DecodedInput:
    """What ffmpeg decoded of one input.

    Attributes:
        frames: Pictures that came out of the decoder.
        errors: Packets that the decoder refused; 0 with an ffmpeg that does not count them.
    """

    frames: int
    errors: int


def decoded_inputs(stderr: str) -> dict[int, DecodedInput]:
    """Read the closing statistics of `-v verbose`.

    Args:
        stderr: What ffmpeg printed, or its last lines.

    Returns:
        The first decoded video stream of each input, by the input's number; inputs that ffmpeg
        does not account for are missing.
    """
    found: dict[int, DecodedInput] = {}
    for match in _DECODED.finditer(stderr):
        counted = DecodedInput(frames=int(match["frames"]), errors=int(match["errors"] or 0))
        found.setdefault(int(match["file"]), counted)
    return found


def written_frames(stderr: str) -> int | None:
    """Read from the closing statistics of `-v verbose` how many pictures came out of the filters.

    Args:
        stderr: What ffmpeg printed, or its last lines.

    Returns:
        None where ffmpeg does not say.
    """
    match = _WRITTEN.search(stderr)
    return None if match is None else int(match["frames"])


def check_run(
    done: Completed,
    clips: Iterable[Source],
    model: VmafModel | None,
    ffmpeg: Path,
    cancel: CancelToken,
) -> None:
    """Refuse a run that read damaged clips, or did not work.

    Args:
        done: The run.
        clips: What it read; they are looked at where ffmpeg hints at damage.
        model: What it was to score with; None where it was only to decode.
        ffmpeg: The program.
        cancel: Stops the look.

    Raises:
        UnreadableSourceError: A clip is damaged, or its pictures change in size or format.
        VmafxTuneError: ffmpeg failed.
    """
    text = f"{done.stderr}\n{done.stderr_tail}"
    damaged, changed = shows_damage(text), _CHANGED.search(text)
    for clip in clips:
        if damaged:
            # A search from the cache scores nothing, and need not load what decodes.
            from vmafx_tune.media.damage import require_intact

            require_intact(clip, cancel)
        if changed:
            from vmafx_tune.media.frames import check_steady

            # ffmpeg does not say where, and has started libvmaf again.
            check_steady(clip, cancel)
    if done.returncode != 0:
        raise explain_failure(done, model, ffmpeg)


def shows_damage(stderr: str) -> bool:
    """Whether a clip may be damaged.

    It may also be a clip that was cut out of a longer one, so the caller has to look closer.

    Args:
        stderr: What ffmpeg printed at `-v verbose`.
    """
    return _DAMAGE.search(stderr) is not None


def libvmaf_complaint(stderr: str) -> str | None:
    """Find the first error of libvmaf or its filter; None if there is none.

    libvmaf's threads swallow the errors of its feature extractors, so that ffmpeg may well end
    with status 0 after one.
    """
    match = _LIBVMAF.search(stderr)
    return None if match is None else (match["own"] or match["filter"]).strip()


def explain_failure(done: Completed, model: VmafModel | None, ffmpeg: Path) -> VmafxTuneError:
    """Turn a run that ended with an error into the error to raise.

    Args:
        done: The run; its exit status is not 0.
        model: What it was to score with; None where it was only to decode.
        ffmpeg: The program.
    """
    text = f"{done.stderr}\n{done.stderr_tail}"
    if model is not None and _MODEL_REFUSED.search(text):
        return ModelNotFoundError(_model_refused(model, ffmpeg))
    if refused := _FEATURE_REFUSED.search(text):
        title = title_of_extractor(refused["name"])
        return MetricUnavailableError(
            f"The libvmaf in '{ffmpeg}' cannot compute {title}. Use a newer ffmpeg, or leave out "
            "that metric."
        )
    if _NO_XPSNR.search(text):
        return MetricUnavailableError(
            f"'{ffmpeg}' does not have the xpsnr filter. Use ffmpeg 7.1 or newer, or leave out "
            "xpsnr."
        )
    if _NO_FILTER.search(text):
        return done.error(
            ToolNotFoundError,
            f"'{ffmpeg}' was built without libvmaf. Use another ffmpeg with --ffmpeg, or "
            "--backend libvmaf.",
        )
    if is_disk_full(text, done.returncode):
        return OutputError(
            "The work folder is full: ffmpeg could not write to it. Free some space, or use "
            "another folder with --work-dir."
        )
    if unreadable := _input_refused(text):
        return UnreadableSourceError(unreadable)
    if complaint := libvmaf_complaint(text):
        return ScoringError(f"libvmaf could not score these clips: {complaint}.")
    task = "decoding" if model is None else "scoring"
    return done.error(ToolError, f"ffmpeg failed while {task} ({describe_exit(done.returncode)}).")


def _model_refused(model: VmafModel, ffmpeg: Path) -> str:
    if model.path is not None:
        return f"The libvmaf in '{ffmpeg}' cannot use the model file '{model.path}'."
    return (
        f"The libvmaf in '{ffmpeg}' does not have the model {model.name}. Use a newer ffmpeg, or "
        "another model."
    )


def _input_refused(text: str) -> str | None:
    name, reason = _INPUT_NAME.search(text), _INPUT_REASON.search(text)
    if name and reason:
        return f"'{name['name']}' cannot be read: {reason['reason']}."
    if refused := _INPUT_REFUSED.search(text):
        return f"'{refused['name']}' cannot be read: {refused['reason']}."
    if no_video := _NO_VIDEO.search(text):
        return f"A clip has no video stream; ffmpeg says: {no_video[0].strip()}"
    return None
