"""The roster of a circle, or of a namespace. From core/PROTOCOL.md, "The roster"."""

import hashlib
import unicodedata

import primitives as p
import wire

GENESIS, ADD, RELAYS, REVOKE, FULL, NOTE = 1, 2, 3, 4, 5, 6
STORE, EMBEDDED = 1, 2
ZERO = bytes(32)
PLACES, STRANGERS, MAX_KEPT = 256, 64, 1024
BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


class Refused(Exception):
    """Of an entry, with why: entry, missing, circle, version or full."""


def plain_text(data):
    """Whether bytes are UTF-8 without control and bidirectional formatting characters."""
    try:
        return not any(unicodedata.category(c) == "Cc" or ord(c) in BIDI for c in data.decode())
    except UnicodeDecodeError:
        return False


IGNORED = [(0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2028, 0x2029), (0x2065, 0x2065), (0x2800, 0x2800)]
IGNORED += [(0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)]


def signed_name(data):
    """Whether an entry may have a name."""
    return plain_text(data) and 1 <= len(data.decode()) <= 40


def _hidden(c, last):
    """Whether a character behind another shows nothing and may stand there for no good reason."""
    emoji = 0x2190 <= last <= 0x2BFF and last != 0x2800 or 0x1F000 <= last <= 0x1FAFF
    joins = 0x600 <= last <= 0x18FF and not _hidden(last, 0)
    if c == 0xFE0F:
        return not emoji
    if c == 0x200D:
        return not (emoji or joins or last == 0xFE0F)
    if c == 0x200C:
        return not joins
    return unicodedata.category(chr(c)) == "Cf" or any(a <= c <= b for a, b in IGNORED)


def valid_name(data):
    """Whether a device may be called so."""
    if not signed_name(data):
        return False
    name = data.decode()
    hidden = any(_hidden(ord(c), ord(last)) for last, c in zip("\0" + name, name))
    return not hidden and any(unicodedata.category(c)[0] not in "MZ" for c in name)


def namespace_genesis(ns):
    return hashlib.sha256(b"masq-ns/1" + ns).digest()


class Entry:
    ik = nk = target = None
    kind, name, version, relays, prev = 0, b"", 0, [], []

    def __init__(self, raw):
        self.raw, self.id = raw, hashlib.sha256(raw).digest()
        self.past, self.idle, self.invited_by = frozenset(), False, frozenset()
        try:
            self._parse(wire.Reader(raw))
        except wire.Malformed:
            raise Refused("entry")
        if self.introduces and self.kind not in (STORE, EMBEDDED):
            raise Refused("version")

    def _parse(self, r):
        self.type = r.u(1)
        body = wire.Reader(r.lv(2, 4096))
        self.signed = self.raw[: r.at]
        self.signer, self.signature = r.take(32), r.take(64)
        r.done()
        if len(self.raw) > 4096 or self.known and self.type != RELAYS and len(self.raw) > 1024:
            raise wire.Malformed
        if not self.known:
            return
        if self.type != GENESIS:
            self.prev = [body.take(32) for _ in range(body.u(1))]
            if len(self.prev) > 16 or any(a >= b for a, b in zip(self.prev, self.prev[1:])):
                raise wire.Malformed
        if self.type == GENESIS:
            self.root = body.take(32)
        if self.type in (GENESIS, ADD):
            start = body.at
            self.ik, self.nk, self.kind, self.name = body.take(32), body.take(32), body.u(1), body.lv(1, 255)
            self.member = body.data[start : body.at]
            if not signed_name(self.name):
                raise wire.Malformed
        if self.type == ADD:
            self.acceptance = body.take(64)
        if self.type == RELAYS:
            self.version = body.u(4)
            self.relays = [wire.text(body.lv(2, 255)) for _ in range(body.u(1))]
            if len(self.relays) > 8 or not all(map(wire.valid_relay, self.relays)):
                raise wire.Malformed
        if self.type == REVOKE:
            self.target = body.take(32)
        if self.type == FULL:
            self.ik, self.nk, self.kind = body.take(32), body.take(32), STORE
        if self.type == NOTE:
            body.take(min(256, len(body.data) - body.at))
        body.done()

    @property
    def known(self):
        return GENESIS <= self.type <= NOTE

    @property
    def introduces(self):
        return self.type in (GENESIS, ADD, FULL)

    def holds(self, genesis):
        """Whether its signatures hold, the acceptance's among them."""
        over = ZERO if self.type == GENESIS else genesis
        if self.type == ADD and not p.ed25519_verify(
            self.ik, b"masq-roster/1 accept" + genesis + self.member, self.acceptance
        ):
            return False
        return p.ed25519_verify(self.signer, b"masq-roster/1" + over + self.signed, self.signature)


class Verdict:
    """What counts in a set of entries, all by id: able if nobody had been revoked; live; and the REVOKEs that count."""

    def __init__(self, able):
        self.able, self.revokes = set(able), set()
        self.live = set(self.able)


class Roster:
    def __init__(self, genesis=None, ns=None, roots=()):
        self.namespace, self.roots, self.entries, self.counting = ns is not None, set(roots), {}, set()
        if self.namespace:
            self.id = namespace_genesis(ns)
            return
        e = Entry(genesis)
        if e.type != GENESIS or e.signer != e.ik or not e.holds(ZERO):
            raise Refused("entry")
        self.id = e.id
        self.entries[e.id] = e
        self.counting = {e.id}

    # Taking entries

    def add(self, raw, settle=True):
        """Takes an entry. Unless it is to settle, others that stand behind it come before places are given out."""
        e = Entry(raw)
        if e.id in self.entries:
            return
        if e.type == GENESIS:
            raise Refused("circle")
        if not e.known:
            trusted = e.signer in self.roots or e.signer in [m.ik for m in self.members()]
            raise Refused("version" if trusted and e.holds(self.id) else "entry")
        if not self._fits(e):
            raise Refused("entry")
        if any(i not in self.entries for i in e.prev):
            raise Refused("missing")
        e.past = frozenset(e.prev).union(*(self.entries[i].past for i in e.prev))
        if len(e.past) > 255:
            raise Refused("entry")
        v = self._resolve(e.past)
        e.idle = not self._rightful(e, v)
        e.invited_by = self._inviters(e)
        if not self.namespace and (e.idle or not self._entitled(e, v)) or not e.holds(self.id):
            raise Refused("entry")
        self.entries[e.id] = e
        if settle:
            self.settle()

    def _fits(self, e):
        if self.namespace:
            return e.type != RELAYS and (e.type != ADD or e.kind == EMBEDDED)
        return e.type != FULL and e.prev

    def _of(self, ids):
        """Entries in the order in which they were taken, so each behind its past."""
        return [e for e in self.entries.values() if e.id in ids]

    def _introductions(self, e):
        """Those of e's signer in e's past."""
        return [o for o in self._of(e.past) if o.introduces and o.ik == e.signer]

    def _rightful(self, e, v):
        """Whether an entry may count as far as its own past says, of which v is the verdict; its signer apart."""
        past = [o for o in self._of(e.past) if not o.idle]
        for o in past:
            if o.id in v.revokes and (o.target == e.signer or e.type == FULL and o.target == e.ik):
                return False
            if o.introduces and e.type == ADD and (o.ik == e.ik or o.nk == e.nk):
                return False
            if o.type == ADD and e.type == FULL and o.ik == e.ik:
                return False
            if o.type == FULL == e.type and o.id in v.live and (o.ik == e.ik) != (o.nk == e.nk):
                return False
        return e.type != REVOKE or any(o.introduces and o.ik == e.target for o in past)

    def _inviters(self, e):
        """The peers that stand on every way from an ADD to a full device: its signer, and those that let that in."""
        if e.type != ADD or e.signer in self.roots:
            return frozenset()
        ways = [o.invited_by for o in self._introductions(e) if not o.idle]
        return frozenset.intersection(*ways) | {e.signer} if ways else frozenset()

    # Who may sign what

    def _full(self, e, v):
        """Whether e's signer is a full device; in a circle all are."""
        if not self.namespace:
            return any(o.id in v.live for o in self._introductions(e))
        full = {o.ik for o in self._of(v.live) if o.type == FULL}
        return e.signer in full | self.roots

    def _entitled(self, e, v):
        if e.type == GENESIS or self._full(e, v):
            return True
        if e.type == FULL or e.type == REVOKE and not self._may_revoke(e, v):
            return False
        return any(o.id in v.live for o in self._introductions(e))

    def _may_revoke(self, e, v):
        """A peer may revoke itself, and those that it let in, however far, and nobody else."""
        ways = [o for o in self._of(v.able) if o.introduces and o.ik == e.target]
        return e.target == e.signer or bool(ways) and all(e.signer in o.invited_by for o in ways)

    # What counts

    def _resolve(self, ids):
        v = Verdict(i for i in ids if not self.entries[i].idle)
        if self.namespace:
            self._enable(v)
        revokes = [e for e in self._of(v.able) if e.type == REVOKE]
        if not revokes:
            return v
        reach = self._reach(v, revokes)
        level = {d: sum(d in r for r in reach.values()) for d in reach}
        for n in sorted(set(level.values())):
            due = [e for e in revokes if level[e.signer] == n]
            ring = [e for e in due if e.signer != e.target and e.signer in reach[e.target]]
            self._count(v, [e for e in ring if self._entitled(e, v)])
            self._count(v, [e for e in due if e not in ring and e.id in v.live])
        return v

    def _enable(self, v):
        """Takes what nobody was entitled to sign from v; REVOKEs last, by the ADDs that remain."""
        self._strike(v, [e for e in self._of(v.live) if e.type not in (FULL, REVOKE)])
        v.able = set(v.live)
        self._strike(v, [e for e in self._of(v.live) if e.type == REVOKE])
        v.able = set(v.live)

    def _count(self, v, revokes):
        if revokes:
            ids = {e.id for e in revokes}
            v.live |= ids
            v.revokes |= ids
            self._strike(v)

    def _reach(self, v, revokes):
        """By device, those on whom it has a say over any way, itself too."""
        edges = [(e.signer, e.target) for e in revokes]
        exposed, left, again = set(), [e for e in self._of(v.able) if e.introduces], True
        while again:
            again = False
            for e in list(left):
                if e.signer in exposed or any(self._strikes(o, e, self.namespace and e.type == ADD) for o in revokes):
                    edges.append((e.signer, e.ik))
                    exposed.add(e.ik)
                    left.remove(e)
                    again = True
        reach = {d: {d} for edge in edges for d in edge}
        for _ in reach:
            for a, b in edges:
                reach[a] |= reach[b]
        return reach

    @staticmethod
    def _strikes(revoke, e, seen_too):
        return revoke.id != e.id and revoke.target == e.signer and (seen_too or e.id not in revoke.past)

    def _struck(self, e, v):
        """The REVOKEs of v that strike e. What an application peer let in falls with it, seen or not."""
        by_peer = self.namespace and e.type == ADD and not self._full(e, v)
        return [o for o in self._of(v.revokes) if self._strikes(o, e, by_peer)]

    def _strike(self, v, only=None):
        if self.namespace:
            fulls = [e for e in self._of(v.able) if e.type == FULL]
            v.live -= {e.id for e in fulls}
            again = True
            while again:
                again = False
                for e in fulls:
                    if e.id not in v.live and self._full(e, v) and not self._struck(e, v):
                        v.live.add(e.id)
                        again = True
        for e in self._of(set(v.live)) if only is None else only:
            if e.type != FULL and e.id not in v.revokes and (not self._entitled(e, v) or self._struck(e, v)):
                v.live.discard(e.id)

    # Who has a place

    @staticmethod
    def _order(e):
        return len(e.past), e.id

    def _aim(self, e):
        """A circle's REVOKEs have their turns by the first introduction of the target in the past."""
        if self.namespace or e.type != REVOKE:
            return ()
        return min(self._order(o) for o in self._of(e.past) if o.introduces and o.ik == e.target)

    def _full_doors(self):
        """By device: full ones have a root's door, or the first FULL by one that is as few FULLs away from a root as can be."""
        full = {ik: ("root", ik) for ik in self.roots}
        found = dict(full)
        while found:
            fulls = [e for e in self.entries.values() if e.type == FULL and not e.idle and e.signer in found and e.ik not in full]
            found = {e.ik: e.id for e in sorted(fulls, key=self._order, reverse=True)}
            full.update(found)
        return full

    def _doors(self):
        """The doors of all entries; of strangers' None."""
        doors, lets = {}, set()
        full = self._full_doors() if self.namespace else {self.id: None}
        for e in self.entries.values():
            ways = [o for o in self._introductions(e) if o.id in lets]
            if e.type == GENESIS:
                doors[e.id] = ("root", b"")
            elif e.signer in full:
                doors[e.id] = full[e.signer]
            else:
                doors[e.id] = min(ways, key=self._order).id if ways else None
            if e.introduces and (not self.namespace or e.type == ADD and doors[e.id] is not None and not e.idle):
                lets.add(e.id)
        return doors

    def _closed(self, doors, ids):
        """A set with all that it stands behind, and the doors of all."""
        out, size = set(ids), -1
        while len(out) != size:
            size = len(out)
            for i in list(out):
                out |= self.entries[i].past
                if isinstance(doors[i], bytes):
                    out.add(doors[i])
        return out

    def settle(self):
        """Gives out the places, and forgets what has none and stands behind nothing that has."""
        doors = self._doors()
        known = [e for e in self.entries.values() if doors[e.id] is not None]
        revokes = self._share(doors, [e for e in known if e.type == REVOKE])
        others = self._share(doors, [e for e in known if e.type != REVOKE])
        counting = self._closed(doors, revokes)
        keep = counting | self._closed(doors, others)
        if len(keep) > MAX_KEPT:
            keep = set()
            self._share_whole(doors, self._of(revokes), keep, MAX_KEPT // 2)
            counting = set(keep)
            others = self._share_whole(doors, self._of(others), keep, MAX_KEPT)
        self.counting = counting | others
        left = STRANGERS
        for e in sorted((e for e in self.entries.values() if doors[e.id] is None), key=self._order):
            more = ({e.id} | e.past) - keep
            if left > 0 and len(more) <= left:
                keep |= more
                left -= len(more)
                self.counting.add(e.id)
        self.entries = {i: e for i, e in self.entries.items() if i in keep}

    def _share(self, doors, entries):
        tree, has = Branch.tree(self, doors, entries), set()
        while tree and len(has) < PLACES:
            tree.turn(lambda e: has.add(e.id) or 1)
        return has

    def _share_whole(self, doors, entries, keep, most):
        tree, has = Branch.tree(self, doors, entries), set()

        def give(e):
            more = self._closed(doors, keep | {e.id}) - keep
            if len(keep) + len(more) <= most:
                keep.update(more)
                has.add(e.id)
            return max(len(more), 1)

        while tree:
            tree.turn(give)
        return has

    # What a roster says

    def verdict(self):
        return self._resolve(frozenset(self.counting))

    def _candidates(self, v):
        rank = {}
        for e in self.entries.values():
            rank[e.id] = 0
            if self.namespace and e.type == ADD and e.id in v.able:
                by = [] if self._full(e, v) else self._introductions(e)
                rank[e.id] = 1 + max([rank[o.id] for o in by], default=0)
        found = [e for e in self._of(v.able) if e.introduces]
        return rank, sorted(found, key=lambda e: (e.type != GENESIS, rank[e.id], e.id))

    def who(self):
        """The entries of the members, and of those that are out, one of each device."""
        v = self.verdict()
        rank, found = self._candidates(v)
        revoked = {o.target for o in self._of(v.revokes)}
        members, out = [], []
        for e in found:
            same = [o for o in found if o.ik == e.ik or o.nk == e.nk]
            barred = any(o.id in v.live and o.ik in revoked and rank[o.id] <= rank[e.id] for o in same)
            taken = any(m.ik == e.ik or m.nk == e.nk for m in members)
            if e.id in v.live and e.ik not in revoked and not barred and not taken:
                members.append(e)
        for e in found:
            if (e.id not in v.live or e.ik in revoked) and e.ik not in [m.ik for m in members + out]:
                out.append(e)
        return members, out

    def members(self):
        return self.who()[0]

    def relays(self):
        v = self.verdict()
        found = [e for e in self._of(v.live) if e.type == RELAYS]
        return max(found, key=lambda e: (e.version, e.id)).relays if found else []

    def heads(self):
        covered = frozenset().union(*(e.past for e in self.entries.values()))
        return sorted(i for i in self.entries if i not in covered)

    def sent(self, ik, heads):
        """What a device with these heads is sent: what it lacks, or, if it is out, a REVOKE that put it out with its past."""
        has = {i for h in heads if h in self.entries for i in {h, *self.entries[h].past}}
        show = set(self.entries)
        if ik in [e.ik for e in self.who()[1]]:
            e = self._reason(ik)
            show = {e.id, *e.past}
        return [e for e in self.entries.values() if e.id in show - has]

    def _reason(self, ik):
        v = self.verdict()
        for e in self._of(v.revokes):
            if e.target == ik:
                return e
        for e in self._of(v.able - v.live):
            if e.introduces and e.ik == ik:
                struck = self._struck(e, v)
                return struck[0] if struck else self._reason(e.signer)


class Branch:
    """What came in through one door."""

    def __init__(self):
        self.own, self.kids, self.cost, self.mine = [], [], 0, 0

    def __bool__(self):
        return bool(self.own or self.kids)

    def turn(self, give):
        """Gives an entry its turn: that of whoever has had least. give returns what it cost."""
        kid = min(self.kids, key=lambda k: k.cost, default=None)
        if self.own and (kid is None or self.mine <= kid.cost):
            cost = give(self.own.pop(0))
            self.mine += cost
        else:
            cost = kid.turn(give)
            if not kid:
                self.kids.remove(kid)
        self.cost += cost
        return cost

    @staticmethod
    def tree(r, doors, entries):
        branches = {None: Branch()}

        def at(door):
            if door not in branches:
                branches[door] = Branch()
                branches[door].order = (0, *door) if isinstance(door, tuple) else (1, *r._order(r.entries[door]))
                above = doors[door] if isinstance(door, bytes) else None
                at(above).kids.append(branches[door])
            return branches[door]

        for e in entries:
            at(doors[e.id]).own.append(e)
        for b in branches.values():
            relays = [e for e in b.own if e.type == RELAYS]
            top = max(relays, key=lambda e: (e.version, e.id), default=None)
            late = sorted((e for e in relays if e is not top), key=lambda e: (e.version, e.id), reverse=True)
            fulls = sorted((e for e in b.own if e.type == FULL), key=r._order)[16:]
            sort = lambda e: 2 if e.type == NOTE else e in fulls
            rest = sorted((e for e in b.own if e.type != RELAYS), key=lambda e: (sort(e), *r._aim(e), *r._order(e)))
            b.own = ([top] if top else []) + rest + late
            b.kids.sort(key=lambda k: k.order)
        return branches[None]
