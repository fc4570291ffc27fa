"""One row for each encoder, holding every fact about it.

Ranges and native presets are those of `ffmpeg -h encoder=NAME`, narrowed to values that mean
constant quality with loss: a lossless mode has another profile or ten times the bits, and no limit
of bitrate or quality holds there.

Typical curves are fits to measured scores (vmaf_v0.6.1, between 20 and 96) of two film clips of 204
and 320 lines at every fourth or eighth value, with fast presets.

Efforts are geometric means of two, measured on two seconds of a film clip and of a still one.
"""

from __future__ import annotations

import difflib

from vmafx_tune.colours import DEFAULT_CHROMA_LOCATION
from vmafx_tune.encoders.row import Codec, EncoderRow
from vmafx_tune.errors import UnknownEncoderError
from vmafx_tune.knob import X264_PRESETS, Knob, Presets, Scout, SlowPreset, TypicalCurve

__all__ = ["EncoderRow", "all_rows", "encoder_row"]

_ALL_CHROMA = frozenset({"400", "420", "422", "444"})
_COLOUR_CHROMA = frozenset({"420", "422", "444"})
_ZERO_IS_LOSSLESS = "0 is lossless."


def _speeds(native: str, from_x264: str) -> Presets:
    """Line up an encoder's own presets with `X264_PRESETS`, both fastest first."""
    return Presets(tuple(native.split()), tuple(from_x264.split()))


_X264_SPEEDS = _speeds(" ".join(X264_PRESETS), " ".join(X264_PRESETS))

_FIXED_GOP = (("g", "{gop}"), ("keyint_min", "{gop}"))

_X264_CURVE = TypicalCurve(midpoint=38.4, width=4.8)


def _like_x264(*crfs: tuple[float, float]) -> TypicalCurve:
    """Make the typical curve of a knob from the values of x264's CRF that give its quality."""
    return TypicalCurve.through(*((own, _X264_CURVE.widths(crf)) for own, crf in crfs))


# By `benchmarks/fit_knobs.py`, on forty clips. Near the end of its range, a step takes as much
# quality as three do elsewhere.
_SVT_AV1_CURVE = _like_x264(
    *((10, 9.7), (20, 14.2), (30, 18.1), (40, 23.2), (48, 27.1)),
    *((54, 29.3), (58, 31.6), (61, 34.0), (63, 37.3)),
)

_X264 = EncoderRow(
    name="libx264",
    aliases=("x264",),
    label="x264",
    codec="h264",
    knob=Knob(
        "crf",
        lo=1,
        hi=51,
        default=23,
        increment=0.1,
        beyond="Below 1 an 8-bit encode is lossless, in a profile that devices do not decode.",
        typical=_X264_CURVE,
    ),
    presets=_X264_SPEEDS,
    # With its lookahead in a thread of its own, one encode in five or so of the same frames comes
    # out a little different, by up to 0.05 VMAF: too much for what is said to be proven.
    templates=(
        ("preset", "{preset}"),
        ("crf", "{quality}"),
        ("x264-params", "sync-lookahead=0"),
    ),
    gop_templates=(*_FIXED_GOP, ("sc_threshold", "0")),
    # ffmpeg hands on which field of a picture comes first, but for the headers x264 is to be asked.
    field_templates=(("flags", "+ilme+ildct"), ("x264-params", "{first_field}=1")),
    chroma=_ALL_CHROMA,
    version_pattern=r"264 - core (.+?) - H\.264",
    version_label="x264 core",
    url="https://trac.ffmpeg.org/wiki/Encode/H.264",
    # Else the picture parameters have the CRF in them.
    join_templates=(("x264-params", "stitchable=1"),),
    # Its own limit: two rows of macroblocks for each thread.
    lines_per_thread=32,
    effort=1.0,
    caps=True,
    # By `benchmarks/fit_scouts.py`, like those of the other rows.
    slow_presets=(
        SlowPreset("slower", 2.6, (Scout("medium", 1.0, lead=0.07),)),
        SlowPreset("veryslow", 4.0, (Scout("medium", 1.0, lead=0.02),)),
    ),
)

_X265 = EncoderRow(
    name="libx265",
    aliases=("x265",),
    label="x265",
    codec="hevc",
    # Even crf 0 is lossy: only --lossless is not.
    knob=Knob("crf", lo=0, hi=51, default=28, increment=0.1, typical=TypicalCurve(39.6, 5.2)),
    presets=_X264_SPEEDS,
    templates=(("preset", "{preset}"), ("crf", "{quality}")),
    # ffmpeg has no option of its own for open-gop.
    gop_templates=(("g", "{gop}"), ("x265-params", "min-keyint={gop}:scenecut=0:open-gop=0")),
    # ffmpeg's -threads counts the frames that are coded at once; the pool of threads that code them
    # would have one for each processor all the same.
    thread_templates=(("threads", "{threads}"), ("x265-params", "pools={threads}")),
    chroma=_ALL_CHROMA,
    version_pattern=r"HEVC encoder version (\S+)",
    version_label="x265",
    url="https://x265.readthedocs.io/en/stable/cli.html",
    # Else the headers list all settings, the CRF among them.
    join_templates=(("x265-params", "info=0"),),
    # Wavefronts: a row of coding tree units for each thread.
    lines_per_thread=64,
    effort=2.0,
    caps=True,
    slow_presets=(
        SlowPreset("slow", 4.6, (Scout("superfast", 1.3, lead=0.47),)),
        SlowPreset(
            "slower", 16.0, (Scout("superfast", 1.3, lead=0.54), Scout("slow", 4.6, lead=0.05))
        ),
        SlowPreset(
            "veryslow", 32.0, (Scout("superfast", 1.3, lead=0.57), Scout("slow", 4.6, lead=0.10))
        ),
    ),
)

_SVT_AV1 = EncoderRow(
    name="libsvtav1",
    aliases=("svt-av1", "svtav1"),
    label="SVT-AV1",
    codec="av1",
    # SVT-AV1 quantises crf to quarters, and ffmpeg's -crf cuts fractions off and takes 0 for unset.
    knob=Knob(
        "crf",
        lo=1,
        hi=63,
        default=35,
        increment=0.25,
        beyond=_ZERO_IS_LOSSLESS,
        typical=_SVT_AV1_CURVE.moved(-0.4),
        like_x264=_SVT_AV1_CURVE,
    ),
    presets=_speeds(
        native="13 12 11 10 9 8 7 6 5 4 3 2 1 0 -1",
        from_x264="13 12 11 10 9 7 5 3 2 0",
    ),
    templates=(("preset", "{preset}"), ("crf", "{quality}")),
    # Its second kind of refresh is the key frame that begins a closed GOP.
    gop_templates=(("g", "{gop}"), ("svtav1-params", "scd=0:irefresh-type=2")),
    fraction_option="svtav1-params",
    odd_sizes=True,
    join_templates=(),
    version_pattern=r"SVT-AV1 Encoder Lib (\S+)",
    version_label="SVT-AV1",
    url="https://gitlab.com/AOMediaCodec/SVT-AV1/-/blob/master/Docs/Parameters.md",
    # Segments of a picture are rows of superblocks.
    lines_per_thread=64,
    effort=1.5,
    # Its keyframes, five times the multiple of 32 frames that is nearest to a second apart, take a
    # few pictures' bits wherever they are.
    keyframe_s=6.0,
    opening_weight=1.0,
    caps=True,
    slow_presets=(
        SlowPreset("3", 3.2, (Scout("8", 1.1, lead=0.12),)),
        SlowPreset("2", 6.1, (Scout("8", 1.1, lead=0.29),)),
    ),
)

_AOM = EncoderRow(
    name="libaom-av1",
    aliases=("aom", "libaom"),
    label="libaom",
    # ffmpeg does not pass it on.
    location_templates=(("topleft", "aom-params", "chroma-sample-position=colocated"),),
    codec="av1",
    knob=Knob(
        "crf", lo=1, hi=63, default=35, beyond=_ZERO_IS_LOSSLESS, typical=TypicalCurve(61.4, 8.2)
    ),
    presets=_speeds(native="8 7 6 5 4 3 2 1 0", from_x264="8 7 6 6 5 4 3 2 1 0"),
    # Without -b:v 0, crf is only the best quality that a bitrate limit allows.
    templates=(("cpu-used", "{preset}"), ("crf", "{quality}"), ("b:v", "0")),
    gop_templates=_FIXED_GOP,
    chroma=_ALL_CHROMA,
    odd_sizes=True,
    join_templates=(),
    version_pattern=r"\[libaom-av1 @ [^\]]*\] (?:\[\w+\] )?(v?\d\S*)",
    version_label="libaom",
    url="https://trac.ffmpeg.org/wiki/Encode/AV1#libaom",
    # Without tiles, rows of superblocks.
    lines_per_thread=64,
    effort=11.0,
)

_VP9 = EncoderRow(
    name="libvpx-vp9",
    aliases=("vp9", "libvpx"),
    label="libvpx",
    codec="vp9",
    knob=Knob(
        "crf", lo=1, hi=63, default=32, beyond=_ZERO_IS_LOSSLESS, typical=TypicalCurve(60, 8.2)
    ),
    # With the good deadline, everything above 5 is the same as 5.
    presets=_speeds(native="8 7 6 5 4 3 2 1 0", from_x264="5 5 5 4 3 2 1 1 0 0"),
    templates=(
        ("deadline", "good"),
        ("cpu-used", "{preset}"),
        ("crf", "{quality}"),
        ("b:v", "0"),
        ("row-mt", "1"),
    ),
    gop_templates=_FIXED_GOP,
    chroma=_COLOUR_CHROMA,
    odd_sizes=True,
    join_templates=(),
    version_pattern=r"\[libvpx-vp9 @ [^\]]*\] (?:\[\w+\] )?(v?\d\S*)",
    version_label="libvpx",
    url="https://trac.ffmpeg.org/wiki/Encode/VP9",
    lines_per_thread=64,
    effort=2.5,
)

_VVENC = EncoderRow(
    name="libvvenc",
    aliases=("vvenc",),
    label="VVenC",
    codec="vvc",
    knob=Knob(
        "qp",
        lo=0,
        hi=63,
        default=32,
        typical=TypicalCurve(41.4, 4.7),
    ),
    presets=_speeds(
        native="faster fast medium slow slower",
        from_x264="faster faster faster faster fast medium slow slower slower slower",
    ),
    templates=(("preset", "{preset}"), ("qp", "{quality}")),
    # ffmpeg's -period counts whole seconds, and -g is not passed on. Without RADL pictures no
    # packet that follows a keyframe is shown before it, so segments begin at their first picture.
    gop_templates=(("vvenc-params", "intraperiod={gop}:decodingrefreshtype=idr_no_radl"),),
    # ffmpeg has it count frames, and it makes up decoding times from that.
    clock_templates=(("vvenc-params", "tickspersec={ticks}:framerate={rate}:framescale=1"),),
    depths=frozenset({10}),
    # ffmpeg labels the container, and leaves the bitstream at limited range.
    full_range_templates=(("vvenc-params", "videofullrange=1"),),
    location_templates=tuple(
        (
            place,
            "vvenc-params",
            f"vuiparameterspresent=1:chromalocinfopresent=1:chromasampleloctype={number}",
        )
        # As H.273 numbers them.
        for number, place in enumerate(("left", "center", "topleft", "top"))
        if place != DEFAULT_CHROMA_LOCATION
    ),
    version_pattern=r"libvvenc version: (\S+)",
    version_label="VVenC",
    url="https://github.com/fraunhoferhhi/vvenc/wiki/FFmpeg-Integration",
    # It codes whole pictures at once, and takes 4 threads for small ones and 8 from 1080p on.
    lines_per_thread=128,
    effort=23.0,
    # Efforts were measured on cuts of films only, and the lead for `slower` at one QP.
    slow_presets=(
        SlowPreset("medium", 23.0, (Scout("faster", 4.2, lead=0.29),)),
        SlowPreset("slow", 83.0, (Scout("faster", 4.2, lead=0.33),)),
        SlowPreset("slower", 350.0, (Scout("faster", 4.2, lead=0.28),)),
    ),
)

_CODEC_LABELS = {
    "h264": "H.264",
    "hevc": "HEVC",
    "av1": "AV1",
}

# What hardware other than NVIDIA's takes.
_DEPTHS = {
    "h264": frozenset({8}),
    "hevc": frozenset({8, 10}),
    "av1": frozenset({8, 10}),
}


def _nvenc(codec: Codec, hi: float) -> EncoderRow:
    return EncoderRow(
        name=f"{codec}_nvenc",
        label=f"NVENC {_CODEC_LABELS[codec]}",
        codec=codec,
        kind="nvenc",
        # 0 would mean "let the encoder choose".
        knob=Knob("cq", lo=1, hi=hi, default=23, increment=0.1),
        presets=_speeds(native="p1 p2 p3 p4 p5 p6 p7", from_x264="p1 p1 p2 p3 p3 p4 p5 p6 p7 p7"),
        templates=(("preset", "{preset}"), ("rc", "vbr"), ("cq", "{quality}"), ("b:v", "0")),
        gop_templates=(("g", "{gop}"), ("no-scenecut", "1"), ("forced-idr", "1")),
        chroma=_COLOUR_CHROMA,
        packed_formats=True,
        version_pattern=r"Loaded Nvenc version (\d+\.\d+)",
        version_label="NVENC API",
        url="https://docs.nvidia.com/video-technologies/video-codec-sdk/ffmpeg-with-nvidia-gpu/",
    )


def _qsv(codec: Codec, chroma: frozenset[str] = frozenset({"420"})) -> EncoderRow:
    return EncoderRow(
        name=f"{codec}_qsv",
        label=f"Quick Sync {_CODEC_LABELS[codec]}",
        codec=codec,
        kind="qsv",
        knob=Knob("global_quality", lo=1, hi=51, default=23),
        presets=_speeds(
            native="veryfast faster fast medium slow slower veryslow",
            from_x264=(
                "veryfast veryfast veryfast faster fast medium slow slower veryslow veryslow"
            ),
        ),
        templates=(("preset", "{preset}"), ("global_quality", "{quality}")),
        gop_templates=(("g", "{gop}"), ("adaptive_i", "0"), ("flags", "+cgop")),
        # The encoder takes the one device of its type and uploads frames by itself, so that no
        # hwupload filter is needed.
        input_options=(("init_hw_device", "qsv=hw"),),
        chroma=chroma,
        depths=_DEPTHS[codec],
        packed_formats=True,
        version_pattern=r"API version is (\d+\.\d+)",
        version_label="oneVPL API",
        url="https://trac.ffmpeg.org/wiki/Hardware/QuickSync",
    )


def _amf(codec: Codec, knob: Knob, frames: str) -> EncoderRow:
    """Describe an AMF encoder; `frames` are the types of frame that have a `qp` of their own."""
    return EncoderRow(
        name=f"{codec}_amf",
        label=f"AMF {_CODEC_LABELS[codec]}",
        codec=codec,
        kind="amf",
        knob=knob,
        presets=_speeds(
            native="speed balanced quality high_quality",
            from_x264=("speed speed speed speed balanced balanced quality quality quality quality"),
        ),
        templates=(
            ("rc", "cqp"),
            *((f"qp_{frame}", "{quality}") for frame in frames),
            ("quality", "{preset}"),
        ),
        # It places keyframes at scene cuts in its pre-analysis only, which is off by default.
        gop_templates=(("g", "{gop}"),),
        depths=_DEPTHS[codec],
        packed_formats=True,
        url="https://github.com/GPUOpen-LibrariesAndSDKs/AMF/wiki",
    )


def _videotoolbox(codec: Codec) -> EncoderRow:
    return EncoderRow(
        name=f"{codec}_videotoolbox",
        label=f"VideoToolbox {_CODEC_LABELS[codec]}",
        codec=codec,
        kind="videotoolbox",
        knob=Knob(
            "q:v", lo=1, hi=99, default=50, higher_is_better=True, beyond="100 asks for lossless."
        ),
        presets=Presets(),
        templates=(("q:v", "{quality}"),),
        gop_templates=(("g", "{gop}"), ("flags", "+cgop")),
        depths=_DEPTHS[codec],
        packed_formats=True,
        url="https://trac.ffmpeg.org/wiki/HWAccelIntro#VideoToolbox",
    )


_ROWS = (
    _X264,
    _X265,
    _SVT_AV1,
    _AOM,
    _VP9,
    _VVENC,
    _nvenc("h264", hi=51),
    _nvenc("hevc", hi=51),
    _nvenc("av1", hi=63),
    _qsv("h264"),
    _qsv("hevc", chroma=_COLOUR_CHROMA),
    _qsv("av1"),
    _amf("h264", Knob("qp", lo=0, hi=51, default=23), frames="ipb"),
    # It has no B frames.
    _amf("hevc", Knob("qp", lo=0, hi=51, default=23), frames="ip"),
    _amf(
        "av1",
        Knob("qp", lo=1, hi=255, default=23, beyond=_ZERO_IS_LOSSLESS),
        frames="ipb",
    ),
    _videotoolbox("h264"),
    _videotoolbox("hevc"),
)

_MAX_SUGGESTIONS = 3
_BY_NAME = {name: row for row in _ROWS for name in (row.name, *row.aliases)}


def all_rows() -> tuple[EncoderRow, ...]:
    """Return every encoder: software first, then hardware by vendor."""
    return _ROWS


def encoder_row(name: str) -> EncoderRow:
    """Find an encoder by ffmpeg's name for it, or by an alias; case does not matter.

    Raises:
        UnknownEncoderError: There is none; it names those that look like it.
    """
    wanted = name.strip().lower()
    if wanted not in _BY_NAME:
        raise UnknownEncoderError(name, _nearest(wanted))
    return _BY_NAME[wanted]


def _nearest(name: str) -> tuple[str, ...]:
    # The name of a codec is no spelling mistake: what is meant is one of its encoders.
    of_codec = [row.name for row in _ROWS if row.codec == name]
    close = difflib.get_close_matches(name, _BY_NAME, n=_MAX_SUGGESTIONS, cutoff=0.5)
    names = dict.fromkeys([*of_codec, *(_BY_NAME[match].name for match in close)])
    return tuple(names)[:_MAX_SUGGESTIONS]
