"""Checks and completes what Shaka Packager writes: its manifests, by measurements of the files.

Its bitrates leave out part of what is sent, or count a last segment of one frame as a peak; it
knows nothing of scores, and names no default audio.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar
from xml.etree import ElementTree as ET

from vmafx_tune.errors import ToolOutputError
from vmafx_tune.formatting import vmaf
from vmafx_tune.frozen import frozen
from vmafx_tune.manifests.hls import FIRST_KBPS, hls_scores
from vmafx_tune.media.packets import Segment, average_rate, peak_segment_rate
from vmafx_tune.package.packager import DASH, HLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from vmafx_tune.choices import HlsScore
    from vmafx_tune.manifests.variant import VideoRange
    from vmafx_tune.model import Resolution

__all__ = ["AudioFacts", "Rates", "VideoFacts", "complete_dash", "complete_hls", "measure_playlist"]

FactsT = TypeVar("FactsT")

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
_MEDIA, _VARIANT, _IFRAMES = "#EXT-X-MEDIA", "#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF"
_SWITCHING = "urn:mpeg:dash:adaptation-set-switching:2016"
_MPD = "{urn:mpeg:dash:schema:mpd:2011}"


@frozen
class Rates:
    """Bitrates of a media playlist, by the sizes of its files.

    Attributes:
        peak_bps: Peak segment bit rate, as HLS defines it.
        average_bps: Bits of all segments over their durations.
        segments: How many there are.
    """

    peak_bps: float
    average_bps: float
    segments: int


@frozen
class VideoFacts:
    """What manifests say of a rendition."""

    codecs: str
    resolution: Resolution
    frame_rate: Fraction
    video_range: VideoRange
    vmaf: float | None
    rates: Rates
    iframe_rates: Rates


@frozen
class AudioFacts:
    """What manifests say of an audio track."""

    group: str
    is_default: bool
    rates: Rates


def measure_playlist(path: Path) -> Rates:
    """Measure what an HLS media playlist refers to.

    Raises:
        ToolOutputError: It is not one, or a file of it is missing.
    """
    try:
        segments = tuple(_segments(path))
    except (OSError, ValueError) as error:
        raise ToolOutputError(f"Shaka Packager wrote an invalid '{path.name}': {error}.") from error
    if not segments:
        raise ToolOutputError(f"Shaka Packager wrote no segments for '{path.parent.name}'.")
    target = re.search(
        r"^#EXT-X-TARGETDURATION:(\d+)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    target_s = float(target[1]) if target else max(each.duration_s for each in segments)
    peak = peak_segment_rate(segments, target_s)
    return Rates(peak, average_rate(segments), len(segments))


def _segments(path: Path) -> Iterator[Segment]:
    duration_s, size_bytes = 0.0, None
    for line in path.read_text(encoding="utf-8").splitlines():
        tag, _, value = line.partition(":")
        if tag == "#EXTINF":
            duration_s = float(value.partition(",")[0])
        elif tag == "#EXT-X-BYTERANGE":
            size_bytes = int(value.partition("@")[0])
        elif line and not line.startswith("#"):
            yield Segment(size_bytes or (path.parent / line).stat().st_size, duration_s)
            size_bytes = None


def complete_hls(
    folder: Path,
    video: Mapping[str, VideoFacts],
    audio: Mapping[str, AudioFacts],
    text_bps: float,
    score: HlsScore,
) -> None:
    """Complete the multivariant playlist of a package.

    Args:
        folder: The package.
        video: What is said of each rendition, by its playlist.
        audio: Likewise.
        text_bps: Peak bitrate of the subtitles, of those that have the highest.
        score: What SCORE is.
    """
    path = folder / HLS
    lines = path.read_text(encoding="utf-8").splitlines()
    scores = hls_scores([v.codecs for v in video.values()], [v.vmaf for v in video.values()], score)
    score_of = dict(zip(video, scores, strict=True))
    head, media, variants, iframes = _sorted_lines(lines)
    media = [_media_line(line, audio) for line in media]
    told = [
        (_variant_line(line, video[uri], audio, text_bps, score_of[uri]), uri)
        for line, uri in variants
    ]
    told = _nearest_first(told, video)
    iframes = [_iframe_line(line, video, score_of) for line in iframes]
    body = [*head, "", *media, "", *(part for pair in told for part in pair), "", *iframes]
    path.write_text("\n".join(body) + "\n", encoding="utf-8")


def _sorted_lines(
    lines: Sequence[str],
) -> tuple[list[str], list[str], list[tuple[str, str]], list[str]]:
    head, media, variants, iframes = ["#EXTM3U", "#EXT-X-VERSION:7"], [], [], []
    pending: str | None = None
    for line in lines:
        if line.startswith(f"{_VARIANT}:"):
            pending = line
        elif line.startswith(f"{_MEDIA}:"):
            media.append(line)
        elif line.startswith(f"{_IFRAMES}:"):
            iframes.append(line)
        elif pending is not None and line and not line.startswith("#"):
            variants.append((pending, line))
            pending = None
        elif line and line not in head and not line.startswith("#EXT-X-VERSION"):
            head.append(line)
    return head, media, variants, iframes


def _nearest_first(
    variants: Sequence[tuple[str, str]], video: Mapping[str, VideoFacts]
) -> list[tuple[str, str]]:
    """Put what players begin with first, and the others by ascending bitrate."""
    ordered = sorted(variants, key=lambda pair: int(_parsed(pair[0])["BANDWIDTH"]))
    first = min(
        ordered,
        key=lambda pair: abs(math.log(video[pair[1]].rates.average_bps / 1000 / FIRST_KBPS)),
    )
    return [first, *(pair for pair in ordered if pair is not first)]


def _media_line(line: str, audio: Mapping[str, AudioFacts]) -> str:
    attributes = _parsed(line)
    facts = audio.get(attributes.get("URI", "").strip('"'))
    if facts is not None:
        attributes["DEFAULT"] = "YES" if facts.is_default else "NO"
        attributes["AUTOSELECT"] = "YES"
    return _written(_MEDIA, attributes)


def _variant_line(
    line: str,
    facts: VideoFacts,
    audio: Mapping[str, AudioFacts],
    text_bps: float,
    score: float | None,
) -> str:
    attributes = _parsed(line)
    group = attributes.get("AUDIO", "").strip('"')
    heard = [one.rates for one in audio.values() if one.group == group]
    text_bps = text_bps if "SUBTITLES" in attributes else 0.0
    peak = facts.rates.peak_bps + max((one.peak_bps for one in heard), default=0.0)
    average = facts.rates.average_bps + max((one.average_bps for one in heard), default=0.0)
    attributes["BANDWIDTH"] = str(math.ceil(peak + text_bps))
    attributes["AVERAGE-BANDWIDTH"] = str(math.ceil(average + text_bps))
    told = _picture(attributes, facts) | _score(score)
    return _written(_VARIANT, attributes | told)


def _score(score: float | None) -> dict[str, str]:
    return {} if score is None else {"SCORE": vmaf(score, 3)}


def _iframe_line(
    line: str, video: Mapping[str, VideoFacts], score_of: Mapping[str, float | None]
) -> str:
    attributes = _parsed(line)
    uri, facts = _in_folder(video, attributes["URI"].strip('"').rpartition("/")[0])
    attributes["BANDWIDTH"] = str(math.ceil(facts.iframe_rates.peak_bps))
    attributes["AVERAGE-BANDWIDTH"] = str(math.ceil(facts.iframe_rates.average_bps))
    told = _picture(attributes, facts)
    told.pop("FRAME-RATE")
    return _written(_IFRAMES, attributes | told | _score(score_of[uri]))


def _picture(attributes: Mapping[str, str], facts: VideoFacts) -> dict[str, str]:
    others = attributes["CODECS"].strip('"').split(",")[1:]
    return {
        "CODECS": f'"{",".join((facts.codecs, *others))}"',
        "RESOLUTION": str(facts.resolution),
        "FRAME-RATE": f"{float(facts.frame_rate):.3f}",
        "VIDEO-RANGE": facts.video_range.value,
    }


def _parsed(line: str) -> dict[str, str]:
    """Read the attributes of a tag; quotes are part of a value."""
    return dict(_ATTRIBUTE.findall(line.partition(":")[2]))


def _written(tag: str, attributes: Mapping[str, str]) -> str:
    return f"{tag}:{','.join(f'{name}={value}' for name, value in attributes.items())}"


def complete_dash(
    folder: Path, video: Mapping[str, VideoFacts], audio: Mapping[str, AudioFacts]
) -> None:
    """Complete the MPD of a package.

    Args:
        folder: The package.
        video: What is said of each rendition, by its HLS playlist, which is beside its segments.
        audio: Likewise.
    """
    path = folder / DASH
    # Our own packager has just written it.
    for _, (prefix, uri) in ET.iterparse(path, ("start-ns",)):  # noqa: S314
        ET.register_namespace(prefix, uri)
    tree = ET.parse(path)  # noqa: S314
    ranking = _quality_ranking(video)
    _number(tree)
    for adaptation_set in tree.iter(f"{_MPD}AdaptationSet"):
        for representation in adaptation_set.iter(f"{_MPD}Representation"):
            place = _place(representation)
            if place.startswith("video/"):
                uri, facts = _in_folder(video, place)
                _complete_video(adaptation_set, representation, facts, ranking.get(uri))
            elif place.startswith("audio/"):
                _, sound = _in_folder(audio, place)
                representation.set("bandwidth", str(math.ceil(sound.rates.peak_bps)))
    ET.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _complete_video(
    adaptation_set: ET.Element,
    representation: ET.Element,
    facts: VideoFacts,
    ranking: int | None,
) -> None:
    representation.set("bandwidth", str(math.ceil(facts.rates.peak_bps)))
    representation.set("codecs", facts.codecs)
    if ranking is not None:
        representation.set("qualityRanking", str(ranking))
    holder = adaptation_set if "frameRate" in adaptation_set.attrib else representation
    holder.set("frameRate", str(facts.frame_rate))


def _place(representation: ET.Element) -> str:
    template = representation.find(f"{_MPD}SegmentTemplate")
    return "" if template is None else template.get("initialization", "").rpartition("/")[0]


def _in_folder(facts: Mapping[str, FactsT], folder: str) -> tuple[str, FactsT]:
    return next(item for item in facts.items() if item[0].rpartition("/")[0] == folder)


def _number(tree: ET.ElementTree[ET.Element]) -> None:
    """Number the adaptation sets by their order: the packager's threads number them by chance."""
    sets = list(tree.iter(f"{_MPD}AdaptationSet"))
    numbers = {each.get("id"): str(number) for number, each in enumerate(sets)}
    for each in sets:
        each.set("id", numbers[each.get("id")])
    for descriptor in tree.iter(f"{_MPD}SupplementalProperty"):
        if descriptor.get("schemeIdUri") == _SWITCHING:
            others = descriptor.get("value", "").split(",")
            descriptor.set("value", ",".join(numbers.get(one, one) for one in others))


def _quality_ranking(video: Mapping[str, VideoFacts]) -> dict[str, int]:
    """Rank by VMAF, 1 being the best, across codecs; empty unless all scores are known."""
    scores = {uri: facts.vmaf for uri, facts in video.items() if facts.vmaf is not None}
    if len(scores) < len(video):
        return {}
    best_first = sorted(set(scores.values()), reverse=True)
    return {uri: best_first.index(score) + 1 for uri, score in scores.items()}
