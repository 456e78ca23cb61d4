package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/audit"
	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// fixed are the addresses whose stream is of one topic.
var fixed = map[string]stream.Topic{
	"/events":        stream.MustTopic("hello"),
	"/sse":           stream.MustTopic("ping"),
	"/api/v1/audits": audit.Topic,
}

// ParseReading reads the topics from the path or from topic=, where to start from Last-Event-ID, since= and last=, and the
// form from envelope=. Other parameters are ignored.
func ParseReading(r *http.Request) (delivery.Reading, error) {
	query, err := parseQuery(r)
	if err != nil {
		return delivery.Reading{}, err
	}
	var reading delivery.Reading
	if reading.Topics, err = parseTopics(r.URL.Path, query); err != nil {
		return delivery.Reading{}, err
	}
	if reading.Start, err = stream.ParseStart(r.Header.Get("Last-Event-ID"), query, time.Now()); err != nil {
		return delivery.Reading{}, err
	}
	switch query.Get("envelope") {
	case "1":
		reading.Form = sse.Envelope
	case "", "0":
	default:
		return delivery.Reading{}, stream.Errorf(stream.Invalid, "envelope is 1, or left out.")
	}
	return reading, nil
}

func parseQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, stream.Errorf(stream.Invalid, "The query is malformed; escape special characters as %%XX.")
	}
	return query, nil
}

func parseTopics(path string, query url.Values) (stream.Selection, error) {
	topic, isFixed := fixed[path]
	inPath, ok := strings.CutPrefix(path, "/events/")
	switch {
	case path == "/events" && query.Has("topic"):
		return stream.ParseSelection(query["topic"])
	case query.Has("topic"):
		return stream.Selection{}, stream.Errorf(stream.Invalid, "Name topics in the path or in topic= of /events, not in both.")
	case isFixed:
		return stream.Select(topic), nil
	case ok:
		var err error
		topic, err = stream.ParseTopic(inPath)
		return stream.Select(topic), err
	}
	return stream.Selection{}, stream.Errorf(stream.NotFound, "There is no stream at this address.")
}

// events answers with the stream, or with the list if the reader names that and not the stream.
func (s *Site) events(ctx iris.Context) {
	ctx.ResponseWriter().Header().Add("Vary", "Accept")
	if wantsStream(ctx.Request()) {
		s.stream(ctx)
		return
	}
	s.listEvents(ctx)
}

// wantsStream is the rule of Accept: the stream where it is named, whatever else is; or where the list is not.
func wantsStream(r *http.Request) bool {
	return accepts(r, "text/event-stream") || !accepts(r, "application/json")
}

// stream answers with the stream; HEAD has its head alone, and registers nobody.
func (s *Site) stream(ctx iris.Context) {
	reading, err := ParseReading(ctx.Request())
	switch {
	case err != nil:
		Fail(ctx, err)
	case ctx.Method() == http.MethodHead:
		delivery.SetHeader(ctx.ResponseWriter().Header())
	default:
		err := s.source(reading.Topics).Stream(ctx, reading)
		if errors.Is(err, delivery.ErrFull) {
			delivery.SetHeader(ctx.ResponseWriter().Header())
			ctx.Write(delivery.TurnedAway())
		} else if err != nil {
			Fail(ctx, err)
		}
	}
}

// own are the topics that the server speaks on alone, and where one may have it do so.
var own = map[string]string{
	"hello":    "It is the server's own demo.",
	"time":     "It is the server's own demo.",
	"ping":     "It is the server's own demo.",
	"audits":   "It carries the audit log: POST /api/v1/audits.",
	"comments": "It carries the comment board: POST /api/v1/comments.",
}

// publish appends the body to the topic.
func (s *Site) publish(ctx iris.Context) {
	event, err := s.parseEvent(ctx)
	if err != nil {
		Fail(ctx, err)
		return
	}
	ids, err := s.Events.Append(ctx.Request().Context(), event)
	if err != nil {
		Fail(ctx, err)
		return
	}
	writeJSON(ctx, http.StatusCreated, struct {
		ID    stream.ID    `json:"id"`
		Topic stream.Topic `json:"topic"`
	}{ids[0], event.Topic})
}

// writable reads the name of a topic that one may publish to.
func writable(name string) (stream.Topic, error) {
	topic, err := stream.ParseTopic(name)
	if reason, taken := own[name]; err == nil && (taken || topic.Internal()) {
		err = stream.Errorf(stream.Forbidden, "%s", strings.TrimSpace("The server alone speaks on this topic. "+reason))
	}
	return topic, err
}

func (s *Site) parseEvent(ctx iris.Context) (e stream.Event, err error) {
	r := ctx.Request()
	if e.Topic, err = writable(strings.TrimPrefix(r.URL.Path, "/events/")); err != nil {
		return e, err
	}
	query, err := parseQuery(r)
	if err != nil {
		return e, err
	}
	if e.Type, err = stream.ParseType(query.Get("type")); err != nil {
		return e, err
	}
	body, err := s.readBody(ctx)
	if err != nil {
		return e, err
	}
	e.Data, err = stream.ParseData(body)
	return e, err
}
