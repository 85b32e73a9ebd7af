package native

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestDefaultDir(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the others have no variables of their own for it
	}
	for _, c := range []struct{ xdg, home, want string }{
		{"/data", "/home/u", "/data/masq"},
		{"", "/home/u", "/home/u/.local/share/masq"},
		{"relative", "/home/u", "/home/u/.local/share/masq"},
		{"/data", "", "/data/masq"},
		{"", "", ""},
	} {
		t.Setenv("XDG_DATA_HOME", c.xdg)
		t.Setenv("HOME", c.home)
		if got := DefaultDir(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestPrepareDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no modes
	}
	base := t.TempDir()
	for name, c := range map[string]struct {
		mode  os.FileMode // 0: it is not there
		file  bool        // there is something in it
		owner int         // who it belongs to, if the test may give it away
		err   string      // what the refusal says
	}{
		"new/and/deep":      {},
		"closed":            {mode: 0o700},
		"closed, in use":    {mode: 0o700, file: true},
		"open and empty":    {mode: 0o755},
		"writable, empty":   {mode: 0o777},
		"open, in use":      {mode: 0o755, file: true, err: "chmod 700"},
		"group, in use":     {mode: 0o750, file: true, err: "chmod 700"},
		"writable, in use":  {mode: 0o777, file: true, err: "chmod 700"},
		"somebody else's":   {mode: 0o700, owner: 12345, err: "--data DIR"},
		"sticky, as of all": {mode: 0o777 | os.ModeSticky, file: true, err: "--data DIR"},
	} {
		dir := filepath.Join(base, name)
		if c.mode != 0 {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.file {
				if err := os.WriteFile(filepath.Join(dir, "letter"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, c.mode); err != nil {
				t.Fatal(err)
			}
			if c.owner != 0 && os.Chown(dir, c.owner, c.owner) != nil {
				continue // not root
			}
		}
		got, err := prepareDir(dir)
		switch {
		case c.err == "" && (err != nil || got != dir):
			t.Errorf("%s: %q, %v", name, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
		info, statErr := os.Stat(dir)
		if statErr != nil || err == nil && info.Mode().Perm() != 0o700 || err != nil && info.Mode().Perm() != c.mode.Perm() {
			t.Errorf("%s: %v, %v", name, info.Mode(), statErr)
		}
	}
	if _, err := prepareDir(""); err != ErrNoDir {
		t.Errorf("no directory: %v", err)
	}
	if _, err := prepareDir(filepath.Join(base, "closed, in use", "letter")); err == nil {
		t.Error("a file")
	}
}
