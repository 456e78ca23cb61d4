package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// What the page that watches topics begins with: so many of their newest events, and so many bytes of data, about.
const (
	watchedEvents = 200
	watchedBytes  = 256 << 10
)

// recentEvents is in how many of the newest events the page looks for topics to suggest.
const recentEvents = 100

// watchPage shows any topics live: what is stored now, and the position from which on its stream goes on.
func (s *Site) watchPage(ctx iris.Context) {
	query, err := parseQuery(ctx.Request())
	if err != nil {
		Fail(ctx, err)
		return
	}
	names := split(query["topic"])
	if len(names) == 0 {
		s.choosePage(ctx)
		return
	}
	topics, err := stream.ParseSelection(names)
	if err != nil {
		Fail(ctx, err)
		return
	}
	page, err := s.source(topics).Page(ctx.Request().Context(), stream.Query{Topics: topics, Newest: watchedEvents, NewestBytes: watchedBytes})
	if err != nil {
		Fail(ctx, err)
		return
	}
	names = topics.Names()
	data := iris.Map{"Topics": names, "Query": topicQuery(topics), "Source": streamPath(topics), "Origin": origin(ctx.Request()),
		"Events": watched(page.Events), "Older": page.Older, "Position": page.Reached.String(), "Done": query.Get("published") != ""}
	if len(names) == 1 && len(topics.Topics) == 1 {
		data["Topic"] = names[0]
		if _, err := writable(names[0]); err != nil {
			data["Refused"] = stream.AsError(err).Detail
		}
	}
	s.page(ctx, "watch", shortened(strings.Join(names, ", "), 60)+" · Watch", data)
}

// choosePage asks for a topic, and suggests those that have spoken lately.
func (s *Site) choosePage(ctx iris.Context) {
	all, _ := stream.ParseSelection([]string{"*"}) // a pattern that stands in the program
	page, err := s.Events.Page(ctx.Request().Context(), stream.Query{Topics: all, Newest: recentEvents})
	if err != nil {
		Fail(ctx, err)
		return
	}
	var recent []string
	for _, e := range slices.Backward(page.Events) {
		if name := e.Topic.String(); !slices.Contains(recent, name) && len(recent) < 24 {
			recent = append(recent, name)
		}
	}
	s.page(ctx, "watch-choose", "Watch", iris.Map{"Recent": recent})
}

// postWatched publishes what the page's form has sent without JavaScript.
func (s *Site) postWatched(ctx iris.Context) {
	err := s.readForm(ctx)
	form := ctx.Request().PostForm
	var event stream.Event
	if err == nil {
		event.Topic, err = writable(form.Get("topic"))
	}
	if err == nil {
		event.Type, err = stream.ParseType(form.Get("type"))
	}
	if err == nil {
		// A form sends each line break as CRLF, whatever was typed (HTML, "Constructing the entry list").
		event.Data, err = stream.ParseData([]byte(strings.ReplaceAll(form.Get("data"), "\r\n", "\n")))
	}
	if err == nil {
		_, err = s.Events.Append(ctx.Request().Context(), event)
	}
	if err != nil {
		Fail(ctx, err)
		return
	}
	seeOther(ctx, "/watch?"+url.Values{"topic": {event.Topic.String()}, "published": {"1"}}.Encode()+"#publish")
}

// split takes topics apart that were typed into one field. No topic holds a space or a comma.
func split(texts []string) []string {
	return strings.FieldsFunc(strings.Join(texts, " "), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// streamPath is where the topics' stream is, and topicQuery the same for a page. A topic has nothing that a URL would need
// to escape; its "$" and "/" and a pattern's "*" stand for themselves in a query (RFC 3986, 3.4).
func streamPath(topics stream.Selection) string {
	if len(topics.Topics) == 1 && len(topics.Patterns) == 0 {
		return "/events/" + topics.Topics[0].String() + "?envelope=1"
	}
	return "/events?" + topicQuery(topics) + "&envelope=1"
}

func topicQuery(topics stream.Selection) string {
	return "topic=" + strings.Join(topics.Names(), "&topic=")
}

// origin is the server as its visitor names it.
func origin(r *http.Request) string {
	host := r.Host
	if !plainHost.MatchString(host) {
		host = "localhost:8080"
	}
	if r.TLS != nil {
		return "https://" + host
	}
	return "http://" + host
}

// watchedEvent is an event as the page shows it. Exact is its data as JSON, where HTML cannot hold it as it is.
type watchedEvent struct {
	stream.Event
	Exact string
}

func watched(events []stream.Event) []watchedEvent {
	all := make([]watchedEvent, len(events))
	for i, e := range events {
		if all[i].Event = e; strings.ContainsAny(e.Data, "\r\x00") {
			all[i].Exact = stream.MustJSON(e.Data)
		}
	}
	return all
}

// shortened is at most n bytes of a text in ASCII.
func shortened(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n-1] + "…"
}
