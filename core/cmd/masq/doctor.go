package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/localstore/native"
	relay "github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/roster"
)

func doctorCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "check what can be wrong, and say what to do about it", Category: "store",
		Description: withJSON(`a line for each check: {"check", "ok", "finding", "hint"}.`),
		Flags: []cli.Flag{dataFlag(), jsonFlag(), portFlag(), noKeyringFlag(), &cli.StringSliceFlag{
			Name: "sync", Usage: "look at the Sync Server at this `URL` alone, and at nothing of the store; may be repeated",
		}},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			if cmd.Uint16("port") == 0 {
				return misuse(errors.New("--port is 0"), "it is the port on which the store should be, such as 6277")
			}
			d := &doctor{ui: u, dir: dataDir(cmd), port: cmd.Uint16("port"), asJSON: cmd.Bool("json"), noKeyring: cmd.Bool("no-keyring")}
			if urls := cmd.StringSlice("sync"); len(urls) > 0 {
				for _, url := range urls {
					if !roster.SafeRelay(url) {
						return notSyncServer(url)
					}
				}
				return d.examineSync(ctx, urls)
			}
			return d.examine(ctx)
		},
	}
}

// doctor writes findings down.
type doctor struct {
	*ui
	dir         string
	port        uint16
	noKeyring   bool
	listens     uint16 // the port that the store says it has; 0: no store says so
	asJSON      bool
	all, failed int
	err         error // of writing
}

// finding is what "masq doctor --json" prints, a line for each check.
type finding struct {
	Check   string `json:"check"`
	OK      bool   `json:"ok"`
	Finding string `json:"finding"`
	Hint    string `json:"hint,omitempty"`
}

func (d *doctor) note(f finding) {
	d.all++
	mark := "ok  "
	if !f.OK {
		d.failed++
		mark = "FAIL"
	}
	if d.err != nil {
		return
	}
	if d.asJSON {
		d.err = d.json(f)
		return
	}
	_, d.err = fmt.Fprintf(d.stdout, "%s  %-15s %s\n", mark, f.Check, f.Finding)
	if f.Hint != "" && d.err == nil {
		_, d.err = fmt.Fprintf(d.stdout, "      %-15s %s\n", "", f.Hint)
	}
}

func (d *doctor) ok(check, format string, args ...any) {
	d.note(finding{Check: check, OK: true, Finding: fmt.Sprintf(format, args...)})
}

func (d *doctor) bad(check, hint, format string, args ...any) {
	d.note(finding{Check: check, Hint: hint, Finding: fmt.Sprintf(format, args...)})
}

// examine makes all checks. Those that need a store that runs follow once one does; without one the data is looked at. It makes no file
// and no directory.
func (d *doctor) examine(ctx context.Context) error {
	d.ok("masq", "%s", version())
	d.directory()
	c, err := d.dial(ctx, d.dir)
	if err != nil {
		d.data(err)
	} else {
		defer c.close()
		d.store(ctx, c)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		d.address(ctx, host)
	}
	return d.result()
}

// examineSync looks at Sync Servers, which needs no store.
func (d *doctor) examineSync(ctx context.Context, urls []string) error {
	d.ok("masq", "%s", version())
	for _, url := range urls {
		d.syncServer(ctx, url)
	}
	return d.result()
}

func (d *doctor) result() error {
	switch {
	case d.err != nil:
		return d.err
	case d.failed > 0:
		return hint(fmt.Errorf("%d of %d checks failed", d.failed, d.all), "each failed check says what to do")
	}
	return nil
}

func (d *doctor) directory() {
	const check = "data directory"
	info, err := os.Stat(d.dir)
	_, tooLong := native.SocketPath(d.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok(check, "%s is not there yet; the store makes it", d.dir)
	case err != nil:
		d.bad(check, "--data names another directory", "%v", err)
	case !info.IsDir():
		d.bad(check, "--data names another directory", "%s is not a directory", d.dir)
	case info.Mode().Perm()&0o077 != 0:
		d.bad(check, "chmod 700 "+d.dir, "others may look into %s: its mode is %04o", d.dir, info.Mode().Perm())
	case tooLong != nil:
		d.bad(check, "--data names a directory with a shorter path", "%v", tooLong)
	default:
		d.ok(check, "%s, mode %04o", d.dir, info.Mode().Perm())
	}
}

// store asks the store that runs.
func (d *doctor) store(ctx context.Context, c *client) {
	s, err := c.state(ctx)
	switch {
	case err != nil:
		d.bad("store", hintOf(err), "%v", err)
		return
	case s.Version != version():
		d.bad("store", "restart the store, so that it is the same masq as this one", "the store that runs is masq %s", s.Version)
	default:
		d.ok("store", "running as %s", oneLine(s.Name))
	}
	d.listens = s.Port
	if s.Error != "" {
		d.bad("engine", whatToDo(s.Error), "the store says %s", inWords(s.Error))
	}
	d.copied(&s)
	d.damaged(&s)
	d.differing(&s)
	d.overdue(&s)
	d.durable(ctx, c)
	if len(s.Relays) == 0 {
		d.ok("sync server", "none is set: this store does not sync; --sync sets one when the store starts")
	}
	for _, url := range s.Relays {
		d.syncServer(ctx, url)
	}
}

// differing names the devices that hold something else though nothing is left to be sent.
func (d *doctor) differing(s *state) {
	hint := `"masq apps mend APP" takes a fresh copy: run it on the one of the two that was put back to an older state, as from a backup`
	if slices.ContainsFunc(s.Apps, func(a appState) bool { return a.Restored }) {
		hint = `this store was put back to an older state, as from a backup: "masq apps mend APP" takes a fresh copy`
	}
	for _, x := range s.Devices {
		if x.Differs {
			d.bad("devices", hint, "%s holds something else than this store, and syncing does not mend it", oneLine(x.Name))
		}
	}
}

// overdue names the devices that were not heard for long.
func (d *doctor) overdue(s *state) {
	for _, x := range s.overdue() {
		d.bad("devices", overdueHint, "%s", x.overdueText())
	}
}

// durable measures a put that waits for the disk.
func (d *doctor) durable(ctx context.Context, c *client) {
	const check, slow = "disk", 250 * time.Millisecond
	probe := params{"app": defaultApp, "key": "masq doctor", "value": time.Now().UnixMilli()}
	err := c.call(ctx, "put", probe, nil)
	start := time.Now()
	if err == nil {
		err = c.call(ctx, "put", probe, nil)
	}
	took := time.Since(start)
	if err == nil {
		err = c.call(ctx, "del", params{"app": defaultApp, "key": "masq doctor"}, nil)
	}
	switch {
	case err != nil:
		d.bad(check, hintOf(err), "a value cannot be written: %v", err)
	case took > slow:
		d.bad(check, "the disk is busy or slow; a data directory on a network file system is not a good idea", "a durable put takes %d ms", took.Milliseconds())
	default:
		d.ok(check, "a durable put takes %.1f ms", float64(took.Microseconds())/1000)
	}
}

// address checks one of the two addresses at which pages look for the store. That the store has a port is the store's own word, by its
// socket: what answers at the port could be anybody.
func (d *doctor) address(ctx context.Context, host string) {
	check, addr := "address", net.JoinHostPort(host, strconv.Itoa(int(d.port)))
	l, err := net.Listen("tcp", addr)
	if err == nil {
		l.Close()
	}
	running := d.listens != 0
	switch {
	case relay.NoSuchAddress(err):
		d.ok(check, "%s does not exist on this computer", host)
	case err == nil && running:
		d.bad(check, "--port says where the store is, if not there", "nothing listens on %s; the store is on port %d", addr, d.listens)
	case err == nil:
		d.ok(check, "%s is free", addr)
	case d.listens == d.port:
		d.ok(check, "the store listens on %s", addr)
	case d.looksLikeStore(ctx, addr):
		d.bad(check, `find out whose it is; it may be a store of another user's or of another --data. "masq store --port" takes another port, where pages do not look`,
			"another program is on %s; it answers as a masq store does, which anybody can", addr)
	default:
		d.bad(check, `end that program, or start "masq store" with another --port, where pages do not look`, "another program is on %s", addr)
	}
}

// looksLikeStore reports whether what answers at an address does so as a store would. That proves nothing.
func (d *doctor) looksLikeStore(ctx context.Context, addr string) bool {
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/openrpc.json", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	document, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return err == nil && string(document) == string(localstore.Document)
}
