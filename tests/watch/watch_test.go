// Package watch tests the page that watches topics, in a real browser.
package watch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// columns are the table's headings.
func columns(b *harness.Tab) string {
	return harness.Eval[string](b,
		`[...document.querySelectorAll("#eventsTable thead th")].map((cell) => cell.textContent).join("|")`)
}

func TestWatchedRecordsAreATableThatGrowsItsColumns(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("orders", `{"b":1,"a":"x"}`, `{"a":{"deep":[1,2]},"c":null}`)
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=orders")
	b.UntilWatched("1|x|", `|{"deep":[1,2]}|null`)
	if got := columns(b); got != "Time|b|a|c" {
		t.Errorf("the columns are %s", got)
	}
	s.Publish("orders", `{"d":12345678901234567890,"a":"two\nlines","b":"7"}`)
	s.Publish("orders", "no record")
	b.UntilWatched("1|x||", `|{"deep":[1,2]}|null|`, "7|two ⏎ lines||12345678901234567890", "no record")
	if got := columns(b); got != "Time|b|a|c|d" {
		t.Errorf("the columns are %s", got)
	}
	s.Posts(harness.Post{Topic: "orders", Type: "refund", Data: `{"a":1}`})
	b.Until("types have a column", `document.querySelectorAll("#eventsTable thead th")[1].textContent === "Type"`)
	b.Fits()
}

func TestWatchedTextIsLinesAndPatternsNameTheirTopics(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("words/one", "first", "with\r\nCRLF and \x00")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=words/*&topic=other")
	s.Publish("words/two/three", "second")
	s.Publish("words", "not below it")
	s.Publish("other", "third")
	b.UntilWatched("words/one|first", "words/one|with ⏎ CRLF and \x00", "words/two/three|second", "other|third")
	if got := columns(b); got != "Time|Topic|Data" {
		t.Errorf("the columns are %s", got)
	}
	if words := b.Seen("#publish"); !strings.Contains(words, "watches several topics") {
		t.Errorf("who would publish reads %q", words)
	}
}

func TestTheServersOwnTopicIsWatchedToo(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=$server")
	b.Until("two seconds are told", harness.Watched+`.length >= 2`)
	age := harness.Eval[float64](b, `Date.now() - Date.parse(document.querySelector("#eventsTable time").dateTime)`)
	if age < -60_000 || age > 600_000 {
		t.Errorf("it is %v ms old", age)
	}
}

func TestWatchedNumbersAreChartsAndTasksHaveProgress(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=jobs")
	n := harness.Eval[int](b,
		`performance.getEntriesByType("resource").filter(({ name }) => name.includes("uplot")).length`)
	if n > 0 {
		t.Error("what draws charts is loaded where there is nothing to draw")
	}
	s.Publish("jobs", `{"status":"in_progress","completion":51.22}`)
	b.Until("the bar is there", `document.querySelector(".runs progress").value === 51.22`)
	if run := b.Seen(".runs li"); !strings.Contains(run, "in progress") || !strings.Contains(run, "51.2%") {
		t.Errorf("the task says %q", run)
	}
	s.Publish("jobs", `{"status":"completed","completion":100,"speed":3.5,"timestamp":1795230273}`)
	b.Until("the bar is full",
		`document.querySelector(".runs progress").value === 100 &&
			document.querySelector(".runs li").dataset.tone === "good"`)
	s.Publish("jobs", `{"status":"completed","completion":100,"speed":4.5}`)
	b.Until("the speed is drawn",
		`document.querySelectorAll(".charts canvas").length === 1 &&
			document.querySelector(".charts .value").textContent === "4.5"`)
	const inked = `((canvas) => {
		const { width, height } = canvas;
		const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
		return pixels.filter((value, i) => i % 4 === 3 && value > 0).length / (width * height);
	})(document.querySelector(".charts canvas"))`
	b.Until("the canvas is drawn upon", inked+` > 0.01`)
	label := harness.Eval[string](b, `document.querySelector(".plot").ariaLabel`)
	if !strings.HasPrefix(label, "speed: currently 4.5") {
		t.Errorf("who cannot see it hears %q", label)
	}
	b.Click(".chips button[title=completion]")
	b.Until("a chosen field is drawn too", `document.querySelectorAll(".charts canvas").length === 2`)
	b.Fits()
}

func TestWhatIsTypedWhileTheFormIsSentStays(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=words")
	harness.Eval[bool](b, `((form) => {
		form.elements.data.value = 'first';
		form.requestSubmit();
		form.elements.data.value = 'second';
		return true;
	})(document.getElementById('publishForm'))`)
	b.UntilWatched("first")
	b.Until("it says so", `document.querySelector("#publishForm .done").textContent === "Published."`)
	if kept := harness.Eval[string](b, `document.getElementById('publishForm').elements.data.value`); kept != "second" {
		t.Errorf("the field has %q", kept)
	}
}

func TestChartsComeWhenTheServerHas(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.Forgive(harness.NetworkErrors)
	b.OpenLive(s.URL + "/watch?topic=speeds")
	b.Cut(true) // for what is fetched from now on; the stream goes on
	s.Append("speeds", "1", "2")
	b.Until("they are looked for",
		`performance.getEntriesByName(location.origin + "/public/js/watch/charts.js").length > 0`)
	b.Cut(false)
	b.Until("they are drawn", `document.querySelector(".charts canvas")`)
}

func TestAChartEndsWithTheNewestNumber(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=speeds")
	for i := range 20 { // faster than it is drawn
		s.Publish("speeds", fmt.Sprint(i))
		b.Until("it is there",
			fmt.Sprintf(`document.querySelectorAll("#eventsTable tbody tr:not(.space)").length >= %d`, min(i+1, 8)))
	}
	b.Until("the newest is drawn", `document.querySelector(".charts .value").textContent === "19"`)
}

func TestPausingLosesNothing(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=words")
	s.Publish("words", "before")
	b.UntilWatched("before")
	b.Click(".pause")
	for i := range 3 {
		s.Publish("words", fmt.Sprint("while ", i))
	}
	b.Until("three are held",
		`["3 held", "Resume"].every((words) => document.querySelector(".pause").innerText.includes(words))`)
	b.UntilWatched("before")
	b.Click(".pause")
	b.UntilWatched("before", "while 0", "while 1", "while 2")
	s.Publish("words", "after")
	b.UntilWatched("before", "while 0", "while 1", "while 2", "after")
}

func TestTheFilterShowsWhatHasTheText(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("words", "Apple (red)", "pear", "pineapple (RED)")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=words")
	b.Fill(".filter input", "apple (red")
	b.UntilWatched("Apple (red)", "pineapple (RED)")
	s.Publish("words", "plum")
	s.Publish("words", "APPLE (Red), too")
	b.UntilWatched("Apple (red)", "pineapple (RED)", "APPLE (Red), too")
	b.Fill(".filter input", "nothing of it")
	b.Until("the page says so", `document.querySelector(".unmatched").checkVisibility()`)
	b.Fill(".filter input", "")
	b.UntilWatched("Apple (red)", "pear", "pineapple (RED)", "plum", "APPLE (Red), too")
}

func TestOneEventIsOpenedByMouseAndKeyboardAndCopied(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	s.Append("words", "first", `{"n":1.0,"list":["a"]}`)
	b := harness.Browse(t)
	b.AllowClipboard()
	b.OpenLive(s.URL + "/watch?topic=words")
	b.Until("the rows are there", harness.Watched+`.length === 2`)
	b.Click("#eventsTable tbody tr:nth-last-child(2) td:last-child")
	b.Until("the dialog is open", `document.querySelector("dialog").open`)
	const pretty = "{\n  \"n\": 1.0,\n  \"list\": [\n    \"a\"\n  ]\n}"
	for selector, want := range map[string]string{".text": pretty, ".topic": "words", ".type": "message"} {
		if got := harness.Eval[string](b, `document.querySelector("dialog `+selector+`").textContent`); got != want {
			t.Errorf("%s of the dialog is %q, want %q", selector, got, want)
		}
	}
	copies := map[string]string{".copy-data": `{"n":1.0,"list":["a"]}`, ".fields-of tr:last-child button": `["a"]`}
	for button, want := range copies {
		b.Click("dialog " + button)
		b.Until("it is copied", `document.querySelector("dialog `+button+` span").innerText === "Copied"`)
		if got := harness.Eval[string](b, `navigator.clipboard.readText()`); got != want {
			t.Errorf("%s copies %q, want %q", button, got, want)
		}
	}
	b.Click("dialog .copy-event")
	b.Until("the event is copied", `document.querySelector("dialog .copy-event").innerText === "Copied"`)
	var event struct {
		ID, Topic, Type, Time string
		Data                  struct{ List []string }
	}
	err := json.Unmarshal([]byte(harness.Eval[string](b, `navigator.clipboard.readText()`)), &event)
	if err != nil || event.Topic != "words" || event.ID == "" || len(event.Data.List) != 1 {
		t.Errorf("the event is copied as %+v, %v", event, err)
	}
	b.Keys(kb.Escape)
	b.Until("Escape closes it, and the focus is where it was", `!document.querySelector("dialog").open`)
	harness.Eval[bool](b, `(document.querySelector("#eventsTable [tabindex='0']").focus(), true)`)
	b.Keys(kb.ArrowUp)
	b.Until("the row above has the focus", `document.activeElement.closest("tr")?.ariaRowIndex === "2"`)
	b.Keys(kb.Enter)
	b.Until("the first event is open",
		`document.querySelector("dialog").open && document.querySelector("dialog .text").textContent === "first"`)
}

func TestTheWatchFormPublishesWithAndWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.Forgive(harness.NetworkErrors + `.* status of 400`)
	b.OpenLive(s.URL + "/watch?topic=words/here")
	b.Fill("#publishForm textarea", "two\nlines")
	b.Click("#publishForm button")
	b.UntilWatched("two ⏎ lines")
	b.Until("the form says so",
		`document.querySelector("#publishForm .done").textContent === "Published." &&
			!document.querySelector("#publishForm textarea").value`)
	b.Fill("#publishForm textarea", "kept")
	b.Fill("#publishForm input[name=type]", "gap")
	b.Click("#publishForm button")
	b.Until("the reason is shown, and what was typed is kept",
		`document.querySelector("#publishForm .problem").textContent.includes("are taken") &&
			document.querySelector("#publishForm textarea").value === "kept"`)

	quiet := b.Another()
	quiet.WithoutScripts()
	quiet.Open(s.URL + "/watch?topic=words/here")
	if row := quiet.Seen("#eventsTable .data"); row != "two\nlines" {
		t.Errorf("without JavaScript the row is %q", row)
	}
	quiet.Fill("#publishForm textarea", "without")
	quiet.Click("#publishForm button")
	quiet.Until("the page has come again",
		`document.querySelectorAll("#eventsTable tbody tr").length === 2 &&
			document.querySelector("#publishForm .done").textContent === "Published."`)
	b.UntilWatched("two ⏎ lines", "without")
}

func TestTheCodeOnTheWatchPageWorksAsItStands(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=words/*&topic=news")
	code := b.Seen("#code")
	if lines := strings.Count(strings.TrimSpace(code), "\n") + 1; lines != 6 {
		t.Errorf("it has %d lines, want six: %s", lines, code)
	}
	harness.Eval[bool](b, `(Function(`+harness.Quote(code+"; window.sample = source;")+`)(), true)`)
	b.Until("its stream is open", `sample.readyState === EventSource.OPEN`)
	s.Publish("words/a", "said")
	harness.Eventually(t, "the sample prints it", func() bool {
		return slices.ContainsFunc(b.Log(), func(line string) bool {
			return strings.HasPrefix(line, "words/a ") && strings.HasSuffix(line, " said")
		})
	})
}

func TestHostileDataIsTextOnTheWatchPage(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	many := map[string]int{}
	for i := range 1000 {
		many[fmt.Sprint("field ", i)] = i
	}
	texts := append(slices.Clone(harness.Hostile),
		`{"__proto__":{"polluted":1},"<img src=x onerror=alert(5)>":"<script>alert(6)</script>"}`,
		`{"constructor":1,"toString":{},"":"empty"}`,
		strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000),
		strings.Repeat(`{"a":`, 9_000)+"1"+strings.Repeat("}", 9_000),
		harness.Quote(many), `[1,2,{"a":[]}]`, `{"n":"12","n2":1e999,"n3":-0,"n4":1e308}`,
		`{"status":"<b>","progress":50,"id":{}}`, `{"status":7,"completion":"x"}`,
		`{}`, `null`, `-`, ` `, `7`, `"x"`, `{"a":`, `{"valueOf":1,"toString":{},"length":-1,"hasOwnProperty":3}`)
	b := harness.Browse(t)
	s.Append("hostile", texts...) // half by the page, half by the stream
	b.OpenLive(s.URL + "/watch?topic=hostile")
	for _, text := range texts {
		s.Publish("hostile", text)
	}
	b.Until("all have come",
		fmt.Sprintf(`document.querySelector(".counts").textContent.startsWith("%d events")`, 2*len(texts)))
	b.Fits()
	got := harness.Eval[[]string](b,
		`[...document.querySelector("live-watch").entries.all.slice(0, 1000)].map(({ event }) => event.data)`)
	if !slices.Equal(got, append(texts, texts...)) {
		t.Error("the page has other data than was published")
	}
	opened := harness.Eval[int](b, `(async () => {
		const watch = document.querySelector("live-watch");
		for (const { event } of watch.entries.all.slice(0, 1000)) {
			watch.tools.dialog.show(event);
			watch.querySelector("dialog").close();
		}
		return watch.entries.all.length;
	})()`)
	if opened != 2*len(texts) {
		t.Errorf("%d events can be opened", opened)
	}
	b.Fill(".filter input", "(*[\\x")
	b.Fill(".filter input", "")
	n := harness.Eval[int](b,
		`document.querySelectorAll("main :is(img, script, b:not(.legend b), svg):not([type=module])").length`)
	if n > 0 {
		t.Errorf("the page has %d elements that nobody wrote", n)
	}
	if harness.Eval[bool](b, `'polluted' in {}`) {
		t.Error("data has changed every object")
	}
	if n := harness.Eval[int](b, `document.querySelectorAll("#eventsTable thead th").length`); n > 40 {
		t.Errorf("the table has %d columns", n)
	}
	b.Until("charts are bounded",
		`document.querySelectorAll(".charts canvas").length === 4 &&
			document.querySelectorAll(".chips button").length <= 24`)
}

func TestAGapIsARowAndThePageGoesOnFromWhatIsStored(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-keep-events", "2")
	b := harness.Browse(t)
	b.Inject(harness.Alone + `const RealEventSource = EventSource; window.EventSource = class extends RealEventSource {
		constructor(url) { super(url); window.latest = this; } };`)
	s.Publish("a", "stays")
	s.Publish("b", "one")
	b.OpenLive(s.URL + "/watch?topic=a&topic=b")
	harness.Eval[bool](b, `(window.latest.close(), true)`) // cut off, and told so only when all has happened
	for _, text := range []string{"two", "three", "four", "five"} {
		s.Publish("b", text)
	}
	harness.Eval[bool](b, `(window.latest.dispatchEvent(new Event("error")), true)`)
	const gap = "Some events may be missing here."
	b.UntilWatched("a|stays", "b|one", gap, "b|four", "b|five")
	s.Publish("a", "six")
	b.UntilWatched("a|stays", "b|one", gap, "b|four", "b|five", "a|six")
}

func TestAfterAGapNothingOlderComes(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-keep-events", "300")
	b := harness.Browse(t)
	b.Inject(harness.Alone + `const RealEventSource = EventSource; window.EventSource = class extends RealEventSource {
		constructor(url) { super(url); window.latest = this; } };`)
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	s.Append("a", many...) // more than the page begins with
	s.Append("b", "one")
	b.OpenLive(s.URL + "/watch?topic=a&topic=b")
	harness.Eval[bool](b, `(window.latest.close(), true)`)
	s.Append("b", append(many, "last")...)
	harness.Eval[bool](b, `(window.latest.dispatchEvent(new Event("error")), true)`)
	const all = `document.querySelector("live-watch").entries.all.slice(0, 10_000)`
	b.Until("the last is there", all+`.at(-1).event?.data === "last"`)
	topics := harness.Eval[[]string](b, all+`.map(({ event }) => event?.topic ?? "gap")`)
	want := slices.Concat(slices.Repeat([]string{"a"}, 199), []string{"b", "gap"}, slices.Repeat([]string{"b"}, 300))
	if !slices.Equal(topics, want) {
		t.Errorf("got %q", topics)
	}
}

func TestTenThousandWatchedEventsAreAFewRowsInTheDocument(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-keep-events", "20000")
	b := harness.Browse(t)
	b.OpenLive(s.URL + "/watch?topic=many")
	for i := range 103 {
		data := make([]string, 100)
		for j := range data {
			data[j] = fmt.Sprintf(`{"n":%d}`, 100*i+j)
		}
		s.Append("many", data...)
	}
	b.Until("the newest is in sight",
		`document.querySelector("#eventsTable tbody tr:nth-last-child(2)").innerText.includes("10299")`)
	kept := harness.Eval[int](b, `document.querySelector("live-watch").entries.all.length`)
	first := harness.Eval[string](b, `document.querySelector("live-watch").entries.all.at(0).event.data`)
	if kept != 10_000 || first != `{"n":300}` {
		t.Errorf("the page keeps %d events from %s on", kept, first)
	}
	if rows := harness.Eval[int](b, `document.querySelectorAll("#eventsTable tbody tr").length`); rows > 100 {
		t.Errorf("%d rows are in the document", rows)
	}
	b.Until("the chart has its place", `document.querySelector(".charts canvas")`) // and the table its own below it
	harness.Eval[bool](b, `(document.querySelector(".scroller").scrollIntoView({ block: "center" }), true)`)
	b.Wheel(".scroller", -30_000)
	b.Until("a button leads to the newest", `!document.querySelector(".newest").hidden`)
	const place = `(() => {
		const edge = document.querySelector(".scroller").getBoundingClientRect().top + 40;
		const row = [...document.querySelectorAll("#eventsTable tbody tr:not(.space)")].find((row) =>
			row.getBoundingClientRect().top > edge);
		return row.cells[1].innerText + " " + Math.round(row.getBoundingClientRect().top);
	})()`
	before := harness.Eval[string](b, place)
	s.Append("many", `{"n":-1}`, `{"n":-2}`, `{"n":-3}`)
	b.Until("they have come", `document.querySelector("live-watch").entries.all.last().event.data === '{"n":-3}'`)
	harness.Eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	if after := harness.Eval[string](b, place); after != before {
		t.Errorf("the reader looked at %s and now sees %s", before, after)
	}
	b.Click(".newest")
	b.Until("the newest is in sight again",
		`document.querySelector("#eventsTable tbody tr:nth-last-child(2)").innerText.includes("-3")`)
}
