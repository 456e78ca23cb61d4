// Package delivery brings frames to sockets: events encoded once for everybody who reads the same form, and the stream
// of one client, which its handler serves.
package delivery

import (
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Form is how a stream writes its events.
type Form int

// The two forms.
const (
	Plain    Form = iota // id:, event: and data: as the standard has them
	Envelope             // no event:, data is the whole event as JSON; for readers of several topics and unknown types
)

// Frame is an event and its bytes, encoded at most once for each form, and only if somebody reads it. It belongs to one
// goroutine; the bytes may be shared.
type Frame struct {
	stream.Event
	encoded [2][]byte
	size    int // about what it takes in memory; Recent's
}

// Bytes is the frame in that form; nobody may change it.
func (f *Frame) Bytes(form Form) []byte {
	if f.encoded[form] == nil {
		f.encoded[form] = Encode(nil, f.Event, form)
	}
	return f.encoded[form]
}

// Encode appends an event in that form to dst.
func Encode(dst []byte, e stream.Event, form Form) []byte {
	id := sse.MakeLine(e.IDText())
	if form == Envelope {
		return sse.Append(dst, sse.Event{ID: id, Data: stream.MustJSON(e)})
	}
	return sse.Append(dst, sse.Event{ID: id, Type: sse.MakeLine(e.Type.String()), Data: e.Data})
}

// Head is the first block of a stream: when to come back, and the position where it begins; in an envelope stream the
// event ready as well. It sets the client's last event id to that position, but for a client whose own is lost: that one
// keeps what it has, so that it is told again if it is cut off before its gap.
func Head(form Form, retry time.Duration, position stream.ID, lost bool) []byte {
	var id sse.Line
	if !lost {
		id = sse.MakeLine(position.String())
	}
	head := sse.AppendHead(nil, retry, sse.MakeLine("iris-broadcast"), id)
	if form == Envelope {
		data := stream.MustJSON(struct {
			Position stream.ID `json:"position"`
		}{position})
		head = sse.Append(head, sse.Event{ID: id, Type: sse.MakeLine("ready"), Data: data})
	}
	return head
}

// Gap is the event that says that what came after since may be missing; the position is the one just before what follows.
func Gap(since string, gap stream.Gap, position stream.ID) []byte {
	data := stream.MustJSON(struct {
		Since  string    `json:"since"`
		Oldest stream.ID `json:"oldest"`
		Topics []string  `json:"topics"`
	}{since, gap.Oldest, gap.Topics})
	return sse.Append(nil, sse.Event{ID: sse.MakeLine(position.String()), Type: sse.MakeLine("gap"), Data: data})
}

// TurnedAway is all that a client gets for which there is no place: when to come back. EventSource takes any status but
// 200 for final, so it has to be said in a stream.
func TurnedAway(retry time.Duration) []byte {
	return sse.AppendHead(nil, retry, sse.MakeLine("full"), sse.Line{})
}

// heartbeat is what a quiet stream says: a comment, or an event with empty data where the page wants to know too.
var heartbeat = [2][]byte{
	Plain:    sse.AppendComment(nil, sse.MakeLine("heartbeat")),
	Envelope: sse.Append(nil, sse.Event{Type: sse.MakeLine("heartbeat")}),
}
