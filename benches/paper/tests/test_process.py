"""CPU time is that of all processes that a program starts."""

import os
import pathlib
import sys
import tempfile
import unittest

from experiment import process
from experiment.process import Failure, Server, ran

BURN = "import time\nwhile time.process_time() < 0.3: pass"
# The least that is to be seen of it.
BURNT_US = 290_000


class Processes(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        process.adopt_orphans()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name) / "log"

    def python(self, text: str) -> process.Ended:
        return ran([sys.executable, "-c", text], dict(os.environ), self.log)

    def test_its_own_counts(self) -> None:
        ended = self.python(f"{BURN}\nprint('done')")
        self.assertGreater(ended.cpu_us, BURNT_US)
        self.assertEqual(ended.output, "done\n")

    def test_that_of_children_counts(self) -> None:
        ended = self.python(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])")
        self.assertGreater(ended.cpu_us, BURNT_US)

    def test_that_of_children_counts_which_nobody_waited_for(self) -> None:
        start = "subprocess.Popen([sys.executable, '-c', %r], start_new_session=True, stdout=subprocess.DEVNULL)"
        ended = self.python(f"import subprocess, sys\n{start % BURN}")
        self.assertGreater(ended.cpu_us, BURNT_US)

    def test_a_server_is_neither_waited_for_nor_counted(self) -> None:
        server = Server([sys.executable, "-c", f"{BURN}\ntime.sleep(60)"], dict(os.environ), self.log)
        self.addCleanup(server.stop)
        ended = ran([sys.executable, "-c", "pass"], dict(os.environ), self.log, [server.process.pid])
        self.assertLess(ended.cpu_us, BURNT_US)
        server.check()

    def test_a_servers_cpu_time_is_its_own(self) -> None:
        server = Server([sys.executable, "-c", BURN + "\nprint()\ntime.sleep(60)"], dict(os.environ), self.log, True)
        self.addCleanup(server.stop)
        assert server.process.stdout
        server.process.stdout.readline()
        self.assertGreater(server.cpu_us(), 0)
        self.assertLess(server.cpu_us(), 60_000_000)

    def test_a_program_that_fails_is_no_measurement(self) -> None:
        with self.assertRaisesRegex(Failure, "status 3"):
            self.python("import sys\nsys.exit(3)")

    def test_a_server_that_has_ended_is_noticed(self) -> None:
        server = Server([sys.executable, "-c", ""], dict(os.environ), self.log)
        server.process.wait()
        with self.assertRaisesRegex(Failure, "has ended"):
            server.check()


if __name__ == "__main__":
    unittest.main()
