package main

import (
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
	one.until("one is watching", `document.querySelector("watching-now").innerText === "1 watching now"`)
	two := browse(t)
	two.openLive(s.url + "/comments")
	one.until("two are watching", `document.querySelector("watching-now").innerText === "2 watching now"`)
}
