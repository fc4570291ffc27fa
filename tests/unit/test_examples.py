"""The files for operating a server keep up with it, and with each other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.certificates import make_certificate
from tests.support.http_server import running_server
from tests.support.programs import needs_proc
from tests.support.promql import metric_names, queries
from vmafx_tune.server.metrics import Metrics
from vmafx_tune.server.openapi import OPERATIONS
from vmafx_tune.server.settings import SETTINGS, ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SERVE = ROOT / "examples/serve"
KUBERNETES = SERVE / "kubernetes"
DASHBOARD = SERVE / "grafana-dashboard.json"
RULES = SERVE / "prometheus-rules.yaml"
DOCKERFILE = (SERVE / "Dockerfile").read_text(encoding="utf-8")

VARIABLE = re.compile(r"\bVMAFX_[A-Z_]+")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
DEFAULTS = ServerSettings()


@cache
def documents(name: str) -> list[Any]:
    """Everything in a YAML file under `kubernetes`."""
    return list(yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8")))


def document(name: str) -> Any:
    (only,) = documents(name)
    return only


def pod() -> Any:
    return document("base/deployment.yaml")["spec"]["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


def environment() -> dict[str, Any]:
    return {entry["name"]: entry for entry in container()["env"]}


def compose() -> Any:
    text = (SERVE / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["services"]["server"]


def kustomizations() -> list[Path]:
    return sorted(KUBERNETES.glob("*/kustomization.yaml"))


def operation_paths(*, guarded: bool) -> set[str]:
    return {operation.path for operation in OPERATIONS if operation.guarded is guarded}


# Metrics


def samples() -> set[str]:
    """Names of all that `/metrics` shows."""
    text = Metrics().scrape().body.decode()
    families = text_string_to_metric_families(text)
    return {sample.name for family in families for sample in family.samples}


def test_the_metrics_of_a_query_are_found() -> None:
    query = 'histogram_quantile(0.9, sum by (le) (rate(a_b{x="y", z=~"$w"}[5m]))) / (sum(c) > 0)'

    assert metric_names(query) == {"a_b", "c"}


@needs_proc
@pytest.mark.parametrize("path", [DASHBOARD, RULES], ids=lambda path: path.name)
def test_every_metric_that_is_asked_for_is_one_that_the_server_has(path: Path) -> None:
    for query in queries(path):
        names = metric_names(query)
        assert names
        assert names <= samples(), query


def test_every_metric_of_the_server_is_on_the_dashboard() -> None:
    shown = set().union(*(metric_names(query) for query in queries(DASHBOARD)))

    assert {name for name in samples() if name.startswith("vmafx_")} <= shown


def test_the_dashboard_takes_its_data_source_job_and_instances_from_variables() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))

    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    for panel in dashboard["panels"]:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}
        for target in panel["targets"]:
            selectors = re.findall(r"\{(.*?)\}", target["expr"])
            assert set(selectors) == {'job="$job", instance=~"$instance"'}


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]

    cells: list[tuple[int, int]] = []
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells += [
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels}) == len(panels)


# Settings


def test_the_examples_set_only_what_the_server_reads() -> None:
    files = [path for path in SERVE.rglob("*") if path.is_file() and path.suffix != ".pyc"]

    named = {name for path in files for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    # This one is for the build of the package.
    assert named - {"VMAFX_BUNDLE_LIBVMAF"} <= {setting.variable for setting in SETTINGS}


@pytest.mark.parametrize("probe", PROBES)
def test_probes_ask_what_needs_no_token(probe: str) -> None:
    asked = container()[probe]["httpGet"]

    assert asked["path"] in operation_paths(guarded=False)
    assert asked["port"] == "http"


def test_only_readiness_depends_on_the_scorer_and_the_drain() -> None:
    asked = {probe: container()[probe]["httpGet"]["path"] for probe in PROBES}

    assert asked == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }


def test_the_ports_are_the_default_ones_everywhere() -> None:
    expected = {"http": DEFAULTS.port, "grpc": DEFAULTS.grpc_port}
    exposed = re.search(r"^EXPOSE (\d+) (\d+)$", DOCKERFILE, re.MULTILINE)
    published = [port.rsplit(":", 1)[1] for port in compose()["ports"]]

    assert {port["name"]: port["containerPort"] for port in container()["ports"]} == expected
    assert exposed
    assert [*map(int, exposed.groups())] == [*map(int, published)] == [*expected.values()]


def test_nothing_is_killed_while_it_may_still_drain() -> None:
    drain_s = float(environment()["VMAFX_DRAIN_SECONDS"]["value"])
    pause_s = container()["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod()["terminationGracePeriodSeconds"] == 45
    assert drain_s + pause_s < 45
    assert compose()["stop_grace_period"] == "45s"
    assert DEFAULTS.drain_s < 45


def test_scores_are_as_many_as_there_are_cores_for_them() -> None:
    source = environment()["VMAFX_MAX_CONCURRENT_SCORES"]["valueFrom"]

    assert source == {"resourceFieldRef": {"resource": "limits.cpu"}}
    assert container()["resources"]["limits"]["cpu"]
    assert compose()["environment"]["VMAFX_MAX_CONCURRENT_SCORES"] == str(compose()["cpus"])


# Safety


def test_the_pod_has_no_right_that_it_does_not_need() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert document("base/networkpolicy.yaml")["spec"]["egress"] == []


def test_the_pod_can_write_to_tmp_only_and_reads_the_media_roots() -> None:
    mounts = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}

    assert {path for path, mount in mounts.items() if not mount.get("readOnly")} == {"/tmp"}
    assert f"VMAFX_MEDIA_ROOTS={mounts['/media']['mountPath']}\n" in DOCKERFILE


def test_the_image_runs_as_the_user_of_the_pod() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_compose_takes_the_same_rights_away() -> None:
    service = compose()

    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert all(volume.endswith(":ro") for volume in service["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


# Kubernetes: what one object says of another


def test_the_files_of_every_kustomization_exist() -> None:
    assert kustomizations()
    for path in kustomizations():
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        patches = [patch["path"] for patch in content.get("patches", []) if "path" in patch]
        named = [*content.get("resources", []), *content.get("components", []), *patches]
        assert named
        assert [name for name in named if not (path.parent / name).exists()] == []


def test_every_manifest_is_part_of_its_kustomization() -> None:
    for path in kustomizations():
        content = path.read_text(encoding="utf-8")
        others = {other.name for other in path.parent.iterdir()} - {path.name}
        assert [name for name in others if name not in content] == []


def test_everything_selects_the_pods_by_their_label() -> None:
    labels = document("base/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        document("base/deployment.yaml")["spec"]["selector"]["matchLabels"],
        document("base/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"],
        document("base/poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"],
        *(service["spec"]["selector"] for service in documents("base/services.yaml")),
    ]

    assert [selector for selector in selectors if selector != labels] == []


def test_services_point_at_ports_of_the_container() -> None:
    names = {port["name"] for port in container()["ports"]}

    for service in documents("base/services.yaml"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_prometheus_finds_the_metrics_once_and_has_the_token() -> None:
    monitor = document("monitoring/servicemonitor.yaml")["spec"]
    (endpoint,) = monitor["endpoints"]
    service, pods = documents("base/services.yaml")
    (excluded,) = monitor["selector"]["matchExpressions"]

    assert endpoint["path"] in operation_paths(guarded=True)
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert excluded["key"] in pods["metadata"]["labels"]
    assert excluded["key"] not in service["metadata"]["labels"]
    token = environment()["VMAFX_API_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert endpoint["authorization"]["credentials"] == token
    assert f'job="{service["metadata"]["labels"][monitor["jobLabel"]]}"' in RULES.read_text()


def tls_patches() -> Iterator[tuple[Any, Any]]:
    """Every operation of the TLS component, with the object that it changes."""
    objects = [
        document("base/deployment.yaml"),
        *documents("base/services.yaml"),
        document("monitoring/servicemonitor.yaml"),
    ]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    for patch in document("tls/kustomization.yaml")["patches"]:
        target = by_name[patch["target"]["kind"], patch["target"]["name"]]
        for operation in json.loads((KUBERNETES / "tls" / patch["path"]).read_text("utf-8")):
            yield target, operation


def test_the_tls_patches_change_what_is_there() -> None:
    for target, operation in tls_patches():
        *parents, last = operation["path"].strip("/").split("/")
        place = target
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        assert (last in place) is (operation["op"] == "replace"), operation["path"]


def test_every_probe_speaks_tls_where_the_server_does() -> None:
    schemes = [op["path"] for _, op in tls_patches() if op.get("value") == "HTTPS"]

    assert [path.split("/")[-3] for path in schemes] == list(PROBES)


# The image


def build_context() -> list[str]:
    lines = (SERVE / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "*"
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


@pytest.mark.skipif(not (ROOT / "src").is_dir(), reason="There is no source tree to build.")
def test_the_build_context_has_what_the_package_is_built_from() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences = {name.split("/")[0] for name in project["license-files"]}
    needed = {"pyproject.toml", "hatch_build.py", "src", project["readme"], *licences}

    assert needed <= set(build_context())
    assert [name for name in build_context() if not (ROOT / name).exists()] == []


def test_the_build_context_has_what_the_dockerfile_copies() -> None:
    copied = re.findall(r"^COPY (examples/\S+)", DOCKERFILE, re.MULTILINE)

    assert copied
    assert set(copied) <= set(build_context())


def run_healthcheck(port: int, **env: str) -> int:
    command = re.search(r"^HEALTHCHECK .*\\\n\s+CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    assert command
    _, *options, script = json.loads(command[1])
    argv = [sys.executable, *options, str(SERVE / Path(script).name)]
    return subprocess.run(argv, env={"VMAFX_PORT": str(port), **env}, check=False).returncode


def test_the_health_check_follows_readiness(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert run_healthcheck(server.port) == 0

        server.call(server.service.begin_drain)

        assert run_healthcheck(server.port) == 1
    assert run_healthcheck(server.port) == 1


def test_the_health_check_asks_over_tls_where_the_server_speaks_it(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    with running_server(tmp_path, tls_cert=made.cert, tls_key=made.key) as server:
        assert run_healthcheck(server.port, VMAFX_TLS_CERT=str(made.cert)) == 0
        assert run_healthcheck(server.port) == 1
