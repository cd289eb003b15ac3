"""A hot kernel that got slower is seen here, on any machine and however busy it is: by the
instructions it takes, which valgrind counts, and not by a clock.

Bounds hold for gcc and a Release build. valgrind has no AVX-512, so those kernels are not
among them: they have the plan, the lists and the tail in common with the AVX2 ones. A bound
that is passed for a good reason is measured anew: run the test with -s and take its figures.
A kernel that became much better has its bound lowered, so that it stays so.
"""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

WORK = pathlib.Path(os.environ["SPARSED_COUNT_WORK"])
SLACK = 0.15

# Instructions a window, or a sample.
MEASURED = {
    ("engine", "avx2-sparse7"): 2261,
    ("engine", "portable-sparse7"): 5100,
    ("imaging", "scalar", "int16"): 4.798,
    ("imaging", "scalar", "float32"): 7.747,
    ("imaging", "avx2", "int16"): 0.5583,
    ("imaging", "avx2", "float32"): 0.8032,
}


def instructions(tmp_path: pathlib.Path, *work: str) -> float:
    """Instructions of one unit of `work`, counted by callgrind inside count_work alone."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=count_work",
         f"--callgrind-out-file={tmp_path}/counts", WORK, *work],
        capture_output=True, text=True, timeout=120)
    if done.returncode == 3:
        pytest.skip(f"valgrind cannot run {' '.join(work)} on this processor")
    assert done.returncode == 0, done.stderr
    collected = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
    return collected / int(done.stdout)


@pytest.mark.parametrize("work", MEASURED, ids=" ".join)
def test_takes_no_more_instructions_than_it_did(tmp_path, work):
    count, measured = instructions(tmp_path, *work), MEASURED[work]
    print(f"\n{' '.join(work)}: {count:.4g} instructions, bound {measured * (1 + SLACK):.4g}")
    assert count <= measured * (1 + SLACK), (
        f"{' '.join(work)}: {count:.4g} instructions, {measured:.4g} when the bound was set")
    assert count > measured / 4, (
        f"{' '.join(work)}: {count:.4g} instructions, a quarter of what it was: lower the bound")
