// Package outage tests that pages miss nothing, whatever befalls their connection, their server or themselves.
package outage

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	"iris-broadcast/tests/harness"
)

// countdown is whether the page has said a second less than a moment ago, as in "Reconnecting in 3 s", "Reconnecting in
// 2 s".
const countdown = `said.state.some((text, i) => {
	const seconds = (text) => Number(/^Reconnecting in (\d+) s$/.exec(text)?.[1]);
	return seconds(text) === seconds(said.state[i + 1]) + 1;
})`

func TestMain(m *testing.M) { harness.CalmMain(m) }

// quietAddr is an address that nobody uses, below the ports that systems give to outgoing connections, so that it stays
// free while nobody listens on it.
func quietAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprint("127.0.0.1:", 20_000+rand.IntN(10_000))
		if listener, err := net.Listen("tcp", addr); err == nil {
			listener.Close()
			return addr
		}
	}
	t.Fatal("all ports are taken")
	return ""
}

func TestThePageComesBackAfterTheServerHas(t *testing.T) {
	t.Parallel()
	addr := quietAddr(t)
	first := harness.Serve(t, "-addr", addr)
	b := harness.Browse(t)
	b.OpenLive(first.URL + "/")
	b.Until("a row has come", `document.querySelectorAll('#messagesTable tbody tr').length > 0`)
	b.Check()

	b.Forgive(harness.NetworkErrors)
	first.Kill()
	b.Until("the page counts down to its next try", countdown)
	b.Until("its next try has failed too", `said.state.filter((text) => text === 'Reconnecting…').length > 1`)
	harness.Serve(t, "-addr", addr)
	b.UntilLive()
	b.Until("rows come again", `document.querySelector('#messagesTable tr.gap + tr .message')`)
	// A log in memory begins anew: nobody can say what was in the old one after the last row.
	for selector, want := range map[string]string{
		"tr.gap": "may be missing here", "#news .notice": "may be missing here"} {
		if notice := b.Seen(selector); !strings.Contains(notice, want) {
			t.Errorf("the page says %q, want %q in it", notice, want)
		}
	}
	if gaps := harness.Eval[int](b, `document.querySelectorAll('tr.gap').length`); gaps != 1 {
		t.Errorf("the page says so %d times", gaps)
	}
}

// hurry makes the long waits of a page or a worker, which are those for a sign of life, 20 times shorter.
const hurry = `{
	const wait = globalThis.setTimeout;
	globalThis.setTimeout = (then, ms) => wait(then, ms >= 30_000 ? ms / 20 : ms);
}`

// outages are what befalls the connection of a page.
var outages = []struct {
	name   string
	script string // which the page runs first
	tries  int32  // that follow before the outage ends
	begin  func(*harness.Proxy)
}{
	{"when its connection is cut", "", 1, func(m *harness.Proxy) { m.CloseClientConnections() }},
	{"when its stream ends", "", 1, func(m *harness.Proxy) { m.End(false) }},
	{"when its connection falls silent", hurry, 1, func(m *harness.Proxy) { m.End(true) }},
	{"when a proxy answers 502 for a while", "", 2, func(m *harness.Proxy) {
		m.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
		m.CloseClientConnections()
	}},
	{"when a proxy answers with a page for a while", "", 2, func(m *harness.Proxy) {
		m.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<h1>Please stand by</h1>")
		})
		m.CloseClientConnections()
	}},
}

func TestThePageMissesNothing(t *testing.T) {
	t.Parallel()
	for _, outage := range outages {
		for _, way := range harness.Ways {
			t.Run(outage.name+" "+way.Name, func(t *testing.T) {
				t.Parallel()
				s := harness.Serve(t, "-demo=false", "-heartbeat", "200ms")
				m := harness.Between(t, s)
				m.Before(outage.script)
				b := harness.Browse(t)
				b.Inject(outage.script + way.Script)
				b.OpenLive(m.URL + "/")
				said := m.Greet(nil, 3)
				b.UntilLast("event 3")
				b.Check()

				b.Forgive(harness.NetworkErrors, `EventSource's response has a MIME type \("text/html"\)`)
				before := m.Asked.Load()
				outage.begin(m)
				said = m.Greet(said, 20)
				again := func() bool { return m.Asked.Load()-before >= outage.tries }
				harness.Eventually(t, "the page has tried again", again)
				said = m.Greet(said, 20)
				m.GoOn()
				b.Until("the page has said what it does", `said.state.includes('Reconnecting…') &&
					said.state.some((text) => /^Reconnecting in \d+ s$/.test(text))`)
				b.UntilLive()
				said = m.Greet(said, 3)
				b.UntilLast(said[len(said)-1])
				b.Shows(said)
				b.Prints(said)
			})
		}
	}
}

// A browser keeps a page that its visitor has left, for the way back, if it has the memory.
func TestThePageMissesNothingWhileItsVisitorIsElsewhere(t *testing.T) {
	t.Parallel()
	for _, way := range harness.Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			s := harness.Serve(t, "-demo=false")
			m := harness.Between(t, s)
			b := harness.BrowseWith(t)
			b.Inject(way.Script)
			b.OpenLive(m.URL + "/")
			said := m.Greet(nil, 3)
			b.UntilLast("event 3")
			b.Open(m.URL + "/healthz")
			s.UntilStreams(0)
			said = m.Greet(said, 3)
			b.Back()
			b.Until("the page is back", `location.pathname === '/'`)
			b.UntilLive()
			if len(b.Messages()) == 0 {
				t.Log("this browser did not keep the page")
				said = nil
			}
			said = m.Greet(said, 3)
			b.UntilLast(said[len(said)-1])
			b.Shows(said)
		})
	}
}

func TestTabsMissNothingWhileTheNetworkIsAway(t *testing.T) {
	t.Parallel()
	for _, way := range harness.Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			s := harness.Serve(t, "-demo=false")
			m := harness.Between(t, s)
			all := harness.Tabs(t, 2, way.Script)
			said := m.Home(all)
			if way.Script == "" {
				all[0].Attach()
			}
			for _, b := range all {
				b.Forgive(harness.NetworkErrors)
			}
			cutAt := time.Now()
			for _, b := range all {
				b.Cut(true)
			}
			m.CloseClientConnections() // which the browser's own cut leaves open
			said = m.Greet(said, 20)
			for _, b := range all {
				b.Until("a second try has failed", `said.state.filter((text) => text === 'Reconnecting…').length > 1`)
			}
			harness.Eventually(t, "10 s are over", func() bool { return time.Since(cutAt) > 10*time.Second })
			back := time.Now()
			for _, b := range all {
				b.Cut(false)
			}
			said = m.Greet(said, 3)
			harness.UntilAll(all, said)
			if took := time.Since(back); took > 3*time.Second { // the wait that was left would be longer
				t.Errorf("it took %v", took)
			}
			for _, b := range all {
				b.Shows(said)
			}
		})
	}
}

func TestATabThatWasFrozenMissesNothing(t *testing.T) {
	t.Parallel()
	for _, way := range harness.Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			s := harness.Serve(t, "-demo=false")
			m := harness.Between(t, s)
			all := harness.Tabs(t, 2, way.Script+`document.addEventListener('freeze', () => (window.rested = true));`)
			said := m.Home(all)
			for _, state := range []page.SetWebLifecycleStateState{"frozen", "active"} {
				harness.Call(all[1], page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
				said = m.Greet(said, 20)
				harness.UntilAll(all[:1], said)
			}
			harness.UntilAll(all, said)
			all[1].Until("it was frozen", `window.rested`)
			for _, b := range all {
				b.Shows(said)
			}
		})
	}
}

func TestTabsMissNothingOverARestart(t *testing.T) {
	t.Parallel()
	for _, way := range harness.Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Parallel()
			store := "pebble:" + t.TempDir() + "/data"
			s := harness.Serve(t, "-demo=false", "-store", store)
			m := harness.Between(t, s)
			all := harness.Tabs(t, 3, way.Script)
			said := m.Home(all)
			for _, b := range all {
				b.Forgive(harness.NetworkErrors)
			}
			s.Stop()
			m.CloseClientConnections()
			for _, b := range all {
				b.Until("a try has failed", `said.state.includes('Reconnecting…')`)
			}
			s = harness.Serve(t, "-demo=false", "-store", store)
			said = s.Greet(said, 20)
			m.To(s)
			said = m.Greet(said, 3)
			harness.UntilAll(all, said)
			for _, b := range all {
				b.Shows(said)
			}
		})
	}
}
