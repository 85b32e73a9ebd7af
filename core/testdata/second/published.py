"""Checks the primitives by published vectors. `python3 published.py` names each, and fails where one does not hold."""

import hashlib
import sys

import primitives as p

CASES = []


def case(source):
    def add(f):
        CASES.append((source, f))
        return f

    return add


def b(text):
    return bytes.fromhex(text)


ADVICE = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
)


@case("RFC 5869, A.1")
def hkdf():
    out = p.hkdf(bytes([11] * 22), bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    return out == b("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


@case("RFC 5869, A.3, without salt and info")
def hkdf_empty():
    out = p.hkdf(bytes([11] * 22), b"", b"", 42)
    return out == b("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")


@case("RFC 7748, 5.2, first")
def x25519():
    k = b("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    u = b("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    return p.x25519(k, u) == b("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")


@case("RFC 7748, 5.2, second")
def x25519_high_bit():
    k = b("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d")
    u = b("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")
    return p.x25519(k, u) == b("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")


@case("RFC 7748, 6.1")
def x25519_exchange():
    alice = b("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = b("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    shared = b("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    return p.x25519(alice, p.x25519_public(bob)) == shared == p.x25519(bob, p.x25519_public(alice))


def _ed25519(seed, public, message, signature):
    seed, public, message, signature = map(b, (seed, public, message, signature))
    bad = signature[:63] + bytes([signature[63] ^ 1])
    return (
        p.ed25519_public(seed) == public
        and p.ed25519_sign(seed, message) == signature
        and p.ed25519_verify(public, message, signature)
        and not p.ed25519_verify(public, message + b"x", signature)
        and not p.ed25519_verify(public, message, bad)
    )


@case("RFC 8032, 7.1, test 1")
def ed25519_1():
    return _ed25519(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    )


@case("RFC 8032, 7.1, test 2")
def ed25519_2():
    return _ed25519(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    )


@case("RFC 8439, 2.8.2")
def chacha20_poly1305():
    key, nonce, ad = bytes(range(0x80, 0xA0)), b("070000004041424344454647"), b("50515253c0c1c2c3c4c5c6c7")
    sealed = b(
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
        "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
    )
    return (
        p.seal(key, nonce, ADVICE, ad) == sealed
        and p.unseal(key, nonce, sealed, ad) == ADVICE
        and p.unseal(key, nonce, sealed, b"") is None
    )


@case("draft-irtf-cfrg-xchacha-03, 2.2.1")
def hchacha20():
    out = p.hchacha20(bytes(range(32)), b("000000090000004a0000000031415927"))
    return out == b("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")


@case("draft-irtf-cfrg-xchacha-03, A.3.1")
def xchacha20_poly1305():
    key, nonce, ad = bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58)), b("50515253c0c1c2c3c4c5c6c7")
    sealed = b(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
        "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"
    )
    return p.xseal(key, nonce, ADVICE, ad) == sealed and p.xunseal(key, nonce, sealed, ad) == ADVICE


# The self-test of Go's FIPS 140 module: src/crypto/internal/fips140/mlkem/cast.go.
@case("Go's self-test of ML-KEM-768")
def mlkem():
    ek, dk = p.mlkem_keygen(bytes(range(1, 65)))
    secret, ct = p.mlkem_encapsulate(ek, bytes(range(65, 97)))
    return (
        secret == b("5501fc523b745f41762a188de44a59b920f430146204ee4e793732396df7aa48")
        and p.mlkem_decapsulate(dk, ct) == secret
        and p.mlkem_valid(ek)
        and not p.mlkem_valid(b"\xff" * 1184)
    )


# https://c2sp.org/CCTV/ML-KEM, "Accumulated", which come from the reference implementation: SHAKE-128 of nothing draws d, z, m and a
# ciphertext at random, a hundred times. ek, ct, the secret, and what the random ciphertext gives, go into a second SHAKE-128.
@case("C2SP CCTV, ML-KEM-768, a hundred accumulated")
def mlkem_accumulated():
    rounds = 100
    source = hashlib.shake_128(b"").digest(rounds * (96 + 1088))
    out = hashlib.shake_128()
    for i in range(rounds):
        part = source[i * 1184 : (i + 1) * 1184]
        ek, dk = p.mlkem_keygen(part[:64])
        secret, ct = p.mlkem_encapsulate(ek, part[64:96])
        if p.mlkem_decapsulate(dk, ct) != secret:
            return False
        for x in (ek, ct, secret, p.mlkem_decapsulate(dk, part[96:])):
            out.update(x)
    return out.hexdigest(32) == "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415"


@case("draft-irtf-cfrg-cpace, CPace-X25519-SHA512")
def cpace():
    import pairing

    prs, sid = b("50617373776F7264"), b("7E4B4791D6A8EF019B936C79FB7F2C57")
    ci = b("0B415F696E69746961746F720B425F726573706F6E646572")
    g = pairing.generator(prs, ci, sid)
    ya = b("21B4F4BD9E64ED355C3EB676A28EBEDAF6D8F17BDC365995B319097153044080")
    yb = b("848B0779FF415F0AF4EA14DF9DD1D3C29AC41D836C7808896C4EBA19C51AC40A")
    a, other = p.x25519(ya, g), p.x25519(yb, g)
    isk = pairing.intermediate_key(sid, p.x25519(ya, other), a, b"ADa", other, b"ADb")
    return (
        g == b("D04BF6D41F6A289632A2E929FA29BEBD51092512A7829FDDE7D314B62F05A73F")
        and a == b("1D13C89278CDADD826F6D8D7F887701430F8380DDC17611CDD6DC989CE0C9F32")
        and other == b("248CCCF6D5CDC3646F0AD593F9E6CEF4E69D4945F8372E623512ECEA32185623")
        and isk
        == b(
            "6E19B875F7A561D6B3CA3DBB9EF42AC55DE3E717881018204B8922B4D5E53BB2"
            "AA82C300BEA7B65D2B671DA71922DDF6472301B79BC270ADFA8BF413285F2263"
        )
    )


def main():
    failed = 0
    for source, holds in CASES:
        if not holds():
            failed += 1
            print("FAIL:", holds.__name__, "by", source)
    print(f"primitives: {len(CASES)} published vectors, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main() > 0)
