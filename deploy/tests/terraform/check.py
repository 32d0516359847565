"""What of deploy/terraform can be seen without the provider: whether it is HCL, has the arguments that the provider documents,
lacks none that is required, names nothing that is not there, neither a resource nor an attribute of it, and calls `ibmcloud` as
it is documented.

    check.py FOLDER     run from deploy/tests
"""

import json
import pathlib
import re
import shlex
import sys

import hcl2

sys.path.insert(0, "cloud")
from command import Refused, parse

META = {"for_each", "count", "depends_on", "lifecycle", "provider", "dynamic", "content", "__is_block__"}


def documented():
    table = {}
    for line in pathlib.Path("terraform/arguments.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, arguments = line.partition(": ")
            table[name] = {one.removesuffix("!"): one.endswith("!") for one in arguments.split()}
    return table


def labelled(blocks):
    """Each block of [{label: body}], by its label."""
    for block in blocks:
        for label, body in block.items():
            if label != "__is_block__":
                yield label.strip('"'), body


class Check:
    def __init__(self, folder):
        self.table, self.mistakes = documented(), []
        self.files = {one.name: hcl2.loads(one.read_text()) for one in sorted(pathlib.Path(folder).glob("*.tf"))}
        every = [(kind, blocks) for file in self.files.values() for kind, blocks in file.items()]
        self.variables = {name for kind, blocks in every if kind == "variable" for name, _ in labelled(blocks)}
        self.locals = {name for kind, blocks in every if kind == "locals" for block in blocks for name in block}
        self.resources = {
            f"{kind_of}.{name}": (kind_of, body)
            for kind, blocks in every if kind == "resource"
            for kind_of, named in labelled(blocks) for name, body in labelled([named])
        }  # fmt: skip

    def body(self, where, kind, body):
        known = self.table.get(kind)
        if known is None:
            self.mistakes.append(f"{where}: no resource or block {kind} is documented")
            return
        # A dynamic block is the block that it makes.
        made = dict(labelled(body.get("dynamic", [])))
        given = {name: value for name, value in body.items() if name not in META}
        given |= {name: dynamic["content"] for name, dynamic in made.items()}
        self.mistakes += [f"{where}: {kind} has no argument {name}" for name in given if name not in known]
        self.mistakes += [f"{where}: {kind} lacks {name}" for name, needed in known.items() if needed and name not in given]
        for name, value in given.items():
            for block in value if isinstance(value, list) else []:
                if isinstance(block, dict) and block.get("__is_block__"):
                    self.body(where, f"{kind}/{name}", block)
                elif isinstance(block, dict):
                    for _, inner in labelled([block]):
                        self.body(where, f"{kind}/{name}", inner)

    def names(self, where, value):
        references = r"\b(var|local|ibm_\w+|terraform_data)\.(\w+)(?:\[[^]]*\])?(?:\.(\w+))?"
        for kind, name, attribute in re.findall(references, json.dumps(value)):
            there = {"var": self.variables, "local": self.locals}.get(kind)
            if (name not in there) if there is not None else (f"{kind}.{name}" not in self.resources):
                self.mistakes.append(f"{where}: there is no {kind}.{name}")
            elif there is None and attribute and attribute not in {**self.table.get(kind, {}), **self.table.get(f"{kind}@", {})}:
                self.mistakes.append(f"{where}: {kind} has no attribute {attribute}")

    def each(self, where, body):
        if "for_each" not in body and re.search(r"\beach\.", json.dumps(body)):
            self.mistakes.append(f"{where}: each.* without for_each")

    def commands(self, where, body):
        for _, provisioner in labelled(body.get("provisioner", [])):
            line = re.sub(r"\$\{[^}]*\}", "x", provisioner["command"][1:-1].replace('\\"', '"'))
            for unquoted in re.findall(r'(?<!")\$\w+|\bx\b', line):
                self.mistakes.append(f"{where}: a shell reads {unquoted} of: {line}")
            if not line.startswith("ibmcloud target -r "):
                self.mistakes.append(f"{where}: in no region: {line}")
            for words in line.split("&&"):
                try:
                    program, *rest = shlex.split(words)
                    if program != "ibmcloud":
                        self.mistakes.append(f"{where}: {program} is not ibmcloud")
                    parse(rest)
                except Refused as refused:
                    self.mistakes.append(f"{where}: {refused}")

    def run(self):
        for name, file in self.files.items():
            self.names(name, file)
        for where, (kind, body) in self.resources.items():
            self.body(where, kind, body)
            self.commands(where, body)
            self.each(where, body)
        for kind in ("ibm_code_engine_project", "ibm_code_engine_app", "ibm_code_engine_job", "ibm_cos_bucket", "terraform_data"):
            if not any(where.startswith(f"{kind}.") for where in self.resources):
                self.mistakes.append(f"no {kind} is read: not the files, or the parser gives another shape")
        return self.mistakes


check = Check(sys.argv[1])
mistakes = check.run()
print("\n".join(mistakes) if mistakes else f"terraform: ok, {len(check.resources)} resources; not validated by the provider, which is not at hand")
sys.exit(bool(mistakes))
