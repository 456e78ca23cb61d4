package pages

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestWithoutJavaScriptThePageSaysSo(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t)
	b := harness.Browse(t)
	b.WithoutScripts()
	b.Open(s.URL + "/")
	if notice := b.Seen("noscript .notice"); !strings.Contains(notice, "JavaScript, which is off in this browser") {
		t.Errorf("the page says %q", notice)
	}
	if command := b.Seen("#curl"); !strings.HasPrefix(command, "curl ") {
		t.Errorf("the command is %q", command)
	}
	b.Open(s.URL + "/mini")
	if notice := b.Seen("noscript"); notice != "This page needs JavaScript." {
		t.Errorf("/mini says %q", notice)
	}
}

func TestWithoutEventSourceThePageSaysSo(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t)
	b := harness.Browse(t)
	b.Open(s.URL + "/")
	if notice := b.Seen("#unsupported"); notice != "" {
		t.Errorf("a browser that has EventSource reads %q", notice)
	}
	b.Inject(`delete window.EventSource;`)
	b.Open(s.URL + "/")
	b.Until("the page says so", `document.querySelector('#unsupported').checkVisibility()`)
	if notice := b.Seen("#unsupported"); !strings.Contains(notice, "has no EventSource") {
		t.Errorf("the page says %q", notice)
	}
	if state := b.Seen("#state"); state != "" {
		t.Errorf("the page also says %q", state)
	}
}

func TestErrorsArePagesWithAWayHome(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.Forgive(harness.NetworkErrors + `.* status of 40[04]`)
	for _, test := range []struct {
		path   string
		status int64
		title  string
		words  string
	}{
		{"/nothing-here", 404, "Not Found", "There is nothing at this address"},
		{"/events/a%20b", 400, "Bad Request", "letters"},
	} {
		if status := b.Open(s.URL + test.path); status != test.status {
			t.Errorf("%s: status %d, want %d", test.path, status, test.status)
		}
		if title := b.Seen("h1"); title != test.title || b.Seen(".code") != fmt.Sprint(test.status) {
			t.Errorf("%s: %s %s", test.path, b.Seen(".code"), title)
		}
		if words := b.Seen(".lead"); !strings.Contains(words, test.words) {
			t.Errorf("%s: %q, want %q in it", test.path, words, test.words)
		}
		b.Click("a.home")
		b.Until("the way leads home",
			`location.pathname === '/' && document.querySelector('#state').textContent === 'Live'`)
	}
}

func TestAVisitorOfThePageWhoMayNotPublishReadsWhy(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(strings.Replace(s.URL, "127.0.0.1", "broadcast.test", 1) + "/")
	section := b.Seen("section[aria-labelledby=try]")
	for _, want := range []string{"accepts events only from its own machine", "-open-publish", "curl -d hello "} {
		if !strings.Contains(section, want) {
			t.Errorf("the page says %q, want %q in it", section, want)
		}
	}
	s.Publish("news", "hello")
	b.Until("reading needs nothing", `document.querySelector('#news .text').innerText === 'hello'`)
	b.Forgive(harness.NetworkErrors + `.* status of 403`)
	status := harness.Eval[int](b,
		`fetch('/events/news', { method: 'POST', body: 'me' }).then((answer) => answer.status)`)
	if status != 403 {
		t.Errorf("publishing is answered %d", status)
	}
}

func TestTheMiniPagePrintsEachEvent(t *testing.T) {
	t.Parallel()
	file := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(harness.Root(), "public", "mini.html"))}
	for _, from := range []string{"over http", "from disk"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			m := harness.Between(t, harness.Serve(t, "-demo=false"))
			b, address := harness.BrowseWith(t, "MAP localhost:8080 "+m.Listener.Addr().String()), file.String()
			if from == "over http" {
				address = "http://localhost:8080/mini"
			}
			b.Open(address)
			b.Until("its stream is open", `events.readyState === EventSource.OPEN`)
			m.Say("hello", "one", harness.Greeting(time.Now(), "two"))
			harness.Eventually(t, "the events are in the console", func() bool { return len(b.Log()) >= 2 })
			printed := b.Log()
			if len(printed) != 2 || printed[0] != "one" || !strings.Contains(printed[1], `"message":"two"`) {
				t.Errorf("the console has %q", printed)
			}
			if title := b.Seen("h1"); title != "The console page" {
				t.Errorf("the page is %q", title)
			}
			b.Fits()
		})
	}
}

func TestThePageAsksForNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/")
	loaded := harness.Eval[[]string](b, `performance.getEntriesByType('resource').map((entry) => entry.name)`)
	foreign := slices.DeleteFunc(loaded, func(url string) bool { return strings.HasPrefix(url, s.URL+"/") })
	if len(foreign) > 0 {
		t.Errorf("the page asks for %q", foreign)
	}
}
