"""Feed seeded damage in 8 kinds of media files to `score` and `search`, and count what they do.

    python benchmarks/fuzz_media.py [--count 300] [--seed 1]

Exits with 1 if any command ends with a traceback, hangs, refuses without a sentence, or gives a
result for a file of which the decoder says that it is damaged.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.mutations import examine, make_sources, mutations

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("score",),
    ("search", "-c", "libx264", "-t", "60", "--preset", "ultrafast", "--no-cache"),
)
GOOD = {"refused", "sound"}


def main() -> int:
    """Run it."""
    import imageio_ffmpeg

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = make_sources(folder, Path(imageio_ffmpeg.get_ffmpeg_exe()))
        for file, data in mutations(sources, options.count, options.seed):
            damaged = folder / file
            damaged.write_bytes(data)
            for command in COMMANDS:
                verdict = examine(command, sources[damaged.suffix[1:]], damaged)
                counts[command[0], verdict.kind] += 1
                if verdict.kind not in GOOD:
                    print(verdict.kind, verdict.detail, flush=True)
            damaged.unlink()
    for (command, kind), count in sorted(counts.items()):
        print(f"{command:8} {kind:12} {count:4}")
    return int(any(kind not in GOOD for _, kind in counts))


if __name__ == "__main__":
    raise SystemExit(main())
