package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	patience = 90 * time.Second // how long a test waits for what a page must show
	lifetime = 4 * time.Minute  // of a browser; no test needs as long
)

// networkErrors are what a browser itself says of requests that failed, which a test of an outage forgives.
const networkErrors = `^network: Failed to load resource: `

// recorder keeps what the heading and the state have said, so that no test misses what was there for a moment only, and has
// the console tell of what the page's policy has refused.
const recorder = `
addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => console.error('refused by policy', effectiveDirective, blockedURI));
const said = { header: [], state: [] };
new MutationObserver(() => {
  for (const [id, texts] of Object.entries(said)) {
    const text = document.getElementById(id)?.textContent;
    if (text && text !== texts.at(-1)) texts.push(text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });`

// tab is a page in a real browser. When the test ends it fails if anything has gone wrong in the page that the test did not
// forgive: an error in the console, an exception, something that the Content-Security-Policy refused, a dialog.
type tab struct {
	t         *testing.T
	ctx       context.Context
	workerCtx context.Context // of the way to the shared worker, if it has been attached

	mu       sync.Mutex // guards what the browser tells
	printed  []string   // by console.log, in order
	wrong    []string
	forgiven []*regexp.Regexp
}

// browse starts a browser and opens a tab in it. hosts are rules such as "MAP name 127.0.0.1".
func browse(t *testing.T, hosts ...string) *tab {
	t.Helper()
	profile := filepath.Join(t.TempDir(), "profile")
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(executable(t)),
		chromedp.UserDataDir(profile),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-smooth-scrolling", true),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("host-resolver-rules", strings.Join(hosts, ",")),
	)...)
	t.Cleanup(func() {
		cancel()
		eventually(t, "the browser is gone", func() bool { return os.RemoveAll(profile) == nil })
	})
	return newTab(t, ctx)
}

// another opens one more tab in the same browser.
func (b *tab) another() *tab { return newTab(b.t, b.ctx) }

func newTab(t *testing.T, ctx context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		b.check()
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		cancel()
	})
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	b.inject(recorder)
	return b
}

// executable is a Chromium.
func executable(t *testing.T) string {
	t.Helper()
	return needs(t, "apt-get install chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
}

// hear takes what the browser tells of the page; chromedp calls it from a goroutine of its own.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, arg := range e.Args {
			words = append(words, plain(arg))
		}
		if text := strings.Join(words, " "); e.Type == runtime.ConsoleAPICalledTypeLog {
			b.printed = append(b.printed, text)
		} else {
			b.wrong = append(b.wrong, fmt.Sprintf("console.%s: %s", e.Type, text))
		}
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "exception: "+e.ExceptionDetails.Text+" "+plain(e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.wrong = append(b.wrong, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		b.wrong = append(b.wrong, "dialog: "+e.Message)
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	}
}

// plain is a value of the page as the console shows it.
func plain(value *runtime.RemoteObject) string {
	if value == nil {
		return ""
	}
	var text string
	if json.Unmarshal(value.Value, &text) == nil {
		return text
	}
	return string(value.Value) + value.Description
}

// forgive names, by regular expressions, what may go wrong in this test.
func (b *tab) forgive(patterns ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, pattern := range patterns {
		b.forgiven = append(b.forgiven, regexp.MustCompile(pattern))
	}
}

// check fails the test if anything has gone wrong in the page since the last check.
func (b *tab) check() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, wrong := range b.wrong {
		if !slices.ContainsFunc(b.forgiven, func(r *regexp.Regexp) bool { return r.MatchString(wrong) }) {
			b.t.Errorf("the page: %s", wrong)
		}
	}
	b.wrong = nil
}

// log is what the page has printed by console.log so far.
func (b *tab) log() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.printed)
}

// inject has every document that is opened from now on run a script before its own.
func (b *tab) inject(script string) {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// open opens an address, waits until it is loaded, and returns the status of the answer.
func (b *tab) open(url string) int64 {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	response, err := chromedp.Run(within, chromedp.NavigateResponse(url))
	if err != nil {
		b.t.Fatalf("opening %s: %v", url, err)
	}
	if response == nil { // of a file
		return 0
	}
	return response.Status
}

// openLive opens a page and waits until its stream is live.
func (b *tab) openLive(url string) {
	b.t.Helper()
	b.open(url)
	b.untilLive()
}

func (b *tab) untilLive() {
	b.t.Helper()
	b.until("the page is live", `document.querySelector('#state').textContent === 'Live'`)
}

// click clicks on an element as a visitor does: it is to be in sight.
func (b *tab) click(selector string) {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(within, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("clicking on %s: %v", selector, err)
	}
}

// until waits until a JavaScript expression is true in the page; where it throws it is not yet.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if holds {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("not within %v: %s (%v). The page: %s", patience, what, err, b.state())
		}
	}
}

// state is what the page shows and has shown, for a test that fails.
func (b *tab) state() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location + '\n' + JSON.stringify(said) + '\n' + document.body.innerText`))
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%.1500s %v\nprinted: %.1000q\nwrong: %q", text, err, b.printed, b.wrong)
}

// seen is the text of an element as a visitor sees it: "" if it is hidden or not there.
func (b *tab) seen(selector string) string {
	b.t.Helper()
	return eval[string](b, `((element) => element?.checkVisibility() ? element.innerText : '')(document.querySelector(`+quote(selector)+`))`)
}

// eval is the value of a JavaScript expression in the page, awaited if it is a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v. The page: %s", expression, err, b.state())
	}
	return value
}

// call runs a command of the DevTools protocol on the tab.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// quote is the text as a JavaScript literal.
func quote(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always can be JSON
	}
	return string(literal)
}
