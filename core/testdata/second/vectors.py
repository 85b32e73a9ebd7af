"""Checks this implementation by the vectors of core/testdata/vectors: `python3 vectors.py DIRECTORY`.

For each file it prints "vectors: N in FILE, M failed". An operation returns what comes out; an error's class is the outcome.
"""

import glob
import json
import os
import random
import sys

import pairing
import primitives as p
import published
import roster
import session
import wire


class Outcome(Exception):
    """An outcome that is not ok."""


def data(text):
    """The bytes that a vector's text stands for: hexadecimal digits, and runs such as 00*250, joined by +."""
    out = b""
    for part in text.split("+") if text else []:
        digits, _, times = part.partition("*")
        out += bytes.fromhex(digits) * int(times or 1)
    return out


def plain(value):
    """A value in the form that the vectors have it in, apart from runs: bytes as digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def spread(value):
    """A vector's output with runs written out."""
    if isinstance(value, str) and "*" in value and set(value) <= set("0123456789abcdef*+"):
        return data(value).hex()
    if isinstance(value, dict):
        return {k: spread(v) for k, v in value.items()}
    if isinstance(value, list):
        return [spread(v) for v in value]
    return value


def u64s(fields, *names):
    """64-bit numbers are text in vectors."""
    return {k: str(v) if k in names else v for k, v in fields.items()}


# Vectors and dots, from and to the form of the files


def vector_in(v):
    return [(int(e["writer"]), int(e["settled"]), [(int(t["seq"]), data(t["hash"])) for t in e["blocks"]]) for e in v]


def vector_out(v):
    return [
        {"writer": str(w), "settled": str(s), "blocks": [{"seq": str(q), "hash": h} for q, h in blocks]}
        for w, s, blocks in v
    ]


def dot_in(d):
    return int(d["writer"]), int(d["seq"])


def dot_out(d):
    return {"writer": str(d[0]), "seq": str(d[1])}


# The operations


def relay_frame(i):
    return u64s(wire.parse_frame(data(i["frame"])), "time")


def relay_join(i):
    seed = data(i["seed"])
    chan = p.ed25519_public(seed)
    signed = wire.join_message(i["host"], data(i["nonce"]), chan, i["side"])
    return {"chan": chan, "signed": signed, "sig": p.ed25519_sign(seed, signed)}


def relay_join_check(i):
    chan = data(i["chan"])
    signed = wire.join_message(i["host"], data(i["nonce"]), chan, i["side"])
    if not p.ed25519_verify(chan, signed, data(i["sig"])):
        raise Outcome("auth")
    return {}


def relay_path(i):
    found = wire.parse_path(i["path"])
    if not found:
        raise Outcome("refused")
    return {"kind": found[0], "name": found[1]}


def relay_loopback(i):
    return {"loopback": wire.loopback(i["host"])}


def relay_url(i):
    return {"valid": wire.valid_relay(i["url"]), "safe": wire.safe_relay(i["url"])}


def session_message(i):
    out = u64s(wire.parse_message(data(i["message"])), "position")
    if "vector" in out:
        out["vector"] = vector_out(out["vector"])
    if "lost" in out:
        out["lost"] = [str(writer) for writer in out["lost"]]
    if "cursor" in out:
        out["cursor"] = u64s(out["cursor"], "position")
    if "namespaces" in out:
        out["namespaces"] = [dict(n) for n in out["namespaces"]]
    if "writers" in out:
        out["writers"] = [u64s(w, "id", "nonce", "block", "reserved") for w in out["writers"]]
    return out


def session_pair(i):
    pair = session.Pair(data(i["nk_private"]), data(i["peer_nk"]), data(i["circle_secret"]))
    return {
        "k_auth": pair.auth,
        "k_rdv": pair.rdv,
        "day_offset": pair.offset,
        "initiator": pair.initiator,
        "side": pair.side,
        "chan_of_day_20000": p.ed25519_public(pair.channel_seed(20000)),
        "chan_of_day_20001": p.ed25519_public(pair.channel_seed(20001)),
    }


def session_day(i):
    offset, now = i["day_offset"], int(i["now"])
    out, other = {"day": session.day_of(offset, now)}, session.other_day(offset, now)
    return out if other is None else {**out, "other_day": other}


def _ends(i):
    a, b, secret = data(i["initiator_nk_private"]), data(i["responder_nk_private"]), data(i["circle_secret"])
    one = session.Pair(a, p.x25519_public(b), secret)
    other = session.Pair(b, p.x25519_public(a), secret)
    first = session.Initiator(
        one, data(i["chan"]), data(i["tag"]), data(i["initiator_mlkem_seed"]), data(i["initiator_ephemeral_private"])
    )
    return first, other


def _respond(i, other, m1):
    return session.respond(
        other, data(i["chan"]), m1, data(i["responder_ephemeral_private"]), data(i["responder_mlkem_randomness"])
    )


def session_handshake(i, want):
    first, other = _ends(i)
    m2, responder = _respond(i, other, first.m1)
    initiator, frames = first.finish(m2), []
    for f in want["frames"]:  # what they carry is an input
        a, b = (initiator, responder) if f["from_initiator"] else (responder, initiator)
        body = a.seal(data(f["messages"]))
        got = b"".join(b.open(body))
        frames.append({"from_initiator": f["from_initiator"], "messages": got, "body": body})
    return {"m1": first.m1, "m2": m2, "frames": frames}


def session_m1(i):
    _respond(i, _ends(i)[1], data(i["m1"]))


def session_m2(i):
    _ends(i)[0].finish(data(i["m2"]))


def session_first_frame(i):
    first, other = _ends(i)
    _, responder = _respond(i, other, first.m1)
    try:
        return {"messages": b"".join(responder.open(data(i["body"])))}
    except session.Failed:
        raise Outcome("handshake")  # the first frame confirms the handshake


def session_pad(i):
    return {"padded": session.padded(i["size"])}


def session_frames(i):
    s = session.Session(bytes(4), bytes(32), bytes(32))
    try:
        return {"messages": b"".join([b"".join(s.unpack(data(f))) for f in i["frames"]])}
    except session.Failed:
        raise Outcome("session")


def session_rekey(i, want):
    way, back, frames = session.OneWay(data(i["key"])), session.OneWay(data(i["key"])), []
    for n, f in enumerate(want["frames"]):
        sealed = way.seal(data(f["plain"]), data(i["ad"]))
        frames.append({"n": n, "plain": back.unseal(sealed, data(i["ad"])), "sealed": sealed})
    return {"frames": frames}


def data_records(i):
    out = []
    for r in wire.parse_records(data(i["records"])):
        r = u64s(r, "time")
        out.append({**r, "dot": dot_out(r["dot"]), "context": [dot_out(d) for d in r["context"]], "key": r["key"].decode()})
    return {"records": out}


def data_sees(i):
    return {"sees": wire.sees([dot_in(d) for d in i["context"]], *dot_in(i["dot"]))}


def data_key(i):
    return {"valid": wire.valid_key(data(i["key"]))}


def data_vector(i):
    v = wire.parse_vector(data(i["vector"]))
    assert wire.vector_bytes(v) == data(i["vector"])
    return {"vector": vector_out(v)}


def data_covers(i):
    return {"covers": wire.covers(vector_in(i["vector"]), *dot_in(i["dot"]))}


def data_join(i):
    a, b = vector_in(i["a"]), vector_in(i["b"])
    return {"vector": vector_out(wire.join(a, b))}


def data_meet(i):
    a, b = vector_in(i["a"]), vector_in(i["b"])
    return {"vector": vector_out(wire.meet(a, b))}


def data_chain(i):
    digest, out = data(i["opening"]), []
    for batch in i["batches"]:
        records = data(batch["records"])
        assert {r["dot"][1] for r in wire.parse_records(records)} == {int(batch["seq"])}
        digest = wire.next_hash(digest, records)
        out.append(digest)
    return {"hashes": out}


def data_sum(i):
    return {"sum": wire.sum_of(wire.parse_records(data(i["records"])))}


def keys_namespace(i):
    derive = lambda label: p.hkdf(data(i["circle_secret"]), b"", label + i["app"].encode(), 32)
    return {"ns": derive(b"masq/1 ns"), "ns_secret": derive(b"masq/1 ns-secret")}


def _block(i):
    key = p.hkdf(data(i["store_key"]), b"", b"masq/1 blocks", 32)
    return key, b"masq-block/1" + wire.u(int(i["number"]), 8)


def rest_seal(i):
    key, ad = _block(i)
    nonce = data(i["nonce"])
    return {"block": b"\x01" + nonce + p.xseal(key, nonce, data(i["plaintext"]), ad)}


def rest_open(i):
    key, ad = _block(i)
    block = data(i["block"])
    if block and block[0] > 1:
        raise Outcome("version")
    if not block or block[0] != 1:
        raise Outcome("damaged")
    plaintext = p.xunseal(key, block[1:25], block[25:], ad)
    if plaintext is None:
        raise Outcome("damaged")
    return {"plaintext": plaintext}


def pairing_link(i):
    try:
        return pairing.parse_link(data(i["link"]))
    except pairing.Refused as e:
        raise Outcome(str(e))


def pairing_exchange(i):
    return pairing.exchange({k: v if k in pairing.TEXTS else data(v) for k, v in i.items() if k not in ("role", "roster")}, i["role"], [data(e) for e in i["roster"]])


def _roster(i):
    if "ns" in i:
        return roster.Roster(ns=data(i["ns"]), roots=[data(k) for k in i["roots"]])
    return roster.Roster(genesis=data(i["genesis"]))


def _say(r):
    who = lambda list: sorted(
        ({"ik": e.ik, "nk": e.nk, "kind": e.kind, "name": e.name.decode(), "entry": e.id} for e in list),
        key=lambda m: m["ik"],
    )
    members, out = r.who()
    return {"counts": sorted(r.verdict().live), "members": who(members), "revoked": who(out), "heads": r.heads(), "relays": r.relays()}


def _offer(r, raw):
    try:
        r.add(raw)
        return "ok"
    except roster.Refused as e:
        return str(e)


def roster_verdict(i):
    entries = [data(e) for e in i["entries"]]
    r = _roster(i)
    out = {"entries": [_offer(r, raw) for raw in entries], **_say(r)}
    if len(entries) > 1:  # in another order, as often as it takes
        again, left = _roster(i), random.Random(len(entries)).sample(entries, len(entries))
        while left:
            missing = [raw for raw in left if _offer(again, raw) == "missing"]
            if len(missing) == len(left):
                break
            left = missing
        assert _say(again) == _say(r), "another order says another thing"
    return out


def roster_sent(i):
    r = _roster(i)
    for raw in i["entries"]:
        r.add(data(raw))
    return {"entries": sorted(e.id for e in r.sent(data(i["ik"]), [data(h) for h in i["heads"]]))}


def roster_kept(i):
    """Entries that come together, and which of them are forgotten."""
    r, forgotten = _roster(i), []
    entries = [data(e) for e in i["entries"]]
    for e in entries:
        r.add(e, settle=False)
    r.settle()
    for e in map(roster.Entry, entries):
        if e.id not in r.entries:
            forgotten.append(e.id)
    return {"forgotten": sorted(forgotten), "members": len(r.members()), "heads": len(r.heads())}


def roster_name(i):
    return {"valid": roster.valid_name(data(i["name"]))}


def run(op, given, want):
    """The outcome and what comes out."""
    f = globals()[op.replace(".", "_").replace("-", "_")]
    try:
        out = f(given, want) if op in ("session.handshake", "session.rekey") else f(given)
        return "ok", plain(out)
    except Outcome as e:
        return str(e), {}
    except wire.Malformed:
        return "malformed", {}
    except session.Failed:
        return {"session.pair": "keys"}.get(op, "handshake"), {}


def main(directory):
    failed = published.main()
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        with open(path, encoding="utf-8") as f:
            vectors = json.load(f)["vectors"]
        bad = 0
        for v in vectors:
            want = v["outcome"], spread(v.get("out", {}))
            try:
                got = run(v["op"], v["in"], v.get("out", {}))
            except Exception as e:  # a bug of this implementation is a failure like any other
                got = type(e).__name__, str(e)
            if got != want:
                bad += 1
                print("FAIL:", os.path.basename(path), v["name"], "\n  got ", str(got)[:600], "\n  want", str(want)[:600])
        print(f"vectors: {len(vectors)} in {os.path.basename(path)}, {bad} failed", flush=True)
        failed += bad
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) > 0)
