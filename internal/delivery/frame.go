// Package delivery brings events to sockets: it encodes each once for all clients of the same form, knows who is
// subscribed to what, and writes to every client's connection without waiting for any.
package delivery

import (
	"math/rand/v2"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Frame is an event and its bytes, encoded at most once in each form, and only if there is a subscriber. It belongs to
// one goroutine; the bytes may be shared.
type Frame struct {
	stream.Event
	encoded [2][]byte
	size    int // in memory, about; for Recent
}

// Bytes is the frame in that form. Nobody may change it.
func (f *Frame) Bytes(form sse.Form) []byte {
	if f.encoded[form] == nil {
		f.encoded[form] = Encode(nil, f.Event, form)
	}
	return f.encoded[form]
}

// Encode appends an event in that form to dst and returns the longer slice.
func Encode(dst []byte, e stream.Event, form sse.Form) []byte {
	id := sse.MakeLine(e.ID.String())
	if form == sse.Envelope {
		return sse.Append(dst, sse.Event{ID: id, Data: stream.MustJSON(e)})
	}
	return sse.Append(dst, sse.Event{ID: id, Type: sse.MakeLine(e.Type.String()), Data: e.Data})
}

// Head is the first block of a stream: when to reconnect, and the position where it begins; in the envelope form the
// event ready as well. retry is an average: the head has it times a random factor from 0.5 to 1.5, so that clients that
// are cut off together do not return together. The head sets the client's last event ID to the position, except for a
// client whose own is lost: it keeps what it has, and so is told of its gap again if it is cut off before.
func Head(form sse.Form, retry time.Duration, position stream.ID, lost bool) []byte {
	var id sse.Line
	if !lost {
		id = sse.MakeLine(position.String())
	}
	retry = retry/2 + rand.N(retry)
	head := sse.AppendHead(nil, retry, sse.MakeLine("iris-broadcast"), id)
	if form == sse.Envelope {
		data := stream.MustJSON(struct {
			Position stream.ID `json:"position"`
		}{position})
		head = sse.Append(head, sse.Event{ID: id, Type: sse.MakeLine("ready"), Data: data})
	}
	return head
}

// appendGap appends the event that says that what came after since may be missing; position is the one just before what
// follows.
func appendGap(dst []byte, since string, gap stream.Gap, position stream.ID) []byte {
	data := stream.MustJSON(struct {
		Since  string    `json:"since"`
		Oldest stream.ID `json:"oldest"`
		Topics []string  `json:"topics"`
	}{since, gap.Oldest, gap.Topics})
	return sse.Append(dst, sse.Event{ID: sse.MakeLine(position.String()), Type: sse.MakeLine("gap"), Data: data})
}

// TurnedAway is the whole stream of a client for which there is no place: it is to return in 5 to 15 s. EventSource
// takes any status but 200 for final, so a stream has to say it.
func TurnedAway() []byte {
	return sse.AppendHead(nil, 5*time.Second+rand.N(10*time.Second), sse.MakeLine("full"), sse.Line{})
}

// heartbeat is what a quiet stream sends: a comment; in the envelope form an event, so that the page can notice it.
var heartbeat = [2][]byte{
	sse.Plain:    sse.AppendComment(nil, sse.MakeLine("heartbeat")),
	sse.Envelope: sse.Append(nil, sse.Event{Type: sse.MakeLine("heartbeat")}),
}
