package main

import "context"

// testCase is what is done to a server and measured.
type testCase struct {
	name, title string
	metrics     []metric
	run         func(context.Context, *trial) error
}

var cases = []testCase{
	{"publish1", "One publisher, one topic, each event as soon as the one before is answered", []metric{
		{"p50", "answer, p50 ms"}, {"p99", "answer, p99 ms"}, {"rate", "events/s"},
		{"written", "bytes written an event"},
		{"bare", "the same by bare Pebble"}, {"overhead", "server / bare Pebble"}}, publish(1, 1, 4)},
	{"publish64", "64 publishers, one topic", publishMetrics, publish(64, 1, 6)},
	{"publish64-topics", "64 publishers on 100,000 topics that keep 5 events each (or -kept), and have them",
		publishMetrics, publishFull},
	{"expired", "400,000 events have expired, against an empty store", []metric{
		{"gone", "until they had gone, s"},
		{"p50 fresh", "1 publisher, empty store: p50 ms"}, {"p50 expired", "after expiry: p50 ms"},
		{"p50 ratio", "expired / empty"},
		{"rate fresh", "64 publishers, empty store: events/s"}, {"rate expired", "after expiry: events/s"},
		{"rate ratio", "expired / empty"},
		{"written fresh", "empty store: bytes written an event"},
		{"written expired", "after expiry: bytes written an event"},
	}, expired},
	{"readers", "One publisher beside 16 readers of `*` over 100,000 topics, all without a pause", []metric{
		{"quiet p50", "quiet: p50 ms"}, {"quiet p99", "quiet: p99 ms"},
		{"probes p50", "beside 16 of /healthz: p50 ms"}, {"probes p99", "p99 ms"},
		{"lists p50", "beside 16 of `*`: p50 ms"}, {"lists p99", "p99 ms"}, {"lists", "lists/s"},
		{"ratio", "p50 beside 16 of `*` / quiet"}, {"ratio probes", "p50 beside 16 of `*` / of /healthz"}}, readers},
	{"catchup", "Clients catch up on `*` over 100,000 topics beside 50 events/s", []metric{
		{"quiet p50", "publishing, quiet: p50 ms"}, {"quiet p99", "p99 ms"},
		{"seconds 250", "250 clients: s until the last has all"},
		{"p50 250", "publishing meanwhile: p50 ms"}, {"p99 250", "p99 ms"},
		{"seconds 500", "500 clients: s"}, {"p50 500", "p50 ms"}, {"p99 500", "p99 ms"},
		{"seconds 1000", "1,000 clients: s"}, {"p50 1000", "p50 ms"}, {"p99 1000", "p99 ms"},
		{"growth", "1,000 clients / 250"}, {"rate", "1,000 clients: events/s to all"}}, catchUp},
	{"live", "100 listeners of 100 events/s while 1,000 clients catch up on 10,000 events each", []metric{
		{"apart while", "another topic: live p99 meanwhile, ms"}, {"apart quiet", "and afterwards, ms"},
		{"apart ratio", "meanwhile / afterwards"}, {"apart seconds", "s until the last has caught up"},
		{"apart cpu", "server's CPU, %"}, {"apart load", "load's CPU, %"},
		{"same while", "the same topic: live p99 meanwhile, ms"}, {"same quiet", "and afterwards, ms"},
		{"same ratio", "meanwhile / afterwards"}, {"same seconds", "s until the last has caught up"},
		{"same cpu", "server's CPU, %"}, {"same load", "load's CPU, %"}}, live},
	{"lists", "200 clients ask for 1,000 events of 64 KiB and do not read, beside 50 events/s", []metric{
		{"before", "resident before, MiB"}, {"peak", "most resident, MiB"},
		{"quiet p50", "publishing, quiet: p50 ms"}, {"quiet p99", "p99 ms"},
		{"p50", "meanwhile: p50 ms"}, {"p99", "p99 ms"}}, lists},
	{"start", "A store of a million events on 100,000 topics", []metric{
		{"warm", "ready after, warm, s"}, {"cold", "cold, s"},
		{"few p50", "newest 100 of a topic that has 9: p50 ms"}, {"few p99", "p99 ms"},
		{"many p50", "newest 100 of a topic that has 1,000: p50 ms"}, {"many p99", "p99 ms"},
		{"resident", "resident, MiB"}, {"fill", "filled by 64 publishers, events/s"}}, start},
}

var publishMetrics = []metric{
	{"rate", "events/s"}, {"p50", "answer, p50 ms"}, {"p99", "answer, p99 ms"}, {"cpu", "server's CPU µs an event"},
	{"written", "bytes written an event"}, {"bare", "the same by bare Pebble"}, {"overhead", "server / bare Pebble"}}

func caseNames() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

const (
	manyTopics = 100_000
)

// roomy is settings to keep everything that a case publishes, in memory too.
var roomy = []string{"-keep-bytes", "4GiB", "-keep-events", "10000000", "-max-topics", "1000000"}
