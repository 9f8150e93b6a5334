# SPDX-License-Identifier: Apache-2.0
"""Fills a real file system of 16 MiB and frees it, again and again.

usage: crash_full_disk.py FULL_WORKER CYCLES

Without the right to mount one (root has it), this is skipped. CYCLES can be
overridden by DP_TEST_CYCLES, as far as a thousand."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

SIZE = 16 << 20


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def mount(folder, image):
    """What kind of file system it became; None if none can be had."""
    with open(image, "wb") as file:
        file.truncate(SIZE)
    if (shutil.which("mkfs.ext4") is not None
            and run("mkfs.ext4", "-q", "-m", "0", image).returncode == 0
            and run("mount", "-o", "loop", image, folder).returncode == 0):
        return "ext4"
    mounted = run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder)
    return "tmpfs" if mounted.returncode == 0 else None


def main():
    worker, cycles = sys.argv[1], min(
        int(os.environ.get("DP_TEST_CYCLES", sys.argv[2])), 1000)
    top = pathlib.Path(tempfile.mkdtemp(prefix="dp-full-"))
    folder = top / "disk"
    folder.mkdir()
    kind = mount(folder, top / "image")
    if kind is None:
        shutil.rmtree(top)
        print("SKIP: a full disk: no file system may be mounted here")
        sys.exit(77)
    # Whoever ends us in time takes the disk down with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        ran = run(worker, folder, str(cycles))
    finally:
        run("umount", "-l", folder)
        shutil.rmtree(top)
    if ran.returncode != 0:
        sys.exit(f"{kind}: {ran.stdout}{ran.stderr}")
    print(f"figure: crash_full_disk: 16 MiB of {kind}, {ran.stdout.strip()}")


main()
