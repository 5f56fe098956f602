"""A small OpenID provider: authorization code flow, ID tokens signed with the client's secret (HS256). Whoever
comes to its authorization endpoint is logged in at once as `login`, a dict of claims. Source of the shapes:
OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; Discovery 1.0, section 4.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

from .servers import _Server


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _json(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        owner = self.server.owner
        path, _, query = self.path.partition("?")
        owner.hits.append(path)
        if path == "/.well-known/openid-configuration":
            self._json({"issuer": owner.url, "authorization_endpoint": owner.url + "/authorize",
                        "token_endpoint": owner.url + "/token", "jwks_uri": owner.url + "/jwks",
                        "response_types_supported": ["code"], "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["HS256"],
                        "token_endpoint_auth_methods_supported": ["client_secret_basic"]})
        elif path == "/jwks":
            self._json({"keys": []})
        elif path == "/authorize":
            asked = dict(urllib.parse.parse_qsl(query))
            code = secrets.token_urlsafe(16)
            owner.codes[code] = (asked, owner.login)
            target = asked["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self):
        owner = self.server.owner
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()))
        asked, login = owner.codes.pop(form["code"])
        now = int(time.time())
        claims = {"iss": owner.url, "aud": asked["client_id"], "iat": now, "exp": now + 300, "nonce": asked["nonce"], **login}
        signed = _b64(b'{"alg":"HS256","typ":"JWT"}') + "." + _b64(json.dumps(claims).encode())
        token = signed + "." + _b64(hmac.new(owner.secret.encode(), signed.encode(), hashlib.sha256).digest())
        self._json({"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def log_message(self, format, *args):
        pass


class OpenidProvider(_Server):
    def __init__(self, secret):
        super().__init__(_Provider)
        self.secret = secret
        self.codes = {}
        self.login = {"sub": "nobody"}
        self.begin()

    @property
    def conf(self):
        """What mod_auth_openidc is told of this provider; {base} is the site's."""
        return "\n".join((
            f"OIDCProviderMetadataURL {self.url}/.well-known/openid-configuration",
            "OIDCSSLValidateServer Off",
            "OIDCClientID saas",
            f"OIDCClientSecret {self.secret}",
            "OIDCRedirectURI {base}/oidc/callback",
            "OIDCCryptoPassphrase fedcba9876543210",
            'OIDCScope "openid email"',
            "OIDCIDTokenSignedResponseAlg HS256",
            "OIDCRemoteUserClaim email",
            "OIDCSessionType client-cookie"))
