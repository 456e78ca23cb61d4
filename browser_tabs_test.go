package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// tabs opens that many tabs in one browser, which run a script before each page's own.
func tabs(t *testing.T, n int, script string) []*tab {
	t.Helper()
	all := []*tab{browse(t)}
	for len(all) < n {
		all = append(all, all[0].another())
	}
	for _, b := range all {
		b.inject(script)
	}
	return all
}

// streams is how many the server counts.
func (s *site) streams() int {
	s.t.Helper()
	response, err := client0.Get(s.url + "/readyz")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Streams int }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatal(response.Status, err)
	}
	return answer.Streams
}

// worker is the shared worker's target in the DevTools protocol; "" if there is none.
func (b *tab) worker() target.ID {
	b.t.Helper()
	all, err := chromedp.CallBrowser(b.ctx, target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{}}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, info := range all.TargetInfos {
		if info.Type == "shared_worker" {
			return info.TargetID
		}
	}
	return ""
}

// killWorker ends the shared worker.
func (b *tab) killWorker() {
	b.t.Helper()
	killed := b.worker()
	if killed == "" {
		b.t.Fatal("there is no shared worker")
	}
	if _, err := chromedp.CallBrowser(b.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: killed}); err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "the worker is dead", func() bool { return b.worker() != killed })
}

// close closes the tab.
func (b *tab) close() {
	b.t.Helper()
	b.check()
	if err := chromedp.Cancel(b.ctx); err != nil {
		b.t.Fatal(err)
	}
}

// home opens the live table in all tabs, and says and awaits a few rows.
func (s *site) home(all []*tab) (said []string) {
	s.t.Helper()
	for _, b := range all {
		b.openLive(s.url + "/")
	}
	said = s.say(nil, 3)
	untilAll(all, said)
	return said
}

// untilAll waits until the last row of all tabs is the last message.
func untilAll(all []*tab, said []string) {
	for _, b := range all {
		b.t.Helper()
		b.untilLast(said[len(said)-1])
	}
}

func TestTwelveTabsShareOneStreamAndOutliveTheirWorker(t *testing.T) { // alone on the machine: it measures
	s := serve(t, "-demo=false")
	all := tabs(t, 13, "")
	s.home(all[1:]) // the first tab is the browser's own
	if n := s.streams(); n != 1 {
		t.Errorf("there are %d streams", n)
	}
	starter, others := all[1], all[2:]
	starter.close()
	said := s.say([]string{"event 1", "event 2", "event 3"}, 3)
	untilAll(others, said)

	for _, b := range others {
		eval[bool](b, `document.querySelector('live-stream').addEventListener('live-event', () => (window.wentOn ??= Date.now())) ?? true`)
	}
	killed := time.Now()
	others[0].killWorker()
	said = s.say(said, 20)
	untilAll(others, said)
	var took time.Duration
	for _, b := range others {
		took = max(took, time.UnixMilli(eval[int64](b, `wentOn`)).Sub(killed))
	}
	if t.Logf("all had gone on after %v", took); took > 2*time.Second {
		t.Error("that is more than 2 s")
	}
	if n := s.streams(); n != 1 {
		t.Errorf("there are %d streams then", n)
	}
	for _, b := range others {
		b.shows(said)
	}
}

// Without locks, as on a page that is not a secure context, tabs and worker have nothing but their messages.
func TestTabsWithoutLocksOutliveTheirWorker(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	all := tabs(t, 2, `delete Navigator.prototype.locks; delete MessagePort.prototype.onclose;`)
	said := s.home(all)
	all[0].killWorker()
	said = s.say(said, 3)
	untilAll(all, said)
	for _, b := range all {
		b.shows(said)
	}
	eventually(t, "there is one stream", func() bool { return s.streams() == 1 }) // who waits long for an answer asks for another worker
}

func TestATabThatCrashesIsNoLongerListenedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	all := tabs(t, 3, "")
	all[1].openLive(s.url + "/comments")
	all[2].openLive(s.url + "/time")
	if _, keys := s.registered(); keys != 2 {
		t.Fatalf("there are %d topics", keys)
	}
	all[2].forgive(".")
	go chromedp.Run(all[2].ctx, chromedp.Navigate("chrome://crash")) // never answered
	eventually(t, "one topic is left", func() bool { _, keys := s.registered(); return keys == 1 })
	s.waitFor(1)
}

const full = "Four other tabs of this site are live already; this one goes on when a place becomes free."

func TestWithoutAWorkerFourTabsAreLiveAndTheOthersSayWhy(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"there is none": alone, "it does not load": `{
		const Real = SharedWorker;
		globalThis.SharedWorker = class { constructor() { return new Real('/public/js/nothing-here-worker.js'); } };
	}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "-demo=false")
			all := tabs(t, 8, script)
			for i, b := range all {
				b.forgive(networkErrors+`.* status of 404`, `^worker: Failed to fetch a worker script`)
				if i < 4 {
					b.openLive(s.url + "/comments")
					continue
				}
				b.open(s.url + "/comments")
				b.until("it says why it is not live", `document.querySelector('#state').textContent === `+quote(full))
			}
			if n := s.streams(); n != 4 {
				t.Errorf("there are %d streams", n)
			}
			last := all[7]
			last.fill("#commentForm textarea", "from a tab without a place")
			last.click("#commentForm button")
			for _, b := range []*tab{last, all[0], all[3]} {
				b.untilContents("from a tab without a place 0")
			}
			all[1].close()
			eventually(t, "another takes the place", func() bool { return s.streams() == 4 && live(all[4:]) == 1 })
			all[0].open(s.url + "/healthz") // and one whose page is left
			eventually(t, "another takes its place too", func() bool { return s.streams() == 4 && live(all[4:]) == 2 })
			last.open(s.url + "/comments")
		})
	}
}

// live is how many of the tabs are.
func live(all []*tab) (n int) {
	for _, b := range all {
		if eval[bool](b, `document.querySelector('#state').textContent === 'Live'`) {
			n++
		}
	}
	return n
}

func TestWhereLocksAreDeniedTheTabIsLiveAllTheSame(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.inject(`delete window.SharedWorker;
		for (const name of ['request', 'query']) LockManager.prototype[name] = async () => { throw new DOMException('', 'SecurityError'); };`)
	said := s.home([]*tab{b})
	said = s.say(said, 3)
	untilAll([]*tab{b}, said)
	b.shows(said)
}

func TestATabNeverTalksToAWorkerOfAnotherVersion(t *testing.T) {
	text := ""
	for _, file := range []string{"broadcast", "broadcast-line", "broadcast-tab", "broadcast-worker"} {
		module, err := os.ReadFile("public/js/" + file + ".js")
		if err != nil {
			t.Fatal(err)
		}
		text += string(module)
	}
	version := regexp.MustCompile(`const VERSION = '(.*)';`).FindStringSubmatch(text)
	if version == nil {
		t.Fatal("there is no VERSION")
	}
	text = strings.Replace(text, version[0], "", 1)
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:8]; version[1] != want {
		t.Errorf("the modules have changed: VERSION in broadcast-worker.js is now to be '%s'", want)
	}
}
