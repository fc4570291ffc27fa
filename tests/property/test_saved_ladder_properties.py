"""A ladder survives being saved, and whatever else is in the file never surprises the reader."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reports.ladder_factories import ladder_result, unreachable_ladder_result
from vmafx_tune import reselect
from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError, VmafxTuneError
from vmafx_tune.options import RungOptions
from vmafx_tune.reports.render import formats_of, render
from vmafx_tune.reports.saved_ladder import read_ladder
from vmafx_tune.results.ladder import LadderResult

from .ladder_strategies import json_values, ladder_results

if TYPE_CHECKING:
    from collections.abc import Iterator

SAVED = tuple(render(result, "json") for result in (ladder_result(), unreachable_ladder_result()))


def assert_read_or_refused(text: str) -> None:
    with suppress(InvalidLadderError):
        result = read_ladder(text)
        assert isinstance(result, LadderResult)
        assert render(read_ladder(render(result, "json")), "json") == render(result, "json")


@settings(deadline=None)
@given(ladder_results())
def test_a_ladder_read_back_gives_the_same_document(result: LadderResult) -> None:
    text = render(result, "json")
    assert render(read_ladder(text), "json") == text


@settings(deadline=None)
@given(json_values())
def test_any_json_is_a_ladder_or_refused(value: Any) -> None:
    assert_read_or_refused(json.dumps(value))


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_ladder_or_refused(text: str) -> None:
    assert_read_or_refused(text)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_ladder_with_any_of_its_values_replaced_is_read_or_refused(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(SAVED)))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(places_in(document))))
        holder[key] = data.draw(json_values(max_leaves=3))
    assert_read_or_refused(json.dumps(document))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_ladder_with_values_nested_or_emptied_is_written_in_every_format_or_refused(
    data: st.DataObject,
) -> None:
    document = json.loads(data.draw(st.sampled_from(SAVED)))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(places_in(document))))
        value = holder[key]
        others = [[], {}, [value], {"a": value}, str(value), None, [value, value], -1, 0, 1e300]
        holder[key] = data.draw(st.sampled_from(others))
    rungs = RungOptions(max_rungs=2, spacing=data.draw(st.sampled_from(Spacing)))
    with suppress(VmafxTuneError):
        result = reselect(read_ladder(json.dumps(document)), rungs)
        for fmt in formats_of(result):
            with suppress(InvalidLadderError):
                assert render(result, fmt)


def test_a_ladder_without_targets_is_read_and_other_rungs_are_chosen_from_it() -> None:
    document = json.loads(SAVED[0]) | {"target_vmafs": []}
    del document["selection"]
    result = reselect(read_ladder(json.dumps(document)), RungOptions(max_rungs=2))
    assert len(result.renditions) == 2


@settings(deadline=None)
@given(st.data())
def test_a_ladder_without_any_of_its_fields_is_read_or_refused(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(SAVED)))
    fields = [(holder, key) for holder, key in places_in(document) if isinstance(holder, dict)]
    holder, key = data.draw(st.sampled_from(fields))
    del holder[key]
    assert_read_or_refused(json.dumps(document))


@settings(deadline=None)
@given(st.data())
def test_a_ladder_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    text = SAVED[0].rstrip()
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(InvalidLadderError):
        read_ladder(cut)


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place that holds a value, as its container and the key or index in it."""
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield value, key
        yield from places_in(value[key])
