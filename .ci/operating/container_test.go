package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// instruction is one of the Containerfile's.
type instruction struct{ word, rest string }

func instructions(t *testing.T) (all []instruction) {
	for line := range strings.Lines(read(t, "core/relay/packaging/Containerfile")) {
		line = strings.TrimSpace(line)
		if word, rest, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") {
			all = append(all, instruction{word, rest})
		}
	}
	return all
}

// argv is what stands in the brackets of an instruction.
func argv(t *testing.T, rest string) (args []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(rest[strings.Index(rest, "["):]), &args); err != nil {
		t.Fatalf("%q: %v", rest, err)
	}
	return args
}

// TestContainer does by hand what the Containerfile says, because there may be nothing here that builds containers: it copies those
// files alone that are in the repository and are copied there, builds, and runs the program and its health check in a root that has
// nothing but the program. It takes root, for that.
func TestContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this needs root, to run in a root of its own: run it as root, in a container for example")
	}
	src, scratch := t.TempDir(), t.TempDir()
	os.Chmod(scratch, 0o755)
	var env, entry, check []string
	uid := 0
	for _, i := range instructions(t) {
		switch i.word {
		case "COPY":
			if !strings.HasPrefix(i.rest, "--from=") {
				copyTracked(t, src, strings.Fields(i.rest))
			}
		case "RUN":
			if strings.Contains(i.rest, "go build") {
				build := exec.Command("sh", "-c", strings.ReplaceAll(i.rest, "-o /masq", "-o "+filepath.Join(scratch, "masq")))
				build.Dir, build.Env = src, append(os.Environ(), "VERSION=12.34.56")
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
		case "USER":
			uid, _ = strconv.Atoi(strings.Split(i.rest, ":")[0])
		case "ENV":
			env = append(env, strings.Fields(i.rest)...)
		case "ENTRYPOINT":
			entry = argv(t, i.rest)
		case "HEALTHCHECK":
			check = argv(t, i.rest)
		}
	}
	if uid == 0 || len(entry) == 0 || len(check) == 0 {
		t.Fatalf("user %d, entry point %q, health check %q", uid, entry, check)
	}
	static(t, filepath.Join(scratch, "masq"))
	listen, admin := freePort(t), freePort(t) // the container's own are this machine's here
	for n, e := range env {
		env[n] = strings.NewReplacer(":6280", ":"+listen, ":6290", ":"+admin).Replace(e)
	}
	inside := func(args []string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Path, cmd.Dir, cmd.Env = args[0], "/", env
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: scratch, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		return cmd
	}
	if out, err := inside([]string{"/masq", "--version"}).CombinedOutput(); err != nil || string(out) != "masq 12.34.56\n" {
		t.Errorf("%q, %v", out, err)
	}
	server, _ := begin(t, inside(entry), "admin listening on")
	for _, probe := range [][]string{check, append(check[:len(check)-1:len(check)-1], "ready")} {
		if out, err := inside(probe).CombinedOutput(); err != nil {
			t.Errorf("%q: %v: %s", probe, err, out)
		}
	}
	server.Process.Signal(syscall.SIGTERM)
	err := <-server.ended
	server.ended <- err
	if err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if err := inside(check).Run(); err == nil {
		t.Error("it is healthy when it has ended")
	}
}

// copyTracked copies what is in the repository.
func copyTracked(t *testing.T, to string, fields []string) {
	t.Helper()
	names := fields[:len(fields)-1]
	cmd := exec.Command("sh", "-c", fmt.Sprintf("git ls-files -z %s | xargs -0 tar -c | tar -x -C '%s'", strings.Join(names, " "), to))
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(to, name)); err != nil {
			t.Errorf("what is copied is not in the repository: %v", err)
		}
	}
}

// static checks that a program needs no library.
func static(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it is not static")
		}
	}
}
