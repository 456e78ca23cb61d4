package delivery

import (
	"slices"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Recent holds the newest frames, so that a client that was away for a moment gets them without a read of the log and
// without encoding them again. It belongs to one goroutine.
type Recent struct {
	frames   []*Frame  // oldest first
	position stream.ID // just before frames
	newest   stream.ID // of the last frame, or position
	size     int       // bytes of frames
	most     int       // the bound of size
}

// NewRecent returns a Recent for what comes after position: up to about that many bytes of events.
func NewRecent(position stream.ID, bytes int) Recent {
	return Recent{position: position, newest: position, most: bytes}
}

// Add adds the newest frame, and drops the oldest that exceed the bound.
func (r *Recent) Add(f *Frame) {
	f.size = 512 + len(f.Data) + len(f.encoded[sse.Plain]) + len(f.encoded[sse.Envelope])
	r.frames, r.newest = append(r.frames, f), f.ID
	r.size += f.size
	for r.size > r.most {
		oldest := r.frames[0]
		r.Forget(oldest.ID)
		r.size -= oldest.size
		r.frames[0] = nil // the array behind the slice lives on; the frame need not
		r.frames = r.frames[1:]
	}
}

// Forget makes it hold nothing for clients before position.
func (r *Recent) Forget(position stream.ID) {
	if r.position.Less(position) {
		r.position = position
	}
}

// After returns the frames after a position, or false if some of them have been dropped.
func (r *Recent) After(position stream.ID) ([]*Frame, bool) {
	if position.Less(r.position) {
		return nil, false
	}
	compare := func(f *Frame, id stream.ID) int { return f.ID.Compare(id) }
	i, found := slices.BinarySearchFunc(r.frames, position, compare)
	if found {
		i++
	}
	return r.frames[i:], true
}

// Holds reports whether everything after a position is held, and the position is not one of another log.
func (r *Recent) Holds(position stream.ID) bool {
	return !position.Less(r.position) && !r.newest.Less(position)
}

// Newest is the position of the newest frame so far.
func (r *Recent) Newest() stream.ID { return r.newest }
