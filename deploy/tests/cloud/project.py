"""Code Engine: projects and what is in them."""

import json
import re

from command import Options, refuse
from files import CLOUD, read_private, write

PAIRS = {
    "0.125": "0.25 0.5 1", "0.25": "0.5 1 2", "0.5": "1 2 4", "1": "2 4 8", "2": "4 8 16", "4": "8 16 32",
    "6": "12 24 48", "8": "16 32", "10": "20 40", "12": "24 48",
}

# What is merged by its name, and the option that takes it away.
REMOVED = {"--env": "--env-rm", "--env-from-secret": "--env-from-secret-rm", "--extension": "--extension-rm", "data": "--rm"}


class Projects:
    """The part of the cloud that `ibmcloud ce` asks."""

    def ce_project_create(self, options):
        name, group = options.one("--name"), self.group()
        if self.targeted_projects(name):
            refuse(f"Project '{name}' already exists.")
        # One name in each region and group; a test finds the first one by its name alone.
        key = f"{name} in {self.state['region']}, {group}" if name in self.state["projects"] else name
        self.state["projects"][key] = {
            "name": name, "guid": self.new_guid("codeengine"), "region": self.state["region"], "group": group,
            "registry": {}, "secret": {}, "configmap": {}, "app": {}, "job": {}, "jobrun": {}, "cos": {}, "cron": {}, "domainmapping": {},
        }  # fmt: skip
        self.state["selected"] = key

    def targeted_projects(self, name=None):
        """Those of the region and group that are targeted, by what the state has them as; with a name, those of it."""
        return {
            key: one for key, one in self.state["projects"].items()
            if one["region"] == self.state["region"] and self.is_targeted(one) and name in (None, one["name"])
        }  # fmt: skip

    def named_project(self, options):
        name = options.one("--name")
        found = list(self.targeted_projects(name).items())
        return found[0] if len(found) == 1 else refuse(f"Project '{name}' was not found in region {self.state['region']}.")

    def ce_project_list(self, options):
        print("\n".join(one["name"] for one in self.targeted_projects().values()))

    def ce_project_get(self, options):
        _, project = self.named_project(options)
        name = project["name"]
        print(f"Getting project '{name}'...\nOK\n")
        print(f"Name:                       {name}\nID:                         {project['guid']}")
        print(f"Status:                     active\nRegion:                     {project['region']}")
        print("\nQuotas:\n    Category                                  Used      Limit")
        # All rows of the documentation's examples. A new project has secrets and config maps of its own.
        rows = [
            ("App revisions", len(project["app"])), ("Apps", len(project["app"])), ("Build runs", 0), ("Builds", 0),
            ("Configmaps", 2 + len(project["configmap"])), ("CPU", "1.025"), ("Custom domain mappings", len(project["domainmapping"])),
            ("Ephemeral storage", "902625Ki"), ("Functions", 0), ("Instances (active)", 0), ("Job runs", len(project["jobrun"])), ("Jobs", len(project["job"])),
            ("Memory", "4400M"), ("Secrets", 5 + len(project["secret"]) + len(project["registry"])),
            ("Subscriptions (cron)", len(project["cron"])), ("Subscriptions (IBM Cloud Object Storage)", len(project["cos"])),
            ("Subscriptions (Kafka)", 0),
        ]  # fmt: skip
        for title, used in rows:
            print(f"    {title:<42}{used:<10}100")

    def ce_project_select(self, options):
        self.state["selected"], _ = self.named_project(options)

    def ce_project_delete(self, options):
        key, _ = self.named_project(options)
        del self.state["projects"][key]

    def in_project(self, words, options):
        verb, kind = words[-1], words[-2]
        things = self.project()[kind]
        name = options.one("--name") or options.one("--application")
        if verb == "list":
            # A registry's secret is a secret.
            names = [*things, *(self.project()["registry"] if kind == "secret" else [])]
            print(f"Listing {kind}s...\nOK\n\nName  Data  Age\n" + "".join(f"{one}  1  2m\n" for one in names))
        elif verb == "create":
            if name in things:
                refuse(f"{kind} '{name}' already exists")
            self.check(kind, {}, options)
            things[name] = dict(options)
            self.keep(kind, things[name])
        elif name not in things:
            if verb != "delete" or "--ignore-not-found" not in options:
                refuse(f"{kind} '{name}' was not found")
        elif verb == "update":
            self.check(kind, things[name], options)
            for option, removed in REMOVED.items():
                if set(options.all(removed)) & {one.partition("=")[0] for one in options.all(option)}:
                    refuse(f"set and removed at once by {option} and {removed}")
                self.take_away(things[name], option, options.pop(removed, []))
            for option, values in options.items():
                kept = [one for one in things[name].get(option, []) if one.partition("=")[0] not in {v.partition("=")[0] for v in values}]
                things[name][option] = (kept if option in REMOVED else []) + values
            self.keep(kind, things[name])
        elif verb == "delete":
            del things[name]
            if kind == "job":
                runs = self.project()["jobrun"]
                self.project()["jobrun"] = {run: of for run, of in runs.items() if of != name}
        elif verb == "get" and options.one("--output") == "json":
            shown = dict(one.split("=", 1) for one in things[name].get("--extension", []))
            print(json.dumps({"metadata": {"name": name}, "spec": {"ceOverrides": {"extensions": shown}}}))
        elif verb == "get":
            self.show(kind, name, Options(things[name]))
        elif verb == "logs":
            print('{"level":"INFO","fields":{"message":"listening"}}')
        if kind == "cos" and verb == "create":
            self.save()
            reason = self.not_ready(Options(things[name]))
            if reason:
                refuse(f"COS source '{name}' did not become ready: {reason}")

    def take_away(self, thing, option, names):
        for name in names:
            if name not in [one.partition("=")[0] for one in thing.get(option, [])]:
                refuse(f"'{name}' was not found")
            thing[option] = [one for one in thing[option] if one.partition("=")[0] != name]

    def keep(self, kind, thing):
        """What a secret's file holds is merged into what it held; a test looks at all of it."""
        if kind == "secret":
            new = read_private(thing.pop("--from-env-file")[0]).splitlines()
            kept = [one for one in thing.get("data", []) if one.partition("=")[0] not in {line.partition("=")[0] for line in new}]
            thing["data"] = kept + new
            write(f"{CLOUD}/credentials", "".join(f"{line}\n" for line in thing["data"]))
        if kind == "registry":
            thing["password"] = [read_private(thing.pop("--password-from-file")[0])]

    def may_pull(self, image, secret):
        """Whether the key in that secret is of somebody who may read the image's namespace, and for its registry."""
        host, namespace, _ = image.split("/", 2)
        keys = [key for one in self.state["service_ids"].values() if namespace in one["namespaces"] for key in one["keys"]]
        return secret.one("--server") == host and secret.one("password") in keys

    def check(self, kind, before, options):
        project = self.project()
        merged = {**before, **options}
        one = Options(merged).one
        if kind in ("app", "job"):
            if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", one("--name")):
                refuse("not a name")
            if one("--memory").removesuffix("G") not in PAIRS.get(one("--cpu"), "").split():
                refuse(f"no such pair of CPU and memory: {one('--cpu')} and {one('--memory')}")
            for secret in options.all("--env-from-secret"):
                if secret not in project["secret"]:
                    refuse(f"Secret '{secret}' was not found")
            if "--registry-secret" in options and one("--registry-secret") not in project["registry"]:
                refuse(f"Registry secret '{one('--registry-secret')}' was not found")
            if ".icr.io/" in one("--image") and not (
                one("--image") in [name for name, _ in self.pushed(everywhere=True)]
                and self.may_pull(one("--image"), Options(project["registry"].get(one("--registry-secret"), {})))
            ):
                refuse("the image cannot be pulled")
        if kind in ("cos", "cron") and one("--destination") not in project[one("--destination-type", "app")]:
            refuse("NotFound : Sink not found")
        if kind == "cron" and len(one("--schedule").split()) != 5:
            refuse("not a schedule")

    def not_ready(self, one):
        """Why a COS subscription is not ready, in the words of IBM's troubleshooting pages."""
        project = self.project()
        bucket = self.state["buckets"].get(one.one("--bucket"))
        by, on = (project["guid"], "All instances"), (bucket["instance"].split(":")[7] if bucket else "", "All instances")
        if bucket and not any(policy["by"] in by and policy["on"] in on for policy in self.state["authorizations"].values()):
            return "Verify you have assigned the Notifications Manager role to your project"
        if not bucket or bucket["region"] != project["region"]:
            return f"Error accessing bucket in region {project['region']}"
        if one.one("--destination") not in project[one.one("--destination-type", "app")]:
            return "NotFound : Sink not found"
        # What a test says is wrong with it.
        return one.one("broken")

    def show(self, kind, name, of):
        print(f"Getting {kind} '{name}'...\nOK\n\nName:               {name}")
        if kind == "secret":
            print("\nData:\n---\n" + "".join(f"{line.partition('=')[0]}: REDACTED\n" for line in of.all("data")))
        if kind == "app":
            print(f"Status Summary:     {of.one('broken', 'Application deployed successfully')}\n")
        if kind in ("app", "job"):
            print("Environment Variables:\n    Type                   Name                 Value")
            for secret in of.all("--env-from-secret"):
                print(f"    Secret full reference  {secret}")
            for variable in of.all("--env"):
                print(f"    Literal                {variable.replace('=', '  ', 1)}")
            print(f"Image:                  {of.one('--image')}\nResource Allocation:")
            print(f"    CPU:                {of.one('--cpu')}\n    Ephemeral Storage:  400M\n    Memory:             {of.one('--memory')}")
        if kind == "app":
            print(f"\nRevisions:\n    {name}-00001:\n        Age:                3d6h\n    Running Instances:  0\n\nRuntime:")
            if not of.one("silent"):
                print(f"    Concurrency:    {of.one('--concurrency', '100')}")
            print(f"    Maximum Scale:  {of.one('--max-scale', '10')}")
            print(f"    Minimum Scale:  {of.one('--min-scale', '0')}\n    Timeout:        {of.one('--request-timeout', '300')}")
            ready = "false" if of.one("broken") else "true"
            print(f"\nConditions:\n    Type                 OK    Age   Reason\n    Ready                {ready:<6}3d6h")
        if kind == "job":
            print(f"\nRuntime:\n    Array Indices:       0\n    Max Execution Time:  {of.one('--maxexecutiontime')}")
        if kind == "cos":
            reason = self.not_ready(of)
            print(f"\nDestination:  {of.one('--destination-type', 'app').capitalize()}:{of.one('--destination')}\nBucket:       {of.one('--bucket')}")
            print(f"EventType:    {of.one('--event-type', 'all')}")
            for title in "Prefix", "Suffix":
                if of.one(f"--{title.lower()}"):
                    print(f"{title}:       {of.one(f'--{title.lower()}')}")
            print(f"Ready:        {'false' if reason else 'true'}\n\nConditions:\n    Type            OK     Age  Reason")
            print(f"    CosConfigured   {f'false  10s  {reason}' if reason else 'true   10s'}")
        if kind == "cron":
            print(f"\nDestination:  Job:{of.one('--destination')}\nSchedule:     {of.one('--schedule')}\nReady:        {of.one('broken', 'true')}")
