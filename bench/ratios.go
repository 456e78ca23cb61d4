package main

import (
	"fmt"
	"io"

	"iris-broadcast/bench/internal/figures"
)

// ratio is a median over a median.
type ratio struct {
	title       string
	over, under figure
	lessIsMore  bool // better below 1
}

// figure is where a median stands.
type figure struct{ testCase, server, metric string }

// goPeers is the other servers in Go.
var goPeers = []string{"go-sse", "r3labs"}

// bestPeer stands for the one of goPeers whose median is best in that figure.
const bestPeer = "best Go peer"

var ratios = []ratio{
	{"flat, deliveries/s: ours / nchan", figure{"flat", "ours", "rate"}, figure{"flat", "nchan", "rate"}, false},
	{"flat, deliveries/s: ours / best Go peer", figure{"flat", "ours", "rate"}, figure{"flat", bestPeer, "rate"},
		false},
	{"steady, p50: ours / nchan", figure{"steady", "ours", "p50"}, figure{"steady", "nchan", "p50"}, true},
	{"steady, p99: ours / nchan", figure{"steady", "ours", "p99"}, figure{"steady", "nchan", "p99"}, true},
	{"steady, CPU a delivery: ours / floor", figure{"steady", "ours", "cost"}, figure{"steady", "floor", "cost"}, true},
	{"idle, CPU to connect: ours / floor", figure{"idle", "ours", "connect"}, figure{"idle", "floor", "connect"}, true},
	{"topics, CPU a delivery: ours / floor", figure{"topics", "ours", "cost"}, figure{"topics", "floor", "cost"}, true},
	{"idle, KiB a client: ours / nchan", figure{"idle", "ours", "memory"}, figure{"idle", "nchan", "memory"}, true},
	{"idle, KiB a client: ours / go-sse", figure{"idle", "ours", "memory"}, figure{"idle", "go-sse", "memory"}, true},
	{"slow, ours, p99: with / without slow clients", figure{"slow", "ours", "p99"},
		figure{"slow", "ours", "p99without"}, true},
	{"storm, time: ours / nchan", figure{"storm", "ours", "caught"}, figure{"storm", "nchan", "caught"}, true},
	{"storm, time: ours / go-sse", figure{"storm", "ours", "caught"}, figure{"storm", "go-sse", "caught"}, true},
	{"one, p50: ours / floor", figure{"one", "ours", "p50"}, figure{"one", "floor", "p50"}, true},
	{"tls, deliveries/s: TLS / clear text", figure{"tls", "ours-tls", "rate"}, figure{"tls", "ours", "rate"}, false},
	{"tls, deliveries/s: HTTP/2 / clear text", figure{"tls", "ours-h2", "rate"}, figure{"tls", "ours", "rate"}, false},
	{"tls, deliveries/s: ours by TLS / best Go peer in clear text", figure{"tls", "ours-tls", "rate"},
		figure{"tls", bestPeer, "rate"}, false},
}

func (r *results) ratioTable(w io.Writer) {
	var rows []string
	for _, q := range ratios {
		if v, ok := r.quotient(q); ok {
			rows = append(rows, row(q.title, v, q.lessIsMore))
		}
	}
	ours, ok1 := r.growth("ours")
	floor, ok2 := r.growth("floor")
	if ok1 && ok2 {
		rows = append(rows, row("growth, CPU a delivery, 15k / 1k clients: ours / floor", ours/floor, true))
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprint(w, "\n### Ratios of the medians\n\n| ratio | value | better |\n| --- | ---: | --- |\n")
	for _, line := range rows {
		fmt.Fprintln(w, line)
	}
}

func row(title string, v float64, lessIsMore bool) string {
	better := "above 1"
	if lessIsMore {
		better = "below 1"
	}
	return fmt.Sprintf("| %s | %s | %s |", title, figures.Significant(v), better)
}

func (r *results) quotient(q ratio) (v float64, ok bool) {
	over, ok1 := r.median(q.over, q.lessIsMore)
	under, ok2 := r.median(q.under, q.lessIsMore)
	return over / under, ok1 && ok2 && under > 0
}

func (r *results) median(f figure, lessIsMore bool) (v float64, ok bool) {
	if f.server != bestPeer {
		s, ok := r.of(f.testCase, f.server, f.metric)
		return s.Median, ok
	}
	for _, server := range goPeers {
		s, has := r.of(f.testCase, server, f.metric)
		if has && (!ok || (s.Median < v) == lessIsMore) {
			v, ok = s.Median, true
		}
	}
	return v, ok
}

// growth is how many times as dear a delivery is to the most clients as to the fewest.
func (r *results) growth(server string) (v float64, ok bool) {
	few, many := growthSizes[0], growthSizes[len(growthSizes)-1]
	return r.quotient(ratio{over: figure{"growth", server, growthMetric(many)},
		under: figure{"growth", server, growthMetric(few)}})
}
