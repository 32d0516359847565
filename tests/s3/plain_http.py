"""Plain HTTP by the standard library, for URLs that carry their own signature."""

import urllib.error
import urllib.request


def send(method, url, body=None, headers=None):
    """Status and body of the answer."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
