"""Ids of what has a name: always the same ones; and the hosts of the registry, by its regions."""

import hashlib

HOSTS = {
    "global": "icr.io", "us-south": "us.icr.io", "ca-tor": "ca.icr.io", "br-sao": "br.icr.io", "eu-central": "de.icr.io",
    "uk-south": "uk.icr.io", "eu-es": "es.icr.io", "ap-south": "au.icr.io", "ap-north": "jp.icr.io", "jp-osa": "jp2.icr.io",
}  # fmt: skip


def guid(kind, name):
    digits = hashlib.md5(f"{kind}/{name}".encode()).hexdigest()
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def crn(service, region, number):
    return f"crn:v1:bluemix:public:{service}:{region}:a/0123456789abcdef:{number}::"
