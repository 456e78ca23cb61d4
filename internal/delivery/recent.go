package delivery

import (
	"slices"

	"iris-broadcast/internal/sse"
	"iris-broadcast/internal/stream"
)

// Recent holds the newest frames, so that a client that was away for a moment gets them without reading the log, and
// without encoding them again. It belongs to one goroutine.
type Recent struct {
	frames   []*Frame  // oldest first
	position stream.ID // just before frames
	newest   stream.ID // of the last frame, or position
	size     int       // bytes of frames
	most     int       // the bound of size
}

// NewRecent holds what comes after position, up to about that many bytes of events.
func NewRecent(position stream.ID, bytes int) Recent {
	return Recent{position: position, newest: position, most: bytes}
}

// Add adds the newest frame, and lets go of the oldest that are over.
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

// Forget has it hold nothing for whoever has not come that far.
func (r *Recent) Forget(position stream.ID) {
	if r.position.Less(position) {
		r.position = position
	}
}

// After returns the frames after a position, or false if there were some that are no longer here.
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

// Holds says whether everything after a position is here, and the position is none of another log's.
func (r *Recent) Holds(position stream.ID) bool {
	return !position.Less(r.position) && !r.newest.Less(position)
}

// Newest is the position of the newest frame that there was.
func (r *Recent) Newest() stream.ID { return r.newest }
