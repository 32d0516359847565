"""Sends the cases to a function by the CloudEvents SDK for Python, in both modes: send.py URL.

It percent-encodes what headers cannot carry.
"""

import json
import pathlib
import sys
import urllib.request

from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

url = sys.argv[1]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
cases = json.loads(pathlib.Path(__file__).with_name("cases.json").read_text())
for case in cases:
    operation = case.get("operation", "Object:Write")
    kind = operation.removeprefix("Object:").lower()
    event = CloudEvent(
        {
            "specversion": "1.0",
            "id": case["id"],
            "source": "https://cloud.ibm.com/catalog/services/cloud-object-storage/pictures",
            "type": f"com.ibm.cloud.cos.document.{kind}",
            "subject": case["key"],
            "datacontenttype": "application/json",
        },
        {"bucket": "pictures", "endpoint": "", "key": case["key"], "operation": operation},
    )
    for mode, encode in (("binary", http.to_binary_event), ("structured", http.to_structured_event)):
        message = encode(event)
        request = urllib.request.Request(url, data=message.body, headers=dict(message.headers))
        with direct.open(request, timeout=30) as response:
            said = json.load(response)
        seen = (said["event_id"], said["key"], said["reason"])
        assert seen == (case["id"], case["key"], "own_output"), (mode, case, said)
        print(f"Python, {mode}: {case['id']}")
