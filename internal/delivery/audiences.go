package delivery

import (
	"slices"
	"strings"
	"sync/atomic"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Audiences is who listens to what. It belongs to one goroutine.
type Audiences struct {
	byKey     map[string]*Audience
	listeners map[string]map[*Audience]bool // by the key of each topic and pattern
	outboxes  []outbox                      // one for each of the engine's writers
	streams   *atomic.Int64                 // in them all
}

// NewAudiences returns Audiences without streams, whose streams are the engine's.
func NewAudiences(e *Engine) Audiences {
	as := Audiences{byKey: map[string]*Audience{}, listeners: map[string]map[*Audience]bool{},
		streams: &atomic.Int64{}}
	for _, w := range e.writers {
		as.outboxes = append(as.outboxes, outbox{writer: w})
	}
	return as
}

// Flush has the writers begin with what audiences were sent.
func (as Audiences) Flush() {
	for i := range as.outboxes {
		as.outboxes[i].flush()
	}
}

// Of is the audience of that form of those topics and patterns, whatever their order.
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
		if as.listeners[topic] == nil {
			as.listeners[topic] = map[*Audience]bool{}
		}
		as.listeners[topic][a] = true
	}
	return a
}

// Join adds a stream to an audience. It gets what is of its topics in missed, and then what is sent: from now on, or,
// if it has read the log further than what has been sent, after that position.
func (as Audiences) Join(a *Audience, s Stream, missed []*Frame, ahead bool, position stream.ID) {
	as.streams.Add(1)
	a.join(s, missed, ahead, position)
}

// Leave removes a stream from an audience, and the audience if it was the last.
func (as Audiences) Leave(a *Audience, s Stream) {
	as.streams.Add(-1)
	if a.leave(s); !a.empty() {
		return
	}
	delete(as.byKey, a.key)
	for topic := range a.Keys {
		if delete(as.listeners[topic], a); len(as.listeners[topic]) == 0 {
			delete(as.listeners, topic)
		}
	}
}

// Send queues a frame for every stream that listens to its topic and does not have it.
func (as Audiences) Send(f *Frame) {
	for key := range f.Topic.Keys {
		for a := range as.listeners[key] {
			a.send(f)
		}
	}
}

// Miss tells every stream that what came after since may be missing, if the gap concerns it; the position is the one
// just before what follows. A stream that has read the log further than since is told of what it may have missed behind
// that. It says how many were told.
func (as Audiences) Miss(since stream.ID, gap stream.Gap, position stream.ID) (told int) {
	for _, a := range as.byKey {
		told += a.miss(since, gap, position)
	}
	return told
}

// Has says whether any stream is of the topic.
func (as Audiences) Has(topic stream.Topic) bool {
	for key := range topic.Keys {
		if as.listeners[key] != nil {
			return true
		}
	}
	return false
}

// Streams is how many streams there are. It is safe for concurrent use.
func (as Audiences) Streams() int { return int(as.streams.Load()) }

// Keys is how many topics and patterns somebody listens to.
func (as Audiences) Keys() int { return len(as.listeners) }
