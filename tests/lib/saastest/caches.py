"""Real caches in front of httpd that keep whatever it does not forbid them to, whoever asks. X-Cache says HIT where an
answer came out of one.
"""

from .fronts import Front
from .places import httpd_user, program


class NginxCache(Front):
    name = "nginx"

    def command(self):
        user = httpd_user()
        folders = "\n".join(f"    {what}_temp_path {self.root}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.put("nginx.conf", f"""
{f"user {user.pw_name};" if user else ""}
daemon off;
worker_processes 1;
pid {self.root}/nginx.pid;
error_log {self.root}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
{folders}
    proxy_cache_path {self.root}/cache keys_zone=pages:1m;
    server {{
        listen 127.0.0.1:{self.port};
        location / {{
            proxy_pass http://{self.ports["127.0.0.1:9000"]};
            proxy_cache pages;
            proxy_cache_valid any 10m;
            proxy_cache_lock on;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
""")
        return [program("nginx"), "-c", conf, "-p", self.root, "-e", self.root / "error.log"]


class Varnish(Front):
    name = "varnish"

    def command(self):
        host, port = self.ports["127.0.0.1:9000"].split(":")
        vcl = self.put("saas.vcl", f"""vcl 4.1;
backend default {{ .host = "{host}"; .port = "{port}"; }}
sub vcl_recv {{
    if (req.method == "GET" || req.method == "HEAD") {{
        return (hash);
    }}
}}
sub vcl_deliver {{
    if (obj.hits > 0) {{
        set resp.http.X-Cache = "HIT";
    }} else {{
        set resp.http.X-Cache = "MISS";
    }}
}}
""")
        return [program("varnishd"), "-F", "-a", f"127.0.0.1:{self.port}", "-f", vcl, "-n", self.root / "work", "-s", "malloc,16m",
                "-p", "default_ttl=600"]


CACHES = {"nginx": NginxCache, "varnish": Varnish}
