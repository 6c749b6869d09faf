"""The demo from start to end: its acts in order, and an honest ending whatever happens."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import httpx2
from rich.console import Console
from rich.markup import escape

from demo import evidence as evidence_file
from demo.act_balance import balance
from demo.act_generate import generate
from demo.act_setup import set_up
from demo.act_show import show
from demo.act_traffic import note_webhooks, shift, steady
from demo.apis import ApiError
from demo.claims import claims_of
from demo.evidence import Evidence
from demo.receiver import new_secret, receiving
from demo.scene import Scene, scene_of
from demo.settings import DemoSettings
from demo.stack import StackFailed, memory_mib, running
from demo.terminal import claims_table, step
from harness.waiting import NeverHappened, until_interrupted

BROKEN = (NeverHappened, ApiError, StackFailed, httpx2.HTTPError)
"""What ends a run early without being a fault of the demo's own code."""


def tell(settings: DemoSettings, out: Console, *, started_s: float, stays: bool) -> bool:
    """Run the demo; whether every claim held. started_s: monotonic seconds at the start of the process.

    stays: keep the stack up after the evidence until Ctrl-C. The stack is stopped in any case at the end. Raises
    StackInTheWay, before anything is touched, where another stack lives in the folder.
    """
    evidence = Evidence(started_at=datetime.now(UTC).isoformat(timespec="seconds"), exit_reason="interrupted")
    try:
        with receiving(new_secret()) as receiver, running(settings, receiver, evidence, out) as stack:
            with scene_of(settings, out, stack, receiver, evidence, started_s) as scene:
                _acts(scene)
                evidence.demo_seconds = round(time.monotonic() - started_s, 1)
            _conclude(settings, out, evidence)
            if stays:
                step(out, "the stack stays up until Ctrl-C; 'weir status' in another terminal shows it")
                until_interrupted()
    except StackFailed as error:
        evidence.exit_reason = str(error)
        out.print(f"[bold red]the demo broke off:[/] {escape(str(error))}", highlight=False)
        _conclude(settings, out, evidence)
    except KeyboardInterrupt:
        step(out, "interrupted; what the demo had started is stopped again")
    return all(claim.held for claim in claims_of(evidence))


def _acts(scene: Scene) -> None:
    try:
        set_up(scene, os.environ.get("WEIR_CLONE_TIME", ""))
        scene.log.open()
        steady(scene)
        _shifted(scene)
        generate(scene)
        balance(scene)
        scene.evidence.pss_mib = memory_mib(scene.settings)
        show(scene)
        scene.evidence.exit_reason = "complete"
    except BROKEN as error:
        scene.evidence.exit_reason = str(error)
        scene.out.print(f"[bold red]the demo broke off:[/] {error}", highlight=False)
    note_webhooks(scene)


def _shifted(scene: Scene) -> None:
    """The shift; a detector that stays silent fails its claims, and clients and store are still compared."""
    try:
        shift(scene)
    except NeverHappened as error:
        scene.out.print(f"  [red]{error}[/]", highlight=False)


def _conclude(settings: DemoSettings, out: Console, evidence: Evidence) -> None:
    path = settings.repository / ".weir" / "demo" / "evidence.json"
    evidence_file.write(evidence, path)
    claims = claims_of(evidence)
    out.print(claims_table(claims))
    failed = [claim.sentence for claim in claims if not claim.held]
    verdict = f"[bold red]{len(failed)} of {len(claims)} claims failed[/]: {'; '.join(failed)}"
    out.print(verdict if failed else f"[bold green]all {len(claims)} claims held[/]", highlight=False)
    out.print(f"evidence: {path.relative_to(settings.repository)}", highlight=False)
