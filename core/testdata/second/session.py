"""The session between two devices. From core/PROTOCOL.md, "Keys" and "The session"."""

import hashlib

import primitives as p
import wire

DAY = 86400
MIN_PLAIN, MAX_PLAIN = 256, 61440


class Failed(Exception):
    pass


class Pair:
    """Two devices as one of them sees it."""

    def __init__(self, private, peer, secret):
        self.private, self.peer = private, peer
        self.public = p.x25519_public(private)
        self.shared = p.x25519(private, peer)
        if self.shared == bytes(32) or self.public == peer:
            raise Failed
        pair_secret = self.shared + secret
        self.auth = p.hkdf(pair_secret, b"", b"masq/1 auth", 32)
        self.rdv = p.hkdf(pair_secret, b"", b"masq/1 rdv", 32)
        self.offset = int.from_bytes(p.hkdf(self.rdv, b"", b"masq/1 day-offset", 4), "big") % DAY
        self.initiator = self.public < peer
        self.side = 0 if self.initiator else 1

    def channel_seed(self, day):
        return p.hkdf(self.rdv, b"", b"chan" + wire.u(day, 8), 32)


def day_of(offset, now):
    return (now // 1000 + offset) // DAY


def other_day(offset, now):
    """The other day whose channel a pair without a session holds as well, or None."""
    today, near = day_of(offset, now), 10 * 60 * 1000
    if day_of(offset, now + near) != today:
        return today + 1
    if now >= near and day_of(offset, now - near) != today:
        return today - 1
    return None


class Noise:
    """The symmetric state of the Noise framework, revision 34, with 25519, ChaChaPoly and SHA256."""

    def __init__(self, name, prologue):
        self.h = name if len(name) == 32 else hashlib.sha256(name).digest() if len(name) > 32 else name.ljust(32, b"\0")
        self.ck, self.k, self.n = self.h, None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, data):
        out = p.hkdf(data, self.ck, b"", 64)
        self.ck, self.k, self.n = out[:32], out[32:], 0

    def mix_psk(self, psk):
        out = p.hkdf(psk, self.ck, b"", 96)
        self.ck, self.k, self.n = out[:32], out[64:], 0
        self.mix_hash(out[32:64])

    def ephemeral(self, public):
        """The token e: with a psk in the pattern it goes into the key as well."""
        self.mix_hash(public)
        self.mix_key(public)

    def encrypt(self, plain):
        out = p.seal(self.k, nonce(self.n), plain, self.h)
        self.n += 1
        self.mix_hash(out)
        return out

    def decrypt(self, sealed):
        out = p.unseal(self.k, nonce(self.n), sealed, self.h)
        if out is None:
            raise Failed
        self.n += 1
        self.mix_hash(sealed)
        return out

    def split(self):
        out = p.hkdf(b"", self.ck, b"", 64)
        return out[:32], out[32:]


def nonce(n):
    return bytes(4) + n.to_bytes(8, "little")


def dh(private, public):
    out = p.x25519(private, public)
    if out == bytes(32):
        raise Failed
    return out


class OneWay:
    """One direction of a session: a new key behind every frame, and a counter that goes on."""

    def __init__(self, key):
        self.key, self.n = key, 0

    def _move_on(self):
        self.key = p.seal(self.key, nonce(2**64 - 1), bytes(32))[:32]
        self.n += 1

    def seal(self, plain, ad):
        out = p.seal(self.key, nonce(self.n), plain, ad)
        self._move_on()
        return out

    def unseal(self, sealed, ad):
        out = p.unseal(self.key, nonce(self.n), sealed, ad)
        if out is None:
            raise Failed
        self._move_on()
        return out


def _begin(pair, chan):
    noise = Noise(b"Noise_KKpsk2_25519_ChaChaPoly_SHA256", b"masq-session/1" + chan)
    initiator, responder = (pair.public, pair.peer) if pair.initiator else (pair.peer, pair.public)
    noise.mix_hash(initiator)
    noise.mix_hash(responder)
    return noise


def _psk(pair, secret, ek, ct):
    return p.hkdf(secret, pair.auth, b"masq/1 session psk\0" + hashlib.sha256(ek + ct).digest(), 32)


class Initiator:
    """Between M1 and M2."""

    def __init__(self, pair, chan, tag, seed, ephemeral):
        self.pair, self.tag, self.e = pair, tag, ephemeral
        self.ek, self.dk = p.mlkem_keygen(seed)
        self.noise = _begin(pair, chan)
        public = p.x25519_public(ephemeral)
        self.noise.ephemeral(public)
        self.noise.mix_key(dh(ephemeral, pair.peer))  # es
        self.noise.mix_key(pair.shared)  # ss
        self.m1 = tag + b"\x01" + public + self.noise.encrypt(self.ek)

    def finish(self, body):
        """The session that M2 makes."""
        if len(body) != 5 + 1088 + 32 + 16 or body[:5] != self.tag + b"\x02":
            raise Failed
        ct, public, sealed = body[5:1093], body[1093:1125], body[1125:]
        noise = self.noise
        noise.ephemeral(public)
        noise.mix_key(dh(self.e, public))  # ee
        noise.mix_key(dh(self.pair.private, public))  # se
        noise.mix_psk(_psk(self.pair, p.mlkem_decapsulate(self.dk, ct), self.ek, ct))
        if noise.decrypt(sealed) != b"":
            raise Failed
        send, receive = noise.split()
        return Session(self.tag, send, receive)


def respond(pair, chan, body, ephemeral, random):
    """M2, and the session that it makes."""
    if len(body) != 5 + 32 + 1184 + 16 or body[4] != 1:
        raise Failed
    tag, public, sealed = body[:4], body[5:37], body[37:]
    noise = _begin(pair, chan)
    noise.ephemeral(public)
    noise.mix_key(dh(pair.private, public))  # es
    noise.mix_key(pair.shared)  # ss
    ek = noise.decrypt(sealed)
    if not p.mlkem_valid(ek):
        raise Failed
    secret, ct = p.mlkem_encapsulate(ek, random)
    own = p.x25519_public(ephemeral)
    noise.ephemeral(own)
    noise.mix_key(dh(ephemeral, public))  # ee
    noise.mix_key(dh(ephemeral, pair.peer))  # se
    noise.mix_psk(_psk(pair, secret, ek, ct))
    m2 = tag + b"\x02" + ct + own + noise.encrypt(b"")
    receive, send = noise.split()
    return m2, Session(tag, send, receive)


def padded(size):
    """Padmé, within 256 and 61,440."""
    if size <= MIN_PLAIN:
        return MIN_PLAIN
    e = size.bit_length() - 1
    mask = (1 << e - e.bit_length()) - 1
    return min(size + mask & ~mask, MAX_PLAIN)


class Session:
    def __init__(self, tag, send, receive):
        self.head = tag + b"\x10"
        self.out, self.back = OneWay(send), OneWay(receive)
        self.pieces = None

    def seal(self, carried):
        """A body of whole messages, or of none."""
        frame = b"\x01" + wire.lv(carried, 4)
        return self.head + self.out.seal(frame.ljust(padded(len(frame)), b"\0"), self.head)

    def open(self, body):
        """The whole messages that are there with a body."""
        if body[:5] != self.head or not MIN_PLAIN <= len(body) - 5 - 16 <= MAX_PLAIN:
            raise Failed
        return self.unpack(self.back.unseal(body[5:], self.head))

    def unpack(self, plain):
        kind, size = plain[0], int.from_bytes(plain[1:5], "big")
        carried, padding = plain[5 : 5 + size], plain[5 + size :]
        if len(carried) != size or any(padding):
            raise Failed
        try:
            if kind == 1 and self.pieces is None:
                return wire.messages(carried)
            if kind not in (2, 3) or kind == 3 and self.pieces is None or size == 0:
                raise Failed
            self.pieces = (self.pieces or b"") + carried
            if len(self.pieces) > wire.MAX_MESSAGE:
                raise Failed
            if kind == 2:
                return []
            whole, self.pieces = wire.messages(self.pieces), None
        except wire.Malformed:
            raise Failed
        if len(whole) != 1:
            raise Failed
        return whole
