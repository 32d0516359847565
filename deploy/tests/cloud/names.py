"""Ids of what has a name: always the same ones."""

import hashlib


def guid(kind, name):
    digits = hashlib.md5(f"{kind}/{name}".encode()).hexdigest()
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def crn(service, region, name):
    return f"crn:v1:bluemix:public:{service}:{region}:a/0123456789abcdef:{guid(service, name)}::"
