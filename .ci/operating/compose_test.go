package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

const composeFile = "core/relay/examples/compose.yaml"

// compose is the example as compose takes it: what is wrong by the specification's schema is an error.
func compose(t *testing.T, env map[string]string, profiles ...string) (*types.Project, error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, composeFile))
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: filepath.Dir(path), Environment: env,
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: []byte(read(t, composeFile))}},
	}, loader.WithProfiles(profiles))
}

var named = map[string]string{"MASQ_HOST": "sync.example.org"}

// TestComposeIsOfItsSchema: before anything is filled in, and with each profile.
func TestComposeIsOfItsSchema(t *testing.T) {
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(read(t, composeFile)), &raw); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(raw); err != nil {
		t.Error(err)
	}
	raw["services"].(map[string]any)["sync"].(map[string]any)["read_olny"] = true
	if err := schema.Validate(raw); err == nil {
		t.Error("the schema takes anything")
	}
	if _, err := compose(t, nil); err == nil || !strings.Contains(err.Error(), "MASQ_HOST") {
		t.Errorf("without a host name: %v", err)
	}
	for _, profiles := range [][]string{nil, {"nodes"}} {
		p, err := compose(t, named, profiles...)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(p.Services), 2+2*len(profiles); got != want {
			t.Errorf("profiles %v: %d services, want %d", profiles, got, want)
		}
	}
}

// TestComposeIsHardened: no service may write to its root, or gain rights.
func TestComposeIsHardened(t *testing.T) {
	p, err := compose(t, named, "nodes")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		if !s.ReadOnly || s.Privileged || len(s.CapDrop) != 1 || s.CapDrop[0] != "ALL" || len(s.SecurityOpt) != 1 || s.SecurityOpt[0] != "no-new-privileges:true" {
			t.Errorf("%s: read-only %v, drops %v, %v", name, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
		if s.Image == "masq" && (s.HealthCheck == nil || s.StopGracePeriod == nil || s.StopGracePeriod.String() < "35s") {
			t.Errorf("%s: health check %v, stops within %v", name, s.HealthCheck, s.StopGracePeriod)
		}
	}
	for _, needed := range []string{p.Services["caddy"].DependsOn["sync"].Condition} {
		if needed != "service_healthy" {
			t.Errorf("Caddy waits for %q", needed)
		}
	}
}

// TestComposeSettings: the Sync Server takes the settings that the example gives it, and its health check works with them.
func TestComposeSettings(t *testing.T) {
	p, err := compose(t, named)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services["sync"]
	env := []string{"MASQ_SYNC_LISTEN=127.0.0.1:0"} // the container's own
	for name, value := range s.Environment {
		env = append(env, name+"="+*value)
	}
	cmd := exec.Command(masq(t), "sync-server")
	cmd.Env = env
	_, addr := begin(t, cmd, `listening on (\S+)$`)
	check := []string(s.HealthCheck.Test)
	if len(check) < 3 || check[0] != "CMD" || check[1] != "/masq" {
		t.Fatalf("the health check is %q", check)
	}
	probe := exec.Command(masq(t), check[2:]...)
	probe.Env = append(env, "MASQ_SYNC_LISTEN="+addr)
	if out, err := probe.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
