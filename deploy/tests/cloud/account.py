"""What an account has besides: instances and keys, IAM, Object Storage, the registry."""

import json
import re
from os import path

from command import read, refuse
from files import CLOUD, STATE, read_private, write
from names import HOSTS, crn, guid
from project import Projects


class Cloud(Projects):
    """What an account has."""

    def __init__(self):
        empty = {
            "projects": {}, "selected": None, "region": "eu-de", "group": None, "made": 0, "instances": {}, "buckets": {},
            "authorizations": {}, "registry": "us-south", "namespaces": [], "service_ids": {}, "profiles": {}, "keys": {}, "crn": None,
        }  # fmt: skip
        self.state = json.loads(read(STATE)) if path.exists(STATE) else empty

    def save(self):
        write(STATE, json.dumps(self.state))

    def project(self):
        if self.state["selected"] not in self.state["projects"]:
            refuse("No project is selected.")
        return self.state["projects"][self.state["selected"]]

    # --- the account

    def run(self, command, options):
        words = command.split()
        if words[0] == "ce" and words[1] not in ("project",):
            return self.in_project(words[1:], options)
        return getattr(self, command.replace(" ", "_").replace("-", "_"))(options)

    def plugin_show(self, options):
        pass

    def target(self, options):
        self.state["region"] = options.one("-r", self.state["region"])
        self.state["group"] = options.one("-g", self.state["group"])
        group = self.state["group"] or "No resource group targeted, use 'ibmcloud target -g RESOURCE_GROUP'"
        account = self.state.get("account", "Own Account (0a0a0a)")
        print(f"API endpoint:     https://cloud.ibm.com\nRegion:           {self.state['region']}")
        print(f"Account:          {account}\nResource group:   {group}")

    def group(self):
        """Where something is made."""
        return self.state["group"] or refuse("No resource group targeted. Use 'ibmcloud target -g RESOURCE_GROUP' to target a resource group.")

    def is_targeted(self, one):
        return self.state["group"] in (None, one["group"])

    def resource_service_instances(self, options):
        every = [{"name": one["name"], "crn": crn("cloud-object-storage", "global", key)} for key, one in self.state["instances"].items()]
        print(json.dumps(every) if options.one("--output") == "JSON" else "\n".join(one["name"] for one in every))

    def named_instances(self, name):
        """What has that name: instances of Object Storage, and projects, which are instances of Code Engine."""
        found = {
            key: (one, crn("cloud-object-storage", "global", key)) for key, one in self.state["instances"].items() if one["name"] == name
        }
        projects = [one for one in self.state["projects"].values() if one["name"] == name]
        return found | {one["guid"]: (one, crn("codeengine", one["region"], one["guid"])) for one in projects}

    def resource_service_instance(self, options):
        name = options.words[0]
        found = [
            {"guid": key, "crn": of} for key, (one, of) in self.named_instances(name).items()
            if self.is_targeted(one) and options.one("--location", one["region"]) == one["region"]
        ]  # fmt: skip
        if not found:
            refuse(f"Service instance '{name}' was not found.")
        # Code Engine before Object Storage: who takes the first one takes the wrong one.
        print(json.dumps(sorted(found, key=lambda one: ":codeengine:" not in one["crn"])))

    def resource_service_instance_create(self, options):
        name, service, plan, location = options.words
        if (service, plan, location) != ("cloud-object-storage", "standard", "global"):
            refuse(f"no such service: {service} {plan} {location}")
        self.state["instances"][self.new_guid("cloud-object-storage")] = {"name": name, "group": self.group(), "region": "global"}

    def new_guid(self, kind):
        self.state["made"] += 1
        return guid(kind, self.state["made"])

    def resource_service_instance_delete(self, options):
        word = options.words[0]
        found = [word.split(":")[7]] if word.startswith("crn:") else list(self.named_instances(word))
        if len(found) != 1 or found[0] not in self.state["instances"]:
            refuse(f"'{word}' is no one instance of Object Storage.")
        if any(word.split(":")[7] in bucket["instance"] for bucket in self.state["buckets"].values()):
            refuse("The instance has buckets.")
        del self.state["instances"][found[0]]

    def instance_guid(self, name):
        """That of the one Object Storage instance of that name."""
        found = [key for key, one in self.state["instances"].items() if one["name"] == name]
        return found[0] if len(found) == 1 else refuse(f"Service instance '{name}' was not found, or not one alone.")

    def resource_service_keys(self, options):
        print("\n".join(self.state["keys"]))

    def resource_service_key(self, options):
        if options.words[0] not in self.state["keys"]:
            refuse("Service key was not found.")
        key = self.state["keys"][options.words[0]]
        print(json.dumps([{"credentials": {
            "cos_hmac_keys": {"access_key_id": "canary-made-id", "secret_access_key": "canary-made-secret"},
            "iam_role_crn": f"crn:v1:bluemix:public:iam::::serviceRole:{key['role']}",
        }}]))  # fmt: skip

    def resource_service_key_create(self, options):
        name, role = options.words
        if json.loads(options.one("--parameters", "{}")) != {"HMAC": True} or not self.instance_guid(options.one("--instance-name")):
            refuse("no such key")
        self.state["keys"][name] = {"role": role}
        print("canary-made-secret")

    def resource_service_key_delete(self, options):
        del self.state["keys"][options.words[0]]

    # --- IAM

    def iam_authorization_policies(self, options):
        print("Getting authorization policies under account 0123456789abcdef...\nOK")
        for number, one in self.state["authorizations"].items():
            print(f"\nID:                        {number}\nSource service name:       {one['source']}")
            print(f"Source service instance:   {one['by']}\nTarget service name:       {one['target']}")
            print(f"Target service instance:   {one['on']}\nRoles:                     {one['role']}")

    def iam_authorization_policy_create(self, options):
        source, target, role = options.words
        by, on = options.one("--source-service-instance-name"), options.one("--target-service-instance-name")
        projects = list(self.targeted_projects(by).values())
        if role != "Notifications Manager" or len(projects) != 1:
            refuse("no such source, target or role")
        policy = {"source": source, "target": target, "role": role, "by": projects[0]["guid"], "on": self.instance_guid(on)}
        if policy in self.state["authorizations"].values():
            refuse("A policy with identical attributes and roles already exists.")
        number = self.new_guid("policy")
        self.state["authorizations"][number] = policy
        print(json.dumps({"id": number, "type": "authorization"}, indent=4))

    def iam_authorization_policy_delete(self, options):
        if not self.state["authorizations"].pop(options.words[0], None):
            refuse("no such policy")

    def iam_service_ids(self, options):
        print("\n".join(self.state["service_ids"]))

    def iam_service_id(self, options):
        if options.words[0] not in self.state["service_ids"]:
            refuse("Service ID was not found.")

    def iam_service_id_create(self, options):
        self.state["service_ids"][options.words[0]] = {"namespaces": [], "keys": []}

    def iam_service_id_delete(self, options):
        del self.state["service_ids"][options.words[0]]

    def iam_service_policy_create(self, options):
        wanted = {"--service-name": "container-registry", "--resource-type": "namespace", "--roles": "Reader"}
        if {name: options.one(name) for name in wanted} != wanted:
            refuse("no such policy")
        self.state["service_ids"][options.words[0]]["namespaces"].append(options.one("--resource"))

    def iam_service_api_key_create(self, options):
        if options.words[1] not in self.state["service_ids"]:
            refuse("Service ID was not found.")
        read_private(options.one("--file"))
        key = f"canary-{self.new_guid('key')}"
        self.state["service_ids"][options.words[1]]["keys"].append(key)
        write(options.one("--file"), json.dumps({"name": options.words[0], "apikey": key}))

    def profile(self, options):
        profile = self.state["profiles"].get(options.words[0])
        if profile is None:
            refuse("Trusted profile was not found.")
        return profile

    def iam_trusted_profiles(self, options):
        print("\n".join(self.state["profiles"]))

    def iam_trusted_profile(self, options):
        self.profile(options)

    def iam_trusted_profile_create(self, options):
        if options.words[0] in self.state["profiles"]:
            refuse("Trusted profile already exists.")
        self.state["profiles"][options.words[0]] = {"links": {}, "policies": {}}

    def iam_trusted_profile_delete(self, options):
        self.profile(options)
        del self.state["profiles"][options.words[0]]

    def iam_trusted_profile_links(self, options):
        print(json.dumps(list(self.profile(options)["links"].values())))

    def iam_trusted_profile_link_create(self, options):
        kind = options.one("--link-component-type")
        if options.one("--cr-type") != "CE" or kind not in ("application", "job", "function") or ":codeengine:" not in options.one("--link-crn"):
            refuse("no such compute resource")
        name = options.one("--name")
        self.profile(options)["links"][name] = {
            "name": name, "cr_type": "CE",
            "link": {"crn": options.one("--link-crn"), "component_type": kind, "component_name": options.one("--link-component-name")},
        }  # fmt: skip

    def iam_trusted_profile_link_delete(self, options):
        del self.profile(options)["links"][options.words[1]]

    def iam_trusted_profile_policies(self, options):
        if options.one("--api-version") != "v2":
            refuse("rules are told by version 2 alone")
        print(json.dumps(list(self.profile(options)["policies"].values())))

    def iam_trusted_profile_policy_create(self, options):
        policy = json.loads(read(options.one("--file")))
        if "rule" in policy and options.one("--api-version") != "v2":
            refuse("rules need version 2")
        policies = self.profile(options)["policies"]
        number = guid("policy", f"{options.words[0]} {len(policies)} {json.dumps(policy)}")
        policies[number] = {**policy, "id": number}

    def iam_trusted_profile_policy_delete(self, options):
        del self.profile(options)["policies"][options.words[1]]

    # --- Object Storage

    def cos_config_crn(self, options):
        self.state["crn"] = options.one("--crn")

    def cos_bucket_create(self, options):
        name = options.one("--bucket")
        if name in self.state["buckets"]:
            refuse("The requested bucket name is not available.")
        if options.one("--ibm-service-instance-id").split(":")[7] not in self.state["instances"]:
            refuse("There is no such instance.")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
            refuse("The specified bucket name is invalid.")
        self.state["buckets"][name] = {"region": options.one("--region"), "instance": options.one("--ibm-service-instance-id"), "objects": []}

    def bucket(self, options):
        if options.one("--bucket") not in self.state["buckets"]:
            refuse("The specified bucket does not exist.")
        return self.state["buckets"][options.one("--bucket")]

    def cos_bucket_location_get(self, options):
        bucket = self.bucket(options)
        print(f"OK\nDetails about bucket {options.one('--bucket')}:")
        if bucket["region"]:
            print(f"Region: {bucket['region']}")
        print("Class: Standard")

    def cos_bucket_delete(self, options):
        if self.bucket(options)["objects"]:
            refuse("The bucket you tried to delete is not empty.")
        del self.state["buckets"][options.one("--bucket")]

    def cos_buckets(self, options):
        owner = options.one("--ibm-service-instance-id", self.state["crn"])
        print(json.dumps({"Buckets": [{"Name": name} for name, one in self.state["buckets"].items() if one["instance"] == owner]}))

    def cos_objects(self, options):
        print(json.dumps({"Contents": [{"Key": key} for key in self.bucket(options)["objects"]]}))

    # --- the registry

    def cr_region_set(self, options):
        if options.words[0] not in HOSTS:
            refuse("no such region")
        self.state["registry"] = options.words[0]

    def host(self):
        """That of the registry that commands go to."""
        return HOSTS[self.state["registry"]]

    def cr_login(self, options):
        write(f"{CLOUD}/logged-in", "")

    def cr_namespace_list(self, options):
        print(f"Listing namespaces for account 'A' in registry '{self.host()}'...\n\nNamespace   ")
        names = [one.split("/") for one in self.state["namespaces"]]
        print("".join(f"{name}   \n" for host, name in names if host == self.host()) + "\nOK")

    def cr_namespace_add(self, options):
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{2,28}[a-z0-9]", options.words[0]):
            refuse("The namespace is not valid.")
        self.state["namespaces"].append(f"{self.host()}/{options.words[0]}")

    def cr_namespace_rm(self, options):
        self.state["namespaces"].remove(f"{self.host()}/{options.words[0]}")

    def pushed(self, everywhere=False):
        """The images of the registry, as [name, digest]; without a tag the name ends with its colon."""
        lines = read(f"{CLOUD}/pushed").splitlines() if path.exists(f"{CLOUD}/pushed") else []
        return [line.split() for line in lines if everywhere or line.startswith(f"{self.host()}/")]

    def push_again(self, images):
        elsewhere = [one for one in self.pushed(everywhere=True) if one not in self.pushed()]
        write(f"{CLOUD}/pushed", "".join(f"{name} {digest}\n" for name, digest in elsewhere + images))

    def image(self, options):
        """The one image that is named by its tag: its repository and its digest."""
        for name, digest in self.pushed():
            if name == options.words[0]:
                return name.rpartition(":")[0], digest
        return refuse("The image was not found.")

    def cr_image_inspect(self, options):
        self.image(options)

    def restricted(self, options):
        return [one for one in self.pushed() if f"/{options.one('--restrict')}/" in one[0]]

    def cr_image_digests(self, options):
        for name, digest in self.restricted(options):
            print(f"{name.rpartition(':')[0]}@{digest}")

    def cr_image_list(self, options):
        if options.one("--format") not in (None, "{{ .Digest }} {{ .Repository }} {{ .Tag }}"):
            refuse("the stand-in has no other templates of Go")
        for name, digest in self.restricted(options):
            repository, _, tag = name.rpartition(":")
            if tag:
                print(digest, repository, tag)

    def cr_image_rm(self, options):
        repository, digest = self.image(options)
        self.push_again([one for one in self.pushed() if (one[0].rpartition(":")[0], one[1]) != (repository, digest)])

    def cr_image_untag(self, options):
        repository, digest = self.image(options)
        rest = [one for one in self.pushed() if one[0] != options.words[0]]
        if not any((one[0].rpartition(":")[0], one[1]) == (repository, digest) for one in rest):
            rest.append([f"{repository}:", digest])
        self.push_again(rest)
