"""Decoded copies of references: a clip that many encodes are scored against is decoded once."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import weakref
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.cpus import available_memory_bytes
from vmafx_tune.errors import CancelledError, OutputError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.cleanup import make_scratch, remove_scratch, written_bytes
from vmafx_tune.media.file_facts import file_signature
from vmafx_tune.media.pixel_formats import frame_size_bytes
from vmafx_tune.model import RawFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmafx_tune.media.file_facts import Signature
    from vmafx_tune.model import Source
    from vmafx_tune.scoring.alignment import ScoringPlan

__all__ = ["ReferenceCopies", "ReferenceCopy"]

# Copies are read at each score, so that they have to stay in memory, where the system keeps files
# that are in use; encoders and scorers need room there too.
_MEMORY_SHARE = 8
_DISK_SHARE = 4
# Pictures of a file that is so much smaller than they are decoded in less time than it takes to
# write them down; reading them is a little faster still, which so many scores make up for.
_COMPRESSED = 20
_SCORES_BEFORE_COPY = 2


@frozen
class ReferenceCopy:
    """A reference as scores see it: decoded, cut and converted, in a headerless file.

    Attributes:
        clip: Describes the file.
        is_made: Whether the file is there and whole; if not, it is to be written now.
    """

    clip: Source
    is_made: bool

    @property
    def path(self) -> Path:
        """The file."""
        return self.clip.path

    def discard(self) -> None:
        """Remove the file, in whatever state it is."""
        with suppress(OSError):
            self.path.unlink()


class ReferenceCopies:
    """Keeps copies until it is closed. Thread-safe.

    The first score against a reference leaves a copy behind, if there is room; later ones read it.
    Where decoding it takes little, it is the third.
    What is compared is the same to the last sample, so no score depends on it. Copies of another
    file give way to new ones, those that were used last the longest ago first; copies of the same
    file do not, as they are all needed again for the next encode.

    Args:
        parent: Where the folder for them is made; None for the system's temporary folder.
        budget_bytes: What all of them may take together; None for a share of the memory and of what
            is free on the disk.
    """

    def __init__(self, parent: Path | None = None, budget_bytes: int | None = None) -> None:
        self._parent = Path(tempfile.gettempdir()) if parent is None else parent
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._folder: Path | None = None
        self._numbers = itertools.count(1)
        self._asked: Counter[_Key] = Counter()
        self._taken_bytes: dict[_Key, int] = {}
        self._made: dict[_Key, ReferenceCopy] = {}
        self._readers: Counter[_Key] = Counter()

    @contextmanager
    def of(self, reference: Source, plan: ScoringPlan) -> Iterator[ReferenceCopy | None]:
        """Lend the copy of a reference, or the place for one that the block may write.

        What the block wrote is kept if it ends well and the file has all frames of the reference,
        which must not have changed meanwhile.

        Args:
            reference: The clip.
            plan: What it is converted to.

        Yields:
            None where the clip has to be decoded: it does not fit, or another thread writes it.
        """
        key = _key(reference, plan)
        copy = None if key is None else self._lend(key)
        if key is None or copy is None:
            yield None
            return
        kept = stopped = False
        try:
            yield copy
            kept = copy.is_made or self._is_whole(key, copy, _key(reference, plan))
        except CancelledError:
            stopped = True
            raise
        finally:
            self._return(key, copy, kept=kept, stopped=stopped)

    @contextmanager
    def written(
        self, reference: Source, plan: ScoringPlan, write: Callable[[Path], None]
    ) -> Iterator[Source]:
        """Lend the copy of a reference as a source, once it is written.

        Args:
            reference: The clip.
            plan: What it is converted to.
            write: Writes the copy, where there is none yet.

        Yields:
            The copy.

        Raises:
            OutputError: It does not fit.
        """
        # Who needs it meanwhile waits.
        with self._writing, self.of(reference, plan) as copy:
            if copy is not None and not copy.is_made:
                write(copy.path)
        with self.of(reference, plan) as copy:
            if copy is None or not copy.is_made:
                raise OutputError(
                    f"A decoded copy of '{reference.path}' does not fit into the work folder. Use "
                    "another one with --work-dir."
                )
            yield copy.clip

    def close(self) -> None:
        """Remove all copies; none is made from then on."""
        with self._lock:
            self._budget_bytes = 0
            self._made.clear()
            folder, self._folder = self._folder, None
        if folder is not None:
            remove_scratch(folder)

    def _lend(self, key: _Key) -> ReferenceCopy | None:
        with self._lock:
            if key in self._made and written_bytes(self._made[key].path) == key.size_bytes:
                self._readers[key] += 1
                # The one that was used last is the last to go.
                self._made[key] = self._made.pop(key)
                return self._made[key]
            self._asked[key] += 1
            if key.is_decoded_quickly and self._asked[key] <= _SCORES_BEFORE_COPY:
                return None
            # What did not work out once, and was not just stopped, is not tried again.
            if key in self._taken_bytes or not self._make_room(key):
                return None
            if (folder := self._make_folder()) is None:
                return None
            self._taken_bytes[key] = key.size_bytes
            return ReferenceCopy(key.clip(folder / f"{next(self._numbers)}.yuv"), is_made=False)

    def _is_whole(self, key: _Key, copy: ReferenceCopy, key_now: _Key | None) -> bool:
        return written_bytes(copy.path) == key.size_bytes and key_now == key

    def _return(self, key: _Key, copy: ReferenceCopy, *, kept: bool, stopped: bool) -> None:
        with self._lock:
            if copy.is_made:
                self._readers[key] -= 1
                return
            if kept and self._folder is not None:
                self._made[key] = replace(copy, is_made=True)
                return
            if stopped:
                del self._taken_bytes[key]
            else:
                self._taken_bytes[key] = 0
        copy.discard()

    def _make_room(self, key: _Key) -> bool:
        """Evict unread copies of other files until there is room for one more."""
        if self._budget_bytes is None:
            self._budget_bytes = _budget_bytes(self._parent)
        if key.size_bytes > self._budget_bytes:
            return False
        while key.size_bytes > self._budget_bytes - sum(self._taken_bytes.values()):
            others = (one for one in self._made if one.file != key.file and not self._readers[one])
            if (victim := next(others, None)) is None:
                return False
            self._made.pop(victim).discard()
            del self._taken_bytes[victim]
        return True

    def _make_folder(self) -> Path | None:
        if self._folder is None:
            try:
                self._folder = make_scratch(self._parent)
            except OutputError:
                return None
            # For those who do not close: at the end of the process at the latest.
            weakref.finalize(self, remove_scratch, self._folder)
        return self._folder


@frozen
class _Key:
    """What decides the content of a copy."""

    reference: Source
    file: Signature
    # All of the plan that a reference sees.
    plan: ScoringPlan

    @property
    def size_bytes(self) -> int:
        return self.reference.n_frames * frame_size_bytes(self.plan.pix_fmt, self.plan.size)

    @property
    def is_decoded_quickly(self) -> bool:
        """Whether the reference is the whole of a small file, as it is."""
        clip = self.reference
        whole = clip.excerpt is None and not clip.parts
        as_it_is = whole and not clip.filters and clip.resolution == self.plan.size
        _, _, file_bytes, *_ = self.file
        return as_it_is and file_bytes * _COMPRESSED < self.size_bytes

    def clip(self, path: Path) -> Source:
        """Describe the copy, as the file `path`."""
        raw = RawFormat(self.plan.size, self.plan.pix_fmt, self.reference.frame_rate)
        whole = replace(self.reference, filters="", excerpt=None, parts=(), stream=0)
        return replace(whole, path=path, resolution=self.plan.size, raw=raw)


def _key(reference: Source, plan: ScoringPlan) -> _Key | None:
    file = file_signature(reference.path)
    return None if file is None else _Key(reference, file, replace(plan, encode_facts=None))


def _budget_bytes(folder: Path) -> int:
    try:
        free = shutil.disk_usage(folder).free // _DISK_SHARE
    except OSError:
        return 0
    memory = available_memory_bytes()
    return free if memory is None else min(free, memory // _MEMORY_SHARE)
