package native

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/masqdev/masq/core/relay"
)

// collector hands the counters of the core and of the front to Prometheus. All of them are there from the start, and no label
// can name a channel, a nameplate or an address.
type collector struct{ s *Server }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("masq_"+name, help, labels, nil)
}

var (
	connectionsDesc = describe("connections", "WebSockets now, before and after their JOIN or PAIR.", "state")
	heldDesc        = describe("held_bytes", "Bytes of messages that wait for a receiver or have not come whole.")
	closedDesc      = describe("closed_total", "WebSockets that ended, by reason.", "reason")
	refusedDesc     = describe("refused_total", "Connections and requests turned away before they were WebSockets, by reason.", "reason")
)

// numbers are the metrics without labels.
var numbers = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*relay.Stats) float64
}{
	gauge("channels", "Channels with somebody on this node.", func(s *relay.Stats) int { return s.Channels }),
	gauge("mailboxes", "Mailboxes with somebody on this node.", func(s *relay.Stats) int { return s.Mailboxes }),
	gauge("nameplates_reserved", "Nameplates given lately.", func(s *relay.Stats) int { return s.Nameplates }),
	gauge("nodes", "Other nodes heard of lately.", func(s *relay.Stats) int { return s.Nodes }),
	gauge("far_sides", "Sides of this node's channels that are on other nodes.", func(s *relay.Stats) int { return s.Far }),
	counter("opened_total", "WebSockets that came.", func(s *relay.Stats) uint64 { return s.Opened }),
	counter("joins_total", "Valid JOIN and PAIR.", func(s *relay.Stats) uint64 { return s.Joins }),
	counter("frames_total", "DATA frames passed on.", func(s *relay.Stats) uint64 { return s.Frames }),
	counter("bytes_total", "Bytes in their bodies.", func(s *relay.Stats) uint64 { return s.Bytes }),
	counter("dropped_total", "DATA frames dropped because the other side was not there.", func(s *relay.Stats) uint64 { return s.Dropped }),
	counter("node_published_total", "Messages to other nodes.", func(s *relay.Stats) uint64 { return s.Published }),
	counter("node_heard_total", "Messages of other nodes.", func(s *relay.Stats) uint64 { return s.Heard }),
	counter("gaps_total", "Channels begun anew because a message between nodes may have been lost.", func(s *relay.Stats) uint64 { return s.Gaps }),
}

type number = struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*relay.Stats) float64
}

func gauge(name, help string, of func(*relay.Stats) int) number {
	return number{describe(name, help), prometheus.GaugeValue, func(s *relay.Stats) float64 { return float64(of(s)) }}
}

func counter(name, help string, of func(*relay.Stats) uint64) number {
	return number{describe(name, help), prometheus.CounterValue, func(s *relay.Stats) float64 { return float64(of(s)) }}
}

func newMetrics(s *Server) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

func (collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionsDesc, heldDesc, closedDesc, refusedDesc} {
		out <- d
	}
	for _, n := range numbers {
		out <- n.desc
	}
}

func (c collector) Collect(out chan<- prometheus.Metric) {
	stats := c.s.Stats()
	put := prometheus.MustNewConstMetric
	out <- put(connectionsDesc, prometheus.GaugeValue, float64(stats.Waiting), "waiting")
	out <- put(connectionsDesc, prometheus.GaugeValue, float64(stats.Joined), "joined")
	out <- put(heldDesc, prometheus.GaugeValue, float64(c.s.holds()))
	for _, why := range relay.Reasons() {
		out <- put(closedDesc, prometheus.CounterValue, float64(stats.Ended[why]), why.String())
	}
	for why := range numRefusals {
		out <- put(refusedDesc, prometheus.CounterValue, float64(c.s.refused[why].Load()), refusals[why].name)
	}
	for _, n := range numbers {
		out <- put(n.desc, n.kind, n.of(&stats))
	}
}
