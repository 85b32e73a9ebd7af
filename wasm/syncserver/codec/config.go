package codec

import (
	"errors"
	"strconv"
	"strings"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// Config reads the Worker's variables: hosts, with spaces between them, and the limits that are not the default's, as ID=VALUE by
// HELLO's numbers.
func Config(hosts, limits string) (relay.Config, error) {
	cfg := relay.Config{Hosts: strings.Fields(hosts)}
	l := &cfg.Limits
	fields := map[wire.RelayLimitID]*uint32{
		wire.LimitFrameBytes: &l.FrameBytes, wire.LimitJoin: &l.Join, wire.LimitPing: &l.Ping, wire.LimitDead: &l.Dead,
		wire.LimitQueueBytes: &l.QueueBytes, wire.LimitSlow: &l.Slow, wire.LimitBytesPerSec: &l.BytesPerSecond,
		wire.LimitMailbox: &l.Mailbox, wire.LimitSlowBytes: &l.SlowBytes, wire.LimitTotalBytes: &l.TotalBytes, wire.LimitAddressBytes: &l.AddressBytes,
	}
	for _, word := range strings.Fields(limits) {
		id, text, _ := strings.Cut(word, "=")
		n, err := strconv.ParseUint(id, 10, 8)
		value, err2 := strconv.ParseUint(text, 10, 32)
		field := fields[wire.RelayLimitID(n)]
		if err != nil || err2 != nil || field == nil {
			return relay.Config{}, errors.New("codec: " + strconv.Quote(word) + " is no limit: write the number that HELLO has for it, = and a value")
		}
		*field = uint32(value)
	}
	return cfg, nil
}
