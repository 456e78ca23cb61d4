package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"

	"iris-broadcast/internal/stream"
)

// greeting is the data of an event of the topic hello.
func greeting(at time.Time, message string) string {
	data, err := json.Marshal(map[string]any{"timestamp": at.Unix(), "message": message})
	if err != nil {
		panic(err) // a number and a string always can be JSON
	}
	return string(data)
}

// hello appends an event to the topic hello, as the demo's ticker would.
func (s *site) hello(data string) {
	s.t.Helper()
	if _, err := s.log.Append(s.t.Context(), stream.Event{Topic: stream.MustTopic("hello"), Data: data}); err != nil {
		s.t.Fatal(err)
	}
}

// messages are the texts of the table's rows.
func (b *tab) messages() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll('#messagesTable .message')].map((cell) => cell.textContent)`)
}

// untilLast waits until the table's last row has this message.
func (b *tab) untilLast(message string) {
	b.t.Helper()
	b.until("the last row is "+message, `[...document.querySelectorAll('#messagesTable .message')].at(-1).textContent === `+quote(message))
}

// fits fails the test if the page is wider than the window.
func (b *tab) fits() {
	b.t.Helper()
	if wide := eval[int](b, `document.scrollingElement.scrollWidth - innerWidth`); wide > 0 {
		b.t.Errorf("the page is %d px wider than the window", wide)
	}
}

func TestThePageFillsItsTable(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := browse(t)
	b.openLive(s.url + "/")
	b.until("two rows have come", `document.querySelectorAll('#messagesTable tbody tr').length >= 2`)

	headings := eval[[]string](b, `said.header`)
	if want := []string{"Waiting for messages…", "Live messages"}; !slices.Equal(headings, want) {
		t.Errorf("the heading said %q, want %q", headings, want)
	}
	columns := eval[[]string](b, `[...document.querySelectorAll('#messagesTable thead th')].map((cell) => cell.innerText)`)
	if want := []string{"Timestamp (server)", "Message"}; !slices.Equal(columns, want) {
		t.Errorf("the columns are %q, want %q", columns, want)
	}
	rows := eval[[]struct{ Time, Machine, Message string }](b, `[...document.querySelectorAll('#messagesTable tbody tr')].map((row) => {
		const time = row.querySelector('time');
		return { time: time.textContent, machine: time.dateTime, message: row.cells[1].innerText };
	})`)
	eventually(t, "the events are in the console", func() bool { return len(b.log()) >= len(rows) })
	for i, printed := range b.log()[:len(rows)] {
		var data struct {
			Timestamp int64
			Message   string
		}
		if err := json.Unmarshal([]byte(printed), &data); err != nil {
			t.Fatalf("the console has %q: %v", printed, err)
		}
		row := rows[i]
		machine, err := time.Parse(time.RFC3339, row.Machine)
		if row.Time != fmt.Sprint(data.Timestamp) || err != nil || machine.Unix() != data.Timestamp || row.Message != data.Message ||
			!strings.HasPrefix(row.Message, "Hello at ") {
			t.Errorf("the row is %+v, of the event %s", row, printed)
		}
	}
}

func TestTheCommandOnThePageMakesNewsInEveryPage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	first := browse(t)
	second := first.another()
	first.openLive(s.url + "/")
	second.openLive(s.url + "/")

	command := first.seen("#curl")
	if want := "curl -d hello " + strings.TrimPrefix(s.url, "http://") + "/events/news"; command != want {
		t.Fatalf("the page shows %q, want %q", command, want)
	}
	if title := first.seen("#try"); title != "Now say something yourself" {
		t.Errorf("who may publish reads %q", title)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		s.publish("news", "hello")
	} else if out, err := exec.Command("curl", strings.Fields(command)[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	for _, b := range []*tab{first, second} {
		b.until("the news is there", `document.querySelector('#news .text').innerText === 'hello'`)
		if when := b.seen("#news .when"); !regexp.MustCompile(`^Arrived at .*\d:\d\d:\d\d.*, in every open page$`).MatchString(when) {
			t.Errorf("below the news: %q", when)
		}
		if !slices.Contains(b.log(), "hello") {
			t.Errorf("the console has %q", b.log())
		}
	}
	s.publish("news", "and again")
	first.until("newer news takes its place", `document.querySelector('#news').innerText.startsWith('and again')`)
}

func TestThePageCopiesItsCommand(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t, "MAP broadcast.test 127.0.0.1")
	call(b, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted})
	// By another name the page has no clipboard API, but it can copy all the same.
	for _, host := range []string{"127.0.0.1", "broadcast.test"} {
		b.openLive(strings.Replace(s.url, "127.0.0.1", host, 1) + "/")
		b.click("copy-button button")
		b.until("the button says so", `document.querySelector('copy-button').innerText === 'Copied'`)
		command := b.seen("#curl")
		if selected := eval[string](b, `String(getSelection())`); selected != command {
			t.Errorf("%s: selected is %q, want %q", host, selected, command)
		}
		b.open(s.url + "/") // whose clipboard can be read
		if copied := eval[string](b, `navigator.clipboard.readText()`); copied != command {
			t.Errorf("%s: the clipboard has %q, want %q", host, copied, command)
		}
	}
}

// hostile are texts that anybody could publish.
var hostile = []string{
	`<img src=x onerror=alert(1)>`,
	`</script><script>alert(2)</script>`,
	`<template><svg onload=alert(3)></template> &lt;b&gt; {{ .Curl }} ${alert(4)}`,
	`{"__proto__": {"polluted": true}, "constructor": null}`,
	"שלום עולם \u202egnirts desrever a\u202c مرحبا",
	"one\ntwo\r\nthree\n\n  indented\ttab",
	"\ufeff\u0000\u0007\u2028\u2029 \u200b🏳️‍🌈 e\u0301 \U0010FFFF",
	strings.Repeat("W", 60_000),
}

func TestHostileTextIsTextOnThePage(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/")
	elements := eval[int](b, `document.querySelectorAll('body *').length`)
	for _, text := range hostile {
		s.publish("news", text)
		b.until("the news is its text", `document.querySelector('#news .text').textContent === `+quote(text))
		b.fits()
	}
	if n := eval[int](b, `document.querySelectorAll('#news .text *, #news .text ~ :not(.when)').length`); n > 0 {
		t.Errorf("the news has %d elements that nobody wrote", n)
	}
	for _, text := range append([]string{`null`, `"text"`, `[1]`, `{"timestamp":"<b>","message":5}`, `not JSON`}, hostile...) {
		s.hello(text)
		b.untilLast(text)
		s.hello(greeting(time.Now(), text+"."))
		b.untilLast(text + ".")
		b.fits()
	}
	rows := eval[int](b, `document.querySelectorAll('#messagesTable tbody tr').length`)
	if want := 2 * (5 + len(hostile)); rows != want {
		t.Errorf("there are %d rows, want %d", rows, want)
	}
	// A row is a tr, two td, a time and a span; the news is a div, two p and a time where there was a p.
	if now, want := eval[int](b, `document.querySelectorAll('body *').length`), elements+5*rows+3; now != want {
		t.Errorf("the page has %d elements, want %d", now, want)
	}
	if eval[bool](b, `'polluted' in {}`) {
		t.Error("data has changed every object")
	}
	if times := eval[int](b, `[...document.querySelectorAll('#messagesTable time')].filter((time) => !/^\d{10}$/.test(time.textContent)).length`); times > 0 {
		t.Errorf("%d rows are without their time", times)
	}
}

func TestThePageKeepsItsNewestRowsAndFollowsThem(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/")
	number := 0
	say := func(n int) {
		for range n {
			number++
			s.hello(greeting(time.Now(), fmt.Sprint("event ", number)))
		}
		b.untilLast(fmt.Sprint("event ", number))
	}
	say(600)
	rows := b.messages()
	if len(rows) != 500 || rows[0] != "event 101" || eval[int](b, `document.querySelectorAll('tr.gap').length`) > 0 {
		t.Fatalf("there are %d rows from %s on", len(rows), rows[0])
	}
	const atEnd = `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 8)(document.querySelector('.scroller'))`
	b.until("the newest row is in sight", atEnd+` && document.querySelector('.newest').hidden`)

	b.wheel(".scroller", -3000)
	b.until("a button leads to the newest", `!document.querySelector('.newest').hidden`)
	before := b.place()
	say(20)
	if after := b.place(); after != before || before.Message == "" {
		t.Errorf("the reader looked at %+v and now sees %+v", before, after)
	}
	b.click(".newest")
	b.until("the newest row is in sight again", atEnd+` && document.querySelector('.newest').hidden`)
	say(20)
	b.until("the newest row stays in sight", atEnd+` && document.querySelector('.newest').hidden`)
	if rows := b.messages(); len(rows) != 500 || rows[0] != "event 141" {
		t.Errorf("there are %d rows from %s on", len(rows), rows[0])
	}
}

// wheel turns the mouse's wheel over the middle of an element, and waits until it has scrolled.
func (b *tab) wheel(selector string, pixels float64) {
	b.t.Helper()
	at := eval[struct{ X, Y float64 }](b, `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(document.querySelector(`+
		quote(selector)+`).getBoundingClientRect())`)
	// input.DispatchMouseEvent leaves out a deltaX of 0, which the browser wants.
	call(b, cdp.Command[map[string]any, cdp.Empty]{Method: input.CommandDispatchMouseEvent}, map[string]any{
		"type": "mouseWheel", "x": at.X, "y": at.Y, "deltaX": 0, "deltaY": pixels})
	eval[bool](b, `new Promise((done) => {
		let last, same = 0;
		const look = () => {
			const { scrollTop } = document.querySelector(`+quote(selector)+`);
			same = scrollTop === last ? same + 1 : 0;
			last = scrollTop;
			same > 10 ? done(true) : requestAnimationFrame(look);
		};
		look();
	})`)
}

// place is the first row in sight, and how far below the table's upper edge it stands.
func (b *tab) place() (row struct {
	Message string
	Below   int
}) {
	b.t.Helper()
	err := json.Unmarshal([]byte(eval[string](b, `(() => {
		const edge = document.querySelector('.scroller').getBoundingClientRect().top;
		const row = [...document.querySelectorAll('#messagesTable tbody tr')].find((row) => row.getBoundingClientRect().top > edge);
		return JSON.stringify({ message: row.querySelector('.message').textContent, below: Math.round(row.getBoundingClientRect().top - edge) });
	})()`)), &row)
	if err != nil {
		b.t.Fatal(err)
	}
	return row
}
