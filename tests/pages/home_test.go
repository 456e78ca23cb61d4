package pages

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"iris-broadcast/tests/harness"
)

// cards are what the home page says of the other pages' topics, by topic.
const cards = `Object.fromEntries([...document.querySelectorAll("live-card")].map((card) =>
	[card.getAttribute("topic"), card.querySelector(".now").textContent]))`

func TestTheHomePageShowsWhatEachPageIsAbout(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t)
	s.API("POST", "/api/v1/audits", `{"id":"stored"}`)
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/")
	b.Until("the newest record is there at once", cards+`.audits === "Record stored"`)
	if got := harness.Eval[map[string]string](b, cards)["comments"]; got != "The next comment or like appears here." {
		t.Errorf("where nobody has said anything it says %q", got)
	}
	comment := s.API("POST", "/api/v1/comments", `{"nickname":"<b>ann","content":"<img src=x onerror=alert(1)>"}`)
	s.API("POST", "/api/v1/audits", `{"id":"7","actor":"bob","action":"login","target":"<script>"}`)
	b.Until("a comment is told", cards+`.comments === "<b>ann: <img src=x onerror=alert(1)>"`)
	b.Until("a record is told", cards+`.audits === "bob login <script>"`)
	s.API("PUT", "/api/v1/comments/"+comment["id"].(string)+"/like", "")
	b.Until("a like is told", cards+`.comments === "A comment now has 1 ♥"`)
	b.Until("the time is told", cards+`.time.startsWith("The time is ")`)
	b.Until("pings are told", `Number(`+cards+`.ping) > 1e9`)
	s.Publish("news", "hello")
	b.Until("news is told", cards+`.news === "hello"`)
	b.Fits()
}

func TestTheHomePageSaysHowManyAreWatching(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	one := harness.Browse(t)
	one.OpenLive(s.URL + "/")
	one.Until("one is watching", `document.querySelector(".watching").innerText === "1 watching now"`)
	two := harness.Browse(t)
	two.OpenLive(s.URL + "/comments")
	one.Until("two are watching", `document.querySelector(".watching").innerText === "2 watching now"`)
	if n := s.Streams(); n != 2 {
		t.Errorf("there are %d streams: the figures have one of their own", n)
	}
	two.Open(s.URL + "/watch")
	one.Until("one has left", `document.querySelector(".watching").innerText === "1 watching now"`)
}

// hiding has the page's document say that nobody sees it, after hide(true); a headless browser always says that
// somebody does.
const hiding = `{
	let hidden = false;
	Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
	Object.defineProperty(Document.prototype, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
	globalThis.hide = (now) => { hidden = now; return document.dispatchEvent(new Event("visibilitychange")); };
}`

func TestAHiddenHomePageAsksForNoFigures(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	var asked atomic.Int32
	m.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events/$server" {
			asked.Add(1)
		}
		m.Forward(w, r)
	})
	more := func(n int32) func() bool { return func() bool { return asked.Load() > n } }
	b := harness.Browse(t)
	b.Inject(hiding)
	b.OpenLive(m.URL + "/")
	harness.Eval[bool](b, `document.querySelector("polled-topic").setAttribute("every", 0.01) ?? true`)
	harness.Eventually(t, "a visible page asks again and again", more(5))
	harness.Eval[bool](b, `hide(true)`)
	before := asked.Load()
	for i := range 20 {
		s.Publish("news", fmt.Sprint("news ", i))
		b.Until("it is there", cards+`.news === "news `+fmt.Sprint(i)+`"`)
	}
	if n := asked.Load() - before; n > 1 { // one may have been under way
		t.Errorf("it has asked %d times", n)
	}
	harness.Eval[bool](b, `hide(false)`)
	harness.Eventually(t, "it asks as soon as it is visible", more(before+3))
}

func TestATabTellsWhatWasMissedAndWhetherItIsLive(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	b := harness.Browse(t)
	b.Forgive(harness.NetworkErrors)
	b.Inject(hiding)
	const icon = `document.querySelector("link[rel=icon]").href`
	b.OpenLive(m.URL + "/")
	const live = icon + `.endsWith("/public/icon.svg")`
	b.Until("the icon is that of a live page", live)
	title := harness.Eval[string](b, `document.title`)
	s.Publish("news", "seen")
	b.Until("it is seen", cards+`.news === "seen"`)
	harness.Eval[bool](b, `hide(true)`)
	for range 3 {
		s.API("POST", "/api/v1/audits", `{"id":"of another page"}`)
		s.Publish("news", "missed")
	}
	b.Until("three are missed", `document.title === `+harness.Quote("(3) "+title))
	for range 100 {
		s.Publish("news", "missed")
	}
	b.Until("many are missed", `document.title === `+harness.Quote("(99+) "+title))
	harness.Eval[bool](b, `hide(false)`)
	if got := harness.Eval[string](b, `document.title`); got != title {
		t.Errorf("who looks at the page reads %q", got)
	}
	m.End(false)
	b.Until("the icon is another", icon+`.startsWith("data:image/svg+xml,")`)
	if wide := harness.Eval[int](b, `(async (image) => {
		image.src = `+icon+`;
		await image.decode();
		return image.naturalWidth;
	})(new Image())`); wide == 0 {
		t.Error("the icon shows nothing")
	}
	b.Until("the icon is that of a live page again", live)
}

func TestAScreenReaderHearsTheNewestNewsAndNotAllOfThem(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/")
	harness.Eval[bool](b, `((status) => {
		globalThis.told = [];
		new MutationObserver(() => told.push(status.textContent)).observe(status, { childList: true });
		return true;
	})(document.querySelector("live-line [role=status]"))`)
	for i := range 50 {
		s.Publish("news", fmt.Sprint("news ", i))
	}
	b.Until("all are shown", `document.querySelector("#news .text").innerText === "news 49"`)
	b.Until("the newest is told", `told.at(-1) === "news 49"`)
	if told := harness.Eval[[]string](b, `told`); told[0] != "news 0" || len(told) > 4 {
		t.Errorf("told are %q", told)
	}
}
