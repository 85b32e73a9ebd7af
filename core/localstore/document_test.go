package localstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/masqdev/masq/core/peer"
)

// document is what Document says, ready to check against.
type document struct {
	Methods []struct {
		Name   string
		Params []struct {
			Name     string
			Required bool
		}
		Result   struct{ Name string }
		Errors   []ref
		Examples []struct {
			Name   string
			Params []struct {
				Name  string
				Value json.RawMessage
			}
			Result struct{ Value json.RawMessage }
		}
	}
	Notifications []struct {
		Name    string
		Example json.RawMessage
	} `json:"x-notifications"`
	Components struct {
		Errors map[string]struct {
			Code    int
			Message string
			Data    struct{ Code peer.Code }
		}
	}

	params, results, notices map[string]*jsonschema.Schema
	failure                  *jsonschema.Schema
	seen                     map[string]bool     // what was checked
	errors                   map[string][]string // by method
}

type ref struct {
	Ref string `json:"$ref"`
}

// published reads Document once. Every answer that any test here gets is checked against it.
var published = sync.OnceValue(func() *document {
	d := &document{
		params: map[string]*jsonschema.Schema{}, results: map[string]*jsonschema.Schema{}, notices: map[string]*jsonschema.Schema{},
		errors: map[string][]string{}, seen: map[string]bool{},
	}
	if err := json.Unmarshal(Document, d); err != nil {
		panic(err)
	}
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(Document))
	if err != nil {
		panic(err)
	}
	root := raw.(map[string]any)
	for i, m := range d.Methods { // an object of all parameters, with no others
		schema := map[string]any{"type": "object", "additionalProperties": false}
		properties, required := map[string]any{}, []any{}
		for j, p := range m.Params {
			properties[p.Name] = map[string]any{"$ref": fmt.Sprintf("#/methods/%d/params/%d/schema", i, j)}
			if p.Required {
				required = append(required, p.Name)
			}
		}
		schema["properties"], schema["required"] = properties, required
		root["params:"+m.Name] = schema
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("openrpc.json", root); err != nil {
		panic(err)
	}
	for i, m := range d.Methods {
		d.params[m.Name] = compiler.MustCompile("openrpc.json#/params:" + m.Name)
		d.results[m.Name] = compiler.MustCompile(fmt.Sprintf("openrpc.json#/methods/%d/result/schema", i))
		for _, e := range m.Errors {
			d.errors[m.Name] = append(d.errors[m.Name], e.Ref[len("#/components/errors/"):])
		}
	}
	for i, n := range d.Notifications {
		d.notices[n.Name] = compiler.MustCompile(fmt.Sprintf("openrpc.json#/x-notifications/%d/params", i))
	}
	d.failure = compiler.MustCompile("openrpc.json#/components/schemas/Error")
	return d
})

func fits(schema *jsonschema.Schema, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// check holds what a client was sent, and the parameters with which a method worked, against what is published.
func (d *document) check(t testing.TB, method, params string, m message) {
	t.Helper()
	if seen := method + string(bytes.TrimPrefix(m.raw, append([]byte(`{"jsonrpc":"2.0","id":`), m.ID...))); len(seen) > 1<<16 || d.seen[seen] {
		return // it would take long, and says no more
	} else if len(d.seen) < 10_000 {
		d.seen[seen] = true
	}
	var err error
	switch {
	case m.Method != "" && d.notices[m.Method] == nil:
		err = fmt.Errorf("the notification is not published")
	case m.Method != "":
		err = fits(d.notices[m.Method], m.Params)
	case m.Error != nil:
		var all struct{ Error json.RawMessage }
		if err = json.Unmarshal(m.raw, &all); err == nil {
			err = fits(d.failure, all.Error)
		}
		known, ok := d.Components.Errors[string(m.code())]
		ours := d.results[method] != nil && m.Error.Code != rpcMethod // a method that the client may call
		switch {
		case !ok:
			t.Errorf("%s: an error that is not published: %s", method, m.raw)
		case ours && !slices.Contains(d.errors[method], string(m.code())):
			t.Errorf("%s: an error that is not among the method's: %s", method, m.raw)
		case ours && m.Error.Code != known.Code:
			t.Errorf("%s: another code than %d: %s", method, known.Code, m.raw)
		}
	case d.results[method] != nil:
		if err = fits(d.results[method], m.Result); err == nil {
			err = fits(d.params[method], []byte(params))
		}
	}
	if err != nil {
		t.Errorf("%s: %.300s: %v", method, m.raw, err)
	}
}

func TestDocumentIsComplete(t *testing.T) {
	d := published()
	var want, got []string
	for name := range methods {
		want = append(want, name)
	}
	for _, m := range d.Methods {
		got = append(got, m.Name)
		if len(m.Examples) == 0 {
			t.Errorf("%s has no example", m.Name)
		}
		for _, broken := range []peer.Code{peer.EQuota, peer.EInternal} { // what a store that is broken returns to every method
			if !slices.Contains(d.errors[m.Name], string(broken)) {
				t.Errorf("%s: %s is not among the errors", m.Name, broken)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("published are %v, there are %v", got, want)
	}
	for name, e := range d.Components.Errors {
		if words := WordsOf(e.Data.Code).Store; string(e.Data.Code) != name || e.Message != words || words == "" {
			t.Errorf("%s: %+v, what is said is %q", name, e, words)
		}
	}
	for _, n := range d.Notifications {
		if err := fits(d.notices[n.Name], n.Example); err != nil {
			t.Errorf("%s: %v", n.Name, err)
		}
	}
}

// Every method is called as its examples say, and returns what they say.
func TestDocumentExamples(t *testing.T) {
	d := published()
	h := newHarness(t)
	in, k := h.app(notes)
	in.must("put", `{"key":"note/1","value":{"title":"Hello"}}`)
	in.must("put", `{"key":"photo/1","bytes":"AAEC"}`)
	comes := h.web(notes).prover(k, notes)
	differs := []string{"hello", "request", "reveal", "prove", "watch", "status", "room"} // from run to run
	for _, m := range d.Methods {
		if methods[m.Name].who&(forApps|forNewApps) == 0 {
			continue // see TestDocumentOfTheManager
		}
		for _, e := range m.Examples {
			params := map[string]json.RawMessage{}
			for _, p := range e.Params {
				params[p.Name] = p.Value
			}
			text := string(encode(params))
			if err := fits(d.params[m.Name], []byte(text)); err != nil {
				t.Errorf("%s, %s: %v", m.Name, e.Name, err)
			}
			if err := fits(d.results[m.Name], e.Result.Value); err != nil {
				t.Errorf("%s, %s: %v", m.Name, e.Name, err)
			}
			c := in
			switch m.Name {
			case "request":
				c = h.web("https://asks.example")
			case "reveal":
				h.web("https://reveals.example").letIn(`{"app":{"name":"Reveals"}}`)
				continue
			case "compared":
				c = h.web("https://types.example")
				c.askTyping(`{"app":{"name":"Types"}}`)
			case "prove":
				comes.ask()
				continue
			case "proof":
				c, text = comes.c, comes.proof()
			}
			if got := c.must(m.Name, text); !slices.Contains(differs, m.Name) && !same(t, got, string(e.Result.Value)) {
				t.Errorf("%s, %s: %s, published is %s", m.Name, e.Name, got, e.Result.Value)
			}
		}
		c := in
		if methods[m.Name].who&forApps == 0 {
			c = h.web("https://more.example")
		}
		d.refusesOthers(t, c, m.Name)
	}
}

// refusesOthers checks that a method takes no other parameters than those that are published.
func (d *document) refusesOthers(t *testing.T, c *conn, method string) {
	t.Helper()
	for _, bad := range []string{`{"more":1}`, `[]`} {
		if err := fits(d.params[method], []byte(bad)); err == nil {
			t.Errorf("%s: %s would be right, as it is published", method, bad)
		}
		if got := c.call(method, bad); got.code() != peer.EValue {
			t.Errorf("%s: %s: %s", method, bad, got.raw)
		}
	}
}

// The methods of the manager and of masq itself are called as their examples say, with the numbers and ids that there are here.
func TestDocumentOfTheManager(t *testing.T) {
	d := published()
	n := newNetwork(t, "Desk")
	h := n.harnesses[0]
	h.app(notes)
	masq, page := h.admin(), h.connect(Who{Kind: Manager, Origin: manager})
	asked := func(string) string {
		h.web("https://asks.example").ask(`{"app":{"name":"Asks"}}`)
		requests := h.state().Requests
		return fmt.Sprintf(`{"request":%d}`, requests[len(requests)-1].Request)
	}
	pairing := func(string) string { return fmt.Sprintf(`{"pairing":%d}`, h.pairingNow().Pairing) }
	real := map[string]func(example string) string{
		"allow":  asked,
		"refuse": asked,
		"exchange": func(string) string {
			link := decode[struct{ Link string }](t, masq.must("open", `{}`)).Link
			return fmt.Sprintf(`{"secret":%q}`, link[strings.Index(link, "=")+1:])
		},
		"removeToken": func(string) string {
			app := h.state().Apps[0]
			return fmt.Sprintf(`{"app":%q,"id":%q}`, app.App, app.Tokens[0].ID)
		},
		"cancel": pairing,
		"join": func(example string) string {
			page.must("dismiss", `{}`) // of the invite, which is cancelled
			return example
		},
		"dismiss": func(string) string {
			page.must("cancel", pairing(""))
			return `{}`
		},
	}
	differs := []string{"exchange", "state", "devices", "invite", "join", "open", "grant"} // from run to run
	elsewhere := []string{"confirm", "mend", "revoke"}                                     // takes another device: see TestPairing
	for _, m := range d.Methods {
		who := methods[m.Name].who
		if who&(forApps|forNewApps) != 0 {
			continue
		}
		c := page
		if who == forAdmin {
			c = masq
		}
		for _, e := range m.Examples {
			params := map[string]json.RawMessage{}
			for _, p := range e.Params {
				params[p.Name] = p.Value
			}
			text := string(encode(params))
			if err := fits(d.params[m.Name], []byte(text)); err != nil {
				t.Errorf("%s, %s: %v", m.Name, e.Name, err)
			}
			if err := fits(d.results[m.Name], e.Result.Value); err != nil {
				t.Errorf("%s, %s: %v", m.Name, e.Name, err)
			}
			if f := real[m.Name]; f != nil {
				text = f(text)
			}
			if slices.Contains(elsewhere, m.Name) {
				continue
			}
			id := c.begin(m.Name, text)
			n.until(m.Name, func() bool { _, ok := c.answer(id); return ok })
			if got, _ := c.answer(id); got.Error != nil {
				t.Errorf("%s, %s: %s", m.Name, e.Name, got.raw)
			} else if !slices.Contains(differs, m.Name) && !same(t, string(got.Result), string(e.Result.Value)) {
				t.Errorf("%s, %s: %s, published is %s", m.Name, e.Name, got.Result, e.Result.Value)
			}
		}
		if who == forNewManager {
			c = h.connect(Who{Kind: Manager, Origin: manager})
		}
		d.refusesOthers(t, c, m.Name)
	}
}

// What the manager is told has the fields of its schema, each with the same name, and is left out where it is not required.
func TestDocumentOfState(t *testing.T) {
	var d struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(Document, &d); err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(one reflect.Type) {
		for one.Kind() == reflect.Slice || one.Kind() == reflect.Pointer {
			one = one.Elem()
		}
		if one.Kind() != reflect.Struct || seen[one] {
			return
		}
		seen[one] = true
		name := strings.ToUpper(one.Name()[:1]) + one.Name()[1:]
		var fields, required []string
		for _, f := range reflect.VisibleFields(one) {
			if f.Anonymous {
				continue
			}
			field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, field)
			if options != "omitempty" {
				required = append(required, field)
			}
			walk(f.Type)
		}
		schema := d.Components.Schemas[name]
		if want := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(sorted(fields), want) {
			t.Errorf("%s has %v, published is %v", name, sorted(fields), want)
		}
		if !slices.Equal(sorted(required), sorted(schema.Required)) {
			t.Errorf("%s always has %v, published is %v", name, sorted(required), sorted(schema.Required))
		}
	}
	walk(reflect.TypeFor[state]())
	if len(seen) < 8 {
		t.Errorf("looked at %d types", len(seen))
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func same(t *testing.T, a, b string) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, []byte(a)) != nil || json.Compact(&y, []byte(b)) != nil {
		t.Fatalf("no JSON: %s, %s", a, b)
	}
	return x.String() == y.String()
}
