package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// What the watch page shows initially: at most that many of the newest events, and approximately that many bytes.
const (
	watchedEvents = 200
	watchedBytes  = 256 << 10
)

// recentEvents is how many of the newest events the page searches for topics to suggest.
const recentEvents = 100

// watchPage shows any topics live: what is stored now, and the position from which its stream continues.
func (s *Site) watchPage(ctx iris.Context) error {
	query, err := parseQuery(ctx.Request())
	if err != nil {
		return err
	}
	names := split(query["topic"])
	if len(names) == 0 {
		return s.choosePage(ctx)
	}
	topics, err := stream.ParseSelection(names)
	if err != nil {
		return err
	}
	newest := stream.Query{Topics: topics, Newest: watchedEvents, NewestBytes: watchedBytes}
	page, err := s.source(topics).Page(ctx.Request().Context(), newest)
	if err != nil {
		return err
	}
	names = topics.Names()
	data := iris.Map{"Topics": names, "Query": topicQuery(topics), "Source": streamPath(topics),
		"Origin": origin(ctx.Request()), "Events": watched(page.Events), "Older": page.Older,
		"Position": page.Reached.String(), "Done": query.Get("published") != ""}
	if len(names) == 1 && len(topics.Topics) == 1 {
		data["Topic"] = names[0]
		if _, err := stream.ParsePublishable(names[0]); err != nil {
			data["Refused"] = stream.AsError(err).Detail
		}
	}
	return s.page(ctx, "watch", shortened(strings.Join(names, ", "), 60)+" · Watch", data)
}

// choosePage asks for a topic and suggests recently active ones.
func (s *Site) choosePage(ctx iris.Context) error {
	all, _ := stream.ParseSelection([]string{"*"}) // cannot fail
	page, err := s.Events.Page(ctx.Request().Context(), stream.Query{Topics: all, Newest: recentEvents})
	if err != nil {
		return err
	}
	var recent []string
	for _, e := range slices.Backward(page.Events) {
		if name := e.Topic.String(); !slices.Contains(recent, name) && len(recent) < 24 {
			recent = append(recent, name)
		}
	}
	return s.page(ctx, "watch-choose", "Watch", iris.Map{"Recent": recent})
}

// postWatched publishes from the page's form, without JavaScript.
func (s *Site) postWatched(ctx iris.Context) error {
	form, err := s.readForm(ctx)
	if err != nil {
		return err
	}
	var event stream.Event
	if event.Topic, err = stream.ParsePublishable(form.Get("topic")); err != nil {
		return err
	}
	if event.Type, err = stream.ParseType(form.Get("type")); err != nil {
		return err
	}
	// Forms send every line break as CRLF (HTML standard, "Constructing the entry list").
	if event.Data, err = stream.ParseData([]byte(strings.ReplaceAll(form.Get("data"), "\r\n", "\n"))); err != nil {
		return err
	}
	if _, err = s.Events.Append(ctx.Request().Context(), event); err != nil {
		return err
	}
	seeOther(ctx, "/watch?"+url.Values{"topic": {event.Topic.String()}, "published": {"1"}}.Encode()+"#publish")
	return nil
}

// split separates topics typed into one field. No topic has a space or a comma.
func split(texts []string) []string {
	separator := func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }
	return strings.FieldsFunc(strings.Join(texts, " "), separator)
}

// streamPath is the URL of the topics' stream, and topicQuery their query for a page. Nothing in a topic needs
// escaping: "$", "/" and a pattern's "*" may appear in a query as they are (RFC 3986, section 3.4).
func streamPath(topics stream.Selection) string {
	if len(topics.Topics) == 1 && len(topics.Patterns) == 0 {
		return "/events/" + topics.Topics[0].String() + "?envelope=1"
	}
	return "/events?" + topicQuery(topics) + "&envelope=1"
}

func topicQuery(topics stream.Selection) string {
	return "topic=" + strings.Join(topics.Names(), "&topic=")
}

// origin is the server's origin as its visitor sees it.
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

// watchedEvent is an event as the page shows it. Exact is its data as JSON where HTML cannot represent it.
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

// shortened cuts ASCII text to n characters.
func shortened(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n-1] + "…"
}
