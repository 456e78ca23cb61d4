package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// countdown is whether the page has said a second less than a moment ago, as in "Reconnecting in 3 s", "Reconnecting in 2 s".
const countdown = `said.state.some((text, i) => {
	const seconds = (text) => Number(/^Reconnecting in (\d+) s$/.exec(text)?.[1]);
	return seconds(text) === seconds(said.state[i + 1]) + 1;
})`

// process starts the server as a process of its own, and returns what kills it.
func process(t *testing.T, addr string) (kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, "-addr", addr)
	command.Env = append(os.Environ(), asServer+"=1")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		command.Process.Kill()
		command.Wait()
	}
	t.Cleanup(kill)
	eventually(t, "the server answers", func() bool {
		response, err := client0.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return kill
}

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
	kill := process(t, addr)
	b := browse(t)
	b.openLive("http://" + addr + "/")
	b.until("a row has come", `document.querySelectorAll('#messagesTable tbody tr').length > 0`)
	b.check()

	b.forgive(networkErrors)
	kill()
	b.until("the page counts down to its next try", countdown)
	b.until("its next try has failed too", `said.state.filter((text) => text === 'Reconnecting…').length > 1`)
	process(t, addr)
	b.untilLive()
	b.until("rows come again", `document.querySelector('#messagesTable tr.gap + tr .message')`)
	// A log in memory begins anew: nobody can say what was in the old one after the last row.
	for selector, want := range map[string]string{"tr.gap": "missing here", "#news .notice": "may be missing here"} {
		if notice := b.seen(selector); !strings.Contains(notice, want) {
			t.Errorf("the page says %q, want %q in it", notice, want)
		}
	}
	if gaps := eval[int](b, `document.querySelectorAll('tr.gap').length`); gaps != 1 {
		t.Errorf("the page says so %d times", gaps)
	}
}

// middle is what stands between a page and its server.
type middle struct {
	*httptest.Server
	streams  atomic.Int32 // how many requests for a stream it has had
	instead  atomic.Pointer[http.HandlerFunc]
	fate     atomic.Pointer[fate]
	script   atomic.Pointer[string] // which workers run first
	upstream *httputil.ReverseProxy
	target   atomic.Pointer[url.URL]
}

// fate is what comes over all answers that are on their way at a moment; later ones have another.
type fate struct {
	come   chan struct{} // closed at that moment
	silent bool          // nothing more is heard of them, not even an end; else they end well
}

// standBetween returns a proxy to s that passes everything on at once.
func standBetween(t *testing.T, s *site) *middle {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	m := &middle{}
	m.upstream = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(m.target.Load())
			r.Out.Header.Del("Accept-Encoding") // a script goes before what comes
		},
		FlushInterval: -1,
		ErrorLog:      quiet,
		Transport:     &http.Transport{DisableCompression: true},
	}
	m.to(s)
	m.upstream.ModifyResponse = func(r *http.Response) error {
		r.Body = &mortal{r.Body, r.Request, m.fate.Load()}
		if script := m.script.Load(); script != nil && strings.HasSuffix(r.Request.URL.Path, "-worker.js") && r.StatusCode == http.StatusOK {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(strings.NewReader(*script), r.Body), r.Body}
			r.ContentLength = -1
			r.Header.Del("Content-Length")
		}
		return nil
	}
	m.fate.Store(&fate{come: make(chan struct{})})
	m.goOn()
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(m.serve))
	m.Config.ErrorLog = quiet
	m.Start()
	t.Cleanup(m.Close)
	return m
}

func (m *middle) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/events" && strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
		m.streams.Add(1)
	}
	(*m.instead.Load())(w, r)
}

// to has it pass on to s from now on.
func (m *middle) to(s *site) {
	target, err := url.Parse(s.url)
	if err != nil {
		panic(err) // a listener's address always is a URL
	}
	m.target.Store(target)
}

// answer has it answer by itself from now on.
func (m *middle) answer(instead http.HandlerFunc) { m.instead.Store(&instead) }

// goOn has it pass on again what comes from now on.
func (m *middle) goOn() { m.answer(m.upstream.ServeHTTP) }

// end ends what is on its way, or has it fall silent while its connections stay.
func (m *middle) end(silent bool) {
	old := m.fate.Swap(&fate{come: make(chan struct{})})
	old.silent = silent
	close(old.come)
}

// mortal is the body of an answer.
type mortal struct {
	io.ReadCloser
	request *http.Request
	fate    *fate
}

func (b *mortal) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	select {
	case <-b.fate.come:
		if b.fate.silent {
			<-b.request.Context().Done()
		}
		return 0, io.EOF
	default:
		return n, err
	}
}

// say appends events to hello, numbered after those in said.
func (s *site) say(said []string, n int) []string {
	for range n {
		message := fmt.Sprint("event ", len(said)+1)
		s.hello(greeting(time.Now(), message))
		said = append(said, message)
	}
	return said
}

// hurry makes the long waits of a page or a worker, which are those for a sign of life, 20 times shorter.
const hurry = `{ const wait = globalThis.setTimeout; globalThis.setTimeout = (then, ms) => wait(then, ms >= 30_000 ? ms / 20 : ms); }`

// alone takes the shared worker away, so that each tab has a stream of its own.
const alone = `delete globalThis.SharedWorker;`

// ways are those in which a page can have its events.
var ways = []struct{ name, script string }{{"through the worker", ""}, {"by a stream of its own", alone}}

// outages are what befalls the connection of a page.
var outages = []struct {
	name   string
	script string // which the page runs first
	tries  int32  // that follow before the outage ends
	begin  func(*middle)
}{
	{"when its connection is cut", "", 1, func(m *middle) { m.CloseClientConnections() }},
	{"when its stream ends", "", 1, func(m *middle) { m.end(false) }},
	{"when its connection falls silent", hurry, 1, func(m *middle) { m.end(true) }},
	{"when a proxy answers 502 for a while", "", 2, func(m *middle) {
		m.answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
		m.CloseClientConnections()
	}},
	{"when a proxy answers with a page for a while", "", 2, func(m *middle) {
		m.answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<h1>Please stand by</h1>")
		})
		m.CloseClientConnections()
	}},
}

func TestThePageMissesNothing(t *testing.T) {
	t.Parallel()
	for _, outage := range outages {
		for _, way := range ways {
			t.Run(outage.name+" "+way.name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, "-demo=false", "-heartbeat", "200ms")
				m := standBetween(t, s)
				m.script.Store(&outage.script)
				b := browse(t)
				b.inject(outage.script + way.script)
				b.openLive(m.URL + "/")
				said := s.say(nil, 3)
				b.untilLast("event 3")
				b.check()

				b.forgive(networkErrors, `EventSource's response has a MIME type \("text/html"\)`)
				before := m.streams.Load()
				outage.begin(m)
				said = s.say(said, 20)
				eventually(t, "the page has tried again", func() bool { return m.streams.Load()-before >= outage.tries })
				said = s.say(said, 20)
				m.goOn()
				b.until("the page has said what it does",
					`said.state.some((text) => /^Reconnecting in \d+ s$/.test(text)) && said.state.includes('Reconnecting…')`)
				b.untilLive()
				said = s.say(said, 3)
				b.untilLast(said[len(said)-1])
				b.shows(said)
				b.prints(said)
			})
		}
	}
}

// shows fails the test unless the table has these messages, each once and in order, and the page says of none that it is
// missing.
func (b *tab) shows(said []string) {
	b.t.Helper()
	if shown := b.messages(); !slices.Equal(shown, said) {
		b.t.Errorf("the rows are %q", shown)
	}
	if gaps := eval[int](b, `document.querySelectorAll('tr.gap, #news .notice').length`); gaps > 0 {
		b.t.Error("the page says that something is missing, which is not so")
	}
}

// prints fails the test unless the console has events with these messages, each once and in order.
func (b *tab) prints(said []string) {
	b.t.Helper()
	var printed []string
	for _, text := range b.log() {
		var data struct{ Message string }
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			b.t.Errorf("the console has %q: %v", text, err)
		}
		printed = append(printed, data.Message)
	}
	if !slices.Equal(printed, said) {
		b.t.Errorf("the console has %q", printed)
	}
}

// A browser keeps a page that its visitor has left, for the way back, if it has the memory.
func TestThePageMissesNothingWhileItsVisitorIsElsewhere(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-demo=false")
			b := browse(t)
			b.inject(way.script)
			b.openLive(s.url + "/")
			said := s.say(nil, 3)
			b.untilLast("event 3")
			b.open(s.url + "/healthz")
			s.waitFor(0)
			said = s.say(said, 3)
			eval[chromedp.Void](b, `history.back()`)
			b.until("the page is back", `location.pathname === '/'`)
			b.untilLive()
			if len(b.messages()) == 0 {
				t.Log("this browser did not keep the page")
				said = nil
			}
			said = s.say(said, 3)
			b.untilLast(said[len(said)-1])
			b.shows(said)
		})
	}
}
