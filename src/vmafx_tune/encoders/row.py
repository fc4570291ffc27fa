"""What the registry says of an encoder: the type of one row, and the checks that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from vmafx_tune.colours import DEFAULT_CHROMA_LOCATION
from vmafx_tune.encoders.extra_args import (
    check_extra_args,
    check_gop_args,
    find_value,
    has_filters,
)
from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.knob import Knob
from vmafx_tune.media.pixel_formats import CHROMA_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.knob import Presets, Scout, SlowPreset
    from vmafx_tune.model import EncodeSpec, Resolution

__all__ = ["Codec", "EncoderRow"]

_LOCATED_BY_FORMAT = frozenset({"mjpeg", "rawvideo"})
_ALL_LOCATIONS = frozenset({"left", "center", "topleft", "top"})


Codec: TypeAlias = Literal["h264", "hevc", "av1", "vp9", "vvc"]
"""The bitstream format that an encoder writes."""

# Where ffmpeg's own choice does not play everywhere.
_MP4_TAGS = {"hevc": "hvc1"}
# Where chroma samples may lie so that the bitstream can say it.
_LOCATIONS = {"av1": frozenset({"left", "topleft"}), "vp9": frozenset[str]()}


@frozen
class EncoderRow:
    """Every fact about one encoder.

    Attributes:
        name: ffmpeg's encoder name.
        label: What people call it.
        codec: What it writes.
        knob: Its constant-quality setting.
        presets: Its speeds.
        templates: ffmpeg's output options in the order of the documentation, name without the dash
            to value; `{quality}` and `{preset}` stand for the two.
        gop_templates: Output options that ask for closed GOPs of `{gop}` frames, without keyframes
            at scene cuts.
        field_templates: Output options that code the fields of interlaced pictures, the first of
            them `{first_field}` (`tff` or `bff`); empty where it codes frames only.
        depths: Bits per sample that it takes.
        packed_formats: Whether it takes 4:2:0 as `nv12` and `p010le` only, not in planes.
        thread_templates: Output options that hold it to `{threads}` threads, beside those that
            ffmpeg itself takes to decode and scale.
        clock_templates: Output options that tell it a clock of `{ticks}` per second and a nominal
            `{rate}` that divides it, where it does not take ffmpeg's.
        full_range_templates: Output options that have it state full range, where ffmpeg does not.
        location_templates: Output options that have it state where chroma samples lie, where ffmpeg
            does not: ffmpeg's name of the place, then option and value.
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
        lines_per_thread: Lines of a picture that keep one of its threads busy; None where all
            pictures keep it busy, as on hardware.
        effort: Processor time of an encode with the default preset, in that of libx264's.
        opening_weight: How much of the first keyframe of a part of a clip counts for the clip's
            bitrate, from 0 to 1: most encoders spend more on it than on any keyframe later on, and
            the whole clip has one of them.
        join_templates: Output options with which encodes of all qualities have the same headers, so
            that they can follow each other in one stream; None where they cannot.
        keyframe_s: About how many seconds apart its keyframes are where nothing asks for others;
            None where the pictures decide.
        kind: What it runs on: `software`, or the hardware's interface.
        caps: Whether ffmpeg's `-maxrate` and `-bufsize` limit it at constant quality.
        slow_presets: Those that looks are not taken with; see `benchmarks/fit_scouts.py`.
    """

    name: str
    label: str
    codec: Codec
    knob: Knob
    presets: Presets
    templates: tuple[tuple[str, str], ...]
    gop_templates: tuple[tuple[str, str], ...]
    thread_templates: tuple[tuple[str, str], ...] = (("threads", "{threads}"),)
    clock_templates: tuple[tuple[str, str], ...] = ()
    field_templates: tuple[tuple[str, str], ...] = ()
    depths: frozenset[int] = frozenset({8, 10})
    packed_formats: bool = False
    full_range_templates: tuple[tuple[str, str], ...] = ()
    location_templates: tuple[tuple[str, str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    fraction_option: str | None = None
    input_options: tuple[tuple[str, str], ...] = ()
    chroma: frozenset[str] = frozenset({"420"})
    odd_sizes: bool = False
    version_pattern: str | None = None
    version_label: str = ""
    url: str = "https://ffmpeg.org/ffmpeg-codecs.html#Video-Encoders"
    lines_per_thread: int | None = None
    effort: float = 0.0
    opening_weight: float = 0.0
    join_templates: tuple[tuple[str, str], ...] | None = None
    keyframe_s: float | None = None
    kind: str = "software"
    caps: bool = False
    slow_presets: tuple[SlowPreset, ...] = ()

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        where = f" on {self.kind} hardware" if self.is_hardware else ""
        return f"{self.label}: {self.codec} encoder{where}"

    @property
    def is_hardware(self) -> bool:
        """Whether it needs a device and its driver."""
        return self.kind != "software"

    @property
    def mp4_tag(self) -> str | None:
        """Sample entry to ask for in MP4; None for ffmpeg's own choice."""
        return _MP4_TAGS.get(self.codec)

    @property
    def chroma_locations(self) -> frozenset[str]:
        """Where chroma samples may lie so that its bitstreams can say it, in ffmpeg's names."""
        return _LOCATIONS.get(self.codec, _ALL_LOCATIONS)

    @property
    def reserved(self) -> frozenset[str]:
        """Option names, without stream specifiers, that hold the quality and are ours to set."""
        names = {name for name, template in self.templates if "{quality}" in template}
        return frozenset(name.partition(":")[0] for name in names | {self.knob.name})

    @property
    def preset_options(self) -> frozenset[str]:
        """Option names that hold the preset; none for an encoder with one speed only."""
        return frozenset(name for name, template in self.templates if "{preset}" in template)

    def require_caps(self) -> None:
        """Make sure that its bitrate can be capped.

        Raises:
            UsageError: It cannot.
        """
        if not self.caps:
            raise UsageError(
                f"--maxrate-factor has no effect on {self.name}, which takes no cap beside its "
                f"{self.knob.name}. Leave it out."
            )

    def useful_threads(self, size: Resolution) -> int:
        """Estimate how many threads the encoder can keep busy with pictures of a size.

        Args:
            size: Of the encoded picture; its shorter side counts.
        """
        if self.lines_per_thread is None:
            return 1
        return max(1, min(size.width, size.height) // self.lines_per_thread)

    def options(
        self,
        quality: float,
        preset: str | None,
        gop_frames: int | None = None,
        threads: int | None = None,
        clock: Mapping[str, int] | None = None,
        first_field: str | None = None,
        *,
        full_range: bool = False,
        chroma_location: str | None = None,
        joinable: bool = False,
    ) -> dict[str, str]:
        """Build the encoder's ffmpeg options.

        Args:
            quality: Value of the knob.
            preset: One of x264's names or a native one; None for the default.
            gop_frames: Distance of the keyframes; None leaves it to the encoder.
            threads: Threads that it may have; None leaves it to the encoder.
            clock: `ticks` and `rate` of frames at uneven distances; None for even ones.
            first_field: `tff` or `bff` to code fields; None to code frames.
            full_range: Whether the samples have full range, which an encoder may have to be told.
            chroma_location: Where chroma samples lie, which it may have to be told likewise.
            joinable: Whether encodes of other qualities are to have the same headers.

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
        if gop_frames is not None:
            if gop_frames < 1:
                raise UsageError(f"a GOP cannot have {gop_frames} frames; it has at least one.")
            options = _joined(options, self.gop_templates, gop=gop_frames)
        if threads is not None:
            options = _joined(options, self.thread_templates, threads=threads)
        if clock is not None:
            options = _joined(options, self.clock_templates, **clock)
        if first_field is not None:
            options = _joined(options, self.field_templates, first_field=first_field)
        if full_range:
            options = _joined(options, self.full_range_templates)
        if chroma_location is not None:
            told = [pair for place, *pair in self.location_templates if place == chroma_location]
            options = _joined(options, told)
        if joinable:
            options = _joined(options, self.join_templates or ())
        return options

    def effort_of(self, spec: EncodeSpec) -> float:
        """Estimate the processor time of an encode, in that of libx264 with its default preset."""
        slow = self._slow(spec.preset)
        return self.effort if slow is None else slow.effort

    def scouts(self, spec: EncodeSpec) -> tuple[Scout, ...]:
        """Find the presets that looks at an encode are taken with, the fastest first.

        Returns:
            None at all where none is fast enough, or an argument of the user sets the preset.
        """
        if any(find_value(spec.extra_args, name) is not None for name in self.preset_options):
            return ()
        slow = self._slow(spec.preset)
        return () if slow is None else slow.scouts

    def _slow(self, preset: str | None) -> SlowPreset | None:
        native = self.presets.native_of(preset)
        return next((slow for slow in self.slow_presets if slow.name == native), None)

    def first_field(self, spec: EncodeSpec) -> str | None:
        """Name the field that an encode codes first: `tff` or `bff`; None where it codes frames."""
        source = spec.source
        if not (source.interlaced and self.field_templates):
            return None
        # Each field has chroma of its own.
        step = 2 * CHROMA_STEPS[self._encoded_chroma(spec)][1]
        if (spec.size or source.resolution).height % step:
            return None
        return "bff" if source.bottom_field_first else "tff"

    def notes(self, spec: EncodeSpec) -> tuple[str, ...]:
        """Say what an encode does not keep of its source, in sentences."""
        return (*self._field_notes(spec), *self._location_notes(spec))

    def chroma_location(self, spec: EncodeSpec) -> str | None:
        """Name the place of an encode's chroma samples that is its source's.

        None where neither is 4:2:0, the source does not say, or an argument of the user does.
        """
        is_kept = spec.source.pixel_format.chroma == self._encoded_chroma(spec) == "420"
        is_asked = find_value(spec.extra_args, "chroma_sample_location") is not None
        return spec.source.chroma_location if is_kept and not is_asked else None

    def check_location(self, spec: EncodeSpec) -> None:
        """Refuse a source that states a chroma location which the bitstream cannot.

        Motion JPEG and Y4M have one by definition, whatever was meant: for them a note will do.

        Raises:
            MediaError: The encode would state another location, or none.
        """
        source, place = spec.source, self._lost_location(spec)
        if place is not None and source.codec not in _LOCATED_BY_FORMAT:
            raise MediaError(
                f"The chroma location of '{source.path}' is {place}, which {self.codec.upper()} "
                "cannot signal. Move the samples with --filter zscale=chromal=left, accept the "
                'shift with --encoder-args "-chroma_sample_location left", or choose an encoder '
                "that signals it, such as libx265."
            )

    def _lost_location(self, spec: EncodeSpec) -> str | None:
        place = self.chroma_location(spec) or DEFAULT_CHROMA_LOCATION
        is_kept = place == DEFAULT_CHROMA_LOCATION or place in self.chroma_locations
        return None if is_kept else place

    def _location_notes(self, spec: EncodeSpec) -> tuple[str, ...]:
        place = self._lost_location(spec)
        if place is None:
            return ()
        note = (
            f"The chroma location of '{spec.source.path}' is {place}, which "
            f"{self.codec.upper()} cannot signal: players will assume {DEFAULT_CHROMA_LOCATION}, "
            "which shifts colours by up to half a pixel. VMAF only compares luma."
        )
        return (note,)

    def _field_notes(self, spec: EncodeSpec) -> tuple[str, ...]:
        if not spec.source.interlaced or self.first_field(spec) is not None:
            return ()
        size = spec.size or spec.source.resolution
        why = f" of {size} pictures" if self.field_templates else ""
        note = (
            f"'{spec.source.path}' is interlaced, but {self.name} cannot encode fields{why}: "
            "its encodes are flagged as progressive. Use --deinterlace, or --codec libx264."
        )
        return (note,)

    def pixel_format(self, spec: EncodeSpec) -> str | None:
        """Name the pixel format of an encode of a given depth; None where none is given.

        Raises:
            UsageError: The encoder does not take that depth, or the format is given already.
        """
        if spec.depth is None:
            return None
        if spec.depth not in self.depths:
            taken = " or ".join(str(depth) for depth in sorted(self.depths))
            raise UsageError(f"it encodes {taken} bits per sample, not {spec.depth} (--depth).")
        if find_value(spec.extra_args, "pix_fmt") is not None:
            raise UsageError("--depth and -pix_fmt both set the pixel format. Use one of them.")
        chroma = self._encoded_chroma(spec)
        if self.packed_formats:
            return "nv12" if spec.depth == 8 else "p010le"
        name = "gray" if chroma == "400" else f"yuv{chroma}p"
        return name if spec.depth == 8 else f"{name}{spec.depth}le"

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
            self.pixel_format(spec)
            if spec.gop_frames is not None:
                check_gop_args(spec.extra_args, self.gop_templates)
        except UsageError as error:
            raise UsageError(f"{self.name}: {error}") from error
        self._check_size(spec)

    def _check_size(self, spec: EncodeSpec) -> None:
        if self.odd_sizes or has_filters(spec.extra_args):
            return
        chroma = self._encoded_chroma(spec)
        step_x, step_y = CHROMA_STEPS[chroma]
        size = spec.size or spec.source.resolution
        if size.width % step_x == 0 and size.height % step_y == 0:
            return
        sides = "width and height" if step_y > 1 else "width"
        need = f"{self.name} needs an even {sides} at {':'.join(chroma)}"
        if spec.size is not None:
            raise UsageError(f"An encode cannot be {size}: {need}.")
        raise MediaError(
            f"'{spec.source.path}' is {size}, which is odd, but {need}. Crop or scale the source "
            "first, or choose an encoder that supports odd sizes, such as libsvtav1 or libvpx-vp9."
        )

    def _encoded_chroma(self, spec: EncodeSpec) -> str:
        asked = find_value(spec.extra_args, "pix_fmt")
        if asked is not None:
            return next((name for name in ("444", "422") if name in asked), "420")
        chroma = spec.source.pixel_format.chroma
        return chroma if chroma in self.chroma and chroma in CHROMA_STEPS else "420"


def _joined(
    options: Mapping[str, str], templates: Iterable[Sequence[str]], **values: object
) -> dict[str, str]:
    """Add options; those that are there already are dictionary options, and hold both."""
    asked = {name: template.format(**values) for name, template in templates}
    shared = {name: f"{options[name]}:{asked[name]}" for name in asked if name in options}
    return {**options, **asked, **shared}
