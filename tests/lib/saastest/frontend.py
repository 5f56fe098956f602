"""The frontend of tests/browser/frontend: types made of the API's own document, checked by TypeScript's compiler, bundled,
and served on an origin of its own.
"""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import openapi
from .places import BUILD, ROOT, clean_environment, program

SOURCE = ROOT / "tests" / "browser" / "frontend"
MODULES = BUILD / "browser" / "node_modules"
USUAL_PORT = 3000


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        script = self.path == "/app.js"
        body = (self.server.folder / ("app.js" if script else "index.html")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


def listening():
    """Where a frontend is developed, if nobody else is there."""
    for port in (USUAL_PORT, 0):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), _Pages)
        except OSError:
            if not port:
                raise


class Frontend:
    """Has its port from the beginning, so that a server may be told of it; pages once it is built."""

    def __init__(self):
        self.httpd = listening()
        self.httpd.daemon_threads = True
        self.port = self.httpd.server_address[1]

    def run(self, folder, *command):
        done = subprocess.run([program("node"), *command], cwd=folder, capture_output=True, text=True, env=clean_environment())
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    def build(self, folder, api_port):
        """folder: an empty one for what is made."""
        (folder / "node_modules").symlink_to(MODULES)
        for name in ("index.html", "app.ts", "tsconfig.json"):
            (folder / name).write_text((SOURCE / name).read_text())
        (folder / "openapi.json").write_text(json.dumps(openapi.composed()))
        self.run(folder, "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts")
        self.run(folder, "node_modules/typescript/bin/tsc", "-p", "tsconfig.json")
        esbuild = [str(MODULES / ".bin" / "esbuild"), "app.ts", "--bundle", "--format=esm", "--outfile=app.js", "--log-level=error",
                   f"--define:PORT={api_port}"]
        done = subprocess.run(esbuild, cwd=folder, capture_output=True, text=True, env=clean_environment())
        assert done.returncode == 0, done.stderr
        self.httpd.folder = folder
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()
