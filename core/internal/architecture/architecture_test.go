// Package architecture checks that what core/ARCHITECTURE.md names is there. It has no code, only the test.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's, from here.
const root = "../../.."

const document = "core/ARCHITECTURE.md"

// known are names in backquotes that are not the repository's.
var known = map[string]bool{"time": true}

var (
	backquoted = regexp.MustCompile("`[^`\n]+`")
	qualified  = regexp.MustCompile(`^\w+\.\w+(\.\w+)?$`)
	single     = regexp.MustCompile(`^\w+$`)
	declared   = regexp.MustCompile(`(?m)^\s*(?:export )?(?:default )?(?:async )?(?:function|class|interface|type|const|let|enum)\s+(\w+)`)
)

func TestNamesExist(t *testing.T) {
	text, err := os.ReadFile(path.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	names := declarations(t)
	found := backquoted.FindAll(text, -1)
	if len(found) < 50 {
		t.Errorf("%s names %d things", document, len(found))
	}
	for _, f := range found {
		if name := strings.Trim(string(f), "`"); !exists(name, names) {
			t.Errorf("%s names %s, which is neither a path nor declared", document, f)
		}
	}
}

// TestExists shows what is taken for there.
func TestExists(t *testing.T) {
	names := declarations(t)
	for name, want := range map[string]bool{
		"core/peer": true, "js/src/masq.ts": true, "go.mod": true, "core/none.go": false, "peer/engine.go": false, "/etc/passwd": false, "../go.mod": false,
		"peer.Engine": true, "peer.Engine.Step": true, "wire.RelayFrame.Nonce": true, "peer.Enjin": false, "peer.Engine.Stop2": false, "engine.Engine": false,
		"Step": true, "connect": true, "Leadership": true, "NoSuchName": false, "make test": true, "make nothing": false, "time": true, "two words": false,
	} {
		if got := exists(name, names); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// exists reports whether a name is a path from the root, a target of make, an identifier with its package (and type), or one that is
// declared somewhere.
func exists(name string, names map[string]bool) bool {
	if target, ok := strings.CutPrefix(name, "make "); ok {
		makefile, err := os.ReadFile(path.Join(root, "Makefile"))
		return err == nil && regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:`).Match(makefile)
	}
	switch {
	case known[name], (qualified.MatchString(name) || single.MatchString(name)) && names[name]:
		return true
	case !fs.ValidPath(name):
		return false
	}
	_, err := os.Stat(path.Join(root, name))
	return err == nil
}

// declarations are all that Go and TypeScript declare here: Name, and for Go package.Name, package.Type.Name for methods and fields too.
func declarations(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, dir := range []string{"core", "wasm", "js/src", "web"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
				if d.Name() == "testdata" || d.Name() == "dist" || d.Name() == "node_modules" {
					return fs.SkipDir
				}
			case strings.HasSuffix(name, ".go"):
				return declaredInGo(name, names)
			case strings.HasSuffix(name, ".ts"):
				text, err := os.ReadFile(path.Join(root, name))
				for _, m := range declared.FindAllSubmatch(text, -1) {
					names[string(m[1])] = true
				}
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func declaredInGo(name string, names map[string]bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), path.Join(root, name), nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(of string, idents ...*ast.Ident) {
		for _, id := range idents {
			names[id.Name] = true
			names[file.Name.Name+"."+of+id.Name] = true
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			add(receiver(d), d.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					add("", spec.Names...)
				case *ast.TypeSpec:
					add("", spec.Name)
					for _, f := range fields(spec.Type) {
						add(spec.Name.Name+".", f.Names...)
					}
				}
			}
		}
	}
	return nil
}

// receiver is the type of a method, with a dot behind it; empty for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

// fields are those of a struct, or an interface's methods.
func fields(typ ast.Expr) []*ast.Field {
	switch typ := typ.(type) {
	case *ast.StructType:
		return typ.Fields.List
	case *ast.InterfaceType:
		return typ.Methods.List
	}
	return nil
}
