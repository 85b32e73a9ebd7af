package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"
)

func statusCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "say how the store and its sync are", Category: "store",
		Description: withJSON(`{"version", "name", "sync": "off", "connecting", "waiting" or "online", "error", "syncServers", "apps", "requests",
"devices", "online", "entries", "bytes", "toSend", "recovery", "overdue", "copied", "damaged"}.`),
		Flags:  []cli.Flag{dataFlag(), jsonFlag()},
		Action: u.store(nothing, status),
	}
}

// statusJSON is what "masq status --json" prints.
type statusJSON struct {
	Version     string   `json:"version"`
	Name        string   `json:"name"`
	Sync        string   `json:"sync"` // off, connecting, waiting, online
	Error       string   `json:"error,omitempty"`
	SyncServers []string `json:"syncServers"`
	Apps        int      `json:"apps"`
	Requests    int      `json:"requests"`
	Devices     int      `json:"devices"`
	Online      int      `json:"online"`
	Entries     uint64   `json:"entries"`
	Bytes       uint64   `json:"bytes"`
	ToSend      uint64   `json:"toSend"`
	Recovery    bool     `json:"recovery"`
	Overdue     int      `json:"overdue"` // devices that were not heard for long
	Copied      bool     `json:"copied"`  // another copy of this store runs
	Damaged     int      `json:"damaged"` // keys whose values cannot be read
}

var syncs = map[string]string{
	"off":        "off: no other device is paired, or there is no Sync Server",
	"connecting": "connecting to the Sync Server",
	"waiting":    "at the Sync Server; no other device is there",
	"online":     "with other devices",
}

func status(ctx context.Context, u *ui, c *client, cmd *cli.Command) error {
	s, err := c.state(ctx)
	if err != nil {
		return err
	}
	r := statusJSON{
		Version: s.Version, Name: s.Name, Sync: s.Sync, Error: s.Error, SyncServers: orEmpty(s.Relays),
		Apps: len(s.Apps), Requests: len(s.Requests), Devices: len(s.Devices), Overdue: len(s.overdue()), Bytes: s.Bytes, Recovery: s.Recovery,
		Copied: s.Copied,
	}
	for _, a := range s.Apps {
		r.Entries += a.Entries
		if a.Damaged != nil {
			r.Damaged += a.Damaged.Keys
		}
	}
	for _, d := range s.Devices {
		r.ToSend = max(r.ToSend, d.ToSend)
		if d.Online {
			r.Online++
		}
	}
	if cmd.Bool("json") {
		return u.json(r)
	}
	lines := [][2]string{
		{"store", fmt.Sprintf("%s, masq %s", oneLine(r.Name), r.Version)},
		{"sync", syncs[r.Sync]},
		{"sync servers", orDash(strings.Join(r.SyncServers, " "))},
		{"devices", fmt.Sprintf("%d others, %d online, %d entries to send", r.Devices, r.Online, r.ToSend)},
		{"applications", fmt.Sprintf("%d, %d ask for access", r.Apps, r.Requests)},
		{"data", fmt.Sprintf("%d entries, %s", r.Entries, size(r.Bytes))},
	}
	if r.Error != "" {
		lines = append(lines, [2]string{"error", strings.TrimSuffix(inWords(r.Error)+": "+whatToDo(r.Error), ": ")})
	}
	if r.Copied {
		lines = append(lines, [2]string{"copies", copiedText}, [2]string{"", copiedHint})
	}
	for _, d := range s.overdue() {
		lines = append(lines, [2]string{"overdue", d.overdueText()})
	}
	if r.Overdue > 0 {
		lines = append(lines, [2]string{"", overdueHint})
	}
	for _, a := range s.Apps {
		if a.Damaged != nil {
			lines = append(lines, [2]string{"damaged", a.Damaged.in(a.App)})
		}
	}
	if r.Damaged > 0 {
		lines = append(lines, [2]string{"", damagedHint})
	}
	for _, l := range lines {
		fmt.Fprintf(u.stdout, "%-14s%s\n", l[0], l[1])
	}
	return nil
}
