"""Function, store and backfill on three hosts of their own, in network namespaces behind a switch.

The store's host also runs the notifier, as IBM's does. Pictures are put from the backfill's host by the aws
command line. One host at a time is cut off, its cable pulled: nothing is refused, packets are lost. After it
is joined again everything must end right by itself, which `backfill verify` on the third host says, and no
event may have been given up. Ends with 0, or says what was wrong and ends with 1.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from png import picture

PROGRAM = os.environ["LOCAL_CLOUD"]
# Reserved for documentation (RFC 5737): no host outside can be meant.
ADDRESSES = {"store": "192.0.2.1", "function": "192.0.2.2", "backfill": "192.0.2.3"}
STORE = f"http://{ADDRESSES['store']}:9000"
FUNCTION = f"http://{ADDRESSES['function']}:8080"
SECRET = "namespaces-secret"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "COS_ENDPOINT": STORE,
    "COS_REGION": "local",
    "COS_BUCKET": "pictures",
    "COS_ACCESS_KEY_ID": "local-cloud",
    "COS_SECRET_ACCESS_KEY": SECRET,
    "BACKFILL_SECRET": SECRET,
    "AWS_ACCESS_KEY_ID": "local-cloud",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "local",
    "RUST_LOG": "error",
}
END_SECONDS = 90
ORIGINALS = "s3://pictures/images/"
# Pictures that are put at once: of which some are still to be made when the first is done.
LOAD = 40


class Wrong(Exception):
    """What a check found."""


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise Wrong(f"ip {' '.join(arguments)}: {done.stderr.strip()}; this needs root and network namespaces")


class Network:
    """The hosts and the switch between them; gone at the end."""

    def __init__(self):
        self.running = []

    def __enter__(self):
        for name in [*ADDRESSES, "switch"]:
            ip("netns", "add", self.namespace(name))
        switch = self.namespace("switch")
        ip("-n", switch, "link", "add", "bridge0", "type", "bridge")
        ip("-n", switch, "link", "set", "bridge0", "up")
        for name, address in ADDRESSES.items():
            host = self.namespace(name)
            ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", name, "netns", switch)
            ip("-n", switch, "link", "set", name, "master", "bridge0", "up")
            ip("-n", host, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ["lo", "eth0"]:
                ip("-n", host, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        for name in [*ADDRESSES, "switch"]:
            with contextlib.suppress(Wrong):
                ip("netns", "delete", self.namespace(name))

    @staticmethod
    def namespace(name):
        return f"thumbnails-{os.getpid()}-{name}"

    def start(self, host, *command, **more):
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace(host), *map(str, command)],
            env={**ENVIRONMENT, **more.pop("environment", {})},
            text=True,
            **more,
        )
        self.running.append(process)
        return process

    def run(self, host, *command):
        """The exit code and all output of a command."""
        process = self.start(host, *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=END_SECONDS)
        return process.returncode, output

    def must(self, host, *command):
        code, output = self.run(host, *command)
        if code:
            raise Wrong(f"{' '.join(map(str, command))} ended with {code}: {output}")
        return output

    @contextlib.contextmanager
    def cut_off(self, host):
        ip("-n", self.namespace("switch"), "link", "set", host, "down")
        yield
        ip("-n", self.namespace("switch"), "link", "set", host, "up")


def verify(network):
    return network.run("backfill", PROGRAM, "backfill", "verify", "--pending-minutes", "0")


def ends_right(network, originals, what):
    """Waits until the audit finds so many originals with all that is theirs."""
    began = time.monotonic()
    while True:
        code, output = verify(network)
        if code == 0:
            break
        if time.monotonic() - began > END_SECONDS:
            raise Wrong(f"{what}: still not right after {END_SECONDS} s: {output}")
    listing = network.must("backfill", "aws", "--endpoint-url", STORE, "s3", "ls", "--recursive", "s3://pictures/")
    keys = [line.split(maxsplit=3)[3] for line in listing.splitlines()]
    found = {prefix: sum(key.startswith(prefix) for key in keys) for prefix in ["images/", "thumbnails/"]}
    if found != {"images/": originals, "thumbnails/": 6 * originals}:
        raise Wrong(f"{what}: {found}, but {originals} originals were put")
    print(f"{what}: right after {time.monotonic() - began:.1f} s")


def put(network, folder):
    network.must("backfill", "aws", "--endpoint-url", STORE, "s3", "sync", "--only-show-errors", folder, ORIGINALS)


def events(record):
    """How many events the notifier has had an answer for."""
    return sum('"event_id"' in line for line in record.read_text().splitlines())


def wait_for(come, otherwise):
    began = time.monotonic()
    while not come():
        if time.monotonic() - began > END_SECONDS:
            raise Wrong(f"{otherwise} within {END_SECONDS} s")
        time.sleep(0.005)


def play(network, folder, seconds):
    data, handled = folder / "data", folder / "handled"
    store = network.start(
        "store", PROGRAM, "--json", "--count", 0, "--data", data, "--store-port", 9000,
        "--bind-address", ADDRESSES["store"], "--function-url", FUNCTION, "--record", handled,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if json.loads(store.stdout.readline())["store"] != STORE:
        raise Wrong("the store is not where it was asked to be")
    # A request that waits for a store that is cut off ends in time to be tried again.
    function = network.start(
        "function", PROGRAM, "function", "serve", environment={"PORT": "8080", "DEADLINE_SECONDS": "10"}, stdout=subprocess.DEVNULL
    )
    aws = ["aws", "--endpoint-url", STORE, "s3"]

    counts = [6, 6, LOAD]
    pictures = [folder / "pictures" / str(n) for n in range(3)]
    for path, count in zip(pictures, counts, strict=True):
        path.mkdir(parents=True)
        for n in range(count):
            (path / f"{path.name}-{n}.png").write_bytes(picture(f"{path.name}-{n}", side=1000))
    put(network, pictures[0])
    ends_right(network, 6, "three hosts, all joined")

    with network.cut_off("function"):
        put(network, pictures[1])
        network.must("backfill", *aws, "rm", "--only-show-errors", f"s3://pictures/images/{next(pictures[0].iterdir()).name}")
        code, output = verify(network)
        if code != 1:
            raise Wrong(f"the function is cut off, but all is right: {code}: {output}")
        time.sleep(seconds)
    ends_right(network, 11, f"the function's host, cut off for {seconds} s")

    before = events(handled)
    putting = network.start("backfill", *aws, "sync", "--only-show-errors", pictures[2], ORIGINALS)
    # Cut when the first of them is done, and look whether others are not: otherwise there was no load.
    wait_for(lambda: events(handled) > before, "no picture was handled")
    with network.cut_off("store"):
        done = events(handled) - before
        if not 0 < done < LOAD:
            raise Wrong(f"{done} of {LOAD} events were handled when the store was cut off: that is no load")
        time.sleep(seconds)
    if putting.wait(END_SECONDS):
        raise Wrong(f"the pictures could not be put: {putting.returncode}")
    what = f"the store's host, cut off for {seconds} s when {done} of {LOAD} events were handled"
    ends_right(network, 11 + LOAD, what)

    network.must("backfill", *aws, "rm", "--only-show-errors", "--recursive", "s3://pictures/thumbnails/")
    record = folder / "record"
    with network.cut_off("function"):
        backfill = network.start(
            "backfill", PROGRAM, "backfill", "--no-journal", "--mode", "fan-out", "--function", FUNCTION, "--timeout", 5, "--record", record,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_for(lambda: record.exists() or backfill.poll() is not None, "the fan-out did not begin")
        time.sleep(seconds)
    output, _ = backfill.communicate(timeout=END_SECONDS)
    if backfill.returncode:
        raise Wrong(f"the fan-out ended with {backfill.returncode}: {output}")
    ends_right(network, 11 + LOAD, f"a fan-out whose function was cut off for {seconds} s")

    for process in [store, function]:
        process.terminate()
        if process.wait(END_SECONDS):
            raise Wrong(f"{process.args} ended with {process.returncode}")
    letters = network.must("store", PROGRAM, "dead-letters", "--data", data)
    if letters != "0 dead letters\n":
        raise Wrong(f"events were given up: {letters}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds-apart", type=int, default=4, help="how long a host is cut off (default 4)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            with Network() as network:
                play(network, folder, arguments.seconds_apart)
        except Wrong as wrong:
            print(f"WRONG: {wrong}", file=sys.stderr)
            return 1
    print("three hosts: function, store and fan-out ended right, no event was given up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
