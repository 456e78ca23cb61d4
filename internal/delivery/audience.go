package delivery

import (
	"slices"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Audience is all streams that read the same form of the same topics and patterns, so that what one of them gets at an
// event all get: the same bytes, found once. It belongs to one goroutine.
type Audience struct {
	stream.Selection
	key      string // in Audiences
	form     sse.Form
	last     *Frame                  // sent last: an event may match twice
	early    map[Stream]stream.ID    // those that have read more of the log than has been sent, and how far
	served   map[*handlerStream]bool // by a goroutine each
	shares   []*share                // the others, by the writer that serves them
	outboxes []outbox                // one for each writer
}

// share is the part of an audience that one writer has.
type share struct {
	out     *outbox // the audience's, as members is
	members int

	// Owned by the writer.
	conns []*conn
	batch [][]byte // frames to be written, in order
	size  int      // bytes of batch
}

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

// empty says whether nobody is here.
func (a *Audience) empty() bool {
	return len(a.early)+len(a.served) == 0 &&
		!slices.ContainsFunc(a.shares, func(s *share) bool { return s.members > 0 })
}

// send queues a frame for every stream that does not have it.
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

// miss tells every stream of what it may have missed. It says how many there are. Those that are ahead have a position
// of their own, and stay there: what follows begins before it.
func (a *Audience) miss(since stream.ID, gap stream.Gap, position stream.ID) (told int) {
	if gap.Topics = gap.Concerned(a.Selection); len(gap.Topics) == 0 {
		return 0
	}
	for s, at := range a.early {
		if at.Less(gap.Newest) {
			s.send(gapAhead(gap, at))
			told++
		}
	}
	a.sendBytes(appendGap(nil, since.String(), gap, position), 0)
	told += len(a.served)
	for _, share := range a.shares {
		told += share.members
	}
	return told
}

// gapAhead tells a stream that has come further than where the gap began.
func gapAhead(gap stream.Gap, at stream.ID) []byte {
	if gap.Oldest.Less(at) {
		gap.Oldest = at
	}
	return appendGap(nil, at.String(), gap, at)
}

// sendBytes queues bytes for every stream but the early ones; at is the Unix time in milliseconds when they were
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

// share is the part of the audience whose writer has that outbox.
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
