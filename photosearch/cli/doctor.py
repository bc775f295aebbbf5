"""``photosearch doctor``: what is installed, what is wrong, what to do."""

from __future__ import annotations

import argparse
import dataclasses

from photosearch.cli.output import print_json, say
from photosearch.library.doctor import Health, examine, repair
from photosearch.paths import AppPaths

_MARKS = {Health.OK: "ok     ", Health.WARNING: "warning", Health.FAULT: "FAULT  "}


def run(options: argparse.Namespace, paths: AppPaths) -> int:
    if options.repair:
        for sentence in repair(paths) or ["There was nothing to mend."]:
            say(sentence)
    findings = examine(paths, model=options.model)
    if options.json:
        print_json([dataclasses.asdict(f) for f in findings])
    else:
        for finding in findings:
            print(f"{_MARKS[finding.health]}  {finding.subject}: {finding.detail}")
            if finding.health is not Health.OK and finding.advice:
                print(f"         → {finding.advice}")
    return 1 if any(f.health is Health.FAULT for f in findings) else 0
