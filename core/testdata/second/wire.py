"""What Masq's bytes look like. From core/PROTOCOL.md: the head, "The Sync Server", "Inside the session" and "Data"."""

import base64
import re

import primitives as p

MAX_FRAME = 65536
MAX_MESSAGE = (4 << 20) + (1 << 16)
MAX_ENTRY = 4 << 10
MAX_ENTRIES = 256
MAX_WRITERS = 1024
MAX_LOST = 4096
MAX_NAMESPACES = 4096
BLOCK = 12  # bits of a block of sequence numbers
ONLY = 1 << 63  # a pair of a context that reaches back to its block's beginning


class Malformed(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n > self.left():
            raise Malformed
        self.at += n
        return self.data[self.at - n : self.at]

    def u(self, size):
        return int.from_bytes(self.take(size), "big")

    def lv(self, size, limit):
        n = self.u(size)
        if n > limit:
            raise Malformed
        return self.take(n)

    def rest(self):
        return self.take(self.left())

    def done(self):
        if self.left():
            raise Malformed


def u(value, size):
    return value.to_bytes(size, "big")


def lv(data, size=2):
    return u(len(data), size) + data


def tlv(tag, value):
    return bytes([tag]) + lv(value, 4)


def text(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed


# Frames between a device and the Sync Server


def _flag(r):
    v = r.u(1)
    if v > 1:
        raise Malformed
    return v


def parse_frame(frame):
    if not frame or len(frame) > MAX_FRAME:
        raise Malformed
    r = Reader(frame)
    kind = r.u(1)
    out = {"type": kind}
    if kind == 0:
        out["body"] = r.rest()
    elif kind == 1:
        out["version"] = r.u(1)
        if out["version"] != 1:
            return out
        out["nonce"], out["time"], out["limits"] = r.take(32), r.u(8), []
        while r.left():
            limit = {"id": r.u(1), "value": r.u(4)}
            if limit["id"] in [x["id"] for x in out["limits"]]:
                raise Malformed
            out["limits"].append(limit)
    elif kind == 2:
        out["side"], out["sig"] = _flag(r), r.take(64)
    elif kind in (3, 4):
        out["present"] = _flag(r) == 1
    elif kind == 5:
        out["code"] = r.u(1)
    elif kind == 6:
        out["reconnect_in"], out["try_for"] = r.u(4), r.u(4)
    elif kind == 7:
        out["side"] = _flag(r)
    else:
        raise Malformed
    r.done()
    return out


def join_message(host, nonce, chan, side):
    return b"masq-relay/1" + lv(host.encode()) + nonce + chan + bytes([side])


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(s):
    """The bytes, None if s is not their one form."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", s) or len(s) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
    return data if base64url(data) == s else None


def parse_path(path):
    """What a path of the Sync Server's leads to, a prefix allowed: the kind and its name; None if it leads nowhere."""
    m = re.fullmatch(r"(?s).*/v1/(channel|pair)/([^/]*)", path)
    if not m:
        return None
    name = unbase64url(m[2])
    if m[1] == "channel":
        return ("channel", name) if name and len(name) == 32 else None
    if name and len(name) == 16:
        return "mailbox", name
    if re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{3,8}", m[2]):
        return "nameplate", m[2].encode()
    return None


def loopback(host):
    name = re.sub(r":[0-9]*$", "", host).lower()
    if name in ("localhost", "[::1]") or name.endswith(".localhost"):
        return True
    parts = name.split(".")
    decimal = all(re.fullmatch(r"0|[1-9][0-9]{0,2}", x) and int(x) < 256 for x in parts)
    return len(parts) == 4 and parts[0] == "127" and decimal


def split_url(url):
    """Scheme, host with port, and what follows; None if host or port are not in their one form."""
    m = re.fullmatch(r"(?s)([a-z]+)://([^/?#]*)(.*)", url)
    if not m:
        return None
    h = re.fullmatch(r"([a-z0-9._-]+|\[[0-9a-f.]*:[0-9a-f:.]*\])(?::([1-9][0-9]{0,4}))?", m[2])
    if not h or h[2] and int(h[2]) > 65535:
        return None
    if h[2] == {"https": "443", "wss": "443"}.get(m[1], "80"):
        return None
    return m[1], m[2], m[3]


def valid_relay(url):
    parts = split_url(url)
    if not parts or len(url) > 255 or parts[0] not in ("wss", "ws"):
        return False
    if parts[2] == "":
        return True
    if not re.fullmatch(r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@]*)+", parts[2]) or parts[2].endswith("/"):
        return False
    return not {".", ".."} & set(parts[2].split("/"))


def safe_relay(url):
    return valid_relay(url) and (url.startswith("wss:") or loopback(split_url(url)[1]))


# Version vectors: a list of (writer, settled, blocks), blocks a list of (seq, hash)


def parse_vector(data):
    if len(data) > 4 << 20:
        raise Malformed
    r, out = Reader(data), []
    for _ in range(r.u(2)):
        writer, settled = r.u(8), r.u(8)
        if out and out[-1][0] >= writer:
            raise Malformed
        blocks = []
        for _ in range(r.u(2)):
            seq, digest = r.u(8), r.take(8)
            if seq <= settled or seq >> BLOCK == 0 or blocks and blocks[-1][0] >> BLOCK >= seq >> BLOCK:
                raise Malformed
            blocks.append((seq, digest))
        out.append((writer, settled, blocks))
    r.done()
    return out


def vector_bytes(v):
    out = u(len(v), 2)
    for writer, settled, blocks in v:
        out += u(writer, 8) + u(settled, 8) + u(len(blocks), 2) + b"".join(u(s, 8) + h for s, h in blocks)
    return out


def covers(v, writer, seq):
    for w, settled, blocks in v:
        if w == writer:
            return seq <= settled or any(s >> BLOCK == seq >> BLOCK and seq <= s for s, _ in blocks)
    return False


def join(a, b):
    """What a and b have together."""
    out = []
    one, two = {e[0]: e for e in a}, {e[0]: e for e in b}
    for writer in sorted({*one, *two}):
        _, s1, t1 = one.get(writer, (writer, 0, []))
        _, s2, t2 = two.get(writer, (writer, 0, []))
        settled, best = max(s1, s2), {}
        for seq, digest in t1 + t2:
            if seq > best.get(seq >> BLOCK, (0, b""))[0]:
                best[seq >> BLOCK] = (seq, digest)
        out.append((writer, settled, [best[k] for k in sorted(best) if best[k][0] > settled]))
    return out


def _reach(element, block):
    """The last number of a block that an element has, one less than its first if it has none of it."""
    _, settled, blocks = element
    own = [s for s, _ in blocks if s >> BLOCK == block]
    return max([min(settled, (block + 1 << BLOCK) - 1)] + own)


def meet(a, b):
    """What a and b each have. Hashes are left out: zeros."""
    out, two = [], {e[0]: e for e in b}
    for one in a:
        other = two.get(one[0])
        if other is None:
            continue
        settled, blocks = min(one[1], other[1]), []
        for block in sorted({s >> BLOCK for s, _ in one[2] + other[2]}):
            seq = min(_reach(one, block), _reach(other, block))
            if seq > settled and seq >> BLOCK == block:
                blocks.append((seq, bytes(8)))
        if settled or blocks:
            out.append((one[0], settled, blocks))
    return out


# Records


def valid_key(key):
    try:
        return 1 <= len(key) <= 1024 and "\0" not in key.decode()
    except UnicodeDecodeError:
        return False


def parse_records(data):
    r, out, batch = Reader(data), [], 0
    while r.left():
        rec = _parse_record(r)
        if out and out[-1]["more"] and out[-1]["dot"] != rec["dot"]:
            raise Malformed
        batch += 1
        if batch > 1000:
            raise Malformed
        if not rec["more"]:
            batch = 0
        out.append(rec)
    if out and out[-1]["more"]:
        raise Malformed
    return out


def sum_of(records):
    """The sum of versions that nothing has superseded."""
    total = 0
    for r in records:
        if r["kind"] and not r["hearsay"]:
            head = u(r["dot"][0], 8) + u(r["dot"][1], 8) + u(r["time"], 8) + u(r["kind"], 1)
            total += int.from_bytes(p.hashlib.sha256(b"masq-sum/1" + head + lv(r["key"]) + r["value"]).digest()[:16], "big")
    return u(total % (1 << 128), 16)


def _parse_record(r):
    flags = r.u(1)
    rec = {"kind": flags & 3, "more": flags & 4 != 0, "hearsay": flags & 8 != 0, "abridged": flags & 16 != 0}
    rec.update(dot=(r.u(8), r.u(8)), time=r.u(8), context=[])
    if flags > 31 or rec["kind"] == 3 or not 1 << BLOCK <= rec["dot"][1] < ONLY:
        raise Malformed
    n = r.u(2)
    if n > 4096:
        raise Malformed
    for _ in range(n):
        writer, seq = r.u(8), r.u(8)
        block = (seq & ONLY - 1) >> BLOCK
        if block == 0:
            raise Malformed
        if rec["context"]:
            last_writer, last = rec["context"][-1]
            behind = seq & ONLY and block > (last & ONLY - 1) >> BLOCK
            if writer < last_writer or writer == last_writer and not behind:
                raise Malformed
        rec["context"].append((writer, seq))
    rec["key"], rec["value"] = r.lv(2, 1024), r.lv(4, 1 << 20)
    if not valid_key(rec["key"]) or rec["kind"] == 0 and rec["value"]:
        raise Malformed
    return rec


def sees(context, writer, seq):
    """Whether a context reaches a dot."""
    for w, s in context:
        end = s & ONLY - 1
        if w == writer and seq <= end and (not s & ONLY or seq >> BLOCK == end >> BLOCK):
            return True
    return False


def next_hash(digest, records):
    return digest[:4] + p.hashlib.sha256(digest + records).digest()[:4]


# Messages inside a session


def _number(v):
    return v.u(2)


def _heads(v):
    if v.left() % 32 or v.left() > 32 * MAX_ENTRIES:
        raise Malformed
    return [v.take(32) for _ in range(v.left() // 32)]


def _name(v):
    name = text(v.rest())
    if len(name) > 40:
        raise Malformed
    return name


def _entry(v):
    if v.left() > MAX_ENTRY:
        raise Malformed
    return v.rest()


def _namespace(v):
    n = {"number": v.u(2), "ns": v.take(32), "on": _flag(v) == 1}
    n["app"], n["name"] = text(v.lv(1, 255)), text(v.lv(1, 255))
    return n


def _writer(v):
    w = {"nk": v.take(32), "nonce": v.u(8), "block": v.u(8), "opening": v.take(4), "reserved": v.u(8), "signature": v.take(64)}
    w["id"] = int.from_bytes(p.hashlib.sha256(b"masq-writer/1 id" + w["nk"] + w["nonce"].to_bytes(8, "big")).digest()[:8], "big")
    if not w["nonce"] or not w["id"] or not 0 < w["block"] < w["reserved"] <= 1 << 51:
        raise Malformed
    return w


def _cursor(v):
    return {"incarnation": v.take(8), "position": v.u(8)}


def _vector(v):
    return parse_vector(v.rest())


def _u(size):
    return lambda v: v.u(size)


def _sum(v):
    return v.take(16)


def _lost(v):
    out = [v.u(8)]
    while v.left():
        out.append(v.u(8))
    if len(out) > MAX_LOST:
        raise Malformed
    return out


NEED, MAY, MANY = "need", "may", "many"

# By type: the fields by tag, each with its name, how often it stands, how it is read, and how many there may be.
MESSAGES = {
    1: {1: ("heads", NEED, _heads), 2: ("name", MAY, _name), 3: ("version", MAY, _u(1))},
    2: {1: ("entries", MANY, _entry, MAX_ENTRIES)},
    3: {},
    4: {1: ("namespaces", MANY, _namespace, MAX_NAMESPACES)},
    5: {
        1: ("number", NEED, _number),
        2: ("vector", NEED, _vector),
        3: ("incarnation", NEED, lambda v: v.take(8)),
        4: ("cursor", MAY, _cursor),
    },
    6: {1: ("number", NEED, _number), 2: ("position", NEED, _u(8)), 3: ("records", NEED, Reader.rest)},
    7: {
        1: ("number", NEED, _number),
        2: ("position", NEED, _u(8)),
        3: ("vector", NEED, _vector),
        4: ("sum", MAY, _sum),
        5: ("lost", MAY, _lost),
    },
    8: {1: ("bytes", NEED, _u(4))},
    9: {1: ("number", NEED, _number), 2: ("position", NEED, _u(8))},
    10: {1: ("number", NEED, _number), 2: ("vector", NEED, _vector), 3: ("nk", NEED, lambda v: v.take(32)), 4: ("sum", MAY, _sum)},
    11: {1: ("reason", NEED, _u(1)), 2: ("code", MAY, _u(1))},
    12: {1: ("number", NEED, _number), 2: ("heads", NEED, _heads)},
    13: {1: ("number", NEED, _number), 2: ("entries", MANY, _entry, MAX_ENTRIES)},
    14: {1: ("number", NEED, _number), 2: ("writers", MANY, _writer, MAX_WRITERS)},
    16: {1: ("number", NEED, _number)},
}

# What a field that may be left out is then.
ABSENT = {"sum": b"", "lost": [], "name": "", "version": 0, "cursor": {"incarnation": bytes(8), "position": 0}, "code": 0}


def parse_message(message):
    r = Reader(message)
    kind = r.u(1)
    fields = r.lv(4, MAX_MESSAGE - 5)
    r.done()
    out = {"type": kind}
    if kind not in MESSAGES:
        return out
    known = MESSAGES[kind]
    for name, often, *_ in known.values():
        if often == MANY:
            out[name] = []
        elif often == MAY:
            out[name] = ABSENT[name]
    r, seen = Reader(fields), set()
    while r.left():
        tag = r.u(1)
        v = Reader(r.lv(4, MAX_MESSAGE))
        if tag not in known:
            continue
        name, often, read, *most = known[tag]
        if often == MANY:
            out[name].append(read(v))
            if len(out[name]) > most[0]:
                raise Malformed
        elif tag in seen:
            raise Malformed
        else:
            out[name] = read(v)
        v.done()
        seen.add(tag)
    if any(often == NEED and tag not in seen for tag, (_, often, *_) in known.items()):
        raise Malformed
    return out


def message(kind, fields=b""):
    return bytes([kind]) + lv(fields, 4)


def messages(data):
    """The whole messages that stand one behind the other."""
    r, out = Reader(data), []
    while r.left():
        start = r.at
        r.u(1)
        r.lv(4, MAX_MESSAGE - 5)
        out.append(data[start : r.at])
    return out
