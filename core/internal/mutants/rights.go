package main

const (
	exchange     = "core/peer/exchange.go"
	membership   = "core/peer/membership.go"
	channel      = "core/peer/channel.go"
	flow         = "core/peer/flow.go"
	repl         = "core/peer/replication.go"
	control      = "core/peer/control.go"
	pairing      = "core/peer/pairing.go"
	model        = "core/peer/model.go"
	writers      = "core/peer/writers.go"
	belief       = "core/replica/belief.go"
	versions     = "core/replica/versions.go"
	writeGo      = "core/replica/write.go"
	cursorGo     = "core/replica/cursor.go"
	readGo       = "core/replica/read.go"
	replicaGo    = "core/replica/replica.go"
	checkpointGo = "core/replica/checkpoint.go"
	sweepGo      = "core/replica/sweep.go"
	sinceGo      = "core/replica/since.go"
	sumGo        = "core/replica/sum.go"
	writerGo     = "core/replica/writer.go"
	freshGo      = "core/replica/fresh.go"
	peerFresh    = "core/peer/fresh.go"
	shownGo      = "core/peer/shown.go"
	places       = "core/roster/places.go"
	peerPlaces   = "core/peer/places.go"
	resolve      = "core/roster/resolve.go"
	rosterGo     = "core/roster/roster.go"
	entry        = "core/roster/entry.go"
	access       = "core/localstore/access.go"
	contact      = "core/localstore/contact.go"
	prove        = "core/localstore/prove.go"
	grants       = "core/localstore/grants.go"
	methods      = "core/localstore/methods.go"
	data         = "core/localstore/data.go"
	sessionGo    = "core/localstore/session.go"
	origin       = "core/localstore/origin.go"
)

// rights are the checks. One that several others stand before is here, too: each has to hold by itself.
var rights = []mutant{
	// A device that was removed.
	{"a removed device is told no heads", exchange, "	if dom.roster.Revoked(r.d.ik) {\n		r.send(", "	if false {\n		r.send("},
	{"a removed device gets the notice alone", exchange, "	if r.d.domain.roster.Revoked(r.d.ik) {\n		r.notice(", "	if false {\n		r.notice("},
	{"namespaces are listed to members alone", exchange, "if !r.d.member() ||", "if false ||"},
	{"who is out lists nothing", exchange, "!r.d.domain.in() {", "false {"},
	{"news go to members alone", membership, "case r == nil || r == from || !d.member():", "case r == nil || r == from:"},
	{"the session of a removed device ends", membership, "if d.domain == dom && d.repl != nil && dom.roster.Revoked(d.ik) {", "if false {"},
	{"who is no member is forgotten", membership, "if d.domain != dom || d.adds != nil || d.member() || ", "if true || d.domain != dom || d.adds != nil || d.member() || "},
	{"who was removed long ago is not met", membership, "return e.clock.Wall() < r.U64()+noticeFor", "return r.U64() != 1"},
	{"who is removed from the circle is removed from every application", membership, "if dom.has(m.IK) && (relief || e.circle.roster.RevokedBy(m.IK, e.publicIK())) {", "if false && relief {"},
	{"who is out for the circle is out for every application peer", membership, "if relief && dom.has(m.IK) && !e.circle.member(m.IK) {", "if false && relief {"},
	{"who is let in has a place before FULLs", places, "case late.has(i):", "case late.has(i) && false:"},
	{"a device is told of who lets it in", membership, "		list = append(list, me)\n", "		_ = me\n"},
	{"a device vouches for those that it has met", membership, "d.domain != e.circle || d.lastHeard == 0 {", "d.domain != e.circle {"},
	{"a REVOKE has room behind an introduction", rosterGo, "e.size > pastOf(e.typ) || ", ""},
	{"who is out stops syncing", membership, "	if dom.out() {\n		e.shutOut()", "	if false {\n		e.shutOut()"},
	{"who is out meets nobody", channel, "d.domain.out(), slices.ContainsFunc(", "slices.ContainsFunc("},
	{"who is out invites nobody", pairing, "	case dom.out():\n		return nil, ERevoked", "	case false:\n		return nil, ERevoked"},
	{"to remove an application's peers removes each", control, "if m.Kind != roster.Embedded {", "if true || m.Kind != roster.Embedded {"},
	{"what a removed device signed unseen does not count", resolve, "i != j && (!r.entries[j].past.has(i)", "i != j && (false"},
	{"what a removed peer signed does not count at all", resolve, "r.namespace && e.typ == typeAdd && !r.full(e, v)) {\n			return j", "false) {\n			return j"},
	{"what falls with an introduction falls", resolve, "|| !r.entitled(e, v)) {", "|| false) {"},
	{"an introduction that was struck makes no member", resolve, "if !c.live || c.revoked ||", "if c.revoked ||"},
	{"what was removed keeps its keys", resolve, "iks.bar(c.IK, c.rank) || nks.bar(c.NK, c.rank) || ", ""},
	{"nobody signs after the removal that they have seen", resolve, "case v.revokes.has(i) && (o.target == e.signer ||", "case v.revokes.has(i) && (false ||"},
	{"nobody introduces whom they know to be removed", resolve, "e.typ == typeFull && o.target == e.member.IK)", "false)"},
	{"keys are introduced once", resolve, "o.introduces() && e.typ == typeAdd && (ik || nk),", "o.introduces() && e.typ == typeAdd && false,"},
	{"one key alone does not make a member", resolve, " || taken.bar(c.NK, 0)", ""},
	{"only who was introduced is removed", resolve, "	ok := e.typ != typeRevoke\n", "	ok := true\n"},

	// Who signs what.
	{"an entry is its signer's", entry, "return ed25519.Verify(e.signer[:], signed(genesis, e.raw[:n]), e.raw[n+ed25519.PublicKeySize:])", "return true || n < 0"},
	{"who is let in has agreed", entry, "ed25519.Verify(m.IK[:], accepted(genesis, &m), sig)", "true"},
	{"an entry counts by its own past", rosterGo, "strict && (e.idle ||", "strict && (false ||"},
	{"who is no member signs nothing", rosterGo, "!r.entitled(&e, &v)) {", "v.live.has(0) && false) {"},
	{"a stranger stops nobody with a new type", rosterGo, "(ok || r.isRoot(e.signer)) && e.verified(r.ID())", "ok || r.isRoot(e.signer) || e.verified(r.ID())"},

	// An application peer.
	{"no Sync Servers in an application's roster", rosterGo, "return e.typ != typeRelays &&", "return true &&"},
	{"an ADD in an application's roster makes no store", rosterGo, "(e.typ != typeAdd || e.member.Kind == Embedded)", "true"},
	{"a peer introduces no full device", resolve, "case e.typ == typeFull ||", "case false ||"},
	{"a peer removes those alone that it let in", resolve, "e.typ == typeRevoke && !r.invited(e.target, e.signer, v.able):", "false:"},
	{"of whom several let in nobody is the host", resolve, "if found = e.line.has(at); !found {", "if e.line.has(at) {\n			found = true\n		} else if false {"},
	{"full are the roots and whom they introduce", resolve, "	by := make([][]int, len(r.devices))\n", "	for n := range len(r.devices) {\n		found = append(found, n)\n	}\n	by := make([][]int, len(r.devices))\n"},
	{"a peer's session is about its application", exchange, "if only := r.d.domain.namespace; only != nil {", "if only := r.d.domain.namespace; only == nil && false {"},
	{"a peer adds no application", exchange, "r.e.isStore() && r.d.domain == r.e.circle && r.e.namespaceOf(l.App) == nil", "r.e.isStore() && r.e.namespaceOf(l.App) == nil"},
	{"a new application is not announced to peers of others", exchange, "d.repl.listed && d.shares(n) {", "d.repl.listed {"},
	{"namespaces come after the rosters", exchange, "if err != nil || !r.listed || len", "if err != nil || len"},
	{"a peer reads no roster by NAMESPACE_HEADS", exchange, "m, err := wire.ParseNamespaceHeads(fields)\n	if err != nil || r.d.domain != r.e.circle {", "m, err := wire.ParseNamespaceHeads(fields)\n	if err != nil {"},
	{"a peer writes no roster by NAMESPACE_ENTRIES", exchange, "m, err := wire.ParseNamespaceEntries(fields)\n	if err != nil || r.d.domain != r.e.circle {", "m, err := wire.ParseNamespaceEntries(fields)\n	if err != nil {"},
	{"an application that is off for a device is not synced with it", exchange, "!n.wanted(r.d) {", "false {"},
	{"nothing is sent that the other does not want", exchange, "if !l.On ||", "if false ||"},
	{"HAVE is about devices that share the application", flow, "d != nil && d.shares(f.namespace) &&", "d != nil &&"},
	{"HAVE is a device's own, or a full one's", flow, "(d == r.d || r.d.full())", "(true || d == r.d)"},
	{"a peer learns no store's name", repl, "if r.d.domain.namespace != nil && !r.d.domain.guest() {", "if false {"},
	{"a peer's domain has one application", model, "return d.domain.namespace == nil || d.domain.namespace == n", "return true"},
	{"an invite to an application offers that alone", pairing, "if n := dom.namespace; n != nil {\n		o :=", "if n := dom.namespace; n != nil && dom.e.circle == nil {\n		o :="},
	{"a peer removes no device of others", control, "err := d.domain.revoke(d.ik); err != nil { // an", "err := d.domain.revoke(d.ik); err != nil && false { // an"},

	// What a device says of writers.
	{"an announcement is its device's", writers, "case !ed25519.Verify(ik[:], w.Signed(n.ns()), w.Sig[:]):", "case len(ik) == 0:"},
	{"a device has so many writers", writers, " && !n.room(rep, w, full):", " && false && full:"},
	{"a mere word makes a new writer so often", writers, "	if count >= limit {", "	if false && count >= limit {"},
	{"who lies about its own writing is cut off", flow, "	if errors.Is(err, replica.ErrLie) {", "	if false && errors.Is(err, replica.ErrLie) {"},
	{"a peer's word counts for its own writers", belief, "case !own && !src.Full,", "case false && own,"},
	{"a vector reaches no number that is not reserved", belief, "w != nil && e.Last()>>wire.BlockBits >= w.Reserved,", "false,"},
	{"a vector reaches no number of the own writer that is not used", belief, "e.Writer == r.writer.id && e.Last()>>wire.BlockBits >= r.unused():", "false:"},
	{"a vector can be read back", belief, "size+wire.ElementSize(&e) > maxVector:", "false:"},
	{"a device's writers have a share of a vector", belief, "	if s.of[nk]+size > maxShare {", "	if false {"},
	{"nobody writes as this device", belief, "case r.hearsay(rec, a.src) && r.settles(rec.Dot.Writer), ", "case "},
	{"nobody writes what this device has yet to", belief, "rec.Dot.Writer == r.writer.id && rec.Dot.Seq>>wire.BlockBits >= r.unused(),", "false,"},
	{"a record has not seen itself", belief, "		wire.Sees(rec.Context, rec.Dot), ", "		"},
	{"a record has a number that there can be", belief, "!a.possible(rec.Dot):", "false:"},
	{"a context reaches numbers that there can be", belief, "!r.reserved(d) && !has(versions, d) {", "false && !has(versions, d) {"},
	{"writers that nobody has announced are few", belief, "w == nil && (size > maxOld || len(r.vector)+len(out) >= maxOldWriters),", "false,"},
	{"a peer brings so many writers that nobody has announced", belief, "!a.src.Full && n >= maxStrays ||", "false ||"},
	{"what a peer brings of others is hearsay", belief, "!src.Full && !own", "false && !own"},
	{"what its own device calls hearsay is that", belief, "return rec.Hearsay || ", "return rec.Hearsay && !own || "},
	{"who denies a writer's records is its device", belief, "if a.NK == src.NK && ", "if "},
	{"who has lost a writer denies none of its records", belief, "!slices.Contains(src.Lost, a.ID)", "true"},

	// A page or a program at the local store.
	{"a method is for whom it is", methods, "case known && m.who&who != 0:", "case known:"},
	{"an application has its own data", data, "	if k.c.who.Kind == Admin {\n		return p.needText(\"app\")\n	}\n	return k.c.token.App", "	if k.c.who.Kind == Admin || p.has(\"app\") {\n		return p.needText(\"app\")\n	}\n	return k.c.token.App"},
	{"a page asks for its own data", access, "if id != \"\" && id != who.Origin {\n			p.wrong(peer.EValue, \"id\")\n		}\n		if program != \"\" {\n			p.wrong(peer.EValue, \"program\")\n		}\n		return who.Origin, who.Origin", "if program != \"\" {\n			p.wrong(peer.EValue, \"program\")\n		}\n		if id != \"\" {\n			return who.Origin, id\n		}\n		return who.Origin, who.Origin"},
	{"a token is its owner's", grants, "	if who.Kind == Web {\n		return t.Owner == who.Origin\n	}", "	if who.Kind == Web {\n		return true\n	}"},
	{"a page's token is no program's", grants, "return who.Kind == Native && !isOrigin(t.Owner)", "return who.Kind == Native"},
	{"who comes in has the key", prove, "!hmac.Equal(mac, f.mac(f.label)):", "!hmac.Equal(mac, mac):"},
	{"a token that was taken away opens nothing", prove, "case f.token == nil || s.tokens[f.token.id] != f.token:", "case f.token == nil:"},
	{"the manager's sessions are an origin's", prove, "if m.key != nil && m.origin == f.app {", "if m.key != nil {"},
	{"the manager's link is good once", sessionGo, "			s.links = append(s.links[:i], s.links[i+1:]...)\n", "			_ = i\n"},
	{"the manager's code is good once, and for few tries", sessionGo, "if ok || c.tries == maxCodeTries {", "if false {"},
	{"the manager's code is good for minutes", sessionGo, "if c == nil || s.clock.Now() >= c.until {", "if c == nil {"},
	{"the manager's link is good for a minute", sessionGo, " && s.clock.Now() < l.until {", " {"},
	{"this computer's name is asked for", origin, "return ownHost(host, port) || ownHost(host, DefaultPort)", "return true"},
	{"pages are of https or of this computer", origin, "(scheme == \"https\" || scheme == \"http\" && wire.IsLoopbackHost(host))", "scheme != \"\" && (true || wire.IsLoopbackHost(host))"},
	{"a browser without an origin is no program", origin, "case !present && !browser:", "case !present:"},
	{"to remove an application removes its devices", grants, "	ops := []*peer.Op{{App: id, Do: peer.RevokeOf{}}}\n", "	var ops []*peer.Op\n"},
	{"to remove an application takes its tokens away", grants, "	for _, t := range s.tokensOf(id) {\n		ops = append(ops, s.forget(t))\n	}\n	if data {", "	if data {"},
	{"a refused origin does not ask again", contact, "if s.refused[r.owner] >= maxRefusals ||", "if false ||"},
	{"exchanges that came to nothing are few", contact, " s.pauses(r.owner) {\n		return peer.EDenied", " false {\n		return peer.EDenied"},
}
