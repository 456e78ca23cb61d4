package main

import (
	"fmt"
	"testing"
)

// cards are what the home page says of the other pages' topics, by topic.
const cards = `Object.fromEntries([...document.querySelectorAll("live-card")].map((card) => [card.getAttribute("topic"), card.querySelector(".now").textContent]))`

func TestTheHomePageShowsWhatEachPageIsAbout(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.answer("POST", "/api/v1/audits", `{"id":"stored"}`)
	b := browse(t)
	b.openLive(s.url + "/")
	b.until("the newest record is there at once", cards+`.audits === "Record stored"`)
	if got := eval[map[string]string](b, cards)["comments"]; got != "The next comment or like appears here." {
		t.Errorf("where nobody has said anything it says %q", got)
	}
	_, comment, _ := s.answer("POST", "/api/v1/comments", `{"nickname":"<b>ann","content":"<img src=x onerror=alert(1)>"}`)
	s.answer("POST", "/api/v1/audits", `{"id":"7","actor":"bob","action":"login","target":"<script>"}`)
	b.until("a comment is told", cards+`.comments === "<b>ann: <img src=x onerror=alert(1)>"`)
	b.until("a record is told", cards+`.audits === "bob login <script>"`)
	s.answer("PUT", "/api/v1/comments/"+comment["id"].(string)+"/like", "")
	b.until("a like is told", cards+`.comments === "A comment has 1 ♥ now"`)
	b.until("the time is told", cards+`.time.startsWith("The time is ")`)
	b.until("pings are told", `Number(`+cards+`.ping) > 1e9`)
	s.publish("news", "hello")
	b.until("news is told", cards+`.news === "hello"`)
	b.fits()
}

func TestTheHomePageSaysHowManyAreWatching(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	one := browse(t)
	one.openLive(s.url + "/")
	one.until("one is watching", `document.querySelector(".watching").innerText === "1 watching now"`)
	two := browse(t)
	two.openLive(s.url + "/comments")
	one.until("two are watching", `document.querySelector(".watching").innerText === "2 watching now"`)
}

// hiding has the page's document say that nobody sees it, after hide(true); a headless browser always says that somebody does.
const hiding = `{
	let hidden = false;
	Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
	Object.defineProperty(Document.prototype, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
	globalThis.hide = (now) => { hidden = now; return document.dispatchEvent(new Event("visibilitychange")); };
}`

func TestATabTellsWhatWasMissedAndWhetherItIsLive(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	m := standBetween(t, s)
	b := browse(t)
	b.forgive(networkErrors)
	b.inject(hiding)
	const icon = `document.querySelector("link[rel=icon]").href`
	b.openLive(m.URL + "/")
	const live = icon + `.endsWith("/public/icon.svg")`
	b.until("the icon is that of a live page", live)
	title := eval[string](b, `document.title`)
	s.publish("news", "seen")
	b.until("it is seen", cards+`.news === "seen"`)
	eval[bool](b, `hide(true)`)
	for range 3 {
		s.answer("POST", "/api/v1/audits", `{"id":"of another page"}`)
		s.publish("news", "missed")
	}
	b.until("three are missed", `document.title === `+quote("(3) "+title))
	for range 100 {
		s.publish("news", "missed")
	}
	b.until("many are missed", `document.title === `+quote("(99+) "+title))
	eval[bool](b, `hide(false)`)
	if got := eval[string](b, `document.title`); got != title {
		t.Errorf("who looks at the page reads %q", got)
	}
	m.end(false)
	b.until("the icon is another", icon+`.startsWith("data:image/svg+xml,")`)
	if wide := eval[int](b, `(async (image) => { image.src = `+icon+`; await image.decode(); return image.naturalWidth; })(new Image())`); wide == 0 {
		t.Error("the icon shows nothing")
	}
	b.until("the icon is that of a live page again", live)
}

func TestAScreenReaderHearsTheNewestNewsAndNotAllOfThem(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/")
	eval[bool](b, `(globalThis.told = [], new MutationObserver(() => told.push(document.querySelector("live-line [role=status]").textContent))
		.observe(document.querySelector("live-line [role=status]"), { childList: true }), true)`)
	for i := range 50 {
		s.publish("news", fmt.Sprint("news ", i))
	}
	b.until("all are shown", `document.querySelector("#news .text").innerText === "news 49"`)
	b.until("the newest is told", `told.at(-1) === "news 49"`)
	if told := eval[[]string](b, `told`); told[0] != "news 0" || len(told) > 4 {
		t.Errorf("told are %q", told)
	}
}
