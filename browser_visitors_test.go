package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"iris-broadcast/internal/metrics"
	"iris-broadcast/internal/stream"
)

func TestWithoutJavaScriptThePageSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := browse(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(s.url + "/")
	if notice := b.seen("noscript .notice"); !strings.Contains(notice, "JavaScript, which is off in this browser") {
		t.Errorf("the page says %q", notice)
	}
	if command := b.seen("#curl"); !strings.HasPrefix(command, "curl ") {
		t.Errorf("the command is %q", command)
	}
	b.open(s.url + "/mini")
	if notice := b.seen("noscript"); notice != "This page needs JavaScript." {
		t.Errorf("/mini says %q", notice)
	}
}

func TestWithoutEventSourceThePageSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := browse(t)
	b.open(s.url + "/")
	if notice := b.seen("#unsupported"); notice != "" {
		t.Errorf("a browser that has EventSource reads %q", notice)
	}
	b.inject(`delete window.EventSource;`)
	b.open(s.url + "/")
	b.until("the page says so", `document.querySelector('#unsupported').checkVisibility()`)
	if notice := b.seen("#unsupported"); !strings.Contains(notice, "has no EventSource") {
		t.Errorf("the page says %q", notice)
	}
	if state := b.seen("#state"); state != "" {
		t.Errorf("the page also says %q", state)
	}
}

func TestErrorsArePagesWithAWayHome(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.forgive(networkErrors + `.* status of 40[04]`)
	for _, test := range []struct {
		path   string
		status int64
		title  string
		words  string
	}{
		{"/nothing-here", 404, "Not Found", "There is nothing at this address."},
		{"/events/a%20b", 400, "Bad Request", "letters"},
	} {
		if status := b.open(s.url + test.path); status != test.status {
			t.Errorf("%s: status %d, want %d", test.path, status, test.status)
		}
		if title := b.seen("h1"); title != test.title || b.seen(".code") != fmt.Sprint(test.status) {
			t.Errorf("%s: %s %s", test.path, b.seen(".code"), title)
		}
		if words := b.seen(".lead"); !strings.Contains(words, test.words) {
			t.Errorf("%s: %q, want %q in it", test.path, words, test.words)
		}
		b.click("a.home")
		b.until("the way leads home", `location.pathname === '/' && document.querySelector('#state').textContent === 'Live'`)
	}
}

func TestAVisitorOfThePageWhoMayNotPublishReadsWhy(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t, "MAP broadcast.test 127.0.0.1")
	b.openLive(strings.Replace(s.url, "127.0.0.1", "broadcast.test", 1) + "/")
	section := b.seen("section[aria-labelledby=try]")
	for _, want := range []string{"takes events only from the machine it runs on", "-open-publish", "curl -d hello "} {
		if !strings.Contains(section, want) {
			t.Errorf("the page says %q, want %q in it", section, want)
		}
	}
	s.publish("news", "hello")
	b.until("reading needs nothing", `document.querySelector('#news .text').innerText === 'hello'`)
	b.forgive(networkErrors + `.* status of 403`)
	if status := eval[int](b, `fetch('/events/news', { method: 'POST', body: 'me' }).then((answer) => answer.status)`); status != 403 {
		t.Errorf("publishing is answered %d", status)
	}
}

func TestTheMiniPagePrintsEachEvent(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs("public/mini.html")
	if err != nil {
		t.Fatal(err)
	}
	fromDisk := url.URL{Scheme: "file", Path: filepath.ToSlash(file)}
	for _, test := range []struct{ name, address string }{
		{"over http", "http://127.0.0.1:8080/mini"},
		{"from disk", fromDisk.String()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-demo=false")
			addr := strings.TrimPrefix(s.url, "http://")
			b := browse(t, "MAP localhost:8080 "+addr, "MAP 127.0.0.1:8080 "+addr)
			b.open(test.address)
			s.waitFor(1)
			s.hello("one")
			s.hello(greeting(time.Now(), "two"))
			eventually(t, "the events are in the console", func() bool { return len(b.log()) >= 2 })
			if printed := b.log(); len(printed) != 2 || printed[0] != "one" || !strings.Contains(printed[1], `"message":"two"`) {
				t.Errorf("the console has %q", printed)
			}
			if title := b.seen("h1"); title != "The console page" {
				t.Errorf("the page is %q", title)
			}
			b.fits()
		})
	}
}

func TestTheMiniPageIsMini(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("public/mini.html")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(page), "\n"); lines >= 25 {
		t.Errorf("it has %d lines, which are to be under 25", lines)
	}
	if scripts := strings.Count(string(page), "<script"); scripts != 1 || !strings.Contains(string(page), "<script>\n") {
		t.Errorf("it has %d scripts, and is to have one, classic and inline", scripts)
	}
}

// populate puts something on each page: some of what a visitor wrote is long, or has no place to break.
func (s *site) populate() {
	s.t.Helper()
	for i, content := range []string{"Is anybody there?", strings.Repeat("A longer comment, of several lines. ", 12), strings.Repeat("x", 300)} {
		s.answer("POST", "/api/v1/comments", fmt.Sprintf(`{"nickname":"Visitor %d","content":%q}`, i, content))
		s.answer("POST", "/api/v1/audits", fmt.Sprintf(`{"id":"%d","actor":"ann","action":"login","target":%q,"details":{"from":"here"}}`, i, content[:10*i]))
	}
	for i := range 5 {
		at := time.Now().Add(time.Duration(i-5) * time.Second)
		s.log.Append(s.t.Context(), stream.Event{Topic: stream.MustTopic("time"), Data: "The time is " + at.Format(time.UnixDate)},
			stream.Event{Topic: stream.MustTopic("ping"), Type: stream.MustType("ping"), Data: fmt.Sprint(at.Unix())})
	}
	for i := range statusKept { // a busy server
		at, busy := time.Now().Add(time.Duration(i-statusKept)*time.Second), 3+2*math.Sin(float64(i)/40)
		some := func(most float64) float64 { return metrics.Round(most * busy * (1 + rand.Float64()/9)) }
		p50, p90, p99 := some(0.3), some(0.9), some(2.7)
		s.told.add(stream.Event{ID: stream.IDAt(at), Topic: status, Data: stream.MustJSON(metrics.Status{
			Streams: int(some(900)), Events: some(30), Deliveries: some(20_000), Bytes: some(3_000_000), DelayP50: &p50, DelayP90: &p90, DelayP99: &p99,
			Left: 1000 + 7*i, Stalled: i / 60, TurnedAway: i / 50, Gaps: i / 20, Memory: some(30), Store: 120 + some(0.4)})})
	}
	s.populateWatched()
}

// SCREENSHOTS, in the environment, is a directory that this test writes pictures of the pages to.
func TestPagesFitTheirWindow(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t, "MAP localhost:8080 "+strings.TrimPrefix(s.url, "http://"))
	b.forgive(networkErrors + `.* status of 404`)
	const home = "http://localhost:8080" // what a picture is to show
	s.populate()
	for _, window := range []struct {
		name          string
		width, height int64
	}{{"wide", 1280, 900}, {"narrow", 360, 740}} {
		if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(window.width, window.height)); err != nil {
			t.Fatal(err)
		}
		for _, scheme := range []string{"light", "dark"} {
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
			name := window.name + "-" + scheme + ".png"
			b.openLive(home + "/")
			b.fits()
			b.picture("empty-" + name)
			for i := range 8 {
				at := time.Now().Truncate(2 * time.Second).Add(time.Duration(i-8) * 2 * time.Second)
				s.hello(greeting(at, "Hello at "+at.Format(time.RFC1123)))
			}
			b.until("the rows are there", `document.querySelectorAll('#messagesTable tbody tr').length === 8`)
			s.publish("news", "hello")
			b.until("the news is there", `document.querySelector('#news .text')`)
			b.fits()
			b.picture("home-" + name)
			for page, path := range map[string]string{"mini-": "/mini", "error-": "/nothing-here", "comments-": "/comments",
				"audits-": "/audits", "ping-": "/ping", "time-": "/time", "status-": "/status", "watch-choose-": "/watch", "watch-empty-": "/watch?topic=silent",
				"watch-text-": "/watch?topic=words", "watch-table-": "/watch?topic=orders", "watch-charts-": "/watch?topic=sensors/*",
				"watch-progress-": "/watch?topic=jobs", "watch-topics-": "/watch?topic=news&topic=orders&topic=words&topic=nothing/at/all/*"} {
				b.open(home + path)
				if page != "mini-" && page != "error-" && page != "watch-choose-" {
					b.untilLive()
				}
				if n := map[string]int{"watch-charts-": 3, "watch-table-": 2, "watch-topics-": 2, "status-": 4}[page]; n > 0 {
					b.until("charts are drawn", fmt.Sprintf(`document.querySelectorAll(".charts canvas").length >= %d`, n))
				}
				b.fits()
				b.picture(page + name)
			}
		}
	}
}

// picture writes a picture of what is in the window, if SCREENSHOTS says where to.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

func TestThePageAsksForNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/")
	loaded := eval[[]string](b, `performance.getEntriesByType('resource').map((entry) => entry.name)`)
	if foreign := slices.DeleteFunc(loaded, func(url string) bool { return strings.HasPrefix(url, s.url+"/") }); len(foreign) > 0 {
		t.Errorf("the page asks for %q", foreign)
	}
}
