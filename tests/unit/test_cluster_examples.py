"""The files for running a cluster agree with each other and with the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vmafx_tune.cli.common import CLUSTER_VARIABLE
from vmafx_tune.files import CACHE_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "examples/cluster"
KUBERNETES = CLUSTER / "kubernetes"
DOCKERFILE = (CLUSTER / "Dockerfile").read_text(encoding="utf-8")

PART_OF = {"app.kubernetes.io/part-of": "vmafx-cluster"}


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8")))


def pods() -> list[Any]:
    workloads = [
        documents("scheduler.yaml")[0],
        *documents("workers.yaml"),
        *documents("client-job.yaml"),
    ]
    return [workload["spec"]["template"] for workload in workloads]


@pytest.mark.parametrize("pod", pods(), ids=["scheduler", "worker", "client"])
def test_a_pod_has_no_right_that_it_does_not_need(pod: Any) -> None:
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = container["volumeMounts"]
    assert {each["mountPath"] for each in mounts if not each.get("readOnly")} == {"/tmp"}


def test_only_members_of_the_cluster_reach_each_other() -> None:
    (policy,) = documents("networkpolicy.yaml")

    assert policy["spec"]["podSelector"]["matchLabels"] == PART_OF
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": PART_OF}}]


def test_all_pods_are_members_and_of_one_image() -> None:
    for pod in pods():
        assert pod["metadata"]["labels"].items() >= PART_OF.items()
        assert pod["spec"]["containers"][0]["image"] == "vmafx-tune-cluster"


def test_workers_and_clients_know_where_the_scheduler_is() -> None:
    _, service = documents("scheduler.yaml")
    (port,) = service["spec"]["ports"]
    address = f"tcp://{service['metadata']['name']}:{port['port']}"

    for name in ("workers.yaml", "client-job.yaml"):
        (workload,) = documents(name)
        assert address in workload["spec"]["template"]["spec"]["containers"][0]["command"]


def test_a_client_names_the_threads_that_a_worker_has() -> None:
    (workers,), (job,) = documents("workers.yaml"), documents("client-job.yaml")
    container = workers["spec"]["template"]["spec"]["containers"][0]
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]

    threads = command[command.index("--threads") + 1]
    assert threads == container["resources"]["limits"]["cpu"]


def test_the_files_of_the_kustomization_exist() -> None:
    (content,) = documents("kustomization.yaml")
    assert [name for name in content["resources"] if not (KUBERNETES / name).exists()] == []


def test_the_image_has_the_extra_and_runs_as_the_user_of_the_pods() -> None:
    assert '".[cluster]"' in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert CACHE_VARIABLE in DOCKERFILE


def test_the_guide_names_the_variable_and_the_files() -> None:
    guide = (ROOT / "docs/how-to/use-a-cluster.md").read_text(encoding="utf-8")

    assert CLUSTER_VARIABLE in guide
    for name in ("slurm.sh", "vmafx-worker.service", "client-job.yaml", "Dockerfile"):
        assert name in guide
