"""Programs that die with us, and our own processes that are kept alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.errors import ServiceFailed
from runtime.account import service_account
from runtime.process import Process
from runtime.spawn import Launch, run, start

ROOT = Path(__file__).resolve().parents[2]
TETHER = ROOT / "runtime" / "tether.py"
SH = "/bin/sh"


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


PARENT = """
import sys, time
from pathlib import Path
from runtime.process import Process
child = Process("child", ["-c", "import time; time.sleep(120)"], Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(120)
"""


def test_a_killed_parent_takes_its_processes_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.kill()
    assert eventually(lambda: not lives(child))


def test_a_parent_that_died_before_is_noticed() -> None:
    # the named parent is not the real one: as if ours had died between the fork and the request
    command = [sys.executable, "-I", "-S", str(TETHER), "--parent", "1", "--", SH, "-c", "echo started"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 125
    assert done.stdout == ""
    assert done.stderr == "tether: the parent is gone\n"


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="/no/such/program: No such file") as refused:
        run(Launch(["/no/such/program"], tmp_path))
    assert "\n" not in str(refused.value)


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="did not end within"):
        run(Launch([SH, "-c", "exec sleep 60"], tmp_path), timeout=0.3)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop privileges")
def test_root_drops_its_privileges_for_good() -> None:
    account = service_account()
    assert account is not None
    printed = run(Launch([SH, "-c", "id -u; id -g; umask; grep CapEff /proc/self/status"], Path("/"), account))
    uid, gid, umask, _, capabilities = printed.split()
    assert (int(uid), int(gid)) == (account.uid, account.gid)
    assert umask == "0077"
    assert int(capabilities, 16) == 0


def test_signals_reach_a_program_as_if_started_from_a_shell(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        printed = run(Launch([SH, "-c", "grep -E 'SigBlk|SigIgn' /proc/self/status; ulimit -n"], tmp_path))
    finally:
        signal.signal(signal.SIGTERM, before)
    _, blocked, _, ignored, files = printed.split()
    assert int(blocked, 16) == 0
    # 32 and 33 are the C library's own: no program can set or reset them, some shells hand them down
    assert int(ignored, 16) & ~(0b11 << 31) == 0
    assert files == "unlimited" or int(files) >= 1024


def test_the_thread_that_asked_may_end(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []
    launch = Launch(["/bin/sleep", "60"], tmp_path)
    thread = threading.Thread(target=lambda: started.append(start(launch, subprocess.DEVNULL)))
    thread.start()
    thread.join()
    (program,) = started
    with program:
        time.sleep(0.3)
        assert program.poll() is None
        program.kill()


def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    deaths: list[tuple[str, int]] = []
    log = tmp_path / "logs" / "ingest.log"
    process = Process(
        "ingest",
        ["-c", "import time; print('up'); time.sleep(60)"],
        log,
        on_death=lambda name, code: deaths.append((name, code)),
    )
    process.start()
    try:
        first = process.pid
        assert eventually(lambda: log.read_text(encoding="utf-8") == "up\n")
        process.kill()
        assert eventually(lambda: process.restarts == 1 and process.running)
        assert process.pid != first
        assert deaths == [("ingest", -9)]
        assert eventually(lambda: log.read_text(encoding="utf-8") == "up\nup\n")
    finally:
        process.stop()
    assert not process.running
    time.sleep(0.8)
    assert process.restarts == 1


def test_restarts_slow_down(tmp_path: Path) -> None:
    process = Process("broken", ["-c", "raise SystemExit(3)"], tmp_path / "log")
    began = time.monotonic()
    process.start()
    try:
        assert eventually(lambda: process.restarts == 2)
        assert time.monotonic() - began >= 0.5 + 1.0
        assert process.exit_code == 3
    finally:
        process.stop()


def test_one_that_is_not_to_be_restarted_can_be_waited_for(tmp_path: Path) -> None:
    process = Process("once", ["-c", "raise SystemExit(4)"], tmp_path / "log", restart=False)
    process.start()
    assert process.wait(20) == 4
    assert process.restarts == 0


def test_a_deaf_process_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    process = Process("deaf", ["-c", deaf], tmp_path / "log")
    process.start()
    assert eventually(lambda: (tmp_path / "log").read_text(encoding="utf-8") == "deaf\n")
    began = time.monotonic()
    process.stop(timeout=0.3)
    assert time.monotonic() - began < 5
    assert process.exit_code == -signal.SIGKILL
