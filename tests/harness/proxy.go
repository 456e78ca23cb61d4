package harness

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a page and its server.
type Proxy struct {
	*httptest.Server
	Asked    atomic.Int32 // how many requests for a stream it has had
	t        testing.TB
	instead  atomic.Pointer[http.HandlerFunc]
	fate     atomic.Pointer[fate]
	script   atomic.Pointer[string]
	upstream *httputil.ReverseProxy
	server   atomic.Pointer[Server]

	mu   sync.Mutex
	open map[*http.Request]bool // the requests for streams that are being answered
}

// fate is what comes over all answers that are on their way at a moment; later ones have another.
type fate struct {
	come   chan struct{} // closed at that moment
	silent bool          // nothing more is heard of them, not even an end; else they end well
}

// Between starts a proxy to a server that passes everything on at once.
func Between(t testing.TB, s *Server) *Proxy {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	p := &Proxy{t: t, open: map[*http.Request]bool{}}
	p.To(s)
	p.upstream = &httputil.ReverseProxy{
		Rewrite:        p.request,
		ModifyResponse: p.response,
		FlushInterval:  -1,
		ErrorLog:       quiet,
		Transport:      &http.Transport{DisableCompression: true},
	}
	p.fate.Store(&fate{come: make(chan struct{})})
	p.GoOn()
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = quiet
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/events" && strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
		p.Asked.Add(1)
		p.opened(r, true)
		defer p.opened(r, false)
	}
	(*p.instead.Load())(w, r)
}

func (p *Proxy) opened(r *http.Request, now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.open, r); now {
		p.open[r] = true
	}
}

// Topics are those of the streams that are open, each as often as it is listened to.
func (p *Proxy) Topics() (topics []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.open {
		topics = append(topics, r.URL.Query()["topic"]...)
	}
	return topics
}

// Target is the server that it passes on to.
func (p *Proxy) Target() *Server { return p.server.Load() }

// To has it pass on to s from now on.
func (p *Proxy) To(s *Server) { p.server.Store(s) }

// Answer has it answer by itself from now on.
func (p *Proxy) Answer(instead http.HandlerFunc) { p.instead.Store(&instead) }

// GoOn has it pass on again what comes from now on.
func (p *Proxy) GoOn() { p.Answer(p.Forward) }

// Forward passes a request on.
func (p *Proxy) Forward(w http.ResponseWriter, r *http.Request) { p.upstream.ServeHTTP(w, r) }

// Before has workers run a script before their own.
func (p *Proxy) Before(script string) { p.script.Store(&script) }

// End ends what is on its way, or has it fall silent while its connections stay.
func (p *Proxy) End(silent bool) {
	old := p.fate.Swap(&fate{come: make(chan struct{})})
	old.silent = silent
	close(old.come)
}

func (p *Proxy) request(r *httputil.ProxyRequest) {
	target, err := url.Parse(p.server.Load().URL)
	if err != nil {
		panic(err) // the server's own URL
	}
	r.SetURL(target)
	r.Out.Host = r.In.Host
	r.Out.Header.Del("Accept-Encoding") // a script goes before what comes, and names of topics change
	standIn(r.Out.URL)
}

func (p *Proxy) response(r *http.Response) error {
	var body io.Reader = &mortal{r.Body, r.Request, p.fate.Load()}
	changed := true
	switch script, kind := p.script.Load(), r.Header.Get("Content-Type"); {
	case script != nil && strings.HasSuffix(r.Request.URL.Path, "/worker.js") && r.StatusCode == http.StatusOK:
		body = io.MultiReader(strings.NewReader(*script), body)
	case strings.HasPrefix(kind, "text/event-stream") || strings.HasPrefix(kind, "application/json"):
		body = &renamed{lines: bufio.NewReader(body)}
	default:
		changed = false
	}
	if changed {
		r.ContentLength = -1
		r.Header.Del("Content-Length")
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	return nil
}

// mortal is the body of an answer.
type mortal struct {
	io.Reader
	request *http.Request
	fate    *fate
}

func (b *mortal) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
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

// On its own topics the server alone speaks. So that tests can, the proxy has a topic of everybody's stand in for each:
// who asks for hello listens to standin/hello, and is told that this is hello.
const standins = "standin/"

var fixed = map[string]string{
	"/events": "hello", "/events/hello": "hello", "/events/time": "time", "/events/ping": "ping", "/sse": "ping"}

func standIn(u *url.URL) {
	query := u.Query()
	topics, has := query["topic"]
	if own, is := fixed[u.Path]; is && !has {
		u.Path = "/events/" + standins + own
		return
	}
	for i, topic := range topics {
		if fixed["/events/"+topic] == topic {
			topics[i] = standins + topic
		}
	}
	if u.Path == "/events" {
		u.RawQuery = query.Encode()
	}
}

// renamed is a body in which the topics that stand in have the names of those that they stand in for.
type renamed struct {
	lines *bufio.Reader
	rest  []byte
	err   error
}

func (b *renamed) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.rest, b.err = b.lines.ReadBytes('\n')
		b.rest = bytes.ReplaceAll(b.rest, []byte(`"`+standins), []byte(`"`))
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Say appends events to one of the server's own topics, for who listens through a proxy.
func (s *Server) Say(topic string, data ...string) {
	s.t.Helper()
	kind := ""
	if topic == "ping" {
		kind = "ping"
	}
	var posts []Post
	for _, d := range data {
		posts = append(posts, Post{standins + topic, kind, d})
	}
	s.Posts(posts...)
}

// Say has the proxy's server say something.
func (p *Proxy) Say(topic string, data ...string) { p.Target().Say(topic, data...) }
