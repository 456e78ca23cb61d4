package delivery

import (
	"slices"
	"strings"
	"sync/atomic"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Audiences records who is subscribed to what. It belongs to one goroutine.
type Audiences struct {
	byKey    map[string]*Audience
	byTopic  map[string]map[*Audience]bool // by the key of each topic and pattern
	outboxes []outbox                      // one for each of the engine's writers
	streams  *atomic.Int64                 // in all of them
}

// NewAudiences returns empty Audiences for streams that e opens.
func NewAudiences(e *Engine) Audiences {
	as := Audiences{byKey: map[string]*Audience{}, byTopic: map[string]map[*Audience]bool{},
		streams: &atomic.Int64{}}
	for _, w := range e.writers {
		as.outboxes = append(as.outboxes, outbox{writer: w})
	}
	return as
}

// Flush wakes the writers for what the audiences were sent.
func (as Audiences) Flush() {
	for i := range as.outboxes {
		as.outboxes[i].flush()
	}
}

// Of returns the audience of those topics and patterns, in any order, in that form.
func (as Audiences) Of(form sse.Form, topics stream.Selection) *Audience {
	names := topics.Names()
	slices.Sort(names)
	key := [...]string{sse.Plain: "plain ", sse.Envelope: "envelope "}[form] + strings.Join(names, " ")
	if a := as.byKey[key]; a != nil {
		return a
	}
	a := &Audience{
		Selection: topics, key: key, form: form, outboxes: as.outboxes,
		early: map[Stream]stream.ID{}, served: map[*handlerStream]bool{}}
	as.byKey[key] = a
	for topic := range a.Keys {
		if as.byTopic[topic] == nil {
			as.byTopic[topic] = map[*Audience]bool{}
		}
		as.byTopic[topic][a] = true
	}
	return a
}

// Join adds a stream to an audience. The stream gets the frames of its topics in missed, and then what is sent: from
// now on, or, if it is ahead because it has read beyond what has been sent, after position.
func (as Audiences) Join(a *Audience, s Stream, missed []*Frame, ahead bool, position stream.ID) {
	as.streams.Add(1)
	a.join(s, missed, ahead, position)
}

// Leave removes a stream from its audience, and the audience if it was the last.
func (as Audiences) Leave(a *Audience, s Stream) {
	as.streams.Add(-1)
	if a.leave(s); !a.empty() {
		return
	}
	delete(as.byKey, a.key)
	for topic := range a.Keys {
		if delete(as.byTopic[topic], a); len(as.byTopic[topic]) == 0 {
			delete(as.byTopic, topic)
		}
	}
}

// Send queues a frame for every stream of its topic that does not have it yet.
func (as Audiences) Send(f *Frame) {
	for key := range f.Topic.Keys {
		for a := range as.byTopic[key] {
			a.send(f)
		}
	}
}

// Miss sends a gap to every stream that it concerns: events after since may be missing. position is the one just before
// what follows. A stream that has read beyond since gets a gap from there. Miss returns how many streams that were.
func (as Audiences) Miss(since stream.ID, gap stream.Gap, position stream.ID) (sent int) {
	for _, a := range as.byKey {
		sent += a.miss(since, gap, position)
	}
	return sent
}

// Has reports whether anybody is subscribed to the topic.
func (as Audiences) Has(topic stream.Topic) bool {
	for key := range topic.Keys {
		if as.byTopic[key] != nil {
			return true
		}
	}
	return false
}

// Streams is how many streams have joined. Unlike the other methods it is safe for concurrent use.
func (as Audiences) Streams() int { return int(as.streams.Load()) }

// Keys is how many topics and patterns have subscribers.
func (as Audiences) Keys() int { return len(as.byTopic) }
