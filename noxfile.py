"""Everything that is checked, as sessions: `nox -l` lists them, `.ci/run` calls them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
TEST_PACKAGES = PROJECT["project"]["optional-dependencies"]["test"]

# The built package is tested beside everything in the tree but these.
OUT_OF_THE_WAY = frozenset(
    {"src", ".git", ".nox", ".venv", ".hypothesis", ".mypy_cache", "build", "dist", "site"}
)

# Each makes its files again from what the package says of itself; `generated` fails when that
# changes one of them.
GENERATORS = (
    ("python", "-m", "vmafx_tune.reports.generate"),
    ("python", "docs/generate.py"),
)
GENERATED = ("docs", "src/vmafx_tune/reports/schemas", "src/vmafx_tune/server")

# README's test command runs everything against a wheel of the tree. One that was built from the
# sdist has the same files, so these only show that it starts, encodes, scores and serves.
WHEEL_TESTS = (
    "tests/golden",
    "tests/integration/test_wheel.py",
    "tests/integration/test_cli_commands.py",
    "tests/integration/test_cli_serve.py",
    "tests/integration/test_libvmaf_session.py",
)

# SSIMULACRA2, and what releases of PyAV differ in.
NEWER_TESTS = (
    "tests/integration/test_ssimulacra2.py",
    "tests/integration/test_encode.py::test_hdr10_metadata_is_that_of_the_source[libx265]",
    "tests/unit/media/test_probe.py",
    "tests/unit/media/test_pyav.py",
)

YAMLLINT = "{extends: default, rules: {document-start: disable, line-length: {max: 110}}}"
# The oldest one that has all that the manifests use, and the newest one known.
KUBERNETES_VERSIONS = ("1.30", "1.37")

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = [
    *("lint", "types", "tests", "integration", "golden", "examples", "docs", "generated"),
]


def install_group(session: nox.Session, *groups: str) -> None:
    session.install(*nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, the direction of imports, and the gRPC contract."""
    install_group(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", env={"PYTHONPATH": "src"})
    session.run("buf", "lint", "src/vmafx_tune/server/proto")
    session.run("buf", "format", "--diff", "--exit-code", "src/vmafx_tune/server/proto")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly, in the package, its tests and its tools."""
    session.install("-e", ".[test]")
    install_group(session, "types")
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the unit, property and contract tests, on every Python that is here."""
    session.install(".[test]")
    tests = ("tests/unit", "tests/property", "tests/contract")
    session.run("pytest", "-n", "auto", *tests, *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests with the real ffmpeg and libvmaf."""
    session.install(".[test]")
    session.run("pytest", "-n", "auto", "tests/integration", *session.posargs)


@nox.session
def golden(session: nox.Session) -> None:
    """Hold scores to those of Netflix's own tool."""
    session.install(".[test]")
    session.run("pytest", "tests/golden", *session.posargs)


@nox.session(python=PYTHONS[1:])
def newer(session: nox.Session) -> None:
    """Run what needs Python 3.12 or newer: SSIMULACRA2 against VapourSynth, the newest PyAV."""
    tools = [each for each in TEST_PACKAGES if each.startswith(("pytest", "hypothesis"))]
    session.install(".[ssimulacra2]", *tools)
    session.run("pytest", *NEWER_TESTS, *session.posargs)


@nox.session(venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the oldest dependencies that pyproject.toml allows."""
    session.install("--resolution=lowest-direct", ".[cluster]")
    # What the tests need themselves comes new; it leaves alone what is there.
    session.install(".[test]")
    session.run("pytest", "tests/unit", "tests/property", "tests/contract", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Check the files for operating a server, and the shell scripts."""
    install_group(session, "examples")
    serve, cluster = Path("examples/serve"), Path("examples/cluster")
    session.run("shellcheck", ".ci/run", *map(str, sorted(Path("examples").rglob("*.sh"))))
    session.run("yamllint", "--strict", f"--config-data={YAMLLINT}", "examples")
    session.run("hadolint", str(serve / "Dockerfile"), str(cluster / "Dockerfile"))
    compose = str(serve / "compose.yaml")
    session.run("check-jsonschema", "--builtin-schema=vendor.compose-spec", compose)
    for kind, job in (("github-workflows", "github.yml"), ("gitlab-ci", "gitlab.yml")):
        session.run("check-jsonschema", f"--builtin-schema=vendor.{kind}", f"examples/ci/{job}")
    alerts_and_panels = (serve / "prometheus-rules.yaml", serve / "grafana-dashboard.json")
    session.run("python", "-m", "tests.support.promql", *map(str, alerts_and_panels))
    folders = (serve / "kubernetes/base", cluster / "kubernetes")
    manifests = [path for folder in folders for path in folder.iterdir() if is_manifest(path)]
    for version in KUBERNETES_VERSIONS:
        validate(session, version, *map(str, sorted(manifests)))
    # What the TLS patches make of them; that they fit is tested without kubectl, too.
    if shutil.which("kubectl"):
        overlay = str(serve / "kubernetes/overlay")
        made = session.run("kubectl", "kustomize", overlay, silent=True, external=True)
        rendered = Path(session.create_tmp(), "overlay.yaml")
        rendered.write_text(str(made), encoding="utf-8")
        validate(session, KUBERNETES_VERSIONS[-1], str(rendered))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a broken link is an error."""
    install_group(session, "docs")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def generated(session: nox.Session) -> None:
    """Make the generated pages, schemas and stubs again, and fail if that changes one."""
    session.install("-e", ".")
    install_group(session, "proto")
    before = snapshot(GENERATED)
    for command in GENERATORS:
        session.run(*command)
    generate_stubs(session)
    after = snapshot(GENERATED)
    changed = {path for path, _data in before.items() ^ after.items()}
    if changed:
        session.error(f"These were out of date and are new now: {', '.join(sorted(changed))}.")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, and test the wheel with src out of the way."""
    install_group(session, "build")
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder / "dist", ignore_errors=True)
    # The wheel is built from the sdist, which proves the sdist complete.
    session.run("python", "-m", "build", f"--outdir={folder / 'dist'}", str(ROOT))
    session.run("twine", "check", "--strict", *map(str, (folder / "dist").iterdir()))
    (wheel,) = folder.glob("dist/*.whl")
    sources = {name.removeprefix("src/") for name in snapshot(("src",)) if "_bundled" not in name}
    if missing := sources - names_in(wheel):
        session.error(f"These are not in the wheel: {', '.join(sorted(missing))}.")
    session.install(f"vmafx-tune[test] @ {wheel.as_uri()}")
    with session.chdir(copy_without_src(folder / "tree")):
        session.run("pytest", "-n", "auto", *(session.posargs or WHEEL_TESTS))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what the project promises about speed; see docs/reference/benchmarks.md."""
    session.install(".[test]")
    install_group(session, "bench")
    session.run("python", "benchmarks/run.py", *session.posargs)


def generate_stubs(session: nox.Session) -> None:
    """Make the messages of the gRPC contract, their types and its stubs beside the contract."""
    folder, made = ROOT / "src/vmafx_tune/server/proto", Path(session.create_tmp())
    outputs = (f"--{kind}_out={made}" for kind in ("python", "pyi", "grpc_python"))
    contract = "vmafx/v1/vmafx.proto"
    session.run("python", "-m", "grpc_tools.protoc", f"--proto_path={folder}", *outputs, contract)
    for path in (made / "vmafx/v1").iterdir():
        # The stubs import the messages from where they are, not from a package `vmafx`.
        text = path.read_text(encoding="utf-8")
        text = text.replace("from vmafx.v1 ", "from vmafx_tune.server.proto ")
        (folder / path.name).write_text(text, encoding="utf-8")


def validate(session: nox.Session, version: str, *manifests: str) -> None:
    """Hold manifests to the schemas of Kubernetes; kinds of others, which have none, pass."""
    session.run("kubernetes-validate", "--strict", "--no-warn", "-k", version, *manifests)


def is_manifest(path: Path) -> bool:
    return path.suffix == ".yaml" and path.name != "kustomization.yaml"


def snapshot(folders: tuple[str, ...]) -> dict[str, bytes]:
    files = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {
        str(path.relative_to(ROOT)): path.read_bytes() for path in files if path.suffix != ".pyc"
    }


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def copy_without_src(target: Path) -> Path:
    def unwanted(folder: str, names: list[str]) -> set[str]:
        at_top = OUT_OF_THE_WAY if Path(folder) == ROOT else frozenset()
        return {name for name in names if name in at_top or name == "__pycache__"}

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT, target, ignore=unwanted)
    # Tests look for the clips that are too large for the repository beside the tree.
    clips = target.with_name("shared")
    if (ROOT.parent / "shared").is_dir() and not clips.exists():
        clips.symlink_to(ROOT.parent / "shared")
    return target
