"""Set up everything a checkout needs: environments, Kafka's jars, the corpus. Idempotent; the standard library only.

Each step has a stamp holding a hash of its inputs; a step whose stamp is current takes no time. What the services need and
what the models need is made side by side, for a package is unpacked by one core. Java and Maven (and,
with --tests, kcat, faketime, Node, Go, Alertmanager and PostgreSQL) are installed by apt where this runs as root on Debian or
Ubuntu; elsewhere it stops with the one command to run.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATE = ROOT / ".weir"
SERVICES_ENV = ROOT / ".venv"
MODELS_ENV = ROOT / ".venv-triton"
TRITON = ROOT / "infra" / "triton"
PLACED_STUB = "tritonserver/backends/python/triton_python_backend_stub"
"""Where `infra/triton/prepare.py` puts it."""

PACKAGES = {
    "java": "openjdk-17-jre-headless",
    "mvn": "maven",
    "kcat": "kcat",
    "faketime": "faketime",
    "node": "nodejs",
    "npm": "npm",
    "go": "golang-go",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "initdb": "postgresql",
    "libgomp.so.1": "libgomp1",
}
"""Debian package of each program, and of the library that llama.cpp runs its threads with."""

FOR_TESTS = ("kcat", "faketime", "node", "npm", "go", "prometheus-alertmanager", "initdb")
"""Programs that only the tests need."""


class SetUpFailed(Exception):
    """A step cannot be done here; the text says what to run."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, again whenever its inputs change."""

    name: str
    inputs: tuple[pathlib.Path, ...]
    done: Callable[[], bool]
    """Whether its result is still there."""
    run: Callable[[], None]
    of_models: bool = False
    """Whether it is made in order with what the models need, else with the rest."""


def main(arguments: Sequence[str]) -> int:
    """Run the steps that are due. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tests",
        action="store_true",
        help="also what only the tests need (kcat, faketime, Node, Go, Alertmanager, PostgreSQL, JDBC)",
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if sys.version_info[:2] != (3, 11):
            found = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise SetUpFailed(f"this is Python {found}; Weir needs 3.11. Run: make PYTHON=python3.11 setup")
        ensure_programs(["java", "mvn", "libgomp.so.1", *(FOR_TESTS if options.tests else [])])
        due = [step for step in [*steps(), *(steps_of_tests() if options.tests else [])] if not is_current(step)]
        run_all(due)
    except (SetUpFailed, subprocess.CalledProcessError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 4
    if due:
        print(f"setup: done in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0


def steps() -> list[Step]:
    """Every step, in order."""
    triton_sources = tuple(sorted(path for folder in ("corpus", "qa") for path in (TRITON / folder).glob("*.py")))
    requirements = TRITON / "requirements.txt"
    packages = (requirements, TRITON / "requirements-bare.txt")
    locked = (ROOT / "pyproject.toml", ROOT / "requirements.lock")
    indexed = (*packages, TRITON / "prepare.py", TRITON / "chat" / "weights.py", *triton_sources)
    command, broker = SERVICES_ENV / "bin" / "weir", STATE / "kafka" / "libs"
    python, manifest = MODELS_ENV / "bin" / "python", STATE / "corpus" / "corpus-current.json"
    return [
        Step("services' environment", locked, command.exists, services_env),
        Step("Kafka", (ROOT / "infra" / "kafka" / "pom.xml",), lambda: any(broker.glob("kafka_*.jar")), kafka),
        Step("models' environment", packages, python.exists, models_env, of_models=True),
        Step("corpus and index", indexed, lambda: manifest.exists() and has_stub(MODELS_ENV), corpus, of_models=True),
    ]


def steps_of_tests() -> list[Step]:
    """What only the tests need, in order."""
    wanted, client = (
        ROOT / "tests" / "javascript" / "package.json",
        STATE / "node" / "node_modules" / "@grpc" / "grpc-js",
    )
    go = ROOT / "tests" / "go"
    built = (go / "go.mod", go / "go.sum", go / "tools.go", go / "stock_client" / "main.go")
    return [
        Step("JavaScript clients", (wanted,), client.exists, javascript_clients),
        java_step("JDBC driver", ROOT / "tests" / "java", "AskWeir", STATE / "jdbc"),
        java_step("Java's gRPC client", ROOT / "tests" / "java" / "grpc", "StockGrpcClient", STATE / "java-grpc"),
        Step("h2spec and Go's gRPC client", built, (STATE / "go" / "h2spec").exists, go_programs),
    ]


def java_step(name: str, source: pathlib.Path, program: str, target: pathlib.Path) -> Step:
    """A program of the tests with the libraries that its pom.xml names."""
    inputs = (source / "pom.xml", source / f"{program}.java")
    return Step(name, inputs, (target / f"{program}.class").exists, lambda: java_program(source, program, target))


def is_current(step: Step) -> bool:
    """Whether the step was done for these inputs and its result is still there."""
    stamp = stamp_of(step)
    return step.done() and stamp.exists() and stamp.read_text() == fingerprint(step)


def run_all(due: Sequence[Step]) -> None:
    """Both kinds side by side, each in its order. A failure ends its own kind; raised when the other one is through."""
    numbered = list(enumerate(due, start=1))
    with ThreadPoolExecutor(max_workers=2) as pool:
        both = [
            pool.submit(run_in_order, [one for one in numbered if one[1].of_models is of_models], len(due))
            for of_models in (False, True)
        ]
    for one in both:
        one.result()


def run_in_order(numbered: Sequence[tuple[int, Step]], total: int) -> None:
    """Do these steps."""
    for number, step in numbered:
        run(step, number, total)


def run(step: Step, number: int, total: int) -> None:
    """Do one step and stamp it."""
    print(f"setup [{number}/{total}] {step.name} ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    step.run()
    stamp = stamp_of(step)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(fingerprint(step))
    print(f"setup [{number}/{total}] {step.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def stamp_of(step: Step) -> pathlib.Path:
    """File that remembers for which inputs a step was done."""
    return STATE / "setup" / (step.name.replace(" ", "-").replace("'", "") + ".stamp")


def fingerprint(step: Step) -> str:
    """Hash of the step's inputs, and of this checkout's place, which environments remember."""
    hasher = hashlib.sha256(str(ROOT).encode())
    for path in step.inputs:
        hasher.update(path.read_bytes() if path.exists() else b"missing")
    return hasher.hexdigest()


def services_env() -> None:
    """The environment of the services, with everything for development, at locked versions."""
    ensure_env(SERVICES_ENV)
    pip(SERVICES_ENV, "install", "-q", "-c", str(ROOT / "requirements.lock"), "-e", f"{ROOT}[dev]")


def models_env() -> None:
    """The environment of the models."""
    ensure_env(MODELS_ENV)
    pip(MODELS_ENV, "install", "-q", "-r", str(TRITON / "requirements.txt"))
    pip(MODELS_ENV, "install", "-q", "--no-deps", "-r", str(TRITON / "requirements-bare.txt"))


def kafka() -> None:
    """The broker's jars."""
    target = STATE / "kafka" / "libs"
    pom = ROOT / "infra" / "kafka" / "pom.xml"
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    checked(command)


def javascript_clients() -> None:
    """The stock clients for JavaScript, by their names and versions alone."""
    folder = STATE / "node"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tests" / "javascript" / "package.json", folder / "package.json")
    checked(
        ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    )


def java_program(source: pathlib.Path, program: str, target: pathlib.Path) -> None:
    """A Java program and its libraries, compiled by a compiler that needs no JDK."""
    libs = target / "libs"
    shutil.rmtree(libs, ignore_errors=True)
    checked(
        ["mvn", "-q", "-B", "-f", str(source / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
    )
    (compiler,) = libs.glob("ecj-*.jar")
    jars = ":".join(str(jar) for jar in sorted(libs.glob("*.jar")))
    checked(["java", "-jar", str(compiler), "-17", "-cp", jars, "-d", str(target), str(source / f"{program}.java")])


def go_programs() -> None:
    """h2spec, and a client of grpc-go: built from what go.sum pins."""
    command = ["go", "install", "./stock_client", "github.com/summerwind/h2spec/cmd/h2spec"]
    environment = {**os.environ, "GOBIN": str(STATE / "go"), "GOTOOLCHAIN": "local"}
    subprocess.run(
        command, check=True, cwd=ROOT / "tests" / "go", env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL
    )


def has_stub(environment: pathlib.Path) -> bool:
    """Whether Triton's Python stub is in its place: it is lost with an environment that is made anew."""
    return any(environment.glob(f"lib/python3.*/site-packages/pytriton/{PLACED_STUB}"))


def corpus() -> None:
    """The corpus and its index, built by the models' own Python; also puts Triton's Python stub in its place."""
    checked([str(MODELS_ENV / "bin" / "python"), str(TRITON / "prepare.py"), "--corpus-dir", str(STATE / "corpus")])


def ensure_programs(names: Sequence[str]) -> None:
    """Install what is missing by apt, or say what to run. Raises SetUpFailed."""
    missing = [PACKAGES[name] for name in names if not has(name)]
    if not missing:
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise SetUpFailed(f"{', '.join(missing)} missing; run: sudo apt-get install -y {' '.join(missing)}")
    print(f"setup: installing {', '.join(missing)} by apt ...", file=sys.stderr, flush=True)
    checked(["apt-get", "update", "-q"])
    checked(install)


def has(name: str) -> bool:
    """Whether a program or a library is installed. Debian keeps PostgreSQL's programs in a folder of their version, outside the
    search path."""
    if ".so." in name:
        return is_loadable(name)
    return shutil.which(name) is not None or any(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))


def is_loadable(library: str) -> bool:
    """Whether the loader finds a shared library of the system."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def ensure_env(folder: pathlib.Path) -> None:
    """A virtual environment of this interpreter."""
    if not (folder / "bin" / "python").exists():
        checked([sys.executable, "-m", "venv", str(folder)])


def pip(env: pathlib.Path, *arguments: str) -> None:
    """Run an environment's pip."""
    checked([str(env / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments])


def checked(command: Sequence[str]) -> None:
    """Run a command; its output goes to standard error. Raises CalledProcessError when it fails."""
    subprocess.run(command, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
