package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

const root = "../../.."

// goreleaser returns the value of a setting in .goreleaser.yaml that is a list in brackets.
func goreleaser(t *testing.T, setting string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^    ` + setting + `: \[(.*)\]$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf(".goreleaser.yaml has no %s in one line", setting)
	}
	if inner := strings.Trim(string(m[1]), "'"); len(inner)+2 == len(m[1]) {
		return []string{strings.ReplaceAll(inner, "{{ .Version }}", "12.34.56")}
	}
	return strings.Split(string(m[1]), ", ")
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestReleaseKnowsItsVersion builds masq as a release is built.
func TestReleaseKnowsItsVersion(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "masq")
	args := append([]string{"build", "-o", bin}, goreleaser(t, "flags")...)
	build := exec.Command("go", append(args, "-ldflags", goreleaser(t, "ldflags")[0], "./core/cmd/masq")...)
	build.Dir, build.Env = root, append(os.Environ(), goreleaser(t, "env")...)
	output(t, build)
	for _, c := range []struct{ args, want string }{
		{"--version", "masq 12.34.56"},
		{"version", "masq 12.34.56"},
		{"version --json", `{"version":"12.34.56"}`},
	} {
		if got := output(t, exec.Command(bin, strings.Fields(c.args)...)); got != c.want {
			t.Errorf("masq %s: %q, want %q", c.args, got, c.want)
		}
	}
}

// TestMakeBuildsAReleaseWithTheSameFlags: that is what a release can be compared with.
func TestMakeBuildsAReleaseWithTheSameFlags(t *testing.T) {
	plan := exec.Command("make", "-n", "-o", "web", "binary", "VERSION=12.34.56")
	plan.Dir = root
	got := output(t, plan)
	for _, want := range append(append(goreleaser(t, "flags"), goreleaser(t, "env")...), "-ldflags '"+goreleaser(t, "ldflags")[0]+"'") {
		if !strings.Contains(got, want) {
			t.Errorf("make builds without %q:\n%s", want, got)
		}
	}
}

func TestVersionOf(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct {
		name, release, main, commit, modified string
		want                                  string
	}{
		{"a release", "1.2.3", "(devel)", "", "", "1.2.3"},
		{"a release of a tag", "v1.2.3", "(devel)", "", "", "1.2.3"},
		{"go install of a version", "", "v1.2.3", "", "", "1.2.3"},
		{"go install of a commit", "", "v0.0.0-20251129174600-0123456789ab", "", "", "0.0.0-20251129174600-0123456789ab"},
		{"a checkout", "", "v0.0.0-20251129174600-0123456789ab", commit, "false", "devel-0123456789ab"},
		{"a checkout after a tag", "", "v1.2.4-0.20251129174600-0123456789ab", commit, "false", "devel-0123456789ab"},
		{"a checkout with changes", "", "v1.2.4-0.20251129174600-0123456789ab+dirty", commit, "true", "devel-0123456789ab-modified"},
		{"a checkout of a tag", "", "v1.2.3", commit, "false", "1.2.3"},
		{"a checkout of a tag with changes", "", "v1.2.3+dirty", commit, "true", "devel-0123456789ab-modified"},
		{"an older go", "", "(devel)", commit, "false", "devel-0123456789ab"},
		{"without version control", "", "(devel)", "", "", "devel"},
		{"nothing known", "", "", "", "", "devel"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.main}}
		if c.commit != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: c.commit}, {Key: "vcs.modified", Value: c.modified}}
		}
		if got := versionOf(c.release, info); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := versionOf("", nil); got != "devel" {
		t.Errorf("no information: %q", got)
	}
}
