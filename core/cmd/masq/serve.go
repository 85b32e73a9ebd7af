package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/localstore/native"
	relay "github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/wire"
	"github.com/masqdev/masq/web"
	"github.com/masqdev/masq/web/static"
)

func portFlag() cli.Flag {
	return &cli.Uint16Flag{Name: "port", Value: localstore.DefaultPort, Usage: "the store's `port` on this computer; applications look at 6277"}
}

func noKeyringFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-keyring", Usage: "keep the store's key in a file, not in the system's keyring", Sources: cli.EnvVars("MASQ_NO_KEYRING")}
}

func storeFlags() []cli.Flag {
	return []cli.Flag{
		dataFlag(), jsonFlag(), portFlag(),
		&cli.Uint16Flag{Name: "page-port", Usage: "the `port` at which pages reach the store, where a container or a proxy passes it on (default: --port)"},
		&cli.StringFlag{Name: "name", Usage: "this device's `name`, at first; later \"masq devices rename\" changes it"},
		&cli.BoolFlag{Name: "headless", Usage: "no manager page: the command line does what it does"},
		noKeyringFlag(),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log more, web pages' origins too"},
	}
}

func upCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "up", Usage: "run a store, a Sync Server and the demo on this computer", Category: "serve",
		Description: withJSON(`one line when it is up, {"demo", "sync", "store"}: addresses.`),
		Flags: append([]cli.Flag{&cli.StringFlag{
			Name: "listen", Value: "localhost:6280", Usage: "loopback `address` and port of the Sync Server and the demo",
		}}, storeFlags()...),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			return up(ctx, u, cmd)
		},
	}
}

func storeCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "store", Usage: "run the local store, which applications of this computer share", Category: "serve",
		Description: withJSON(`one line when it is up, {"store"}: its address.`),
		Flags: append(storeFlags(), &cli.StringSliceFlag{
			Name: "sync", Usage: "`URL` of a Sync Server, such as wss://sync.example.org; may be repeated (default: the one set before)",
		}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			s, err := openStore(u, cmd, cmd.StringSlice("sync"))
			if err != nil {
				return err
			}
			defer s.Close()
			if cmd.Bool("json") {
				u.json(map[string]string{"store": s.url()})
			} else {
				fmt.Fprintf(u.stdout, "masq store listening on localhost:%d\n", s.port)
			}
			return s.serve(ctx)
		},
	}
}

func (u *ui) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(u.stderr, &slog.HandlerOptions{Level: level}))
}

// localStore is a store that is open and has its port, but does not serve yet.
type localStore struct {
	*native.Server
	ui        *ui
	listeners []net.Listener
	port      uint16
	dir       string
	sync      []string // Sync Servers to be set once it serves
	always    bool     // also if there are some already
}

// openStore opens the data directory, then the port: who has the data comes first.
func openStore(u *ui, cmd *cli.Command, sync []string) (*localStore, error) {
	for _, url := range sync {
		if !roster.SafeRelay(url) {
			return nil, notSyncServer(url)
		}
	}
	if name := cmd.String("name"); name != "" && !roster.ValidName(name) {
		return nil, misuse(fmt.Errorf("%q is not a name for a device", name), "--name takes 1 to 40 characters, on one line")
	}
	level := slog.LevelInfo
	if cmd.Bool("verbose") {
		level = slog.LevelDebug
	}
	server, err := native.New(native.Options{
		Dir: dataDir(cmd), Name: cmd.String("name"), Sync: sync, NoKeyring: cmd.Bool("no-keyring"),
		Page: managerPage(cmd), Version: version(), Log: u.logger(level), PagePort: cmd.Uint16("page-port"),
	})
	if err != nil {
		return nil, hintFor(err)
	}
	listeners, err := listen(fmt.Sprintf("localhost:%d", cmd.Uint16("port")), "--port",
		"6278, where pages do not look: they meet the other program")
	if err != nil {
		server.Close()
		return nil, err
	}
	s := &localStore{Server: server, ui: u, listeners: listeners, dir: dataDir(cmd), sync: sync, always: cmd.IsSet("sync")}
	s.port = uint16(listeners[0].Addr().(*net.TCPAddr).Port)
	return s, nil
}

func notSyncServer(url string) error {
	return misuse(fmt.Errorf("%q is not the address of a Sync Server", url),
		"it begins with wss:// (or ws:// on this computer) and has no slash at its end, as in wss://sync.example.org")
}

func (s *localStore) url() string { return fmt.Sprintf("http://localhost:%d", s.port) }

// managerPage is the Store manager, nil where there is none.
func managerPage(cmd *cli.Command) http.Handler {
	tree, err := fs.Sub(web.FS(), "manager")
	if err != nil || cmd.Bool("headless") || !static.Built(tree) {
		return nil
	}
	page, err := static.Handler(tree)
	if err != nil {
		return nil
	}
	return page
}

// hintFor adds to an error of package native what to do about it.
func hintFor(err error) error {
	var engine *native.EngineError
	var path *fs.PathError
	switch {
	case errors.As(err, &engine) && localstore.WordsOf(engine.Code).Stopped != "":
		words := localstore.WordsOf(engine.Code)
		return hint(errors.New(words.Stopped), words.Command)
	case errors.Is(err, bolt.ErrLocked):
		return hint(errors.New("another masq store uses this data"), "end it first, or give this one another data directory by --data")
	case errors.Is(err, native.ErrSocketPath):
		return hint(err, "--data names a directory with a shorter path")
	case errors.As(err, &path):
		return hint(err, "--data names a directory that you may write to")
	}
	// The others say "what is wrong: what to do", and what was wrong below.
	for _, known := range []error{bolt.ErrDamaged, bolt.ErrVersion, native.ErrKeyring} {
		if errors.Is(err, known) {
			err = known
		}
	}
	if sentence, todo, ok := strings.Cut(err.Error(), ": "); ok && errors.Unwrap(err) == nil {
		return hint(errors.New(sentence), todo)
	}
	return hint(err, `"masq doctor" checks what can be wrong`)
}

// serve runs the store until ctx ends.
func (s *localStore) serve(ctx context.Context) error {
	go s.setRelays(ctx)
	if err := s.Serve(ctx, s.listeners...); err != nil {
		return hintFor(err)
	}
	return nil
}

// setRelays tells a circle that was there before which Sync Servers to use; a new one begins with them.
func (s *localStore) setRelays(ctx context.Context) {
	if len(s.sync) == 0 {
		return
	}
	c, err := s.ui.dial(ctx, s.dir)
	if err != nil {
		return // it is ending
	}
	defer c.close()
	st, err := c.state(ctx)
	if err == nil && !slices.Equal(st.Relays, s.sync) && (s.always || len(st.Relays) == 0) {
		err = c.call(ctx, "setRelays", params{"urls": s.sync}, nil)
	}
	if err != nil && ctx.Err() == nil {
		s.ui.say("error: the sync servers could not be set: %v", err)
	}
}

// up runs the store, and the Sync Server with the demo, until ctx ends.
func up(ctx context.Context, u *ui, cmd *cli.Command) error {
	addr := cmd.String("listen")
	if !wire.IsLoopbackHost(addr) {
		return misuse(fmt.Errorf("%s is not an address of this computer alone", addr),
			`"masq up" is for trying Masq here; "masq sync-server" serves others`)
	}
	listeners, err := listen(addr, "--listen", "localhost:6281")
	if err != nil {
		return err
	}
	addr = shown(addr, listeners)
	s, err := openStore(u, cmd, []string{"ws://" + addr})
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer s.Close()
	page, err := demoPage()
	if err != nil {
		closeAll(listeners)
		return err
	}
	server := relay.New(relay.Options{
		// Whoever uses this computer may open as many tabs as they like.
		Loopback: relay.AddressLimits{Waiting: 1_000, Joined: 10_000, NewPerMinute: 100_000},
		Page:     page,
		Log:      u.logger(slog.LevelInfo),
	})
	u.welcome(cmd, addr, s)
	return together(ctx, s.serve, func(ctx context.Context) error { return server.Serve(ctx, listeners...) })
}

// demoPage is the demo, without the manager: that works only where its store is.
func demoPage() (http.Handler, error) {
	page, err := static.Handler(web.FS())
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.Handle("/manager/", http.NotFoundHandler())
	return mux, err
}

// welcome says what to try.
func (u *ui) welcome(cmd *cli.Command, addr string, s *localStore) {
	if cmd.Bool("json") {
		u.json(map[string]string{"demo": "http://" + addr, "sync": "ws://" + addr, "store": s.url()})
		return
	}
	fmt.Fprintf(u.stdout, "masq is up: the demo at http://%s, the store at %s\n\n", addr, s.url())
	data := ""
	if cmd.IsSet("data") && os.Getenv(dataVariable) == "" {
		data = " --data " + cmd.String("data")
	}
	masq := calledAs()
	if static.Built(web.FS()) {
		fmt.Fprint(u.stdout, toTry(addr, s.port, cmd.Bool("headless"), masq, data))
	} else {
		fmt.Fprint(u.stdout, "  the pages were not built into this binary: \"make run\" in a clone builds them\n")
	}
	fmt.Fprintf(u.stdout, "\n  on the command line: %s put%s note '\"hello\"', then %[1]s get%[2]s note\n\nctrl-c ends it\n", masq, data)
}

// toTry says step by step how to see Notes in the store, and as devices of their own. Applications look for a store at one port only.
func toTry(addr string, port uint16, headless bool, masq, data string) string {
	apart := `in two browsers, or in two profiles of one: each is a device of its own
  %d. in the first: Devices, then "Add a device"; open the link it shows in the second, and compare the digits
`
	if port != localstore.DefaultPort {
		return fmt.Sprintf("  1. open http://%s "+apart+"  applications look for a store at port %d, and this one has another: Notes keeps its data in the browser\n",
			addr, 2, localstore.DefaultPort)
	}
	allow := fmt.Sprintf("%s open%s\n     opens the Store manager: press Allow there", masq, data)
	if headless {
		allow = fmt.Sprintf("%s apps allow%s http://%s\n     lets it", masq, data, addr)
	}
	return fmt.Sprintf(`  1. open http://%s: Notes asks whether it may keep your notes in this store
  2. in another terminal, %s
  3. write a note: another browser, or a private window, shows it as soon as you allow it there, too

  or choose "Keep them in this browser instead":
  1. do so `+apart, addr, allow, 2)
}

// calledAs is what to type for this program: masq, where that is found, else the path by which it was called.
func calledAs() string {
	self, err := os.Executable()
	if err != nil {
		return "masq"
	}
	if found, err := exec.LookPath("masq"); err == nil && sameFile(found, self) {
		return "masq"
	}
	if here, err := os.Getwd(); err == nil {
		if path, err := filepath.Rel(here, self); err == nil && filepath.IsLocal(path) {
			if filepath.Base(path) == path {
				return "." + string(filepath.Separator) + path
			}
			return path
		}
	}
	return self
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// together runs two servers until ctx or one of them ends. The first ends before the second, which it uses.
func together(ctx context.Context, first, second func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	under, stopUnder := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopUnder(nil)
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- second(under)
	}()
	err := first(ctx)
	stopUnder(context.Cause(ctx))
	return errors.Join(err, <-ended)
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// listen is relay.Listen with hints: flag is what takes another address, such as other.
func listen(addr, flag, other string) ([]net.Listener, error) {
	if !isAddress(addr) {
		return nil, misuse(fmt.Errorf("cannot listen on %q", addr), flag+" takes a host and a port, such as "+other)
	}
	listeners, err := relay.Listen(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, hint(fmt.Errorf("%s is in use%s", addr, whose(err)), fmt.Sprintf("another masq may be running; %s takes another port, such as %s", flag, other))
	case errors.Is(err, syscall.EACCES):
		return nil, hint(fmt.Errorf("no permission to listen on %s", addr), "ports below 1024 need special rights; "+flag+" takes another")
	case err != nil:
		return nil, hint(fmt.Errorf("cannot listen on %q", addr), flag+" takes a host of this computer's and a port, such as "+other)
	}
	return listeners, nil
}

// isAddress reports whether addr is a host, which may be empty, and a port.
func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// whose says which of localhost's addresses another program has.
func whose(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Addr != nil {
		return ": another program is on " + op.Addr.String()
	}
	return ""
}

// shown is addr with the port that was chosen, if it left that open.
func shown(addr string, listeners []net.Listener) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return net.JoinHostPort(host, strconv.Itoa(listeners[0].Addr().(*net.TCPAddr).Port))
}
