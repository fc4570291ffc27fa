"""The frozen types that cross layers.

They hold facts and the arithmetic that follows from them, and do no I/O. Units are in the names.
Nothing here imports numpy or pydantic, so that importing it costs almost nothing.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.choices import PoolMethod
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "HDR_TRANSFERS",
    "CapFactors",
    "Caps",
    "Comparison",
    "Complexity",
    "Damage",
    "EncodeOutcome",
    "EncodeSpec",
    "Excerpt",
    "PixelFormat",
    "PoolMethod",
    "Probe",
    "ProbeKey",
    "ProbeSpec",
    "RawFormat",
    "Resolution",
    "ScoreRequest",
    "ScoreSet",
    "Source",
    "VmafModel",
]


@dataclass(frozen=True, slots=True, order=True)
class Resolution:
    """Picture size in luma samples."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """Luma samples per picture."""
        return self.width * self.height


@frozen
class PixelFormat:
    """A pixel format as ffmpeg names it, with the facts that scoring needs.

    Attributes:
        name: ffmpeg's name, such as `yuv420p10le`.
        bit_depth: Bits per sample of the luma plane.
        chroma: `420`, `422`, `444`, or `400` for grey. RGB counts as `444`.
        is_rgb: Whether a matrix turns it into luma and chroma first; so for palettes and XYZ.
        alpha: Whether it has a channel of transparency.
    """

    name: str
    bit_depth: int
    chroma: str
    is_rgb: bool = False
    alpha: bool = False

    @property
    def is_grey(self) -> bool:
        """Whether it has luma only, with or without alpha."""
        return self.chroma == "400"


@frozen
class RawFormat:
    """What a headerless `.yuv` file does not say of itself."""

    resolution: Resolution
    pix_fmt: str
    frame_rate: Fraction


@frozen
class Excerpt:
    """A run of frames of a source.

    Attributes:
        first_frame: Counts the source's frames from 0, in presentation order.
        n_frames: Length, at least 1.
        start_s: Presentation time of the first frame, from the start of the container: of its
            earliest stream, which need not be the video.
        lead_frames: How many frames before the first one decoding must begin, for want of a nearer
            place to seek to; they are dropped.
    """

    first_frame: int
    n_frames: int
    start_s: Fraction
    lead_frames: int = 0


@frozen
class Damage:
    """Where a clip first does not decode cleanly."""

    frame: int
    """Index in the file, from 0."""
    time_s: float | None
    """Its presentation time; null where it is not known."""
    reason: str
    """What the decoder says, as a clause."""

    def __str__(self) -> str:
        time = "" if self.time_s is None else f" ({self.time_s:.3f} s)"
        return f"at frame {self.frame}{time} {self.reason}"


HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
"""ffmpeg's names of PQ and HLG."""

_PICTURE_CODECS = frozenset(
    {"apng", "bmp", "gif", "jpeg2000", "jpegls", "jpegxl", "mjpeg", "png", "ppm", "tiff", "webp"}
)
# Their codecs are those of video.
_PICTURE_SUFFIXES = frozenset({".avif", ".heic", ".heif"})


@frozen
class Source:
    """A video file as probed: one of its video streams, upright.

    Attributes:
        path: The file, as the user named it.
        resolution: Size of a decoded picture after rotation, in samples (not display pixels).
        frame_rate: Average frames per second; of a variable-rate source too, with the duration of
            its last frame.
        n_frames: Frames that the container declares or its packets imply; decoding is the truth
            and may differ in broken files. Of a source with an excerpt or parts, theirs.
        duration_s: `n_frames / frame_rate`.
        pixel_format: As decoded.
        codec: ffmpeg's decoder name, `rawvideo` for `.yuv` and `.y4m`.
        color_range: `tv`, `pc`, or None where the stream does not say; the other colour fields are
            ffmpeg's names or None likewise.
        chroma_location: Where the chroma samples of 4:2:0 lie among those of luma: `left`,
            `center`, `topleft`, `top`, or None where the stream does not say.
        sample_aspect_ratio: Width over height of one sample; 1 for square or unknown.
        rotation_deg: Clockwise rotation that a player applies: 0, 90, 180 or 270. `resolution`
            has it applied already.
        interlaced: Whether the stream declares fields.
        bottom_field_first: Whether the lower of the two comes first; looked for where fields are
            encoded only.
        variable_frame_rate: Whether the distances between timestamps vary.
        ticks_per_second: Of the timestamps of a variable-rate source; None for all others.
        raw: Set for a headerless file only.
        filters: ffmpeg's filters that its pictures pass before anything else happens to them, as
            for `-vf`; empty for none. What is told here, the path and `raw` excepted, is of the
            pictures that leave them.
        excerpt: The part of it that is meant; None for the whole.
        parts: Parts of it that are meant, one after the other, in place of an excerpt. Only probers
            take them, and write them into a file of their own first.
        stream: Index among the file's video streams, cover pictures not counted.
        n_streams: How many video streams the file has.
        ends_early: Whether the file seems to be cut short, though nothing in it promises more.
        damage: Damage that the user accepted; None for a file that must decode cleanly.
        hdr_metadata: Names of the HDR metadata that the first picture has: `Dolby Vision`,
            `HDR10+`, `mastering display`, `content light level`.
        without_grain: Whether film grain is left out that its decoder would add.
    """

    path: Path
    resolution: Resolution
    frame_rate: Fraction
    n_frames: int
    pixel_format: PixelFormat
    codec: str
    color_range: str | None = None
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None
    chroma_location: str | None = None
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation_deg: int = 0
    interlaced: bool = False
    bottom_field_first: bool = False
    variable_frame_rate: bool = False
    raw: RawFormat | None = None
    filters: str = ""
    excerpt: Excerpt | None = None
    parts: tuple[Excerpt, ...] = ()
    stream: int = 0
    n_streams: int = 1
    ends_early: bool = False
    damage: Damage | None = None
    ticks_per_second: int | None = None
    hdr_metadata: tuple[str, ...] = ()
    without_grain: bool = False

    @property
    def duration_s(self) -> float:
        """Length in seconds, as frames over frame rate."""
        return float(self.n_frames / self.frame_rate)

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ (SMPTE ST 2084) or HLG (ARIB STD-B67)."""
        return self.color_transfer in HDR_TRANSFERS

    @property
    def is_still(self) -> bool:
        """Whether it is a picture rather than a video, which may have one frame, too."""
        is_picture = self.codec in _PICTURE_CODECS or self.path.suffix.lower() in _PICTURE_SUFFIXES
        return self.n_frames == 1 and is_picture


@frozen
class Complexity:
    """How hard the frames of a clip are to encode, as far as it is known without encoding them.

    Attributes:
        costs: One number a frame, in any unit, not negative.
        starts: Frames at which a scene or a group of pictures begins, ascending.
    """

    costs: tuple[float, ...]
    starts: tuple[int, ...] = ()


@frozen
class VmafModel:
    """A VMAF model, wherever it lives.

    Attributes:
        name: What results call it: a built-in name, or the stem of a JSON file.
        path: The JSON file of a custom model, None for one that is built into libvmaf.
        ceiling: Highest score that it gives; 100 for most, 110 for `vmaf_v1.0.16_3d0h_2160`, and
            infinite for a model that does not clip.
        floor: Lowest score likewise: 0, or minus infinity.
        min_bit_depth: Depth that frames are brought to at least; 10 for the v1 family.
        wants_encode_facts: Whether the model has features (CAMBI) that are told the size and depth
            of the encode.
        min_side: Samples that each side of a picture must have; libvmaf reads past the picture's
            end below it.
    """

    name: str
    path: Path | None = None
    ceiling: float = 100.0
    min_bit_depth: int = 8
    wants_encode_facts: bool = False
    min_side: int = 34
    floor: float = 0.0


@frozen
class ScoreRequest:
    """Two clips to compare, and how.

    Attributes:
        display: Size at which a viewer watches; both clips are brought to it (bicubic).
        subsample: Score every n-th frame, 1 for all.
        threads: Threads that libvmaf may use; None leaves the choice to the backend.
        cpus: Processors that a backend with the choice may fill; None for all that there are.
        metrics: Names of the metrics to compute beside VMAF; see `scoring.metrics`.
    """

    reference: Source
    distorted: Source
    model: VmafModel
    display: Resolution
    subsample: int = 1
    threads: int | None = None
    cpus: int | None = None
    metrics: tuple[str, ...] = ()


@frozen
class Comparison:
    """What both clips were brought to before they were compared."""

    pix_fmt: str
    """ffmpeg's name of the planar pixel format."""
    range: str | None
    """`tv` or `pc`; null where neither clip states it, and none was converted."""
    matrix: str | None
    """ffmpeg's name of the matrix; null likewise, and for two grey clips."""
    width: int
    """Width in samples."""
    height: int
    """Height in samples."""


@frozen
class ScoreSet:
    """Per-frame scores of one comparison, in presentation order.

    Attributes:
        frames: VMAF points, one per scored frame.
        features: Per-frame values of each elementary feature, each as long as `frames`; names are
            libvmaf's log names (`integer_adm2`, `integer_motion2`, …).
        n_frames: Frames compared, before subsampling.
        model: Name of the model.
        backend: `ffmpeg`, `libvmaf` or `vmaf`.
        backend_version: Version of the libvmaf behind it; empty where the backend does not say.
        subsample: Frame `i` of `frames` is frame `i * subsample` of the clip.
        comparison: What the clips were brought to; None where the scorer does not say.
        metrics: Per-frame values of the metrics that were asked for beside VMAF, likewise, by the
            names that results have for them: `psnr`, `psnr_cb`, `ssim`. Those that divide by the
            noise are infinite where pictures are equal.
    """

    frames: Sequence[float]
    features: Mapping[str, Sequence[float]]
    n_frames: int
    model: str
    backend: str
    backend_version: str = ""
    subsample: int = 1
    comparison: Comparison | None = None
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Eight bytes for each number: a film has two hundred thousand frames with ten of them.
        object.__setattr__(self, "frames", _packed(self.frames))
        for name in ("features", "metrics"):
            packed = {key: _packed(values) for key, values in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(packed))

    def chosen(self, places: Sequence[int] | slice) -> ScoreSet:
        """Keep the scores at some places only; the number of frames stays."""

        def kept(values: Sequence[float]) -> Sequence[float]:
            if isinstance(places, slice):
                return values[places]
            return array("d", (values[place] for place in places))

        return replace(
            self,
            frames=kept(self.frames),
            features={name: kept(values) for name, values in self.features.items()},
            metrics={name: kept(values) for name, values in self.metrics.items()},
        )

    def frame_index(self, position: int) -> int:
        """Index in the clip of the frame at `position` of `frames`."""
        return position * self.subsample


def _packed(values: Sequence[float]) -> Sequence[float]:
    return values if isinstance(values, array) else array("d", values)


@frozen
class Caps:
    """What an encode may have at most.

    Attributes:
        maxrate_kbps: Rate at which its buffer is filled.
        bufsize_kbits: Size of that buffer.
    """

    maxrate_kbps: float
    bufsize_kbits: float

    @property
    def arguments(self) -> tuple[str, ...]:
        """Output options of ffmpeg for it."""
        rates = (round(1000 * self.maxrate_kbps), round(1000 * self.bufsize_kbits))
        return ("-maxrate", str(rates[0]), "-bufsize", str(rates[1]))

    def lack_bits(self, sizes_bytes: Sequence[int], durations_s: Sequence[float]) -> float:
        """Find by how much an encode's buffer is too small at worst, if it is full at first.

        Args:
            sizes_bytes: Size of each packet, in decoding order.
            durations_s: Seconds until the next one is decoded.
        """
        full = level = lowest = 1000 * self.bufsize_kbits
        for size_bytes, duration_s in zip(sizes_bytes, durations_s, strict=True):
            level -= 8 * size_bytes
            lowest = min(lowest, level)
            level = min(full, level + duration_s * 1000 * self.maxrate_kbps)
        return max(0.0, -lowest)


@frozen
class CapFactors:
    """Caps on an encode, in what it takes on average without them.

    Attributes:
        maxrate: Rate at which its buffer is filled, as a multiple of the average.
        bufsize: Size of that buffer, in seconds of the average.
    """

    maxrate: float
    bufsize: float

    def at(self, bitrate_kbps: float) -> Caps:
        """Return the caps of an encode with this average bitrate."""
        return Caps(self.maxrate * bitrate_kbps, self.bufsize * bitrate_kbps)


@frozen
class EncodeSpec:
    """One encode, fully determined.

    Attributes:
        encoder: ffmpeg's encoder name.
        quality: Value of the encoder's quality knob.
        preset: x264's preset name or a native one; None for the registry's default.
        extra_args: Further ffmpeg output arguments, appended last so that they win.
        size: Size to scale to (Lanczos) before encoding; None keeps the source's.
        threads: Threads for the encoder; None leaves the choice to it.
        depth: Bits per sample to encode with, 8 or 10; None leaves it to the source and ffmpeg.
        gop_frames: Distance of the keyframes, at least 1: closed GOPs of this length, and no
            keyframe at a scene cut, as segments for streaming need them. None leaves both to the
            encoder.
        max_bitrate_kbps: Above this average bitrate the encode is of no use, and may be stopped as
            soon as that is certain; None for no limit. It changes no byte of an encode.
        caps: Caps that follow from the average of the same encode without them, which is made
            first; None for none.
        joinable: Whether its stream has the headers of encodes of other qualities, so that it can
            be joined to them.
    """

    source: Source
    encoder: str
    quality: float
    preset: str | None = None
    extra_args: tuple[str, ...] = ()
    size: Resolution | None = None
    threads: int | None = None
    depth: int | None = None
    gop_frames: int | None = None
    max_bitrate_kbps: float | None = None
    caps: CapFactors | None = None
    joinable: bool = False

    def capped(self, caps: Caps | None) -> EncodeSpec:
        """Return the encode with caps as arguments of its own, in place of factors."""
        if caps is None:
            return self
        return replace(self, caps=None, extra_args=(*self.extra_args, *caps.arguments))


@frozen
class EncodeOutcome:
    """What one finished encode measured.

    Attributes:
        encoded: The file that was written, probed; its path is gone once the probe is over.
        size_bytes: Sum of the video packets' sizes (not the container's size).
        n_frames: Video frames in it.
        encode_time_s: Wall time of the encoder process.
        encoder_version: From the encoder's own banner or bitstream.
        command: ffmpeg arguments that reproduce it, with a plain output name.
        codecs: Codec string for manifests (RFC 6381), from the bitstream; empty where it cannot be
            told.
        peak_bitrate_kbps: Highest bitrate of the segments that it would be delivered in; None where
            it cannot be told.
        keyframe_bytes: Size of each video packet that is a keyframe, in order; the first of them
            begins the encode.
        video_sha256: Hash of the video packets, one after the other.
        caps: What it was held to; None for no caps.
    """

    encoded: Source
    size_bytes: int
    n_frames: int
    encode_time_s: float
    encoder_version: str
    command: tuple[str, ...]
    codecs: str = ""
    peak_bitrate_kbps: float | None = None
    keyframe_bytes: tuple[int, ...] = ()
    video_sha256: str = ""
    caps: Caps | None = None

    @property
    def bitrate_kbps(self) -> float:
        """Average video bitrate: packet bits over frames / frame rate, in kilobits per second."""
        duration_s = self.n_frames / self.encoded.frame_rate
        return float(self.size_bytes * 8 / duration_s / 1000)


@frozen
class ProbeSpec:
    """One trial encode and how it is scored."""

    encode: EncodeSpec
    model: VmafModel
    display: Resolution
    subsample: int = 1
    threads: int | None = None
    metrics: tuple[str, ...] = ()

    def score_request(self, encoded: Source, cpus: int | None) -> ScoreRequest:
        """Ask for the scores of an encode, or of what else is held against the source."""
        return ScoreRequest(
            reference=self.encode.source,
            distorted=encoded,
            model=self.model,
            display=self.display,
            subsample=self.subsample,
            threads=self.threads,
            cpus=cpus,
            metrics=self.metrics,
        )


@frozen
class Probe:
    """A measured point: one trial encode with its scores.

    Attributes:
        quality: Value of the quality knob.
        bitrate_kbps: Average video bitrate.
        size_bytes: Sum of the video packets' sizes.
        scores: Per-frame scores, so that another pooling needs no new encode.
        encode_time_s: Wall time of the encode.
        score_time_s: Wall time of decoding and scoring.
        encoder_version: From the encoder's own banner or bitstream.
        command: ffmpeg arguments that reproduce the encode, with a plain output name.
        codecs: Codec string for manifests (RFC 6381), from the bitstream; empty where it is not
            known.
        peak_bitrate_kbps: Highest bitrate of the segments that it would be delivered in; None where
            it is not known.
        cached: Whether it was measured before and only recalled; says nothing of what it measured,
            so that it counts for nothing in comparisons.
        keyframe_bytes: Size of each video packet that is a keyframe, in order; the first of them
            begins the encode. Empty where they are not known.
        parts: Of an estimate or an encode in chunks, the points that were measured, on parts of the
            clip in their order; empty for a clip that was measured as a whole.
        in_chunks: Whether the parts are chunks: all of the clip, and `command` joins their encodes.
        pixel_format: Of the encode, as decoded; None where it is not known.
        hdr_metadata: As of a `Source`, of the encode.
        without_grain: Whether its film grain was left out of scoring.
        video_sha256: Hash of the encode's video packets, one after the other; empty where it is not
            known, and for an encode that has parts.
        caps: What it was held to; None for no caps.
        side_by_side: Whether other probes were made at the same time, so that its times are longer
            than they would have been alone; like them, it says nothing of what was measured.
    """

    quality: float
    bitrate_kbps: float
    size_bytes: int
    scores: ScoreSet
    encode_time_s: float
    score_time_s: float
    encoder_version: str = ""
    command: tuple[str, ...] = field(default=())
    codecs: str = ""
    peak_bitrate_kbps: float | None = None
    cached: bool = field(default=False, compare=False)
    keyframe_bytes: tuple[int, ...] = ()
    parts: tuple[Probe, ...] = field(default=(), repr=False)
    in_chunks: bool = False
    pixel_format: PixelFormat | None = None
    hdr_metadata: tuple[str, ...] = ()
    video_sha256: str = ""
    without_grain: bool = False
    caps: Caps | None = None
    side_by_side: bool = field(default=False, compare=False)

    @property
    def chunk_commands(self) -> tuple[tuple[str, ...], ...]:
        """Of an encode in chunks, the commands of the chunks; empty otherwise."""
        return tuple(part.command for part in self.parts) if self.in_chunks else ()

    def without_frames(self) -> Probe:
        """Leave out what was measured of single frames, which is most of it for a long clip."""
        return replace(
            self,
            scores=replace(self.scores, frames=(), features={}, metrics={}),
            parts=tuple(part.without_frames() for part in self.parts),
        )


@frozen
class ProbeKey:
    """Names what was measured, by everything that decides the outcome.

    Attributes:
        digest: Hash of all of that.
        curve: Hash of all but the quality, the same for all points of one curve.
        source: Name of the source, for listings; no part of what decides.
        encoder: ffmpeg's name of the encoder, for listings; None for a source against itself.
        size: Size of the encode, or of the source against itself, for listings: `1280x720`.
        quality: Value of the quality knob; None for a source against itself, or where any will do.
    """

    digest: str
    curve: str
    source: str = field(compare=False)
    encoder: str | None = field(compare=False)
    size: str = field(compare=False)
    quality: float | None = field(default=None, compare=False)
