package delivery

import (
	"slices"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Audience is all streams of the same topics and patterns in the same form, so every event brings all of them the same
// bytes, found once. It belongs to one goroutine.
type Audience struct {
	stream.Selection
	key      string // in Audiences
	form     sse.Form
	last     *Frame                  // the last one sent: an event may match twice
	early    map[Stream]stream.ID    // streams that have read beyond what has been sent, and how far
	served   map[*handlerStream]bool // streams served by their handlers
	shares   []*share                // the others, by writer
	outboxes []outbox                // one for each writer
}

// share is the part of an audience that one writer serves.
type share struct {
	// Owned by the audience.
	out     *outbox
	members int

	// Owned by the writer.
	conns []*conn
	batch [][]byte // frames to write, in order
	size  int      // bytes of batch
}

// join is Audiences.Join.
func (a *Audience) join(s Stream, missed []*Frame, ahead bool, position stream.ID) {
	frames := make([][]byte, 0, len(missed)+1)
	for _, f := range missed {
		if a.Match(f.Topic) {
			frames = append(frames, f.Bytes(a.form))
		}
	}
	s.start(a.outboxes, frames)
	if ahead {
		a.early[s] = position
		return
	}
	s.enter(a)
}

// leave removes a stream.
func (a *Audience) leave(s Stream) {
	if _, early := a.early[s]; early {
		delete(a.early, s)
		return
	}
	s.leave(a)
}

// empty reports whether no stream is left.
func (a *Audience) empty() bool {
	return len(a.early)+len(a.served) == 0 &&
		!slices.ContainsFunc(a.shares, func(s *share) bool { return s.members > 0 })
}

// send queues a frame for every stream that does not have it yet.
func (a *Audience) send(f *Frame) {
	if a.last == f {
		return
	}
	a.last = f
	for s, position := range a.early {
		if position.Less(f.ID) {
			delete(a.early, s)
			s.enter(a)
		}
	}
	a.sendBytes(f.Bytes(a.form), f.ID.Ms)
}

// miss sends every stream a gap and returns how many streams that were. The early ones have a position of their own,
// and keep it: what follows begins before it.
func (a *Audience) miss(since stream.ID, gap stream.Gap, position stream.ID) (sent int) {
	if gap.Topics = gap.Concerned(a.Selection); len(gap.Topics) == 0 {
		return 0
	}
	for s, at := range a.early {
		if at.Less(gap.Newest) {
			s.send(gapAhead(gap, at))
			sent++
		}
	}
	a.sendBytes(appendGap(nil, since.String(), gap, position), 0)
	sent += len(a.served)
	for _, share := range a.shares {
		sent += share.members
	}
	return sent
}

// gapAhead is the gap for an early stream, which has read beyond where the gap began.
func gapAhead(gap stream.Gap, at stream.ID) []byte {
	if gap.Oldest.Less(at) {
		gap.Oldest = at
	}
	return appendGap(nil, at.String(), gap, at)
}

// sendBytes queues bytes for every stream but the early ones. at is the Unix time in milliseconds when they were
// logged, or 0.
func (a *Audience) sendBytes(bytes []byte, at uint64) {
	for s := range a.served {
		s.queue(bytes, at)
	}
	for _, share := range a.shares {
		if share.members > 0 {
			share.out.add(message{kind: kindFrame, share: share, frame: bytes, at: at})
		}
	}
}

// share returns the share of the writer that out is for.
func (a *Audience) share(out *outbox) *share {
	for _, s := range a.shares {
		if s.out == out {
			return s
		}
	}
	s := &share{out: out}
	a.shares = append(a.shares, s)
	return s
}
