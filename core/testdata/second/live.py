"""A device that meets another one at a Sync Server: `python3 live.py`, with what it is given as JSON on standard input.

It joins the pair's channel, completes the handshake, exchanges rosters, and says what its own one says then, as JSON.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import sys

import primitives as p
import roster
import session
import wire


class WebSocket:
    """A client of RFC 6455, of binary frames, over a socket without TLS."""

    def __init__(self, host, path, protocol):
        name, port = host.rsplit(":", 1)
        self.socket = socket.create_connection((name.strip("[]"), int(port)), timeout=30)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        if " 101 " not in status or headers.get("sec-websocket-accept") != accept or headers["sec-websocket-protocol"] != protocol:
            raise SystemExit("no WebSocket: " + status)

    def _more(self):
        got = self.socket.recv(65536)
        if not got:
            raise SystemExit("the connection ended")
        self.buffer += got

    def _take(self, n):
        while len(self.buffer) < n:
            self._more()
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def _send(self, opcode, payload):
        n, mask = len(payload), os.urandom(4)
        size = bytes([0x80 | n]) if n < 126 else struct.pack(">BH", 0xFE, n) if n < 65536 else struct.pack(">BQ", 0xFF, n)
        masked = bytes(x ^ mask[i % 4] for i, x in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def send(self, payload):
        self._send(2, payload)

    def receive(self):
        """The next binary message."""
        out = b""
        while True:
            head, size = self._take(2)
            size = struct.unpack(">H", self._take(2))[0] if size == 126 else struct.unpack(">Q", self._take(8))[0] if size == 127 else size
            payload = self._take(size)
            opcode = head & 15
            if opcode == 8:
                raise SystemExit(f"closed with {payload.hex()}")
            if opcode == 9:
                self._send(10, payload)
            if opcode in (0, 2):
                out += payload
                if head & 0x80:
                    return out

    def close(self):
        self._send(8, struct.pack(">H", 1000))
        self.socket.close()


class Device:
    def __init__(self, given):
        data = lambda name: bytes.fromhex(given[name])
        self.host, self.prefix = given["host"], given["prefix"]
        self.ik, self.now = data("ik_seed"), given["now"]
        self.pair = session.Pair(data("nk_private"), data("peer_nk"), data("circle_secret"))
        genesis, *entries = map(bytes.fromhex, given["roster"])
        self.roster = roster.Roster(genesis=genesis)
        for e in entries:
            self.roster.add(e)
        self.sign_relays(given["relays"])
        self.seed = self.pair.channel_seed(session.day_of(self.pair.offset, self.now))
        self.chan = p.ed25519_public(self.seed)
        self.session = None

    def sign_relays(self, urls):
        """An entry of its own, for the other device to learn."""
        heads = self.roster.heads()
        body = bytes([len(heads)]) + b"".join(heads) + wire.u(1, 4) + bytes([len(urls)])
        head = bytes([roster.RELAYS]) + wire.lv(body + b"".join(wire.lv(u.encode()) for u in urls))
        signature = p.ed25519_sign(self.ik, b"masq-roster/1" + self.roster.id + head)
        self.roster.add(head + p.ed25519_public(self.ik) + signature)

    def frame(self, *types):
        f = wire.parse_frame(self.socket.receive())
        if f["type"] not in types:
            raise SystemExit(f"a frame of type {f['type']} where {types} was to come: {f}")
        return f

    def join(self):
        """To where the other device is there."""
        self.socket = WebSocket(self.host, self.prefix + "/v1/channel/" + wire.base64url(self.chan), "masq.relay.v1")
        hello = self.frame(1)
        side = self.pair.side
        signed = wire.join_message(self.host, hello["nonce"], self.chan, side)
        self.socket.send(b"\x02" + bytes([side]) + p.ed25519_sign(self.seed, signed))
        present = self.frame(3)["present"]
        while not present:
            present = self.frame(4)["present"]

    def shake(self):
        if self.pair.initiator:
            self.initiate()
        else:
            self.respond()

    def initiate(self):
        attempt = session.Initiator(self.pair, self.chan, os.urandom(4), os.urandom(64), os.urandom(32))
        self.socket.send(b"\0" + attempt.m1)
        while self.session is None:
            f = self.frame(0, 4)
            if f["type"] == 0 and f["body"][:5] == attempt.tag + b"\x02":
                self.session = attempt.finish(f["body"])
        self.send_heads()

    def respond(self):
        while True:
            f = self.frame(0, 4)
            if f["type"] != 0:
                continue
            body = f["body"]
            if body[4] == 1:
                m2, self.session = session.respond(self.pair, self.chan, body, os.urandom(32), os.urandom(32))
                self.socket.send(b"\0" + m2)
            elif self.session and body[:5] == self.session.head:
                self.first = self.session.open(body)  # which confirms the handshake
                self.send_heads()
                return

    def send(self, *messages):
        self.socket.send(b"\0" + self.session.seal(b"".join(messages)))

    def send_heads(self):
        self.send(wire.message(1, wire.tlv(1, b"".join(self.roster.heads())) + wire.tlv(2, "Python".encode()) + wire.tlv(3, b"\x02")))

    def messages(self):
        """What comes, one by one."""
        yield from map(wire.parse_message, getattr(self, "first", []))
        while True:
            f = self.frame(0, 4)
            if f["type"] == 0:
                yield from map(wire.parse_message, self.session.open(f["body"]))

    def exchange(self):
        for m in self.messages():
            if m["type"] == 1:
                self.peer_name = m["name"]
                behind = self.roster.sent(bytes(32), m["heads"])
                fields = b"".join(wire.tlv(1, e.raw) for e in behind)
                self.send(wire.message(2, fields), wire.message(3))
            elif m["type"] == 2:
                for e in m["entries"]:
                    self.roster.add(e)
            elif m["type"] == 3:
                self.send(wire.message(11, wire.tlv(1, b"\x01")))
            elif m["type"] == 11:
                return

    def says(self):
        members, _ = self.roster.who()
        return {
            "peer": self.peer_name,
            "initiator": self.pair.initiator,
            "heads": [h.hex() for h in self.roster.heads()],
            "members": sorted(m.ik.hex() for m in members),
            "relays": self.roster.relays(),
        }


def main():
    d = Device(json.load(sys.stdin))
    d.join()
    d.shake()
    d.exchange()
    d.socket.close()
    print(json.dumps(d.says()))


main()
