from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import vmafx_tune
from vmafx_tune.cpus import CoreShares
from vmafx_tune.options import EncodingOptions, ScoringOptions, ToolOptions
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from vmafx_tune.results.search import SearchResult


def session_of(processors: int, work_dir: Path, encodes: set[float]) -> Session:
    """Make a session on a machine of so many processors, which notes the CRFs that are encoded."""

    def see(command: tuple[str, ...]) -> None:
        if "-crf" in command and "null" not in command:
            encodes.add(float(command[command.index("-crf") + 1]))

    session = Session(ToolOptions(cache=False, work_dir=work_dir), on_command=see)
    session.shares = CoreShares(processors)
    return session


def found(clip: Path, work_dir: Path, processors: int) -> tuple[SearchResult, int]:
    """Search with one thread for each program; returns the answer and the encodes begun."""
    encodes: set[float] = set()
    session = session_of(processors, work_dir, encodes)
    result = vmafx_tune.search(
        clip,
        "libx264",
        90,
        encoding=EncodingOptions(preset="veryfast"),
        scoring=ScoringOptions(threads=1),
        session=session,
    )
    session.close()
    return result, len(encodes)


def measured(result: SearchResult) -> object:
    """What does not depend on how long anything took."""
    samples = [
        replace(one, encode_time_ms=0, score_time_ms=0, side_by_side=False)
        for one in result.bisect_samples
    ]
    return samples, result.best_crf, result.vmaf_score, result.proven, result.new_probes


def test_a_search_learns_the_same_with_probes_ahead_and_leaves_nothing(
    clips: ClipFactory, tmp_path: Path
) -> None:
    clip = clips.moving(n_frames=25)
    alone, n_alone = found(clip, tmp_path, processors=1)
    ahead, n_ahead = found(clip, tmp_path, processors=4)
    assert measured(ahead) == measured(alone)
    assert n_alone == alone.new_probes < n_ahead
    assert any(one.side_by_side for one in ahead.bisect_samples)
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_with_one_worker_makes_one_probe_at_a_time(
    clips: ClipFactory, tmp_path: Path
) -> None:
    encodes: set[float] = set()
    session = session_of(4, tmp_path, encodes)
    result = vmafx_tune.compare(
        clips.moving(n_frames=25),
        ["libx264"],
        [90],
        workers=1,
        encoding=EncodingOptions(preset="veryfast"),
        scoring=ScoringOptions(threads=1),
        session=session,
    )
    session.close()
    assert len(encodes) == result.new_probes
    assert not any(one.side_by_side for row in result.rows for one in row.bisect_samples)
