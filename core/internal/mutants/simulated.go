package main

// What the simulator is told.
var (
	hostile = []string{"-hostile"} // a member lies
	backups = []string{"-backups"} // disks are copied, or put back
)

// lied are bugs by which a member that lies does harm.
var lied = []planted{
	{mutant{"a vector grows beyond what can be read back", belief, "	if s.of[nk]+size > maxShare {", "	if false {"}, hostile},
	{mutant{"writers that nobody has announced are joined without bound", belief,
		"case w == nil && (size > maxOld || len(r.vector)+len(out) >= maxOldWriters), size", "case size"}, hostile},
	{mutant{"an application peer says what others have written", belief, "case !own && !src.Full, len(e.Tails)", "case own && false, len(e.Tails)"}, hostile},
	{mutant{"a context names what is not reserved", belief, "!r.reserved(d) && !has(versions, d) {", "false && !has(versions, d) {"}, hostile},
	{mutant{"a version supersedes what it names alone", versions, "\treturn wire.ContextReaches(v.ctx, other) || v.abridged && wire.ReachesNamed(v.ctx, other) && !wire.Sees(other, v.dot)\n", "\treturn true\n"}, hostile},
	{mutant{"HAVE about the own writer makes a new one", flow, "	if d := r.e.deviceOf(m.NK); d != nil &&",
		"	if f.rep.Heard(m.Vector) {\n		f.rep.Renew()\n	}\n	if d := r.e.deviceOf(m.NK); d != nil &&"}, hostile},
	{mutant{"a roster keeps what came first", places, "	keep := r.place()\n",
		"	keep := r.all\n	for i := wire.MaxRoster - 2; i < len(r.entries); i++ {\n		keep.drop(i)\n	}\n	r.counting = keep\n"}, hostile},
	{mutant{"a writer has any number of versions of a key", writeGo, "siblings >= maxSiblings && (", "false && ("}, hostile},
	{mutant{"every device gets a channel", peerPlaces, "return len(d.e.devices) <= placesMost || d.place", "return true"}, hostile},
	{mutant{"an application peer says what others have", flow, "d.shares(f.namespace) && (d == r.d || r.d.full()) {", "d.shares(f.namespace) {"}, hostile},
	{mutant{"a context grows by every name that is made up", versions, "	if !abridged && unknown <= maxUnknown && len(out) <= wire.MaxContext {", "	if len(out) <= wire.MaxContext {"}, hostile},
}

// months are bugs of the data engine.
var months = []planted{
	// Merging.
	{mutant{"a write sees one version of several", writeGo, "r.contextOf(seen)", "r.contextOf(seen[:min(len(seen), 1)])"}, nil},
	{mutant{"what a page has is not superseded by what came since", versions, "if !r.gone(v) && !r.superseded(key, v.dot, v.saw(), ever) {", "if !r.gone(v) && (v.kind == wire.Bytes || !r.superseded(key, v.dot, v.saw(), ever)) {"}, nil},
	{mutant{"an import has the time of what is there", writeGo, "for !replaces && st.has(time, writes) {", "for false {"}, nil},
	// Vector and cursor.
	{mutant{"what another has is said before it is stored", flow, "	v := f.rep.DurableVector()\n", "	v := f.rep.Vector()\n"}, nil},
	{mutant{"END says more of the own writer than is stored", flow, "	v := f.rep.ToldTo(f.peer)\n", "	v := f.rep.Vector()\n"}, nil},
	{mutant{"END says what could not be sent", flow, "	v := f.rep.ToldTo(f.peer)\n", "	v := f.rep.Told()\n"}, nil},
	{mutant{"a record leaves before it is stored", cursorGo, "return pos < n.pos || pos < n.reservedPos && d.Writer != r.writer.id && !r.past[d.Writer]", "return pos < n.reservedPos"}, nil},
	{mutant{"what is superseded for now alone is left out", cursorGo, "return v.dead == 0 || v.dead >= r.seen.now.pos }", "return v.dead == 0 }"}, nil},
	{mutant{"a message that is full loses the rest of a segment", cursorGo, "		c.next = p.pos[j-1] + 1\n", "		c.next = p.pos[len(p.pos)-1] + 1\n"}, nil},
	// Tombstones.
	{mutant{"a tombstone goes that somebody lacks", sweepGo, "return r.everyone.Covers(d) && r.vector.Covers(d)", "return r.vector.Covers(d)"}, nil},
	{mutant{"a deletion that is forgotten can be followed from", sweepGo, "		c.r.forgot = max(c.r.forgot, v.pos+1)\n", "		_ = v.pos\n"}, nil},
	// The sum.
	{mutant{"the sum forgets the value", sumGo, "	h.Write(value)\n", "	_ = value\n"}, nil},
	{mutant{"the sum keeps what was replaced", sumGo, "				r.sum.sub(v.term)\n", "				_ = v.term\n"}, nil},
	{mutant{"a sum is told of what the vector does not cover", sumGo, "r.closeOpen(); !r.sum.unsummed.empty() || len(r.sum.open) > 0 ||", "r.closeOpen(); !r.sum.unsummed.empty() ||"}, nil},
	// Batches.
	{mutant{"a batch is sent in pieces", cursorGo, "		for j < len(all) && all[j].dot == all[i].dot {\n", "		for false {\n"}, nil},
	// Reservations and starts.
	{mutant{"numbers are given again after a crash", writerGo, "	w.block = w.reserved\n	w.reserved++\n", "	w.block = max(1, w.reserved-1)\n	w.reserved = w.block + 1\n"}, nil},
	{mutant{"positions are given again after a crash", replicaGo, "	r.nextPos = r.reservedPos // none is used twice", "	r.nextPos = max(1<<positionBits, r.nextPos) // none is used twice"}, nil},
	{mutant{"what is committed relaxed counts as stored", replicaGo, "	if r.seen.strict {\n", "	if r.seen.strict || true {\n"}, nil},
	// Copies and backups.
	{mutant{"a copy goes on as the same writer", writers, "	n.recover(marks, w)\n", "	_ = marks\n"}, backups},
	// Fresh copies.
	{mutant{"a fresh copy leaves behind what only the old replica has", freshGo, "r.Apply(t.records, src)", "r.Apply(t.records[:0], src)"}, nil},
	{mutant{"a fresh copy gives positions again", freshGo, "	r.nextPos = max(r.nextPos, old.nextPos+1)\n", ""}, nil},
	{mutant{"the old writer's numbers are not announced", peerFresh, "	n.rep.CloseWriter() // which tells", "	// which tells"}, nil},
	// Compaction.
	{mutant{"compaction takes what has died for living", checkpointGo, "v != nil && !x.seg.isDead(uint32(i)) {", "v == nil && x.seg.isDead(uint32(i)) {"}, nil},
	{mutant{"compaction leaves pages as they are", checkpointGo, "		if !s.isDead(uint32(i)) {\n			c.touch(p.recs[i].Key)\n		}\n	}\n	return nil", "		_ = i\n	}\n	return nil"}, nil},
	// Watches.
	{mutant{"a failed commit stays in watches", shownGo, "	n.wrong = nil\n	var changes", "	n.wrong, now = nil, nil\n	var changes"}, nil},
	{mutant{"a watch that comes back misses the last change", sinceGo, "return r.ChangesSince(mark >> 16) }", "return r.ChangesSince(mark>>16 + 1) }"}, nil},
	{mutant{"a position beyond what survived is followed", sinceGo, "max(s.first, r.forgot) <= pos && pos <= s.end {", "max(s.first, r.forgot) <= pos {"}, nil},
	// Acknowledgements.
	{mutant{"a message is acknowledged before it is stored", flow, "f.ackWhenDurable(pos - 1)", "ack{f, pos - 1}.send()"}, nil},
	{mutant{"ACK counts for ENDs behind it", flow, "for len(f.ends) > 0 && f.ends[0].pos <= m.Position {", "for len(f.ends) > 0 {"}, nil},
	{mutant{"what another asks nothing more of is taken for stored there", flow, "f.p.acked >= f.pos || !f.standsThere() {", "f.p.acked >= f.pos {"}, nil},
	// Paging.
	{mutant{"a page begins with the last key of the one before", readGo, `lo = max(lo, q.After+"\x00")`, "lo = max(lo, q.After)"}, nil},
	{mutant{"a deletion is counted as a key", writeGo, "		case is == nil:\n			s.count--\n", "		case is == nil:\n"}, nil},
}
