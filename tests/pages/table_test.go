// Package pages tests what each page shows and does, in a real browser.
package pages

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestThePageFillsItsTable(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t)
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/")
	b.Until("two rows have come", `document.querySelectorAll('#messagesTable tbody tr').length >= 2`)

	headings := harness.Eval[[]string](b, `said.header`)
	if want := []string{"Waiting for messages…", "Live messages"}; !slices.Equal(headings, want) {
		t.Errorf("the heading said %q, want %q", headings, want)
	}
	columns := harness.Eval[[]string](b,
		`[...document.querySelectorAll('#messagesTable thead th')].map((cell) => cell.innerText)`)
	if want := []string{"Timestamp (server)", "Message"}; !slices.Equal(columns, want) {
		t.Errorf("the columns are %q, want %q", columns, want)
	}
	rows := harness.Eval[[]struct{ Time, Machine, Message string }](b,
		`[...document.querySelectorAll('#messagesTable tbody tr')].map((row) => {
			const time = row.querySelector('time');
			return { time: time.textContent, machine: time.dateTime, message: row.cells[1].innerText };
		})`)
	harness.Eventually(t, "the events are in the console", func() bool { return len(b.Log()) >= len(rows) })
	for i, printed := range b.Log()[:len(rows)] {
		var data struct {
			Timestamp int64
			Message   string
		}
		if err := json.Unmarshal([]byte(printed), &data); err != nil {
			t.Fatalf("the console has %q: %v", printed, err)
		}
		row := rows[i]
		machine, err := time.Parse(time.RFC3339, row.Machine)
		if row.Time != fmt.Sprint(data.Timestamp) || err != nil || machine.Unix() != data.Timestamp ||
			row.Message != data.Message || !strings.HasPrefix(row.Message, "Hello at ") {
			t.Errorf("the row is %+v, of the event %s", row, printed)
		}
	}
}

func TestTheCommandOnThePageMakesNewsInEveryPage(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t)
	first := harness.Browse(t)
	second := first.Another()
	first.OpenLive(s.URL + "/")
	second.OpenLive(s.URL + "/")

	command := first.Seen("#curl")
	if want := "curl -d hello " + strings.TrimPrefix(s.URL, "http://") + "/events/news"; command != want {
		t.Fatalf("the page shows %q, want %q", command, want)
	}
	if title := first.Seen("#try"); title != "Now publish something yourself" {
		t.Errorf("who may publish reads %q", title)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		s.Publish("news", "hello")
	} else if out, err := exec.Command("curl", strings.Fields(command)[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	for _, b := range []*harness.Tab{first, second} {
		b.Until("the news is there", `document.querySelector('#news .text').innerText === 'hello'`)
		arrived := regexp.MustCompile(`^Arrived at .*\d:\d\d:\d\d.*, on every open page$`)
		if when := b.Seen("#news .when"); !arrived.MatchString(when) {
			t.Errorf("below the news: %q", when)
		}
		if !slices.Contains(b.Log(), "hello") {
			t.Errorf("the console has %q", b.Log())
		}
	}
	s.Publish("news", "and again")
	first.Until("newer news takes its place", `document.querySelector('#news').innerText.startsWith('and again')`)
}

func TestThePageCopiesItsCommand(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.AllowClipboard()
	// By another name the page has no clipboard API, but it can copy all the same.
	for _, host := range []string{"127.0.0.1", "broadcast.test"} {
		b.OpenLive(strings.Replace(s.URL, "127.0.0.1", host, 1) + "/")
		b.Click("copy-button button")
		b.Until("the button says so", `document.querySelector('copy-button').innerText === 'Copied'`)
		command := b.Seen("#curl")
		if selected := harness.Eval[string](b, `String(getSelection())`); selected != command {
			t.Errorf("%s: selected is %q, want %q", host, selected, command)
		}
		b.Open(s.URL + "/") // whose clipboard can be read
		if copied := harness.Eval[string](b, `navigator.clipboard.readText()`); copied != command {
			t.Errorf("%s: the clipboard has %q, want %q", host, copied, command)
		}
	}
}

func TestHostileTextIsTextOnThePage(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	b := harness.Browse(t)
	b.OpenLive(m.URL + "/")
	elements := harness.Eval[int](b, `document.querySelectorAll('body *').length`)
	for _, text := range harness.Hostile {
		s.Publish("news", text)
		b.Until("the news is its text", `document.querySelector('#news .text').textContent === `+harness.Quote(text))
		b.Fits()
	}
	n := harness.Eval[int](b, `document.querySelectorAll('#news .text *, #news .text ~ :not(.when)').length`)
	if n > 0 {
		t.Errorf("the news has %d elements that nobody wrote", n)
	}
	odd := []string{`null`, `"text"`, `[1]`, `{"timestamp":"<b>","message":5}`, `not JSON`}
	for _, text := range append(odd, harness.Hostile...) {
		m.Say("hello", text)
		b.UntilLast(text)
		m.Say("hello", harness.Greeting(time.Now(), text+"."))
		b.UntilLast(text + ".")
		b.Fits()
	}
	rows := harness.Eval[int](b, `document.querySelectorAll('#messagesTable tbody tr').length`)
	if want := 2 * (5 + len(harness.Hostile)); rows != want {
		t.Errorf("there are %d rows, want %d", rows, want)
	}
	// A row is a tr, two td, a time and a span; the news is a div, two p and a time where there was a p.
	if now, want := harness.Eval[int](b, `document.querySelectorAll('body *').length`), elements+5*rows+3; now != want {
		t.Errorf("the page has %d elements, want %d", now, want)
	}
	if harness.Eval[bool](b, `'polluted' in {}`) {
		t.Error("data has changed every object")
	}
	if times := harness.Eval[int](b, `[...document.querySelectorAll('#messagesTable time')].filter((time) =>
		!/^\d{10}$/.test(time.textContent)).length`); times > 0 {
		t.Errorf("%d rows are without their time", times)
	}
}

func TestThePageKeepsItsNewestRowsAndFollowsThem(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	m := harness.Between(t, s)
	b := harness.Browse(t)
	b.OpenLive(m.URL + "/")
	number := 0
	say := func(n int) {
		var data []string
		for range n {
			number++
			data = append(data, harness.Greeting(time.Now(), fmt.Sprint("event ", number)))
		}
		m.Say("hello", data...)
		b.UntilLast(fmt.Sprint("event ", number))
	}
	say(600)
	rows := b.Messages()
	gaps := harness.Eval[int](b, `document.querySelectorAll('tr.gap').length`)
	if len(rows) != 500 || rows[0] != "event 101" || gaps > 0 {
		t.Fatalf("there are %d rows from %s on", len(rows), rows[0])
	}
	const atEnd = `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 8)(
		document.querySelector('.scroller'))`
	b.Until("the newest row is in sight", atEnd+` && document.querySelector('.newest').hidden`)

	b.Wheel(".scroller", -3000)
	b.Until("a button leads to the newest", `!document.querySelector('.newest').hidden`)
	before := place(b)
	say(20)
	if after := place(b); after != before || before.Message == "" {
		t.Errorf("the reader looked at %+v and now sees %+v", before, after)
	}
	b.Click(".newest")
	b.Until("the newest row is in sight again", atEnd+` && document.querySelector('.newest').hidden`)
	say(20)
	b.Until("the newest row stays in sight", atEnd+` && document.querySelector('.newest').hidden`)
	if rows := b.Messages(); len(rows) != 500 || rows[0] != "event 141" {
		t.Errorf("there are %d rows from %s on", len(rows), rows[0])
	}
}

// place is the first row in sight, and how far below the table's upper edge it stands.
func place(b *harness.Tab) (row struct {
	Message string
	Below   int
}) {
	return harness.Eval[struct {
		Message string
		Below   int
	}](b, `(() => {
		const edge = document.querySelector('.scroller').getBoundingClientRect().top;
		const below = (row) => row.getBoundingClientRect().top - edge;
		const row = [...document.querySelectorAll('#messagesTable tbody tr')].find((row) => below(row) > 0);
		return { message: row.querySelector('.message').textContent, below: Math.round(below(row)) };
	})()`)
}
