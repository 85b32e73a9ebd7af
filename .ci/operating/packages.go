package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
	"go.yaml.in/yaml/v3"
)

// release is what .goreleaser.yaml says, as far as packages need it.
type release struct {
	Builds []struct {
		Main, Binary        string
		Env, Flags, Ldflags []string
	}
	Nfpms []map[string]any
}

func readRelease(root, version string) (r release, err error) {
	text, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		return r, err
	}
	text = bytes.ReplaceAll(text, []byte("{{ .Version }}"), []byte(version))
	if err := yaml.Unmarshal(text, &r); err != nil {
		return r, err
	}
	if len(r.Builds) != 1 || len(r.Nfpms) != 1 {
		return r, errors.New(".goreleaser.yaml has more builds or packages than this knows of")
	}
	return r, nil
}

// makePackages builds masq for this machine's architecture as a release does, and each package of it.
func makePackages(root, version, dir string) (files []string, err error) {
	r, err := readRelease(root, version)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, r.Builds[0].Binary)
	if err := r.build(root, binary); err != nil {
		return nil, err
	}
	formats, err := take[[]any](r.Nfpms[0], "formats")
	if err != nil {
		return nil, err
	}
	text, err := nfpmConfig(r.Nfpms[0], version, binary)
	if err != nil {
		return nil, err
	}
	for _, format := range formats {
		file, err := makePackage(root, text, fmt.Sprint(format), dir)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", format, err)
		}
		files = append(files, file)
	}
	return files, nil
}

func (r *release) build(root, binary string) error {
	b := r.Builds[0]
	args := append([]string{"build", "-o", binary}, b.Flags...)
	cmd := exec.Command("go", append(args, "-ldflags", strings.Join(b.Ldflags, " "), b.Main)...)
	cmd.Dir, cmd.Env = root, append(append(os.Environ(), b.Env...), "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

// nfpmConfig makes of goreleaser's section what nfpm takes.
func nfpmConfig(section map[string]any, version, binary string) ([]byte, error) {
	name, err := take[string](section, "package_name")
	if err != nil {
		return nil, err
	}
	bindir, err := take[string](section, "bindir")
	if err != nil {
		return nil, err
	}
	contents, err := take[[]any](section, "contents")
	if err != nil {
		return nil, err
	}
	delete(section, "id")
	section["name"], section["version"], section["arch"], section["platform"] = name, version, runtime.GOARCH, "linux"
	section["contents"] = append(contents, map[string]any{
		"src": binary, "dst": path.Join(bindir, filepath.Base(binary)), "file_info": map[string]any{"mode": 0o755},
	})
	return yaml.Marshal(section)
}

// take removes a setting that has to be there.
func take[T any](section map[string]any, name string) (v T, err error) {
	v, ok := section[name].(T)
	if !ok {
		return v, fmt.Errorf(".goreleaser.yaml: nfpms has no %s, or of another kind", name)
	}
	delete(section, name)
	return v, nil
}

func makePackage(root string, text []byte, format, dir string) (string, error) {
	config, err := nfpm.Parse(bytes.NewReader(text)) // which refuses what it does not know
	if err != nil {
		return "", err
	}
	info, err := config.Get(format)
	if err != nil {
		return "", err
	}
	info = nfpm.WithDefaults(info)
	for _, c := range info.Contents {
		if !filepath.IsAbs(c.Source) && c.Source != "" {
			c.Source = filepath.Join(root, c.Source)
		}
	}
	for _, script := range []*string{&info.Scripts.PostInstall, &info.Scripts.PreRemove, &info.Scripts.PostRemove, &info.Scripts.PreInstall} {
		if *script != "" {
			*script = filepath.Join(root, *script)
		}
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(dir, packager.ConventionalFileName(info)))
	if err != nil {
		return "", err
	}
	err = packager.Package(info, f)
	return f.Name(), errors.Join(err, f.Close())
}
