"""A certificate authority of the tests' own, for servers and for clients with an e-mail address in their certificate."""

import subprocess

from .places import program


class Authority:
    """folder: where keys and certificates go, by name: <name>.key, <name>.pem, and the authority's own ca.pem."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj", "/CN=Test authority", "-keyout",
                      folder / f"{name}.key", "-out", folder / f"{name}.pem")
        self.pem = folder / f"{name}.pem"

    def _openssl(self, *argv):
        subprocess.run([program("openssl"), *map(str, argv)], check=True, capture_output=True)

    def issue(self, name, subject, alternative):
        """(certificate, key) for a subject's CN and one alternative name, as email:… or IP:…"""
        key, request, pem, more = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem", "ext"))
        more.write_text(f"subjectAltName={alternative}\n")
        self._openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.folder / f"{self.name}.key", "-CAcreateserial", "-days", "60",
                      "-extfile", more, "-out", pem)
        return pem, key
