//go:build !js

package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/masqdev/masq/wasm/client/codec/table"
)

// writers writes the functions for events and ops.
func (g *generator) writers() {
	for _, name := range g.used(table.Events, table.Verbs) {
		g.line("\n%sfunction write%s(w: Writer, r: %s): void {", visible(name), name, name)
		g.write("  ", "r", g.records[name].Fields())
		g.line("}")
	}
	g.line("\n/** Writes an event. */")
	g.line("export function writeEvent(w: Writer, e: EngineEvent): void {")
	g.line("  w.begin(e.type)")
	g.writeCases("e", "type", "EventType", workerEvents())
	g.line("  w.end()\n}")
	g.line("\n/** Begins an op; what its verb has follows, and `end`. */")
	g.line("export function beginOp(w: Writer, o: OpID & { verb: Verb }): void {")
	g.line("  w.begin(EventType.Op)")
	g.write("  ", "o", opHead())
	g.line("}")
	g.line("\n/** Writes an op. */")
	g.line("export function writeOp(w: Writer, o: Op): void {")
	g.line("  beginOp(w, o)")
	g.writeCases("o", "verb", "Verb", table.Verbs)
	g.line("  w.end()\n}")
}

// visible says that others than the generated file have a record's functions.
func visible(record string) string {
	if record == "OpID" {
		return "export "
	}
	return ""
}

// opHead is what every op has.
func opHead() []table.Field {
	for _, m := range table.Events {
		if m.Name == "Op" {
			return m.Fields()
		}
	}
	panic("gen: there is no Op")
}

// used returns the records that messages have, in their order.
func (g *generator) used(all ...[]table.Message) (names []string) {
	in := map[string]bool{}
	for _, messages := range all {
		for _, m := range messages {
			for _, f := range m.Fields() {
				item, _, _ := table.ListOf(f.Type)
				in[item] = true
			}
		}
	}
	for _, r := range table.Records {
		if in[r.Name] {
			names = append(names, r.Name)
		}
	}
	return names
}

// writeCases writes a switch over messages; those with one layout share a case.
func (g *generator) writeCases(v, tag, enum string, messages []table.Message) {
	g.line("  switch (%s.%s) {", v, tag)
	done := map[string]bool{"": true}
	for _, m := range messages {
		if done[m.Layout] {
			continue
		}
		done[m.Layout] = true
		for _, same := range messages {
			if same.Layout == m.Layout {
				g.line("    case %s.%s:", enum, same.Name)
			}
		}
		g.write("      ", v, m.Fields())
		g.line("      break")
	}
	g.line("  }")
}

func (g *generator) write(indent, v string, fields []table.Field) {
	for _, f := range fields {
		value := v + "." + f.Name
		if item, count, list := table.ListOf(f.Type); list {
			g.line("%sw.%s(%s.length)", indent, count, value)
			g.line("%sfor (const x of %s) %s", indent, value, g.writeOne(item, "x"))
		} else {
			g.line("%s%s", indent, g.writeOne(f.Type, value))
		}
	}
}

func (g *generator) writeOne(t, value string) string {
	switch {
	case g.enums[t]:
		return "w.u8(" + value + ")"
	case g.records[t].Name != "":
		return "write" + t + "(w, " + value + ")"
	case t == "key32" || t == "rest":
		return "w.raw(" + value + ")"
	case t == "bytes?":
		return "w.maybe(" + value + ")"
	}
	return "w." + t + "(" + value + ")"
}

// readers writes the functions for actions and for the beginning of an op.
func (g *generator) readers() {
	for _, name := range append([]string{"OpID"}, g.used(actions())...) {
		g.line("\n%sfunction read%s(r: Reader): %s {", visible(name), name, name)
		g.read("  return {", "  }", "", g.records[name].Fields())
		g.line("}")
	}
	g.line("\n/** Reads what every op begins with; what its verb has follows. */")
	g.line("export function readOpHead(r: Reader): OpID & { verb: Verb } {")
	g.read("  return {", "  }", "", opHead())
	g.line("}")
	g.line("\n/** Whether an action is for one tab. */")
	var types []string
	for _, m := range table.TabActions {
		types = append(types, "type === ActionType."+m.Name)
	}
	g.line("export const forTab = (type: number): boolean =>\n  %s", strings.Join(types, " || "))
	g.reader("Tab", "TabAction | StatusAction", append(slices.Clone(table.TabActions), table.Status))
	g.reader("Worker", "WorkerAction", table.WorkerActions)
}

func actions() []table.Message {
	return slices.Concat(table.TabActions, []table.Message{table.Status}, table.WorkerActions)
}

func (g *generator) reader(who, result string, messages []table.Message) {
	g.line("\n/** Takes an action apart. Bytes in it are views into the message. Throws CodecError. */")
	g.line("export const read%sAction = (m: Message): %s => readBody(m, %sAction)", who, result, strings.ToLower(who))
	g.line("\nfunction %sAction(type: number, r: Reader): %s {", strings.ToLower(who), result)
	g.line("  switch (type) {")
	for _, m := range messages {
		g.line("    case ActionType.%s:", m.Name)
		g.read("      return {", "      }", "type: ActionType."+m.Name, m.Fields())
	}
	g.line("  }\n  throw new CodecError('unknown action')\n}")
}

func (g *generator) read(open, end, first string, fields []table.Field) {
	g.line("%s", open)
	indent := strings.TrimSuffix(end, "}") + "  "
	if first != "" {
		g.line("%s%s,", indent, first)
	}
	for _, f := range fields {
		g.line("%s%s: %s,", indent, f.Name, g.readOne(f.Type))
	}
	g.line("%s", end)
}

func (g *generator) readOne(t string) string {
	item, count, list := table.ListOf(t)
	switch {
	case list && g.records[item].Name != "":
		return "r.list(r." + count + "(), " + g.leastOf(item) + ", read" + item + ")"
	case list:
		return "r.list(r." + count + "(), " + g.leastOf(item) + ", (r) => " + g.readOne(item) + ")"
	case g.enums[t]:
		return "r.u8()"
	case g.records[t].Name != "":
		return "read" + t + "(r)"
	}
	return "r." + t + "()"
}

// leastOf returns how many bytes a value has at least.
func (g *generator) leastOf(t string) string { return strconv.Itoa(g.least(t)) }

func (g *generator) least(t string) int {
	if r := g.records[t]; r.Name != "" {
		n := 0
		for _, f := range r.Fields() {
			n += g.least(f.Type)
		}
		return n
	}
	if _, count, list := table.ListOf(t); list {
		return least[count]
	}
	if g.enums[t] {
		return 1
	}
	return least[t]
}

var least = map[string]int{
	"u8": 1, "u16": 2, "u32": 4, "u64": 8, "bool": 1, "text8": 1, "text": 2, "bytes": 4, "bytes?": 5, "key32": 32,
}
