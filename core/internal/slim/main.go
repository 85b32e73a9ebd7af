// Command slim leaves out of the browser's client what other people's packages link and Masq never runs: see patches. It writes the
// patched files into a folder and prints, one per line, the flags that make Go build with them:
//
//	go run ./core/internal/slim .build/slim
//
// A file of Go's library is replaced by -overlay. Go overlays no downloaded module: -modfile names a go.mod that takes a patched copy.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("give the folder to write to: it may be there already"))
	}
	dir, err := filepath.Abs(os.Args[1])
	if err != nil {
		fail(err)
	}
	flags, err := write(dir)
	if err != nil {
		fail(err)
	}
	for _, flag := range flags {
		fmt.Println(flag)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "slim:", err)
	os.Exit(1)
}

// write fills dir and returns the flags.
func write(dir string) ([]string, error) {
	found, err := find()
	if err != nil {
		return nil, err
	}
	replaced := map[string]string{} // files of Go's library
	modules := map[string]*module{} // to copy, by path
	for _, p := range patches {
		pkg := found[p.pkg]
		source, err := os.ReadFile(filepath.Join(pkg.Dir, p.file))
		if err != nil {
			return nil, err
		}
		patched, err := p.apply(source)
		if err != nil {
			return nil, err
		}
		to := filepath.Join(dir, filepath.FromSlash(p.pkg), p.file)
		if pkg.Module == nil {
			replaced[filepath.Join(pkg.Dir, p.file)] = to
		} else {
			if to, err = pkg.Module.copyTo(dir, modules, pkg.Dir, p.file); err != nil {
				return nil, err
			}
		}
		if err := save(to, patched); err != nil {
			return nil, err
		}
	}
	return finish(dir, replaced, modules)
}

// finish writes the overlay and the go.mod with its go.sum.
func finish(dir string, replaced map[string]string, modules map[string]*module) ([]string, error) {
	root, err := golist("-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	top := strings.TrimSpace(string(root))
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		rel, err := filepath.Rel(top, modules[name].copy(dir)) // an absolute path would be in the build's bytes
		if err != nil {
			return nil, err
		}
		mod = fmt.Appendf(mod, "\nreplace %s => ./%s\n", name, filepath.ToSlash(rel))
	}
	sum, err := os.ReadFile(filepath.Join(top, "go.sum"))
	if err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"go.mod": mod, "go.sum": sum, "overlay.json": overlay}
	for name, content := range files {
		if err := save(filepath.Join(dir, name), content); err != nil {
			return nil, err
		}
	}
	return []string{"-overlay=" + filepath.Join(dir, "overlay.json"), "-modfile=" + filepath.Join(dir, "go.mod")}, nil
}

type pkg struct {
	ImportPath, Dir string
	Module          *module // nil in Go's library
}

type module struct{ Path, Version, Dir string }

// find returns the packages to patch, by import path.
func find() (map[string]pkg, error) {
	args := []string{"-json=ImportPath,Dir,Module", "--"}
	for _, p := range patches {
		args = append(args, p.pkg)
	}
	out, err := golist(args...)
	if err != nil {
		return nil, err
	}
	found := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		found[p.ImportPath] = p
	}
}

func golist(args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// copy returns the folder that the module is copied to. Another version has another.
func (m *module) copy(dir string) string {
	return filepath.Join(dir, filepath.FromSlash(m.Path)+"@"+m.Version)
}

// copyTo copies the module unless modules has it, which it is added to. It returns where the file of its package in the folder from is then.
func (m *module) copyTo(dir string, modules map[string]*module, from, file string) (string, error) {
	if modules[m.Path] == nil {
		modules[m.Path] = m
		if err := m.copyFiles(dir); err != nil {
			return "", err
		}
	}
	rel, err := filepath.Rel(m.Dir, filepath.Join(from, file))
	return filepath.Join(m.copy(dir), rel), err
}

// copyFiles copies what is built, but for the files to patch.
func (m *module) copyFiles(dir string) error {
	return filepath.WalkDir(m.Dir, func(name string, entry os.DirEntry, err error) error {
		rel, relErr := filepath.Rel(m.Dir, name)
		built := path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") || rel == "go.mod"
		if err := errors.Join(err, relErr); err != nil || entry.IsDir() || !built || m.patched(rel) {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return save(filepath.Join(m.copy(dir), rel), content)
	})
}

func (m *module) patched(rel string) bool {
	for _, p := range patches {
		if path.Join(p.pkg, p.file) == path.Join(m.Path, filepath.ToSlash(rel)) {
			return true
		}
	}
	return false
}

// save writes a file unless it is there with that content: another build may be reading it.
func save(name string, content []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}
