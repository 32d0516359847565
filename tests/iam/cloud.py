"""A store that takes bearer tokens alone and the IAM that gives them, behind TLS: what the function needs of both."""

import hashlib
import http.server
import json
import ssl
import threading
import time
import urllib.parse
from email.utils import formatdate

MISSING = "<Error><Code>{}</Code><Message>{}</Message></Error>"


class Cloud:
    """The state of both, which a test sets and looks at."""

    def __init__(self, certificate, api_key):
        self.api_key, self.compute_token = api_key, None
        # A token is good for longer than it is said to be by the grace; by IAM's clock it ends later by the skew. All in seconds.
        self.lifetime, self.skew, self.grace, self.is_up = 3600, 0, 0, True
        self.lock, self.granted, self.tokens, self.objects = threading.Lock(), [], {}, {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.handle_error = lambda *_: None
        self.url = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def revoke(self):
        with self.lock:
            self.tokens.clear()

    def grant(self, form):
        """A token, or why there is none."""
        with self.lock:
            kind = form.get("grant_type", "").removeprefix("urn:ibm:params:oauth:grant-type:")
            shown = {"apikey": form.get("apikey"), "cr-token": form.get("cr_token")}.get(kind)
            wanted = {"apikey": self.api_key, "cr-token": self.compute_token}.get(kind)
            if not self.is_up:
                return 503, {"errorMessage": "not now"}
            if wanted is None or shown != wanted:
                return 400, {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
            token = hashlib.sha256(f"{len(self.granted)} {time.time()}".encode()).hexdigest()
            self.granted.append(kind)
            self.tokens[token] = time.monotonic() + self.lifetime + self.grace
            return 200, {
                "access_token": token, "refresh_token": "not_supported", "token_type": "Bearer", "scope": "ibm openid",
                "expires_in": self.lifetime, "expiration": int(time.time()) + self.lifetime + self.skew,
            }  # fmt: skip

    def is_good(self, authorization):
        with self.lock:
            return self.tokens.get(authorization.removeprefix("Bearer "), 0) > time.monotonic()

    def handler(cloud):  # noqa: N805, the handler has a self of its own
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp=None):
                return formatdate((timestamp or time.time()) + cloud.skew, usegmt=True)

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def refuse(self, status, code):
                self.answer(status, MISSING.format(code, code).encode(), Content_Type="application/xml")

            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, said = cloud.grant(dict(urllib.parse.parse_qsl(form)))
                self.answer(status, json.dumps(said).encode(), Content_Type="application/json")

            def object(self):
                """The key, if the token is good; its body has been read by then."""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not cloud.is_good(self.headers.get("Authorization", "")):
                    self.refuse(403, "AccessDenied")
                    return None, body
                return urllib.parse.unquote(self.path.split("?")[0]).removeprefix("/photos").removeprefix("/"), body

            def do_PUT(self):
                key, body = self.object()
                if key is not None:
                    meta = {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}
                    cloud.objects[key] = (body, meta)
                    self.answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

            def do_DELETE(self):
                key, _ = self.object()
                if key is not None:
                    cloud.objects.pop(key, None)
                    self.answer(204)

            def do_GET(self):
                key, _ = self.object()
                if key is None:
                    return
                if not key:
                    self.answer(200)
                elif key not in cloud.objects:
                    self.refuse(404, "NoSuchKey")
                else:
                    body, meta = cloud.objects[key]
                    tag = f'"{hashlib.md5(body).hexdigest()}"'
                    headers = {"ETag": tag, "Last_Modified": formatdate(usegmt=True), **meta}
                    first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
                    if self.headers.get("If-Match", tag).strip('"') != tag.strip('"'):
                        self.refuse(412, "PreconditionFailed")
                    elif first:
                        end = min(int(last or len(body)), len(body) - 1)
                        headers["Content_Range"] = f"bytes {first}-{end}/{len(body)}"
                        self.answer(206, body[int(first) : end + 1], **headers)
                    else:
                        self.answer(200, body, **headers)

            do_HEAD = do_GET

        return Handler
