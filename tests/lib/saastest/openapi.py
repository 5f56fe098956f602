"""The OpenAPI document, read from docs/openapi, and every reply held against it: method, path and status must be
described, required headers there, the body as its schema says and with nothing that the schema does not know.
The document is open for clients (more members may come); here it is closed, so that neither side can drift.
"""

import copy
import functools
import json
import threading
import warnings
from urllib.parse import unquote, urlsplit

import requests

from .places import ROOT

MOUNT = "/api/v1"
METHODS = ("get", "post", "put", "patch", "delete")
# What httpd answers itself, before or instead of a module, and only in HTML.
HTTPD_REFUSES = {400, 408, 413, 414, 417, 431}
HTTPD_REFUSES_ODD_PATHS = {403, 404}


def sources():
    """The parts by name: common is the host's, the others are plugins'."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "docs" / "openapi").glob("*.json"))}


def composed(plugins=None):
    """The document of these plugins (all), as the host puts it together, without servers and gates."""
    parts = sources()
    document = parts.pop("common")
    for name, part in parts.items():
        if plugins is not None and name not in plugins:
            continue
        document["tags"] += part.get("tags", [])
        for path, item in part["paths"].items():
            document["paths"].setdefault(path, {}).update(item)
        for kind, members in part.get("components", {}).items():
            document["components"].setdefault(kind, {}).update(members)
    return document


def close(schema):
    """In place: an object that says which members it has has no others."""
    if isinstance(schema, dict):
        if "properties" in schema and "$ref" not in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)
    return schema


def segments(path):
    return [part for part in path.split("/") if part]


class Document:
    """A whole document, ready to judge replies of a server."""

    def __init__(self, document):
        self.document = close(copy.deepcopy(document))
        self.paths = [(segments(path), path, item) for path, item in self.document["paths"].items()]
        self.validators = {}
        self.lock = threading.Lock()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from jsonschema import FormatChecker, RefResolver
        self.resolver = RefResolver("", self.document)
        self.formats = FormatChecker()

    def follow(self, thing):
        """What a reference names; anything else is itself."""
        while "$ref" in thing:
            node = self.document
            for key in thing["$ref"].removeprefix("#/").split("/"):
                node = node[key.replace("~1", "/").replace("~0", "~")]
            thing = node
        return thing

    def find(self, path):
        """(template, path item) that the router would choose, or None: more literal segments win."""
        have, best = segments(path), None
        for parts, template, item in self.paths:
            if not template.endswith("/") and path.endswith("/"):
                continue
            if len(parts) == len(have) and all(p == h or p.startswith("{") for p, h in zip(parts, have)):
                weight = sum(not p.startswith("{") for p in parts)
                if best is None or weight > best[0]:
                    best = (weight, template, item)
        return best and best[1:]

    def errors(self, schema, value):
        """What is wrong with a value, most telling first."""
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import relevance
        with self.lock:
            validator = self.validators.get(id(schema))
            if validator is None:
                validator = Draft202012Validator(schema, resolver=self.resolver, format_checker=self.formats)
                self.validators[id(schema)] = validator
            found = sorted(validator.iter_errors(value), key=relevance, reverse=True)
        return [f"{e.json_path}: {e.message}" + "".join(f"\n  or {c.json_path}: {c.message}" for c in e.context or ()) for e in found]

    def refusal(self, code, method, body):
        """What is wrong with a refusal of the router's."""
        if method == "HEAD" or body is None:
            return []
        body = json.loads(body)
        wrong = self.errors(self.document["components"]["schemas"]["Problem"], body)
        return wrong or ([] if body["code"] == code else [f"code is {body['code']}"])

    def judge(self, method, path, status, headers, body):
        """What is wrong with the reply to a request for a path below the mount point; an empty list is none.
        body is None when it has not been read."""
        found = self.find(path)
        kind = headers.get("Content-Type", "").split(";")[0].strip()
        if found is None:
            return self.refusal("not_found", method, body) if status == 404 else ["the path is not described"]
        template, item = found
        operation = item.get({"HEAD": "get"}.get(method, method.lower()))
        if method == "OPTIONS" or operation is None:
            allowed = {name.upper() for name in METHODS if name in item} | {"OPTIONS"} | ({"HEAD"} if "get" in item else set())
            if set(headers.get("Allow", "").split(", ")) != allowed:
                return [f"Allow is {headers.get('Allow')!r}, not {allowed}"]
            if method == "OPTIONS":
                return [] if status == 204 else ["OPTIONS answers 204"]
            return self.refusal("method_not_allowed", method, body) if status == 405 else ["the method is not described"]
        if method in ("GET", "HEAD") and template.endswith("/") and not path.endswith("/"):
            return [] if status == 308 and urlsplit(headers.get("Location", "")).path.endswith("/") else ["not sent to the path with its slash"]
        if headers.get("Preference-Applied") == "dry-run":
            if status != 200 or kind != "application/json":
                return [f"a dry run is answered {status}, {kind}"]
            return [] if method == "HEAD" or body is None else self.errors(self.document["components"]["schemas"]["DryRun"], json.loads(body))
        if str(status) not in operation["responses"]:
            return [f"{template}: the status is not described"]
        return self.judge_response(self.follow(operation["responses"][str(status)]), method, kind, headers, body)

    def judge_response(self, response, method, kind, headers, body):
        wrong = []
        for name, header in response.get("headers", {}).items():
            value = headers.get(name)
            if value is not None:
                wrong += [f"header {name}: {error}" for error in self.errors(header["schema"], value)]
            elif header.get("required"):
                wrong.append(f"header {name} is missing")
        content = response.get("content")
        if content is None:
            return wrong + ([] if not body else ["a body where none is described"])
        if kind not in content:
            return wrong + [f"Content-Type is {kind!r}, not {sorted(content)}"]
        if method != "HEAD" and body is not None and kind == "application/json":
            wrong += self.errors(content[kind]["schema"], json.loads(body))
        return wrong


@functools.lru_cache(maxsize=None)
def project():
    """The document of everything this repository has."""
    return Document(composed())


@functools.lru_cache(maxsize=None)
def served(base):
    """What a server says itself; asked only for paths that the project does not have."""
    return Document(requests.get(f"{base}{MOUNT}/openapi.json", timeout=60).json())


def witness(base, method, url, status, headers, body):
    """For Api.witness: fails when a reply of the API is not as the document says."""
    raw = urlsplit(url).path
    if not raw.startswith(MOUNT + "/"):
        return
    path = unquote(raw[len(MOUNT):])
    found = project().find(path)
    answers = found and found[1].get("get", {}) or {}
    html = headers.get("Content-Type", "").startswith("text/html")
    if html and "text/html" not in answers.get("responses", {}).get(str(status), {}).get("content", {}):
        if answers.get("x-saas-page") and str(status) in answers["responses"]:
            return  # what a browser that navigates is shown; a client that is made of the document never sees it
        odd = "%" in raw or "//" in raw or "/." in raw
        assert status in HTTPD_REFUSES or (odd and status in HTTPD_REFUSES_ODD_PATHS), f"{method} {url}: {status} in HTML"
        return
    document = project()
    if document.find(path) is None and status != 404:
        document = served(base)
        found = document.find(path)
        operation = found and found[1].get(method.lower().replace("head", "get"))
        if operation and "default" in operation["responses"]:
            return
    wrong = document.judge(method, path, status, headers, body)
    if not headers.get("X-Request-ID"):
        wrong = [*wrong, "the answer has no X-Request-ID"]
    if wrong:
        raise AssertionError(f"{method} {url} answered {status}, and not as docs/openapi says:\n" + "\n".join(wrong[:5])
                             + (f"\n{body[:1000]!r}" if body else ""))
