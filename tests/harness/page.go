package harness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// OpenLive opens a page and waits until its stream is live.
func (b *Tab) OpenLive(url string) {
	b.t.Helper()
	b.Open(url)
	b.UntilLive()
}

// UntilLive waits until the page's stream is live.
func (b *Tab) UntilLive() {
	b.t.Helper()
	b.Until("the page is live", `document.querySelector('#state').textContent === 'Live'`)
}

// Fill writes into a field of a form, as a visitor does.
func (b *Tab) Fill(field, text string) {
	b.t.Helper()
	Eval[bool](b, `((field) => {
		field.focus();
		field.value = `+Quote(text)+`;
		return field.dispatchEvent(new Event("input", { bubbles: true }));
	})(document.querySelector(`+Quote(field)+`))`)
}

// Keys presses keys.
func (b *Tab) Keys(keys string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatal(err)
	}
}

// Window gives the page a window of that size.
func (b *Tab) Window(width, height int64) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		b.t.Fatal(err)
	}
}

// Screenshot is a picture, in PNG, of what is in the window.
func (b *Tab) Screenshot() []byte {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	return png
}

// Back goes back to the page before.
func (b *Tab) Back() {
	b.t.Helper()
	Eval[chromedp.Void](b, `history.back()`)
}

// Look has the page look as for visitors who like these colours, "light" or "dark", without motion.
func (b *Tab) Look(scheme string) {
	b.t.Helper()
	Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// Focus has the page believe that it is the one in front, which gets the keys and may use the clipboard.
func (b *Tab) Focus() {
	b.t.Helper()
	Call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
}

// AllowClipboard lets pages read the clipboard, which is one for the whole browser.
func (b *Tab) AllowClipboard() {
	b.t.Helper()
	b.Focus()
	Call(b, browser.SetPermission, browser.SetPermissionParams{
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
		Permission:       &browser.PermissionDescriptor{Name: "clipboard-read"},
		Setting:          browser.PermissionSettingGranted,
	})
}

// Wheel turns the mouse's wheel over the middle of an element, and waits until it has scrolled.
func (b *Tab) Wheel(selector string, pixels float64) {
	b.t.Helper()
	at := Eval[struct{ X, Y float64 }](b, `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(
		document.querySelector(`+Quote(selector)+`).getBoundingClientRect())`)
	// input.DispatchMouseEvent leaves out a deltaX of 0, which the browser wants.
	Call(b, cdp.Command[map[string]any, cdp.Empty]{Method: input.CommandDispatchMouseEvent}, map[string]any{
		"type": "mouseWheel", "x": at.X, "y": at.Y, "deltaX": 0, "deltaY": pixels})
	Eval[bool](b, `new Promise((done) => {
		let last, same = 0;
		const look = () => {
			const { scrollTop } = document.querySelector(`+Quote(selector)+`);
			same = scrollTop === last ? same + 1 : 0;
			last = scrollTop;
			same > 10 ? done(true) : requestAnimationFrame(look);
		};
		look();
	})`)
}

// Fits fails the test if the page is wider than the window.
func (b *Tab) Fits() {
	b.t.Helper()
	if wide := Eval[int](b, `document.scrollingElement.scrollWidth - innerWidth`); wide > 0 {
		b.t.Errorf("the page is %d px wider than the window", wide)
	}
}

// Greeting is the data of an event of the topic hello.
func Greeting(at time.Time, message string) string {
	return Quote(map[string]any{"timestamp": at.Unix(), "message": message})
}

// Greet says n events on hello, numbered after those in said.
func (s *Server) Greet(said []string, n int) []string {
	s.t.Helper()
	var data []string
	for range n {
		message := fmt.Sprint("event ", len(said)+1)
		data = append(data, Greeting(time.Now(), message))
		said = append(said, message)
	}
	s.Say("hello", data...)
	return said
}

// Greet has the proxy's server greet.
func (p *Proxy) Greet(said []string, n int) []string { return p.server.Load().Greet(said, n) }

// Home opens the live table in all tabs, and says and awaits a few rows.
func (p *Proxy) Home(all []*Tab) (said []string) {
	p.t.Helper()
	for _, b := range all {
		b.OpenLive(p.URL + "/")
	}
	said = p.Greet(nil, 3)
	UntilAll(all, said)
	return said
}

// Messages are the texts of the live table's rows.
func (b *Tab) Messages() []string {
	b.t.Helper()
	return Eval[[]string](b,
		`[...document.querySelectorAll('#messagesTable .message')].map((cell) => cell.textContent)`)
}

// UntilLast waits until the live table's last row has this message.
func (b *Tab) UntilLast(message string) {
	b.t.Helper()
	b.Until("the last row is "+message,
		`[...document.querySelectorAll('#messagesTable .message')].at(-1).textContent === `+Quote(message))
}

// UntilAll waits until the last row of all tabs is the last message.
func UntilAll(all []*Tab, said []string) {
	for _, b := range all {
		b.t.Helper()
		b.UntilLast(said[len(said)-1])
	}
}

// Shows fails the test unless the live table has these messages, each once and in order, and the page says of none that
// it is missing.
func (b *Tab) Shows(said []string) {
	b.t.Helper()
	if shown := b.Messages(); !slices.Equal(shown, said) {
		b.t.Errorf("the rows are %q", shown)
	}
	if gaps := Eval[int](b, `document.querySelectorAll('tr.gap, #news .notice').length`); gaps > 0 {
		b.t.Error("the page says that something is missing, which is not so")
	}
}

// Prints fails the test unless the console has events with these messages, each once and in order.
func (b *Tab) Prints(said []string) {
	b.t.Helper()
	var printed []string
	for _, text := range b.Log() {
		var data struct{ Message string }
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			b.t.Errorf("the console has %q: %v", text, err)
		}
		printed = append(printed, data.Message)
	}
	if !slices.Equal(printed, said) {
		b.t.Errorf("the console has %q", printed)
	}
}

// UntilComments waits until the board has these comments, as it ranks them, each with its likes: "first 1, second 0".
func (b *Tab) UntilComments(want string) {
	b.t.Helper()
	b.Until("the board is "+want, comments+` === `+Quote(want))
}

// Comments are the board's comments, as UntilComments has them.
func (b *Tab) Comments() string { return Eval[string](b, comments) }

const comments = `[...document.querySelectorAll("#comments .comment")].map((c) =>
	c.querySelector(".content").textContent + " " + c.querySelector(".likes").textContent).join(", ")`

// Watched are the rows of a page that watches topics, each its cells with | between them, without the time.
const Watched = `[...document.querySelectorAll("#eventsTable tbody tr:not(.space)")].map((row) =>
	[...row.cells].slice(row.matches(".gap") ? 0 : 1).map((cell) => cell.textContent).join("|"))`

// UntilWatched waits until these are the rows.
func (b *Tab) UntilWatched(rows ...string) {
	b.t.Helper()
	b.Until(fmt.Sprintf("the rows are %q", rows), `JSON.stringify(`+Watched+`) === `+Quote(Quote(rows)))
}

// Alone takes the shared worker away, so that each tab has a stream of its own.
const Alone = `delete globalThis.SharedWorker;`

// Ways are those in which a page can have its events.
var Ways = []struct{ Name, Script string }{{"through the worker", ""}, {"by a stream of its own", Alone}}

// Hostile are texts that anybody could publish.
var Hostile = []string{
	`<img src=x onerror=alert(1)>`,
	`</script><script>alert(2)</script>`,
	`<template><svg onload=alert(3)></template> &lt;b&gt; {{ .Curl }} ${alert(4)}`,
	`{"__proto__": {"polluted": true}, "constructor": null}`,
	"שלום עולם \u202egnirts desrever a\u202c مرحبا",
	"one\ntwo\r\nthree\n\n  indented\ttab",
	"\ufeff\u0000\u0007\u2028\u2029 \u200b🏳️‍🌈 e\u0301 \U0010FFFF",
	strings.Repeat("W", 60_000),
}
