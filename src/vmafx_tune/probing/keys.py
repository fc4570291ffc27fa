"""Everything that decides what a probe measures, made into a key.

What is not in a key must not change a probe. The pooling, the target and the knob's range come
after it, names of files before it, and the scorer's threads share the work without changing it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vmafx_tune.cpus import visible_cpus
from vmafx_tune.encoders.argv import encode_arguments
from vmafx_tune.encoders.availability import hardware_devices
from vmafx_tune.encoders.named_files import filter_files, named_files
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.model import ProbeKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.media.file_facts import FileFacts
    from vmafx_tune.model import EncodeSpec, ProbeSpec, Source, VmafModel

__all__ = ["KEY_VERSION", "LocalSetup", "ProbeKeys", "Setup"]


class Setup(Protocol):
    """The facts of whatever encodes and scores; machines that share them measure the same."""

    def scoring(self) -> Mapping[str, Any]:
        """Tell what decides scores, as plain values: `machine`, `scorer`, `scoring_files`.

        `metric_tools`, where there are any, count only for who asks for metrics.
        """
        ...

    def encoding(self, row: EncoderRow) -> Mapping[str, Any]:
        """Tell what decides an encoder's encodes, as plain values.

        They are `ffmpeg`, `encoder_version`, `devices`, and `processors`, which count only where
        the number of threads is left to the encoder.
        """
        ...


class LocalSetup:
    """Implements `Setup` for this machine.

    Args:
        facts: Hashes the files.
        ffmpeg: The program that encodes.
        scorer: Facts about what scores: backend, version.
        scoring_files: Programs and libraries that score.
        encoder_version: Tells an encoder's version.
        metric_tools: Versions of what computes metrics outside of the scorer.
    """

    def __init__(
        self,
        facts: FileFacts,
        *,
        ffmpeg: Path,
        scorer: Mapping[str, str],
        scoring_files: Iterable[Path],
        encoder_version: Callable[[EncoderRow], str],
        metric_tools: Mapping[str, str] | None = None,
    ) -> None:
        self._facts = facts
        self._ffmpeg = ffmpeg
        self._scorer = dict(scorer)
        self._scoring_files = tuple(scoring_files)
        self._encoder_version = encoder_version
        self._metric_tools = dict(metric_tools or {})

    def scoring(self) -> Mapping[str, Any]:
        """Tell what decides scores here; see `Setup`.

        Raises:
            OSError: A program cannot be read.
        """
        return {
            "machine": platform.machine(),
            "scorer": self._scorer,
            "scoring_files": [self._facts.digest(path) for path in self._scoring_files],
            **({"metric_tools": self._metric_tools} if self._metric_tools else {}),
        }

    def encoding(self, row: EncoderRow) -> Mapping[str, Any]:
        """Tell what decides an encoder's encodes here; see `Setup`.

        Raises:
            OSError: ffmpeg cannot be read.
            ToolError: The encoder's version cannot be found out.
        """
        return {
            "ffmpeg": self._facts.digest(self._ffmpeg),
            "encoder_version": self._encoder_version(row),
            "processors": f"{visible_cpus()} of {os.cpu_count()} processors",
            "devices": _devices() if row.is_hardware else [],
        }


def _devices() -> list[str]:
    # A driver of the kernel's has no file of its own to look at, but the kernel's version.
    return [*hardware_devices(), platform.platform()]


KEY_VERSION = 4
"""Counts the meanings of a key. It goes up when the same facts come to give another measurement:
when frames are paired, scaled or counted in another way, or files are found in another way."""

_SOURCE, _ENCODED = "source", "encoded.mp4"


class ProbeKeys:
    """Makes the keys of the probes of one setup. Thread-safe.

    Args:
        facts: Hashes the files.
        setup: The machine and its programs, which encode and score.
    """

    def __init__(self, facts: FileFacts, setup: Setup) -> None:
        self._facts = facts
        self._setup = setup

    def of(self, spec: ProbeSpec) -> ProbeKey:
        """Make the key of a probe.

        Raises:
            OSError: A file that belongs to it cannot be read.
        """
        row, encode = encoder_row(spec.encode.encoder), spec.encode
        circumstances = self._scoring(spec) | self._encoding(encode, row)
        somewhere = dataclasses.replace(encode, quality=row.knob.default)
        size = encode.size or encode.source.resolution
        return ProbeKey(
            digest=_digest(circumstances | _arguments(encode, row)),
            curve=_digest(circumstances | _arguments(somewhere, row)),
            source=str(encode.source.path),
            encoder=row.name,
            size=str(size),
            quality=encode.quality,
        )

    def of_itself(self, spec: ProbeSpec) -> ProbeKey:
        """Make the key of the source's scores against itself.

        Raises:
            OSError: A file that belongs to it cannot be read.
        """
        digest = _digest(self._scoring(spec) | {"encode": None})
        source = spec.encode.source
        return ProbeKey(digest, digest, str(source.path), None, str(source.resolution))

    def _scoring(self, spec: ProbeSpec) -> dict[str, Any]:
        facts = dict(self._setup.scoring())
        if not spec.metrics:
            facts.pop("metric_tools", None)
        return {
            **facts,
            "key_version": KEY_VERSION,
            "source": self._source(spec.encode.source),
            "segment": _segment(spec.encode.source),
            "model": self._model(spec.model),
            "display": str(spec.display),
            "subsample": spec.subsample,
            **({"metrics": spec.metrics} if spec.metrics else {}),
        }

    def _encoding(self, encode: EncodeSpec, row: EncoderRow) -> dict[str, Any]:
        facts = dict(self._setup.encoding(row))
        processors = facts.pop("processors")
        return facts | {
            # Left to themselves, encoders count processors, and some split their work by them.
            "threads": encode.threads or processors,
            "gop_frames": encode.gop_frames,
            "files": [self._facts.digest(path) for path in named_files(encode.extra_args)],
            **({} if encode.caps is None else {"caps": dataclasses.asdict(encode.caps)}),
        }

    def _source(self, source: Source) -> dict[str, Any]:
        # What was read from the file is here too: a newer reader may see it with other eyes.
        facts = dataclasses.asdict(dataclasses.replace(source, path=Path(_SOURCE)))
        del facts["excerpt"], facts["parts"]  # they stand by themselves, as the segment
        files = [self._facts.digest(path) for path in filter_files(source.filters)]
        return facts | {"content": self._facts.digest(source.path), "filter_files": files}

    def _model(self, model: VmafModel) -> dict[str, Any]:
        facts = dataclasses.asdict(dataclasses.replace(model, path=None))
        content = None if model.path is None else self._facts.digest(model.path)
        return facts | {"content": content}


def _segment(source: Source) -> dict[str, Any] | list[dict[str, Any]] | None:
    if source.parts:
        return list(map(dataclasses.asdict, source.parts))
    return None if source.excerpt is None else dataclasses.asdict(source.excerpt)


def _arguments(encode: EncodeSpec, row: EncoderRow) -> dict[str, Any]:
    nameless = dataclasses.replace(encode.source, path=Path(_SOURCE))
    encode = dataclasses.replace(encode, source=nameless)
    arguments = encode_arguments(encode, row, _ENCODED, by_name=True)
    return {"arguments": arguments}


def _digest(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=_text)
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, Fraction | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a key.")
