"""The primitives of Masq's protocol, from their specifications, with Python's standard library alone.

For tests: nothing here runs in constant time. published.py checks each primitive by published vectors.
"""

import functools
import hashlib
import hmac
import itertools
import struct

P = 2**255 - 19  # the field of Curve25519 and edwards25519


# HKDF-SHA256 (RFC 5869)


def hkdf(secret, salt, info, size):
    """Extract with salt (empty: 32 zeros) from secret, then expand with info."""
    key = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    out, block, n = b"", b"", 1
    while len(out) < size:
        block = hmac.new(key, block + info + bytes([n]), hashlib.sha256).digest()
        out, n = out + block, n + 1
    return out[:size]


# X25519 (RFC 7748)


def x25519(scalar, point):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    x1 = (int.from_bytes(point, "little") & (2**255 - 1)) % P
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def x25519_public(scalar):
    return x25519(scalar, (9).to_bytes(32, "little"))


# Ed25519 (RFC 8032). Points are (X, Y, Z, T).

L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p):
    a, b, c = p[0] * p[0] % P, p[1] * p[1] % P, 2 * p[2] * p[2] % P
    h, g = a + b, a - b
    e, f = h - (p[0] + p[1]) ** 2 % P, c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _powers(p):
    """p, 2p, 4p, ..."""
    while True:
        yield p
        p = _double(p)


def _mul(s, powers):
    q = (0, 1, 1, 0)
    for p in powers:
        if s & 1:
            q = _add(q, p)
        s >>= 1
        if s == 0:
            return q


def _encode(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * SQRT_M1 % P
    if (x * x - xx) % P or x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


_BASE = list(itertools.islice(_powers(_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))), 256))


def _expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254
    return a, h[32:]


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def ed25519_public(seed):
    return _encode(_mul(_expand(seed)[0], _BASE))


def ed25519_sign(seed, message):
    a, prefix = _expand(seed)
    public = _encode(_mul(a, _BASE))
    r = _hash(prefix, message)
    point = _encode(_mul(r, _BASE))
    return point + ((r + _hash(point, public, message) * a) % L).to_bytes(32, "little")


@functools.lru_cache(maxsize=None)
def ed25519_verify(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, s = _decode(public), int.from_bytes(signature[32:], "little")
    if a is None or s >= L:
        return False
    k = _hash(signature[:32], public, message)
    minus = (P - a[0], a[1], a[2], P - a[3])
    return _encode(_add(_mul(s, _BASE), _mul(k, _powers(minus)))) == signature[:32]


# ChaCha20-Poly1305 (RFC 8439), and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03)

_M = 0xFFFFFFFF


def _rounds(state):
    x = list(state)
    for _ in range(10):
        for a, b, c, d in (
            (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
        ):  # fmt: skip
            for first, by, other, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[first] = x[first] + x[by] & _M
                t = x[other] ^ x[first]
                x[other] = (t << n | t >> 32 - n) & _M
    return x


_SIGMA = struct.unpack("<4I", b"expand 32-byte k")


def _chacha20(key, counter, nonce, data):
    out = bytearray()
    head = _SIGMA + struct.unpack("<8I", key)
    tail = struct.unpack("<3I", nonce)
    for at in range(0, len(data), 64):
        state = head + (counter + at // 64,) + tail
        block = struct.pack("<16I", *((a + b) & _M for a, b in zip(_rounds(state), state)))
        out += bytes(a ^ b for a, b in zip(data[at : at + 64], block))
    return bytes(out)


def _poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for at in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (acc + int.from_bytes(key[16:], "little") & 2**128 - 1).to_bytes(16, "little")


def _tag(key, nonce, ad, sealed):
    pad = lambda b: b + bytes(-len(b) % 16)
    data = pad(ad) + pad(sealed) + struct.pack("<QQ", len(ad), len(sealed))
    return _poly1305(_chacha20(key, 0, nonce, bytes(64))[:32], data)


def seal(key, nonce, plain, ad=b""):
    sealed = _chacha20(key, 1, nonce, plain)
    return sealed + _tag(key, nonce, ad, sealed)


def unseal(key, nonce, sealed, ad=b""):
    """The plaintext, or None."""
    if len(sealed) < 16 or not hmac.compare_digest(_tag(key, nonce, ad, sealed[:-16]), sealed[-16:]):
        return None
    return _chacha20(key, 1, nonce, sealed[:-16])


def hchacha20(key, nonce):
    x = _rounds(_SIGMA + struct.unpack("<8I", key) + struct.unpack("<4I", nonce))
    return struct.pack("<8I", *(x[:4] + x[12:]))


def xseal(key, nonce, plain, ad=b""):
    return seal(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], plain, ad)


def xunseal(key, nonce, sealed, ad=b""):
    return unseal(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], sealed, ad)


# ML-KEM-768 (FIPS 203)

Q, K, DU, DV = 3329, 3, 10, 4  # both eta are 2


def _reverse(i):
    return int(format(i, "07b")[::-1], 2)


_ZETAS = [pow(17, _reverse(i), Q) for i in range(128)]
_GAMMAS = [pow(17, 2 * _reverse(i) + 1, Q) for i in range(128)]


def _ntt(f):
    f, i, size = list(f), 1, 128
    while size >= 2:
        for start in range(0, 256, 2 * size):
            zeta, i = _ZETAS[i], i + 1
            for j in range(start, start + size):
                t = zeta * f[j + size] % Q
                f[j + size], f[j] = (f[j] - t) % Q, (f[j] + t) % Q
        size //= 2
    return f


def _inverse_ntt(f):
    f, i, size = list(f), 127, 2
    while size <= 128:
        for start in range(0, 256, 2 * size):
            zeta, i = _ZETAS[i], i - 1
            for j in range(start, start + size):
                t = f[j]
                f[j], f[j + size] = (t + f[j + size]) % Q, zeta * (f[j + size] - t) % Q
        size *= 2
    return [x * 3303 % Q for x in f]


def _plus(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def _minus(f, g):
    return [(a - b) % Q for a, b in zip(f, g)]


def _times(f, g):
    out = []
    for i in range(128):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        out += [(a0 * b0 + a1 * b1 * _GAMMAS[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return out


def _dot(fs, gs):
    out = [0] * 256
    for f, g in zip(fs, gs):
        out = _plus(out, _times(f, g))
    return out


def _pack(f, d):
    n = 0
    for i, x in enumerate(f):
        n |= x << d * i
    return n.to_bytes(32 * d, "little")


def _unpack(b, d):
    n = int.from_bytes(b, "little")
    return [n >> d * i & (1 << d) - 1 for i in range(256)]


def _compress(f, d):
    return [((x << d) + Q // 2) // Q % (1 << d) for x in f]


def _decompress(f, d):
    return [(x * Q + (1 << d - 1)) >> d for x in f]


def _sample_ntt(seed):
    stream = hashlib.shake_128(seed).digest(1344)
    out = []
    for i in range(0, len(stream), 3):
        a, b, c = stream[i : i + 3]
        out += [x for x in (a | (b & 15) << 8, b >> 4 | c << 4) if x < Q]
    return out[:256]


def _sample_cbd(seed, n):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([n])).digest(128), "little")
    pairs = [(bits >> 4 * i & 15) for i in range(256)]
    return [((x & 1) + (x >> 1 & 1) - (x >> 2 & 1) - (x >> 3)) % Q for x in pairs]


def _matrix(rho):
    return [[_sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def _parts(b, size):
    return [b[i : i + size] for i in range(0, len(b), size)]


def mlkem_keygen(seed):
    """The encapsulation and the decapsulation key of a seed d || z."""
    d, z = seed[:32], seed[32:]
    g = hashlib.sha3_512(d + bytes([K])).digest()
    rho, sigma = g[:32], g[32:]
    a = _matrix(rho)
    s = [_ntt(_sample_cbd(sigma, i)) for i in range(K)]
    e = [_ntt(_sample_cbd(sigma, K + i)) for i in range(K)]
    t = [_plus(_dot(a[i], s), e[i]) for i in range(K)]
    ek = b"".join(_pack(f, 12) for f in t) + rho
    dk = b"".join(_pack(f, 12) for f in s)
    return ek, dk + ek + hashlib.sha3_256(ek).digest() + z


def _encrypt(ek, m, r):
    t = [_unpack(b, 12) for b in _parts(ek[: 384 * K], 384)]
    a = _matrix(ek[384 * K :])
    y = [_ntt(_sample_cbd(r, i)) for i in range(K)]
    e1 = [_sample_cbd(r, K + i) for i in range(K)]
    u = [_plus(_inverse_ntt(_dot([a[j][i] for j in range(K)], y)), e1[i]) for i in range(K)]
    v = _plus(_inverse_ntt(_dot(t, y)), _sample_cbd(r, 2 * K))
    v = _plus(v, _decompress(_unpack(m, 1), 1))
    return b"".join(_pack(_compress(f, DU), DU) for f in u) + _pack(_compress(v, DV), DV)


def mlkem_valid(ek):
    """The check of an encapsulation key: its length, and that each number is below Q."""
    return len(ek) == 384 * K + 32 and all(x < Q for b in _parts(ek[: 384 * K], 384) for x in _unpack(b, 12))


def mlkem_encapsulate(ek, m):
    """The shared secret and the ciphertext, with 32 bytes of randomness m."""
    g = hashlib.sha3_512(m + hashlib.sha3_256(ek).digest()).digest()
    return g[:32], _encrypt(ek, m, g[32:])


def mlkem_decapsulate(dk, ct):
    ek, h, z = dk[384 * K : 768 * K + 32], dk[768 * K + 32 : 768 * K + 64], dk[768 * K + 64 :]
    u = [_ntt(_decompress(_unpack(b, DU), DU)) for b in _parts(ct[: 32 * DU * K], 32 * DU)]
    v = _decompress(_unpack(ct[32 * DU * K :], DV), DV)
    s = [_unpack(b, 12) for b in _parts(dk[: 384 * K], 384)]
    m = _pack(_compress(_minus(v, _inverse_ntt(_dot(s, u))), 1), 1)
    g = hashlib.sha3_512(m + h).digest()
    if _encrypt(ek, m, g[32:]) == ct:
        return g[:32]
    return hashlib.shake_256(z + ct).digest(32)


# Elligator 2 to Curve25519's u-coordinate (RFC 9380, section 6.7.1)


def elligator2(b):
    u = (int.from_bytes(b, "little") & (2**255 - 1)) % P
    a = 486662
    x1 = -a * pow(1 + 2 * u * u, P - 2, P) % P
    square = pow(((x1 + a) * x1 + 1) * x1 % P, (P - 1) // 2, P) in (0, 1)
    return (x1 if square else (-x1 - a) % P).to_bytes(32, "little")
