package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v3"
)

// release is the version of a release. Its build sets it: -ldflags '-X main.release=1.2.3'.
var release string

func init() {
	cli.VersionPrinter = func(cmd *cli.Command) { fmt.Fprintln(cmd.Root().Writer, "masq", version()) }
}

func versionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(_ context.Context, cmd *cli.Command) error {
			if !nothing(cmd) {
				return usage(cmd)
			}
			if cmd.Bool("json") {
				return u.json(map[string]string{"version": version()})
			}
			_, err := fmt.Fprintln(u.stdout, "masq", version())
			return err
		},
	}
}

// version is what the build knows of itself.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(release, info)
}

// pseudo is how Go calls a commit without a tag, and one with changes that were not committed.
var pseudo = regexp.MustCompile(`-(0\.)?\d{14}-[0-9a-f]{12}|\+dirty$`)

// versionOf is a release's number, or "devel" with the commit as far as that is known.
func versionOf(release string, info *debug.BuildInfo) string {
	if release != "" || info == nil {
		return cmp.Or(strings.TrimPrefix(release, "v"), "devel")
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	tag, commit := strings.Trim(info.Main.Version, "()"), set["vcs.revision"]
	switch {
	case commit == "": // "go install" of a version, or a build without version control
		return cmp.Or(strings.TrimPrefix(tag, "v"), "devel")
	case strings.HasPrefix(tag, "v") && !pseudo.MatchString(tag):
		return strings.TrimPrefix(tag, "v")
	case set["vcs.modified"] == "true":
		return "devel-" + commit[:min(12, len(commit))] + "-modified"
	}
	return "devel-" + commit[:min(12, len(commit))]
}
