"""Checks as CI systems read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.unit.gate.results import answer, ladder, score
from vmafx_tune.gate.run import gate
from vmafx_tune.reports.junit import junit_xml


def suite(text: str) -> ET.Element:
    (found,) = ET.fromstring(text)
    return found


def test_each_check_is_a_test_and_each_regression_a_failure() -> None:
    found = gate(answer(proven=False, kbps=1200), answer())
    read = suite(junit_xml(found))
    assert read.attrib["tests"] == str(len(found.checks)) == str(len(read))
    assert (read.attrib["failures"], read.attrib["errors"]) == ("2", "0")
    messages = [failure.attrib["message"] for failure in read.iter("failure")]
    assert messages == [check.message for check in found.regressions]
    assert all(case.attrib["name"] and case.attrib["classname"] for case in read)


def test_a_check_that_could_not_be_made_is_skipped() -> None:
    empty = replace(ladder(), hull=())
    read = suite(junit_xml(gate(empty, empty)))
    assert (read.attrib["failures"], read.attrib["skipped"]) == ("0", "1")
    (skipped,) = read.iter("skipped")
    assert skipped.attrib["message"].startswith("hull: there is no BD-rate")


def test_what_xml_cannot_hold_is_replaced() -> None:
    found = gate(score(), score())
    named = replace(found, current=Path("a\x01<b>&\ud800.json"), baseline=Path("c.json"))
    assert suite(junit_xml(named)).attrib["name"] == "score: a\ufffd<b>&\ufffd.json against c.json"
