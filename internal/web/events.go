package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/delivery"
	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// fixed maps the addresses that always stream the same topic to it.
var fixed = map[string]stream.Topic{
	"/events":        stream.Hello,
	"/sse":           stream.Ping,
	"/api/v1/audits": stream.Audits,
}

// parseReading takes the topics from the path or topic=, the start from Last-Event-ID, since= or last=, and the form
// from envelope=. Other parameters are ignored. Errors are for the client: stream.Invalid or stream.NotFound.
func parseReading(r *http.Request) (delivery.Reading, error) {
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
		return delivery.Reading{}, stream.Errorf(stream.Invalid, "envelope must be 1, or left out.")
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
		return stream.Selection{}, stream.Errorf(stream.Invalid,
			"Name topics in the path or in topic= of /events, not both.")
	case isFixed:
		return stream.Select(topic), nil
	case ok:
		var err error
		topic, err = stream.ParseTopic(inPath)
		return stream.Select(topic), err
	}
	return stream.Selection{}, stream.Errorf(stream.NotFound, "There is no stream at this address.")
}

// events answers with the stream or the list, as Accept says.
func (s *Site) events(ctx iris.Context) error {
	ctx.ResponseWriter().Header().Add("Vary", "Accept")
	if wantsStream(ctx.Request()) {
		return s.stream(ctx)
	}
	return s.stored((*reader).listEvents)(ctx)
}

// wantsStream reports whether Accept names the stream, or does not name the list.
func wantsStream(r *http.Request) bool {
	return accepts(r, "text/event-stream") || !accepts(r, "application/json")
}

// stream answers with the stream. HEAD gets the head alone and registers no client.
func (s *Site) stream(ctx iris.Context) error {
	reading, err := parseReading(ctx.Request())
	if err != nil {
		return err
	}
	if ctx.Method() == http.MethodHead {
		delivery.SetHeader(ctx.ResponseWriter().Header())
		return nil
	}
	err = s.source(reading.Topics).Stream(ctx, reading)
	if errors.Is(err, delivery.ErrFull) {
		delivery.SetHeader(ctx.ResponseWriter().Header())
		if ctx.Request().ProtoMajor == 1 {
			setHeader(ctx, "Connection", "close") // somebody else needs its descriptor
		}
		_, err = ctx.Write(delivery.TurnedAway())
	}
	return err
}

// publish appends the body to the topic as an event.
func (s *Site) publish(ctx iris.Context) error {
	event, err := s.parseEvent(ctx)
	if err != nil {
		return err
	}
	ids, err := s.Events.Append(ctx.Request().Context(), event)
	if err != nil {
		return err
	}
	writeJSON(ctx, http.StatusCreated, struct {
		ID    stream.ID    `json:"id"`
		Topic stream.Topic `json:"topic"`
	}{ids[0], event.Topic})
	return nil
}

func (s *Site) parseEvent(ctx iris.Context) (e stream.Event, err error) {
	r := ctx.Request()
	if e.Topic, err = stream.ParsePublishable(strings.TrimPrefix(r.URL.Path, "/events/")); err != nil {
		return e, err
	}
	query, err := parseQuery(r)
	if err != nil {
		return e, err
	}
	if e.Type, err = stream.ParseType(query.Get("type")); err != nil {
		return e, err
	}
	body, err := s.readBody(ctx, s.MaxData)
	if err != nil {
		return e, err
	}
	e.Data, err = stream.ParseData(body)
	return e, err
}
