"""Pairing: invite links, CPace, and the exchange up to the grant. From core/PROTOCOL.md, "Pairing"."""

import hashlib
import re

import primitives as p
import roster
import session
import wire


def _prepend(*parts):
    """Each part behind its length in LEB128 (draft-irtf-cfrg-cpace, lv_cat)."""
    out = b""
    for x in parts:
        n = len(x)
        while n >= 0x80:
            out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
        out += bytes([n]) + x
    return out


def generator(prs, ci, sid):
    head = _prepend(b"CPace255", prs)
    pad = bytes(max(0, 128 - 1 - len(head)))
    return p.elligator2(hashlib.sha512(head + _prepend(pad, ci, sid)).digest()[:32])


def intermediate_key(sid, k, ya, ada, yb, adb):
    return hashlib.sha512(_prepend(b"CPace255_ISK", sid, k) + _prepend(ya, ada, yb, adb)).digest()


# Invite links

LINK_MAX, URL_MAX = 1403, 1024


class Refused(Exception):
    """Of a link, with why: link or version."""


def _valid_url(url):
    parts = wire.split_url(url)
    if not parts or len(url) > URL_MAX or not re.fullmatch(r"[!$-;=?-\[\]-_a-~]+", url):
        return False
    return parts[0] == "https" or parts[0] == "http" and wire.loopback(parts[1])


def parse_link(data):
    """Where a link leads, its secret, relay and mailbox."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise Refused("link")
    m = re.fullmatch(r"(?s)(.*?)#masq=([^.]*)\.(.*)", text)
    if not m or len(text) > LINK_MAX or not _valid_url(m[1]):
        raise Refused("link")
    if m[2] != "1":
        raise Refused("version" if re.fullmatch(r"[1-9][0-9]{0,3}", m[2]) else "link")
    code, dot, relay = m[3].partition(".")
    secret = wire.unbase64url(code)
    if secret is None or len(secret) != 16:
        raise Refused("link")
    url = ""
    if dot:
        raw = wire.unbase64url(relay)
        if raw is None or not raw.isascii() or not wire.safe_relay(raw.decode("ascii")):
            raise Refused("link")
        url = raw.decode("ascii")
    return {"url": m[1], "secret": secret, "relay": url, "mailbox": mailbox(secret)}


def mailbox(secret):
    return p.hkdf(secret, b"", b"masq-pair/1 mbox", 16)


# A whole pairing, with given randomness

FULL, APPLICATION = 1, 2
TEXTS = ("relay", "application", "link", "host.name", "joiner.name")


class _Way:
    """One direction behind P4: Noise's CipherState."""

    def __init__(self, key):
        self.key, self.n = key, 0

    def seal(self, plain):
        self.n += 1
        return p.seal(self.key, session.nonce(self.n - 1), plain)


def _host_id(i, role, entries):
    ik, nk = p.ed25519_public(i["host.ik_seed"]), p.x25519_public(i["host.nk_private"])
    genesis = entries[0] if role == FULL else roster.namespace_genesis(i["ns"])
    out = wire.tlv(1, nk) + wire.tlv(2, ik) + wire.tlv(3, i["host.name"].encode()) + wire.tlv(4, genesis)
    out += wire.tlv(5, bytes([role])) + wire.tlv(6, i["application"].encode())
    return out if role == FULL else out + wire.tlv(7, ik)


def _joiner_id(i):
    ik, nk = p.ed25519_public(i["joiner.ik_seed"]), p.x25519_public(i["joiner.nk_private"])
    out = wire.tlv(1, i["joiner.id_random"]) + wire.tlv(2, nk) + wire.tlv(3, ik) + wire.tlv(4, i["joiner.name"].encode())
    return out + wire.tlv(5, bytes([roster.EMBEDDED])) + wire.tlv(6, i["application"].encode())


def _grant(i, role, entries):
    out = wire.tlv(1, bytes([role]))
    if role == FULL:
        out += wire.tlv(2, i["circle_secret"])
    else:
        out += wire.tlv(2, i["ns_secret"]) + wire.tlv(5, i["ns"])
    out += wire.tlv(3, i["relay"].encode())
    return out + b"".join(wire.tlv(4, e) for e in entries)


def exchange(i, role, entries):
    """What both sides send and derive."""
    prs, out = i["S"], {"mailbox": mailbox(i["S"])}
    out["H0"] = b"\x20\x02" + i["host.sid"]
    out["sid"] = sid = i["host.sid"] + i["joiner.sid"]
    ci = [b"masq-pair/1", i["relay"].encode(), out["mailbox"], b"joiner", b"host"]
    out["CI"] = ci = b"".join(map(wire.lv, ci))
    g = generator(prs, ci, sid)
    ya, yb = p.x25519(i["joiner.y"], g), p.x25519(i["host.y"], g)
    ek, dk = p.mlkem_keygen(i["joiner.mlkem_seed"])
    out["P1"] = b"\x21" + i["joiner.sid"] + ya + ek
    out["mlkem_secret"], ct = p.mlkem_encapsulate(ek, i["host.mlkem_randomness"])
    out["P2"] = b"\x22" + yb + ct
    out["ISK"] = isk = intermediate_key(sid, session.dh(i["joiner.y"], yb), ya, ek, yb, ct)
    assert session.dh(i["host.y"], ya) == session.dh(i["joiner.y"], yb) and p.mlkem_decapsulate(dk, ct) == out["mlkem_secret"]
    out["psk"] = psk = p.hkdf(isk + out["mlkem_secret"], b"", b"masq-pair/1 psk", 32)
    out["ID_J"] = id_j = _joiner_id(i)
    noise = session.Noise(b"Noise_NNpsk0_25519_ChaChaPoly_SHA256", b"masq-pair/1")
    noise.mix_psk(psk)
    e = p.x25519_public(i["joiner.e"])
    noise.ephemeral(e)
    out["P3"] = b"\x23" + e + noise.encrypt(hashlib.sha256(b"masq-pair/1 commit" + id_j).digest())
    e2 = p.x25519_public(i["host.e"])
    noise.ephemeral(e2)
    noise.mix_key(session.dh(i["host.e"], e))  # ee
    out["P4"] = b"\x24" + e2 + noise.encrypt(_host_id(i, role, entries))
    out["h"] = noise.h
    _finish(i, role, entries, out, *map(_Way, noise.split()))
    return out


def _finish(i, role, entries, out, to_host, to_joiner):
    """What follows once the channel stands."""
    id_j, h = out["ID_J"], out["h"]
    number = int.from_bytes(hashlib.sha256(b"masq-pair/1 sas" + h + id_j).digest(), "big") % 10**6
    out["digits"] = f"{number:06}"
    out["P5"] = b"\x25" + to_host.seal(id_j)
    sign = lambda who, side: p.ed25519_sign(i[who + ".ik_seed"], b"masq-pair/1 confirm" + bytes([side]) + h + id_j)
    out["P6 of the host"] = b"\x26" + to_joiner.seal(sign("host", 0))
    genesis = hashlib.sha256(entries[0]).digest() if role == FULL else roster.namespace_genesis(i["ns"])
    seed = i["joiner.ik_seed"]
    member = p.ed25519_public(seed) + p.x25519_public(i["joiner.nk_private"]) + bytes([roster.EMBEDDED])
    accept = b"masq-roster/1 accept" + genesis + member + wire.lv(i["joiner.name"].encode(), 1)
    out["P6 of the joiner"] = b"\x26" + to_host.seal(sign("joiner", 1) + p.ed25519_sign(seed, accept))
    out["P7"] = b"\x27" + to_joiner.seal(_grant(i, role, entries))
