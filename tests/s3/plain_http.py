"""Plain HTTP by the standard library, for URLs that carry their own signature and for what browsers send."""

import urllib.error
import urllib.request


def send(method, url, body=None, headers=None):
    """Status and body of the answer."""
    status, _, body = ask(method, url, body, headers)
    return status, body


def ask(method, url, body=None, headers=None):
    """Status, header fields by their names in lower case, and body of the answer."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
