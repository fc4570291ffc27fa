"""What libvmaf makes and frees: contexts, models, and pictures from planes in memory.

Ownership: a picture from `vmaf_picture_alloc` is the caller's. `vmaf_read_pictures` takes both of
its pictures over when it succeeds. When it fails, which of them it has let go of depends on where
it failed and on libvmaf's version; but `vmaf_picture_unref` zeroes the structure it is given, so
those that are still the caller's to free are exactly those that still have a reference count.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.errors import (
    FormatMismatchError,
    LibvmafCallError,
    MetricUnavailableError,
    ModelNotFoundError,
    UsageError,
)
from vmafx_tune.frozen import frozen
from vmafx_tune.media.cleanup import scratch_folder
from vmafx_tune.media.frames import Plane
from vmafx_tune.scoring.frame_log import parse_frame_log
from vmafx_tune.scoring.libvmaf.library import (
    JSON_OUTPUT,
    PIXEL_FORMATS,
    SILENT,
    VmafConfiguration,
    VmafModelConfig,
    VmafPicture,
)
from vmafx_tune.scoring.metrics import extractors_of, refuse_foreign, title_of_extractor
from vmafx_tune.scoring.models import features_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from vmafx_tune.model import VmafModel
    from vmafx_tune.scoring.alignment import EncodeFacts
    from vmafx_tune.scoring.libvmaf.library import Libvmaf

    Bytes = bytes | bytearray | memoryview
    PlaneLike = Plane | NDArray[np.uint8] | NDArray[np.uint16] | Bytes

__all__ = [
    "FeatureName",
    "PictureFormat",
    "feature_names",
    "open_context",
    "open_model",
    "read_pair",
    "use_metrics",
]

_DEPTHS = (8, 10, 12, 16)
_FORMATS = {
    f"yuv{chroma}p{f'{depth}le' if depth > 8 else ''}": (chroma, depth)
    for chroma in PIXEL_FORMATS
    for depth in _DEPTHS
}


@frozen
class PictureFormat:
    """Geometry of the pictures that a session takes.

    Attributes:
        width: Luma samples per row; odd sizes are fine, chroma is then rounded up.
        height: Luma rows.
        chroma: `420`, `422` or `444`.
        bit_depth: 8, 10, 12 or 16.
    """

    width: int
    height: int
    chroma: str
    bit_depth: int

    @classmethod
    def of(cls, width: int, height: int, pix_fmt: str) -> PictureFormat:
        """Describe pictures of ffmpeg's planar format `pix_fmt`.

        Raises:
            UsageError: libvmaf does not take the format, or the size is none.
        """
        if pix_fmt not in _FORMATS:
            raise UsageError(
                f"libvmaf does not support the pixel format '{pix_fmt}'. Convert them to one of "
                f"{', '.join(_FORMATS)}."
            )
        if width < 1 or height < 1:
            raise UsageError(f"{width}x{height} is not a valid frame size.")
        return cls(width, height, *_FORMATS[pix_fmt])

    @property
    def sample_bytes(self) -> int:
        """Bytes per sample: 1 for 8 bits, else 2, little-endian."""
        return 1 if self.bit_depth == _DEPTHS[0] else 2

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows and samples per row of Y, U and V."""
        narrow = self.chroma != "444"
        low = self.chroma == "420"
        chroma = ((self.height + low) >> low, (self.width + narrow) >> narrow)
        return ((self.height, self.width), chroma, chroma)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one picture whose planes follow each other without padding."""
        return sum(rows * columns for rows, columns in self.plane_shapes) * self.sample_bytes

    def split(self, frame: Bytes | NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
        """See the planes in a picture of `frame_bytes` bytes, as in a `.yuv` file. Copies nothing.

        Raises:
            FormatMismatchError: `frame` has another length.
        """
        flat = np.frombuffer(frame, np.uint8)
        if flat.size != self.frame_bytes:
            raise FormatMismatchError(
                f"The frame has {flat.size} bytes, but {self} needs {self.frame_bytes}."
            )
        ends = np.cumsum([rows * columns for rows, columns in self.plane_shapes])
        return tuple(np.split(flat, ends[:-1] * self.sample_bytes))

    def rows(self, planes: Sequence[PlaneLike], role: str) -> tuple[NDArray[np.uint8], ...]:
        """See each plane as rows of bytes, without copying where samples of a row are adjacent.

        Args:
            planes: Y, U and V: decoded planes, arrays of the plane's shape with any distance
                between rows, or buffers that hold the rows without padding.
            role: What to call the picture in an error.

        Raises:
            FormatMismatchError: A plane is missing, or has another size or sample type.
        """
        if len(planes) != len(self.plane_shapes):
            raise FormatMismatchError(f"The {role} has {len(planes)} planes, but {self} has 3.")
        return tuple(
            self._rows_of(plane, shape, f"Plane {number} of the {role}")
            for number, (plane, shape) in enumerate(zip(planes, self.plane_shapes, strict=True))
        )

    def _rows_of(self, plane: PlaneLike, shape: tuple[int, int], what: str) -> NDArray[np.uint8]:
        if isinstance(plane, Plane):
            if (plane.height, plane.width) != shape:
                raise _wrong_shape(what, (plane.height, plane.width), shape)
            return _memory(
                plane.pointer, plane.stride_bytes, shape[0], shape[1] * self.sample_bytes
            )
        dtype = np.dtype(np.uint8 if self.sample_bytes == 1 else "<u2")
        array = plane if isinstance(plane, np.ndarray) else np.frombuffer(plane, np.uint8)
        if array.ndim == 1 and array.dtype == np.uint8:
            return _reshaped(array.view(np.uint8), shape, self.sample_bytes, what)
        if array.dtype != dtype:
            raise FormatMismatchError(
                f"{what} has samples of type {array.dtype}, but {self} needs {dtype}."
            )
        if array.shape != shape:
            raise _wrong_shape(what, array.shape, shape)
        adjacent = array if array.strides[1] == array.itemsize else np.ascontiguousarray(array)
        return adjacent.view(np.uint8)

    def __str__(self) -> str:
        return (
            f"{self.width}x{self.height} 4:{self.chroma[1]}:{self.chroma[2]} {self.bit_depth}-bit"
        )


def read_pair(
    library: Libvmaf,
    context: ctypes.c_void_p,
    layout: PictureFormat,
    pair: Sequence[Sequence[NDArray[np.uint8]]],
    index: int,
) -> None:
    """Copy a pair of pictures into libvmaf's memory and hand them to a context.

    Args:
        library: libvmaf.
        context: The `VmafContext`.
        layout: Geometry of the pictures.
        pair: Reference and distorted, each as `PictureFormat.rows` gives it.
        index: Number of the pair.

    Raises:
        LibvmafCallError: libvmaf has no memory, or could not process an earlier pair.
    """
    pictures: list[VmafPicture] = []
    try:
        for planes in pair:
            pictures.append(_allocate(library, layout))
            _fill(pictures[-1], layout, planes)
        library.call("vmaf_read_pictures", context, *map(ctypes.byref, pictures), index)
    finally:
        for picture in pictures:
            if picture.ref:
                library.release("vmaf_picture_unref", ctypes.byref(picture))


def _allocate(library: Libvmaf, layout: PictureFormat) -> VmafPicture:
    picture = VmafPicture()
    library.call(
        "vmaf_picture_alloc",
        ctypes.byref(picture),
        PIXEL_FORMATS[layout.chroma],
        layout.bit_depth,
        layout.width,
        layout.height,
    )
    return picture


def _fill(picture: VmafPicture, layout: PictureFormat, planes: Sequence[NDArray[np.uint8]]) -> None:
    for number, plane in enumerate(planes):
        # libvmaf rounds the chroma of odd sizes down, everybody else up.
        rows, row_bytes = picture.h[number], picture.w[number] * layout.sample_bytes
        target = _memory(picture.data[number], picture.stride[number], rows, row_bytes)
        target[...] = plane[:rows, :row_bytes]


def _memory(pointer: int, stride_bytes: int, rows: int, row_bytes: int) -> NDArray[np.uint8]:
    """See foreign memory as rows; the caller keeps it alive."""
    extent = stride_bytes * (rows - 1) + row_bytes
    memory = (ctypes.c_uint8 * extent).from_address(pointer)
    return np.ndarray(
        (rows, row_bytes), np.uint8, memoryview(memory).cast("B"), strides=(stride_bytes, 1)
    )


def _reshaped(
    flat: NDArray[np.uint8], shape: tuple[int, int], sample_bytes: int, what: str
) -> NDArray[np.uint8]:
    rows, row_bytes = shape[0], shape[1] * sample_bytes
    if flat.size != rows * row_bytes:
        raise FormatMismatchError(
            f"{what} has {flat.size} bytes, but {rows} rows of {row_bytes} bytes are expected."
        )
    return flat.reshape(rows, row_bytes)


def _wrong_shape(
    what: str, found: tuple[int, ...], expected: tuple[int, int]
) -> FormatMismatchError:
    return FormatMismatchError(
        f"{what} has {'x'.join(map(str, reversed(found)))} samples, but "
        f"{expected[1]}x{expected[0]} are expected."
    )


_MODEL_NAME = b"vmaf"
_CAMBI = b"cambi"
_REHEARSAL_FRAMES = 2
_REHEARSAL_SIDE = 64


@frozen
class FeatureName:
    """One elementary feature.

    Attributes:
        log: What libvmaf's logs call it, and so do results: `integer_adm2`.
        query: What `vmaf_feature_score_at_index` calls it: `VMAF_integer_feature_adm2_score`.
    """

    log: str
    query: bytes


@contextmanager
def open_context(library: Libvmaf, *, threads: int, subsample: int) -> Iterator[ctypes.c_void_p]:
    """Make a `VmafContext`, closed when the block ends.

    Args:
        library: Makes it.
        threads: Worker threads; 0 computes in the thread that feeds it.
        subsample: Score every n-th frame.

    Raises:
        LibvmafCallError: libvmaf cannot make it.
    """
    context = ctypes.c_void_p()
    library.call(
        "vmaf_init", ctypes.byref(context), VmafConfiguration(SILENT, threads, subsample, 0, 0)
    )
    try:
        yield context
    finally:
        library.release("vmaf_close", context)


def use_metrics(library: Libvmaf, context: ctypes.c_void_p, metrics: Sequence[str]) -> None:
    """Have a context compute metrics beside its model's features.

    Raises:
        MetricUnavailableError: The library cannot compute one.
    """
    refuse_foreign(metrics)
    for extractor in extractors_of(metrics):
        if library.attempt("vmaf_use_feature", context, extractor.encode(), None):
            raise MetricUnavailableError(
                f"libvmaf {library.version} ({library.path}) cannot compute "
                f"{title_of_extractor(extractor)}. Try --backend ffmpeg, whose libvmaf is usually "
                "newer, or leave out that metric."
            )


@contextmanager
def open_model(
    library: Libvmaf, model: VmafModel, facts: EncodeFacts | None = None
) -> Iterator[ctypes.c_void_p]:
    """Load a model, freed when the block ends; to be freed after every context that uses it.

    Args:
        library: Loads it.
        model: Which one.
        facts: What CAMBI needs to know of the encode; None leaves it out.

    Raises:
        ModelNotFoundError: The library does not have the model, or cannot read its file.
        LibvmafCallError: The library is too old to take the facts of the encode.
    """
    handle = ctypes.c_void_p()
    config = VmafModelConfig(_MODEL_NAME, 0)
    loader, name = (
        ("vmaf_model_load", model.name)
        if model.path is None
        else ("vmaf_model_load_from_path", str(model.path))
    )
    if library.attempt(loader, ctypes.byref(handle), ctypes.byref(config), name.encode()):
        raise ModelNotFoundError(_refused(library, model))
    try:
        if facts is not None:
            _set_encode_facts(library, handle, facts)
        yield handle
    finally:
        library.release("vmaf_model_destroy", handle)


def _refused(library: Libvmaf, model: VmafModel) -> str:
    if model.path is not None:
        return f"libvmaf {library.version} cannot use the model file '{model.path}'."
    return (
        f"libvmaf {library.version} ({library.path}) does not have the model {model.name}. "
        "Try --backend ffmpeg, whose libvmaf is usually newer."
    )


def _set_encode_facts(library: Libvmaf, model: ctypes.c_void_p, facts: EncodeFacts) -> None:
    if not library.has("vmaf_model_feature_overload"):
        raise LibvmafCallError(
            "vmaf_model_feature_overload", 0, f"libvmaf {library.version} does not have it"
        )
    options = ctypes.c_void_p()
    for name, value in facts.options().items():
        library.call(
            "vmaf_feature_dictionary_set", ctypes.byref(options), name.encode(), value.encode()
        )
    # libvmaf frees the options, whatever comes of it.
    library.call("vmaf_model_feature_overload", model, _CAMBI, options)


_names: dict[tuple[str, VmafModel, EncodeFacts | None], tuple[FeatureName, ...]] = {}
_names_lock = threading.Lock()


def feature_names(
    library: Libvmaf, model: VmafModel, facts: EncodeFacts | None = None
) -> tuple[FeatureName, ...]:
    """Find out what features come with a model, once per process.

    Which they are and what they are called depends on the model's options and on libvmaf's
    version, and no function lists them. So two blank frames are scored, and the log is read.

    Raises:
        ModelNotFoundError: The library does not have the model.
        LibvmafCallError: It has the model, but cannot score with it.
    """
    key = (library.path, model, facts)
    with _names_lock:
        if key not in _names:
            _names[key] = _rehearse(library, model, facts)
        return _names[key]


def _rehearse(
    library: Libvmaf, model: VmafModel, facts: EncodeFacts | None
) -> tuple[FeatureName, ...]:
    side = max(model.min_side, _REHEARSAL_SIDE)
    layout = PictureFormat(side * 2, side, "420", model.min_bit_depth)
    blank = layout.rows(layout.split(np.zeros(layout.frame_bytes, np.uint8)), "rehearsal")
    score = ctypes.c_double()
    with ExitStack() as stack:
        handle = stack.enter_context(open_model(library, model, facts))
        context = stack.enter_context(open_context(library, threads=0, subsample=1))
        library.call("vmaf_use_features_from_model", context, handle)
        for index in range(_REHEARSAL_FRAMES):
            read_pair(library, context, layout, (blank, blank), index)
        library.call("vmaf_read_pictures", context, None, None, 0)
        for index in range(_REHEARSAL_FRAMES):
            library.call("vmaf_score_at_index", context, handle, ctypes.byref(score), index)
        return tuple(
            _queries(library, context, features_of(model, _logged_names(library, context)))
        )


def _logged_names(library: Libvmaf, context: ctypes.c_void_p) -> list[str]:
    with scratch_folder() as folder:
        log = folder / "names.json"
        library.call("vmaf_write_output", context, str(log).encode(), JSON_OUTPUT)
        with log.open(encoding="utf-8") as file:
            return list(parse_frame_log(file).features)


def _queries(
    library: Libvmaf, context: ctypes.c_void_p, names: Iterable[str]
) -> Iterator[FeatureName]:
    value = ctypes.c_double()
    for name in names:
        # The log's aliases; see alias.c of libvmaf.
        integer = f"VMAF_integer_feature_{name.removeprefix('integer_')}_score"
        for query in (name, integer, f"VMAF_feature_{name}_score"):
            if not library.attempt(
                "vmaf_feature_score_at_index", context, query.encode(), ctypes.byref(value), 0
            ):
                yield FeatureName(name, query.encode())
                break
