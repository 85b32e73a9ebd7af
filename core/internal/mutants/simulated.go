package main

// hostile has a member lie.
var hostile = []string{"-hostile"}

// lied are bugs by which a member that lies does harm.
var lied = []planted{
	{mutant{"a vector grows beyond what can be read back", belief, "size+wire.ElementSize(&e) > maxVector:", "false:"}, hostile},
	{mutant{"writers that nobody has announced are joined without bound", belief,
		"case w == nil && (size > maxOld || len(r.vector)+len(out) >= maxOldWriters), size", "case size"}, hostile},
	{mutant{"an application peer says what others have written", belief, "case !own && !src.Full, len(e.Tails)", "case len(e.Tails)"}, hostile},
	{mutant{"a context names what is not reserved", belief, "		if !r.reserved(wire.Dot{Writer: p.Writer, Seq: number(p)}) {\n			wrong", "		if false {\n			wrong"}, hostile},
	{mutant{"a version supersedes what it names alone", versions, "\treturn wire.ContextReaches(v.ctx, other) || v.abridged && wire.ReachesNamed(v.ctx, other) && !wire.Sees(other, v.dot)\n", "\treturn true\n"}, hostile},
	{mutant{"HAVE about the own writer makes a new one", flow, "	if d := r.e.deviceOf(m.NK); d != nil &&",
		"	if f.namespace.rep.Heard(m.Vector) {\n		f.namespace.rep.Renew()\n	}\n	if d := r.e.deviceOf(m.NK); d != nil &&"}, hostile},
	{mutant{"a roster keeps what came first", places, "	keep := r.place()\n",
		"	keep := r.all\n	for i := wire.MaxRoster - 2; i < len(r.entries); i++ {\n		keep.drop(i)\n	}\n	r.counting = keep\n"}, hostile},
	{mutant{"a writer has any number of versions of a key", writeGo, "siblings >= maxSiblings && (", "false && ("}, hostile},
	{mutant{"every device gets a channel", peerPlaces, "return len(d.e.devices) <= placesMost || d.place", "return true"}, hostile},
	{mutant{"an application peer says what others have", flow, "d.shares(f.namespace) && (d == r.d || r.d.full()) {", "d.shares(f.namespace) {"}, hostile},
	{mutant{"a context grows by every name that is made up", versions, "	if unknown <= maxUnknown && len(out) <= wire.MaxContext {", "	if len(out) <= wire.MaxContext {"}, hostile},
}

// months are bugs of the data engine.
var months = []planted{}
