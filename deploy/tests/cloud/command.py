"""A command line of `ibmcloud`: which one of the documented ones it is, and its options."""

from os import path

FLAGS = {
    "--force", "--ignore-not-found", "--quiet", "--no-wait", "--wait", "--hard", "--follow", "--raw", "--timestamps",
    "--all-containers", "--trusted-profiles-enabled", "--no-select", "--recursive", "--id", "--lock", "--kubecfg", "--no-trunc",
    "--default", "--long", "--all-resource-groups",
}  # fmt: skip


class Refused(Exception):
    """What the CLI says when it fails."""


def refuse(text):
    raise Refused(f"FAILED\n{text}")


class Options(dict):
    """What stands after a command: words, and options with their values."""

    words: list

    def all(self, name):
        return self.get(name, [])

    def one(self, name, default=None):
        return self.get(name, [default])[-1]


def parse(args):
    """The documented command that these words are, and its options."""
    documented = {}
    for line in read(f"{path.dirname(path.abspath(__file__))}/../options.txt").splitlines():
        if not line.startswith("#"):
            command, _, options = line.partition(": ")
            documented[tuple(command.split())] = options.split()
    fitting = [command for command in documented if tuple(args[: len(command)]) == command]
    if not fitting:
        refuse(f"no such command: {' '.join(args)}")
    command = max(fitting, key=len)
    known = documented[command]
    options, words, rest = Options(), [], list(args[len(command) :])
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in known and f"{name}*" not in known:
            refuse(f"{' '.join(command)} has no option {name}")
        if name in options and f"{name}*" not in known:
            refuse(f"{' '.join(command)} takes {name} once")
        # Elsewhere it says how to print; here it names a project.
        is_flag = name in FLAGS and not (name == "--id" and command[0] == "ce")
        if not equals and not is_flag:
            if not rest:
                refuse(f"{name} needs a value")
            value = rest.pop(0)
        options.setdefault(name, []).append(value)
    count = [int(word[1:-1]) for word in known if word.startswith("<")]
    if len(words) != (count[0] if count else 0):
        refuse(f"{' '.join(command)}: not these words: {words}")
    options.words = words
    return " ".join(command), options


def read(name):
    with open(name) as file:
        return file.read()
