"""What an account has besides: instances and keys, IAM, Object Storage, the registry."""

import json
import re
from os import path

from command import read, refuse
from files import CLOUD, STATE, read_private, write
from names import crn, guid
from project import Projects


class Cloud(Projects):
    """What an account has."""

    def __init__(self):
        empty = {
            "projects": {}, "selected": None, "region": "eu-de", "instances": {}, "buckets": {}, "authorizations": {},
            "namespaces": [], "service_ids": {}, "profiles": {}, "keys": {}, "crn": None,
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

    def resource_service_instances(self, options):
        print("\n".join(self.state["instances"]))

    def resource_service_instance(self, options):
        name, found = options.words[0], []
        if name in self.state["instances"]:
            found.append({"guid": guid("cloud-object-storage", name), "crn": crn("cloud-object-storage", "global", name)})
        project = self.state["projects"].get(name)
        if project and options.one("--location", project["region"]) == project["region"]:
            found.append({"guid": guid("codeengine", name), "crn": crn("codeengine", project["region"], name)})
        if not found:
            refuse(f"Service instance '{name}' was not found.")
        print(json.dumps(found))

    def resource_service_instance_create(self, options):
        name, service, plan, location = options.words
        if (service, plan, location) != ("cloud-object-storage", "standard", "global"):
            refuse(f"no such service: {service} {plan} {location}")
        self.state["instances"][name] = {}

    def resource_service_instance_delete(self, options):
        del self.state["instances"][options.words[0]]

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
        if json.loads(options.one("--parameters", "{}")) != {"HMAC": True} or options.one("--instance-name") not in self.state["instances"]:
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
        if role != "Notifications Manager" or by not in self.state["projects"] or on not in self.state["instances"]:
            refuse("no such source, target or role")
        number = guid("policy", f"{by} {on}")
        if number in self.state["authorizations"]:
            refuse("A policy with identical attributes and roles already exists.")
        self.state["authorizations"][number] = {
            "source": source, "target": target, "role": role, "by": guid(source, by), "on": guid(target, on),
        }  # fmt: skip
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
        self.state["service_ids"][options.words[0]] = {"policies": []}

    def iam_service_id_delete(self, options):
        del self.state["service_ids"][options.words[0]]

    def iam_service_policy_create(self, options):
        self.state["service_ids"][options.words[0]]["policies"].append(options)

    def iam_service_api_key_create(self, options):
        if options.words[1] not in self.state["service_ids"]:
            refuse("Service ID was not found.")
        read_private(options.one("--file"))
        write(options.one("--file"), json.dumps({"name": options.words[0], "apikey": "canary-pull-key"}))

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
        if options.words[0] not in "global us-south ca-tor br-sao eu-central uk-south eu-es ap-south ap-north jp-osa".split():
            refuse("no such region")

    def cr_login(self, options):
        write(f"{CLOUD}/logged-in", "")

    def cr_namespace_list(self, options):
        print("Listing namespaces for account 'A' in registry 'de.icr.io'...\n\nNamespace   ")
        print("".join(f"{name}   \n" for name in self.state["namespaces"]) + "\nOK")

    def cr_namespace_add(self, options):
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{2,28}[a-z0-9]", options.words[0]):
            refuse("The namespace is not valid.")
        self.state["namespaces"].append(options.words[0])

    def cr_namespace_rm(self, options):
        self.state["namespaces"].remove(options.words[0])

    def pushed(self):
        return read(f"{CLOUD}/pushed").split() if path.exists(f"{CLOUD}/pushed") else []

    def cr_image_inspect(self, options):
        if options.words[0] not in self.pushed():
            refuse("The image was not found.")

    def cr_image_digests(self, options):
        for image in self.pushed():
            if f"/{options.one('--restrict')}/" in image:
                print(image)

    def cr_image_rm(self, options):
        write(f"{CLOUD}/pushed", "".join(f"{image}\n" for image in self.pushed() if image != options.words[0]))
