"""Stands in for `server.scoring_process`, and does what it is told to by the name of a file."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

ANSWERS = {
    "garbage": "\x00\x01 no JSON",
    "an array": "[1, 2]",
    "deep": "[" * 100_000,
    "endless": "x" * (2 << 20),
    "no score": json.dumps({"scored": {"nonsense": 1}}),
    "a bug": json.dumps({"failed": {"name": "", "message": "KeyError: 1", "printed": "line 1"}}),
    "a foreign error": json.dumps({"failed": {"name": "SystemExit", "message": "x"}}),
    "an error": json.dumps({"failed": {"name": "UnreadableSourceError", "message": "No video."}}),
    "a count": json.dumps({"failed": {"name": "FrameCountMismatchError", "message": "1 and 2."}}),
}
SCORED = json.dumps({"scored": {"score": 50.0, "features": {}}})


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def score(name: str) -> None:
    if name == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif name == "exit":
        sys.exit(3)
    elif name == "hang":
        time.sleep(1000)
    elif name.startswith("share "):
        say(json.dumps({"share": json.loads(name.removeprefix("share "))}))
        granted = json.loads(sys.stdin.readline())["granted"]
        say(json.dumps({"scored": {"score": float(granted["threads"]), "features": {}}}))
    else:
        say(ANSWERS.get(name, SCORED))


def main() -> None:
    json.loads(sys.stdin.readline())
    for line in sys.stdin:
        if "score" in (message := json.loads(line)):
            score(message["score"][0])


if __name__ == "__main__":
    main()
