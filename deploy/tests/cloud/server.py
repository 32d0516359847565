#!/usr/bin/env -S python3 -B
"""Stands in for IBM Cloud behind bin/ibmcloud: refuses commands and options that IBM does not document, keeps what was made
in FOLDER/state.json, answers in the text and the JSON of the documentation, and writes each command line to FOLDER/log.

    server.py FOLDER     listens on loopback and prints the port

One process answers all calls, for a test has thousands. A call is the value of $BREAK_AT, then the words, each ended by
NUL, and an empty line; the answer is the exit code in a line, then what is printed.
"""

import contextlib
import io
import re
import socket
from os import path

from account import Cloud
from command import Refused, parse, read, refuse
from files import CLOUD, write

CHANGE = re.compile(r"( |-)(create|update|delete|add|rm|untag)( |$)")


def breaks(break_at):
    """Whether this was the change at which the connection is to be lost."""
    lines = read(f"{CLOUD}/log").splitlines()
    return str(sum(1 for line in lines if CHANGE.search(line))) == break_at and CHANGE.search(lines[-1])


def call(break_at, words):
    write(f"{CLOUD}/log", " ".join(words) + "\n", "a")
    command, options = parse(words)
    # A test writes there which commands get no answer, by how they begin.
    if path.exists(f"{CLOUD}/silent") and any(" ".join(words).startswith(begin) for begin in read(f"{CLOUD}/silent").split("\n")[:-1]):
        refuse("The service did not answer.")
    cloud = Cloud()
    cloud.run(command, options)
    cloud.save()
    if breaks(break_at):
        refuse("the connection was lost")


def answer(connection):
    heard = b""
    while not heard.endswith(b"\0\n"):
        heard += connection.recv(65536)
    break_at, *words = heard[:-2].decode().split("\0")
    said, code = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(said):
            call(break_at, words)
    except (Refused, OSError, LookupError) as error:
        said.write(f"{error}\n")
        code = 1
    connection.sendall(f"{code}\n{said.getvalue()}".encode())


def main():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                answer(connection)


main()
