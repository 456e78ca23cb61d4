// Package sharing tests that tabs share one stream, and that each subscription has exactly what it asked for.
package sharing

import (
	"slices"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.CalmMain(m) }

func TestTwelveTabsShareAStreamForEachLogAndOutliveTheirWorker(t *testing.T) { // alone on the machine: it measures
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	all := harness.Tabs(t, 13, "")
	all[0].OpenLive(m.URL + "/status") // it is what the browser context belongs to, so it stays open
	m.Home(all[1:])
	s.UntilStreams(2)
	starter, others := all[1], all[2:]
	starter.Close()
	said := m.Greet([]string{"event 1", "event 2", "event 3"}, 3)
	harness.UntilAll(others, said)

	for _, b := range others {
		harness.Eval[bool](b, `document.querySelector('live-stream').addEventListener('live-event',
			() => (window.wentOn ??= Date.now())) ?? true`)
	}
	killed := time.Now()
	others[0].KillWorker()
	said = m.Greet(said, 20)
	harness.UntilAll(others, said)
	var took time.Duration
	for _, b := range others {
		took = max(took, time.UnixMilli(harness.Eval[int64](b, `wentOn`)).Sub(killed))
	}
	if t.Logf("all had gone on after %v", took); took > 2*time.Second {
		t.Error("that is more than 2 s")
	}
	s.UntilStreams(2)
	for _, b := range others {
		b.Shows(said)
	}
}

// Without locks, as on a page that is not a secure context, tabs and worker have nothing but their messages.
func TestTabsWithoutLocksOutliveTheirWorker(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	all := harness.Tabs(t, 2, `delete Navigator.prototype.locks; delete MessagePort.prototype.onclose;`)
	said := m.Home(all)
	all[0].KillWorker()
	said = m.Greet(said, 3)
	harness.UntilAll(all, said)
	for _, b := range all {
		b.Shows(said)
	}
	s.UntilStreams(1) // who waits long for an answer asks for another worker
}

func TestATabThatCrashesIsNoLongerListenedFor(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	all := harness.Tabs(t, 3, "")
	all[1].OpenLive(m.URL + "/comments")
	all[2].OpenLive(m.URL + "/time")
	listened := func(topics ...string) func() bool {
		return func() bool { return slices.Equal(slices.Sorted(slices.Values(m.Topics())), topics) }
	}
	harness.Eventually(t, "both topics are listened to", listened("comments", "time"))
	all[2].Crash()
	harness.Eventually(t, "one topic is left", listened("comments"))
	s.UntilStreams(1)
}

const full = "Other tabs of this site use all of its live connections. This one goes live when a connection is free."

func TestWithoutAWorkerFourTabsAreLiveAndTheOthersSayWhy(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"there is none": harness.Alone, "it does not load": `{
		const Real = SharedWorker;
		globalThis.SharedWorker = class { constructor() { return new Real('/public/js/nothing-here/worker.js'); } };
	}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := harness.Serve(t, "-demo=false")
			all := harness.Tabs(t, 8, script)
			for i, b := range all {
				b.Forgive(harness.NetworkErrors+`.* status of 404`, `^worker: Failed to fetch a worker script`)
				if i < 4 {
					b.OpenLive(s.URL + "/comments")
					continue
				}
				b.Open(s.URL + "/comments")
				b.Until("it says why it is not live",
					`document.querySelector('#state').textContent === `+harness.Quote(full))
			}
			if n := s.Streams(); n != 4 {
				t.Errorf("there are %d streams", n)
			}
			last := all[7]
			last.Fill("#commentForm textarea", "from a tab without a place")
			last.Click("#commentForm button")
			for _, b := range []*harness.Tab{last, all[0], all[3]} {
				b.UntilComments("from a tab without a place 0")
			}
			all[1].Close()
			are := func(n int) func() bool { return func() bool { return s.Streams() == 4 && live(all[4:]) == n } }
			harness.Eventually(t, "another takes the place", are(1))
			all[0].Open(s.URL + "/healthz") // and one whose page is left
			harness.Eventually(t, "another takes its place too", are(2))
			last.Open(s.URL + "/comments")
		})
	}
}

// A tab with two streams takes two of the four places, but for the server's own topics only the last.
func TestWithoutAWorkerTheServersOwnTopicsTakeAPlaceToo(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	all := harness.Tabs(t, 6, harness.Alone)[1:] // the first tab is what the browser context belongs to
	for i, b := range all {
		b.Open(s.URL + "/time")
		harness.Eval[bool](b, listening)
		if i < 3 {
			b.UntilLive()
		}
		listen(b, 0, []string{"$server"}, "")
		if i == 0 {
			s.UntilStreams(2)
		}
		if i < 3 {
			continue
		}
		b.Until("it says why it is not live", `document.querySelector('#state').textContent === `+harness.Quote(full))
	}
	if n := s.Streams(); n != 4 {
		t.Errorf("there are %d streams", n)
	}
	all[0].Close()
	harness.Eventually(t, "its places are taken", func() bool { return s.Streams() == 4 && live(all[1:]) == 3 })
}

// live is how many of the tabs are.
func live(all []*harness.Tab) (n int) {
	for _, b := range all {
		if harness.Eval[bool](b, `document.querySelector('#state').textContent === 'Live'`) {
			n++
		}
	}
	return n
}

func TestWhereLocksAreDeniedTheTabIsLiveAllTheSame(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	b := harness.Browse(t)
	b.Inject(`delete window.SharedWorker;
		for (const name of ['request', 'query'])
			LockManager.prototype[name] = async () => { throw new DOMException('', 'SecurityError'); };`)
	said := m.Home([]*harness.Tab{b})
	said = m.Greet(said, 3)
	harness.UntilAll([]*harness.Tab{b}, said)
	b.Shows(said)
}
