"""What the registry says of an encoder: the type of one row, and the checks that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.encoders.extra_args import check_extra_args, find_value, has_filters
from vmafx_tune.errors import MediaError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.model import EncodeSpec

__all__ = ["X264_PRESETS", "CodecFamily", "EncoderKind", "EncoderRow", "Knob", "Presets"]

X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
"""x264's preset names, fastest first: the vocabulary that every encoder understands here."""

_CHROMA_STEPS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"420": (2, 2), "422": (2, 1), "444": (1, 1), "400": (1, 1)}
)


class CodecFamily(StrEnum):
    """The bitstream format that an encoder writes."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"
    VP9 = "vp9"
    VVC = "vvc"

    @property
    def mp4_tag(self) -> str | None:
        """Sample entry to ask for in MP4, where ffmpeg's own choice does not play everywhere."""
        return "hvc1" if self is CodecFamily.HEVC else None


class EncoderKind(StrEnum):
    """What an encoder runs on."""

    SOFTWARE = "software"
    NVENC = "nvenc"
    QSV = "qsv"
    AMF = "amf"
    VIDEOTOOLBOX = "videotoolbox"

    @property
    def is_hardware(self) -> bool:
        """Whether it needs a device and its driver."""
        return self is not EncoderKind.SOFTWARE


@dataclass(frozen=True, slots=True)
class Knob:
    """An encoder's constant-quality setting.

    Attributes:
        name: ffmpeg's option without the dash: `crf`, `cq`, `qp`, `global_quality`, `q:v`.
        lo: Lowest value used.
        hi: Highest value used.
        default: The encoder's own, or the usual one where it has none.
        increment: Smallest change that the encoder tells apart.
        higher_is_better: Whether higher values mean better quality.
    """

    name: str
    lo: float
    hi: float
    default: float
    increment: float = 1.0
    higher_is_better: bool = False

    @property
    def label(self) -> str:
        """The name as a word that is safe in file names."""
        return self.name.replace(":", "").replace("global_quality", "gq")

    @property
    def extent(self) -> str:
        """Range, step and direction in words, for messages and `--help`."""
        better = "higher" if self.higher_is_better else "lower"
        return (
            f"{self.text(self.lo)} to {self.text(self.hi)} in steps of {self.text(self.increment)}"
            f" ({better} is better)"
        )

    @staticmethod
    def text(value: float) -> str:
        """Write a value as ffmpeg takes it: `23`, `23.5`."""
        return f"{value:.10g}"

    def check(self, quality: float) -> None:
        """Refuse a value that the encoder does not take.

        Raises:
            UsageError: It is out of range, or lies between two values.
        """
        in_range = math.isfinite(quality) and self.lo <= quality <= self.hi
        if not in_range or not _is_multiple(quality, self.increment):
            raise UsageError(
                f"{self.name} {quality:g} is not possible; it goes from {self.extent}."
            )

    def check_increment(self, increment: float) -> None:
        """Refuse a distance between values that the encoder cannot tell apart.

        Raises:
            UsageError: It is not a positive multiple of `self.increment`.
        """
        positive = math.isfinite(increment) and increment > 0
        if not positive or not _is_multiple(increment, self.increment):
            raise UsageError(
                f"A step of {increment:g} is not possible for {self.name}: the encoder tells steps "
                f"of {self.text(self.increment)} apart, so give a multiple of that."
            )


@dataclass(frozen=True, slots=True)
class Presets:
    """An encoder's speeds, in its own words and in x264's.

    Attributes:
        native: Its own values, fastest first; empty for an encoder with one speed only.
        from_x264: Its own value for each of `X264_PRESETS`; empty likewise.
        default: What is used where the user names none.
    """

    native: tuple[str, ...] = ()
    from_x264: Mapping[str, str] = field(default_factory=dict, hash=False)
    default: str = "medium"

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_x264", MappingProxyType(dict(self.from_x264)))

    def native_of(self, preset: str | None) -> str:
        """Translate a preset; x264's names go before native ones that read the same.

        Args:
            preset: One of `X264_PRESETS` or a native value; None for the default.

        Returns:
            The native value; empty for an encoder with one speed only, for which any of x264's
            names will do.

        Raises:
            UsageError: It is neither.
        """
        name = self.default if preset is None else preset
        if not self.native and name in X264_PRESETS:
            return ""
        if name in self.from_x264:
            return self.from_x264[name]
        if name in self.native:
            return name
        raise UsageError(f"there is no preset '{name}'; it takes {self.vocabulary}.")

    @property
    def vocabulary(self) -> str:
        """All that `native_of` takes, in words."""
        own = [value for value in self.native if value not in X264_PRESETS]
        listing = ", ".join(X264_PRESETS)
        return f"{listing}; or its own {', '.join(own)}" if own else listing


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """Every fact about one encoder.

    Attributes:
        name: ffmpeg's encoder name.
        label: What people call it.
        codec: What it writes.
        kind: What it runs on.
        knob: Its constant-quality setting.
        presets: Its speeds.
        templates: ffmpeg's output options in the order of the documentation, name without the dash
            to value; `{quality}` and `{preset}` stand for the two.
        gop_templates: Output options that ask for closed GOPs of `{gop}` frames, without keyframes
            at scene cuts.
        aliases: Other names that users may give it.
        fraction_option: A dictionary option (`a=1:b=2`) that takes the knob's fractions where the
            knob's own option takes whole numbers only.
        input_options: ffmpeg options that set up the device, before `-i`.
        chroma: Subsamplings that it keeps; ffmpeg converts all others to 4:2:0.
        odd_sizes: Whether it codes sizes that its chroma subsampling does not divide.
        version_pattern: Regular expression that finds the encoder's version, as its first group, in
            ffmpeg's log or in the bitstream; None where neither tells.
        version_label: What to put before that version.
        url: The page that documents its options.
    """

    name: str
    label: str
    codec: CodecFamily
    kind: EncoderKind
    knob: Knob
    presets: Presets
    templates: tuple[tuple[str, str], ...]
    gop_templates: tuple[tuple[str, str], ...]
    aliases: tuple[str, ...] = ()
    fraction_option: str | None = None
    input_options: tuple[tuple[str, str], ...] = ()
    chroma: frozenset[str] = frozenset({"420"})
    odd_sizes: bool = False
    version_pattern: str | None = None
    version_label: str = ""
    url: str = "https://ffmpeg.org/ffmpeg-codecs.html#Video-Encoders"

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        where = f" on {self.kind.value} hardware" if self.kind.is_hardware else ""
        return f"{self.label}: {self.codec.value} encoder{where}"

    @property
    def reserved(self) -> frozenset[str]:
        """Option names, without stream specifiers, that hold the quality and are ours to set."""
        names = {name for name, template in self.templates if "{quality}" in template}
        return frozenset(name.partition(":")[0] for name in names | {self.knob.name})

    def options(
        self, quality: float, preset: str | None, gop_frames: int | None = None
    ) -> dict[str, str]:
        """Build the encoder's ffmpeg options.

        Args:
            quality: Value of the knob.
            preset: One of x264's names or a native one; None for the default.
            gop_frames: Distance of the keyframes; None leaves it to the encoder.

        Returns:
            Option names without the dash, with their values.

        Raises:
            UsageError: The encoder does not take one of them.
        """
        self.knob.check(quality)
        values = {"quality": Knob.text(quality), "preset": self.presets.native_of(preset)}
        options = {name: template.format(**values) for name, template in self.templates}
        if self.fraction_option is not None and not float(quality).is_integer():
            options[self.fraction_option] = f"{self.knob.name}={options.pop(self.knob.name)}"
        return options if gop_frames is None else self._with_gop(options, gop_frames)

    def _with_gop(self, options: Mapping[str, str], gop_frames: int) -> dict[str, str]:
        if gop_frames < 1:
            raise UsageError(f"a GOP of {gop_frames} frames is not possible; it has at least one.")
        asked = {name: template.format(gop=gop_frames) for name, template in self.gop_templates}
        # Parameters that share a dictionary option with a fractional quality.
        shared = {name: f"{options[name]}:{asked[name]}" for name in asked if name in options}
        return {**options, **asked, **shared}

    def check(self, spec: EncodeSpec) -> None:
        """Refuse an encode that cannot work, before anything runs.

        Raises:
            UsageError: The quality, the preset, the size or an extra argument is not one that the
                encoder takes.
            MediaError: The source's size is not one that it takes.
        """
        try:
            self.options(spec.quality, spec.preset, spec.gop_frames)
            check_extra_args(spec.extra_args, self.reserved)
        except UsageError as error:
            raise UsageError(f"{self.name}: {error}") from error
        self._check_size(spec)

    def _check_size(self, spec: EncodeSpec) -> None:
        if self.odd_sizes or has_filters(spec.extra_args):
            return
        chroma = self._encoded_chroma(spec)
        step_x, step_y = _CHROMA_STEPS[chroma]
        size = spec.size or spec.source.resolution
        if size.width % step_x == 0 and size.height % step_y == 0:
            return
        sides = "width and height" if step_y > 1 else "width"
        need = f"{self.name} needs an even {sides} at {':'.join(chroma)}"
        if spec.size is not None:
            raise UsageError(f"An encode cannot be {size}: {need}.")
        raise MediaError(
            f"'{spec.source.path}' is {size}, which is odd, and {need}. Crop or scale the source "
            "first, or choose an encoder that takes odd sizes, such as libsvtav1 or libvpx-vp9."
        )

    def _encoded_chroma(self, spec: EncodeSpec) -> str:
        asked = find_value(spec.extra_args, "pix_fmt")
        if asked is not None:
            return next((name for name in ("444", "422") if name in asked), "420")
        chroma = spec.source.pixel_format.chroma
        return chroma if chroma in self.chroma and chroma in _CHROMA_STEPS else "420"


def _is_multiple(value: float, increment: float) -> bool:
    # Through the decimal text: in binary, 23.1 is no multiple of 0.1.
    return (Fraction(repr(float(value))) / Fraction(repr(float(increment)))).denominator == 1
