"""Processes, and the CPU time that they and theirs take."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

import psutil

# From <sys/prctl.h>.
PR_SET_CHILD_SUBREAPER = 36
# The longest run that is waited for.
LIMIT_SECONDS = 3_600
# How long a process may outlive the one that started it.
GRACE_SECONDS = 10

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Something did not run as it must for its figures to be of use."""


@dataclass(frozen=True)
class Ended:
    """A program that ran to its end."""

    wall_us: int
    """From its start to its end, as seen from outside."""
    cpu_us: int
    """Of all its processes, user and kernel."""
    output: str


def adopt_orphans() -> None:
    """From here on a process whose parent ends becomes a child of this one, so that its CPU time is not lost."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def ran(command: list[str], environment: dict[str, str], log: pathlib.Path, known: Collection[int] = ()) -> Ended:
    """Runs a program; `known` are the other children of this process, which go on."""
    with log.open("a") as errors:
        begun = time.monotonic_ns()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True)
        limit = threading.Timer(LIMIT_SECONDS, process.kill)
        limit.start()
        try:
            assert process.stdout
            with process.stdout:
                output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            wall_ns = time.monotonic_ns() - begun
        finally:
            limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds = usage.ru_utime + usage.ru_stime + _left_behind(known)
    if process.returncode:
        raise Failure(f"{command[:3]} ended with status {process.returncode}; it said why in {log}")
    return Ended(wall_ns // 1000, round(cpu_seconds * 1e6), output)


def _left_behind(known: Collection[int]) -> float:
    """CPU seconds of the processes that outlived the one that started them; it waits for their end."""
    seconds = 0.0
    until = time.monotonic() + GRACE_SECONDS
    while left := [child.pid for child in psutil.Process().children() if child.pid not in known]:
        for pid in left:
            if time.monotonic() > until:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            ended, _, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                seconds += usage.ru_utime + usage.ru_stime
        time.sleep(0.01)
    return seconds


class Server:
    """A program that goes on until `stop`; what it says goes into `log`."""

    def __init__(self, command: list[str], environment: dict[str, str], log: pathlib.Path, reads: bool = False) -> None:
        self.log = log
        self.name = " ".join(pathlib.Path(word).name for word in command[:2])
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE if reads else subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                text=True,
            )
        clock = ctypes.c_int()
        if error := _libc.clock_getcpuclockid(self.process.pid, ctypes.byref(clock)):
            raise OSError(error, "clock_getcpuclockid")
        self._clock = clock.value

    def cpu_us(self) -> int:
        """That it has taken so far, all its threads, user and kernel."""
        return time.clock_gettime_ns(self._clock) // 1000

    def check(self) -> None:
        if self.process.poll() is not None:
            raise Failure(f"{self.name} has ended; it said why in {self.log}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def busy_us() -> int:
    """CPU time that all processors of this machine together did not idle, and what a hypervisor took of it."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) * 1_000_000 // os.sysconf("SC_CLK_TCK")
