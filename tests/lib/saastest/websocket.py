"""A WebSocket server that echoes in capitals, and the raw client for it: enough of RFC 6455 for a proxy to
switch protocols (section 4) and carry bytes both ways. Frames are not looked into.
"""

import base64
import hashlib
import socket
import threading

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def _head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(4096)
        if not part:
            break
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


class WebSocketServer:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heads = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            head, rest = _head(connection)
            if not head:
                return
            self.heads.append(head)
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
            if headers.get("upgrade") != "websocket":
                connection.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            key = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
            accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
            connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            while rest or (rest := connection.recv(4096)):
                connection.sendall(rest.upper())
                rest = b""

    def close(self):
        self.listener.close()


def upgrade(port, path, headers):
    """(status, head, connection) of a handshake; the connection is open after 101 only."""
    connection = socket.create_connection(("127.0.0.1", port), 15)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *[f"{k}: {v}" for k, v in headers.items()]]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head, _ = _head(connection)
    status = int(head.split()[1])
    if status != 101:
        connection.close()
    return status, head, connection
