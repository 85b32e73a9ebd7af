//go:build !js

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/masqdev/masq/wasm/client/codec/table"
)

const header = `// Made by wasm/client/codec/gen of the table in wasm/client/codec/table. Do not edit: change the table and run
// ` + "`make generate`" + `.

import { CodecError, readBody, type Message, type Reader, type Writer } from './codec.js'

/** The codec's version, which two tabs must have in common. */
export const CODEC_VERSION = %d
`

type generator struct {
	out     bytes.Buffer
	records map[string]table.Message
	enums   map[string]bool
}

// line writes one line of output.
func (g *generator) line(format string, args ...any) { fmt.Fprintf(&g.out, format+"\n", args...) }

// numbers writes limits, enums and names.
func (g *generator) numbers() {
	g.line(header, table.Version)
	for _, l := range table.Limits {
		g.line("export const %s = %d", l.Name, l.Value)
	}
	g.enum("EventType", numbersOf(table.Events))
	g.enum("ActionType", numbersOf(actions()))
	g.enum("Verb", numbersOf(table.Verbs))
	for _, e := range table.Enums {
		g.enum(e.Name, e.Members)
	}
	for _, e := range table.Names {
		var names []string
		for _, m := range e.Members {
			for len(names) <= m.Value {
				names = append(names, "''")
			}
			names[m.Value] = "'" + m.Name + "'"
		}
		g.line("\nexport const %s = [%s] as const", e.Name, strings.Join(names, ", "))
	}
}

func numbersOf(all []table.Message) (out []table.Number) {
	for _, m := range all {
		out = append(out, table.Number{Name: m.Name, Value: int(m.Number)})
	}
	slices.SortFunc(out, func(a, b table.Number) int { return a.Value - b.Value })
	return out
}

func (g *generator) enum(name string, members []table.Number) {
	g.line("\nexport const enum %s {", name)
	for _, m := range members {
		g.line("  %s = %d,", m.Name, m.Value)
	}
	g.line("}")
}

// types writes what messages are in TypeScript. Who has one written may still need its lists: they are readonly.
func (g *generator) types() {
	for _, r := range table.Records {
		g.line("")
		g.record(r.Name, g.members(r, ""))
	}
	g.line("\n/** What an op asks for. */")
	g.union("Ask", "verb", "Verb", table.Verbs, "readonly ")
	g.line("\n/** An operation: `client` and `n` are the two halves of its id. */")
	g.line("export type Op = Ask & OpID")
	g.line("\n/** What the Worker tells the engine. */")
	g.union("EngineEvent", "type", "EventType", workerEvents(), "readonly ")
	g.line("\n/** Actions that are for one tab: `client` and `n` are the two halves of the op's id. */")
	g.union("TabAction", "type", "ActionType", table.TabActions, "")
	g.line("\n/** Actions that are for every tab. */")
	g.record("StatusAction", append([]string{"type: ActionType." + table.Status.Name}, g.members(table.Status, "")...))
	g.line("\n/** Actions that are for the Worker. */")
	g.union("WorkerAction", "type", "ActionType", table.WorkerActions, "")
}

// workerEvents are all but Op, which tabs write.
func workerEvents() []table.Message {
	return slices.DeleteFunc(slices.Clone(table.Events), func(m table.Message) bool { return m.Name == "Op" })
}

// lineMax is how long the formatter lets a line be.
const lineMax = 120

func (g *generator) record(name string, members []string) {
	g.line("export interface %s {\n  %s\n}", name, strings.Join(members, "\n  "))
}

func (g *generator) union(name, tag, enum string, messages []table.Message, lists string) {
	g.line("export type %s =", name)
	for _, m := range messages {
		members := append([]string{tag + ": " + enum + "." + m.Name}, g.members(m, lists)...)
		if one := "  | { " + strings.Join(members, "; ") + " }"; len(one) <= lineMax {
			g.line("%s", one)
		} else {
			g.line("  | {\n      %s\n    }", strings.Join(members, "\n      "))
		}
	}
}

func (g *generator) members(m table.Message, lists string) (out []string) {
	for _, f := range m.Fields() {
		if item, _, list := table.ListOf(f.Type); list {
			out = append(out, f.Name+": "+lists+typeOf(item)+"[]")
		} else {
			out = append(out, f.Name+": "+typeOf(f.Type))
		}
	}
	return out
}

func typeOf(t string) string {
	switch t {
	case "u8", "u16", "u32", "u64":
		return "number"
	case "bool":
		return "boolean"
	case "text", "text8":
		return "string"
	case "bytes", "key32", "rest":
		return "Uint8Array"
	case "bytes?":
		return "Uint8Array | undefined"
	}
	return t
}
