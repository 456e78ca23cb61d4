package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"iris-broadcast/internal/stream"
)

// append appends events to a topic at once.
func (s *site) append(topic string, data ...string) {
	s.t.Helper()
	events := make([]stream.Event, len(data))
	for i, d := range data {
		events[i] = stream.Event{Topic: stream.MustTopic(topic), Data: d}
	}
	if _, err := s.log.Append(s.t.Context(), events...); err != nil {
		s.t.Fatal(err)
	}
}

// asJSON is a value as an event's data.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the tests' own values
	}
	return string(text)
}

// populateWatched has something to watch: lines, records, numbers and tasks.
func (s *site) populateWatched() {
	s.t.Helper()
	s.append("words", "one line", "two\nlines", "a line that is long: "+strings.Repeat("and goes on, ", 30), `["an", "array"]`, "שלום עולם")
	towns := []string{"Lisbon", "Reykjavík", "Kyōto", "Montevideo", "Ulaanbaatar"}
	for i := range 60 {
		s.append("orders", asJSON(map[string]any{"order": 4711 + i, "customer": map[string]any{"town": towns[i%5], "vip": i%7 == 0},
			"items": []string{"bulb", "seed"}[:1+i%2], "total": math.Round(1999+900*math.Sin(float64(i))) / 100, "paid": i%3 != 0, "note": nil}))
		angle := float64(i) / 6
		s.append("sensors/kitchen", fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f,"pressure":%.1f}`, 21+2*math.Sin(angle), 48+9*math.Cos(angle/2), 1013+3*math.Sin(angle/4)))
		s.append("sensors/cellar", fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f}`, 12+math.Cos(angle), 71+4*math.Sin(angle)))
	}
	for i := range 20 {
		s.append("jobs", fmt.Sprintf(`{"id":"render-7","status":"in_progress","completion":%.2f}`, float64(i)*2.69),
			fmt.Sprintf(`{"id":"backup","status":"in_progress","completion":%d}`, i*5))
	}
	s.append("jobs", `{"id":"backup","status":"completed","completion":100}`, `{"id":"upload","status":"failed","completion":38,"reason":"The disk is full."}`)
}

// watched are the rows in the document, each its cells with | between them, without the time.
const watched = `[...document.querySelectorAll("#eventsTable tbody tr:not(.space)")].map((row) => [...row.cells].slice(row.matches(".gap") ? 0 : 1).map((cell) => cell.textContent).join("|"))`

// untilWatched waits until these are the rows.
func (b *tab) untilWatched(rows ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("the rows are %q", rows), `JSON.stringify(`+watched+`) === `+quote(asJSON(rows)))
}

// columns are the table's headings.
func (b *tab) columns() string {
	b.t.Helper()
	return eval[string](b, `[...document.querySelectorAll("#eventsTable thead th")].map((cell) => cell.textContent).join("|")`)
}

func TestWatchedRecordsAreATableThatGrowsItsColumns(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.append("orders", `{"b":1,"a":"x"}`, `{"a":{"deep":[1,2]},"c":null}`)
	b := browse(t)
	b.openLive(s.url + "/watch?topic=orders")
	b.untilWatched("1|x|", `|{"deep":[1,2]}|null`)
	if got := b.columns(); got != "Time|b|a|c" {
		t.Errorf("the columns are %s", got)
	}
	s.publish("orders", `{"d":12345678901234567890,"a":"two\nlines","b":"7"}`)
	s.publish("orders", "no record")
	b.untilWatched("1|x||", `|{"deep":[1,2]}|null|`, "7|two ⏎ lines||12345678901234567890", "no record")
	if got := b.columns(); got != "Time|b|a|c|d" {
		t.Errorf("the columns are %s", got)
	}
	if _, err := s.log.Append(t.Context(), stream.Event{Topic: stream.MustTopic("orders"), Type: stream.MustType("refund"), Data: `{"a":1}`}); err != nil {
		t.Fatal(err)
	}
	b.until("types have a column", `document.querySelectorAll("#eventsTable thead th")[1].textContent === "Type"`)
	b.fits()
}

func TestWatchedTextIsLinesAndPatternsNameTheirTopics(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.append("words/one", "first", "with\r\nCRLF and \x00")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=words/*&topic=other")
	s.publish("words/two/three", "second")
	s.publish("words", "not below it")
	s.publish("other", "third")
	b.untilWatched("words/one|first", "words/one|with ⏎ CRLF and \x00", "words/two/three|second", "other|third")
	if got := b.columns(); got != "Time|Topic|Data" {
		t.Errorf("the columns are %s", got)
	}
	if words := b.seen("#publish"); !strings.Contains(words, "watches several topics") {
		t.Errorf("who would publish reads %q", words)
	}
}

func TestATopicWithoutIDsIsWatchedToo(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=$server")
	b.until("two seconds are told", watched+`.length >= 2`)
	if age := eval[float64](b, `Date.now() - Date.parse(document.querySelector("#eventsTable time").dateTime)`); age < -60_000 || age > 600_000 {
		t.Errorf("it is %v ms old", age)
	}
}

func TestWatchedNumbersAreChartsAndTasksHaveProgress(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=jobs")
	if n := eval[int](b, `performance.getEntriesByType("resource").filter(({ name }) => name.includes("uplot")).length`); n > 0 {
		t.Error("what draws charts is loaded where there is nothing to draw")
	}
	s.publish("jobs", `{"status":"in_progress","completion":51.22}`)
	b.until("the bar is there", `document.querySelector(".runs progress").value === 51.22`)
	if run := b.seen(".runs li"); !strings.Contains(run, "in progress") || !strings.Contains(run, "51.2 %") {
		t.Errorf("the task says %q", run)
	}
	s.publish("jobs", `{"status":"completed","completion":100,"speed":3.5,"timestamp":1795230273}`)
	b.until("the bar is full", `document.querySelector(".runs progress").value === 100 && document.querySelector(".runs li").dataset.tone === "good"`)
	s.publish("jobs", `{"status":"completed","completion":100,"speed":4.5}`)
	b.until("the speed is drawn", `document.querySelectorAll(".charts canvas").length === 1 && document.querySelector(".charts .value").textContent === "4.5"`)
	const inked = `(({ width, height }, pixels) => pixels.filter((value, i) => i % 4 === 3 && value > 0).length / (width * height))(document.querySelector(".charts canvas"),
		document.querySelector(".charts canvas").getContext("2d").getImageData(0, 0, document.querySelector(".charts canvas").width, document.querySelector(".charts canvas").height).data)`
	b.until("the canvas is drawn upon", inked+` > 0.01`)
	if label := eval[string](b, `document.querySelector(".plot").ariaLabel`); !strings.HasPrefix(label, "speed: now 4.5") {
		t.Errorf("who cannot see it hears %q", label)
	}
	b.click(".chips button[title=completion]")
	b.until("a chosen field is drawn too", `document.querySelectorAll(".charts canvas").length === 2`)
	b.fits()
}

func TestWhatIsTypedWhileTheFormIsSentStays(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=words")
	eval[bool](b, `((form) => {
		form.elements.data.value = 'first';
		form.requestSubmit();
		form.elements.data.value = 'second';
		return true;
	})(document.getElementById('publishForm'))`)
	b.untilWatched("first")
	b.until("it says so", `document.querySelector("#publishForm .done").textContent === "Published."`)
	if kept := eval[string](b, `document.getElementById('publishForm').elements.data.value`); kept != "second" {
		t.Errorf("the field has %q", kept)
	}
}

func TestChartsComeWhenTheServerHas(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.forgive(networkErrors)
	b.openLive(s.url + "/watch?topic=speeds")
	b.cut(true) // for what is fetched from now on; the stream goes on
	s.append("speeds", "1", "2")
	b.until("they are looked for", `performance.getEntriesByName(location.origin + "/public/js/watch-charts.js").length > 0`)
	b.cut(false)
	b.until("they are drawn", `document.querySelector(".charts canvas")`)
}

func TestAChartEndsWithTheNewestNumber(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=speeds")
	for i := range 20 { // faster than it is drawn
		s.publish("speeds", fmt.Sprint(i))
		b.until("it is there", fmt.Sprintf(`document.querySelectorAll("#eventsTable tbody tr:not(.space)").length >= %d`, min(i+1, 8)))
	}
	b.until("the newest is drawn", `document.querySelector(".charts .value").textContent === "19"`)
}

func TestPausingLosesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=words")
	s.publish("words", "before")
	b.untilWatched("before")
	b.click(".pause")
	for i := range 3 {
		s.publish("words", fmt.Sprint("while ", i))
	}
	b.until("three wait", `document.querySelector(".pause").innerText.includes("3 wait") && document.querySelector(".pause").innerText.includes("Resume")`)
	b.untilWatched("before")
	b.click(".pause")
	b.untilWatched("before", "while 0", "while 1", "while 2")
	s.publish("words", "after")
	b.untilWatched("before", "while 0", "while 1", "while 2", "after")
}

func TestTheFilterShowsWhatHasTheText(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.append("words", "Apple (red)", "pear", "pineapple (RED)")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=words")
	b.fill(".filter input", "apple (red")
	b.untilWatched("Apple (red)", "pineapple (RED)")
	s.publish("words", "plum")
	s.publish("words", "APPLE (Red), too")
	b.untilWatched("Apple (red)", "pineapple (RED)", "APPLE (Red), too")
	b.fill(".filter input", "nothing of it")
	b.until("the page says so", `document.querySelector(".unmatched").checkVisibility()`)
	b.fill(".filter input", "")
	b.untilWatched("Apple (red)", "pear", "pineapple (RED)", "plum", "APPLE (Red), too")
}

func TestOneEventIsOpenedByMouseAndKeyboardAndCopied(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	s.append("words", "first", `{"n":1.0,"list":["a"]}`)
	b := browse(t)
	call(b, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted})
	b.openLive(s.url + "/watch?topic=words")
	b.until("the rows are there", watched+`.length === 2`)
	b.click("#eventsTable tbody tr:nth-last-child(2) td:last-child")
	b.until("the dialog is open", `document.querySelector("dialog").open`)
	for selector, want := range map[string]string{".text": "{\n  \"n\": 1.0,\n  \"list\": [\n    \"a\"\n  ]\n}", ".topic": "words", ".type": "message"} {
		if got := eval[string](b, `document.querySelector("dialog `+selector+`").textContent`); got != want {
			t.Errorf("%s of the dialog is %q, want %q", selector, got, want)
		}
	}
	for button, want := range map[string]string{".copy-data": `{"n":1.0,"list":["a"]}`, ".fields-of tr:last-child button": `["a"]`} {
		b.click("dialog " + button)
		b.until("it is copied", `document.querySelector("dialog `+button+` span").innerText === "Copied"`)
		if got := eval[string](b, `navigator.clipboard.readText()`); got != want {
			t.Errorf("%s copies %q, want %q", button, got, want)
		}
	}
	b.click("dialog .copy-event")
	b.until("the event is copied", `document.querySelector("dialog .copy-event").innerText === "Copied"`)
	var event struct {
		ID, Topic, Type, Time string
		Data                  struct{ List []string }
	}
	if err := json.Unmarshal([]byte(eval[string](b, `navigator.clipboard.readText()`)), &event); err != nil || event.Topic != "words" || event.ID == "" || len(event.Data.List) != 1 {
		t.Errorf("the event is copied as %+v, %v", event, err)
	}
	keys := func(keys string) {
		t.Helper()
		if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	keys(kb.Escape)
	b.until("Escape closes it, and the focus is where it was", `!document.querySelector("dialog").open`)
	eval[bool](b, `(document.querySelector("#eventsTable [tabindex='0']").focus(), true)`)
	keys(kb.ArrowUp)
	b.until("the row above has the focus", `document.activeElement.closest("tr")?.ariaRowIndex === "2"`)
	keys(kb.Enter)
	b.until("the first event is open", `document.querySelector("dialog").open && document.querySelector("dialog .text").textContent === "first"`)
}

func TestTheWatchFormPublishesWithAndWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.forgive(networkErrors + `.* status of 400`)
	b.openLive(s.url + "/watch?topic=words/here")
	b.fill("#publishForm textarea", "two\nlines")
	b.click("#publishForm button")
	b.untilWatched("two ⏎ lines")
	b.until("the form says so", `document.querySelector("#publishForm .done").textContent === "Published." && !document.querySelector("#publishForm textarea").value`)
	b.fill("#publishForm textarea", "kept")
	b.fill("#publishForm input[name=type]", "gap")
	b.click("#publishForm button")
	b.until("the reason is shown, and what was typed is kept", `document.querySelector("#publishForm .problem").textContent.includes("are taken") && document.querySelector("#publishForm textarea").value === "kept"`)

	quiet := b.another()
	call(quiet, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	quiet.open(s.url + "/watch?topic=words/here")
	if row := quiet.seen("#eventsTable .data"); row != "two\nlines" {
		t.Errorf("without JavaScript the row is %q", row)
	}
	quiet.fill("#publishForm textarea", "without")
	quiet.click("#publishForm button")
	quiet.until("the page has come again", `document.querySelectorAll("#eventsTable tbody tr").length === 2 && document.querySelector("#publishForm .done").textContent === "Published."`)
	b.untilWatched("two ⏎ lines", "without")
}

func TestTheCodeOnTheWatchPageWorksAsItStands(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=words/*&topic=news")
	code := b.seen("#code")
	if lines := strings.Count(strings.TrimSpace(code), "\n") + 1; lines != 6 {
		t.Errorf("it has %d lines, want six: %s", lines, code)
	}
	before := s.broker.Streams()
	eval[bool](b, `(Function(`+quote(code+"; window.sample = source;")+`)(), true)`)
	s.waitFor(before + 1)
	s.publish("words/a", "said")
	eventually(t, "the sample prints it", func() bool {
		return slices.ContainsFunc(b.log(), func(line string) bool { return strings.HasPrefix(line, "words/a ") && strings.HasSuffix(line, " said") })
	})
}

func TestHostileDataIsTextOnTheWatchPage(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false")
	many := map[string]int{}
	for i := range 1000 {
		many[fmt.Sprint("field ", i)] = i
	}
	texts := append(slices.Clone(hostile), `{"__proto__":{"polluted":1},"<img src=x onerror=alert(5)>":"<script>alert(6)</script>","constructor":1,"toString":{},"":"empty"}`,
		strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000), strings.Repeat(`{"a":`, 9_000)+"1"+strings.Repeat("}", 9_000), asJSON(many), `[1,2,{"a":[]}]`,
		`{"n":"12","n2":1e999,"n3":-0,"n4":1e308}`, `{"status":"<b>","progress":50,"id":{}}`, `{"status":7,"completion":"x"}`, `{}`, `null`, `-`, ` `, `7`, `"x"`, `{"a":`, `{"valueOf":1,"length":-1,"hasOwnProperty":3}`)
	b := browse(t)
	s.append("hostile", texts...) // half by the page, half by the stream
	b.openLive(s.url + "/watch?topic=hostile")
	for _, text := range texts {
		s.publish("hostile", text)
	}
	b.until("all have come", fmt.Sprintf(`document.querySelector(".counts").textContent.startsWith("%d events")`, 2*len(texts)))
	b.fits()
	got := eval[[]string](b, `[...document.querySelector("live-watch").entries.all.slice(0, 1000)].map(({ event }) => event.data)`)
	if !slices.Equal(got, append(texts, texts...)) {
		t.Error("the page has other data than was published")
	}
	opened := eval[int](b, `(async () => {
		const watch = document.querySelector("live-watch");
		for (const { event } of watch.entries.all.slice(0, 1000)) { watch.tools.dialog.show(event); watch.querySelector("dialog").close(); }
		return watch.entries.all.length;
	})()`)
	if opened != 2*len(texts) {
		t.Errorf("%d events can be opened", opened)
	}
	b.fill(".filter input", "(*[\\x")
	b.fill(".filter input", "")
	if n := eval[int](b, `document.querySelectorAll("main :is(img, script, b:not(.legend b), svg):not([type=module])").length`); n > 0 {
		t.Errorf("the page has %d elements that nobody wrote", n)
	}
	if eval[bool](b, `'polluted' in {}`) {
		t.Error("data has changed every object")
	}
	if n := eval[int](b, `document.querySelectorAll("#eventsTable thead th").length`); n > 40 {
		t.Errorf("the table has %d columns", n)
	}
	b.until("charts are bounded", `document.querySelectorAll(".charts canvas").length === 4 && document.querySelectorAll(".chips button").length <= 24`)
}

func TestAGapIsARowAndThePageGoesOnFromWhatIsStored(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false", "-keep-events", "2")
	b := browse(t)
	b.inject(alone + `const RealEventSource = EventSource; window.EventSource = class extends RealEventSource {
		constructor(url) { super(url); window.latest = this; } };`)
	s.publish("a", "stays")
	s.publish("b", "one")
	b.openLive(s.url + "/watch?topic=a&topic=b")
	eval[bool](b, `(window.latest.close(), true)`) // cut off, and told so only when all has happened
	for _, text := range []string{"two", "three", "four", "five"} {
		s.publish("b", text)
	}
	eval[bool](b, `(window.latest.dispatchEvent(new Event("error")), true)`)
	const gap = "Some events could not be kept and are missing here. It goes on with the next row."
	b.untilWatched("a|stays", "b|one", gap, "b|four", "b|five")
	s.publish("a", "six")
	b.untilWatched("a|stays", "b|one", gap, "b|four", "b|five", "a|six")
}

func TestAfterAGapNothingOlderComes(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false", "-keep-events", "300")
	b := browse(t)
	b.inject(alone + `const RealEventSource = EventSource; window.EventSource = class extends RealEventSource {
		constructor(url) { super(url); window.latest = this; } };`)
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	s.append("a", many...) // more than the page begins with
	s.append("b", "one")
	b.openLive(s.url + "/watch?topic=a&topic=b")
	eval[bool](b, `(window.latest.close(), true)`)
	s.append("b", append(many, "last")...)
	eval[bool](b, `(window.latest.dispatchEvent(new Event("error")), true)`)
	const all = `document.querySelector("live-watch").entries.all.slice(0, 10_000)`
	b.until("the last is there", all+`.at(-1).event?.data === "last"`)
	topics := eval[[]string](b, all+`.map(({ event }) => event?.topic ?? "gap")`)
	want := slices.Concat(slices.Repeat([]string{"a"}, 199), []string{"b", "gap"}, slices.Repeat([]string{"b"}, 300))
	if !slices.Equal(topics, want) {
		t.Errorf("got %q", topics)
	}
}

func TestTenThousandWatchedEventsAreAFewRowsInTheDocument(t *testing.T) {
	t.Parallel()
	s := serve(t, "-demo=false", "-keep-events", "20000")
	b := browse(t)
	b.openLive(s.url + "/watch?topic=many")
	for i := range 103 {
		data := make([]string, 100)
		for j := range data {
			data[j] = fmt.Sprintf(`{"n":%d}`, 100*i+j)
		}
		s.append("many", data...)
	}
	b.until("the newest is in sight", `document.querySelector("#eventsTable tbody tr:nth-last-child(2)").innerText.includes("10299")`)
	if kept, first := eval[int](b, `document.querySelector("live-watch").entries.all.length`), eval[string](b, `document.querySelector("live-watch").entries.all.at(0).event.data`); kept != 10_000 || first != `{"n":300}` {
		t.Errorf("the page keeps %d events from %s on", kept, first)
	}
	if rows := eval[int](b, `document.querySelectorAll("#eventsTable tbody tr").length`); rows > 100 {
		t.Errorf("%d rows are in the document", rows)
	}
	b.until("the chart has its place", `document.querySelector(".charts canvas")`) // and the table its own below it
	eval[bool](b, `(document.querySelector(".scroller").scrollIntoView({ block: "center" }), true)`)
	b.wheel(".scroller", -30_000)
	b.until("a button leads to the newest", `!document.querySelector(".newest").hidden`)
	const place = `(() => {
		const edge = document.querySelector(".scroller").getBoundingClientRect().top + 40;
		const row = [...document.querySelectorAll("#eventsTable tbody tr:not(.space)")].find((row) => row.getBoundingClientRect().top > edge);
		return row.cells[1].innerText + " " + Math.round(row.getBoundingClientRect().top);
	})()`
	before := eval[string](b, place)
	s.append("many", `{"n":-1}`, `{"n":-2}`, `{"n":-3}`)
	b.until("they have come", `document.querySelector("live-watch").entries.all.last().event.data === '{"n":-3}'`)
	eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	if after := eval[string](b, place); after != before {
		t.Errorf("the reader looked at %s and now sees %s", before, after)
	}
	b.click(".newest")
	b.until("the newest is in sight again", `document.querySelector("#eventsTable tbody tr:nth-last-child(2)").innerText.includes("-3")`)
}
