package access

import (
	"os"
	"slices"
	"testing"

	"iris-broadcast/tests/harness"
)

// violations are what axe-core finds wrong with the page, a line each, by those of its rules that the options name. The
// rings behind the page are taken away: on a picture axe-core measures no contrast.
func violations(b *harness.Tab, options string) []string {
	return harness.Eval[[]string](b, `(document.styleSheets[0]?.insertRule("body::before { display: none }"),
		axe.run({ resultTypes: ["violations"], `+options+` }).then(({ violations }) =>
			violations.map(({ id, help, nodes }) => id + ": " + help + ": " +
				nodes.map(({ html, failureSummary }) => html + " " + failureSummary).join("; ").slice(0, 800))))`)
}

func TestNoPageShutsAnybodyOut(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := populated(t)
	const event = "/watch?topic=orders#an-event"
	for _, path := range slices.Concat(livePages, stillPages, []string{event, "/mini"}) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := harness.Browse(t)
			b.Forgive(harness.NetworkErrors + `.* status of 404`)
			b.Look("light")
			visit(b, s.URL, path)
			if path == event {
				b.Click("#eventsTable tbody tr:nth-last-child(2) td:last-child")
				b.Until("an event is open", `document.querySelector("dialog").open`)
			}
			harness.Eval[bool](b, string(axe)+";true")
			found := violations(b, "")
			b.Look("dark") // in which nothing but the colours is another
			const colours = `runOnly: { type: "rule", values: ["color-contrast", "link-in-text-block"] }`
			found = append(found, violations(b, colours)...)
			for _, violation := range found {
				t.Error(violation)
			}
		})
	}
}
