package localstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
			Code int
			Data struct{ Code peer.Code }
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

// check holds what an application was sent against what is published.
func (d *document) check(t testing.TB, method string, m message) {
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
		_, ours := d.results[method]
		switch {
		case !ok:
			t.Errorf("%s: an error that is not published: %s", method, m.raw)
		case ours && !slices.Contains(d.errors[method], string(m.code())):
			t.Errorf("%s: an error that is not among the method's: %s", method, m.raw)
		case ours && m.Error.Code != known.Code:
			t.Errorf("%s: another code than %d: %s", method, known.Code, m.raw)
		}
	case d.results[method] != nil:
		err = fits(d.results[method], m.Result)
	}
	if err != nil {
		t.Errorf("%s: %.300s: %v", method, m.raw, err)
	}
}

func TestDocumentIsComplete(t *testing.T) {
	d := published()
	var want, got []string
	for name, m := range methods {
		if m.who&(forApps|forNewApps) != 0 {
			want = append(want, name)
		}
	}
	for _, m := range d.Methods {
		got = append(got, m.Name)
		if len(m.Examples) == 0 {
			t.Errorf("%s has no example", m.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("published are %v, there are %v", got, want)
	}
	for name, e := range d.Components.Errors {
		if string(e.Data.Code) != name || sentences[e.Data.Code] == "" {
			t.Errorf("%s: %+v, %q", name, e, sentences[e.Data.Code])
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
	differs := []string{"hello", "request", "prove", "watch", "status"} // from run to run
	for _, m := range d.Methods {
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
				h.web("https://asks.example").letIn(text)
				continue
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
		for name, schema := range d.params {
			if name != m.Name {
				continue
			}
			for _, bad := range []string{`{"more":1}`, `[]`} {
				if err := fits(schema, []byte(bad)); err == nil {
					t.Errorf("%s: %s would be right, as it is published", name, bad)
				}
				if got := c.call(name, bad); got.code() != peer.EValue {
					t.Errorf("%s: %s: %s", name, bad, got.raw)
				}
			}
		}
	}
}

func same(t *testing.T, a, b string) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, []byte(a)) != nil || json.Compact(&y, []byte(b)) != nil {
		t.Fatalf("no JSON: %s, %s", a, b)
	}
	return x.String() == y.String()
}
