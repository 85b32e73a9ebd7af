package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v3"

	relay "github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/wire"
)

// settings are a Sync Server's: each is a flag, an environment variable and a line of a file, with the same name.
type settings struct {
	path  string            // the file's
	file  map[string]string // by variable; nil: not read yet
	err   error             // of reading it
	names []string          // of the variables

	opt                      relay.Options
	listen, admin, cert, key string
	natsCreds, probe         string
	hosts, proxies           []string
	logJSON, asJSON          bool
	limits                   []*bound
}

func syncServerCommand(u *ui) *cli.Command {
	s := &settings{}
	return &cli.Command{
		Name: "sync-server", Usage: "run a Sync Server, which passes messages between devices and stores nothing", Category: "serve",
		Description: "Each flag is also an environment variable, and a line NAME=value in the file that --config names; a flag wins over\n" +
			"the environment, and that over the file. SIGTERM sends all devices to other servers and ends within 30 s.\n\n" +
			withJSON(`one line when it is up, {"listen"}: host and port.`),
		Flags: s.flags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			s.asJSON = cmd.Bool("json")
			return s.run(ctx, u, cmd)
		},
	}
}

func (s *settings) flags() []cli.Flag {
	o := &s.opt
	flags := []cli.Flag{
		// The first, because the others look into the file.
		&cli.StringFlag{Name: "config", Usage: "`file` with settings", Destination: &s.path, Sources: cli.EnvVars(variable("config"))},
		jsonFlag(),
		s.text("listen", "localhost:6280", "`address` and port", &s.listen),
		s.list("host", "host `name` by which devices dial this server, with a port to allow only that one; may be repeated (default: loopback names)", &s.hosts),
		s.text("tls-cert", "", "certificate `file`, PEM, with its chain; renewed ones are taken", &s.cert),
		s.text("tls-key", "", "its key's `file`, PEM", &s.key),
		s.list("proxy", "`addresses` of proxies to believe X-Forwarded-For of, such as 10.0.0.0/8; may be repeated", &s.proxies),
		s.text("admin", "", "private `address` and port for /livez, /readyz, /metrics and pprof, such as 127.0.0.1:6290", &s.admin),
		s.text("nats", "", "`URL` of a NATS cluster, several by commas, over which to share channels with other nodes", &o.NATS),
		s.text("nats-creds", "", "credentials `file` for it", &s.natsCreds),
		s.text("nats-topic", "masq.1", "what its subjects begin with", &o.NATSTopic),
		&cli.DurationFlag{
			Name: "drain-delay", Usage: "`time` between not being ready and sending devices away, at SIGTERM", Destination: &o.DrainDelay, Sources: s.sources("drain-delay"),
		},
		&cli.StringFlag{Name: "probe", Usage: "ask the server that runs with these settings whether it is `live` or ready, and end: for health checks", Destination: &s.probe},
		s.flag("log-addresses", "log the addresses of connections that are refused", &o.LogAddresses),
		s.flag("log-json", "log JSON", &s.logJSON),
	}
	s.limits = limits(o)
	for _, l := range s.limits {
		flags = append(flags, l.flag(s))
	}
	return flags
}

func (s *settings) text(name, standard, usage string, to *string) cli.Flag {
	return &cli.StringFlag{Name: name, Value: standard, Usage: usage, Destination: to, Sources: s.sources(name)}
}

func (s *settings) list(name, usage string, to *[]string) cli.Flag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, Destination: to, Sources: s.sources(name)}
}

func (s *settings) flag(name, usage string, to *bool) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, Destination: to, Sources: s.sources(name)}
}

// variable is a setting's name in the environment and in the file.
func variable(name string) string {
	return "MASQ_SYNC_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func (s *settings) sources(name string) cli.ValueSourceChain {
	v := variable(name)
	s.names = append(s.names, v)
	return cli.NewValueSourceChain(cli.EnvVar(v), fileSource{s, v})
}

// fileSource is one setting in the file.
type fileSource struct {
	s    *settings
	name string
}

func (f fileSource) String() string   { return "the file of --config" }
func (f fileSource) GoString() string { return f.String() }

func (f fileSource) Lookup() (string, bool) {
	if f.s.file == nil {
		f.s.file = map[string]string{}
		f.s.err = f.s.read()
	}
	v, ok := f.s.file[f.name]
	return v, ok
}

// read reads the file: lines NAME=value as in a systemd EnvironmentFile, empty ones, and comments behind #.
func (s *settings) read() error {
	if s.path == "" {
		return nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return hint(fmt.Errorf("the settings cannot be read: %v", err), "--config names a file that masq may read")
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !slices.Contains(s.names, name) {
			return misuse(fmt.Errorf("line %d of %s is no setting", n, s.path), `"masq sync-server --help" lists their names; a line is NAME=value`)
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		s.file[name] = value
	}
	return lines.Err()
}

// run runs a Sync Server until ctx ends.
func (s *settings) run(ctx context.Context, u *ui, cmd *cli.Command) error {
	if err := s.settle(u, cmd); err != nil {
		return err
	}
	if cmd.IsSet("probe") {
		return s.askServer(ctx, u)
	}
	listeners, err := listen(s.listen, "--listen", "localhost:6281")
	if err != nil {
		return err
	}
	at := shown(s.listen, listeners)
	if s.cert != "" {
		config, err := relay.Certificate(s.cert, s.key, s.opt.Log)
		if err != nil {
			closeAll(listeners)
			return hint(fmt.Errorf("the certificate cannot be used: %v", err), "--tls-cert and --tls-key name PEM files that belong together")
		}
		for i, l := range listeners {
			listeners[i] = tls.NewListener(l, config)
		}
	}
	server := relay.New(s.opt)
	serve := func(ctx context.Context) error {
		err := server.Serve(ctx, listeners...)
		if errors.Is(err, nats.ErrNoServers) || err != nil && s.opt.NATS != "" && ctx.Err() == nil {
			return hint(fmt.Errorf("NATS cannot be used: %v", err), "--nats takes a URL such as nats://localhost:4222, --nats-creds a file that masq may read")
		}
		return err
	}
	admin, err := s.listenAdmin()
	if err != nil {
		closeAll(listeners)
		return err
	}
	if s.asJSON {
		u.json(map[string]string{"listen": at})
	} else {
		fmt.Fprintf(u.stdout, "masq sync server listening on %s\n", at)
	}
	if admin != nil && !s.asJSON {
		fmt.Fprintf(u.stdout, "masq sync server's admin listening on %s\n", admin.Addr())
	}
	if !wire.IsLoopbackHost(s.listen) && len(s.opt.Hosts) == 0 {
		u.say("hint: only devices that dial a loopback name are served; --host names others")
	}
	if admin == nil {
		return serve(ctx)
	}
	return together(ctx, serve, func(ctx context.Context) error { return server.ServeAdmin(ctx, admin) })
}

func (s *settings) listenAdmin() (net.Listener, error) {
	if s.admin == "" {
		return nil, nil
	}
	all, err := listen(s.admin, "--admin", "127.0.0.1:6290")
	if err != nil {
		return nil, err
	}
	closeAll(all[1:])
	return all[0], nil
}

// settle checks what was set and makes Options of it.
func (s *settings) settle(u *ui, cmd *cli.Command) error {
	if s.err != nil {
		return s.err
	}
	for _, h := range s.hosts {
		if h = strings.TrimSpace(h); h == "" || strings.ContainsAny(h, "/ ") {
			return misuse(fmt.Errorf("%q is not a host name", h), "give it as it stands in the address, such as sync.example.org or sync.example.org:8443")
		}
		s.opt.Hosts = append(s.opt.Hosts, h)
	}
	for _, p := range s.proxies {
		prefix, err := parseProxy(p)
		if err != nil {
			return err
		}
		s.opt.Proxies = append(s.opt.Proxies, prefix)
	}
	if (s.cert == "") != (s.key == "") {
		return misuse(errors.New("a certificate needs its key"), "give both --tls-cert and --tls-key, or neither")
	}
	if s.admin != "" && s.admin == s.listen && !strings.HasSuffix(s.admin, ":0") {
		return misuse(fmt.Errorf("--admin and --listen are both %s", s.admin), "they are two listeners: give --admin a port of its own, such as 127.0.0.1:6290")
	}
	for _, check := range []func() error{s.checkDrainDelay, s.checkNATS, func() error { return s.settleLimits(cmd) }} {
		if err := check(); err != nil {
			return err
		}
	}
	if s.natsCreds != "" {
		s.opt.NATSAuth = nats.UserCredentials(s.natsCreds)
	}
	s.opt.Log = u.logger(slog.LevelInfo)
	if s.logJSON {
		s.opt.Log = slog.New(slog.NewJSONHandler(u.stderr, nil))
	}
	return nil
}
