"""Start the Triton server that ships in the nvidia-pytriton wheel, with the models' own environment.

Replaces this process by the server (exec), so signals and the exit code are the server's. Run by any Python 3.11;
`--env` names the models' environment. The traps it avoids: the stub must find that environment's interpreter (PATH)
and its libpython, and the server its bundled libraries (LD_LIBRARY_PATH).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chat.weights import FILE, PACKAGE

HOST = "127.0.0.1"
"""Where it listens unless told otherwise: Triton asks for no key, so it is never reached but through the gateway. A container
names every address, in a network of the inference service alone."""

EVERY_ADDRESS = "0.0.0.0"  # compared with, not listened on

EXIT_TIMEOUT_S = 10
"""Seconds that models get to finish when the server is stopped. Chosen: below the supervisor's 20 s."""


class Ports(NamedTuple):
    """Ports of Triton's three listeners."""

    grpc: int
    http: int
    metrics: int


def main(arguments: Sequence[str]) -> None:
    """Exec the server; returns only by an exception."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", type=pathlib.Path, required=True, help="prefix of the models' environment")
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--corpus-dir", type=pathlib.Path, required=True)
    parser.add_argument("--host", default=HOST, help="address of all three ports; default %(default)s")
    for name in ("--grpc-port", "--http-port", "--metrics-port"):
        parser.add_argument(name, type=int, required=True)
    options = parser.parse_args(arguments)
    prefix = options.env.absolute()
    server = site_packages(prefix) / "pytriton" / "tritonserver"
    check_prepared(prefix, server, options.corpus_dir)
    end_orphans(server, options.models.absolute())
    ports = Ports(options.grpc_port, options.http_port, options.metrics_port)
    command = command_line(server, options.models.absolute(), options.host, ports)
    http_listener = f"{HOST if options.host == EVERY_ADDRESS else options.host}:{ports.http}"
    os.execve(command[0], command, environment(prefix, options.corpus_dir.absolute(), http_listener, os.environ))


def end_orphans(server: pathlib.Path, models: pathlib.Path) -> list[int]:
    """Kill the model processes that a killed server of these models has left behind; returns their ids.

    A server that ends by SIGKILL takes no model process with it. Most notice; one in the middle of a batch waits for its
    server for ever, with all its memory (0.9 GiB for the embedding model, measured) and deaf to SIGTERM. Those of a server
    that lives are its children and are left alone.
    """
    stub, ended = str(server / "backends" / "python" / "triton_python_backend_stub"), []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = _command_of(folder)
            if command[0] != stub or not pathlib.Path(command[1]).is_relative_to(models):
                continue
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if _command_of(folder.with_name(parent))[0] != str(server / "bin" / "tritonserver"):
                os.kill(int(folder.name), signal.SIGKILL)
                ended.append(int(folder.name))
        except (OSError, IndexError):
            continue  # it ended in the meantime
    return ended


def _command_of(process: pathlib.Path) -> list[str]:
    """Words of a process's command line; of one that has ended, or of the kernel, a single empty one."""
    return os.fsdecode((process / "cmdline").read_bytes()).split("\0")


def check_prepared(prefix: pathlib.Path, server: pathlib.Path, corpus_dir: pathlib.Path) -> None:
    """Exit with what is missing and how to get it: clearer than what the server would say of it."""
    for needed, missing in (
        (
            server / "bin" / "tritonserver",
            f"no Triton server under {prefix}; install infra/triton/requirements.txt there",
        ),
        (server / "backends" / "python" / "triton_python_backend_stub", "the Python stub is not in its place"),
        (server.parents[1] / PACKAGE / FILE, f"no weights of the model `chat` under {prefix}"),
        (corpus_dir / "corpus-current.json", f"no corpus in {corpus_dir}"),
    ):
        if not needed.exists():
            sys.exit(f"{missing}; run infra/triton/prepare.py with the models' Python to prepare it")


def site_packages(prefix: pathlib.Path) -> pathlib.Path:
    """Where a virtual environment keeps its packages."""
    found = sorted((prefix / "lib").glob("python3.*"))
    if not found:
        sys.exit(
            f"{prefix} is no Python environment (it has no lib/python3.*); name the models' environment with --env"
        )
    return found[0] / "site-packages"


def command_line(server: pathlib.Path, models: pathlib.Path, host: str, ports: Ports) -> list[str]:
    """The server's command line."""
    return [
        str(server / "bin" / "tritonserver"),
        f"--model-repository={models}",
        f"--backend-directory={server / 'backends'}",
        f"--grpc-address={host}",
        f"--grpc-port={ports.grpc}",
        f"--http-address={host}",
        f"--http-port={ports.http}",
        f"--metrics-address={host}",
        f"--metrics-port={ports.metrics}",
        "--disable-auto-complete-config",
        "--model-control-mode=none",
        f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
        "--log-info=false",
    ]


def environment(
    prefix: pathlib.Path, corpus_dir: pathlib.Path, http_listener: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    """The server's environment variables. http_listener: host:port where a model asks another one."""
    python = prefix / "bin" / "python3"
    library_dir = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    libraries = [library_dir, str(site_packages(prefix) / "nvidia_pytriton.libs")]
    return {
        **{name: value for name, value in inherited.items() if name not in {"PYTHONPATH", "PYTHONHOME"}},
        "PATH": f"{prefix / 'bin'}:{inherited.get('PATH', '')}",
        "LD_LIBRARY_PATH": ":".join(libraries),
        "WEIR_CORPUS_DIR": str(corpus_dir),
        "WEIR_TRITON_HTTP": http_listener,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",  # numpy in the stubs; minilm sets torch's own number from its parameter
        "OMP_WAIT_POLICY": "PASSIVE",  # idle threads sleep: spinning ones slow the other services down
        "MALLOC_ARENA_MAX": "2",  # arenas a process keeps: each holds tens of MiB after a large batch
    }


if __name__ == "__main__":
    main(sys.argv[1:])
