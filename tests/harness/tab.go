package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// NetworkErrors are what a browser itself says of requests that failed, which a test of an outage forgives.
const NetworkErrors = `^network: Failed to load resource: `

// recorder keeps what the heading and the state have said, so that no test misses what was there for a moment only, and
// has the console tell of what the page's policy has refused.
const recorder = `
addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  console.error('refused by policy', effectiveDirective, blockedURI));
const said = { header: [], state: [] };
new MutationObserver(() => {
  for (const [id, texts] of Object.entries(said)) {
    const text = document.getElementById(id)?.textContent;
    if (text && text !== texts.at(-1)) texts.push(text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });`

// Tab is a page in a real browser. When the test ends it fails if anything has gone wrong in the page that the test did
// not forgive: an error in the console, an exception, something that the Content-Security-Policy refused, a dialog.
type Tab struct {
	t         testing.TB
	ctx       context.Context
	workerCtx context.Context // of the way to the shared worker, if it has been attached
	still     bool            // the page runs no scripts

	mu       sync.Mutex // guards what the browser tells
	printed  []string   // by console.log, in order
	wrong    []string
	forgiven []*regexp.Regexp
}

func newTab(t testing.TB, ctx context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx, options...)
	b := &Tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		b.Check()
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the tab: %v", err)
		}
		cancel()
	})
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	b.Inject(recorder)
	return b
}

// hear takes what the browser tells of the page; chromedp calls it from a goroutine of its own.
func (b *Tab) hear(event any) {
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

// Forgive names, by regular expressions, what may go wrong in this test.
func (b *Tab) Forgive(patterns ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, pattern := range patterns {
		b.forgiven = append(b.forgiven, regexp.MustCompile(pattern))
	}
}

// Check fails the test if anything has gone wrong in the page since the last check.
func (b *Tab) Check() {
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

// Wrong is what has gone wrong in the page since the last check.
func (b *Tab) Wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.wrong)
}

// Log is what the page has printed by console.log so far.
func (b *Tab) Log() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.printed)
}

// Inject has every document that is opened from now on run a script before its own.
func (b *Tab) Inject(script string) {
	b.t.Helper()
	Call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// WithoutScripts has every document run no scripts from now on.
func (b *Tab) WithoutScripts() {
	b.t.Helper()
	b.still = true
	Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// Open opens an address, waits until it is loaded, and returns the status of the answer.
func (b *Tab) Open(url string) int64 {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, Patience)
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

// Click clicks on an element as a visitor does: it is to be in sight.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(within, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("clicking on %s: %v", selector, err)
	}
}

// awaits is a promise of the page that comes true when an expression is, at once where the document changes; false
// after a second, so that who waits can see whether the page is still the same.
const awaits = `new Promise((done) => {
	const holds = () => { try { return Boolean(%s); } catch { return false; } };
	const answer = (it) => (observer.disconnect(), clearInterval(tick), done(it), true);
	let looked = -Infinity;
	const look = () => {
		if (performance.now() - looked < 15) return false; // what changes all the time is not looked at each time
		looked = performance.now();
		return holds() && answer(true);
	};
	const observer = new MutationObserver(look);
	const until = Date.now() + 1000;
	const tick = setInterval(() => look() || (Date.now() > until && answer(false)), 20);
	observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
	look();
})`

// Until waits until a JavaScript expression is true in the page; where it throws it is not yet.
func (b *Tab) Until(what, expression string) {
	b.t.Helper()
	script, options := fmt.Sprintf(awaits, expression), []chromedp.EvaluateOption{chromedp.EvalAwaitPromise}
	if b.still {
		script, options = "Boolean("+expression+")", nil // there a promise would wait for ever
	}
	var err error
	for began := time.Now(); time.Since(began) < Patience; {
		holds := false
		within, cancel := context.WithTimeout(b.ctx, 15*time.Second) // a page that is left may take its promise with it
		holds, err = chromedp.Run(within, chromedp.Evaluate[bool](script, options...))
		cancel()
		if holds {
			return
		}
		if b.still || err != nil {
			<-time.After(10 * time.Millisecond) // the document that is to come may not be there yet
		}
	}
	b.t.Fatalf("not within %v: %s (%v). The page: %s", Patience, what, err, b.state())
}

// state is what the page shows and has shown, for a test that fails.
func (b *Tab) state() string {
	within, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(within, chromedp.Evaluate[string](
		`location + '\n' + JSON.stringify(said) + '\n' + document.body.innerText`))
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%.1500s %v\nprinted: %.1000q\nwrong: %q", text, err, b.printed, b.wrong)
}

// Seen is the text of an element as a visitor sees it: "" if it is hidden or not there.
func (b *Tab) Seen(selector string) string {
	b.t.Helper()
	return Eval[string](b, `((element) => element?.checkVisibility() ? element.innerText : '')(
		document.querySelector(`+Quote(selector)+`))`)
}

// Eval is the value of a JavaScript expression in the page, awaited if it is a promise.
func Eval[T any](b *Tab, expression string) T {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	value, err := chromedp.Run(within, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v. The page: %s", expression, err, b.state())
	}
	return value
}

// Call runs a command of the DevTools protocol on the tab.
func Call[P, R any](b *Tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// Quote is a value as a JavaScript literal.
func Quote(value any) string {
	literal, err := json.Marshal(value)
	if err != nil {
		panic(err) // the tests' own values
	}
	return string(literal)
}
