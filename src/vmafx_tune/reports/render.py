"""One way in: a result and the name of a format give text.

Importing this is cheap; what a format needs is imported when it is asked for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vmafx_tune.choices import HlsScore
from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.results.batch import BatchResult
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.gate import GateResult
    from vmafx_tune.results.ladder import LadderResult
    from vmafx_tune.results.record import Result
    from vmafx_tune.results.score import ScoreResult

__all__ = ["FORMATS", "fit_encoding", "formats_of", "render"]

FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "score": ("table", "json", "csv", "html"),
        "remote_score": ("table", "json"),
        "search": ("table", "json", "html"),
        "encode": ("table", "json", "html"),
        "compare": ("table", "json", "markdown", "csv", "html"),
        "ladder": ("table", "json", "markdown", "hls", "dash", "html"),
        "catalogue": ("table", "json"),
        "package": ("table", "json"),
        "batch": ("table", "json", "csv", "html"),
        "gate": ("table", "json", "markdown", "html"),
        "encoders": ("table", "json"),
        "doctor": ("table", "json"),
        "cache": ("table", "json"),
    }
)
"""The formats that each command's result can be written in."""


def formats_of(result: Result) -> tuple[str, ...]:
    """Return the formats that a result can be written in."""
    return FORMATS[result.command]


def render(
    result: Result,
    fmt: str,
    *,
    frames: bool = False,
    commands: bool = False,
    terminal: bool = False,
    hls_score: HlsScore = HlsScore.TIER,
) -> str:
    """Write a result as text, with a newline at its end.

    Args:
        result: What a command returned.
        fmt: One of `FORMATS`, for the command that returned it.
        frames: Whether a result of `score` brings its per-frame scores.
        commands: Whether a table of `compare` or `ladder` brings the encode commands; JSON,
            Markdown and HTML always do.
        terminal: Whether a table is for the terminal, with its width and colours, or for a file.
        hls_score: What SCORE is in the HLS playlist of a ladder.

    Raises:
        UsageError: The result cannot be written in that format.
        InvalidLadderError: The ladder lacks what a manifest needs.
    """
    formats = formats_of(result)
    if fmt not in formats:
        raise UsageError(f"'{fmt}' is not a format. Choose one of {', '.join(formats)}.")
    if fmt == "table":
        return _table(result, frames=frames, commands=commands, terminal=terminal)
    if fmt == "json":
        return _json(result, frames=frames)
    if fmt == "html":
        return _html(result)
    written: Any = result
    match result.command:
        case "score":
            return _score_csv(written, frames=frames)
        case "ladder":
            return _ladder(written, fmt, hls_score)
        case "gate":
            return _gate_markdown(written)
        case "batch":
            return _batch_csv(written)
        case _:
            return _comparison(written, fmt)


def fit_encoding(text: str, fmt: str, encoding: str) -> str:
    """Replace what an encoding cannot hold.

    Args:
        text: As `render` gives it.
        fmt: The format that it is in: JSON keeps its meaning, others look alike.
        encoding: Name of a codec, such as that of a stream.
    """
    fitting = in_encoding(text, encoding)
    if fmt == "json" and fitting != text:
        from vmafx_tune.reports.json_csv import in_ascii

        return in_ascii(text)
    return fitting


def _table(result: Result, *, frames: bool, commands: bool, terminal: bool) -> str:
    from vmafx_tune.reports.tables import table_text, terminal_text

    write = terminal_text if terminal else table_text
    return write(result, frames=frames, commands=commands)


def _json(result: Result, *, frames: bool) -> str:
    from vmafx_tune.reports.json_csv import dumps

    written: Any = result
    if frames and result.command == "score":
        return dumps(written.with_frames())
    return dumps(result)


def _html(result: Result) -> str:
    from vmafx_tune.reports.html.pages import page_of

    return page_of(result)


def _score_csv(result: ScoreResult, *, frames: bool) -> str:
    from vmafx_tune.reports.json_csv import score_csv, score_frames_csv

    return score_frames_csv(result) if frames else score_csv(result)


def _batch_csv(result: BatchResult) -> str:
    from vmafx_tune.reports.json_csv import batch_csv

    return batch_csv(result)


def _comparison(result: CompareResult, fmt: str) -> str:
    if fmt == "csv":
        from vmafx_tune.reports.json_csv import compare_csv

        return compare_csv(result)
    from vmafx_tune.reports.markdown import compare_markdown

    return compare_markdown(result)


def _ladder(result: LadderResult, fmt: str, hls_score: HlsScore) -> str:
    if fmt == "markdown":
        from vmafx_tune.reports.markdown import ladder_markdown

        return ladder_markdown(result)
    return _manifest(result, fmt, hls_score)


def _gate_markdown(result: GateResult) -> str:
    from vmafx_tune.reports.markdown import gate_markdown

    return gate_markdown(result)


def _manifest(result: LadderResult, fmt: str, hls_score: HlsScore) -> str:
    from vmafx_tune.manifests.variant import ladder_variants

    variants = ladder_variants(result)
    if fmt == "hls":
        from vmafx_tune.manifests.hls import multivariant_playlist

        return multivariant_playlist(variants, score=hls_score)
    from vmafx_tune.manifests.dash import media_presentation

    return media_presentation(variants)


# One character for one, so that columns and pictures keep their shape.
_STAND_INS = str.maketrans(
    dict(zip("\N{EN DASH}…─│└┤┬✓✗", "-.-|+++vx", strict=True))
    | {chr(dots): "." for dots in range(0x2801, 0x2900)}
)


def in_encoding(text: str, encoding: str) -> str:
    """Replace what an encoding cannot hold by something alike, one character for one.

    Args:
        text: As for a terminal that shows everything.
        encoding: Name of a codec, such as that of a stream.
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_STAND_INS)
        return plain.encode(encoding, errors="replace").decode(encoding)
    return text
