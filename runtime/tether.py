"""Start a program that dies with its parent: `kill -9` of us must leave no orphan.

Run as `python -I -S tether.py --parent PID [--user NAME] [--signal SIGTERM] -- program argument…`. It drops
privileges if asked, asks the kernel for a signal at the parent's death (PR_SET_PDEATHSIG), makes sure that the
parent is still alive, and becomes the program.

The kernel ties that signal to the *thread* that forked us: when that thread ends, the program is signalled although
the process lives. So programs are started from a thread that lives as long as the process: `runtime.spawn` has one.

Imports nothing of ours, because it runs without site-packages.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import resource
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
OPEN_FILES = 200_000
REFUSED = 125
NOT_STARTED = 127


def main(arguments: list[str]) -> NoReturn:
    """Become the program that `arguments` name, tethered to the parent."""
    parser = argparse.ArgumentParser(prog="tether")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--signal", default="SIGTERM")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    if sys.platform != "linux":
        _refuse("local services need Linux: use docker compose, or set NUANSHAO_DATABASE_URL and NUANSHAO_MQTT_URL")
    # loaded before the drop: the account may not be able to read this Python's libraries
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    _raise_open_files()
    if asked.user:
        _drop_to(asked.user)
    # after the drop, because a change of user forgets the request
    if prctl(PR_SET_PDEATHSIG, signal.Signals[asked.signal].value, 0, 0, 0) != 0:
        _refuse(f"prctl: {os.strerror(ctypes.get_errno())}")
    # the parent may have died before the request was made
    if os.getppid() != asked.parent:
        _refuse("the parent is gone")
    _forget_signals()
    try:
        os.execv(asked.command[0], asked.command)  # noqa: S606 - to become the program is the point
    except OSError as failed:
        _refuse(f"{asked.command[0]}: {failed.strerror}", NOT_STARTED)


def _drop_to(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.umask(0o077)


def _raise_open_files() -> None:
    # a broker needs one descriptor per device; the usual soft limit is 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _forget_signals() -> None:
    # ignored and blocked signals survive exec; Python ignores some, and so does a parent that is just stopping
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for ignored in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(ignored, signal.SIG_DFL)


def _refuse(why: str, code: int = REFUSED) -> NoReturn:
    sys.stderr.write(f"tether: {why}\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
