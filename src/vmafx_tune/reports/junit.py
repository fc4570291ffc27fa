"""Checks as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vmafx_tune.reports import gate_facts

if TYPE_CHECKING:
    from vmafx_tune.results.gate import GateResult

__all__ = ["junit_xml"]

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(result: GateResult) -> str:
    """Write the checks of a gate as one suite of tests, by the schema of Jenkins' xUnit plugin."""
    failures = str(len(result.regressions))
    counts = {"tests": str(len(result.checks)), "failures": failures, "errors": "0"}
    skipped = str(sum(check.exemption == "not_checked" for check in result.checks))
    suites = ET.Element("testsuites", {"name": "vmafx-tune gate", **counts})
    suite = ET.SubElement(
        suites,
        "testsuite",
        {"name": _text(gate_facts.heading(result)), **counts, "skipped": skipped, "time": "0"},
    )
    for check in result.checks:
        case = ET.SubElement(
            suite,
            "testcase",
            {
                "name": _text(check.subject or result.results_of),
                "classname": f"vmafx-tune.gate.{check.kind}",
                "time": "0",
            },
        )
        if not check.ok:
            failure = ET.SubElement(
                case, "failure", {"message": _text(check.message), "type": check.kind}
            )
            failure.text = _text(check.message)
        elif check.exemption == "not_checked":
            ET.SubElement(case, "skipped", {"message": _text(check.message)})
        else:
            ET.SubElement(case, "system-out").text = _text(check.message)
    ET.indent(suites)
    text = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _text(value: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
